"""Repeating and padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_tensor, axis_of, filled_beside, shape_of
from corten.ops.dispatch import op


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
    if any(count < 0 for count in counts):
        raise ValueError(f"repeat: repeats must not be negative; got {min(counts)}")
    if sum(counts) >= 2**31:
        raise ValueError(f"repeat: {sum(counts)} elements along axis {axis} are too many: at most 2**31 - 1")
    places = np.repeat(np.arange(size, dtype=np.int32), counts)
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
        raise ValueError(
            f"pad: Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    pairs = _pad_pairs(pad_width, x.ndim)
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        value = value.item() if hasattr(value, "item") else value
        return _core.pad(x, pairs, value)
    for axis, (low, high) in enumerate(pairs):
        if low or high:
            _check_padded(mode, x.shape[axis], low, high)
            if x.device == "meta":
                # No list of places for shapes alone: a file may say any width.
                longer = x.shape[axis] + low + high
                x = filled_beside(x, (*x.shape[:axis], longer, *x.shape[axis + 1 :]), 0)
                continue
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


def _check_padded(mode: str, size: int, low: int, high: int) -> None:
    if size == 0:
        raise ValueError(f"pad: mode {mode!r} cannot extend an empty axis; use mode='constant'")
    if size + low + high >= 2**31:
        raise ValueError(f"pad: {size + low + high} elements along an axis are too many: at most 2**31 - 1")


def _as_places(mode: str, size: int, low: int, high: int) -> list[int]:
    """Where each padded element comes from."""
    places = range(-low, size + high)
    if mode == "edge":
        return [min(max(place, 0), size - 1) for place in places]
    if mode in ("wrap", "circular"):
        return [place % size for place in places]
    if mode == "symmetric":
        return [min(place % (2 * size), 2 * size - 1 - place % (2 * size)) for place in places]
    period = max(2 * (size - 1), 1)
    return [min(place % period, period - place % period) if size > 1 else 0 for place in places]
