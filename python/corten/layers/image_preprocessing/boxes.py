"""Boxes as users give them, checked and as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops


def dense_boxes(layer: str, bounding_boxes: Any) -> dict[str, Any]:
    """Give boxes as a dict of tensors; images with fewer boxes than others get boxes of zeros, labeled -1.

    Args:
        layer: The layer, for messages.
        bounding_boxes: A dict with "boxes", ``(batch, boxes, 4)`` or ``(boxes, 4)``, and "labels"; both
            tensors, arrays, or (nested) lists.

    Raises:
        ValueError: A key is missing, or boxes and labels do not match.
    """
    if (
        not isinstance(bounding_boxes, dict)
        or "boxes" not in bounding_boxes
        or "labels" not in bounding_boxes
    ):
        raise ValueError(
            f"{layer}: Expected `bounding_boxes` argument to be a dict with keys 'boxes' and 'labels'. "
            f"Received: bounding_boxes={bounding_boxes}"
        )
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if isinstance(boxes, (list, tuple)):
        if not isinstance(labels, (list, tuple)) or len(boxes) != len(labels):
            raise ValueError(
                f"{layer}: If `bounding_boxes['boxes']` is a list, then `bounding_boxes['labels']` must also "
                f"be a list of the same length, {len(boxes)}; got {labels!r}."
            )
        boxes, labels = _filled_up(layer, boxes, labels)
    boxes = ops.cast(ops.convert_to_tensor(boxes), "float32")
    labels = ops.convert_to_tensor(labels)
    if boxes.ndim not in (2, 3) or boxes.shape[-1] != 4:
        raise ValueError(
            f"{layer}: Expected `bounding_boxes['boxes']` to have rank 2 or 3, with shape (num_boxes, 4) or "
            f"(batch_size, num_boxes, 4). Received: bounding_boxes['boxes'].shape={boxes.shape}"
        )
    if labels.ndim not in (boxes.ndim - 1, boxes.ndim):
        raise ValueError(
            f"{layer}: Found bounding_boxes['boxes'].shape={boxes.shape} and expected "
            f"bounding_boxes['labels'] to have rank {boxes.ndim - 1} or {boxes.ndim}, but received: "
            f"bounding_boxes['labels'].shape={labels.shape}"
        )
    return {**bounding_boxes, "boxes": boxes, "labels": labels}


def _filled_up(layer: str, boxes: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    lists = [np.asarray(one, "float32") for one in boxes]
    if all(one.ndim == 1 and one.size == 4 for one in lists):
        return np.stack(lists).reshape(-1, 4), np.asarray(labels)
    count = max((len(one) for one in lists), default=0)
    full = np.zeros((len(lists), count, 4), "float32")
    classes = np.full((len(lists), count), -1, "int32")
    for index, (one, own) in enumerate(zip(lists, labels, strict=True)):
        if len(own) != len(one):
            raise ValueError(
                f"{layer}: image {index} has {len(one)} boxes and {len(own)} labels; give one label per box."
            )
        if len(one):
            full[index, : len(one)] = one
            classes[index, : len(one)] = own
    return full, classes
