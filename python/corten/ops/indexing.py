"""Reading and writing parts of tensors by index."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.ops._common import (
    FLOATS,
    Tensor,
    TensorLike,
    as_index,
    as_tensor,
    axis_of,
    filled_beside,
    shape_of,
)
from corten.ops.dispatch import op
from corten.symbolic import meta_tensor, value_dependent_size

_LARGEST = 2**63 - 1


@op
def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Elements at indices along an axis.

    Args:
        x: A tensor.
        indices: Integers; negative ones count from the end.
        axis: The axis; None takes from the flattened tensor.

    Returns:
        A tensor in which the shape of `indices` stands in place of the axis.

    Raises:
        IndexError: An index is out of range.

    Example:
        >>> corten.ops.take([10, 20, 30], [2, 0]).tolist()
        [30, 10]
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = _core.reshape(x, (-1,)), 0
    return _core.gather(x, as_index(indices), axis_of("take", axis, x.ndim))


@op
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Elements at indices along an axis, one list of indices for each line of `x`.

    Args:
        x: A tensor.
        indices: Integers with as many axes as `x`; axes but `axis` broadcast.
        axis: The axis; None works on the flattened tensors.

    Returns:
        A tensor of the (broadcast) shape of `indices`.

    Example:
        >>> corten.ops.take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1).tolist()
        [[20], [30]]
    """
    x, indices = as_tensor(x), as_index(indices)
    if axis is None:
        x, indices, axis = _core.reshape(x, (-1,)), _core.reshape(indices, (-1,)), 0
    axis = axis_of("take_along_axis", axis, x.ndim)
    if indices.ndim != x.ndim:
        raise ValueError(
            f"take_along_axis: indices need {x.ndim} dimensions, as x has; got {indices.shape} for {x.shape}"
        )
    if any_differs(x.shape, indices.shape, axis):
        common = [builtins.max(a, b) if b else 0 for a, b in zip(x.shape, indices.shape, strict=True)]
        at = list(common)
        at[axis] = x.shape[axis]
        x = _core.broadcast_to(x, tuple(at))
        at[axis] = indices.shape[axis]
        indices = _core.broadcast_to(indices, tuple(at))
    return _core.take_along(x, indices, axis)


def any_differs(one: tuple[int, ...], other: tuple[int, ...], axis: int) -> bool:
    """Whether two shapes differ on an axis other than `axis`."""
    return one[:axis] != other[:axis] or one[axis + 1 :] != other[axis + 1 :]


@op
def get_item(x: TensorLike, key: Any) -> Tensor:
    """``x[key]``.

    Args:
        x: A tensor.
        key: Ints, slices, ellipsis, None, integer or bool arrays, or a tuple of these.

    Returns:
        A tensor.

    Example:
        >>> int(corten.ops.get_item([[1, 2], [3, 4]], (0, 1)))
        2
    """
    return as_tensor(x)[key]


@op
def from_the_start(indices: TensorLike) -> Tensor:
    """Makes negative indices out of range, for what has no end to count from: labels, ids of embeddings.

    Args:
        indices: Integers.

    Returns:
        A tensor of indices, equal where they are not negative.

    Example:
        >>> from_the_start(corten.ops.convert_to_tensor([0, 3])).tolist()
        [0, 3]
    """
    indices = as_index(indices)
    if indices.dtype == "int32":
        return _core.cast(_core.cast(indices, "uint32"), "int64")
    return _core.where(_core.compare("less", indices, 0), _LARGEST, indices)


@op
def where(condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None) -> Any:
    """Elements of `x1` where a condition holds, of `x2` elsewhere.

    Args:
        condition: A bool tensor; nonzero counts as true.
        x1: A tensor or number.
        x2: A tensor or number.

    Returns:
        A tensor of the broadcast shape and promoted dtype; with the condition alone, `nonzero` of it.

    Example:
        >>> corten.ops.where([True, False], [1, 2], 0).tolist()
        [1, 0]
    """
    condition = as_tensor(condition, "bool")
    if x1 is None and x2 is None:
        return _nonzero(condition)
    if x1 is None or x2 is None:
        raise ValueError("where: `x1` and `x2` either both should be `None` or both given")
    return _core.where(condition, x1, x2)


