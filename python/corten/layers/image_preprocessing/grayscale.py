"""`RandomGrayscale` and `RandomColorDegeneration`: images with less color, or none."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.arguments import unit_interval
from corten.layers.image_preprocessing.base import BaseImagePreprocessingLayer, ColorLayer, per_image


class RandomGrayscale(BaseImagePreprocessingLayer):
    """Takes the color out of some images; they keep three (equal) channels.

    Args:
        factor: The probability to change an image.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable decisions.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> y = RandomGrayscale(1.0)(np.array([[[[0.0, 1.0, 0.0]]]], "float32"), training=True)
        >>> corten.ops.round(y, 3).numpy().round(3).tolist()
        [[[[0.5870000123977661, 0.5870000123977661, 0.5870000123977661]]]]
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = unit_interval("RandomGrayscale", "factor", factor)
        self._set_seed(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw which images lose their color.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        return self._uniform((self._size(data).batch, 1, 1, 1), (0.0, 1.0), seed) < self.factor

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            transformation = self.get_random_transformation(images)
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(per_image(transformation, "bool"), gray, images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}


class RandomColorDegeneration(ColorLayer):
    """Mixes images with their gray version.

    Args:
        factor: Bounds of the part of gray: a number f for (-f, f) (negative parts strengthen colors), or
            two numbers from -1 to 1.
        value_range: The lowest and the highest value of a pixel; results are clipped to it.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable parts.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> y = RandomColorDegeneration((1.0, 1.0))(np.ones((1, 1, 1, 3), "float32"), training=True)
        >>> y.shape
        (1, 1, 1, 3)
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, factor, data_format=data_format, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the parts of gray.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        return {"factor": self._uniform((self._size(data).batch, 1, 1, 1), self.factor, seed)}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        part = per_image(transformation["factor"], images.dtype)
        return self._limited(images + part * (gray - images))
