"""Segments, sequences, distances, differences."""

from __future__ import annotations

import math
from typing import Any

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_index, as_tensor, axis_of, promoted_float
from corten.ops.dispatch import op
from corten.ops.manipulation import piece
from corten.symbolic import is_unknown_size, meta_tensor, value_dependent_size


@op
def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbors along an axis.

    Args:
        a: A tensor.
        n: How often to take them.
        axis: The axis; it becomes `n` shorter.

    Returns:
        A tensor of the dtype of `a`.

    Example:
        >>> corten.ops.diff([1, 4, 9]).tolist()
        [3, 5]
    """
    a = as_tensor(a)
    axis = axis_of("diff", axis, a.ndim)
    if n < 0:
        raise ValueError(f"diff: n must not be negative; got {n}")
    for _ in range(n):
        size = a.shape[axis]
        if size == 0:
            break
        high, low = piece(a, axis, 1, size), piece(a, axis, 0, size - 1)
        a = (
            _core.compare("not_equal", high, low)
            if a.dtype == "bool"
            else _core.binary("subtract", high, low)
        )
    return a


def _segments(
    name: str, data: TensorLike, segment_ids: TensorLike, num_segments: int | None, mode: str, start: Any
) -> Tensor:
    data, ids = as_tensor(data), as_index(segment_ids)
    if ids.ndim != 1:
        raise ValueError(
            f"{name}: Argument `segment_ids` should be an 1-D vector, one number per row of data; got shape "
            f"{ids.shape}"
        )
    symbolic = "meta" in (data.device, ids.device)
    unknown = symbolic and data.ndim > 0 and (is_unknown_size(data, 0) or is_unknown_size(ids, 0))
    if data.ndim < 1 or (data.shape[0] != ids.shape[0] and not unknown):
        raise ValueError(
            f"{name}: Argument `segment_ids` and `data` should have same leading dimension. "
            f"Got {ids.shape} and {data.shape}: one number per row is needed"
        )
    if symbolic:
        rows = value_dependent_size() if num_segments is None else int(num_segments)
        return meta_tensor((rows, *data.shape[1:]), data.dtype)
    if num_segments is None:
        num_segments = int(_core.reduce("max", ids, None, False)) + 1 if ids.size else 0
    # Rows with a number out of range are dropped: they go to one more segment, cut off at the end.
    valid = _core.binary(
        "bitwise_and", _core.compare("greater_equal", ids, 0), _core.compare("less", ids, num_segments)
    )
    ids = _core.where(valid, ids, num_segments)
    base = _core.full((num_segments + 1, *data.shape[1:]), start(data.dtype), data.dtype)
    return piece(_core.scatter(base, ids, data, 0, mode), 0, 0, num_segments)


def _lowest(dtype: str) -> Any:
    if dtype.startswith(("float", "bfloat")):
        return -math.inf
    if dtype == "bool":
        return False
    return 0 if dtype.startswith("u") else -(2 ** (int(dtype[3:]) - 1))


def _highest(dtype: str) -> Any:
    if dtype.startswith(("float", "bfloat")):
        return math.inf
    if dtype == "bool":
        return True
    # uint64's largest number does not fit the engine's 64-bit integer scalars.
    bits = int(dtype.removeprefix("u")[3:])
    return min(2**bits - 1, 2**63 - 1) if dtype.startswith("u") else 2 ** (bits - 1) - 1


@op
def segment_sum(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Sums of the rows of each segment.

    Args:
        data: A tensor.
        segment_ids: The segment of each row; rows with a number out of range are dropped.
        num_segments: How many segments there are; None is the largest number plus 1.
        sorted: Whether the numbers ascend; makes no difference.

    Returns:
        A tensor with one row per segment; 0 for an empty one.

    Example:
        >>> corten.ops.segment_sum([1, 2, 3], [0, 1, 0]).tolist()
        [4, 2]
    """
    return _segments("segment_sum", data, segment_ids, num_segments, "add", lambda dtype: 0)


