"""Elementwise powers, exponentials, logarithms and special functions."""

from __future__ import annotations

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_float, as_number, as_tensor
from corten.ops.dispatch import op


@op
def absolute(x: TensorLike) -> Tensor:
    """Absolute value, elementwise.

    The gradient at 0 is 0.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.absolute([-1.5, 2.0]).tolist()
        [1.5, 2.0]
    """
    x = as_tensor(x)
    return x if x.dtype == "bool" else _core.unary("absolute", x)


@op
def negative(x: TensorLike) -> Tensor:
    """Numerical negative, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.negative([1, -2]).tolist()
        [-1, 2]
    """
    return _core.unary("negative", x)


@op
def sign(x: TensorLike) -> Tensor:
    """Sign of each element: -1, 0 or 1.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.sign([-3.0, 0.0, 2.0]).tolist()
        [-1.0, 0.0, 1.0]
    """
    return _core.unary("sign", as_number(x))


@op
def square(x: TensorLike) -> Tensor:
    """Square, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x` and its dtype.

    Example:
        >>> corten.ops.square([-3, 2]).tolist()
        [9, 4]
    """
    return _core.unary("square", as_number(x))


@op
def sqrt(x: TensorLike) -> Tensor:
    """Non-negative square root, elementwise; NaN for negative numbers.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.sqrt([4.0, 9.0]).tolist()
        [2.0, 3.0]
    """
    return _core.unary("sqrt", x)


@op
def rsqrt(x: TensorLike) -> Tensor:
    """Reciprocal of the square root, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.rsqrt([4.0, 0.25]).tolist()
        [0.5, 2.0]
    """
    return _core.unary("rsqrt", x)


@op
def cbrt(x: TensorLike) -> Tensor:
    """Cube root, elementwise; negative numbers have one too.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.cbrt([0.0, 1.0]).tolist()
        [0.0, 1.0]
    """
    x = as_float(x)
    return _core.binary(
        "multiply", _core.unary("sign", x), _core.binary("power", _core.unary("absolute", x), 1.0 / 3.0)
    )


@op
def reciprocal(x: TensorLike) -> Tensor:
    """One divided by each element.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.reciprocal([2.0, 0.25]).tolist()
        [0.5, 4.0]
    """
    return _core.unary("reciprocal", x)


@op
def exp(x: TensorLike) -> Tensor:
    """Exponential, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.exp([0.0]).tolist()
        [1.0]
    """
    return _core.unary("exp", x)


@op
def exp2(x: TensorLike) -> Tensor:
    """Two to the power of each element.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.exp2([0.0, 3.0]).tolist()
        [1.0, 8.0]
    """
    return _core.unary("exp2", x)


@op
def expm1(x: TensorLike) -> Tensor:
    """``exp(x) - 1``, exact for small `x`.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.expm1([0.0]).tolist()
        [0.0]
    """
    return _core.unary("expm1", x)


@op
def log(x: TensorLike) -> Tensor:
    """Natural logarithm, elementwise; -inf at 0, NaN below.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.log([1.0, 0.0]).tolist()
        [0.0, -inf]
    """
    return _core.unary("log", x)


@op
def log2(x: TensorLike) -> Tensor:
    """Logarithm to base 2, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.log2([1.0, 8.0]).tolist()
        [0.0, 3.0]
    """
    return _core.unary("log2", x)


@op
def log10(x: TensorLike) -> Tensor:
    """Logarithm to base 10, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.log10([1.0]).tolist()
        [0.0]
    """
    return _core.unary("log10", x)


@op
def log1p(x: TensorLike) -> Tensor:
    """``log(1 + x)``, exact for small `x`.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.log1p([0.0]).tolist()
        [0.0]
    """
    return _core.unary("log1p", x)


@op
def erf(x: TensorLike) -> Tensor:
    """Gauss error function, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.erf([0.0]).tolist()
        [0.0]
    """
    return _core.unary("erf", x)


@op
def erfc(x: TensorLike) -> Tensor:
    """``1 - erf(x)``, exact for large `x`.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.erfc([0.0]).tolist()
        [1.0]
    """
    return _core.unary("erfc", x)


@op
def erfinv(x: TensorLike) -> Tensor:
    """Inverse of the error function, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.erfinv([0.0, 1.0]).tolist()
        [0.0, inf]
    """
    return _core.unary("erfinv", x)


@op
def lgamma(x: TensorLike) -> Tensor:
    """Logarithm of the absolute value of the gamma function, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.lgamma([1.0, 2.0]).tolist()
        [0.0, 0.0]
    """
    return _core.unary("lgamma", x)


@op
def digamma(x: TensorLike) -> Tensor:
    """Derivative of `lgamma`, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.digamma([float("inf")]).tolist()
        [inf]
    """
    return _core.unary("digamma", x)


@op
def i0(x: TensorLike) -> Tensor:
    """Modified Bessel function of the first kind, order 0.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.i0([0.0]).tolist()
        [1.0]
    """
    return _core.unary("i0", x)


@op
def i1(x: TensorLike) -> Tensor:
    """Modified Bessel function of the first kind, order 1.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.i1([0.0]).tolist()
        [0.0]
    """
    return _core.unary("i1", x)


@op
def fabs(x: TensorLike) -> Tensor:
    """Absolute value as a float.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers and booleans give float32.

    Example:
        >>> corten.ops.fabs([-2, 3]).tolist()
        [2.0, 3.0]
    """
    return _core.unary("absolute", as_float(x))


abs = absolute
