"""Joining tensors and cutting them into pieces."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any, cast

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_tensor, axis_of, promoted
from corten.ops.dispatch import op
from corten.ops.manipulation import piece
from corten.symbolic import hide_probes, is_unknown_size


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
    if _is_count(indices_or_sections):
        count = operator.index(cast("int", indices_or_sections))
        if count > 0 and is_unknown_size(x, axis):
            # Whatever the size is, the parts are equal, and as long as it turns out.
            x = piece(x, axis, 0, x.shape[axis] // count * count)
        if count < 1 or x.shape[axis] % count:
            raise ValueError(
                f"split: axis {axis} of {x.shape} does not divide into {count} equal parts; use array_split"
            )
    return _cut(x, indices_or_sections, axis)


def _is_count(where: Any) -> bool:
    """Whether it is one number of pieces: arrays of places have ``__index__`` too."""
    return hasattr(where, "__index__") and getattr(where, "ndim", 0) == 0


def _cut(x: Tensor, where: Any, axis: int) -> list[Tensor]:
    size = x.shape[axis]
    if _is_count(where):
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
        num: The size of the axis, checked if given; needed where the size is unknown.
        axis: The axis.

    Returns:
        A list of views of `x`.

    Raises:
        ValueError: `num` is not the size of the axis, or the size is unknown and there is no `num`.

    Example:
        >>> [part.tolist() for part in corten.ops.unstack([[1, 2], [3, 4]])]
        [[1, 2], [3, 4]]
    """
    x = as_tensor(x)
    axis = axis_of("unstack", axis, x.ndim)
    if is_unknown_size(x, axis):
        if num is None:
            raise ValueError(
                f"unstack: Cannot infer argument `num` from shape {hide_probes(x.shape)}: the size of axis "
                f"{axis} is unknown. Pass `num`"
            )
        x = piece(x, axis, 0, num)
    if num is not None and num != x.shape[axis]:
        raise ValueError(f"unstack: axis {axis} of {x.shape} has {x.shape[axis]} slices; got num={num}")
    return unpack(x, axis)
