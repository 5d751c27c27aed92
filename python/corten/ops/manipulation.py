"""Changing shapes: reshaping, permuting and flipping axes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.ops._common import Axis, Tensor, TensorLike, as_tensor, axes_of, axis_of, shape_of
from corten.ops.dispatch import op


@op
def reshape(x: TensorLike, newshape: Any) -> Tensor:
    """The elements of `x` in another shape, in row-major order.

    Args:
        x: A tensor.
        newshape: The new shape; one size may be -1, it is worked out.

    Returns:
        A tensor; no copy where strides allow it.

    Raises:
        ShapeError: The sizes do not fit.

    Example:
        >>> corten.ops.reshape([1, 2, 3, 4], (2, -1)).tolist()
        [[1, 2], [3, 4]]
    """
    shape = shape_of(newshape)
    if shape and min(shape) < -1:
        raise _core.ShapeError(
            f"reshape: each size must be a non-negative integer, or -1 for the one to work out. Received: "
            f"newshape={shape}"
        )
    if shape.count(-1) > 1:
        raise _core.ShapeError(
            f"reshape: there can be at most one unknown dimension (-1). Received: newshape={shape}"
        )
    return _core.reshape(as_tensor(x), shape)


@op
def ravel(x: TensorLike) -> Tensor:
    """The elements of `x` along one axis.

    Args:
        x: A tensor.

    Returns:
        A tensor with one axis.

    Example:
        >>> corten.ops.ravel([[1, 2], [3, 4]]).tolist()
        [1, 2, 3, 4]
    """
    return _core.reshape(as_tensor(x), (-1,))


@op
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """Permutes the axes.

    Args:
        x: A tensor.
        axes: The old axis at each new place; None reverses them.

    Returns:
        A view of `x`.

    Example:
        >>> corten.ops.transpose([[1, 2], [3, 4]]).tolist()
        [[1, 3], [2, 4]]
    """
    x = as_tensor(x)
    if axes is None:
        return _core.transpose(x, tuple(range(x.ndim - 1, -1, -1)))
    axes, rank = tuple(axes), x.ndim
    if len(axes) != rank:
        raise ValueError(
            f"transpose: `axes` must be a list of the same length as the input shape and name each of its "
            f"{rank} axes of {x.shape} once; got {list(axes)}"
        )
    if not all(-rank <= axis < rank for axis in axes):
        raise ValueError(
            f"transpose: Each axis in `axes` must be an integer in [-{rank}, {rank}). "
            f"Received: axes={list(axes)}"
        )
    if len({axis % rank for axis in axes}) != rank:
        raise ValueError(
            f"transpose: `axes` must be a valid permutation; it names one axis twice. "
            f"Received: axes={list(axes)}"
        )
    return _core.transpose(x, axes_of("transpose", axes, rank))


@op
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """Exchanges two axes.

    Args:
        x: A tensor.
        axis1: One axis.
        axis2: The other axis.

    Returns:
        A view of `x`.

    Example:
        >>> corten.ops.swapaxes([[1, 2], [3, 4]], 0, 1).tolist()
        [[1, 3], [2, 4]]
    """
    x = as_tensor(x)
    one, other = axis_of("swapaxes", axis1, x.ndim), axis_of("swapaxes", axis2, x.ndim)
    order = list(range(x.ndim))
    if order:
        order[one], order[other] = order[other], order[one]
    return _core.transpose(x, order)


@op
def moveaxis(x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Moves axes to other places; the rest keep their order.

    Args:
        x: A tensor.
        source: The axis or axes to move.
        destination: Where each goes.

    Returns:
        A view of `x`.

    Example:
        >>> corten.ops.moveaxis(corten.ops.zeros((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    x = as_tensor(x)
    old, new = axes_of("moveaxis", source, x.ndim), axes_of("moveaxis", destination, x.ndim)
    if len(old) != len(new):
        raise ValueError(
            f"moveaxis: source and destination must be equally many; got {source} and {destination}"
        )
    order = [axis for axis in range(x.ndim) if axis not in old]
    for place, axis in sorted(zip(new, old, strict=True)):
        order.insert(place, axis)
    return _core.transpose(x, order)


@op
def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> Tensor:
    """Inserts axes of size 1.

    Args:
        x: A tensor.
        axis: Where the new axis or axes stand in the result.

    Returns:
        A view of `x`.

    Example:
        >>> corten.ops.expand_dims([1, 2], 0).shape
        (1, 2)
    """
    x = as_tensor(x)
    count = 1 if hasattr(axis, "__index__") else len(tuple(axis))
    axes = axes_of("expand_dims", axis, x.ndim + count)
    old = iter(x.shape)
    return _core.reshape(x, tuple(1 if i in axes else next(old) for i in range(x.ndim + count)))


@op
def squeeze(x: TensorLike, axis: Axis = None) -> Tensor:
    """Drops axes of size 1.

    Args:
        x: A tensor.
        axis: The axis or axes to drop; None drops all of size 1.

    Returns:
        A view of `x`.

    Raises:
        ValueError: A named axis is not of size 1.

    Example:
        >>> corten.ops.squeeze([[[1, 2]]]).tolist()
        [1, 2]
    """
    x = as_tensor(x)
    if axis is None:
        return _core.reshape(x, tuple(n for n in x.shape if n != 1))
    axes = axes_of("squeeze", axis, x.ndim)
    for one in axes:
        if x.shape[one] != 1:
            raise ValueError(
                f"squeeze: axis {one} of {x.shape} has size {x.shape[one]}; only size 1 can be dropped"
            )
    return _core.reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


@op
def broadcast_to(x: TensorLike, shape: Any) -> Tensor:
    """Repeats axes of size 1, without a copy, up to a shape.

    Args:
        x: A tensor.
        shape: The shape to reach.

    Returns:
        A view of `x`.

    Example:
        >>> corten.ops.broadcast_to([1, 2], (2, 2)).tolist()
        [[1, 2], [1, 2]]
    """
    return _core.broadcast_to(as_tensor(x), shape_of(shape))


@op
def copy(x: TensorLike) -> Tensor:
    """A copy of `x`, row-major in memory.

    Args:
        x: A tensor.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.copy([1, 2]).tolist()
        [1, 2]
    """
    return _core.copy(as_tensor(x))


@op
def flip(x: TensorLike, axis: Axis = None) -> Tensor:
    """Reverses the order along axes.

    Args:
        x: A tensor.
        axis: The axis or axes; None is all of them.

    Returns:
        A view of `x`.

    Example:
        >>> corten.ops.flip([[1, 2], [3, 4]], axis=1).tolist()
        [[2, 1], [4, 3]]
    """
    x = as_tensor(x)
    return _core.flip(x, axes_of("flip", axis, x.ndim))


@op
def fliplr(x: TensorLike) -> Tensor:
    """Reverses the second axis.

    Args:
        x: A tensor of two or more dimensions.

    Returns:
        A view of `x`.

    Example:
        >>> corten.ops.fliplr([[1, 2], [3, 4]]).tolist()
        [[2, 1], [4, 3]]
    """
    x = as_tensor(x)
    return _core.flip(x, (axis_of("fliplr", 1, x.ndim),))


@op
def flipud(x: TensorLike) -> Tensor:
    """Reverses the first axis.

    Args:
        x: A tensor of one or more dimensions.

    Returns:
        A view of `x`.

    Example:
        >>> corten.ops.flipud([[1, 2], [3, 4]]).tolist()
        [[3, 4], [1, 2]]
    """
    x = as_tensor(x)
    return _core.flip(x, (0,))


@op
def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Rotates by 90 degrees in the plane of two axes.

    Args:
        array: A tensor of two or more dimensions.
        k: How many times, from the first axis towards the second.
        axes: The two axes.

    Returns:
        A view of `array`.

    Example:
        >>> corten.ops.rot90([[1, 2], [3, 4]]).tolist()
        [[2, 4], [1, 3]]
    """
    x = as_tensor(array)
    if x.ndim < 2:
        raise ValueError(f"rot90: a tensor of two or more dimensions is needed; got shape {x.shape}")
    first, second = axes_of("rot90", axes, x.ndim)
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    turns = k % 4
    if turns == 0:
        return x
    if turns == 2:
        return _core.flip(x, (first, second))
    if turns == 1:
        return _core.transpose(_core.flip(x, (second,)), order)
    return _core.flip(_core.transpose(x, order), (second,))


