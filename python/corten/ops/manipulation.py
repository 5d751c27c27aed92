"""Changing shapes: reshape, axes, joining, splitting, repeating, padding."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.ops._common import (
    Axis,
    Tensor,
    TensorLike,
    as_tensor,
    axes_of,
    axis_of,
    promoted,
    shape_of,
)
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
    return _core.reshape(as_tensor(x), shape_of(newshape))


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
    axes = tuple(axes)
    if len(axes) != x.ndim:
        raise ValueError(f"transpose: axes must name each of the {x.ndim} axes of {x.shape} once; got {axes}")
    return _core.transpose(x, axes_of("transpose", axes, x.ndim))


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


@op
def concatenate(xs: Sequence[TensorLike], axis: int | None = 0) -> Tensor:
    """Joins tensors along an existing axis.

    Args:
        xs: Tensors of equal shape but for that axis; dtypes are promoted.
        axis: The axis; None joins the flattened tensors.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.concatenate([[1, 2], [3]]).tolist()
        [1, 2, 3]
    """
    tensors = _same_dtype("concatenate", xs)
    if axis is None:
        return _core.concatenate([_core.reshape(x, (-1,)) for x in tensors], 0)
    return _core.concatenate(tensors, axis_of("concatenate", axis, tensors[0].ndim))


def _same_dtype(name: str, xs: Sequence[TensorLike]) -> list[Tensor]:
    if isinstance(xs, Tensor):
        xs = unpack(xs)
    tensors = [as_tensor(x) for x in xs]
    if not tensors:
        raise ValueError(f"{name}: at least one tensor is needed; got none")
    first = tensors[0].dtype
    for x in tensors:
        if x.dtype != first:
            return promoted(*tensors)
    return tensors


def unpack(x: Tensor, axis: int = 0) -> list[Tensor]:
    """Gives the slices of `x` along an axis, without that axis."""
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    return [_core.reshape(piece(x, axis, i, i + 1), shape) for i in range(x.shape[axis])]


@op
def stack(x: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Joins tensors of equal shape along a new axis.

    Args:
        x: The tensors; dtypes are promoted.
        axis: Where the new axis stands.

    Returns:
        A tensor with one axis more.

    Example:
        >>> corten.ops.stack([[1, 2], [3, 4]], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    tensors = _same_dtype("stack", x)
    return _core.stack(tensors, axis_of("stack", axis, tensors[0].ndim + 1))


def _at_least(x: Tensor, rank: int) -> Tensor:
    if x.ndim >= rank:
        return x
    if rank == 3:
        shape = {0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}[x.ndim]
    else:
        shape = (1,) * (rank - x.ndim) + x.shape
    return _core.reshape(x, shape)


@op
def hstack(xs: Sequence[TensorLike]) -> Tensor:
    """Joins tensors along the second axis (the first, if they have one axis).

    Args:
        xs: The tensors.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.hstack([[1, 2], [3]]).tolist()
        [1, 2, 3]
    """
    tensors = [_at_least(x, 1) for x in _same_dtype("hstack", xs)]
    return _core.concatenate(tensors, 0 if tensors[0].ndim == 1 else 1)


@op
def vstack(xs: Sequence[TensorLike]) -> Tensor:
    """Joins tensors along the first axis; those with one axis count as rows.

    Args:
        xs: The tensors.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.vstack([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
    """
    return _core.concatenate([_at_least(x, 2) for x in _same_dtype("vstack", xs)], 0)


@op
def dstack(xs: Sequence[TensorLike]) -> Tensor:
    """Joins tensors along the third axis.

    Args:
        xs: The tensors.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.dstack([[1, 2], [3, 4]]).tolist()
        [[[1, 3], [2, 4]]]
    """
    return _core.concatenate([_at_least(x, 3) for x in _same_dtype("dstack", xs)], 2)


@op
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """Joins `x2` to the end of `x1`.

    Args:
        x1: A tensor.
        x2: A tensor.
        axis: The axis; None joins the flattened tensors.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.append([1, 2], [3]).tolist()
        [1, 2, 3]
    """
    first, second = promoted(x1, x2)
    if axis is None:
        first, second = _core.reshape(first, (-1,)), _core.reshape(second, (-1,))
        axis = 0
    return _core.concatenate([first, second], axis_of("append", axis, first.ndim))


@op
def split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cuts a tensor into pieces along an axis.

    Args:
        x: A tensor.
        indices_or_sections: The number of equal pieces, or where to cut.
        axis: The axis.

    Returns:
        A list of views of `x`.

    Raises:
        ValueError: The axis does not divide into so many equal pieces.

    Example:
        >>> [part.tolist() for part in corten.ops.split([1, 2, 3, 4], 2)]
        [[1, 2], [3, 4]]
    """
    x = as_tensor(x)
    axis = axis_of("split", axis, x.ndim)
    if hasattr(indices_or_sections, "__index__"):
        count = operator.index(indices_or_sections)
        if count < 1 or x.shape[axis] % count:
            raise ValueError(
                f"split: axis {axis} of {x.shape} does not divide into {count} equal parts; use array_split"
            )
    return _cut(x, indices_or_sections, axis)


def _cut(x: Tensor, where: int | Sequence[int], axis: int) -> list[Tensor]:
    size = x.shape[axis]
    if hasattr(where, "__index__"):
        count = operator.index(where)
        small, larger = divmod(size, count)
        edges = [i * small + min(i, larger) for i in range(count + 1)]
    else:
        cuts = where.tolist() if hasattr(where, "tolist") else where
        edges = [0, *(min(max(cut + size if cut < 0 else cut, 0), size) for cut in cuts), size]
    return [piece(x, axis, start, max(start, stop)) for start, stop in itertools.pairwise(edges)]


@op
def array_split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cuts a tensor into pieces along an axis; the first ones are longer if it does not divide.

    Args:
        x: A tensor.
        indices_or_sections: The number of pieces, or where to cut.
        axis: The axis.

    Returns:
        A list of views of `x`.

    Example:
        >>> [part.tolist() for part in corten.ops.array_split([1, 2, 3], 2)]
        [[1, 2], [3]]
    """
    x = as_tensor(x)
    if hasattr(indices_or_sections, "__index__") and operator.index(indices_or_sections) < 1:
        raise ValueError(f"array_split: the number of pieces must be positive; got {indices_or_sections}")
    return _cut(x, indices_or_sections, axis_of("array_split", axis, x.ndim))


@op
def hsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Cuts along the second axis (the first, if there is one axis).

    Args:
        x: A tensor.
        indices_or_sections: The number of equal pieces, or where to cut.

    Returns:
        A list of views of `x`.

    Example:
        >>> [part.tolist() for part in corten.ops.hsplit([[1, 2]], 2)]
        [[[1]], [[2]]]
    """
    x = as_tensor(x)
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


@op
def vsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Cuts along the first axis.

    Args:
        x: A tensor.
        indices_or_sections: The number of equal pieces, or where to cut.

    Returns:
        A list of views of `x`.

    Example:
        >>> [part.tolist() for part in corten.ops.vsplit([[1], [2]], 2)]
        [[[1]], [[2]]]
    """
    return split(x, indices_or_sections, 0)


@op
def dsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Cuts along the third axis.

    Args:
        x: A tensor.
        indices_or_sections: The number of equal pieces, or where to cut.

    Returns:
        A list of views of `x`.

    Example:
        >>> [part.shape for part in corten.ops.dsplit(corten.ops.zeros((1, 1, 2)), 2)]
        [(1, 1, 1), (1, 1, 1)]
    """
    return split(x, indices_or_sections, 2)


@op
def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices of a tensor along an axis, without that axis.

    Args:
        x: A tensor.
        num: The size of the axis, checked if given.
        axis: The axis.

    Returns:
        A list of views of `x`.

    Example:
        >>> [part.tolist() for part in corten.ops.unstack([[1, 2], [3, 4]])]
        [[1, 2], [3, 4]]
    """
    x = as_tensor(x)
    axis = axis_of("unstack", axis, x.ndim)
    if num is not None and num != x.shape[axis]:
        raise ValueError(f"unstack: axis {axis} of {x.shape} has {x.shape[axis]} slices; got num={num}")
    return unpack(x, axis)


@op
def tile(x: TensorLike, repeats: int | Sequence[int]) -> Tensor:
    """Repeats a whole tensor along its axes.

    Args:
        x: A tensor.
        repeats: How often along each axis (missing ones in front are 1).

    Returns:
        A tensor.

    Example:
        >>> corten.ops.tile([1, 2], 2).tolist()
        [1, 2, 1, 2]
    """
    x = as_tensor(x)
    counts = list(shape_of(repeats))
    counts = [1] * (x.ndim - len(counts)) + counts
    shape = [1] * (len(counts) - x.ndim) + list(x.shape)
    # (1, n) -> (count, n) by broadcasting, for all axes at once; the reshape makes the only copy.
    lined_up = [size for n in shape for size in (1, n)]
    repeated = [size for count, n in zip(counts, shape, strict=True) for size in (count, n)]
    wide = _core.broadcast_to(_core.reshape(x, tuple(lined_up)), tuple(repeated))
    return _core.reshape(wide, tuple(count * n for count, n in zip(counts, shape, strict=True)))


@op
def repeat(x: TensorLike, repeats: TensorLike, axis: int | None = None) -> Tensor:
    """Repeats each element along an axis.

    Args:
        x: A tensor.
        repeats: How often: one number, or one per element of the axis.
        axis: The axis; None repeats the elements of the flattened tensor.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.repeat([1, 2], 2).tolist()
        [1, 1, 2, 2]
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = _core.reshape(x, (-1,)), 0
    axis = axis_of("repeat", axis, x.ndim)
    counts = list(shape_of(repeats))
    size = x.shape[axis]
    if len(counts) == 1:
        (count,) = counts
        shape = x.shape
        lined_up = _core.reshape(x, (*shape[: axis + 1], 1, *shape[axis + 1 :]))
        wide = _core.broadcast_to(lined_up, (*shape[: axis + 1], count, *shape[axis + 1 :]))
        return _core.reshape(wide, (*shape[:axis], size * count, *shape[axis + 1 :]))
    if len(counts) != size:
        raise ValueError(f"repeat: axis {axis} of {x.shape} needs {size} repeats; got {len(counts)}")
    places = [i for i, count in enumerate(counts) for _ in range(count)]
    return _core.gather(x, as_tensor(places, "int32"), axis)


_PAD_MODES = ("constant", "reflect", "symmetric", "edge", "wrap", "circular")


@op
def pad(x: TensorLike, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """Adds elements at both ends of the axes.

    Args:
        x: A tensor.
        pad_width: ``(before, after)`` for each axis, one pair or one int for all.
        mode: ``'constant'``, ``'reflect'`` (mirror without the edge), ``'symmetric'`` (with it),
            ``'edge'`` (repeat the edge) or ``'wrap'`` (continue at the other end).
        constant_values: The value of mode 'constant'; None is 0.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.pad([1, 2, 3], (1, 1), mode="reflect").tolist()
        [2, 1, 2, 3, 2]
    """
    x = as_tensor(x)
    if mode not in _PAD_MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(_PAD_MODES)}; got {mode!r}")
    if constant_values is not None and mode != "constant":
        raise ValueError(f"pad: constant_values goes with mode='constant'; got mode={mode!r}")
    pairs = _pad_pairs(pad_width, x.ndim)
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        value = value.item() if hasattr(value, "item") else value
        return _core.pad(x, pairs, value)
    for axis, (low, high) in enumerate(pairs):
        if low or high:
            places = _as_places(mode, x.shape[axis], low, high)
            x = _core.gather(x, as_tensor(places, "int32"), axis)
    return x


def _pad_pairs(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    if hasattr(pad_width, "tolist"):
        pad_width = pad_width.tolist()
    if hasattr(pad_width, "__index__"):
        pairs = [(pad_width, pad_width)] * rank
    elif all(hasattr(one, "__index__") for one in pad_width):
        pairs = [tuple(pad_width) * (2 // len(pad_width))] * rank
    else:
        pairs = [tuple(one) * (2 // len(one)) for one in pad_width]
        pairs = pairs * rank if len(pairs) == 1 else pairs
    if len(pairs) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ValueError(
            f"pad: pad_width needs {rank} pairs (before, after), none negative; got {pad_width!r}"
        )
    return pairs


def _as_places(mode: str, size: int, low: int, high: int) -> list[int]:
    """Where each padded element comes from."""
    if size == 0:
        raise ValueError(f"pad: mode {mode!r} cannot extend an empty axis; use mode='constant'")
    places = range(-low, size + high)
    if mode == "edge":
        return [min(max(place, 0), size - 1) for place in places]
    if mode in ("wrap", "circular"):
        return [place % size for place in places]
    if mode == "symmetric":
        return [min(place % (2 * size), 2 * size - 1 - place % (2 * size)) for place in places]
    period = max(2 * (size - 1), 1)
    return [min(place % period, period - place % period) if size > 1 else 0 for place in places]
