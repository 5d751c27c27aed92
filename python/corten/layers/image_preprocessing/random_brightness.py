"""`RandomBrightness`: lighter and darker images."""

from __future__ import annotations

from typing import Any

from corten.layers.image_preprocessing.base import ColorLayer, per_image


class RandomBrightness(ColorLayer):
    """Adds a random number to all pixels of an image.

    Args:
        factor: Bounds of the number as a part of the value range: a number f from 0 to 1 for (-f, f), or
            two numbers from -1 to 1.
        value_range: The lowest and the highest value of a pixel; results are clipped to it.
        seed: Seed for repeatable numbers.
        **kwargs: `data_format`, `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> RandomBrightness((0.2, 0.2))(np.full((1, 1, 1, 1), 100.0, "float32"), training=True).tolist()
        [[[[151.0]]]]
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(value_range, seed, factor, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw what is added.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        shape = (size.batch, 1, 1, 1) if size.batched else (1, 1, 1)
        width = self.value_range[1] - self.value_range[0]
        return {"rgb_delta": self._uniform(shape, self.factor, seed) * width}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return self._limited(images + per_image(transformation["rgb_delta"], images.dtype))
