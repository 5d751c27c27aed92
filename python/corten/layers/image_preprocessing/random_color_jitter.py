"""`RandomColorJitter`: brightness, contrast, saturation and hue at once."""

from __future__ import annotations

from typing import Any

from corten.layers.image_preprocessing.base import ColorLayer
from corten.layers.image_preprocessing.hue_and_saturation import RandomHue, RandomSaturation
from corten.layers.image_preprocessing.random_brightness import RandomBrightness
from corten.layers.image_preprocessing.random_contrast import RandomContrast

_PARTS = {
    "brightness": RandomBrightness,
    "contrast": RandomContrast,
    "saturation": RandomSaturation,
    "hue": RandomHue,
}


class RandomColorJitter(ColorLayer):
    """Changes brightness, contrast, saturation and hue of images, one after the other.

    Args:
        value_range: The lowest and the highest value of a pixel.
        brightness_factor: As for `RandomBrightness`; None leaves it out.
        contrast_factor: As for `RandomContrast`; None leaves it out.
        saturation_factor: As for `RandomSaturation`; None leaves it out.
        hue_factor: As for `RandomHue`; None leaves it out.
        seed: Seed for repeatable changes.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> jitter = RandomColorJitter((0, 1), brightness_factor=0.2, hue_factor=0.1, seed=1)
        >>> jitter(np.ones((2, 4, 4, 3), "float32"), training=True).shape
        (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, data_format=data_format, **kwargs)
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        for part, layer in _PARTS.items():
            factor = getattr(self, f"{part}_factor")
            made = None
            if factor is not None:
                made = layer(
                    factor=factor,
                    value_range=self.value_range,
                    seed=seed,
                    data_format=self.data_format,
                    dtype=self.dtype_policy,
                )
            setattr(self, f"random_{part}", made)

    def _parts(self) -> dict[str, Any]:
        layers = {part: getattr(self, f"random_{part}") for part in _PARTS}
        return {part: layer for part, layer in layers.items() if layer is not None}

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw what each of the layers does.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        seed = self.generator if seed is None else seed
        return {
            part: layer.get_random_transformation(data, seed=seed) for part, layer in self._parts().items()
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            transformation = self.get_random_transformation(images)
        for part, layer in self._parts().items():
            images = layer.transform_images(images, transformation[part])
        return images

    def get_config(self) -> dict[str, Any]:
        factors = {f"{part}_factor": getattr(self, f"{part}_factor") for part in _PARTS}
        return {**super().get_config(), **factors}