@op
def segment_prod(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Products of the rows of each segment.

    Args:
        data: A tensor.
        segment_ids: The segment of each row; rows with a number out of range are dropped.
        num_segments: How many segments there are; None is the largest number plus 1.
        sorted: Whether the numbers ascend; makes no difference.

    Returns:
        A tensor with one row per segment; 1 for an empty one.

    Example:
        >>> corten.ops.segment_prod([1, 2, 3], [0, 1, 0]).tolist()
        [3, 2]
    """
    return _segments("segment_prod", data, segment_ids, num_segments, "multiply", lambda dtype: 1)


@op
def segment_max(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Largest elements of the rows of each segment.

    Args:
        data: A tensor.
        segment_ids: The segment of each row; rows with a number out of range are dropped.
        num_segments: How many segments there are; None is the largest number plus 1.
        sorted: Whether the numbers ascend; makes no difference.

    Returns:
        A tensor with one row per segment; the dtype's lowest value for an empty one.

    Example:
        >>> corten.ops.segment_max([1, 2, 3], [0, 1, 0]).tolist()
        [3, 2]
    """
    return _segments("segment_max", data, segment_ids, num_segments, "max", _lowest)


@op
def segment_min(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Smallest elements of the rows of each segment.

    Args:
        data: A tensor.
        segment_ids: The segment of each row; rows with a number out of range are dropped.
        num_segments: How many segments there are; None is the largest number plus 1.
        sorted: Whether the numbers ascend; makes no difference.

    Returns:
        A tensor with one row per segment; the dtype's largest value for an empty one.

    Example:
        >>> corten.ops.segment_min([1, 2, 3], [0, 1, 0]).tolist()
        [1, 2]
    """
    return _segments("segment_min", data, segment_ids, num_segments, "min", _highest)


@op
def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Overlapping pieces of the last axis.

    Args:
        x: A tensor.
        sequence_length: The length of a piece.
        sequence_stride: The distance of their starts.

    Returns:
        A tensor of shape ``(..., pieces, sequence_length)``.

    Example:
        >>> corten.ops.extract_sequences([1, 2, 3, 4], 2, 1).tolist()
        [[1, 2], [2, 3], [3, 4]]
    """
    x = as_tensor(x)
    if x.ndim < 1:
        raise ValueError(f"extract_sequences: Input should have rank >= 1. Received: shape {x.shape}")
    if sequence_length < 1 or sequence_stride < 1:
        raise ValueError(
            f"extract_sequences: length and stride must be positive; "
            f"got {sequence_length} and {sequence_stride}"
        )
    count = max((x.shape[-1] - sequence_length) // sequence_stride + 1, 0)
    if x.device == "meta":
        return meta_tensor((*x.shape[:-1], count, sequence_length), x.dtype)
    starts = _core.reshape(_core.arange(0, count * sequence_stride, sequence_stride, "int32"), (count, 1))
    places = _core.binary("add", starts, _core.arange(0, sequence_length, 1, "int32"))
    return _core.gather(x, places, x.ndim - 1)


@op
def cdist(x: TensorLike, y: TensorLike) -> Tensor:
    """Euclidean distances between all pairs of rows.

    Args:
        x: Shape ``(..., n, size)``.
        y: Shape ``(..., m, size)``.

    Returns:
        A float tensor of shape ``(..., n, m)``. The gradient of a distance of 0 is 0.

    Example:
        >>> corten.ops.cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 0.0]]).tolist()
        [[5.0, 0.0]]
    """
    x, y = promoted_float(x, y)
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"cdist: rows of one size are needed; got {x.shape} and {y.shape}")
    apart = _core.binary("subtract", _core.expand_dims(x, x.ndim - 1), _core.expand_dims(y, y.ndim - 2))
    square = _core.reduce("sum", _core.unary("square", apart), -1, False)
    zero = _core.compare("equal", square, 0.0)
    return _core.where(zero, 0.0, _core.unary("sqrt", _core.where(zero, 1.0, square)))
