"""`draw_bounding_boxes`: boxes and their labels drawn into images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten.utils.bounding_boxes import convert_format
from corten.visualization.arrays import as_bytes, image_batch


def _frame(image: np.ndarray, box: np.ndarray, color: np.ndarray, thickness: int) -> None:
    """Draw the four edges of a box, as wide as `thickness`, half of it outside."""
    height, width = image.shape[:2]
    left, top, right, bottom = (int(number) for number in box)
    before, after = thickness // 2, (thickness + 1) // 2
    rows = slice(max(top - before, 0), max(min(bottom + after, height), 0))
    columns = slice(max(left - before, 0), max(min(right + after, width), 0))
    for edge in (top, bottom):
        image[max(edge - before, 0) : max(edge + after, 0), columns] = color
    for edge in (left, right):
        image[rows, max(edge - before, 0) : max(edge + after, 0)] = color


def _write(image: np.ndarray, text: str, box: np.ndarray, color: Any, scale: float, thickness: int) -> None:
    """Write a label above a box, or into it where there is no room."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise ImportError(
            "draw_bounding_boxes: labels are written with Pillow; install it with "
            "`pip install corten[image]`, or leave `class_mapping` out."
        ) from error
    size = max(1.0, 22.0 * scale)
    font = ImageFont.load_default(size)
    x, y = int(box[0]), int(box[1])
    place = (x, y - size - 4) if y - size - 6 > 0 else (x + 3, y + thickness + 1)
    picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
    draw = ImageDraw.Draw(picture)
    fill = tuple(int(part) for part in color) if image.shape[-1] == 3 else int(color[0])
    draw.text(place, text, font=font, fill=fill, stroke_width=max(0, thickness - 1), stroke_fill=fill)
    image[...] = np.asarray(picture).reshape(image.shape)


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: dict[str, Any],
    bounding_box_format: str,
    class_mapping: dict[int, str] | None = None,
    color: Sequence[int] = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int | None = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Draw boxes, and the names of their classes, into images.

    Args:
        images: Shape ``(batch, height, width, channels)`` with 1 or 3 channels; 0 to 255, or floats of 0
            to 1.
        bounding_boxes: A dict with "boxes", ``(batch, boxes, 4)``, "labels", ``(batch, boxes)``, and maybe
            "confidences" of that shape. Boxes labeled -1 are left out.
        bounding_box_format: The format of the boxes, see `corten.utils.bounding_boxes.convert_format`.
        class_mapping: Label to name. Names are written with Pillow (`pip install corten[image]`).
        color: Red, green and blue.
        line_thickness: Pixels of the lines.
        text_thickness: Thickness of letters; None takes `line_thickness`.
        font_scale: Size of letters; 1 is 22 pixels.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Returns:
        A uint8 array, ``(batch, height, width, channels)``.

    Raises:
        ValueError: The shape of the images, or a missing key.
        TypeError: `bounding_boxes` is not a dict.
        ImportError: Names are to be written and Pillow is missing.

    Example:
        >>> import numpy as np
        >>> boxes = {"boxes": [[[1.0, 1.0, 4.0, 4.0]]], "labels": [[0]]}
        >>> image = np.zeros((1, 6, 6, 3))
        >>> drawn = draw_bounding_boxes(image, boxes, "xyxy", color=(9, 9, 9), line_thickness=1)
        >>> drawn[0, :, :, 0].tolist()[1:4]
        [[0, 9, 9, 9, 9, 0], [0, 9, 0, 0, 9, 0], [0, 9, 0, 0, 9, 0]]
    """
    if not isinstance(bounding_boxes, dict):
        raise TypeError(
            f"draw_bounding_boxes: `bounding_boxes` should be a dict. Received: {bounding_boxes!r} of type "
            f"{type(bounding_boxes).__name__}"
        )
    if "boxes" not in bounding_boxes or "labels" not in bounding_boxes:
        raise ValueError(
            "draw_bounding_boxes: `bounding_boxes` should be a dict containing 'boxes' and 'labels' keys. "
            f"Received keys: {sorted(bounding_boxes)}"
        )
    drawn = np.array(as_bytes(image_batch("draw_bounding_boxes", images, data_format)))
    if drawn.shape[-1] not in (1, 3):
        raise ValueError(f"draw_bounding_boxes: images need 1 or 3 channels; got shape {drawn.shape}.")
    boxes = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *drawn.shape[1:3])
    corners = np.trunc(np.asarray(boxes))
    labels = np.asarray(bounding_boxes["labels"]).astype("int64")
    confidences = bounding_boxes.get("confidences")
    names = class_mapping or {}
    for index, image in enumerate(drawn):
        for number, (box, label) in enumerate(zip(corners[index], labels[index], strict=True)):
            if label == -1:
                continue
            _frame(image, box, np.asarray(color[: image.shape[-1]], "uint8"), line_thickness)
            if int(label) in names:
                text = str(names[int(label)])
                if confidences is not None:
                    text += f" | {float(np.asarray(confidences)[index][number]):.2f}"
                _write(image, text, box, color, font_scale, text_thickness or line_thickness)
    return drawn
