"""Comparison, logic and bits."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten.ops._common import FLOATS, Tensor, TensorLike, as_tensor, filled_beside, promoted
from corten.ops.dispatch import op


@op
def equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether ``x1 == x2``, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.equal([1, 2, 3], 2).tolist()
        [False, True, False]
    """
    return _core.compare("equal", x1, x2)


@op
def not_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether ``x1 != x2``, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.not_equal([1, 2, 3], 2).tolist()
        [True, False, True]
    """
    return _core.compare("not_equal", x1, x2)


@op
def less(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether ``x1 < x2``, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.less([1, 2, 3], 2).tolist()
        [True, False, False]
    """
    return _core.compare("less", x1, x2)


@op
def less_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether ``x1 <= x2``, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.less_equal([1, 2, 3], 2).tolist()
        [True, True, False]
    """
    return _core.compare("less_equal", x1, x2)


@op
def greater(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether ``x1 > x2``, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.greater([1, 2, 3], 2).tolist()
        [False, False, True]
    """
    return _core.compare("greater", x1, x2)


@op
def greater_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether ``x1 >= x2``, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.greater_equal([1, 2, 3], 2).tolist()
        [False, True, True]
    """
    return _core.compare("greater_equal", x1, x2)


@op
def logical_and(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Logical AND, elementwise; nonzero counts as true.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.logical_and([True, False], [True, True]).tolist()
        [True, False]
    """
    return _core.binary("bitwise_and", as_tensor(x1, "bool"), as_tensor(x2, "bool"))


@op
def logical_or(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Logical OR, elementwise; nonzero counts as true.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.logical_or([True, False], [True, True]).tolist()
        [True, True]
    """
    return _core.binary("bitwise_or", as_tensor(x1, "bool"), as_tensor(x2, "bool"))


@op
def logical_xor(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Logical XOR, elementwise; nonzero counts as true.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and dtype bool.

    Example:
        >>> corten.ops.logical_xor([True, False], [True, True]).tolist()
        [False, True]
    """
    return _core.binary("bitwise_xor", as_tensor(x1, "bool"), as_tensor(x2, "bool"))


@op
def bitwise_and(x: TensorLike, y: TensorLike) -> Tensor:
    """Bitwise AND of integers (logical for bool), elementwise.

    Args:
        x: A tensor or number.
        y: A tensor or number that broadcasts with `x`.

    Returns:
        A tensor of the broadcast shape and the promoted integer dtype.

    Example:
        >>> corten.ops.bitwise_and([12, 10], 6).tolist()
        [4, 2]
    """
    return _core.binary("bitwise_and", x, y)


@op
def bitwise_or(x: TensorLike, y: TensorLike) -> Tensor:
    """Bitwise OR of integers (logical for bool), elementwise.

    Args:
        x: A tensor or number.
        y: A tensor or number that broadcasts with `x`.

    Returns:
        A tensor of the broadcast shape and the promoted integer dtype.

    Example:
        >>> corten.ops.bitwise_or([12, 10], 6).tolist()
        [14, 14]
    """
    return _core.binary("bitwise_or", x, y)


@op
def bitwise_xor(x: TensorLike, y: TensorLike) -> Tensor:
    """Bitwise XOR of integers (logical for bool), elementwise.

    Args:
        x: A tensor or number.
        y: A tensor or number that broadcasts with `x`.

    Returns:
        A tensor of the broadcast shape and the promoted integer dtype.

    Example:
        >>> corten.ops.bitwise_xor([12, 10], 6).tolist()
        [10, 12]
    """
    return _core.binary("bitwise_xor", x, y)


@op
def left_shift(x: TensorLike, y: TensorLike) -> Tensor:
    """Shifts the bits of integers to the left, elementwise.

    Args:
        x: A tensor or number.
        y: A tensor or number that broadcasts with `x`.

    Returns:
        A tensor of the broadcast shape and the promoted integer dtype.

    Example:
        >>> corten.ops.left_shift([1, 3], 2).tolist()
        [4, 12]
    """
    return _core.binary("left_shift", x, y)


@op
def right_shift(x: TensorLike, y: TensorLike) -> Tensor:
    """Shifts the bits of integers to the right, elementwise.

    Args:
        x: A tensor or number.
        y: A tensor or number that broadcasts with `x`.

    Returns:
        A tensor of the broadcast shape and the promoted integer dtype.

    Example:
        >>> corten.ops.right_shift([8, 12], 2).tolist()
        [2, 3]
    """
    return _core.binary("right_shift", x, y)


bitwise_left_shift = left_shift
bitwise_right_shift = right_shift


@op
def isclose(
    x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether two tensors are equal up to a tolerance, elementwise.

    Args:
        x1: A tensor.
        x2: The reference; ``abs(x1 - x2) <= atol + rtol * abs(x2)`` counts as equal.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        equal_nan: Whether NaN equals NaN.

    Returns:
        A bool tensor of the broadcast shape.

    Example:
        >>> corten.ops.isclose([1.0, 2.0], [1.0, 2.1]).tolist()
        [True, False]
    """
    x1, x2 = promoted(x1, x2)
    if x1.dtype not in FLOATS:
        # float64 holds the difference of any two 32-bit integers exactly.
        x1, x2 = _core.cast(x1, "float64"), _core.cast(x2, "float64")
    gap = _core.unary("absolute", _core.binary("subtract", x1, x2))
    allowed = _core.binary("add", _core.binary("multiply", _core.unary("absolute", x2), rtol), atol)
    near = _core.binary("bitwise_and", _core.compare("less_equal", gap, allowed), _core.unary("isfinite", x2))
    result = _core.binary("bitwise_or", near, _core.compare("equal", x1, x2))
    if equal_nan:
        both = _core.binary("bitwise_and", _core.unary("isnan", x1), _core.unary("isnan", x2))
        result = _core.binary("bitwise_or", result, both)
    return result


@op
def allclose(
    x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether all elements of two tensors are equal up to a tolerance; see `isclose`.

    Args:
        x1: A tensor.
        x2: The reference.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        equal_nan: Whether NaN equals NaN.

    Returns:
        A bool scalar.

    Example:
        >>> bool(corten.ops.allclose([1.0, 2.0], [1.0, 2.0]))
        True
    """
    close: Any = isclose
    return _core.reduce("all", close(x1, x2, rtol, atol, equal_nan), None, False)


@op
def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element of `x1` is among those of `x2`.

    Args:
        x1: A tensor.
        x2: The values to look for.
        assume_unique: Accepted for compatibility; makes no difference.
        invert: Whether to negate the answer.

    Returns:
        A bool tensor of the shape of `x1`.

    Example:
        >>> corten.ops.isin([1, 2, 3], [2, 5]).tolist()
        [False, True, False]
    """
    x1, x2 = promoted(x1, x2)
    values = _core.reshape(x2, (-1,))
    if values.shape[0] == 0:
        return filled_beside(x1, x1.shape, invert, "bool")
    # Binary search among the sorted values keeps this n log m in time and n in memory.
    ordered, _ = _core.sort(values, 0, False)
    place = _core.binary("minimum", _core.searchsorted(ordered, x1, False), values.shape[0] - 1)
    found = _core.compare("equal", _core.gather(ordered, place, 0), x1)
    return _core.unary("bitwise_not", found) if invert else found
