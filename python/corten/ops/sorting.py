"""Order: sorting, largest elements, searching, counting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import _core
from corten.ops._common import (
    Tensor,
    TensorLike,
    as_float,
    as_index,
    as_tensor,
    axis_of,
    filled_beside,
    promoted,
    widest_float,
)
from corten.ops.dispatch import op
from corten.symbolic import meta_tensor, value_dependent_size


@op
def sort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Elements in ascending order along an axis; NaN goes last.

    Args:
        x: A tensor.
        axis: The axis; None sorts the flattened tensor.

    Returns:
        A tensor of the dtype of `x`.

    Example:
        >>> corten.ops.sort([3, 1, 2]).tolist()
        [1, 2, 3]
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = _core.reshape(x, (-1,)), 0
    if x.ndim == 0:
        return x
    return _core.sort(x, axis_of("sort", axis, x.ndim), False)[0]


@op
def argsort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Indices that sort along an axis; equal elements keep their order.

    Args:
        x: A tensor.
        axis: The axis; None sorts the flattened tensor.

    Returns:
        An int32 tensor.

    Example:
        >>> corten.ops.argsort([3, 1, 2]).tolist()
        [1, 2, 0]
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = _core.reshape(x, (-1,)), 0
    if x.ndim == 0:
        return _core.full((), 0, "int32")
    return _core.sort(x, axis_of("argsort", axis, x.ndim), False)[1]


@op
def argpartition(x: TensorLike, kth: int, axis: int | None = -1) -> Tensor:
    """Indices that put the `kth` smallest element in its place, smaller ones before it.

    Args:
        x: A tensor.
        kth: The place.
        axis: The axis; None partitions the flattened tensor.

    Returns:
        An int32 tensor.

    Example:
        >>> int(corten.ops.argpartition([3, 1, 2], 0)[0])
        1
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = _core.reshape(x, (-1,)), 0
    axis = axis_of("argpartition", axis, x.ndim)
    if not -x.shape[axis] <= kth < x.shape[axis]:
        raise ValueError(f"argpartition: kth={kth} is out of range for axis {axis} of {x.shape}")
    # A full sort is one valid partition.
    return _core.sort(x, axis, False)[1]