@op
def select(
    condlist: Sequence[TensorLike], choicelist: Sequence[TensorLike], default: TensorLike = 0
) -> Tensor:
    """Elements of the first choice whose condition holds.

    Args:
        condlist: Bool tensors.
        choicelist: As many tensors or numbers.
        default: What is given where no condition holds.

    Returns:
        A tensor.

    Example:
        >>> x = corten.ops.arange(4)
        >>> corten.ops.select([x < 1, x > 2], [x + 10, x * 10], -1).tolist()
        [10, -1, -1, 30]
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"select: as many choices as conditions are needed; got {len(condlist)} and {len(choicelist)}"
        )
    result = default
    for condition, choice in zip(reversed(list(condlist)), reversed(list(choicelist)), strict=True):
        result = _core.where(as_tensor(condition, "bool"), choice, result)
    return result


def _limit(limit: TensorLike | None, dtype: str) -> Any:
    return limit if limit is None or type(limit) in (int, float) else as_tensor(limit, dtype)


def _recorded(x: Any) -> bool:
    """Whether a gradient may be asked for."""
    return isinstance(x, Tensor) and bool(x.requires_grad)


@op
def clip(x: TensorLike, x_min: TensorLike, x_max: TensorLike) -> Tensor:
    """Limits elements to a range.

    Args:
        x: A tensor.
        x_min: The lower limit; None is no limit.
        x_max: The upper limit; None is no limit.

    Returns:
        A tensor of the dtype of `x`. The gradient passes where ``x_min <= x <= x_max``.

    Example:
        >>> corten.ops.clip([-1, 5, 9], 0, 7).tolist()
        [0, 5, 7]
    """
    x = as_tensor(x)
    if x.dtype == "bool":
        x = _core.cast(x, "int32")
    low, high = _limit(x_min, x.dtype), _limit(x_max, x.dtype)
    if x.dtype in FLOATS and not builtins.any(_recorded(one) for one in (x, low, high)):
        x = x if low is None else _core.binary("maximum", x, low)
        return x if high is None else _core.binary("minimum", x, high)
    # `where` rather than maximum and minimum: an element on the limit keeps its whole gradient.
    if low is not None:
        x = _core.where(_core.compare("less", x, low), low, x)
    if high is not None:
        x = _core.where(_core.compare("greater", x, high), high, x)
    return x


def _nonzero(x: Tensor) -> tuple[Tensor, ...]:
    if x.device == "meta":
        size = value_dependent_size()
        return tuple(meta_tensor((size,), "int32") for _ in x.shape)
    return _core.nonzero(x)


@op
def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """Indices of nonzero elements.

    Args:
        x: A tensor.

    Returns:
        One int32 tensor per axis. Of a symbolic tensor their length is not known.

    Example:
        >>> [axis.tolist() for axis in corten.ops.nonzero([[0, 5], [7, 0]])]
        [[0, 1], [1, 0]]
    """
    return _nonzero(as_tensor(x))


@op
def unravel_index(indices: TensorLike, shape: Any) -> tuple[Tensor, ...]:
    """Turns indices into a flattened tensor into one index per axis.

    Args:
        indices: Integers; negative ones count from the end.
        shape: The shape of the tensor.

    Returns:
        One tensor per axis, of the dtype of `indices`.

    Example:
        >>> [axis.tolist() for axis in corten.ops.unravel_index([1, 5], (2, 3))]
        [[0, 1], [1, 2]]
    """
    indices = as_tensor(indices)
    rest = as_index(indices)
    shape = shape_of(shape)
    rest = _core.where(_core.compare("less", rest, 0), _core.binary("add", rest, math.prod(shape)), rest)
    places = []
    for size in reversed(shape):
        places.append(_core.binary("mod", rest, size))
        rest = _core.binary("floor_divide", rest, size)
    return tuple(_core.cast(place, indices.dtype) for place in reversed(places))


def _flat_places(name: str, indices: TensorLike, shape: tuple[int, ...]) -> tuple[Tensor, tuple[int, ...]]:
    """Turns index tuples (the last axis) into flat places; gives also the shape of one update."""
    indices = as_index(indices)
    depth = indices.shape[-1] if indices.ndim else 0
    if depth == 0 or depth > len(shape):
        raise ValueError(
            f"{name}: the last axis of indices holds 1 to {len(shape)} indices into {shape}; "
            f"got {indices.shape}"
        )
    places: Any = 0
    for axis in range(depth):
        one = _core.gather(indices, as_tensor(axis, "int32"), indices.ndim - 1)
        one = _core.where(_core.compare("less", one, 0), _core.binary("add", one, shape[axis]), one)
        places = _core.binary("add", _core.binary("multiply", places, shape[axis]), one)
    return _core.reshape(places, (-1,)), shape[depth:]


@op
def scatter(indices: TensorLike, values: TensorLike, shape: Any) -> Tensor:
    """Zeros of a shape with values added at indices.

    Args:
        indices: Integers; the last axis holds one index per leading axis of `shape`.
        values: What to add, one slice per index tuple.
        shape: The shape of the result.

    Returns:
        A tensor of the dtype of `values`; values at equal indices add up.

    Example:
        >>> corten.ops.scatter([[0], [2], [0]], [1.0, 2.0, 3.0], (3,)).tolist()
        [4.0, 0.0, 2.0]
    """
    values, shape = as_tensor(values), shape_of(shape)
    places, rest = _flat_places("scatter", indices, shape)
    depth = len(shape) - len(rest)
    base = filled_beside(values, (math.prod(shape[:depth]), *rest), 0)
    updates = _core.reshape(values, (places.shape[0], *rest))
    return _core.reshape(_core.scatter(base, places, updates, 0, "add"), shape)


_REDUCTIONS = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}


@op
def scatter_update(
    inputs: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str | None = None
) -> Tensor:
    """A tensor with other values at some indices.

    Args:
        inputs: A tensor.
        indices: Integers; the last axis holds one index per leading axis of `inputs`.
        updates: The values, one slice per index tuple.
        reduction: None replaces (the last of equal indices stays); ``'add'``, ``'mul'``, ``'max'``
            and ``'min'`` combine with what is there.

    Returns:
        A tensor of the shape and dtype of `inputs`.

    Example:
        >>> corten.ops.scatter_update([1, 2, 3], [[1]], [9]).tolist()
        [1, 9, 3]
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"scatter_update: reduction must be None, 'add', 'mul', 'max' or 'min'; got {reduction!r}"
        )
    inputs = as_tensor(inputs)
    places, rest = _flat_places("scatter_update", indices, inputs.shape)
    depth = inputs.ndim - len(rest)
    base = _core.reshape(inputs, (math.prod(inputs.shape[:depth]), *rest))
    values = _core.reshape(as_tensor(updates, inputs.dtype), (places.shape[0], *rest))
    return _core.reshape(_core.scatter(base, places, values, 0, _REDUCTIONS[reduction]), inputs.shape)


