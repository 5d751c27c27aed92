"""`tf.image`."""

from __future__ import annotations

from typing import Any

from corten import ops


def resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Any:
    """Changes the size of images of shape `(height, width, channels)` or with a batch axis.

    Args:
        images: The images.
        size: New height and width.
        method: 'bilinear', 'nearest', 'bicubic', ...
        preserve_aspect_ratio: Take the largest size within `size` that does not distort.
        antialias: Smooth while making smaller.
        name: Ignored.

    Example:
        >>> import corten.tf as tf
        >>> resize(tf.zeros((8, 4, 3)), (4, 4)).shape
        (4, 4, 3)
        >>> resize(tf.zeros((8, 4, 3)), (4, 4), preserve_aspect_ratio=True).shape
        (4, 2, 3)
    """
    images = ops.convert_to_tensor(images)
    height, width = (int(part) for part in size)
    if preserve_aspect_ratio:
        scale = min(height / images.shape[-3], width / images.shape[-2])
        height, width = round(images.shape[-3] * scale), round(images.shape[-2] * scale)
    return ops.image.resize(images, (height, width), interpolation=method, antialias=antialias)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """Makes color images gray."""
    return ops.image.rgb_to_grayscale(ops.convert_to_tensor(images))


def flip_left_right(image: Any) -> Any:
    """Mirrors images.

    Example:
        >>> flip_left_right([[[1.0], [2.0]]]).tolist()
        [[[2.0], [1.0]]]
    """
    return ops.flip(image, axis=-2)


def flip_up_down(image: Any) -> Any:
    """Turns images upside down."""
    return ops.flip(image, axis=-3)


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Any:
    """Gives images in another dtype; whole numbers become fractions of their largest value.

    Example:
        >>> import numpy as np
        >>> convert_image_dtype(np.array([0, 255], dtype="uint8"), "float32").tolist()
        [0.0, 1.0]
    """
    image = ops.convert_to_tensor(image)
    if image.dtype == "uint8" and str(dtype).startswith("float"):
        return ops.divide(ops.cast(image, dtype), 255)
    if str(dtype) == "uint8" and image.dtype.startswith("float"):
        return ops.cast(ops.round(ops.clip(image, 0, 1) * 255), "uint8")
    return ops.cast(image, dtype)
