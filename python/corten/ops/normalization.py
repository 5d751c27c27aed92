"""Normalization of activations."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.config import epsilon as default_epsilon
from corten.ops._common import Tensor, TensorLike, as_float, as_tensor, axes_of, axis_of
from corten.ops.dispatch import op
from corten.ops.reduction import var


@op
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """Normalizes with given statistics: ``(x - mean) / sqrt(variance + epsilon) * scale + offset``.

    Args:
        x: A tensor.
        mean: The mean of each channel, with one axis.
        variance: The variance of each channel, with one axis.
        axis: The axis of channels.
        offset: Added at the end, one per channel; None is 0.
        scale: The factor of each channel; None is 1.
        epsilon: Added to the variance.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> mean, variance = [1.0, 1.0], [4.0, 4.0]
        >>> corten.ops.batch_normalization([[3.0, 5.0]], mean, variance, axis=-1, epsilon=0.0).tolist()
        [[1.0, 2.0]]
    """
    x = as_float(x)
    axis = axis_of("batch_normalization", axis, x.ndim)
    shape = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))

    def lined_up(what: str, vector: TensorLike) -> Tensor:
        vector = as_tensor(vector, x.dtype)
        if vector.ndim != 1 or vector.shape[0] != x.shape[axis]:
            raise ValueError(
                f"batch_normalization: `{what}` must be a vector of length {x.shape[axis]}, the size of axis "
                f"{axis} of {x.shape}; got shape {vector.shape}"
            )
        return _core.reshape(vector, shape)

    factor = _core.unary("rsqrt", _core.binary("add", lined_up("variance", variance), float(epsilon)))
    if scale is not None:
        factor = _core.binary("multiply", factor, lined_up("scale", scale))
    # All that has one number per channel first: two passes over x.
    level = _core.binary("multiply", lined_up("mean", mean), factor)
    result = _core.binary("multiply", x, factor)
    if offset is None:
        return _core.binary("subtract", result, level)
    return _core.binary("add", result, _core.binary("subtract", lined_up("offset", offset), level))


def _last_axes(name: str, axis: int | Sequence[int], rank: int) -> tuple[tuple[int, ...], bool]:
    """Gives the axes in order, and whether they are the last ones."""
    axes = tuple(sorted(axes_of(name, axis, rank)))
    return axes, axes == tuple(range(rank - len(axes), rank))


def _broadcasts(value: TensorLike | None, x: Tensor, axes: tuple[int, ...]) -> bool:
    """Whether a scale or offset is not one number per normalized cell, but fits the whole tensor."""
    if value is None:
        return False
    shape = as_tensor(value).shape
    if math.prod(shape) == math.prod(x.shape[i] for i in axes):
        return False
    return len(shape) <= x.ndim and all(
        n in (1, m) for n, m in zip(reversed(shape), reversed(x.shape), strict=False)
    )


def _vector(name: str, what: str, value: TensorLike, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    shape = tuple(x.shape[i] for i in axes)
    value = as_tensor(value, x.dtype)
    if value.shape != shape:
        if value.size != math.prod(shape):
            raise ValueError(
                f"{name}: {what} must have shape {shape}, the normalized axes; got {value.shape}"
            )
        value = _core.reshape(value, shape)
    return value


@op
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Tensor:
    """Normalizes each sample over axes to mean 0 and variance 1, then scales and shifts.

    Args:
        x: A tensor.
        gamma: The scale, in the shape of the normalized axes; None is 1.
        beta: The offset, in the shape of the normalized axes; None is 0.
        axis: The axis or axes.
        epsilon: Added to the variance; None is the configured one.
        **kwargs: ``rms_scaling=True`` divides by the root of the variance without centering;
            it is deprecated (a warning says so); `rms_normalization` divides by the root mean square.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.layer_normalization([[-1.0, 1.0]], epsilon=0.0).tolist()
        [[-1.0, 1.0]]
    """
    name = "layer_normalization"
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"{name}: unknown argument {next(iter(kwargs))!r}")
    x = as_float(x)
    small = default_epsilon() if epsilon is None else epsilon
    axes, at_end = _last_axes(name, axis, x.ndim)
    if rms_scaling:
        warnings.warn(
            "You passed `rms_scaling=True`, which is deprecated: it divides by the root of the variance. Use "
            "`rms_normalization`, which divides by the root mean square.",
            stacklevel=3,
        )
        wide = _core.cast(x, "float32") if x.dtype in ("float16", "bfloat16") else x
        factor = _core.unary("rsqrt", _core.binary("add", var(wide, axes, keepdims=True), float(small)))
        scaled = _core.binary("multiply", x, _core.cast(factor, x.dtype))
        if gamma is None:
            return scaled
        if not _broadcasts(gamma, x, axes):
            sizes = [x.shape[i] if i in axes else 1 for i in range(x.ndim)]
            gamma = _core.reshape(_vector(name, "gamma", gamma, x, axes), sizes)
        return _core.binary("multiply", scaled, as_tensor(gamma, x.dtype))
    if _broadcasts(gamma, x, axes) or _broadcasts(beta, x, axes):
        plain = layer_normalization(x, None, None, axes, small)
        plain = plain if gamma is None else _core.binary("multiply", plain, as_tensor(gamma, x.dtype))
        return plain if beta is None else _core.binary("add", plain, as_tensor(beta, x.dtype))
    scale = None if gamma is None else _vector(name, "gamma", gamma, x, axes)
    offset = None if beta is None else _vector(name, "beta", beta, x, axes)
    if at_end:
        return _core.layer_norm(x, scale, offset, len(axes), small)
    order, back = _to_end(x.ndim, axes)
    return _core.transpose(_core.layer_norm(_core.transpose(x, order), scale, offset, len(axes), small), back)


def _to_end(rank: int, axes: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The permutation that moves axes to the end, and its inverse."""
    order = [i for i in range(rank) if i not in axes] + list(axes)
    return order, [order.index(i) for i in range(rank)]


