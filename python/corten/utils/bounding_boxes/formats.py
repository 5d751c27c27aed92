"""Formats of boxes, and what happens to boxes when an image is clipped, cropped, padded or warped."""

from __future__ import annotations

import difflib
import math
from typing import Any

from corten import ops

FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh",
    "rel_center_xywh",
)  # fmt: skip


def corners(boxes: Any) -> list[Any]:
    """The four columns of boxes, each with a last axis of size 1."""
    return list(ops.split(boxes, 4, axis=-1))


def joined(*columns: Any) -> Any:
    """Columns back as boxes."""
    return ops.concatenate(columns, axis=-1)


def _check_format(function: str, argument: str, value: Any) -> str:
    name = value.lower() if isinstance(value, str) else value
    if name not in FORMATS:
        close = difflib.get_close_matches(str(name), FORMATS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"{function}: Invalid source or target format. `{argument}` must be one of {FORMATS}; "
            f"got {value!r}.{hint}"
        )
    return str(name)


def _need_xyxy(function: str, bounding_box_format: str) -> None:
    if bounding_box_format != "xyxy":
        raise NotImplementedError(
            f"{function}: bounding_box_format must be 'xyxy'; got {bounding_box_format!r}. Convert the boxes "
            f"with convert_format first."
        )


def _to_xyxy(boxes: Any, source: str) -> Any:
    a, b, c, d = corners(boxes)
    if source == "yxyx":
        return joined(b, a, d, c)
    if source == "xywh":
        return joined(a, b, a + c, b + d)
    if source == "center_xywh":
        return joined(a - c / 2, b - d / 2, a + c / 2, b + d / 2)
    if source == "center_yxhw":
        return joined(b - d / 2, a - c / 2, b + d / 2, a + c / 2)
    return boxes


def _from_xyxy(boxes: Any, target: str) -> Any:
    left, top, right, bottom = corners(boxes)
    wide, high = right - left, bottom - top
    if target == "yxyx":
        return joined(top, left, bottom, right)
    if target == "xywh":
        return joined(left, top, wide, high)
    if target == "center_xywh":
        return joined(left + wide / 2, top + high / 2, wide, high)
    if target == "center_yxhw":
        return joined(top + high / 2, left + wide / 2, high, wide)
    return boxes


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: str = "float32"
) -> Any:
    """Boxes in another format.

    Args:
        boxes: Shape ``(..., 4)``; or a dict with the key "boxes", of which a copy is returned.
        source: Their format: "xyxy" (left, top, right, bottom), "yxyx", "xywh" (left, top, width, height),
            "center_xywh", "center_yxhw", or "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh", where
            1 is the size of the image.
        target: The format wanted.
        height: Height of the image; needed where one of the formats is relative. A number or a tensor
            that broadcasts to ``(..., 1)``.
        width: Width of the image.
        dtype: The dtype of the result.

    Raises:
        ValueError: A format is unknown, the last axis is not 4, or a size is missing.

    Example:
        >>> convert_format([[10.0, 20.0, 30.0, 60.0]], "xyxy", "center_xywh").tolist()
        [[20.0, 40.0, 20.0, 40.0]]
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source = _check_format("convert_format", "source", source)
    target = _check_format("convert_format", "target", target)
    boxes = ops.convert_to_tensor(boxes)
    if boxes.ndim < 1 or boxes.shape[-1] != 4:
        raise ValueError(
            f"convert_format: `boxes` must be a tensor with the last dimension of 4; got shape {boxes.shape}."
        )
    relative = source.startswith("rel_"), target.startswith("rel_")
    if any(relative) and (height is None or width is None):
        raise ValueError(
            "convert_format: must receive `height` and `width` between relative and absolute formats; got "
            f"source={source!r}, target={target!r}, height={height}, width={width}."
        )
    boxes = ops.cast(boxes, dtype)
    if source == target:
        return boxes
    boxes = _to_xyxy(boxes, source.removeprefix("rel_"))
    if relative[0] != relative[1]:
        wide, high = (ops.cast(ops.convert_to_tensor(size), dtype) for size in (width, height))
        columns = zip(corners(boxes), (wide, high, wide, high), strict=True)
        boxes = joined(*(column * size if relative[0] else column / size for column, size in columns))
    return _from_xyxy(boxes, target.removeprefix("rel_"))


def clip_to_image_size(
    bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Boxes cut at the borders of the image; labels of boxes of which nothing is left become -1.

    Args:
        bounding_boxes: A dict with "boxes", shape ``(..., 4)``, and maybe "labels", shape ``(...)``.
        height: Height of the image; needed for "xyxy".
        width: Width of the image; needed for "xyxy".
        bounding_box_format: "xyxy" or "rel_xyxy".

    Returns:
        A new dict.

    Raises:
        NotImplementedError: Another format.
        ValueError: A size is missing.

    Example:
        >>> clip_to_image_size({"boxes": [[-5.0, 2.0, 8.0, 30.0]], "labels": [1]}, 20, 10)["boxes"].tolist()
        [[0.0, 2.0, 8.0, 20.0]]
    """
    if bounding_box_format not in ("xyxy", "rel_xyxy"):
        raise NotImplementedError(
            "clip_to_image_size: bounding_box_format must be 'xyxy' or 'rel_xyxy'; "
            f"got {bounding_box_format!r}."
        )
    if bounding_box_format == "xyxy" and (height is None or width is None):
        raise ValueError("clip_to_image_size: `height` and `width` must be set if `format='xyxy'`.")
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
    wide, high = (width, height) if bounding_box_format == "xyxy" else (1.0, 1.0)
    clipped = [
        ops.minimum(ops.maximum(column, 0), ops.cast(ops.convert_to_tensor(size), boxes.dtype))
        for column, size in zip(corners(boxes), (wide, high, wide, high), strict=True)
    ]
    result = {**bounding_boxes, "boxes": joined(*clipped)}
    labels = bounding_boxes.get("labels")
    if labels is not None:
        left, top, right, bottom = clipped
        area = ops.squeeze((right - left) * (bottom - top), axis=-1)
        labels = ops.convert_to_tensor(labels)
        result["labels"] = ops.where(area > 0, labels, ops.full_like(labels, -1))
    return result


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> Any:
    """Boxes as they lie in a window of the image.

    Args:
        boxes: Shape ``(..., 4)``.
        top: First row of the window.
        left: First column of the window.
        height: Rows of the window.
        width: Columns of the window.
        bounding_box_format: Must be "xyxy".

    Raises:
        NotImplementedError: Another format.

    Example:
        >>> crop([[10.0, 10.0, 30.0, 40.0]], top=5, left=20, height=20, width=20).tolist()
        [[0.0, 5.0, 10.0, 20.0]]
    """
    _need_xyxy("crop", bounding_box_format)
    moved = pad(boxes, ops.negative(top), ops.negative(left))
    return clip_to_image_size({"boxes": moved}, height, width)["boxes"]


