"""`Resizing`: images of one size."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.arguments import positive_integer
from corten.layers.image_preprocessing.base import BaseImagePreprocessingLayer
from corten.utils.bounding_boxes import clip_to_image_size, convert_format


class Resizing(BaseImagePreprocessingLayer):
    """Resizes images, in training and outside.

    Args:
        height: Height of the result.
        width: Width of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5" or "area".
        crop_to_aspect_ratio: Whether to cut the largest centered window of the result's shape first, so
            that nothing is distorted.
        pad_to_aspect_ratio: Whether to pad to the result's shape first, so that nothing is distorted.
        fill_mode: How to pad; must be "constant".
        fill_value: The value to pad with.
        antialias: Whether a pixel of a smaller result averages all pixels that it covers.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Images keep an integer dtype. Masks are resized with "nearest", boxes with the image.

    Example:
        >>> import numpy as np
        >>> Resizing(8, 6)(np.ones((2, 4, 4, 3), "float32")).shape
        (2, 8, 6, 3)
    """

    _USE_BASE_FACTOR = False
    moves_pixels = True
    random_only = False
    keeps_shape = False

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive_integer("Resizing", "height", height)
        self.width = positive_integer("Resizing", "width", width)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        size = self._size(data)
        return size.height, size.width

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        return self._for_batch(ops.convert_to_tensor(images), transformation, self.interpolation)

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        height, width = transformation
        given = ops.convert_to_tensor(bounding_boxes["boxes"])
        # Boxes that only fill up the batch stay boxes of zeros.
        padding = ops.logical_or(
            ops.all(given == -1, axis=-1, keepdims=True), ops.all(given == 0, axis=-1, keepdims=True)
        )
        scale_x, scale_y, left, top = self._boxes_move(height, width)
        boxes = convert_format(given, self.bounding_box_format or "xyxy", "xyxy", height, width)
        factor = ops.convert_to_tensor([scale_x, scale_y, scale_x, scale_y], "float32")
        boxes = boxes * factor + ops.convert_to_tensor([left, top, left, top], "float32")
        result = clip_to_image_size({**bounding_boxes, "boxes": boxes}, self.height, self.width)
        result["boxes"] = ops.where(padding, ops.zeros_like(result["boxes"]), result["boxes"])
        return convert_format(result, "xyxy", self.bounding_box_format or "xyxy", self.height, self.width)

    def _boxes_move(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Factors and shifts of a box, across and down."""
        scale_x, scale_y = self.width / width, self.height / height
        if self.pad_to_aspect_ratio:
            scale = min(scale_x, scale_y)
            return scale, scale, (self.width - width * scale) // 2, (self.height - height * scale) // 2
        if self.crop_to_aspect_ratio:
            scale = max(scale_x, scale_y)
            return scale, scale, -((width * scale - self.width) // 2), -((height * scale - self.height) // 2)
        return scale_x, scale_y, 0.0, 0.0

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }
