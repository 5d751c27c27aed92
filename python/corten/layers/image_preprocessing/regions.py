"""Random rectangles in images, for layers that cut something out."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.image_preprocessing.base import ImageSize


def interval(start: Any, length: int, part: Any) -> tuple[Any, Any]:
    """Begin and end of intervals: `part` of the length each, `start` from 0 to 1 within the room left."""
    size = part * length
    begin = start * (length - size)
    return begin, begin + size


def rectangle_mask(size: ImageSize, across: Any, down: Any, data_format: str) -> Any:
    """A mask per image, true inside of its rectangle; it broadcasts over channels.

    Args:
        size: The size of the images.
        across: First column and end, shape ``(batch,)`` each.
        down: First row and end.
        data_format: Where the channels are.
    """
    shape = (1, 1, -1, 1) if data_format == "channels_last" else (1, 1, 1, -1)
    columns = ops.reshape(ops.arange(size.width, dtype="float32"), shape)
    shape = (1, -1, 1, 1) if data_format == "channels_last" else (1, 1, -1, 1)
    rows = ops.reshape(ops.arange(size.height, dtype="float32"), shape)
    left, right, top, bottom = (ops.reshape(edge, (-1, 1, 1, 1)) for edge in (*across, *down))
    inside = ops.logical_and(columns >= left, columns < right)
    return ops.logical_and(inside, ops.logical_and(rows >= top, rows < bottom))
