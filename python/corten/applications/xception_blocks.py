"""Xception: separable convolutions in residual blocks (https://arxiv.org/abs/1610.02357)."""

from __future__ import annotations

from typing import Any

from corten import layers
from corten.applications.building import Options, batch_norm
from corten.models import Model


def xception(options: Options) -> Model:
    """Builds the network.

    Args:
        options: What the user asked for.
    """
    image = options.image(299, 71)
    x = layers.Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1")(image)
    x = layers.Activation("relu", name="block1_conv1_act")(batch_norm(x, "block1_conv1_bn"))
    x = layers.Conv2D(64, 3, use_bias=False, name="block1_conv2")(x)
    x = layers.Activation("relu", name="block1_conv2_act")(batch_norm(x, "block1_conv2_bn"))
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = _smaller(x, (filters, filters), block)
    for block in range(5, 13):
        shortcut = x
        for index in (1, 2, 3):
            x = _activated_convolution(x, 728, f"block{block}_sepconv{index}")
        x = layers.Add()([x, shortcut])
    x = _smaller(x, (728, 1024), 13)
    for index, filters in ((1, 1536), (2, 2048)):
        x = _convolution(x, filters, f"block14_sepconv{index}")
        x = layers.Activation("relu", name=f"block14_sepconv{index}_act")(x)
    outputs = options.head(x) if options.include_top else options.pooled(x)
    return options.model(image, outputs, "Xception")


def _smaller(x: Any, filters: tuple[int, int], block: int) -> Any:
    """A block that halves height and width."""
    shortcut = layers.Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False)(x)
    shortcut = batch_norm(shortcut, None)
    for index, number in enumerate(filters, 1):
        name = f"block{block}_sepconv{index}"
        # The entry's first block starts from activated features.
        activated = block > 2 or index > 1
        x = _activated_convolution(x, number, name) if activated else _convolution(x, number, name)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return layers.Add()([x, shortcut])


def _activated_convolution(x: Any, filters: int, name: str) -> Any:
    return _convolution(layers.Activation("relu", name=f"{name}_act")(x), filters, name)


def _convolution(x: Any, filters: int, name: str) -> Any:
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return batch_norm(x, f"{name}_bn")
