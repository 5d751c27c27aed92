"""`RandomSharpness` and `RandomGaussianBlur`: sharper and softer images."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten.layers.image_preprocessing.base import ColorLayer, Range, factor_range, per_image


class _Filter(ColorLayer):
    """Base: filters of all channels alike."""

    _FACTOR_BOUNDS: Range = (0, 1)

    def _filtered(self, images: Any, kernels: list[Any]) -> Any:
        """Apply kernels, shape ``(rows, columns)``, to each channel; beyond the border are zeros."""
        last = self.data_format == "channels_last"
        channels = images.shape[-1 if last else 1]
        if not last:
            images = ops.transpose(images, (0, 2, 3, 1))
        for kernel in kernels:
            full = ops.reshape(ops.cast(kernel, images.dtype), (*kernel.shape, 1, 1))
            full = ops.broadcast_to(full, (*kernel.shape, channels, 1))
            images = ops.depthwise_conv(images, full, padding="same", data_format="channels_last")
        return images if last else ops.transpose(images, (0, 3, 1, 2))


class RandomSharpness(_Filter):
    """Mixes images with a smoothed version: less of it than nothing sharpens.

    Args:
        factor: Bounds of f, from 0 to 1: 0 gives the smoothed image, 0.5 the image itself, 1 the sharpest.
            A number stands for (0, factor).
        value_range: The lowest and the highest value of a pixel; results are clipped to it.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable factors.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> image = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
        >>> bool((RandomSharpness((0.5, 0.5))(image, training=True) == image).all())
        True
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
        """Draw the factors.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        return {"factor": self._uniform((self._size(data).batch,), self.factor, seed)}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        kernel = np.full((3, 3), 1 / 13, "float32")
        kernel[1, 1] = 5 / 13
        smooth = self._filtered(images, [ops.convert_to_tensor(kernel)])
        factor = per_image(transformation["factor"], images.dtype) * 2
        return self._limited(images + (1.0 - factor) * (smooth - images))


class RandomGaussianBlur(_Filter):
    """Blurs some images.

    Args:
        factor: The probability to change an image: a number f for a probability drawn from (0, f), or two
            numbers, from 0 to 1.
        kernel_size: Width and height of the window, odd: a number or two.
        sigma: Bounds of the deviation of the bell, 0 to 1: a number for (0, sigma), or two. One is drawn
            for each direction, for all images of a batch.
        value_range: The lowest and the highest value of a pixel; results are clipped to it.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable blurring.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> RandomGaussianBlur(seed=1)(np.ones((2, 4, 4, 3), "float32"), training=True).shape
        (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, factor, data_format=data_format, **kwargs)
        sizes = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * 2
        if len(sizes) != 2 or any(int(size) != size or size < 1 or size % 2 == 0 for size in sizes):
            raise ValueError(
                "RandomGaussianBlur: kernel_size must be an odd number (or a list of two). "
                f"Received: kernel_size={kernel_size}"
            )
        self.kernel_size = sizes
        self.sigma = factor_range("RandomGaussianBlur", "sigma", sigma, (0, 1))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw which images are blurred, and how much.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        return {
            "should_apply_blur": self._chosen(self._size(data).batch, self.factor, seed),
            "blur_factor": self._uniform((2,), self.sigma, seed) + 1e-6,
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        deviation = ops.cast(ops.convert_to_tensor(transformation["blur_factor"]), "float32")
        across = _bell(int(self.kernel_size[0]), deviation[0])
        down = _bell(int(self.kernel_size[1]), deviation[1])
        blurred = self._filtered(images, [ops.expand_dims(down, 1), ops.expand_dims(across, 0)])
        chosen = per_image(transformation["should_apply_blur"], "bool")
        return self._limited(ops.where(chosen, blurred, images))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size, "sigma": self.sigma}


def _bell(count: int, deviation: Any) -> Any:
    """Weights of a Gaussian bell, made of tensors so that a drawn deviation may differ in each step."""
    place = ops.arange(count, dtype="float32") - (count - 1) / 2
    weight = ops.exp(-0.5 * ops.square(place / deviation))
    return weight / ops.sum(weight)
