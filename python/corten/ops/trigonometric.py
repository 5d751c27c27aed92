"""Elementwise trigonometric and hyperbolic functions."""

from __future__ import annotations

import math

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_float
from corten.ops.dispatch import op


@op
def sin(x: TensorLike) -> Tensor:
    """Sine of radians, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.sin([0.0]).tolist()
        [0.0]
    """
    return _core.unary("sin", x)


@op
def cos(x: TensorLike) -> Tensor:
    """Cosine of radians, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.cos([0.0]).tolist()
        [1.0]
    """
    return _core.unary("cos", x)


@op
def tan(x: TensorLike) -> Tensor:
    """Tangent of radians, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.tan([0.0]).tolist()
        [0.0]
    """
    return _core.unary("tan", x)


@op
def arcsin(x: TensorLike) -> Tensor:
    """Inverse sine in radians; NaN outside [-1, 1].

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.arcsin([0.0]).tolist()
        [0.0]
    """
    return _core.unary("arcsin", x)


@op
def arccos(x: TensorLike) -> Tensor:
    """Inverse cosine in radians; NaN outside [-1, 1].

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.arccos([1.0]).tolist()
        [0.0]
    """
    return _core.unary("arccos", x)


@op
def arctan(x: TensorLike) -> Tensor:
    """Inverse tangent in radians, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.arctan([0.0]).tolist()
        [0.0]
    """
    return _core.unary("arctan", x)


@op
def sinh(x: TensorLike) -> Tensor:
    """Hyperbolic sine, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.sinh([0.0]).tolist()
        [0.0]
    """
    return _core.unary("sinh", x)


@op
def cosh(x: TensorLike) -> Tensor:
    """Hyperbolic cosine, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.cosh([0.0]).tolist()
        [1.0]
    """
    return _core.unary("cosh", x)


@op
def tanh(x: TensorLike) -> Tensor:
    """Hyperbolic tangent, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.tanh([0.0]).tolist()
        [0.0]
    """
    return _core.unary("tanh", x)


@op
def arcsinh(x: TensorLike) -> Tensor:
    """Inverse hyperbolic sine, elementwise.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.arcsinh([0.0]).tolist()
        [0.0]
    """
    return _core.unary("arcsinh", x)


@op
def arccosh(x: TensorLike) -> Tensor:
    """Inverse hyperbolic cosine; NaN below 1.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.arccosh([1.0]).tolist()
        [0.0]
    """
    return _core.unary("arccosh", x)


@op
def arctanh(x: TensorLike) -> Tensor:
    """Inverse hyperbolic tangent; NaN outside [-1, 1].

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.arctanh([0.0]).tolist()
        [0.0]
    """
    return _core.unary("arctanh", x)


@op
def deg2rad(x: TensorLike) -> Tensor:
    """Degrees to radians.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.deg2rad([0.0]).tolist()
        [0.0]
    """
    return _core.binary("multiply", as_float(x), math.pi / 180.0)


@op
def rad2deg(x: TensorLike) -> Tensor:
    """Radians to degrees.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.rad2deg([0.0]).tolist()
        [0.0]
    """
    return _core.binary("multiply", as_float(x), 180.0 / math.pi)


@op
def sinc(x: TensorLike) -> Tensor:
    """Normalized sinc: ``sin(pi x) / (pi x)``, 1 at 0.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.sinc([0.0]).tolist()
        [1.0]
    """
    x = _core.binary("multiply", as_float(x), math.pi)
    zero = _core.compare("equal", x, 0.0)
    safe = _core.where(zero, 1.0, x)
    # The second-order series keeps the derivatives right at 0.
    near = _core.binary("subtract", 1.0, _core.binary("divide", _core.unary("square", x), 6.0))
    return _core.where(zero, near, _core.binary("divide", _core.unary("sin", safe), safe))


@op
def angle(x: TensorLike) -> Tensor:
    """Angle of each (real) element in the complex plane: 0, or pi for negative numbers.

    Args:
        x: A tensor.

    Returns:
        A tensor of the shape of `x`; integers give float32.

    Example:
        >>> corten.ops.angle([2.0]).tolist()
        [0.0]
    """
    x = as_float(x)
    half_turn = _core.full((), math.pi, x.dtype)
    return _core.where(_core.unary("isnan", x), x, _core.where(_core.compare("less", x, 0.0), half_turn, 0.0))
