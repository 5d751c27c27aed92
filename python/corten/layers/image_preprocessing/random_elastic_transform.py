"""`RandomElasticTransform`: images distorted like rubber."""

from __future__ import annotations

from typing import Any

from corten import ops, random
from corten.layers.image_preprocessing.affine import supported
from corten.layers.image_preprocessing.base import ColorLayer, Range, factor_range, per_image

_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


class RandomElasticTransform(ColorLayer):
    """Moves pixels by smooth random distances.

    Args:
        factor: The probability to change an image: a number, or two that it is drawn between.
        scale: How strong the distortion is, 0 to 1: a number for (0, scale), or two numbers. One strength
            is drawn for all images of a batch.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: The value outside, for "constant".
        value_range: The lowest and the highest value of a pixel.
        seed: Seed for repeatable distortions.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Masks are distorted like their images; boxes stay as they are, as in Keras.

    Example:
        >>> import numpy as np
        >>> RandomElasticTransform(seed=1)(np.ones((2, 8, 8, 3), "float32"), training=True).shape
        (2, 8, 8, 3)
    """

    _FACTOR_BOUNDS: Range = (0, 1)
    moves_pixels = True

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, factor, data_format=data_format, **kwargs)
        name = type(self).__name__
        self.scale = factor_range(name, "scale", scale, (0, 1))
        self.interpolation = supported(name, "interpolation", interpolation, ("nearest", "bilinear"))
        self.fill_mode = supported(name, "fill_mode", fill_mode, _FILL_MODES)
        self.fill_value = fill_value

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw which images are distorted, how strongly, and the key of the distances.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        size = self._size(data)
        seed = self.generator if seed is None else seed
        return {
            "apply_transform": self._chosen(size.batch, self.factor, seed),
            "distortion_factor": self._uniform((), self.scale, seed),
            # A key, not the generator: masks must move like their images.
            "seed": random.draw_key(seed),
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        size = self._size(images)
        strength = float(transformation["distortion_factor"])
        if strength <= 0:
            return images
        moved = ops.image.elastic_transform(
            images,
            alpha=max(size.height, size.width) * 0.1 * strength,
            sigma=min(size.height, size.width) * 0.05 * strength,
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            seed=transformation["seed"],
            data_format=self.data_format,
        )
        chosen = per_image(transformation["apply_transform"], "bool")
        return ops.where(chosen, moved, images)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        moved = super().transform_images(images, transformation, training)
        return self._limited(moved) if training and transformation is not None else moved

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "interpolation": self.interpolation,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
        }
