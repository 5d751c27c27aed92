"""Images as users give them, as NumPy arrays with channels last."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.layers.arguments import data_format_or_default


def image_batch(function: str, images: Any, data_format: str | None, argument: str = "images") -> np.ndarray:
    """Give a batch of images with channels last.

    Raises:
        ValueError: There are not four axes.
    """
    array = np.asarray(images)
    if array.ndim != 4:
        raise ValueError(
            f"{function}: `{argument}` must be batched 4D tensor. Received: {argument}.shape={array.shape}. "
            f"Give a single image as {argument}[None]."
        )
    last = data_format_or_default(function, data_format) == "channels_last"
    return array if last else array.transpose(0, 2, 3, 1)


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Images of 0 to 255 as uint8; floats that do not go beyond 1 are taken for images of 0 to 1."""
    if images.dtype.kind == "f" and images.size:
        images = np.clip(images, 0, 1) * 255 if images.max() <= 1.0 else np.clip(images, 0, 255)
    return images.astype("uint8")
