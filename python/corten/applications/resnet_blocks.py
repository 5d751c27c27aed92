"""Residual networks of bottleneck blocks, in their first and second form."""

from __future__ import annotations

from typing import Any

from corten import layers
from corten.applications.building import Options, batch_norm
from corten.models import Model

_EPSILON = 1.001e-5
_FILTERS = (64, 128, 256, 512)


def resnet(network: str, blocks: tuple[int, ...], options: Options) -> Model:
    """Builds a ResNet (https://arxiv.org/abs/1512.03385).

    Args:
        network: Its public name.
        blocks: Number of blocks in each of the four stages.
        options: What the user asked for.
    """
    image = options.image(224)
    x = _stem(image)
    x = batch_norm(x, "conv1_bn", _EPSILON)
    x = layers.Activation("relu", name="conv1_relu")(x)
    x = _stem_pooling(x)
    for stage, (filters, count) in enumerate(zip(_FILTERS, blocks, strict=True), 2):
        for block in range(1, count + 1):
            strides = 2 if block == 1 and stage > 2 else 1
            x = _block(x, filters, strides, block == 1, f"conv{stage}_block{block}")
    return options.model(image, options.head(x), network)


def resnet_v2(network: str, blocks: tuple[int, ...], options: Options) -> Model:
    """Builds a ResNet that normalizes before its convolutions (https://arxiv.org/abs/1603.05027).

    Args:
        network: Its public name.
        blocks: Number of blocks in each of the four stages.
        options: What the user asked for.
    """
    image = options.image(224)
    x = _stem_pooling(_stem(image))
    for stage, (filters, count) in enumerate(zip(_FILTERS, blocks, strict=True), 2):
        for block in range(1, count + 1):
            strides = 2 if block == count and stage < 5 else 1
            x = _block_v2(x, filters, strides, block == 1, f"conv{stage}_block{block}")
    x = batch_norm(x, "post_bn", _EPSILON)
    x = layers.Activation("relu", name="post_relu")(x)
    return options.model(image, options.head(x), network)


def _stem(x: Any) -> Any:
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    return layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)


def _stem_pooling(x: Any) -> Any:
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def _block(x: Any, filters: int, strides: int, widens: bool, name: str) -> Any:
    shortcut = x
    if widens:
        shortcut = layers.Conv2D(4 * filters, 1, strides=strides, name=f"{name}_0_conv")(x)
        shortcut = batch_norm(shortcut, f"{name}_0_bn", _EPSILON)
    x = layers.Conv2D(filters, 1, strides=strides, name=f"{name}_1_conv")(x)
    x = batch_norm(x, f"{name}_1_bn", _EPSILON)
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x)
    x = batch_norm(x, f"{name}_2_bn", _EPSILON)
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    x = batch_norm(x, f"{name}_3_bn", _EPSILON)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _block_v2(x: Any, filters: int, strides: int, widens: bool, name: str) -> Any:
    ready = batch_norm(x, f"{name}_preact_bn", _EPSILON)
    ready = layers.Activation("relu", name=f"{name}_preact_relu")(ready)
    if widens:
        shortcut = layers.Conv2D(4 * filters, 1, strides=strides, name=f"{name}_0_conv")(ready)
    else:
        shortcut = layers.MaxPooling2D(1, strides=strides)(x) if strides > 1 else x
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(ready)
    x = batch_norm(x, f"{name}_1_bn", _EPSILON)
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=strides, use_bias=False, name=f"{name}_2_conv")(x)
    x = batch_norm(x, f"{name}_2_bn", _EPSILON)
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])
