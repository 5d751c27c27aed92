"""`RandomPerspective`: images seen from the side."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.arguments import unit_interval
from corten.layers.image_preprocessing.affine import supported
from corten.layers.image_preprocessing.base import BaseImagePreprocessingLayer, Range, per_image
from corten.ops._common import widest_float
from corten.utils.bounding_boxes import clip_to_image_size, convert_format
from corten.utils.bounding_boxes.formats import corners, enclosing, joined


class RandomPerspective(BaseImagePreprocessingLayer):
    """Moves the four corners of images to random places.

    Args:
        factor: The probability to change an image: a number, or two that it is drawn between.
        scale: How far corners move: a number from 0 to 1; 1 moves them by up to half of their distance
            from the first corner, which stays.
        interpolation: "bilinear" or "nearest".
        fill_value: The value outside.
        seed: Seed for repeatable places.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Boxes become the upright boxes around the moved ones, in the format that they came in.

    Example:
        >>> import numpy as np
        >>> RandomPerspective(seed=1)(np.ones((2, 4, 4, 3), "float32"), training=True).shape
        (2, 4, 4, 3)
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS: Range = (0, 1)
    moves_pixels = True

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.scale = unit_interval("RandomPerspective", "scale", scale)
        self.interpolation = supported(
            "RandomPerspective", "interpolation", interpolation, ("nearest", "bilinear")
        )
        self.fill_value = fill_value
        self._set_seed(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw where the corners go.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        chosen = self._chosen(size.batch, self.factor, seed)
        move = self._uniform((size.batch, 4, 2), (-0.5 * self.scale, 0.5 * self.scale), seed)
        right, bottom = float(size.width - 1), float(size.height - 1)
        start = ops.convert_to_tensor(
            [[[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]]], dtype="float32"
        )
        start = ops.broadcast_to(start, (size.batch, 4, 2))
        images = data["images"] if isinstance(data, dict) else data
        return {
            "apply_perspective": chosen,
            "start_points": start,
            "end_points": start + start * move,
            "input_shape": tuple(images.shape),
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        moved = ops.image.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return ops.where(per_image(transformation["apply_perspective"], "bool"), moved, images)

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        if not training or transformation is None:
            return bounding_boxes
        own = self.bounding_box_format or "xyxy"
        shape = [int(size) for size in transformation["input_shape"]]
        height, width = shape[-3:-1] if self.data_format == "channels_last" else shape[-2:]
        moved = convert_format(bounding_boxes, own, "xyxy", height, width)
        x1, y1, x2, y2 = corners(moved["boxes"])
        x, y = _projected(
            joined(x1, x2, x2, x1),
            joined(y1, y1, y2, y2),
            transformation["start_points"],
            transformation["end_points"],
        )
        chosen = per_image(transformation["apply_perspective"], "bool", 2)
        moved["boxes"] = ops.where(chosen, enclosing(x, y), moved["boxes"])
        moved = clip_to_image_size(moved, height, width)
        return convert_format(moved, "xyxy", own, height, width)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "interpolation": self.interpolation,
            "fill_value": self.fill_value,
            "seed": self.seed,
        }


def _projected(x: Any, y: Any, start_points: Any, end_points: Any) -> tuple[Any, Any]:
    """Points of images, each moved by the projection that takes its image's four start points to the end."""
    start, end = ops.convert_to_tensor(start_points), ops.convert_to_tensor(end_points)
    start, end = ops.cast(start, widest_float(start)), ops.cast(end, widest_float(end))
    left, top = start[..., 0:1], start[..., 1:2]
    one, zero = ops.ones_like(left), ops.zeros_like(left)
    to_x, to_y = end[..., 0:1], end[..., 1:2]
    # Two equations per point for the 8 numbers of the projection.
    equations = ops.concatenate(
        [
            ops.concatenate([left, top, one, zero, zero, zero, -to_x * left, -to_x * top], axis=-1),
            ops.concatenate([zero, zero, zero, left, top, one, -to_y * left, -to_y * top], axis=-1),
        ],
        axis=1,
    )
    numbers = ops.solve(equations, ops.concatenate([to_x, to_y], axis=1))
    a = [ops.reshape(ops.cast(numbers[:, index], "float32"), (-1, 1, 1)) for index in range(8)]
    depth = a[6] * x + a[7] * y + 1.0
    return (a[0] * x + a[1] * y + a[2]) / depth, (a[3] * x + a[4] * y + a[5]) / depth
