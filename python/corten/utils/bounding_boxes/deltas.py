"""Boxes as distances from anchors, the targets of detection models."""

from __future__ import annotations

from typing import Any

from corten import config, ops
from corten.utils.bounding_boxes.formats import convert_format


def _checked(function: str, argument: str, encoding: str, variance: Any) -> Any:
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(
            f"{function}: `{argument}` should be one of 'center_xywh' or 'center_yxhw', got {encoding!r}"
        )
    if variance is None:
        return None
    variance = ops.convert_to_tensor(variance, "float32")
    if variance.ndim == 0 or variance.shape[-1] != 4:
        raise ValueError(f"{function}: `variance` must be length 4, got {variance.tolist()}")
    return variance


def _size(image_shape: Any) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Boxes as shifts and logarithmic sizes relative to anchors (Faster R-CNN, arXiv:1506.01497).

    Args:
        anchors: Shape ``(..., 4)``.
        boxes: Shape ``(..., 4)``, matched with the anchors.
        anchor_format: Format of the anchors.
        box_format: Format of the boxes.
        encoding_format: "center_yxhw" or "center_xywh": the order of the numbers in the result.
        variance: 4 numbers that the result is divided by.
        image_shape: ``(height, width, channels)``, for relative formats.

    Raises:
        ValueError: The encoding is unknown or `variance` has not 4 numbers.

    Example:
        >>> encode_box_to_deltas([[0.0, 0.0, 4.0, 4.0]], [[2.0, 0.0, 6.0, 4.0]], "xyxy", "xyxy").tolist()
        [[0.0, 0.5, 0.0, 0.0]]
    """
    variance = _checked("encode_box_to_deltas", "encoding_format", encoding_format, variance)
    height, width = _size(image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    anchor_sizes = ops.maximum(anchors[..., 2:], config.epsilon())
    sizes = ops.maximum(boxes[..., 2:], config.epsilon())
    shifts = (boxes[..., :2] - anchors[..., :2]) / anchor_sizes
    deltas = ops.concatenate([shifts, ops.log(sizes / anchor_sizes)], axis=-1)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Boxes from what `encode_box_to_deltas` gave, or a detection model predicts.

    Args:
        anchors: Shape ``(..., 4)``, or a dict of such, one per level of a feature pyramid.
        boxes_delta: Shape ``(..., 4)``, or a dict with the same keys.
        anchor_format: Format of the anchors.
        box_format: Format wanted.
        encoded_format: "center_yxhw" or "center_xywh", as given to `encode_box_to_deltas`.
        variance: 4 numbers, as given to `encode_box_to_deltas`.
        image_shape: ``(height, width, channels)``, for relative formats.

    Raises:
        ValueError: The encoding is unknown or `variance` has not 4 numbers.

    Example:
        >>> decode_deltas_to_boxes([[0.0, 0.0, 4.0, 4.0]], [[0.0, 0.5, 0.0, 0.0]], "xyxy", "xyxy").tolist()
        [[2.0, 0.0, 6.0, 4.0]]
    """
    variance = _checked("decode_deltas_to_boxes", "encoded_format", encoded_format, variance)
    height, width = _size(image_shape)

    def decoded(anchor: Any, delta: Any) -> Any:
        anchor = convert_format(anchor, anchor_format, encoded_format, height, width)
        delta = ops.convert_to_tensor(delta)
        delta = delta if variance is None else delta * variance
        center = delta[..., :2] * anchor[..., 2:] + anchor[..., :2]
        box = ops.concatenate([center, ops.exp(delta[..., 2:]) * anchor[..., 2:]], axis=-1)
        return convert_format(box, encoded_format, box_format, height, width)

    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        return {level: decoded(anchor, boxes_delta[level]) for level, anchor in anchors.items()}
    return decoded(anchors, boxes_delta)
