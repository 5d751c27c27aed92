"""`RandomTranslation`: shifted images."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.image_preprocessing.affine import AffineLayer, matrix
from corten.layers.image_preprocessing.base import Range, per_box
from corten.utils.bounding_boxes import pad


def two_sided(layer: str, name: str, factor: Any, low: float, *, open_low: bool = False) -> Range:
    """A factor from `low` to 1 as (lower, upper); one number f stands for (-f, f)."""
    numbers = factor if isinstance(factor, (tuple, list)) else (factor,)
    good = len(numbers) == (2 if numbers is factor else 1) and all(
        isinstance(number, (int, float))
        and not isinstance(number, bool)
        and low <= number <= 1.0
        and not (open_low and number == low)
        for number in numbers
    )
    if not good:
        raise ValueError(
            f"{layer}: The `factor` argument should be a number (or a list of two numbers) in the range "
            f"{'(' if open_low else '['}{low}, 1.0]. Received: {name}={factor}"
        )
    if len(numbers) == 1:
        return -abs(numbers[0]), abs(numbers[0])
    lower, upper = sorted(numbers)
    return lower, upper


class RandomTranslation(AffineLayer):
    """Shifts images by random distances.

    Args:
        height_factor: Bounds of the shift down as parts of the height: a number f for (-f, f), or two
            numbers from -1 to 1; a negative shift goes up.
        width_factor: The same across; a negative shift goes left.
        fill_mode: What lies outside: "reflect", "wrap", "constant" or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: Seed for repeatable shifts.
        fill_value: The value outside, for "constant".
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> image = np.array([[[1.0], [2.0], [3.0], [4.0]]], "float32")
        >>> shift = RandomTranslation(0, (0.25, 0.25), fill_mode="constant")
        >>> shift(image, training=True)[0, :, 0].tolist()
        [0.0, 1.0, 2.0, 3.0]
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._height_range = two_sided("RandomTranslation", "height_factor", height_factor, -1.0)
        self._width_range = two_sided("RandomTranslation", "width_factor", width_factor, -1.0)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the shifts, in pixels: columns, then rows.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        down = self._uniform((size.batch, 1), self._height_range, seed) * size.height
        across = self._uniform((size.batch, 1), self._width_range, seed) * size.width
        images = data["images"] if isinstance(data, dict) else data
        return {
            "translations": ops.concatenate([across, down], axis=1),
            "input_shape": tuple(images.shape),
        }

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        shift = ops.convert_to_tensor(transformation["translations"])
        return matrix(1.0, 0.0, -shift[:, 0], 0.0, 1.0, -shift[:, 1], 0.0, 0.0)

    def _moved_boxes(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        shift = ops.convert_to_tensor(transformation["translations"])
        top, left = (per_box(shift[:, index], boxes.dtype, boxes) for index in (1, 0))
        return pad(boxes, top, left)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
        }