@op
def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` largest elements of the last axis, largest first.

    Args:
        x: A tensor.
        k: How many.
        sorted: Whether they must be in order; they always are.

    Returns:
        Values and int32 indices.

    Example:
        >>> values, indices = corten.ops.top_k([1, 9, 5], 2)
        >>> values.tolist(), indices.tolist()
        ([9, 5], [1, 2])
    """
    values, indices = _core.top_k(as_tensor(x), k)
    return values, indices


@op
def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Tensor:
    """Whether each target class is among the `k` largest predictions.

    Args:
        targets: Class numbers of shape ``(batch,)``.
        predictions: Scores of shape ``(batch, classes)``.
        k: How many count as top; ties at the border count.

    Returns:
        A bool tensor of shape ``(batch,)``; False where the target's score is not finite.

    Example:
        >>> corten.ops.in_top_k([1, 0], [[0.1, 0.9], [0.2, 0.8]], 1).tolist()
        [True, False]
    """
    targets, predictions = as_index(targets), as_float(predictions)
    place = _core.expand_dims(targets, targets.ndim)
    score = _core.take_along(predictions, place, predictions.ndim - 1)
    larger = _core.cast(_core.compare("greater", predictions, score), "int32")
    rank = _core.reduce("sum", larger, -1, False)
    finite = _core.unary("isfinite", _core.reshape(score, targets.shape))
    return _core.binary("bitwise_and", _core.compare("less", rank, k), finite)


@op
def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> Tensor:
    """Where values would have to be inserted to keep a sequence sorted.

    Args:
        sorted_sequence: An ascending tensor with one axis.
        values: The values to insert.
        side: ``'left'`` is before equal elements, ``'right'`` after them.

    Returns:
        An int32 tensor of the shape of `values`.

    Example:
        >>> corten.ops.searchsorted([1, 3, 5], [3, 4]).tolist()
        [1, 2]
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right'; got {side!r}")
    sorted_sequence, values = promoted(sorted_sequence, values)
    return _core.searchsorted(sorted_sequence, values, side == "right")


@op
def digitize(x: TensorLike, bins: TensorLike) -> Tensor:
    """In which bin each element falls.

    Args:
        x: A tensor.
        bins: Ascending bin edges; bin `i` is ``bins[i - 1] <= x < bins[i]``.

    Returns:
        An int32 tensor of the shape of `x`.

    Example:
        >>> corten.ops.digitize([0.5, 1.0, 7.0], [1.0, 2.0, 3.0]).tolist()
        [0, 1, 3]
    """
    bins, x = promoted(bins, x)
    return _core.searchsorted(bins, x, True)


@op
def bincount(
    x: TensorLike, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False
) -> Tensor:
    """How often each number from 0 up occurs.

    Args:
        x: Non-negative integers with one axis, or rows of them with two.
        weights: What each occurrence counts; None is 1.
        minlength: The least length of the result.
        sparse: Must be False.

    Returns:
        A tensor of ``max(max(x) + 1, minlength)`` counts, int32 or the dtype of `weights`; one row
        per row of `x`.

    Example:
        >>> corten.ops.bincount([1, 2, 1]).tolist()
        [0, 2, 1]
    """
    if sparse:
        raise NotImplementedError("bincount: sparse tensors do not exist in Corten; use sparse=False")
    x = as_index(x)
    length = minlength
    if x.size and x.device != "meta":
        low, high = int(_core.reduce("min", x, None, False)), int(_core.reduce("max", x, None, False))
        if low < 0:
            raise ValueError(f"bincount: the numbers must not be negative; got {low}")
        length = max(minlength, high + 1)
    rows = math.prod(x.shape[:-1])
    counts = filled_beside(x, x.shape, 1, "int32") if weights is None else as_tensor(weights)
    flat = x
    if x.ndim == 2:
        offset = _core.reshape(_core.arange(0, rows * length, max(length, 1), x.dtype), (rows, 1))
        flat = _core.binary("add", x, offset)
    base = filled_beside(flat, (rows * length,), 0, counts.dtype)
    total = _core.scatter(base, _core.reshape(flat, (-1,)), _core.reshape(counts, (-1,)), 0, "add")
    return _core.reshape(total, (*x.shape[:-1], length))


@op
def histogram(
    x: TensorLike, bins: int = 10, range: tuple[float, float] | None = None
) -> tuple[Tensor, Tensor]:
    """Counts of elements in equal bins.

    Args:
        x: A tensor.
        bins: How many.
        range: The lower and upper end; None is from the smallest to the largest element.

    Returns:
        Counts (int32) and the ``bins + 1`` edges.

    Example:
        >>> counts, edges = corten.ops.histogram([1.0, 2.0, 2.0, 3.0], bins=2)
        >>> counts.tolist(), edges.tolist()
        ([1, 3], [1.0, 2.0, 3.0])
    """
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(
            f"histogram: Argument `bins` should be a non-negative integer, and not 0; got {bins!r}"
        )
    if range is not None:
        if len(range) != 2:
            raise ValueError(
                f"histogram: Argument `range` must be a tuple of two elements, (low, high); got {range}"
            )
        if range[0] > range[1]:
            raise ValueError(
                f"histogram: The second element of `range` must be greater than the first; got {range}"
            )
    values = _core.reshape(as_float(x), (-1,))
    if values.device == "meta":
        return meta_tensor((bins,), "int32"), meta_tensor((bins + 1,), values.dtype)
    if range is None:
        low, high = 0.0, 1.0
        if values.size:
            low = float(_core.reduce("min", values, None, False))
            high = float(_core.reduce("max", values, None, False))
    else:
        low, high = range
    if low == high:
        low, high = low - 0.5, high + 0.5
    steps = _core.binary("multiply", _core.arange(0, bins + 1, 1, widest_float(values)), (high - low) / bins)
    edges = _core.cast(_core.binary("add", steps, low), values.dtype)
    inside = _core.binary(
        "bitwise_and", _core.compare("greater_equal", values, low), _core.compare("less_equal", values, high)
    )
    place = _core.binary("subtract", _core.searchsorted(edges, values, True), 1)
    # The last bin is closed on both sides.
    place = _core.binary("maximum", _core.binary("minimum", place, bins - 1), 0)
    counts = _core.scatter(_core.full((bins,), 0, "int32"), place, _core.cast(inside, "int32"), 0, "add")
    return counts, edges


@op
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements of a tensor, ascending.

    Args:
        x: A tensor. Its values decide the shape of the result: of a symbolic one the length is not known
            without `size`.
        sorted: Whether the result must be in order; it always is.
        return_index: Whether to give where each first occurs.
        return_inverse: Whether to give, for each element of `x`, its place in the result.
        return_counts: Whether to give how often each occurs.
        axis: The axis whose slices are compared; None compares the elements.
        size: The length of the result: cut, or filled with `fill_value`.
        fill_value: What fills up to `size`; None is the smallest element.

    Returns:
        The elements, and what was asked for as int32 tensors.

    Example:
        >>> values, counts = corten.ops.unique([3, 1, 3], return_counts=True)
        >>> values.tolist(), counts.tolist()
        ([1, 3], [1, 2])
    """
    x = as_tensor(x)
    asked = (return_index, return_inverse, return_counts)
    if x.device == "meta":
        return _unique_shapes(x, asked, axis, size)
    array = x.detach().numpy()
    values, index, inverse, counts = np.unique(
        array, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(array.shape if axis is None else (-1,))
    if size is not None:
        place = 0 if axis is None else axis
        missing = size - values.shape[place]
        if missing < 0:
            values = np.take(values, np.arange(size), axis=place)
            index, counts = index[:size], counts[:size]
        elif missing:
            fill = np.take(values, [0] * missing, axis=place)
            if fill_value is not None:
                fill = np.full_like(fill, fill_value)
            values = np.concatenate([values, fill], axis=place)
            index = np.concatenate([index, np.repeat(index[:1], missing)])
            counts = np.concatenate([counts, np.zeros(missing, counts.dtype)])
    results = [as_tensor(np.ascontiguousarray(values))]
    for wanted, extra in zip(asked, (index, inverse, counts), strict=True):
        if wanted:
            results.append(as_tensor(extra.astype(np.int32)))
    return results[0] if len(results) == 1 else tuple(results)


def _unique_shapes(x: Tensor, asked: tuple[bool, bool, bool], axis: int | None, size: int | None) -> Any:
    """What `unique` gives for a symbolic tensor."""
    count = value_dependent_size() if size is None else size
    if axis is None:
        shape, inverse = (count,), x.shape
    else:
        axis = axis_of("unique", axis, x.ndim)
        shape, inverse = (*x.shape[:axis], count, *x.shape[axis + 1 :]), (x.shape[axis],)
    extras = [
        meta_tensor(extra, "int32")
        for wanted, extra in zip(asked, ((count,), inverse, (count,)), strict=True)
        if wanted
    ]
    values = meta_tensor(shape, x.dtype)
    return (values, *extras) if extras else values
