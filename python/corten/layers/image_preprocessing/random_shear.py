"""`RandomShear`: slanted images."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.image_preprocessing.affine import AffineLayer, matrix
from corten.layers.image_preprocessing.base import Range
from corten.layers.image_preprocessing.random_translation import two_sided
from corten.utils.bounding_boxes import clip_to_image_size, convert_format
from corten.utils.bounding_boxes.formats import corners, joined


def _shear_range(name: str, factor: Any) -> Range:
    numbers = factor if isinstance(factor, (tuple, list)) else (factor,)
    # A pair (-f, f) is what Keras writes into configs for the number f.
    symmetric = len(numbers) == 2 and numbers[0] == -numbers[1]
    if not symmetric and any(isinstance(number, (int, float)) and number < 0 for number in numbers):
        raise ValueError(
            "RandomShear: The `factor` argument should be a number (or a list of two numbers) in the range "
            f"[0, 1.0]. Received: {name}={factor}"
        )
    return two_sided("RandomShear", name, factor, -1.0)


class RandomShear(AffineLayer):
    """Slants images: rows shift by a part of their number, columns likewise.

    Args:
        x_factor: Bounds of the slant of rows, in columns per row: a number from 0 to 1, or two, the
            sign being drawn.
        y_factor: Bounds of the slant of columns.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside: "reflect", "wrap", "constant" or "nearest".
        fill_value: The value outside, for "constant".
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable slants.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Boxes are slanted as in Keras, in parts of the image's sizes: exact where images are square.

    Example:
        >>> import numpy as np
        >>> RandomShear(0.2, seed=1)(np.ones((2, 4, 4, 3), "float32"), training=True).shape
        (2, 4, 4, 3)
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor = _shear_range("x_factor", x_factor)
        self.y_factor = _shear_range("y_factor", y_factor)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the slants: of rows, then of columns.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        shape = (size.batch, 1)
        sign = ops.where(self._uniform(shape, (0.0, 1.0), seed) > 0.5, -1.0, 1.0)
        down = self._uniform(shape, self.y_factor, seed)
        across = self._uniform(shape, self.x_factor, seed)
        images = data["images"] if isinstance(data, dict) else data
        return {
            "shear_factor": ops.concatenate([across, down], axis=1) * sign,
            "input_shape": tuple(images.shape),
        }

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        slant = ops.convert_to_tensor(transformation["shear_factor"])
        return matrix(1.0, slant[:, 0], 0.0, slant[:, 1], 1.0, 0.0, 0.0, 0.0)

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        if not training or transformation is None:
            return bounding_boxes
        own = self.bounding_box_format or "xyxy"
        size = self._image_size(transformation)
        moved = convert_format(bounding_boxes, own, "rel_xyxy", *size)
        slant = ops.cast(ops.convert_to_tensor(transformation["shear_factor"]), "float32")
        across, down = ops.reshape(slant[:, 0], (-1, 1, 1)), ops.reshape(slant[:, 1], (-1, 1, 1))
        x1, y1, x2, y2 = corners(moved["boxes"])
        left = ops.minimum(x1 - across * y1, x1 - across * y2)
        right = ops.maximum(x2 - across * y1, x2 - across * y2)
        top = ops.minimum(y1 - down * left, y1 - down * right)
        bottom = ops.maximum(y2 - down * left, y2 - down * right)
        moved["boxes"] = joined(left, top, right, bottom)
        moved = clip_to_image_size(moved, bounding_box_format="rel_xyxy")
        return convert_format(moved, "rel_xyxy", own, *size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "x_factor": self.x_factor, "y_factor": self.y_factor}
