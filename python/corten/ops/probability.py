"""Softmax, its relatives, and gates."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_float, axes_of, axis_of
from corten.ops.dispatch import op
from corten.ops.manipulation import piece


def _as_axes(name: str, axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    if rank == 0:
        raise ValueError(f"{name}: a tensor of one or more dimensions is needed; got a scalar")
    return axes_of(name, axis, rank)


def _warn_of_ones(x: Tensor, axis: int) -> None:
    warnings.warn(
        f"You are using a softmax over axis {axis} of a tensor of shape {x.shape}. This axis has size 1. "
        "The softmax operation will always return the value 1, which is likely not what you intended. "
        "Did you mean to use a sigmoid instead?",
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
