"""Functions of two arrays. Special values (infinities, NaN, signed zeros) are the standard's."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten.array_api._common import (
    FLOATS,
    Array,
    Tensor,
    array,
    cast,
    is_python_number,
    number_as,
    refuse_complex,
    together,
    truth,
)
from corten.ops import arithmetic


def _pair(name: str, x1: Any, x2: Any) -> list[Tensor]:
    """Two real arrays of one dtype."""
    pair = together(x1, x2)
    refuse_complex(name, *pair)
    return pair


def add(x1: Any, x2: Any, /) -> Array:
    """Sum.

    Example:
        >>> corten.array_api.add(corten.tensor([3]), 2).tolist()
        [5]
    """
    x1, x2 = together(x1, x2)
    return x1 + x2


def subtract(x1: Any, x2: Any, /) -> Array:
    """Difference.

    Example:
        >>> corten.array_api.subtract(corten.tensor([3]), 2).tolist()
        [1]
    """
    x1, x2 = together(x1, x2)
    return x1 - x2


def multiply(x1: Any, x2: Any, /) -> Array:
    """Product.

    Example:
        >>> corten.array_api.multiply(corten.tensor([3]), 2).tolist()
        [6]
    """
    x1, x2 = together(x1, x2)
    return x1 * x2


def divide(x1: Any, x2: Any, /) -> Array:
    """Quotient; of integers as floats.

    Example:
        >>> corten.array_api.divide(corten.tensor([3]), 2).tolist()
        [1.5]
    """
    x1, x2 = together(x1, x2)
    return x1 / x2


def floor_divide(x1: Any, x2: Any, /) -> Tensor:
    """Quotient rounded downwards; of a finite number by infinity 0, with the sign of the quotient.

    Example:
        >>> corten.array_api.floor_divide(corten.tensor([-3]), 2).tolist()
        [-2]
    """
    x1, x2 = _pair("floor_divide", x1, x2)
    result = _core.binary("floor_divide", x1, x2)
    if result.dtype not in FLOATS:
        return result
    # The standard's exception: rounding downwards would give -1 where the signs differ.
    vanishing = _core.unary("isinf", x2) & _core.unary("isfinite", x1)
    return _core.where(vanishing, x1 / x2, result)


def remainder(x1: Any, x2: Any, /) -> Tensor:
    """What division leaves, with the sign of the divisor.

    Example:
        >>> corten.array_api.remainder(corten.tensor([-3]), 2).tolist()
        [1]
    """
    return _core.binary("mod", *_pair("remainder", x1, x2))


def pow(x1: Any, x2: Any, /) -> Array:
    """``x1`` to the power of ``x2``.

    Example:
        >>> corten.array_api.pow(corten.tensor([3]), 2).tolist()
        [9]
    """
    x1, x2 = together(x1, x2)
    return x1**x2


def atan2(x1: Any, x2: Any, /) -> Tensor:
    """Angle of the point (x2, x1), in radians, from -pi to pi.

    Example:
        >>> corten.array_api.atan2(corten.tensor([0.0]), corten.tensor([1.0])).tolist()
        [0.0]
    """
    return _core.binary("arctan2", *_pair("atan2", x1, x2))


def hypot(x1: Any, x2: Any, /) -> Tensor:
    """``sqrt(x1**2 + x2**2)`` without overflow on the way.

    Example:
        >>> corten.array_api.hypot(corten.tensor([3.0]), corten.tensor([4.0])).tolist()
        [5.0]
    """
    return _core.binary("hypot", *_pair("hypot", x1, x2))


def logaddexp(x1: Any, x2: Any, /) -> Tensor:
    """``log(exp(x1) + exp(x2))`` without overflow on the way.

    Example:
        >>> corten.array_api.logaddexp(corten.tensor([0.0]), corten.tensor([-float('inf')])).tolist()
        [0.0]
    """
    return _core.binary("logaddexp", *_pair("logaddexp", x1, x2))


def copysign(x1: Any, x2: Any, /) -> Tensor:
    """``x1`` with the sign of ``x2``.

    Example:
        >>> corten.array_api.copysign(corten.tensor([1.0]), corten.tensor([-0.0])).tolist()
        [-1.0]
    """
    return arithmetic.copysign(*_pair("copysign", x1, x2))


def nextafter(x1: Any, x2: Any, /) -> Tensor:
    """The next number after ``x1`` towards ``x2``.

    Example:
        >>> corten.array_api.nextafter(corten.tensor([1.0]), corten.tensor([2.0])).tolist()
        [1.0000001192092896]
    """
    return arithmetic.nextafter(*_pair("nextafter", x1, x2))


def maximum(x1: Any, x2: Any, /) -> Tensor:
    """The larger number; NaN if either is.

    Example:
        >>> corten.array_api.maximum(corten.tensor([3]), 2).tolist()
        [3]
    """
    return _core.binary("maximum", *_pair("maximum", x1, x2))


def minimum(x1: Any, x2: Any, /) -> Tensor:
    """The smaller number; NaN if either is.

    Example:
        >>> corten.array_api.minimum(corten.tensor([3]), 2).tolist()
        [2]
    """
    return _core.binary("minimum", *_pair("minimum", x1, x2))


def equal(x1: Any, x2: Any, /) -> Tensor:
    """Whether equal; NaN is not.

    Example:
        >>> corten.array_api.equal(corten.tensor([3]), 2).tolist()
        [False]
    """
    x1, x2 = together(x1, x2)
    result: Tensor = x1 == x2
    return result


def not_equal(x1: Any, x2: Any, /) -> Tensor:
    """Whether different; NaN is.

    Example:
        >>> corten.array_api.not_equal(corten.tensor([3]), 2).tolist()
        [True]
    """
    x1, x2 = together(x1, x2)
    result: Tensor = x1 != x2
    return result


def less(x1: Any, x2: Any, /) -> Tensor:
    """Whether smaller.

    Example:
        >>> corten.array_api.less(corten.tensor([3]), 2).tolist()
        [False]
    """
    return _core.compare("less", *_pair("less", x1, x2))


def less_equal(x1: Any, x2: Any, /) -> Tensor:
    """Whether smaller or equal.

    Example:
        >>> corten.array_api.less_equal(corten.tensor([3]), 2).tolist()
        [False]
    """
    return _core.compare("less_equal", *_pair("less_equal", x1, x2))


def greater(x1: Any, x2: Any, /) -> Tensor:
    """Whether larger.

    Example:
        >>> corten.array_api.greater(corten.tensor([3]), 2).tolist()
        [True]
    """
    return _core.compare("greater", *_pair("greater", x1, x2))


def greater_equal(x1: Any, x2: Any, /) -> Tensor:
    """Whether larger or equal.

    Example:
        >>> corten.array_api.greater_equal(corten.tensor([3]), 2).tolist()
        [True]
    """
    return _core.compare("greater_equal", *_pair("greater_equal", x1, x2))


def logical_and(x1: Any, x2: Any, /) -> Tensor:
    """Whether both are true.

    Example:
        >>> corten.array_api.logical_and(corten.tensor([True]), False).tolist()
        [False]
    """
    return _core.binary("bitwise_and", truth(x1), truth(x2))


def logical_or(x1: Any, x2: Any, /) -> Tensor:
    """Whether one is true.

    Example:
        >>> corten.array_api.logical_or(corten.tensor([True]), False).tolist()
        [True]
    """
    return _core.binary("bitwise_or", truth(x1), truth(x2))


def logical_xor(x1: Any, x2: Any, /) -> Tensor:
    """Whether exactly one is true.

    Example:
        >>> corten.array_api.logical_xor(corten.tensor([True]), False).tolist()
        [True]
    """
    return _core.binary("bitwise_xor", truth(x1), truth(x2))


def bitwise_and(x1: Any, x2: Any, /) -> Tensor:
    """The bits that both have.

    Example:
        >>> corten.array_api.bitwise_and(corten.tensor([3]), 2).tolist()
        [2]
    """
    return _core.binary("bitwise_and", *_pair("bitwise_and", x1, x2))


def bitwise_or(x1: Any, x2: Any, /) -> Tensor:
    """The bits that one has.

    Example:
        >>> corten.array_api.bitwise_or(corten.tensor([3]), 2).tolist()
        [3]
    """
    return _core.binary("bitwise_or", *_pair("bitwise_or", x1, x2))


def bitwise_xor(x1: Any, x2: Any, /) -> Tensor:
    """The bits that exactly one has.

    Example:
        >>> corten.array_api.bitwise_xor(corten.tensor([3]), 2).tolist()
        [1]
    """
    return _core.binary("bitwise_xor", *_pair("bitwise_xor", x1, x2))


def bitwise_left_shift(x1: Any, x2: Any, /) -> Tensor:
    """Bits moved up.

    Example:
        >>> corten.array_api.bitwise_left_shift(corten.tensor([3]), 2).tolist()
        [12]
    """
    return _core.binary("left_shift", *_pair("bitwise_left_shift", x1, x2))


def bitwise_right_shift(x1: Any, x2: Any, /) -> Tensor:
    """Bits moved down; the sign stays.

    Example:
        >>> corten.array_api.bitwise_right_shift(corten.tensor([3]), 2).tolist()
        [0]
    """
    return _core.binary("right_shift", *_pair("bitwise_right_shift", x1, x2))


def clip(x: Array, /, min: Any = None, max: Any = None) -> Tensor:
    """Numbers limited to ``[min, max]``; either may be None, NaN stays and a NaN limit gives NaN.

    Example:
        >>> corten.array_api.clip(corten.tensor([1, 5]), 2, 4).tolist()
        [2, 4]
    """
    x = array(x)
    refuse_complex("clip", x, min, max)
    # The dtype is that of `x` whatever the limits are.
    if min is not None:
        x = _core.binary("maximum", x, _limit(x, min))
    if max is not None:
        x = _core.binary("minimum", x, _limit(x, max))
    return x


def _limit(x: Tensor, limit: Any) -> Tensor:
    if is_python_number(limit):
        return number_as(limit, x.dtype)
    return cast(array(limit), x.dtype)


__all__ = [
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "clip", "copysign", "divide", "equal", "floor_divide", "greater", "greater_equal",
    "hypot", "less", "less_equal", "logaddexp", "logical_and", "logical_or", "logical_xor", "maximum",
    "minimum", "multiply", "nextafter", "not_equal", "pow", "remainder", "subtract",
]  # fmt: skip
