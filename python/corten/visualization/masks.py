"""`draw_segmentation_masks`: classes of pixels as colors over images."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.visualization.arrays import image_batch


def _palette(count: int) -> np.ndarray:
    """Colors that differ from their neighbors; class 0 is black."""
    steps = np.array([2**25 - 1, 2**15 - 1, 2**21 - 1])
    return (np.arange(count)[:, None] * steps % 255).astype("float32")


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Any = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Color the pixels of images by their class.

    Args:
        images: Shape ``(batch, height, width, channels)``, 0 to 255.
        segmentation_masks: Integers of shape ``(batch, height, width, 1)``.
        num_classes: The number of classes; None takes the largest class plus 1.
        color_mapping: Class to color (red, green, blue), a dict or list; None takes a palette in which
            class 0 is black.
        alpha: How opaque colors are.
        blend: Whether to mix colors with the image; otherwise they replace it, and floats are returned.
        ignore_index: The class that is not colored.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Returns:
        An array of the shape of the images, channels last: uint8, or float32 where `blend` is False.

    Raises:
        ValueError: The shapes do not match, or a class has no color.
        TypeError: The masks are not integers.

    Example:
        >>> import numpy as np
        >>> masks = np.array([[[[1], [-1]]]])
        >>> colors = {0: (0, 0, 0), 1: (200, 0, 0)}
        >>> drawn = draw_segmentation_masks(np.full((1, 1, 2, 3), 100), masks, 2, colors)
        >>> drawn[0, 0].tolist()
        [[180, 20, 20], [100, 100, 100]]
    """
    pixels = image_batch("draw_segmentation_masks", images, data_format).astype("float32")
    masks = image_batch("draw_segmentation_masks", segmentation_masks, data_format, "segmentation_masks")
    if masks.dtype.kind not in "iu":
        raise TypeError(
            "draw_segmentation_masks: `segmentation_masks` must be in integer dtype. Received: "
            f"segmentation_masks.dtype={masks.dtype}"
        )
    if masks.shape != (*pixels.shape[:3], 1):
        raise ValueError(
            "draw_segmentation_masks: masks need the images' sizes and one channel, "
            f"{(*pixels.shape[:3], 1)}; got {masks.shape}."
        )
    classes = masks[..., 0].astype("int64")
    count = int(classes.max()) + 1 if num_classes is None else num_classes
    try:
        colors = (
            _palette(count)
            if color_mapping is None
            else np.asarray([color_mapping[index] for index in range(count)], "float32")
        )
    except (KeyError, IndexError) as error:
        raise ValueError(
            f"draw_segmentation_masks: `color_mapping` needs a color for each class from 0 to {count - 1}; "
            f"got {color_mapping!r}."
        ) from error
    known = (classes >= 0) & (classes < count) & (classes != ignore_index)
    drawn = pixels.copy()
    drawn[known] = colors[classes[known]]
    if not blend:
        return drawn
    mixed = pixels * (1 - alpha) + drawn * alpha
    return np.clip(np.where((classes != ignore_index)[..., None], mixed, pixels), 0, 255).astype("uint8")
