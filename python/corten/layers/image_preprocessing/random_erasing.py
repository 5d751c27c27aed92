"""`RandomErasing`: images with a hole."""

from __future__ import annotations

from typing import Any

from corten import ops, random
from corten.layers.image_preprocessing.base import ColorLayer, Range, factor_range, per_image
from corten.layers.image_preprocessing.regions import interval, rectangle_mask


class RandomErasing(ColorLayer):
    """Replaces a random rectangle of images by noise or a color (arXiv:1708.04896).

    Args:
        factor: The probability to change an image: a number, or two that it is drawn between.
        scale: Bounds of the rectangle's area as a part of the image: a number for (0, scale), or two.
            Height and width are drawn apart from each other.
        fill_value: A number or three (a color) to fill with; None fills with normally distributed noise.
        value_range: The lowest and the highest value of a pixel.
        seed: Seed for repeatable rectangles.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> layer = RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=0)
        >>> int(corten.ops.sum(layer(np.ones((1, 8, 8, 1), "float32"), training=True)))
        48
    """

    _FACTOR_BOUNDS: Range = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, factor, data_format=data_format, **kwargs)
        self.scale = factor_range("RandomErasing", "scale", scale, (0, 1))
        color = isinstance(fill_value, (tuple, list)) and len(fill_value) == 3
        if fill_value is not None and not color and not isinstance(fill_value, (int, float)):
            raise ValueError(
                "RandomErasing: The `fill_value` argument should be a number (or a list of three numbers); "
                f"got {fill_value!r}."
            )
        self.fill_value = fill_value

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw rectangles and what fills them.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        seed = self.generator if seed is None else seed
        part = ops.sqrt(self._uniform((size.batch, 2), self.scale, seed))
        start = self._uniform((size.batch, 2), (0.0, 1.0), seed)
        across = interval(start[:, 0], size.width, part[:, 0])
        down = interval(start[:, 1], size.height, part[:, 1])
        return {
            "apply_erasing": self._chosen(size.batch, self.factor, seed),
            "batch_masks": rectangle_mask(size, across, down, self.data_format),
            "fill_value": self._limited(self._filling(size, seed)),
        }

    def _filling(self, size: Any, seed: Any) -> Any:
        last = self.data_format == "channels_last"
        if self.fill_value is None:
            inner = (size.height, size.width)
            shape = (*inner, size.channels) if last else (size.channels, *inner)
            noise = random.normal((size.batch, *shape), dtype="float32", seed=seed)
            return noise * float(self.value_range[1])
        color = ops.convert_to_tensor(self.fill_value, dtype="float32")
        return ops.reshape(color, (1, 1, 1, -1) if last else (1, -1, 1, 1))

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        filling = ops.cast(ops.convert_to_tensor(transformation["fill_value"]), images.dtype)
        chosen = per_image(transformation["apply_erasing"], "bool")
        hole = ops.logical_and(chosen, ops.convert_to_tensor(transformation["batch_masks"]))
        return ops.where(hole, filling, images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "fill_value": self.fill_value}
