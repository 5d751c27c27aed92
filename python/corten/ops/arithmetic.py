"""Elementwise arithmetic of two operands."""

from __future__ import annotations

import math

import numpy as np

from corten import _core
from corten.ops._common import FLOATS, Tensor, TensorLike, as_float, as_tensor, promoted, promoted_float
from corten.ops.dispatch import op


@op
def add(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.add([1, 2], 3).tolist()
        [4, 5]
    """
    return _core.binary("add", x1, x2)


@op
def subtract(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Difference, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.subtract([1, 2], 3).tolist()
        [-2, -1]
    """
    return _core.binary("subtract", x1, x2)


@op
def multiply(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Product, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.multiply([1, 2], 3).tolist()
        [3, 6]
    """
    return _core.binary("multiply", x1, x2)


@op
def divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """True division, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.divide([1, 3], 2).tolist()
        [0.5, 1.5]
    """
    return _core.binary("divide", x1, x2)


@op
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """True division, elementwise, that gives 0 where the divisor is 0.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.divide_no_nan([1.0, 3.0], [0.0, 2.0]).tolist()
        [0.0, 1.5]
    """
    x1, x2 = promoted_float(x1, x2)
    zero = _core.compare("equal", x2, 0.0)
    quotient = _core.binary("divide", x1, _core.where(zero, 1.0, x2))
    return _core.where(zero, 0.0, quotient)


@op
def floor_divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Division rounded towards minus infinity, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.floor_divide([7, -7], 2).tolist()
        [3, -4]
    """
    return _core.binary("floor_divide", x1, x2)


@op
def mod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Remainder with the sign of the divisor, as Python's ``%``.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.mod([7, -7], 3).tolist()
        [1, 2]
    """
    return _core.binary("mod", x1, x2)


@op
def fmod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Remainder with the sign of the dividend, as C's ``fmod``.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.fmod([7, -7], 3).tolist()
        [1, -1]
    """
    return _core.binary("fmod", x1, x2)


@op
def power(x1: TensorLike, x2: TensorLike) -> Tensor:
    """`x1` to the power of `x2`, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.power([2.0, 3.0], 2).tolist()
        [4.0, 9.0]
    """
    return _core.binary("power", x1, x2)


@op
def maximum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Larger of two numbers, elementwise; NaN if either is.

    Where both are equal the gradient is shared equally.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.maximum([1, 5], 3).tolist()
        [3, 5]
    """
    return _core.binary("maximum", x1, x2)


@op
def minimum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Smaller of two numbers, elementwise; NaN if either is.

    Where both are equal the gradient is shared equally.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.minimum([1, 5], 3).tolist()
        [1, 3]
    """
    return _core.binary("minimum", x1, x2)


@op
def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Larger of two numbers, elementwise; a NaN gives the other operand.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.fmax([1.0, float("nan")], 3.0).tolist()
        [3.0, 3.0]
    """
    x1, x2 = promoted(x1, x2)
    if x1.dtype not in FLOATS:
        return _core.binary("maximum", x1, x2)
    larger = _core.binary("maximum", x1, x2)
    return _core.where(_core.unary("isnan", x1), x2, _core.where(_core.unary("isnan", x2), x1, larger))


@op
def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Smaller of two numbers, elementwise; a NaN gives the other operand.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Example:
        >>> corten.ops.fmin([1.0, float("nan")], 3.0).tolist()
        [1.0, 3.0]
    """
    x1, x2 = promoted(x1, x2)
    if x1.dtype not in FLOATS:
        return _core.binary("minimum", x1, x2)
    smaller = _core.binary("minimum", x1, x2)
    return _core.where(_core.unary("isnan", x1), x2, _core.where(_core.unary("isnan", x2), x1, smaller))


@op
def arctan2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Angle of the point (x2, x1) in radians, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.arctan2([0.0], [1.0]).tolist()
        [0.0]
    """
    return _core.binary("arctan2", x1, x2)


@op
def hypot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """``sqrt(x1**2 + x2**2)`` without overflow, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.hypot([3.0], [4.0]).tolist()
        [5.0]
    """
    return _core.binary("hypot", x1, x2)


@op
def logaddexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """``log(exp(x1) + exp(x2))`` without overflow, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.logaddexp([float("-inf")], [2.0]).tolist()
        [2.0]
    """
    return _core.binary("logaddexp", x1, x2)


@op
def logaddexp2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """``log2(2**x1 + 2**x2)`` without overflow, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.logaddexp2([float("-inf")], [0.0]).tolist()
        [0.0]
    """
    x1, x2 = promoted_float(x1, x2)
    scale = math.log(2.0)
    total = _core.binary(
        "logaddexp", _core.binary("multiply", x1, scale), _core.binary("multiply", x2, scale)
    )
    return _core.binary("divide", total, scale)


@op
def heaviside(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Step function of `x1`: 0 below zero, `x2` at zero, 1 above.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.heaviside([-1.0, 0.0, 2.0], 0.5).tolist()
        [0.0, 0.5, 1.0]
    """
    x1, x2 = promoted_float(x1, x2)
    step = _core.cast(_core.compare("greater", x1, 0.0), x1.dtype)
    value = _core.where(_core.compare("equal", x1, 0.0), x2, step)
    return _core.where(_core.unary("isnan", x1), x1, value)


@op
def copysign(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Magnitude of `x1` with the sign of `x2`, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.copysign([1.0, -2.0], [-0.0, 3.0]).tolist()
        [-1.0, 2.0]
    """
    x1, x2 = promoted_float(x1, x2)
    differs = _core.compare("not_equal", _core.unary("signbit", x1), _core.unary("signbit", x2))
    return _core.where(differs, _core.unary("negative", x1), x1)


@op
def gcd(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Greatest common divisor of integers, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted integer dtype.

    Example:
        >>> corten.ops.gcd([12, 18], 8).tolist()
        [4, 2]
    """
    return _core.binary("gcd", x1, x2)


@op
def lcm(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Least common multiple of integers, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted integer dtype.

    Example:
        >>> corten.ops.lcm([4, 6], 10).tolist()
        [20, 30]
    """
    x1, x2 = promoted(x1, x2)
    divisor = _core.binary("maximum", _core.binary("gcd", x1, x2), 1)
    product = _core.binary("multiply", _core.binary("floor_divide", x1, divisor), x2)
    return product if x1.dtype.startswith("u") else _core.unary("absolute", product)


@op
def ldexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """``x1 * 2**x2``, elementwise.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the float dtype of `x1`.

    Example:
        >>> corten.ops.ldexp([1.5], [3]).tolist()
        [12.0]
    """
    x1 = as_float(x1)
    return _core.binary("multiply", x1, _core.unary("exp2", as_tensor(x2, x1.dtype)))


@op
def nextafter(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Next number of the dtype after `x1` towards `x2`; without gradient.

    Args:
        x1: A tensor or number.
        x2: A tensor or number that broadcasts with `x1`.

    Returns:
        A tensor of the broadcast shape and the promoted float dtype (float32 for integers).

    Example:
        >>> corten.ops.nextafter([1.0], [1.0]).tolist()
        [1.0]
    """
    x1, x2 = promoted_float(x1, x2)
    if "meta" in (x1.device, x2.device):
        return _core.binary("add", x1, x2)
    return as_tensor(np.nextafter(x1.detach().numpy(), x2.detach().numpy()))


true_divide = divide
