"""DenseNet: each layer reads the features of all before it (https://arxiv.org/abs/1608.06993)."""

from __future__ import annotations

from typing import Any

from corten import layers
from corten.applications.building import Options, batch_norm, channel_axis
from corten.models import Model

_EPSILON = 1.001e-5
_GROWTH = 32


def densenet(network: str, blocks: tuple[int, ...], options: Options) -> Model:
    """Builds a network of the family.

    Args:
        network: Its public name.
        blocks: Number of layers in each of the four dense blocks.
        options: What the user asked for.
    """
    image = options.image(224)
    x = layers.ZeroPadding2D(3)(image)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = batch_norm(x, "conv1_bn", _EPSILON)
    x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(blocks, 2):
        for block in range(1, count + 1):
            x = _dense_layer(x, f"conv{stage}_block{block}")
        if stage < 5:
            x = _transition(x, f"pool{stage}")
    x = batch_norm(x, "bn", _EPSILON)
    x = layers.Activation("relu", name="relu")(x)
    return options.model(image, options.head(x), network)


def _dense_layer(x: Any, name: str) -> Any:
    new = batch_norm(x, f"{name}_0_bn", _EPSILON)
    new = layers.Activation("relu", name=f"{name}_0_relu")(new)
    new = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(new)
    new = batch_norm(new, f"{name}_1_bn", _EPSILON)
    new = layers.Activation("relu", name=f"{name}_1_relu")(new)
    new = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(new)
    return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, new])


def _transition(x: Any, name: str) -> Any:
    x = batch_norm(x, f"{name}_bn", _EPSILON)
    x = layers.Activation("relu", name=f"{name}_relu")(x)
    half = x.shape[channel_axis()] // 2
    x = layers.Conv2D(half, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)
