"""`RandomHue` and `RandomSaturation`: images of other colors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten import config, ops
from corten.layers.image_preprocessing.base import ColorLayer, Range, per_image, scaled_range


class _HsvLayer(ColorLayer):
    """Base: one channel of hue, saturation and value is changed."""

    _FACTOR_BOUNDS: Range = (0, 1)

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, factor, data_format=data_format, **kwargs)

    def _with_channel(self, images: Any, index: int, change: Callable[[Any], Any]) -> Any:
        axis = -1 if self.data_format == "channels_last" else 1
        channels = ops.split(ops.image.rgb_to_hsv(images, data_format=self.data_format), 3, axis=axis)
        channels[index] = change(channels[index])
        return ops.image.hsv_to_rgb(ops.concatenate(channels, axis=axis), data_format=self.data_format)


class RandomHue(_HsvLayer):
    """Turns the hue of images around the color circle.

    Args:
        factor: Bounds of the turn, in halves of the circle: a number f from 0 to 1 for (0, f), or two. The
            direction is drawn too.
        value_range: The lowest and the highest value of a pixel.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable turns.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> red = np.array([[[[1.0, 0.0, 0.0]]]], "float32")
        >>> RandomHue(0.5, (0, 1)).transform_images(red, {"factor": [0.5]}).tolist()
        [[[[0.0, 1.0, 1.0]]]]
    """

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the turns.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        batch = self._size(data).batch
        sign = ops.where(self._uniform((batch,), (0.0, 1.0), seed) > 0.5, -1.0, 1.0)
        return {"factor": sign * self._uniform((batch,), self.factor, seed) * 0.5}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        turn = per_image(transformation["factor"], images.dtype)

        def turned(hue: Any) -> Any:
            hue = hue + turn
            hue = ops.where(hue > 1.0, hue - 1.0, hue)
            return ops.where(hue < 0.0, hue + 1.0, hue)

        images = self._with_channel(scaled_range(images, self.value_range, (0, 1)), 0, turned)
        return scaled_range(ops.clip(images, 0, 1), (0, 1), self.value_range)


class RandomSaturation(_HsvLayer):
    """Makes the colors of images stronger or weaker.

    Args:
        factor: Bounds of f, from 0 to 1, where saturation is multiplied by ``f / (1 - f)``: 0 gives gray,
            0.5 the image itself, 1 the strongest colors. A number f stands for (-f, f), and negative
            draws give gray.
        value_range: Saturation is clipped to it, as in Keras; for images of other ranges than (0, 1) too,
            (0, 1) is what keeps strong colors from going beyond the range of pixels.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable factors.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> image = np.array([[[[0.25, 0.5, 0.75]]]], "float32")
        >>> RandomSaturation((0.0, 0.0), (0, 1))(image, training=True).tolist()
        [[[[0.75, 0.75, 0.75]]]]
    """

    _FACTOR_BOUNDS: Range = (-1, 1)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the multipliers of saturation.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        factor = self._uniform((self._size(data).batch,), self.factor, seed)
        return {"factor": factor / (1.0 - factor + config.epsilon())}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        factor = per_image(transformation["factor"], images.dtype)
        return self._with_channel(images, 1, lambda saturation: self._limited(saturation * factor))
