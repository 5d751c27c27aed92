"""MobileNetV3: separable convolutions found by search (https://arxiv.org/abs/1905.02244)."""

from __future__ import annotations

from typing import Any, NamedTuple

from corten import layers, ops
from corten.applications.building import Options, batch_norm, channel_axis, padding_for_stride, rounded
from corten.models import Model


class Block(NamedTuple):
    """One block.

    Attributes:
        expansion: How much wider it is inside.
        filters: Number of filters.
        kernel: Width of the kernel.
        strides: Stride.
        squeezed: Whether channels are weighted by what the whole picture shows.
        hard: Whether the activation is hard silu; relu if not.
    """

    expansion: float
    filters: int
    kernel: int
    strides: int
    squeezed: bool
    hard: bool


SMALL = (
    Block(1, 16, 3, 2, True, False), Block(72 / 16, 24, 3, 2, False, False),
    Block(88 / 24, 24, 3, 1, False, False), Block(4, 40, 5, 2, True, True), Block(6, 40, 5, 1, True, True),
    Block(6, 40, 5, 1, True, True), Block(3, 48, 5, 1, True, True), Block(3, 48, 5, 1, True, True),
    Block(6, 96, 5, 2, True, True), Block(6, 96, 5, 1, True, True), Block(6, 96, 5, 1, True, True),
)  # fmt: skip
LARGE = (
    Block(1, 16, 3, 1, False, False), Block(4, 24, 3, 2, False, False), Block(3, 24, 3, 1, False, False),
    Block(3, 40, 5, 2, True, False), Block(3, 40, 5, 1, True, False), Block(3, 40, 5, 1, True, False),
    Block(6, 80, 3, 2, False, True), Block(2.5, 80, 3, 1, False, True), Block(2.3, 80, 3, 1, False, True),
    Block(2.3, 80, 3, 1, False, True), Block(6, 112, 3, 1, True, True), Block(6, 112, 3, 1, True, True),
    Block(6, 160, 5, 2, True, True), Block(6, 160, 5, 1, True, True), Block(6, 160, 5, 1, True, True),
)  # fmt: skip


def mobilenet_v3(
    network: str,
    blocks: tuple[Block, ...],
    last: int,
    alpha: float,
    minimalistic: bool,
    dropout_rate: float,
    include_preprocessing: bool,
    options: Options,
) -> Model:
    """Builds a network of the family.

    Args:
        network: Its public name.
        blocks: Its blocks.
        last: Filters before the classifier.
        alpha: Factor of the number of filters.
        minimalistic: Whether only plain 3x3 kernels and relu are used.
        dropout_rate: Rate before the classifier.
        include_preprocessing: Whether it scales pictures itself.
        options: What the user asked for.
    """
    if options.weights == "imagenet" and alpha not in ((1.0,) if minimalistic else (0.75, 1.0)):
        raise ValueError(
            f"{network}: ImageNet's weights are for alpha 0.75 or 1, and 1 if minimalistic; got {alpha}."
        )
    options.check_sizes_agree()
    # The classifier is a convolution, so that any size will do.
    image = options.image(224, require_flatten=False)
    x: Any = image
    if include_preprocessing:
        x = layers.Rescaling(scale=1 / 127.5, offset=-1.0)(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    hard = not minimalistic
    x = _activated(_norm(x, "conv_bn"), hard)
    for index, block in enumerate(blocks):
        if minimalistic:
            block = block._replace(kernel=3, squeezed=False, hard=False)
        x = _block(x, block, rounded(block.filters * alpha), index)
    channels = rounded(6 * x.shape[channel_axis()])
    x = layers.Conv2D(channels, 1, padding="same", use_bias=False, name="conv_1")(x)
    x = _activated(_norm(x, "conv_1_bn"), hard)
    if options.include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        width = rounded(last * alpha) if alpha > 1 else last
        x = _activated(layers.Conv2D(width, 1, padding="same", name="conv_2")(x), hard)
        if dropout_rate > 0:
            x = layers.Dropout(dropout_rate)(x)
        x = layers.Conv2D(options.classes, 1, padding="same", name="logits")(x)
        x = layers.Flatten()(x)
        x = layers.Activation(options.classifier_activation, name="predictions")(x)
    else:
        x = options.pooled(x, named=True)
    return options.model(image, x, f"{network} {alpha}{' minimalistic' if minimalistic else ''}")


def _norm(x: Any, name: str) -> Any:
    return batch_norm(x, name, momentum=0.999)


def _activated(x: Any, hard: bool) -> Any:
    return layers.Activation("hard_silu")(x) if hard else layers.ReLU()(x)


def _block(x: Any, block: Block, filters: int, index: int) -> Any:
    start = x
    channels = x.shape[channel_axis()]
    prefix = f"expanded_conv_{index}_" if index else "expanded_conv_"
    inside = rounded(channels * block.expansion)
    if index:
        x = layers.Conv2D(inside, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = _activated(_norm(x, f"{prefix}expand_bn"), block.hard)
    if block.strides == 2:
        padding = padding_for_stride(x, block.kernel)
        x = layers.ZeroPadding2D(padding, name=f"{prefix}depthwise_pad")(x)
    x = layers.DepthwiseConv2D(
        block.kernel,
        strides=block.strides,
        padding="same" if block.strides == 1 else "valid",
        use_bias=False,
        name=f"{prefix}depthwise",
    )(x)
    x = _activated(_norm(x, f"{prefix}depthwise_bn"), block.hard)
    if block.squeezed:
        x = _squeezed(x, inside, f"{prefix}squeeze_excite_")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = _norm(x, f"{prefix}project_bn")
    if block.strides == 1 and channels == filters:
        x = layers.Add(name=f"{prefix}add")([start, x])
    return x


def _squeezed(x: Any, filters: int, prefix: str) -> Any:
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}avg_pool")(x)
    weights = layers.Conv2D(rounded(filters / 4), 1, padding="same", name=f"{prefix}conv")(weights)
    weights = layers.ReLU(name=f"{prefix}relu")(weights)
    weights = layers.Conv2D(filters, 1, padding="same", name=f"{prefix}conv_1")(weights)
    weights = ops.multiply(layers.ReLU(6.0)(ops.add(weights, 3.0)), 1 / 6)
    return layers.Multiply(name=f"{prefix}mul")([x, weights])
