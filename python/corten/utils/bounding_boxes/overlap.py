"""How much boxes overlap."""

from __future__ import annotations

import math
from typing import Any

from corten import config, ops
from corten.utils.bounding_boxes.formats import convert_format, corners


def _area(boxes: Any) -> Any:
    left, top, right, bottom = corners(boxes)
    return (right - left) * (bottom - top)


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """Intersection over union of every box of one set with every box of another.

    Args:
        boxes1: Shape ``(m, 4)`` or ``(batch, m, 4)``.
        boxes2: Shape ``(n, 4)`` or ``(batch, n, 4)``.
        bounding_box_format: Their format, see `convert_format`.
        use_masking: Whether pairs with a padding box (all numbers below 0) get `mask_val`.
        mask_val: The value of such pairs.
        image_shape: ``(height, width, channels)``; needed for relative formats.

    Returns:
        Shape ``(m, n)`` or ``(batch, m, n)``, from 0 to 1.

    Raises:
        ValueError: The ranks are not 2 or 3, or `image_shape` is missing.

    Example:
        >>> iou = compute_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0]], "xyxy")
        >>> corten.ops.round(iou, 4).tolist()
        [[0.33329999446868896]]
    """
    boxes1, boxes2 = ops.convert_to_tensor(boxes1), ops.convert_to_tensor(boxes2)
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        if boxes.ndim not in (2, 3):
            raise ValueError(
                f"compute_iou: expects {name} to be batched, or to be unbatched: shape (boxes, 4) or "
                f"(batch, boxes, 4); got {boxes.shape}."
            )
    if "rel" in bounding_box_format and image_shape is None:
        raise ValueError(
            "compute_iou: When using relative bounding box formats (e.g. `rel_yxyx`) the `image_shape` "
            f"argument must be provided; got bounding_box_format={bounding_box_format!r}."
        )
    height, width = (None, None) if image_shape is None else image_shape[:2]
    first = convert_format(boxes1, bounding_box_format, "xyxy", height, width)
    second = convert_format(boxes2, bounding_box_format, "xyxy", height, width)
    left1, top1, right1, bottom1 = corners(first)
    left2, top2, right2, bottom2 = (ops.swapaxes(column, -1, -2) for column in corners(second))
    wide = ops.minimum(right1, right2) - ops.maximum(left1, left2)
    high = ops.minimum(bottom1, bottom2) - ops.maximum(top1, top2)
    common = ops.maximum(wide, 0) * ops.maximum(high, 0)
    union = _area(first) + ops.swapaxes(_area(second), -1, -2) - common
    result = common / (union + config.epsilon())
    if not use_masking:
        return result
    padding1 = ops.max(first, axis=-1, keepdims=True) < 0
    padding2 = ops.swapaxes(ops.max(second, axis=-1, keepdims=True) < 0, -1, -2)
    masked = ops.logical_or(padding1, padding2)
    return ops.where(masked, ops.full_like(result, mask_val), result)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> Any:
    """Complete intersection over union of pairs of boxes (arXiv:2005.03572).

    Overlap, less the distance of the centers and the difference of the aspect ratios.

    Args:
        boxes1: Shape ``(..., 4)``.
        boxes2: Shape ``(..., 4)``.
        bounding_box_format: Their format, an absolute one.
        image_shape: ``(height, width, channels)``.

    Returns:
        Shape ``(...)``, at most 1.

    Raises:
        ValueError: The format is relative.

    Example:
        >>> compute_ciou([[0.0, 0.0, 2.0, 2.0]], [[4.0, 0.0, 6.0, 2.0]], "xyxy").tolist()[0] < 0
        True
    """
    if "rel" in bounding_box_format:
        raise ValueError(
            f"compute_ciou: relative formats are not supported; got {bounding_box_format!r}. Convert the "
            f"boxes with convert_format first (`image_shape`={image_shape})."
        )
    height, width = (None, None) if image_shape is None else image_shape[:2]
    small = config.epsilon()
    pair = [convert_format(boxes, bounding_box_format, "xyxy", height, width) for boxes in (boxes1, boxes2)]
    (left1, top1, right1, bottom1), (left2, top2, right2, bottom2) = (
        [ops.squeeze(column, axis=-1) for column in corners(boxes)] for boxes in pair
    )
    wide1, high1 = right1 - left1, bottom1 - top1 + small
    wide2, high2 = right2 - left2, bottom2 - top2 + small
    common = ops.maximum(ops.minimum(right1, right2) - ops.maximum(left1, left2), 0) * ops.maximum(
        ops.minimum(bottom1, bottom2) - ops.maximum(top1, top2), 0
    )
    union = wide1 * high1 + wide2 * high2 - common + small
    iou = common / (union + small)
    hull_wide = ops.maximum(right1, right2) - ops.minimum(left1, left2)
    hull_high = ops.maximum(bottom1, bottom2) - ops.minimum(top1, top2)
    diagonal = ops.square(hull_wide) + ops.square(hull_high) + small
    distance = ops.square((left1 + right1 - left2 - right2) / 2) + ops.square(
        (top1 + bottom1 - top2 - bottom2) / 2
    )
    shape = 4 / math.pi**2 * ops.square(ops.arctan(wide2 / high2) - ops.arctan(wide1 / high1))
    weight = shape / (shape - iou + (1 + small))
    return iou - (distance / diagonal + shape * weight)