def pad(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Boxes as they lie in an image to which rows and columns were added.

    Args:
        boxes: Shape ``(..., 4)``.
        top: Rows added above.
        left: Columns added at the left.
        height: Accepted as in Keras; absolute boxes do not depend on it.
        width: Accepted as in Keras; absolute boxes do not depend on it.
        bounding_box_format: Must be "xyxy".

    Raises:
        NotImplementedError: Another format.

    Example:
        >>> pad([[1.0, 2.0, 3.0, 4.0]], top=10, left=20).tolist()
        [[21.0, 12.0, 23.0, 14.0]]
    """
    _need_xyxy("pad", bounding_box_format)
    x1, y1, x2, y2 = corners(ops.convert_to_tensor(boxes))
    return joined(x1 + left, y1 + top, x2 + left, y2 + top)


def _affine_rows(
    numbers: list[Any], height: Any, width: Any, center: tuple[float, float]
) -> tuple[list[Any], list[Any]]:
    """Two rows of three numbers per image that map points of the input to points of the result."""
    angle, translate_x, translate_y, scale, shear_x, shear_y = numbers
    radian = math.pi / 180.0
    turn, lean_x, lean_y = (-value * radian for value in (angle, shear_x, shear_y))
    across, down = center[0] * (width - 1), center[1] * (height - 1)
    moved_x = across - translate_x * (width - 1)
    moved_y = down - translate_y * (height - 1)
    tilt, cosine, tangent = turn - lean_y, ops.cos(lean_y), ops.tan(lean_x)
    a, c = ops.cos(tilt) / cosine, -ops.sin(tilt) / cosine
    b, d = a * tangent + ops.sin(turn), ops.cos(turn) - c * tangent
    first, second = [d * scale, -b * scale], [-c * scale, a * scale]
    first.append(across - first[0] * moved_x - first[1] * moved_y)
    second.append(down - second[0] * moved_x - second[1] * moved_y)
    return first, second


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: float | None = None,
    center_y: float | None = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """The upright boxes around rotated, moved, scaled and sheared boxes.

    Args:
        boxes: Shape ``(batch, boxes, 4)``.
        angle: Degrees, one per image, as are the following.
        translate_x: Shift across, as a part of the width.
        translate_y: Shift down, as a part of the height.
        scale: Factor of the size.
        shear_x: Degrees of shear across.
        shear_y: Degrees of shear down.
        height: Height of the images.
        width: Width of the images.
        center_x: The fixed point, as a part of the width; None is 0.5.
        center_y: The fixed point, as a part of the height; None is 0.5.
        bounding_box_format: Must be "xyxy".

    Raises:
        NotImplementedError: Another format.

    Example:
        >>> zero, one = corten.ops.zeros((1,)), corten.ops.ones((1,))
        >>> affine_transform([[[0.0, 0.0, 2.0, 4.0]]], zero, zero, zero, one, zero, zero, 9, 9).tolist()
        [[[0.0, 0.0, 2.0, 4.0]]]
    """
    _need_xyxy("affine_transform", bounding_box_format)
    boxes = ops.cast(ops.convert_to_tensor(boxes), "float32")
    numbers = [
        ops.reshape(ops.cast(ops.convert_to_tensor(value), "float32"), (-1, 1, 1))
        for value in (angle, translate_x, translate_y, scale, shear_x, shear_y)
    ]
    center = (0.5 if center_x is None else center_x, 0.5 if center_y is None else center_y)
    first, second = _affine_rows(numbers, height, width, center)
    x1, y1, x2, y2 = corners(boxes)
    x, y = joined(x1, x2, x2, x1), joined(y1, y1, y2, y2)
    new_x = first[0] * x + first[1] * y + first[2]
    new_y = second[0] * x + second[1] * y + second[2]
    return enclosing(new_x, new_y)


def enclosing(x: Any, y: Any) -> Any:
    """The upright boxes around the points of the last axis."""
    return ops.stack(
        [ops.min(x, axis=-1), ops.min(y, axis=-1), ops.max(x, axis=-1), ops.max(y, axis=-1)], axis=-1
    )
