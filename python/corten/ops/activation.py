"""Activation functions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.ops._common import FLOATS, Tensor, TensorLike, as_float, as_number, as_tensor, axes_of, axis_of
from corten.ops.dispatch import op
from corten.ops.manipulation import piece

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
def relu6(x: TensorLike) -> Tensor:
    """Rectified linear unit with an upper bound: ``min(max(x, 0), 6)``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.relu6([-1.0, 9.0]).tolist()
        [0.0, 6.0]
    """
    x = as_number(x)
    zero, six = (0.0, 6.0) if x.dtype in FLOATS else (0, 6)
    # Strict bounds: the gradient is 0 at both kinks, as relu's is.
    inside = _core.where(_core.compare("less", x, six), x, six)
    return _core.where(_core.compare("greater", x, zero), inside, zero)


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
def hard_sigmoid(x: TensorLike) -> Tensor:
    """Piecewise linear sigmoid: ``x / 6 + 1/2`` limited to [0, 1].

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.hard_sigmoid([-3.0, 0.0, 3.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    x = as_float(x)
    line = _core.binary("add", _core.binary("divide", x, 6.0), 0.5)
    line = _core.where(_core.compare("less", x, 3.0), line, 1.0)
    return _core.where(_core.compare("greater", x, -3.0), line, _core.where(_core.unary("isnan", x), x, 0.0))


@op
def hard_silu(x: TensorLike) -> Tensor:
    """Piecewise form of silu (hard swish): ``x * hard_sigmoid(x)``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.hard_silu([-3.0, 3.0]).tolist()
        [0.0, 3.0]
    """
    x = as_float(x)
    return _core.where(
        _core.compare("less_equal", x, -3.0),
        0.0,
        _core.where(
            _core.compare("greater_equal", x, 3.0),
            x,
            _core.binary("multiply", x, _core.binary("divide", _core.binary("add", x, 3.0), 6.0)),
        ),
    )


@op
def hard_tanh(x: TensorLike) -> Tensor:
    """``x`` limited to [-1, 1].

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.hard_tanh([-2.0, 0.5, 2.0]).tolist()
        [-1.0, 0.5, 1.0]
    """
    x = as_float(x)
    x = _core.where(_core.compare("less_equal", x, -1.0), -1.0, x)
    return _core.where(_core.compare("greater_equal", x, 1.0), 1.0, x)


@op
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """``x`` where it is larger in size than a threshold, 0 elsewhere.

    Args:
        x: A tensor.
        threshold: Values up to this size become 0.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.hard_shrink([-1.0, 0.2, 1.0]).tolist()
        [-1.0, 0.0, 1.0]
    """
    x = as_float(x)
    small = _core.compare("less_equal", _core.unary("absolute", x), float(threshold))
    return _core.where(small, 0.0, x)


@op
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """``x`` moved towards 0 by a threshold, 0 in between.

    Args:
        x: A tensor.
        threshold: By how much values move towards 0.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.soft_shrink([-1.0, 0.2, 1.0]).tolist()
        [-0.5, 0.0, 0.5]
    """
    x = as_float(x)
    by = float(threshold)
    above = _core.where(_core.compare("greater", x, by), _core.binary("subtract", x, by), 0.0)
    above = _core.where(_core.unary("isnan", x), x, above)
    return _core.where(_core.compare("less", x, -by), _core.binary("add", x, by), above)


@op
def tanh_shrink(x: TensorLike) -> Tensor:
    """``x - tanh(x)``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.tanh_shrink([0.0]).tolist()
        [0.0]
    """
    x = as_float(x)
    return _core.binary("subtract", x, _core.unary("tanh", x))


@op
def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """``x`` where it is above a threshold, a default elsewhere.

    Args:
        x: A tensor.
        threshold: The bound.
        default_value: What other values become.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.threshold([1.0, 3.0], 2.0, -1.0).tolist()
        [-1.0, 3.0]
    """
    x = as_tensor(x)
    default = as_tensor(default_value, x.dtype)
    return _core.where(_core.compare("less_equal", x, threshold), default, x)


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


@op
def sparse_plus(x: TensorLike) -> Tensor:
    """0 up to -1, ``(x + 1)**2 / 4`` up to 1, ``x`` above.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.sparse_plus([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.25, 2.0]
    """
    x = as_float(x)
    bend = _core.binary("multiply", _core.unary("square", _core.binary("add", x, 1.0)), 0.25)
    upper = _core.where(_core.compare("less", x, 1.0), bend, x)
    return _core.where(_core.compare("less_equal", x, -1.0), 0.0, upper)


@op
def sparse_sigmoid(x: TensorLike) -> Tensor:
    """0 up to -1, ``(x + 1) / 2`` up to 1, 1 above.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.sparse_sigmoid([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    x = as_float(x)
    line = _core.binary("multiply", _core.binary("add", x, 1.0), 0.5)
    upper = _core.where(_core.compare("greater_equal", x, 1.0), 1.0, line)
    return _core.where(_core.compare("less_equal", x, -1.0), 0.0, upper)


def _as_axes(name: str, axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    if rank == 0:
        raise ValueError(f"{name}: a tensor of one or more dimensions is needed; got a scalar")
    return axes_of(name, axis, rank)


def _warn_of_ones(x: Tensor, axis: int) -> None:
    warnings.warn(
        f"softmax: axis {axis} of the shape {x.shape} has size 1, so every result is 1. "
        f"For two classes with one output use sigmoid",
        UserWarning,
        stacklevel=4,
    )


def _over_axes(kernel: Any, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Applies a one-axis kernel over several axes at once, merged at the end."""
    if len(axes) == 1:
        return kernel(x, axes[0])
    kept = [i for i in range(x.ndim) if i not in axes]
    order = [*kept, *axes]
    moved = _core.transpose(x, order)
    flat = _core.reshape(moved, (*moved.shape[: len(kept)], math.prod(moved.shape[len(kept) :])))
    result = _core.reshape(kernel(flat, flat.ndim - 1), moved.shape)
    return _core.transpose(result, [order.index(i) for i in range(x.ndim)])


@op
def softmax(x: TensorLike, axis: int | Sequence[int] | None = -1) -> Tensor:
    """Exponentials divided by their sum, without overflow.

    Args:
        x: A tensor.
        axis: The axis or axes over which the result sums to 1; None is all of them.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.softmax([0.0, 0.0]).tolist()
        [0.5, 0.5]
    """
    x = as_float(x)
    if axis == -1 and x.ndim:
        if x.shape[-1] == 1:
            _warn_of_ones(x, axis)
        return _core.softmax(x, x.ndim - 1)
    if isinstance(axis, int) and -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        _warn_of_ones(x, axis)
    return _over_axes(_core.softmax, x, _as_axes("softmax", axis, x.ndim))


@op
def log_softmax(x: TensorLike, axis: int | Sequence[int] | None = -1) -> Tensor:
    """``log(softmax(x))`` without underflow.

    Args:
        x: A tensor.
        axis: The axis or axes over which the exponentials sum to 1; None is all of them.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.log_softmax([5.0], axis=0).tolist()
        [0.0]
    """
    x = as_float(x)
    if axis == -1 and x.ndim:
        return _core.log_softmax(x, x.ndim - 1)
    return _over_axes(_core.log_softmax, x, _as_axes("log_softmax", axis, x.ndim))


@op
def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """Nearest point of the probability simplex: like softmax, with exact zeros.

    Args:
        x: A tensor.
        axis: The axis over which the result sums to 1.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.sparsemax([2.0, 0.0]).tolist()
        [1.0, 0.0]
    """
    x = as_float(x)
    axis = axis_of("sparsemax", axis, x.ndim)
    count = x.shape[axis]
    ordered = _core.flip(_core.sort(x, axis, False)[0], (axis,))
    total = _core.scan("cumsum", ordered, axis, False)
    shape = tuple(count if i == axis else 1 for i in range(x.ndim))
    place = _core.cast(_core.reshape(_core.arange(1, count + 1, 1, "int32"), shape), x.dtype)
    # The support is the longest prefix of the sorted values that stays above its own threshold.
    inside = _core.compare(
        "greater", _core.binary("add", _core.binary("multiply", place, ordered), 1.0), total
    )
    size = _core.reduce("sum", _core.cast(inside, "int32"), axis, True)
    reached = _core.take_along(total, _core.binary("subtract", size, 1), axis)
    tau = _core.binary("divide", _core.binary("subtract", reached, 1.0), _core.cast(size, x.dtype))
    return _core.unary("relu", _core.binary("subtract", x, tau))


@op
def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """Gated linear unit: the first half of an axis times the sigmoid of the second half.

    Args:
        x: A tensor.
        axis: The axis to halve; its size must be even.

    Returns:
        A float tensor with half the size along `axis`.

    Example:
        >>> corten.ops.glu([6.0, 0.0]).tolist()
        [3.0]
    """
    x = as_float(x)
    axis = axis_of("glu", axis, x.ndim)
    if x.shape[axis] % 2:
        raise ValueError(f"glu: axis {axis} of {x.shape} must have an even size; got {x.shape[axis]}")
    half = x.shape[axis] // 2
    value, gate = piece(x, axis, 0, half), piece(x, axis, half, 2 * half)
    return _core.binary("multiply", value, _core.unary("sigmoid", gate))


swish = silu
hard_swish = hard_silu
