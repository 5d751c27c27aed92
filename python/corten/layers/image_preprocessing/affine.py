"""Layers that warp images by an affine transformation: rotation, shear, translation, zoom."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.image_preprocessing.base import BaseImagePreprocessingLayer
from corten.utils.bounding_boxes import clip_to_image_size, convert_format


def supported(layer: str, argument: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Give a mode back if it is known.

    Raises:
        NotImplementedError: It is not.
    """
    if value not in allowed:
        raise NotImplementedError(f"{layer}: Unknown `{argument}` {value}. Expected one of {allowed}.")
    return str(value)


class AffineLayer(BaseImagePreprocessingLayer):
    """Base: what is drawn gives 8 numbers per image, as `corten.ops.image.affine_transform` takes them."""

    _USE_BASE_FACTOR = False
    moves_pixels = True

    def __init__(
        self,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        name = type(self).__name__
        self.fill_mode = supported(name, "fill_mode", fill_mode, ("reflect", "wrap", "constant", "nearest"))
        self.interpolation = supported(name, "interpolation", interpolation, ("nearest", "bilinear"))
        self.fill_value = fill_value
        self._set_seed(seed)

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        """Where pixels come from: shape ``(batch, 8)``."""
        raise NotImplementedError

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        size = self._size(images)
        return ops.image.affine_transform(
            images,
            self._matrix(transformation, size.height, size.width),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def _moved_boxes(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        """Boxes of format "xyxy", moved like the pixels."""
        raise NotImplementedError

    def _image_size(self, transformation: Any) -> tuple[int, int]:
        shape = transformation["input_shape"]
        height, width = shape[-3:-1] if self.data_format == "channels_last" else shape[-2:]
        return height, width

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        if not training or transformation is None:
            return bounding_boxes
        own = self.bounding_box_format or "xyxy"
        height, width = self._image_size(transformation)
        moved = convert_format(bounding_boxes, own, "xyxy", height, width)
        moved["boxes"] = self._moved_boxes(moved["boxes"], transformation, height, width)
        moved = clip_to_image_size(moved, height, width)
        return convert_format(moved, "xyxy", own, height, width)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "interpolation": self.interpolation,
            "seed": self.seed,
        }


def matrix(*numbers: Any) -> Any:
    """Eight columns (numbers, or tensors of shape ``(batch,)``) as one tensor."""
    columns = [ops.reshape(ops.cast(ops.convert_to_tensor(number), "float32"), (-1,)) for number in numbers]
    batch = max(column.shape[0] for column in columns)
    return ops.stack([ops.broadcast_to(column, (batch,)) for column in columns], axis=1)
