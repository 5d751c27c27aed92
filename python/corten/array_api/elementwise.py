"""Functions of one array. Special values (infinities, NaN, signed zeros) are the standard's."""

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
    refuse_complex,
    truth,
)
from corten.complex_tensor import through_numpy


def _function(name: str, function: str, x: Any) -> Array:
    """A function of floats: the engine's for real numbers, NumPy's for complex ones."""
    x = array(x)
    if isinstance(x, ComplexTensor):
        return through_numpy(name, getattr(np, function), x)
    return _core.unary(function, x)


def _complex_expm1(z: np.ndarray) -> np.ndarray:
    """``exp(a + bi) - 1`` by parts: NumPy's has other values where parts are 0 or infinite."""
    a, b = z.real, z.imag
    turning = np.where(np.isfinite(b), b, 0.0).astype(b.dtype)
    real = np.expm1(a) * np.cos(turning) - 2 * np.sin(turning / 2) ** 2
    imag = np.exp(a) * np.sin(turning)
    astray = ~np.isfinite(b)
    result = np.empty_like(z)
    result.real = np.select(
        [b == 0, a == -np.inf, astray & (a == np.inf), astray], [np.expm1(a), -1, a, np.nan], real
    )
    result.imag = np.select([b == 0, astray & (a == -np.inf), astray], [b, np.copysign(0.0, b), np.nan], imag)
    return result


def _whole(name: str, x: Any) -> Tensor:
    """A rounding function, which integers pass unchanged."""
    x = array(x)
    refuse_complex(name, x)
    return _core.unary(name, x) if x.dtype in FLOATS else x


def _of_both(x: Any, test: Callable[[Tensor], Tensor], both: bool) -> Tensor:
    """A test that holds for complex numbers if it holds for both parts, or for one."""
    x = array(x)
    if not isinstance(x, ComplexTensor):
        return test(x)
    name = "bitwise_and" if both else "bitwise_or"
    return _core.binary(name, test(x.real), test(x.imag))


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
    return _function("acos", "arccos", x)


def acosh(x: Array, /) -> Array:
    """Inverse hyperbolic cosine; NaN below 1.

    Example:
        >>> corten.array_api.acosh(corten.tensor([1.0])).tolist()
        [0.0]
    """
    return _function("acosh", "arccosh", x)


def asin(x: Array, /) -> Array:
    """Arc sine, in radians; NaN outside [-1, 1].

    Example:
        >>> corten.array_api.asin(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("asin", "arcsin", x)


def asinh(x: Array, /) -> Array:
    """Inverse hyperbolic sine.

    Example:
        >>> corten.array_api.asinh(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("asinh", "arcsinh", x)


def atan(x: Array, /) -> Array:
    """Arc tangent, in radians.

    Example:
        >>> corten.array_api.atan(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("atan", "arctan", x)


def atanh(x: Array, /) -> Array:
    """Inverse hyperbolic tangent; infinite at 1 and -1, NaN beyond.

    Example:
        >>> corten.array_api.atanh(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("atanh", "arctanh", x)


def cos(x: Array, /) -> Array:
    """Cosine of an angle in radians.

    Example:
        >>> corten.array_api.cos(corten.tensor([0.0])).tolist()
        [1.0]
    """
    return _function("cos", "cos", x)


def cosh(x: Array, /) -> Array:
    """Hyperbolic cosine.

    Example:
        >>> corten.array_api.cosh(corten.tensor([0.0])).tolist()
        [1.0]
    """
    return _function("cosh", "cosh", x)


def exp(x: Array, /) -> Array:
    """Exponential function.

    Example:
        >>> corten.array_api.exp(corten.tensor([0.0])).tolist()
        [1.0]
    """
    return _function("exp", "exp", x)


def expm1(x: Array, /) -> Array:
    """``exp(x) - 1``, accurate near 0.

    Example:
        >>> corten.array_api.expm1(corten.tensor([0.0])).tolist()
        [0.0]
    """
    x = array(x)
    if isinstance(x, ComplexTensor):
        return through_numpy("expm1", _complex_expm1, x)
    return _core.unary("expm1", x)


def log(x: Array, /) -> Array:
    """Natural logarithm; -infinity at 0, NaN below.

    Example:
        >>> corten.array_api.log(corten.tensor([1.0])).tolist()
        [0.0]
    """
    return _function("log", "log", x)


def log1p(x: Array, /) -> Array:
    """``log(1 + x)``, accurate near 0.

    Example:
        >>> corten.array_api.log1p(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("log1p", "log1p", x)


def log2(x: Array, /) -> Array:
    """Logarithm to base 2.

    Example:
        >>> corten.array_api.log2(corten.tensor([8.0])).tolist()
        [3.0]
    """
    return _function("log2", "log2", x)


def log10(x: Array, /) -> Array:
    """Logarithm to base 10.

    Example:
        >>> corten.array_api.log10(corten.tensor([1.0])).tolist()
        [0.0]
    """
    return _function("log10", "log10", x)


def sin(x: Array, /) -> Array:
    """Sine of an angle in radians.

    Example:
        >>> corten.array_api.sin(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("sin", "sin", x)


def sinh(x: Array, /) -> Array:
    """Hyperbolic sine.

    Example:
        >>> corten.array_api.sinh(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("sinh", "sinh", x)


def sqrt(x: Array, /) -> Array:
    """Square root; NaN below 0.

    Example:
        >>> corten.array_api.sqrt(corten.tensor([4.0])).tolist()
        [2.0]
    """
    return _function("sqrt", "sqrt", x)


def tan(x: Array, /) -> Array:
    """Tangent of an angle in radians.

    Example:
        >>> corten.array_api.tan(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("tan", "tan", x)


def tanh(x: Array, /) -> Array:
    """Hyperbolic tangent.

    Example:
        >>> corten.array_api.tanh(corten.tensor([0.0])).tolist()
        [0.0]
    """
    return _function("tanh", "tanh", x)


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
    refuse_complex("signbit", x)
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
    return _core.unary("bitwise_not", truth(x))


def bitwise_invert(x: Array, /) -> Tensor:
    """Every bit of an integer turned, or the opposite of a bool.

    Example:
        >>> corten.array_api.bitwise_invert(corten.tensor([0])).tolist()
        [-1]
    """
    return _core.unary("bitwise_not", array(x))


__all__ = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "bitwise_invert",
    "ceil",
    "conj",
    "cos",
    "cosh",
    "exp",
    "expm1",
    "floor",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log1p",
    "log2",
    "log10",
    "logical_not",
    "negative",
    "positive",
    "real",
    "reciprocal",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
]  # fmt: skip
