"""Elementwise functions. Special values (infinities, NaN, signed zeros) are the standard's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from corten import _core
from corten.array_api._common import (
    FLOATS,
    Array,
    ComplexTensor,
    Tensor,
    array,
    is_python_number,
    number_as,
    together,
)
from corten.complex_tensor import through_numpy
from corten.ops import arithmetic


def _function(name: str, engine: str, numpy: str, x: Any) -> Array:
    """A function of floats: the engine's for real numbers, NumPy's for complex ones."""
    x = array(x)
    if isinstance(x, ComplexTensor):
        return through_numpy(name, getattr(np, numpy), x)
    return _core.unary(engine, x)


def _refuse_complex(name: str, *values: Any) -> None:
    for x in values:
        if isinstance(x, (ComplexTensor, complex)):
            raise TypeError(
                f"{name}: expected real numbers, got complex ones; take `xp.abs`, `xp.real` or `xp.imag`"
            )


def _pair(name: str, x1: Any, x2: Any) -> list[Tensor]:
    """Two real arrays of one dtype."""
    pair = together(x1, x2)
    _refuse_complex(name, *pair)
    return pair


def _whole(name: str, x: Any) -> Tensor:
    """A rounding function, which integers pass unchanged."""
    x = array(x)
    _refuse_complex(name, x)
    return _core.unary(name, x) if x.dtype in FLOATS else x


def _of_both(x: Any, test: Callable[[Tensor], Tensor], both: bool) -> Tensor:
    """A test that holds for complex numbers if it holds for both parts, or for one."""
    x = array(x)
    if not isinstance(x, ComplexTensor):
        return test(x)
    name = "bitwise_and" if both else "bitwise_or"
    return _core.binary(name, test(x.real), test(x.imag))


def _truth(x: Any) -> Tensor:
    x = array(x)
    if isinstance(x, ComplexTensor):
        return x != 0
    return x if x.dtype == "bool" else x != 0


def abs(x: Array, /) -> Tensor:
    """Absolute value; of complex numbers their distance from 0.

    Example:
        >>> corten.array_api.abs(corten.array_api.asarray([3 + 4j])).tolist()
        [5.0]
    """
    x = array(x)
    if isinstance(x, ComplexTensor):
        return x.__abs__()
    # Unsigned numbers are their own absolute values.
    return x if x.dtype.startswith("u") else _core.unary("absolute", x)


def acos(x: Array, /) -> Array:
    """Arc cosine, in radians; NaN outside [-1, 1].

    Example:
        >>> corten.array_api.acos(corten.tensor([1.0])).tolist()
        [0.0]
    """
    return _function("acos", "arccos", "arccos", x)


def acosh(x: Array, /) -> Array:
    """Inverse hyperbolic cosine; NaN below 1.

    Example:
        >>> corten.array_api.acosh(corten.tensor([1.0])).tolist()
        [0.0]
    """
    return _function("acosh", "arccosh", "arccosh", x)


def asin(x: Array, /) -> Array:
    """Arc sine, in radians; NaN outside [-1, 1].

    Example:
        >>> corten.array_api.asin(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("asin", "arcsin", "arcsin", x)


def asinh(x: Array, /) -> Array:
    """Inverse hyperbolic sine.

    Example:
        >>> corten.array_api.asinh(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("asinh", "arcsinh", "arcsinh", x)


def atan(x: Array, /) -> Array:
    """Arc tangent, in radians.

    Example:
        >>> corten.array_api.atan(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("atan", "arctan", "arctan", x)


def atanh(x: Array, /) -> Array:
    """Inverse hyperbolic tangent; infinite at 1 and -1, NaN beyond.

    Example:
        >>> corten.array_api.atanh(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("atanh", "arctanh", "arctanh", x)


def cos(x: Array, /) -> Array:
    """Cosine of an angle in radians.

    Example:
        >>> corten.array_api.cos(corten.tensor([0.0])).tolist()
        [1.0]
    """
    return _function("cos", "cos", "cos", x)


def cosh(x: Array, /) -> Array:
    """Hyperbolic cosine.

    Example:
        >>> corten.array_api.cosh(corten.tensor([0.0])).tolist()
        [1.0]
    """
    return _function("cosh", "cosh", "cosh", x)


def exp(x: Array, /) -> Array:
    """Exponential function.

    Example:
        >>> corten.array_api.exp(corten.tensor([0.0])).tolist()
        [1.0]
    """
    return _function("exp", "exp", "exp", x)


def expm1(x: Array, /) -> Array:
    """``exp(x) - 1``, accurate near 0.

    Example:
        >>> corten.array_api.expm1(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("expm1", "expm1", "expm1", x)


def log(x: Array, /) -> Array:
    """Natural logarithm; -infinity at 0, NaN below.

    Example:
        >>> corten.array_api.log(corten.tensor([1.0])).tolist()
        [0.0]
    """
    return _function("log", "log", "log", x)


def log1p(x: Array, /) -> Array:
    """``log(1 + x)``, accurate near 0.

    Example:
        >>> corten.array_api.log1p(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("log1p", "log1p", "log1p", x)


def log2(x: Array, /) -> Array:
    """Logarithm to base 2.

    Example:
        >>> corten.array_api.log2(corten.tensor([8.0])).tolist()
        [3.0]
    """
    return _function("log2", "log2", "log2", x)


def log10(x: Array, /) -> Array:
    """Logarithm to base 10.

    Example:
        >>> corten.array_api.log10(corten.tensor([1000.0])).tolist()
        [3.0]
    """
    return _function("log10", "log10", "log10", x)


def sin(x: Array, /) -> Array:
    """Sine of an angle in radians.

    Example:
        >>> corten.array_api.sin(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("sin", "sin", "sin", x)


def sinh(x: Array, /) -> Array:
    """Hyperbolic sine.

    Example:
        >>> corten.array_api.sinh(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("sinh", "sinh", "sinh", x)


def sqrt(x: Array, /) -> Array:
    """Square root; NaN below 0.

    Example:
        >>> corten.array_api.sqrt(corten.tensor([4.0])).tolist()
        [2.0]
    """
    return _function("sqrt", "sqrt", "sqrt", x)


def tan(x: Array, /) -> Array:
    """Tangent of an angle in radians.

    Example:
        >>> corten.array_api.tan(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("tan", "tan", "tan", x)


def tanh(x: Array, /) -> Array:
    """Hyperbolic tangent.

    Example:
        >>> corten.array_api.tanh(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("tanh", "tanh", "tanh", x)


def reciprocal(x: Array, /) -> Array:
    """``1 / x``.

    Example:
        >>> corten.array_api.reciprocal(corten.tensor([4.0])).tolist()
        [0.25]
    """
    x = array(x)
    return 1.0 / x if isinstance(x, ComplexTensor) else _core.unary("reciprocal", x)


def square(x: Array, /) -> Array:
    """``x * x``.

    Example:
        >>> corten.array_api.square(corten.tensor([3])).tolist()
        [9]
    """
    x = array(x)
    return x * x if isinstance(x, ComplexTensor) else _core.unary("square", x)


def negative(x: Array, /) -> Array:
    """``-x``; unsigned integers wrap around.

    Example:
        >>> corten.array_api.negative(corten.tensor([3])).tolist()
        [-3]
    """
    return -array(x)


def positive(x: Array, /) -> Array:
    """``x`` itself."""
    return array(x)


def ceil(x: Array, /) -> Tensor:
    """The next integer upwards.

    Example:
        >>> corten.array_api.ceil(corten.tensor([-1.5])).tolist()
        [-1.0]
    """
    return _whole("ceil", x)


def floor(x: Array, /) -> Tensor:
    """The next integer downwards.

    Example:
        >>> corten.array_api.floor(corten.tensor([-1.5])).tolist()
        [-2.0]
    """
    return _whole("floor", x)


def trunc(x: Array, /) -> Tensor:
    """The next integer towards 0.

    Example:
        >>> corten.array_api.trunc(corten.tensor([-1.5])).tolist()
        [-1.0]
    """
    return _whole("trunc", x)


def round(x: Array, /) -> Array:
    """The nearest integer, the even one of two.

    Example:
        >>> corten.array_api.round(corten.tensor([0.5, 1.5])).tolist()
        [0.0, 2.0]
    """
    x = array(x)
    if isinstance(x, ComplexTensor):
        return x.map(lambda part: _core.unary("round", part))
    return _whole("round", x)


def sign(x: Array, /) -> Array:
    """-1, 0 or 1; of complex numbers ``x / abs(x)``, and 0 at 0.

    Example:
        >>> corten.array_api.sign(corten.tensor([-2, 0, 5])).tolist()
        [-1, 0, 1]
    """
    x = array(x)
    if not isinstance(x, ComplexTensor):
        return _core.unary("sign", x)
    return through_numpy("sign", np.sign, x)


def signbit(x: Array, /) -> Tensor:
    """Whether the sign is negative, that of -0.0 and NaN included.

    Example:
        >>> corten.array_api.signbit(corten.tensor([-0.0, 0.0])).tolist()
        [True, False]
    """
    _refuse_complex("signbit", x)
    return _core.unary("signbit", array(x))


def isfinite(x: Array, /) -> Tensor:
    """Whether neither infinite nor NaN.

    Example:
        >>> corten.array_api.isfinite(corten.tensor([1.0, float('nan')])).tolist()
        [True, False]
    """
    return _of_both(x, lambda part: _core.unary("isfinite", part), True)


def isinf(x: Array, /) -> Tensor:
    """Whether infinite; for complex numbers in either part.

    Example:
        >>> corten.array_api.isinf(corten.tensor([1.0, float('nan')])).tolist()
        [False, False]
    """
    return _of_both(x, lambda part: _core.unary("isinf", part), False)


def isnan(x: Array, /) -> Tensor:
    """Whether NaN; for complex numbers in either part.

    Example:
        >>> corten.array_api.isnan(corten.tensor([1.0, float('nan')])).tolist()
        [False, True]
    """
    return _of_both(x, lambda part: _core.unary("isnan", part), False)


def real(x: Array, /) -> Tensor:
    """The real part; of real numbers themselves.

    Example:
        >>> corten.array_api.real(corten.array_api.asarray([3 + 4j])).tolist()
        [3.0]
    """
    x = array(x)
    return x.real if isinstance(x, ComplexTensor) else x


def imag(x: Array, /) -> Tensor:
    """The imaginary part; 0 of real numbers.

    Example:
        >>> corten.array_api.imag(corten.array_api.asarray([3 + 4j])).tolist()
        [4.0]
    """
    x = array(x)
    return x.imag if isinstance(x, ComplexTensor) else _core.full(x.shape, 0, x.dtype)


def conj(x: Array, /) -> Array:
    """The conjugate; of real numbers themselves.

    Example:
        >>> corten.array_api.conj(corten.array_api.asarray([3 + 4j])).tolist()
        [(3-4j)]
    """
    x = array(x)
    return x.conj() if isinstance(x, ComplexTensor) else x


def logical_not(x: Array, /) -> Tensor:
    """Whether false.

    Example:
        >>> corten.array_api.logical_not(corten.tensor([True, False])).tolist()
        [False, True]
    """
    return _core.unary("bitwise_not", _truth(x))


def bitwise_invert(x: Array, /) -> Tensor:
    """Every bit of an integer turned, or the opposite of a bool.

    Example:
        >>> corten.array_api.bitwise_invert(corten.tensor([0])).tolist()
        [-1]
    """
    return _core.unary("bitwise_not", array(x))


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
    """Quotient rounded downwards.

    Example:
        >>> corten.array_api.floor_divide(corten.tensor([-3]), 2).tolist()
        [-2]
    """
    return _core.binary("floor_divide", *_pair("floor_divide", x1, x2))


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
    return _core.binary("bitwise_and", _truth(x1), _truth(x2))


def logical_or(x1: Any, x2: Any, /) -> Tensor:
    """Whether one is true.

    Example:
        >>> corten.array_api.logical_or(corten.tensor([True]), False).tolist()
        [True]
    """
    return _core.binary("bitwise_or", _truth(x1), _truth(x2))


def logical_xor(x1: Any, x2: Any, /) -> Tensor:
    """Whether exactly one is true.

    Example:
        >>> corten.array_api.logical_xor(corten.tensor([True]), False).tolist()
        [True]
    """
    return _core.binary("bitwise_xor", _truth(x1), _truth(x2))


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
    _refuse_complex("clip", x, min, max)
    # The dtype is that of `x` whatever the limits are.
    if min is not None:
        x = _core.binary("maximum", x, _limit(x, min))
    if max is not None:
        x = _core.binary("minimum", x, _limit(x, max))
    return x


def _limit(x: Tensor, limit: Any) -> Tensor:
    if is_python_number(limit):
        return number_as(limit, x.dtype)
    limit = array(limit)
    return limit if limit.dtype == x.dtype else _core.cast(limit, x.dtype)


__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "conj",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "equal",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "real",
    "reciprocal",
    "remainder",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
]  # fmt: skip
