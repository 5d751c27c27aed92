"""Inception networks: branches of different kernels side by side."""

from __future__ import annotations

from typing import Any

from corten import layers
from corten.applications.building import Options, batch_norm, channel_axis
from corten.models import Model


def inception_v3(options: Options) -> Model:
    """Builds an InceptionV3 (https://arxiv.org/abs/1512.00567).

    Args:
        options: What the user asked for.
    """
    image = options.image(299, 75)
    x = _stem(image)
    for index, pool_filters in enumerate((32, 64, 64)):
        x = _concatenated(_branches_35(x, 64, pool_filters), f"mixed{index}")
    wide = _conv(x, 384, 3, strides=2, padding="valid")
    deep = _conv(_conv(x, 64, 1), 96, 3)
    deep = _conv(deep, 96, 3, strides=2, padding="valid")
    x = _concatenated([wide, deep, layers.MaxPooling2D(3, strides=2)(x)], "mixed3")
    for index, filters in enumerate((128, 160, 160, 192), 4):
        x = _mixed_17(x, filters, f"mixed{index}")
    first = _conv(_conv(x, 192, 1), 320, 3, strides=2, padding="valid")
    second = _conv(_conv(_conv(x, 192, 1), 192, (1, 7)), 192, (7, 1))
    second = _conv(second, 192, 3, strides=2, padding="valid")
    x = _concatenated([first, second, layers.MaxPooling2D(3, strides=2)(x)], "mixed8")
    for index in range(2):
        x = _mixed_8(x, index)
    outputs = options.head(x) if options.include_top else options.pooled(x)
    return options.model(image, outputs, "InceptionV3")


def inception_resnet_v2(options: Options) -> Model:
    """Builds an Inception-ResNet of the second form (https://arxiv.org/abs/1602.07261).

    Args:
        options: What the user asked for.
    """
    image = options.image(299, 75)
    x = _stem(image)
    x = _concatenated(_branches_35(x, 96, 64), "mixed_5b")
    for index in range(1, 11):
        x = _residual_35(x, f"block35_{index}")
    wide = _conv(x, 384, 3, strides=2, padding="valid")
    deep = _conv(_conv(x, 256, 1), 256, 3)
    deep = _conv(deep, 384, 3, strides=2, padding="valid")
    x = _concatenated([wide, deep, layers.MaxPooling2D(3, strides=2)(x)], "mixed_6a")
    for index in range(1, 21):
        x = _residual_17(x, f"block17_{index}")
    first = _conv(_conv(x, 256, 1), 384, 3, strides=2, padding="valid")
    second = _conv(_conv(x, 256, 1), 288, 3, strides=2, padding="valid")
    third = _conv(_conv(_conv(x, 256, 1), 288, 3), 320, 3, strides=2, padding="valid")
    x = _concatenated([first, second, third, layers.MaxPooling2D(3, strides=2)(x)], "mixed_7a")
    for index in range(1, 11):
        x = _residual_8(x, f"block8_{index}", last=index == 10)
    x = _conv(x, 1536, 1, name="conv_7b")
    outputs = options.head(x) if options.include_top else options.pooled(x)
    return options.model(image, outputs, "InceptionResNetV2")


def _conv(
    x: Any, filters: int, kernel: Any, strides: int = 1, padding: str = "same", name: str | None = None
) -> Any:
    """A convolution, batch normalization without scale, and relu.

    Args:
        x: Features.
        filters: Number of filters.
        kernel: Size of the kernel.
        strides: Stride.
        padding: 'same' or 'valid'.
        name: The convolution's name.
    """
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = batch_norm(x, name and f"{name}_bn", scale=False)
    return layers.Activation("relu", name=name and f"{name}_ac")(x)


def _concatenated(branches: list[Any], name: str | None = None) -> Any:
    return layers.Concatenate(axis=channel_axis(), name=name)(branches)


def _stem(image: Any) -> Any:
    x = _conv(image, 32, 3, strides=2, padding="valid")
    x = _conv(x, 32, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(_conv(x, 64, 3))
    x = _conv(x, 80, 1, padding="valid")
    return layers.MaxPooling2D(3, strides=2)(_conv(x, 192, 3, padding="valid"))


def _branches_35(x: Any, filters: int, pool_filters: int) -> list[Any]:
    narrow = _conv(x, filters, 1)
    middle = _conv(_conv(x, 48, 1), 64, 5)
    deep = _conv(_conv(_conv(x, 64, 1), 96, 3), 96, 3)
    mean = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return [narrow, middle, deep, _conv(mean, pool_filters, 1)]


def _mixed_17(x: Any, filters: int, name: str) -> Any:
    narrow = _conv(x, 192, 1)
    middle = _conv(_conv(_conv(x, filters, 1), filters, (1, 7)), 192, (7, 1))
    deep = _conv(_conv(x, filters, 1), filters, (7, 1))
    deep = _conv(_conv(deep, filters, (1, 7)), filters, (7, 1))
    deep = _conv(deep, 192, (1, 7))
    mean = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return _concatenated([narrow, middle, deep, _conv(mean, 192, 1)], name)


def _mixed_8(x: Any, index: int) -> Any:
    narrow = _conv(x, 320, 1)
    middle = _conv(x, 384, 1)
    middle = _concatenated([_conv(middle, 384, (1, 3)), _conv(middle, 384, (3, 1))], f"mixed9_{index}")
    deep = _conv(_conv(x, 448, 1), 384, 3)
    deep = _concatenated([_conv(deep, 384, (1, 3)), _conv(deep, 384, (3, 1))])
    mean = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return _concatenated([narrow, middle, deep, _conv(mean, 192, 1)], f"mixed{9 + index}")


def _residual_35(x: Any, name: str) -> Any:
    narrow = _conv(x, 32, 1)
    middle = _conv(_conv(x, 32, 1), 32, 3)
    deep = _conv(_conv(_conv(x, 32, 1), 48, 3), 64, 3)
    return _residual(x, [narrow, middle, deep], 0.17, name)


def _residual_17(x: Any, name: str) -> Any:
    narrow = _conv(x, 192, 1)
    deep = _conv(_conv(_conv(x, 128, 1), 160, (1, 7)), 192, (7, 1))
    return _residual(x, [narrow, deep], 0.1, name)


def _residual_8(x: Any, name: str, last: bool) -> Any:
    narrow = _conv(x, 192, 1)
    deep = _conv(_conv(_conv(x, 192, 1), 224, (1, 3)), 256, (3, 1))
    return _residual(x, [narrow, deep], 1.0 if last else 0.2, name, activated=not last)


def _residual(x: Any, branches: list[Any], scale: float, name: str, activated: bool = True) -> Any:
    mixed = _concatenated(branches, f"{name}_mixed")
    mixed = layers.Conv2D(x.shape[channel_axis()], 1, padding="same", name=f"{name}_conv")(mixed)
    x = CustomScaleLayer(scale)([x, mixed])
    return layers.Activation("relu", name=f"{name}_ac")(x) if activated else x


class CustomScaleLayer(layers.Layer):
    """Adds the second of two tensors, times a number, to the first.

    Args:
        scale: The number.
        kwargs: Arguments of every layer.

    Example:
        >>> import numpy as np
        >>> CustomScaleLayer(0.5)([np.ones((1, 2), "float32"), np.ones((1, 2), "float32")]).tolist()
        [[1.5, 1.5]]

    Source: the scaled residuals of https://arxiv.org/abs/1602.07261, section 3.3.
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        return inputs[0] + inputs[1] * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}