@op
def roll(x: TensorLike, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Shifts elements along axes; what leaves at the end comes back at the start.

    Args:
        x: A tensor.
        shift: By how many places, one number or one per axis.
        axis: The axis or axes; None rolls the flattened tensor.

    Returns:
        A tensor of the shape of `x`.

    Example:
        >>> corten.ops.roll([1, 2, 3], 1).tolist()
        [3, 1, 2]
    """
    x = as_tensor(x)
    if axis is None:
        flat = _core.reshape(x, (-1,))
        steps = shift if hasattr(shift, "__index__") else sum(shift)
        return _core.reshape(_roll_one(flat, operator.index(steps), 0), x.shape)
    axes: tuple[Any, ...] = (axis,) if hasattr(axis, "__index__") else tuple(axis)
    shifts: tuple[Any, ...] = (shift,) if hasattr(shift, "__index__") else tuple(shift)
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(axes) == 1:
        axes *= len(shifts)
    for one, steps in zip(axes, shifts, strict=True):
        x = _roll_one(x, steps, axis_of("roll", one, x.ndim))
    return x


def _roll_one(x: Tensor, shift: int, axis: int) -> Tensor:
    size = x.shape[axis]
    shift = shift % size if size else 0
    if shift == 0:
        return x
    return _core.concatenate([piece(x, axis, size - shift, size), piece(x, axis, 0, size - shift)], axis)


def piece(x: Tensor, axis: int, start: int, stop: int, step: int = 1) -> Tensor:
    """Gives ``x[..., start:stop:step, ...]`` along one axis (counted from the front)."""
    starts, stops, steps = [0] * x.ndim, list(x.shape), [1] * x.ndim
    starts[axis], stops[axis], steps[axis] = start, stop, step
    return _core.slice(x, starts, stops, steps)
