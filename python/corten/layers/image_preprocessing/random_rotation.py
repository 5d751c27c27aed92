"""`RandomRotation`: turned images."""

from __future__ import annotations

import math
from typing import Any

from corten import ops
from corten.layers.image_preprocessing.affine import AffineLayer, matrix
from corten.utils.bounding_boxes import affine_transform


class RandomRotation(AffineLayer):
    """Turns images around their center by random angles.

    Args:
        factor: Bounds of the angle as parts of a full turn, counterclockwise if positive: a number f from
            0 to 1 for (-f, f), or two numbers.
        fill_mode: What lies outside: "reflect", "wrap", "constant" or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: Seed for repeatable angles.
        fill_value: The value outside, for "constant".
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Boxes become the upright boxes around the turned ones.

    Example:
        >>> import numpy as np
        >>> RandomRotation(0.1, seed=1)(np.ones((2, 4, 4, 3), "float32"), training=True).shape
        (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self._set_factor(factor)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the angles, in degrees.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        angle = self._uniform((size.batch,), (self.factor[0] * 360.0, self.factor[1] * 360.0), seed)
        turn = self._turned(angle, size.height, size.width)
        return {
            "angle": angle,
            "rotation_matrix": turn if size.batched else ops.squeeze(turn, 0),
            "image_height": size.height,
            "image_width": size.width,
            "batch_size": size.batch,
        }

    def _turned(self, angle: Any, height: int, width: int) -> Any:
        radians = angle * (math.pi / 180.0)
        cosine, sine = ops.cos(radians), ops.sin(radians)
        x, y = (width - 1) / 2, (height - 1) / 2
        right = x - x * cosine + y * sine
        down = y - x * sine - y * cosine
        return matrix(cosine, -sine, right, sine, cosine, down, 0.0, 0.0)

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        return transformation["rotation_matrix"]

    def _image_size(self, transformation: Any) -> tuple[int, int]:
        return transformation["image_height"], transformation["image_width"]

    def _moved_boxes(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        zero, one = ops.zeros((1,)), ops.ones((1,))
        angle = transformation["angle"]
        return affine_transform(boxes, angle, zero, zero, one, zero, zero, height, width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}