@op
def slice(inputs: TensorLike, start_indices: TensorLike, shape: Any) -> Tensor:
    """A block of a tensor.

    Args:
        inputs: A tensor.
        start_indices: Where the block starts, one integer per axis; may be a tensor.
        shape: The shape of the block; -1 is up to the end.

    Returns:
        A tensor of that shape.

    Example:
        >>> corten.ops.slice([[1, 2], [3, 4]], (0, 1), (2, 1)).tolist()
        [[2], [4]]
    """
    inputs = as_tensor(inputs)
    block = shape_of(shape)
    if len(block) != inputs.ndim:
        raise ValueError(
            "slice: the number of dimensions in `inputs` must match the number of dimensions in `shape`; "
            f"got inputs of shape {inputs.shape} and shape={block}"
        )
    if isinstance(start_indices, Tensor) and start_indices.device == "meta":
        # Symbolic starts have no values: a block has its size, and what goes up to the end an unknown one.
        return meta_tensor([value_dependent_size() if dim == -1 else dim for dim in block], inputs.dtype)
    starts = _starts("slice", start_indices, inputs.ndim)
    sizes = [
        dim - start if size == -1 else size
        for size, dim, start in zip(block, inputs.shape, starts, strict=True)
    ]
    stops = [start + size for start, size in zip(starts, sizes, strict=True)]
    if any_out(starts, stops, inputs.shape):
        raise ValueError(
            f"slice: the block {tuple(sizes)} at {tuple(starts)} does not lie within {inputs.shape}"
        )
    return _core.slice(inputs, starts, stops, [1] * inputs.ndim)


def any_out(starts: list[int], stops: list[int], shape: tuple[int, ...]) -> bool:
    """Whether a block reaches out of a shape."""
    return not builtins.all(
        0 <= start <= stop <= dim for start, stop, dim in zip(starts, stops, shape, strict=True)
    )


def _starts(name: str, start_indices: TensorLike, rank: int) -> list[int]:
    starts = list(shape_of(start_indices))
    if len(starts) != rank:
        raise ValueError(
            f"{name}: the number of dimensions in `start_indices` must match the number of dimensions in "
            f"`inputs`: {rank} integers, one per axis; got {len(starts)}"
        )
    return starts


@op
def slice_update(inputs: TensorLike, start_indices: TensorLike, updates: TensorLike) -> Tensor:
    """A tensor with a block replaced.

    Args:
        inputs: A tensor.
        start_indices: Where the block starts, one integer per axis.
        updates: The block.

    Returns:
        A tensor of the shape and dtype of `inputs`.

    Example:
        >>> corten.ops.slice_update([1, 2, 3, 4], [1], [8, 9]).tolist()
        [1, 8, 9, 4]
    """
    inputs = as_tensor(inputs)
    updates = as_tensor(updates, inputs.dtype)
    if isinstance(start_indices, Tensor) and start_indices.device == "meta":
        return _core.copy(inputs)
    starts = _starts("slice_update", start_indices, inputs.ndim)
    stops = [start + size for start, size in zip(starts, updates.shape, strict=True)]
    if any_out(starts, stops, inputs.shape):
        raise ValueError(
            f"slice_update: the block {updates.shape} at {tuple(starts)} does not lie within {inputs.shape}"
        )
    region = tuple(builtins.slice(start, stop) for start, stop in zip(starts, stops, strict=True))
    result = _core.copy(inputs)
    result[region] = updates
    return result