@op
def rms_normalization(
    x: TensorLike,
    scale: TensorLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Tensor:
    """Divides each sample by its root mean square over axes.

    Args:
        x: A tensor.
        scale: The factor, in the shape of the normalized axes; None is 1.
        axis: The axis or axes.
        epsilon: Added to the mean square; None is the configured one.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.rms_normalization([[3.0, -3.0]], epsilon=0.0).tolist()
        [[1.0, -1.0]]
    """
    x = as_float(x)
    small = default_epsilon() if epsilon is None else epsilon
    axes, at_end = _last_axes("rms_normalization", axis, x.ndim)
    if _broadcasts(scale, x, axes):
        plain = rms_normalization(x, None, axes, small)
        return _core.binary("multiply", plain, as_tensor(scale, x.dtype))
    factor = None if scale is None else _vector("rms_normalization", "scale", scale, x, axes)
    if at_end:
        return _core.rms_norm(x, factor, len(axes), small)
    order, back = _to_end(x.ndim, axes)
    return _core.transpose(_core.rms_norm(_core.transpose(x, order), factor, len(axes), small), back)


@op
def group_normalization(
    x: TensorLike,
    scale: TensorLike | None = None,
    offset: TensorLike | None = None,
    groups: int = 32,
    epsilon: float = 1e-3,
    axis: int = -1,
) -> Tensor:
    """Normalizes each sample over groups of channels to mean 0 and variance 1.

    Args:
        x: Shape ``(batch, ..., channels)``, or channels on another axis.
        scale: The factor of each channel; None is 1.
        offset: Added at the end, one per channel; None is 0.
        groups: Into how many groups the channels are split.
        epsilon: Added to the variance.
        axis: The axis of channels.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.group_normalization([[-1.0, 1.0, 2.0, 4.0]], groups=2, epsilon=0.0).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """
    name = "group_normalization"
    x = as_float(x)
    axis = axis_of(name, axis, x.ndim)
    factor = None if scale is None else _vector(name, "scale", scale, x, (axis,))
    shift = None if offset is None else _vector(name, "offset", offset, x, (axis,))
    if axis == x.ndim - 1:
        return _core.group_norm(x, factor, shift, groups, epsilon)
    order, back = _to_end(x.ndim, (axis,))
    return _core.transpose(_core.group_norm(_core.transpose(x, order), factor, shift, groups, epsilon), back)


@op
def normalize(x: TensorLike, axis: Any = -1, order: float = 2, epsilon: float | None = None) -> Tensor:
    """Divides by the norm over an axis.

    Args:
        x: A tensor.
        axis: The axis or axes; None is all of them.
        order: The order of the norm, an integer or infinity; 2 is the Euclidean length.
        epsilon: The least norm to divide by; None is the configured one.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.normalize([[3.0, 4.0]], order=1, epsilon=1e-7).tolist()[0][0] < 0.43
        True
    """
    x = as_float(x)
    if x.ndim == 0:
        raise ValueError("normalize: a tensor of one or more dimensions is needed; got a scalar")
    if not (isinstance(order, int) or order == math.inf) or order < 1:
        raise ValueError(f"normalize: Argument `order` must be an int >= 1, or infinity; got {order!r}")
    small = default_epsilon() if epsilon is None else epsilon
    axis = -1 if axis is None and x.ndim == 1 else axes_of("normalize", axis, x.ndim)
    if order == 2:
        # Below the bound the length has no (finite) gradient: bound the square, then take the root.
        square = _core.reduce("sum", _core.unary("square", x), axis, True)
        return _core.binary(
            "multiply", x, _core.unary("rsqrt", _core.binary("maximum", square, small * small))
        )
    size = _core.unary("absolute", x)
    if math.isinf(order):
        length = _core.reduce("max", size, axis, True)
    else:
        total = _core.reduce("sum", _core.binary("power", size, float(order)), axis, True)
        length = _core.binary("power", total, 1.0 / order)
    return _core.binary("divide", x, _core.binary("maximum", length, small))
