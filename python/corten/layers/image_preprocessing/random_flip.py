"""`RandomFlip`: mirrored images."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.arguments import one_of
from corten.layers.image_preprocessing.base import BaseImagePreprocessingLayer, per_box, per_image
from corten.utils.bounding_boxes import clip_to_image_size, convert_format
from corten.utils.bounding_boxes.formats import corners, joined

_MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(BaseImagePreprocessingLayer):
    """Mirrors every second image of a batch, on average.

    Args:
        mode: "horizontal" (left and right change places), "vertical", or "horizontal_and_vertical",
            which does both to an image or neither.
        seed: Seed for repeatable decisions.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> image = np.array([[[1.0], [2.0], [3.0]]], "float32")
        >>> flip = RandomFlip("horizontal")
        >>> flip.transform_images(image, {"flips": [[[True]]]})[0, :, 0].tolist()
        [3.0, 2.0, 1.0]
    """

    _USE_BASE_FACTOR = False
    moves_pixels = True

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.mode = one_of("RandomFlip", "mode", mode, _MODES)
        self._set_seed(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        size = self._size(data)
        shape = (size.batch, 1, 1, 1) if size.batched else (1, 1, 1)
        images = data["images"] if isinstance(data, dict) else data
        return {
            "flips": self._uniform(shape, (0.0, 1.0), seed) <= 0.5,
            "input_shape": tuple(images.shape),
        }

    def _flipped_axes(self) -> list[int]:
        rows = 1 if self.data_format == "channels_last" else 2
        return [axis for axis, way in ((rows + 1, "horizontal"), (rows, "vertical")) if way in self.mode]

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        flips = per_image(transformation["flips"], "bool")
        return ops.where(flips, ops.flip(images, axis=self._flipped_axes()), images)

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        if not training or transformation is None:
            return bounding_boxes
        own = self.bounding_box_format or "xyxy"
        shape = transformation["input_shape"]
        size = shape[-3:-1] if self.data_format == "channels_last" else shape[-2:]
        moved = convert_format(bounding_boxes, own, "rel_xyxy", *size)
        left, top, right, bottom = corners(moved["boxes"])
        if "horizontal" in self.mode:
            left, right = 1 - right, 1 - left
        if "vertical" in self.mode:
            top, bottom = 1 - bottom, 1 - top
        flips = per_box(transformation["flips"], "bool", moved["boxes"])
        moved["boxes"] = ops.where(flips, joined(left, top, right, bottom), moved["boxes"])
        moved = clip_to_image_size(moved, bounding_box_format="rel_xyxy")
        return convert_format(moved, "rel_xyxy", own, *size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode, "seed": self.seed}
