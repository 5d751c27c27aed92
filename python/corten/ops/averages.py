"""Weighted means, integrals, and sums of exponentials."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten.ops._common import (
    FLOAT_MAX,
    Axis,
    Tensor,
    TensorLike,
    as_float,
    axes_of,
    axis_of,
    promoted_float,
)
from corten.ops.dispatch import op


@op
def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """``log(sum(exp(x)))`` over axes, without overflow.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.logsumexp([float("-inf"), 2.0]))
        2.0
    """
    x = as_float(x)
    if x.size == 0:
        return _core.unary("log", _core.reduce("sum", x, axis, keepdims))
    peak = _core.reduce("max", x, axis, True).detach()
    # An infinite peak would give inf - inf: shift by 0 there, exp and log then do the right thing.
    peak = _core.where(_core.unary("isfinite", peak), peak, 0.0)
    total = _core.reduce("sum", _core.unary("exp", _core.binary("subtract", x, peak)), axis, True)
    result = _core.binary("add", _core.unary("log", total), peak)
    return result if keepdims else _core.reshape(result, _reduced_shape("logsumexp", x, axis))


def _reduced_shape(name: str, x: Tensor, axis: Axis) -> tuple[int, ...]:
    axes = axes_of(name, axis, x.ndim)
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


@op
def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> Tensor:
    """Weighted mean over axes.

    Args:
        x: A tensor.
        axis: The axis or axes to average over; None is all of them.
        weights: Weights of the shape of `x`, or 1-D along a single `axis`; None is the plain mean.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.average([1.0, 4.0], weights=[2.0, 1.0]))
        2.0
    """
    if weights is None:
        return _core.reduce("mean", as_float(x), axis, False)
    x, weights = promoted_float(x, weights)
    if weights.shape != x.shape and weights.ndim == 1 and axis is not None:
        (one,) = axes_of("average", axis, x.ndim)
        weights = _core.reshape(weights, tuple(-1 if i == one else 1 for i in range(x.ndim)))
    weights = _core.broadcast_to(weights, x.shape)
    total = _core.reduce("sum", _core.binary("multiply", x, weights), axis, False)
    return _core.binary("divide", total, _core.reduce("sum", weights, axis, False))


@op
def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Integral along an axis by the trapezoidal rule.

    Args:
        y: The values of the function.
        x: The points where they were taken: of the shape of `y` or 1-D; None is points `dx` apart.
        dx: The distance of points, if `x` is None.
        axis: The axis to integrate over.

    Returns:
        A float tensor without that axis.

    Example:
        >>> float(corten.ops.trapezoid([1.0, 2.0, 3.0]))
        4.0
    """
    y = as_float(y)
    axis = axis_of("trapezoid", axis, y.ndim)
    n = y.shape[axis]
    low, high = _along(y, axis, 0, n - 1), _along(y, axis, 1, n)
    width: Any = dx
    if x is not None:
        x = as_float(x)
        if x.ndim == 1:
            x = _core.reshape(x, tuple(-1 if i == axis else 1 for i in range(y.ndim)))
        width = _core.binary("subtract", _along(x, axis, 1, n), _along(x, axis, 0, n - 1))
    area = _core.binary("multiply", _core.binary("multiply", _core.binary("add", low, high), width), 0.5)
    return _core.reduce("sum", area, axis, False)


def _along(x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    stops = list(x.shape)
    starts = [0] * x.ndim
    starts[axis], stops[axis] = start, (stop if stop > start else start)
    return _core.slice(x, starts, stops, [1] * x.ndim)


@op
def moments(
    x: TensorLike, axes: Axis, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes.

    Args:
        x: A tensor.
        axes: The axes to reduce.
        keepdims: Whether reduced axes stay, with size 1.
        synchronized: Must be False: there is one process.

    Returns:
        Mean and variance; 16-bit floats are reduced in float32 and given back in their dtype.

    Example:
        >>> mean, variance = corten.ops.moments([1.0, 3.0], axes=0)
        >>> float(mean), float(variance)
        (2.0, 1.0)
    """
    if synchronized:
        raise NotImplementedError(
            "moments: synchronized=True needs several processes; use synchronized=False"
        )
    x = as_float(x)
    dtype = x.dtype
    if dtype in ("float16", "bfloat16"):
        x = _core.cast(x, "float32")
    average_, variance = _core.reduce("mean", x, axes, keepdims), _core.var(x, axes, keepdims, 0)
    if dtype != x.dtype:
        # A variance beyond the narrow range becomes its largest number rather than infinity.
        variance = _core.binary("minimum", variance, FLOAT_MAX[dtype])
        average_, variance = _core.cast(average_, dtype), _core.cast(variance, dtype)
    return average_, variance
