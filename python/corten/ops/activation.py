"""Activation functions."""

from __future__ import annotations

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_float
from corten.ops.dispatch import op

_SELU_ALPHA = 1.6732632423543772


_SELU_SCALE = 1.0507009873554805


def _negative_exponential(x: Tensor) -> Tensor:
    """``exp(x) - 1`` for negative `x`; positive ones are cut to 0 so that nothing overflows."""
    return _core.unary("expm1", _core.binary("minimum", x, 0.0))


@op
def relu(x: TensorLike) -> Tensor:
    """Rectified linear unit: ``max(x, 0)``.

    The gradient at 0 is 0.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.relu([-1.0, 2.0]).tolist()
        [0.0, 2.0]
    """
    return _core.unary("relu", x)


@op
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """``x`` above 0, ``negative_slope * x`` below.

    Args:
        x: A tensor.
        negative_slope: The slope below 0.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.leaky_relu([-10.0, 2.0]).tolist()
        [-2.0, 2.0]
    """
    x = as_float(x)
    return _core.where(
        _core.compare("greater", x, 0.0), x, _core.binary("multiply", x, float(negative_slope))
    )


@op
def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """Exponential linear unit: ``x`` above 0, ``alpha * (exp(x) - 1)`` below.

    Args:
        x: A tensor.
        alpha: The (negative of the) limit for very negative `x`.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.elu([0.0, 2.0]).tolist()
        [0.0, 2.0]
    """
    x = as_float(x)
    return _core.where(
        _core.compare("greater", x, 0.0), x, _core.binary("multiply", _negative_exponential(x), float(alpha))
    )


@op
def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """Continuously differentiable ELU: ``max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)``.

    Args:
        x: A tensor.
        alpha: The (negative of the) limit for very negative `x`.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.celu([0.0, 2.0]).tolist()
        [0.0, 2.0]
    """
    x = as_float(x)
    below = _core.binary(
        "multiply", _negative_exponential(_core.binary("divide", x, float(alpha))), float(alpha)
    )
    return _core.where(_core.compare("greater", x, 0.0), x, below)


@op
def selu(x: TensorLike) -> Tensor:
    """Scaled exponential linear unit, which keeps mean 0 and variance 1.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.selu([0.0]).tolist()
        [0.0]
    """
    x = as_float(x)
    below = _core.binary("multiply", _negative_exponential(x), _SELU_ALPHA)
    return _core.binary("multiply", _core.where(_core.compare("greater", x, 0.0), x, below), _SELU_SCALE)


@op
def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """Gaussian error linear unit: ``x`` times the normal distribution function of ``x``.

    Args:
        x: A tensor.
        approximate: Whether to use the tanh form instead of the error function.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.gelu([0.0]).tolist()
        [0.0]
    """
    return _core.unary("gelu_tanh" if approximate else "gelu", x)


@op
def sigmoid(x: TensorLike) -> Tensor:
    """Logistic function: ``1 / (1 + exp(-x))``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.sigmoid([0.0]).tolist()
        [0.5]
    """
    return _core.unary("sigmoid", x)


@op
def log_sigmoid(x: TensorLike) -> Tensor:
    """``log(sigmoid(x))`` without underflow.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.log_sigmoid([-1000.0]).tolist()
        [-1000.0]
    """
    return _core.unary("negative", _core.unary("softplus", _core.unary("negative", as_float(x))))


@op
def silu(x: TensorLike) -> Tensor:
    """Sigmoid linear unit (swish): ``x * sigmoid(x)``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.silu([0.0]).tolist()
        [0.0]
    """
    return _core.unary("silu", x)


@op
def softplus(x: TensorLike) -> Tensor:
    """``log(1 + exp(x))`` without overflow.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.softplus([1000.0]).tolist()
        [1000.0]
    """
    return _core.unary("softplus", x)


@op
def softsign(x: TensorLike) -> Tensor:
    """``x / (1 + abs(x))``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.softsign([-1.0, 1.0]).tolist()
        [-0.5, 0.5]
    """
    x = as_float(x)
    return _core.binary("divide", x, _core.binary("add", _core.unary("absolute", x), 1.0))


@op
def mish(x: TensorLike) -> Tensor:
    """``x * tanh(softplus(x))``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.mish([0.0]).tolist()
        [0.0]
    """
    x = as_float(x)
    return _core.binary("multiply", x, _core.unary("tanh", _core.unary("softplus", x)))


@op
def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """``(x + sqrt(x**2 + b)) / 2``: a smooth relu without exponentials.

    Args:
        x: A tensor.
        b: How smooth the bend is.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.squareplus([0.0]).tolist()
        [1.0]
    """
    x = as_float(x)
    root = _core.unary("sqrt", _core.binary("add", _core.unary("square", x), float(b)))
    return _core.binary("multiply", _core.binary("add", x, root), 0.5)


swish = silu
