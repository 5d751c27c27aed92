"""EfficientNet, first and second form: networks scaled in width, depth and size together."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from corten import initializers, layers
from corten.applications.building import (
    Options,
    batch_norm,
    channel_axis,
    padding_for_stride,
    rounded,
)
from corten.models import Model

_MEANS = (0.485, 0.456, 0.406)
_DEVIATIONS = (0.229, 0.224, 0.225)


class Stage(NamedTuple):
    """A row of blocks.

    Attributes:
        repeats: Number of blocks, before the depth's factor.
        kernel: Width of the kernels.
        strides: Stride of the first block.
        expansion: How much wider blocks are inside.
        filters: Number of filters, before the width's factor.
        fused: Whether expansion and spatial convolution are one.
    """

    repeats: int
    kernel: int
    strides: int
    expansion: int
    filters: int
    fused: bool = False


class Scale(NamedTuple):
    """The size of a network.

    Attributes:
        width: Factor of the number of filters.
        depth: Factor of the number of blocks.
        size: Height and width of pictures.
        dropout: Rate before the classifier.
    """

    width: float
    depth: float
    size: int
    dropout: float = 0.2


_V1 = (
    Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24), Stage(2, 5, 2, 6, 40), Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112), Stage(4, 5, 2, 6, 192), Stage(1, 3, 1, 6, 320),
)  # fmt: skip

# Stages of the second form, by size; the first filters are the stem's too, but for "b".
_V2 = {
    "b": (
        Stage(1, 3, 1, 1, 16, True), Stage(2, 3, 2, 4, 32, True), Stage(2, 3, 2, 4, 48, True),
        Stage(3, 3, 2, 4, 96), Stage(5, 3, 1, 6, 112), Stage(8, 3, 2, 6, 192),
    ),
    "s": (
        Stage(2, 3, 1, 1, 24, True), Stage(4, 3, 2, 4, 48, True), Stage(4, 3, 2, 4, 64, True),
        Stage(6, 3, 2, 4, 128), Stage(9, 3, 1, 6, 160), Stage(15, 3, 2, 6, 256),
    ),
    "m": (
        Stage(3, 3, 1, 1, 24, True), Stage(5, 3, 2, 4, 48, True), Stage(5, 3, 2, 4, 80, True),
        Stage(7, 3, 2, 4, 160), Stage(14, 3, 1, 6, 176), Stage(18, 3, 2, 6, 304), Stage(5, 3, 1, 6, 512),
    ),
    "l": (
        Stage(4, 3, 1, 1, 32, True), Stage(7, 3, 2, 4, 64, True), Stage(7, 3, 2, 4, 96, True),
        Stage(10, 3, 2, 4, 192), Stage(19, 3, 1, 6, 224), Stage(25, 3, 2, 6, 384), Stage(7, 3, 1, 6, 640),
    ),
}  # fmt: skip


def efficientnet(network: str, scale: Scale, options: Options) -> Model:
    """Builds an EfficientNet (https://arxiv.org/abs/1905.11946).

    Args:
        network: Its public name.
        scale: Its size.
        options: What the user asked for.
    """
    image = options.image(scale.size)
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Normalization(axis=channel_axis())(x)
    if options.weights == "imagenet":
        # The published normalization divides by the variance where the deviation was meant; its weights
        # were trained without that mistake.
        x = layers.Rescaling([1 / math.sqrt(deviation) for deviation in _DEVIATIONS])(x)
    x = layers.ZeroPadding2D(padding_for_stride(x, 3), name="stem_conv_pad")(x)
    x = _conv(x, rounded(32 * scale.width), 3, "stem_conv", strides=2, padding="valid")
    x = layers.Activation("silu", name="stem_activation")(batch_norm(x, "stem_bn"))
    total = sum(math.ceil(scale.depth * stage.repeats) for stage in _V1)
    x = _stages(x, _V1, scale, _block, {}, total, close=True)
    x = _conv(x, rounded(1280 * scale.width), 1, "top_conv")
    x = layers.Activation("silu", name="top_activation")(batch_norm(x, "top_bn"))
    x = options.head(x, scale.dropout, kernel_initializer=_head_initializer())
    return options.model(image, x, network)


def efficientnet_v2(
    network: str, size: str, scale: Scale, include_preprocessing: bool, options: Options
) -> Model:
    """Builds an EfficientNetV2 (https://arxiv.org/abs/2104.00298).

    Args:
        network: Its public name.
        size: 'b', 's', 'm' or 'l'.
        scale: Its size.
        include_preprocessing: Whether it scales pictures itself.
        options: What the user asked for.
    """
    image = options.image(scale.size)
    x: Any = image
    if include_preprocessing and size == "b":
        x = layers.Rescaling(scale=1 / 255)(x)
        if image.shape[channel_axis()] == 3:
            variances = [deviation**2 for deviation in _DEVIATIONS]
            x = layers.Normalization(mean=list(_MEANS), variance=variances, axis=channel_axis())(x)
    elif include_preprocessing:
        x = layers.Rescaling(scale=1 / 128, offset=-1)(x)
    stages = _V2[size]
    first = 32 if size == "b" else stages[0].filters
    norm = {"momentum": 0.9}
    x = _conv(x, rounded(first * scale.width, close=False), 3, "stem_conv", strides=2)
    x = layers.Activation("silu", name="stem_activation")(batch_norm(x, "stem_bn", **norm))
    # Keras counts blocks before the depth's factor here: B1 to B3 drop their last ones at more than 0.2.
    total = sum(stage.repeats for stage in stages)
    x = _stages(x, stages, scale, _block_v2, norm, total, close=False)
    x = _conv(x, rounded(1280 * scale.width, close=False), 1, "top_conv")
    x = layers.Activation("silu", name="top_activation")(batch_norm(x, "top_bn", **norm))
    x = options.head(x, scale.dropout, kernel_initializer=_head_initializer(), bias_initializer="zeros")
    return options.model(image, x, network)


def _stages(
    x: Any, stages: tuple[Stage, ...], scale: Scale, block: Any, norm: dict[str, Any], total: int, close: bool
) -> Any:
    number = 0
    for index, stage in enumerate(stages, 1):
        filters = rounded(stage.filters * scale.width, close)
        for place in range(math.ceil(scale.depth * stage.repeats)):
            name = f"block{index}{chr(ord('a') + place)}_"
            start, strides = x, stage.strides if place == 0 else 1
            x = block(x, stage, filters, strides, name, norm)
            if strides == 1 and start.shape[channel_axis()] == filters:
                # Deeper blocks are dropped more often in training.
                rate = 0.2 * number / total
                if rate > 0:
                    x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
                x = layers.Add(name=f"{name}add")([x, start])
            number += 1
    return x


def _block(x: Any, stage: Stage, filters: int, strides: int, name: str, norm: dict[str, Any]) -> Any:
    channels = x.shape[channel_axis()]
    inside = channels * stage.expansion
    if stage.expansion != 1:
        x = _expanded(x, inside, 1, 1, name, norm)
    if strides == 2:
        x = layers.ZeroPadding2D(padding_for_stride(x, stage.kernel), name=f"{name}dwconv_pad")(x)
    padding = "valid" if strides == 2 else "same"
    x = _depthwise(x, stage.kernel, strides, padding, f"{name}dwconv", name, norm)
    x = _squeezed(x, inside, max(1, channels // 4), name)
    x = _conv(x, filters, 1, f"{name}project_conv")
    return batch_norm(x, f"{name}project_bn", **norm)


def _block_v2(x: Any, stage: Stage, filters: int, strides: int, name: str, norm: dict[str, Any]) -> Any:
    channels = x.shape[channel_axis()]
    inside = channels * stage.expansion
    if stage.fused:
        if stage.expansion != 1:
            x = _expanded(x, inside, stage.kernel, strides, name, norm)
            x = _conv(x, filters, 1, f"{name}project_conv")
            return batch_norm(x, f"{name}project_bn", **norm)
        x = _conv(x, filters, stage.kernel, f"{name}project_conv", strides=strides)
        x = batch_norm(x, f"{name}project_bn", **norm)
        return layers.Activation("silu", name=f"{name}project_activation")(x)
    x = _expanded(x, inside, 1, 1, name, norm)
    x = _depthwise(x, stage.kernel, strides, "same", f"{name}dwconv2", name, norm)
    x = _squeezed(x, inside, max(1, channels // 4), name)
    x = _conv(x, filters, 1, f"{name}project_conv")
    return batch_norm(x, f"{name}project_bn", **norm)


def _expanded(x: Any, filters: int, kernel: int, strides: int, name: str, norm: dict[str, Any]) -> Any:
    x = _conv(x, filters, kernel, f"{name}expand_conv", strides=strides)
    x = batch_norm(x, f"{name}expand_bn", **norm)
    return layers.Activation("silu", name=f"{name}expand_activation")(x)


def _depthwise(
    x: Any, kernel: int, strides: int, padding: str, name: str, block: str, norm: dict[str, Any]
) -> Any:
    x = layers.DepthwiseConv2D(
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        depthwise_initializer=_initializer(),
        name=name,
    )(x)
    return layers.Activation("silu", name=f"{block}activation")(batch_norm(x, f"{block}bn", **norm))


def _squeezed(x: Any, filters: int, reduced: int, name: str) -> Any:
    """Channels weighted by what the whole picture shows (https://arxiv.org/abs/1709.01507)."""
    weights = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    shape = (filters, 1, 1) if channel_axis() == 1 else (1, 1, filters)
    weights = layers.Reshape(shape, name=f"{name}se_reshape")(weights)
    weights = _conv(weights, reduced, 1, f"{name}se_reduce", use_bias=True, activation="silu")
    weights = _conv(weights, filters, 1, f"{name}se_expand", use_bias=True, activation="sigmoid")
    return layers.Multiply(name=f"{name}se_excite")([x, weights])


def _conv(x: Any, filters: int, kernel: int, name: str, **options: Any) -> Any:
    options = {"padding": "same", "use_bias": False, "kernel_initializer": _initializer(), **options}
    return layers.Conv2D(filters, kernel, name=name, **options)(x)


def _initializer() -> Any:
    return initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def _head_initializer() -> Any:
    return initializers.VarianceScaling(1 / 3, "fan_out", "uniform")
