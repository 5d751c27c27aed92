"""`RandomInvert`, `RandomPosterization` and `Solarization`: functions of single pixels."""

from __future__ import annotations

from typing import Any

from corten import ops, random
from corten.layers.image_preprocessing.base import ColorLayer, Range, factor_range, per_image, scaled_range


class RandomInvert(ColorLayer):
    """Makes negatives of some images.

    Args:
        factor: The probability to change an image: a number f for a probability drawn from (0, f), or two
            numbers, from 0 to 1.
        value_range: The lowest and the highest value of a pixel.
        seed: Seed for repeatable decisions.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> RandomInvert((1.0, 1.0))(np.full((1, 1, 1, 1), 55.0, "float32"), training=True).tolist()
        [[[[200.0]]]]
    """

    _FACTOR_BOUNDS: Range = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, factor, data_format=data_format, **kwargs)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw which images are inverted.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        return {"apply_inversion": self._chosen(self._size(data).batch, self.factor, seed)}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        chosen = per_image(transformation["apply_inversion"], "bool")
        return ops.where(chosen, self.value_range[1] - images, images)


class RandomPosterization(ColorLayer):
    """Leaves only some of the 8 bits of a pixel, so that areas of one color appear.

    Args:
        factor: How many bits stay: a number from 1 to 8 for (1, factor), or two numbers. The upper one is
            reached only where both are equal.
        value_range: The lowest and the highest value of a pixel.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable numbers of bits.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> RandomPosterization([2, 2])(np.full((1, 1, 1, 1), 200.0, "float32"), training=True).tolist()
        [[[[192.0]]]]
    """

    _FACTOR_BOUNDS: Range = (1, 8)

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
        """Draw how many of the 8 bits are cleared.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        shape = (self._size(data).batch,)
        lower, upper = (int(number) for number in self.factor)
        if lower == upper:
            return {"shift_factor": ops.full(shape, 8 - lower, dtype="int32")}
        seed = self.generator if seed is None else seed
        return {"shift_factor": 8 - random.randint(shape, lower, upper, dtype="int32", seed=seed)}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        shift = per_image(transformation["shift_factor"], "int32")
        bits = ops.cast(ops.clip(scaled_range(images, self.value_range, (0, 255)), 0, 255), "int32")
        bits = ops.bitwise_left_shift(ops.bitwise_right_shift(bits, shift), shift)
        return scaled_range(ops.cast(bits, images.dtype), (0, 255), self.value_range)


class Solarization(ColorLayer):
    """Inverts the pixels above a threshold, after adding a number: ``x if x < threshold else 255 - x``.

    Args:
        addition_factor: Bounds of what is added, as a part of 255: a number f from 0 to 1 for (0, f), or two.
        threshold_factor: Bounds of the threshold likewise.
        value_range: The lowest and the highest value of a pixel.
        seed: Seed for repeatable numbers.
        **kwargs: `data_format`, `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> image = np.array([[[[100.0], [200.0]]]], "float32")
        >>> Solarization(threshold_factor=(0.5, 0.5))(image, training=True)[0, 0, :, 0].tolist()
        [100.0, 55.0]
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.addition_factor = factor_range("Solarization", "addition_factor", addition_factor, (0, 1))
        self.threshold_factor = factor_range("Solarization", "threshold_factor", threshold_factor, (0, 1))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw what is added, and the thresholds.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        shape = (size.batch, 1, 1, 1) if size.batched else (1, 1, 1)
        return {
            "additions": self._uniform(shape, self.addition_factor, seed) * 255.0,
            "thresholds": self._uniform(shape, self.threshold_factor, seed) * 255.0,
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        images = scaled_range(images, self.value_range, (0, 255))
        images = ops.clip(images + per_image(transformation["additions"], images.dtype), 0, 255)
        limit = per_image(transformation["thresholds"], images.dtype)
        return scaled_range(ops.where(images < limit, images, 255 - images), (0, 255), self.value_range)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
        }
