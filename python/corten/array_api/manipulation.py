"""Shapes, joining, repeating, and taking elements by their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from corten import _core
from corten.array_api._common import Array, ComplexTensor, array, cast, common_dtype, each_part
from corten.ops import extension, manipulation, math
from corten.ops._common import as_index, axes_of, axis_of, shape_of


def broadcast_arrays(*arrays: Array) -> list[Array]:
    """All arrays with the shape that they broadcast to.

    Example:
        >>> one, other = corten.array_api.broadcast_arrays(corten.tensor([1, 2]), corten.tensor([[3], [4]]))
        >>> one.tolist(), other.tolist()
        ([[1, 2], [1, 2]], [[3, 3], [4, 4]])
    """
    values = [array(one) for one in arrays]
    try:
        shape = np.broadcast_shapes(*(one.shape for one in values))
    except ValueError:
        shapes = ", ".join(str(one.shape) for one in values)
        raise ValueError(f"broadcast_arrays: the shapes {shapes} do not broadcast") from None
    return [broadcast_to(one, shape) for one in values]


def broadcast_to(x: Array, /, shape: Any) -> Array:
    """`x` repeated along new axes and along axes of length 1, to a shape."""
    return each_part(_core.broadcast_to, x, shape_of(shape))


def concat(arrays: Any, /, *, axis: int | None = 0) -> Array:
    """Arrays one after another along an axis; flattened first if `axis` is None.

    Example:
        >>> corten.array_api.concat([corten.tensor([1]), corten.tensor([2, 3])]).tolist()
        [1, 2, 3]
    """
    values = _alike("concat", arrays)
    if axis is None:
        values, axis = [one.reshape(-1) for one in values], 0
    place = axis_of("concat", axis, values[0].ndim)
    return _joined(lambda parts: _core.concatenate(parts, place), values)


def stack(arrays: Any, /, *, axis: int = 0) -> Array:
    """Arrays of one shape side by side along a new axis.

    Example:
        >>> corten.array_api.stack([corten.tensor([1, 2]), corten.tensor([3, 4])], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    values = _alike("stack", arrays)
    place = axis_of("stack", axis, values[0].ndim + 1)
    return _joined(lambda parts: _core.stack(parts, place), values)


def _alike(name: str, arrays: Any) -> list[Array]:
    values = [array(one) for one in arrays]
    if not values:
        raise ValueError(f"{name}: at least one array is needed; got none")
    dtype = common_dtype(*values)
    return [cast(one, dtype) for one in values]


def _joined(function: Callable[[list[Any]], Any], values: list[Array]) -> Array:
    if isinstance(values[0], ComplexTensor):
        return ComplexTensor(function([one.real for one in values]), function([one.imag for one in values]))
    return function(values)


def unstack(x: Array, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices along an axis, without it.

    Example:
        >>> [row.tolist() for row in corten.array_api.unstack(corten.tensor([[1, 2], [3, 4]]))]
        [[1, 2], [3, 4]]
    """
    return tuple(moveaxis(x, axis, 0))


def expand_dims(x: Array, /, axis: int) -> Array:
    """`x` with a new axis of length 1 at a place.

    Raises:
        IndexError: If there is no such place.

    Example:
        >>> corten.array_api.expand_dims(corten.tensor([1, 2]), axis=0).shape
        (1, 2)
    """
    x = array(x)
    if not -x.ndim - 1 <= axis <= x.ndim:
        raise IndexError(f"expand_dims: axis {axis} is out of range for {x.ndim} dimensions")
    return each_part(_core.expand_dims, x, axis)


def squeeze(x: Array, /, axis: Any) -> Array:
    """`x` without axes of length 1.

    Raises:
        ValueError: If an axis is longer.

    Example:
        >>> corten.array_api.squeeze(corten.tensor([[1, 2]]), axis=0).shape
        (2,)
    """
    x = array(x)
    return each_part(_core.squeeze, x, axes_of("squeeze", axis, x.ndim))


def flip(x: Array, /, *, axis: Any = None) -> Array:
    """The elements in reverse order along all or the given axes.

    Example:
        >>> corten.array_api.flip(corten.tensor([1, 2, 3])).tolist()
        [3, 2, 1]
    """
    x = array(x)
    return each_part(_core.flip, x, axes_of("flip", axis, x.ndim))


def moveaxis(x: Array, source: Any, destination: Any, /) -> Array:
    """`x` with axes moved to other places; the others keep their order.

    Example:
        >>> corten.array_api.moveaxis(corten.array_api.ones((2, 3, 4)), 0, 2).shape
        (3, 4, 2)
    """
    return each_part(manipulation.moveaxis, x, source, destination)


def permute_dims(x: Array, /, axes: Any) -> Array:
    """`x` with its axes in another order.

    Example:
        >>> corten.array_api.permute_dims(corten.array_api.ones((2, 3, 4)), (2, 0, 1)).shape
        (4, 2, 3)
    """
    return each_part(_core.transpose, x, tuple(axes))


def matrix_transpose(x: Array, /) -> Array:
    """`x` with its last two axes exchanged.

    Example:
        >>> corten.array_api.matrix_transpose(corten.tensor([[1, 2], [3, 4]])).tolist()
        [[1, 3], [2, 4]]
    """
    return array(x).mT


def reshape(x: Array, /, shape: Any, *, copy: bool | None = None) -> Array:
    """The same elements with another shape; one length may be -1.

    Tensors are values, so `copy` makes no difference.
    """
    return each_part(_core.reshape, x, shape_of(shape))


def roll(x: Array, /, shift: Any, *, axis: Any = None) -> Array:
    """Elements moved along axes, those that leave at the end come in at the start.

    Example:
        >>> corten.array_api.roll(corten.tensor([1, 2, 3]), 1).tolist()
        [3, 1, 2]
    """
    return each_part(manipulation.roll, x, shift, axis)


def repeat(x: Array, repeats: Any, /, *, axis: int | None = None) -> Array:
    """Each element several times in a row, along an axis or of the flattened array.

    Example:
        >>> corten.array_api.repeat(corten.tensor([1, 2]), 2).tolist()
        [1, 1, 2, 2]
    """
    x = array(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = axis_of("repeat", axis, x.ndim)
    counts = np.asarray(repeats)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"repeat: repeats must be integers; got {counts.dtype}")
    counts = np.broadcast_to(counts, (x.shape[axis],))
    places = np.repeat(np.arange(x.shape[axis], dtype=np.int32), counts)
    return each_part(_core.gather, x, _core.tensor(places), axis)


def tile(x: Array, repetitions: Any, /) -> Array:
    """The whole array several times along its axes.

    Example:
        >>> corten.array_api.tile(corten.tensor([1, 2]), (2,)).tolist()
        [1, 2, 1, 2]
    """
    return each_part(extension.tile, x, tuple(repetitions))


def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    """Elements at places along an axis; vectors need no `axis`.

    Example:
        >>> corten.array_api.take(corten.tensor([5, 6, 7]), corten.tensor([2, 0])).tolist()
        [7, 5]
    """
    x = array(x)
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take: axis must be given for an array of {x.ndim} dimensions")
        axis = 0
    return each_part(_core.gather, x, as_index(indices), axis_of("take", axis, x.ndim))


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Elements at places that differ from row to row, as `argsort` gives them.

    Example:
        >>> x = corten.tensor([[3, 1], [2, 4]])
        >>> corten.array_api.take_along_axis(x, corten.array_api.argsort(x)).tolist()
        [[1, 3], [2, 4]]
    """
    x, indices = array(x), as_index(indices)
    axis = axis_of("take_along_axis", axis, x.ndim)
    shape = np.broadcast_shapes(
        (*x.shape[:axis], *x.shape[axis + 1 :]), (*indices.shape[:axis], *indices.shape[axis + 1 :])
    )
    x = broadcast_to(x, (*shape[:axis], x.shape[axis], *shape[axis:]))
    indices = broadcast_to(indices, (*shape[:axis], indices.shape[axis], *shape[axis:]))
    return each_part(_core.take_along, x, indices, axis)


def diff(
    x: Array, /, *, axis: int = -1, n: int = 1, prepend: Array | None = None, append: Array | None = None
) -> Array:
    """Differences of neighbors along an axis, `n` times.

    Example:
        >>> corten.array_api.diff(corten.tensor([1, 4, 9])).tolist()
        [3, 5]
    """
    x = array(x)
    axis = axis_of("diff", axis, x.ndim)
    parts = [one for one in (prepend, x, append) if one is not None]
    x = concat(parts, axis=axis) if len(parts) > 1 else x
    return each_part(math.diff, x, n, axis)


__all__ = [
    "broadcast_arrays", "broadcast_to", "concat", "diff", "expand_dims", "flip", "matrix_transpose",
    "moveaxis", "permute_dims", "repeat", "reshape", "roll", "squeeze", "stack", "take",
    "take_along_axis", "tile", "unstack",
]  # fmt: skip
