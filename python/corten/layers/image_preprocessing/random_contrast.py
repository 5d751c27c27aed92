"""`RandomContrast`: images with more or less contrast."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.image_preprocessing.base import ColorLayer, Range, factor_range, per_image


class RandomContrast(ColorLayer):
    """Multiplies the distances of pixels from the mean of their channel.

    Args:
        factor: ``(lower, upper)``, each from 0 to 1: the multiplier lies from ``1 - lower`` to
            ``1 + upper``. A number stands for both. (Keras 3.15 documents that too, but takes 0 as the
            lower one for a number.)
        value_range: The lowest and the highest value of a pixel; results are clipped to it.
        seed: Seed for repeatable multipliers.
        **kwargs: `data_format`, `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> image = np.array([[[[10.0], [30.0]]]], "float32")
        >>> RandomContrast(0).transform_images(image, {"contrast_factor": [0.5]})[0, 0, :, 0].tolist()
        [15.0, 25.0]
    """

    _FACTOR_BOUNDS: Range = (0, 1)

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(value_range, seed, factor, **kwargs)

    def _set_factor(self, factor: Any) -> None:
        self.factor = factor_range("RandomContrast", "factor", factor, self._FACTOR_BOUNDS, both_sides=False)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the multipliers.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        shape = (size.batch, 1, 1, 1) if size.batched else (1, 1, 1)
        bounds = (1.0 - self.factor[0], 1.0 + self.factor[1])
        return {"contrast_factor": self._uniform(shape, bounds, seed)}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        axes = (1, 2) if self.data_format == "channels_last" else (2, 3)
        mean = ops.mean(images, axis=axes, keepdims=True)
        factor = per_image(transformation["contrast_factor"], images.dtype)
        return self._limited((images - mean) * factor + mean)
