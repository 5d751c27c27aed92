"""Elementwise rounding, tests of single elements, and parts of numbers."""

from __future__ import annotations

import builtins

from corten import _core
from corten.ops._common import (
    FLOAT_MAX,
    FLOATS,
    Tensor,
    TensorLike,
    as_float,
    as_number,
    as_tensor,
    filled_beside,
)
from corten.ops.dispatch import op


@op
def floor(x: TensorLike) -> Tensor:
    """Largest integer not above each element.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.floor([1.7, -1.2]).tolist()
        [1.0, -2.0]
    """
    return _core.unary("floor", as_float(x))


@op
def ceil(x: TensorLike) -> Tensor:
    """Smallest integer not below each element.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.ceil([1.2, -1.7]).tolist()
        [2.0, -1.0]
    """
    return _core.unary("ceil", as_float(x))


@op
def trunc(x: TensorLike) -> Tensor:
    """Drops the part after the decimal point.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.trunc([1.7, -1.7]).tolist()
        [1.0, -1.0]
    """
    x = as_tensor(x)
    return _core.unary("trunc", x) if x.dtype in FLOATS else x


@op
def isnan(x: TensorLike) -> Tensor:
    """Whether each element is NaN.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and dtype bool.

    Example:
        >>> corten.ops.isnan([1.0, float("nan")]).tolist()
        [False, True]
    """
    x = as_tensor(x)
    return _core.unary("isnan", x) if x.dtype in FLOATS else filled_beside(x, x.shape, False, "bool")


@op
def isinf(x: TensorLike) -> Tensor:
    """Whether each element is plus or minus infinity.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and dtype bool.

    Example:
        >>> corten.ops.isinf([1.0, float("-inf")]).tolist()
        [False, True]
    """
    x = as_tensor(x)
    return _core.unary("isinf", x) if x.dtype in FLOATS else filled_beside(x, x.shape, False, "bool")


@op
def isfinite(x: TensorLike) -> Tensor:
    """Whether each element is neither infinite nor NaN.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and dtype bool.

    Example:
        >>> corten.ops.isfinite([1.0, float("inf")]).tolist()
        [True, False]
    """
    x = as_tensor(x)
    return _core.unary("isfinite", x) if x.dtype in FLOATS else filled_beside(x, x.shape, True, "bool")


@op
def isposinf(x: TensorLike) -> Tensor:
    """Whether each element is plus infinity.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and dtype bool.

    Example:
        >>> corten.ops.isposinf([1.0, float("inf")]).tolist()
        [False, True]
    """
    return _core.compare("equal", as_float(x), float("inf"))


@op
def isneginf(x: TensorLike) -> Tensor:
    """Whether each element is minus infinity.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and dtype bool.

    Example:
        >>> corten.ops.isneginf([1.0, float("-inf")]).tolist()
        [False, True]
    """
    return _core.compare("equal", as_float(x), float("-inf"))


@op
def isreal(x: TensorLike) -> Tensor:
    """Whether each element is real: always, since Corten has no complex dtype yet.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and dtype bool.

    Example:
        >>> corten.ops.isreal([1.0, 2.0]).tolist()
        [True, True]
    """
    x = as_tensor(x)
    return filled_beside(x, x.shape, True, "bool")


@op
def signbit(x: TensorLike) -> Tensor:
    """Whether the sign bit is set; true for -0.0.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and dtype bool.

    Example:
        >>> corten.ops.signbit([-0.0, 1.0]).tolist()
        [True, False]
    """
    x = as_tensor(x)
    return _core.unary("signbit", x) if x.dtype in FLOATS else _core.compare("less", as_number(x), 0)


@op
def real(x: TensorLike) -> Tensor:
    """Real part: the tensor itself, since Corten has no complex dtype yet.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.real([1.0]).tolist()
        [1.0]
    """
    return as_tensor(x)


@op
def imag(x: TensorLike) -> Tensor:
    """Imaginary part: zeros, since Corten has no complex dtype yet.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.imag([1.0]).tolist()
        [0.0]
    """
    x = as_tensor(x)
    return filled_beside(x, x.shape, 0)


@op
def conjugate(x: TensorLike) -> Tensor:
    """Complex conjugate: the tensor itself, since Corten has no complex dtype yet.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.conjugate([1.0]).tolist()
        [1.0]
    """
    return as_tensor(x)


@op
def logical_not(x: TensorLike) -> Tensor:
    """Logical NOT; nonzero counts as true.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and dtype bool.

    Example:
        >>> corten.ops.logical_not([True, False]).tolist()
        [False, True]
    """
    return _core.unary("bitwise_not", as_tensor(x, "bool"))


@op
def bitwise_not(x: TensorLike) -> Tensor:
    """Bitwise NOT of integers, logical NOT of bool.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.bitwise_not([0, 5]).tolist()
        [-1, -6]
    """
    return _core.unary("bitwise_not", x)


@op
def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """Rounds to `decimals` places; halves go to the even neighbor.

    Args:
        x: A tensor.
        decimals: Places after the point; negative numbers round to tens, hundreds, ...

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.round([0.5, 1.5, 2.7]).tolist()
        [0.0, 2.0, 3.0]
    """
    x = as_tensor(x)
    if x.dtype not in FLOATS and decimals >= 0:
        return x
    if decimals == 0:
        return _core.unary("round", x)
    dtype = x.dtype
    x = as_float(x)
    scale = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return _core.binary("divide", _core.unary("round", _core.binary("multiply", x, scale)), scale)
    rounded = _core.binary("multiply", _core.unary("round", _core.binary("divide", x, scale)), scale)
    return rounded if dtype in FLOATS else _core.cast(rounded, dtype)


@op
def nan_to_num(
    x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replaces NaN and infinities by numbers.

    Args:
        x: A tensor.
        nan: What NaN becomes.
        posinf: What plus infinity becomes; None is the largest number of the dtype.
        neginf: What minus infinity becomes; None is the lowest number of the dtype.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.nan_to_num([float("nan"), float("inf")], posinf=9.0).tolist()
        [0.0, 9.0]
    """
    x = as_tensor(x)
    if x.dtype not in FLOATS:
        return x
    largest = FLOAT_MAX[x.dtype]
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    x = _core.where(_core.unary("isnan", x), nan, x)
    x = _core.where(_core.compare("equal", x, float("inf")), high, x)
    return _core.where(_core.compare("equal", x, float("-inf")), low, x)


conj = conjugate
bitwise_invert = bitwise_not
