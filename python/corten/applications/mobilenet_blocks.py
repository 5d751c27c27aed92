"""MobileNet and MobileNetV2: convolutions in two steps, by channel and by pixel."""

from __future__ import annotations

import warnings
from typing import Any

from corten import layers
from corten.applications.building import (
    Options,
    batch_norm,
    channel_axis,
    padding_for_stride,
    rounded,
)
from corten.models import Model

# Filters and stride of each separable convolution.
_V1 = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1),
    (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
# Expansion, filters, number of blocks and stride of each stage.
_V2 = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
_V1_WIDTHS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
_V2_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_V1_SIZES = (128, 160, 192, 224)
_V2_SIZES = (96, 128, 160, 192, 224)


def mobilenet(
    alpha: float, depth_multiplier: int, dropout: float, name: str | None, options: Options
) -> Model:
    """Builds a MobileNet (https://arxiv.org/abs/1704.04861).

    Args:
        alpha: Factor of the number of filters.
        depth_multiplier: Outputs of each channel's convolution.
        dropout: Rate of the dropout before the classifier.
        name: The model's name, made from width and size if None.
        options: What the user asked for.
    """
    if options.weights == "imagenet":
        if depth_multiplier != 1:
            raise ValueError(
                f"MobileNet: ImageNet's weights are for depth_multiplier=1; got {depth_multiplier}."
            )
        if alpha not in _V1_WIDTHS:
            raise ValueError(
                f"MobileNet: ImageNet's weights are for alpha 0.25, 0.5, 0.75 or 1; got {alpha}."
            )
    size = _default_size(options, _V1_SIZES)
    image = options.image(size)
    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(image)
    x = layers.ReLU(6.0, name="conv1_relu")(batch_norm(x, "conv1_bn"))
    for index, (filters, strides) in enumerate(_V1, 1):
        if strides == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{index}")(x)
        x = layers.DepthwiseConv2D(
            3,
            strides=strides,
            padding="same" if strides == 1 else "valid",
            depth_multiplier=depth_multiplier,
            use_bias=False,
            name=f"conv_dw_{index}",
        )(x)
        x = layers.ReLU(6.0, name=f"conv_dw_{index}_relu")(batch_norm(x, f"conv_dw_{index}_bn"))
        x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{index}")(x)
        x = layers.ReLU(6.0, name=f"conv_pw_{index}_relu")(batch_norm(x, f"conv_pw_{index}_bn"))
    if options.include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(options.classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((options.classes,), name="reshape_2")(x)
        x = layers.Activation(options.classifier_activation, name="predictions")(x)
    else:
        x = options.pooled(x)
    rows = _rows(options, size)
    published = f"mobilenet/mobilenet_{_V1_WIDTHS.get(alpha)}_{rows}_tf"
    return options.model(image, x, published, name or f"mobilenet_{alpha:.2f}_{rows}")


def mobilenet_v2(alpha: float, name: str | None, options: Options) -> Model:
    """Builds a MobileNetV2 (https://arxiv.org/abs/1801.04381).

    Args:
        alpha: Factor of the number of filters.
        name: The model's name, made from width and size if None.
        options: What the user asked for.
    """
    if options.weights == "imagenet" and alpha not in _V2_WIDTHS:
        raise ValueError(
            f"MobileNetV2: ImageNet's weights are for alpha 0.35, 0.5, 0.75, 1, 1.3 or 1.4; got {alpha}."
        )
    options.check_sizes_agree()
    size = _default_size(options, _V2_SIZES)
    image = options.image(size)
    x = layers.Conv2D(rounded(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(image)
    x = layers.ReLU(6.0, name="Conv1_relu")(_v2_norm(x, "bn_Conv1"))
    index = 0
    for expansion, filters, count, first in _V2:
        for block in range(count):
            x = _v2_block(x, expansion, rounded(filters * alpha), first if block == 0 else 1, index)
            index += 1
    last = rounded(1280 * alpha) if alpha > 1 else 1280
    x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    x = layers.ReLU(6.0, name="out_relu")(_v2_norm(x, "Conv_1_bn"))
    x = options.head(x, named=False)
    rows = _rows(options, size)
    published = f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{rows}"
    return options.model(image, x, published, name or f"mobilenetv2_{alpha:.2f}_{rows}")


def _v2_norm(x: Any, name: str) -> Any:
    return batch_norm(x, name, momentum=0.999)


def _v2_block(x: Any, expansion: int, filters: int, strides: int, index: int) -> Any:
    start = x
    channels = x.shape[channel_axis()]
    prefix = f"block_{index}_" if index else "expanded_conv_"
    if index:
        x = layers.Conv2D(expansion * channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = layers.ReLU(6.0, name=f"{prefix}expand_relu")(_v2_norm(x, f"{prefix}expand_BN"))
    if strides == 2:
        x = layers.ZeroPadding2D(padding_for_stride(x, 3), name=f"{prefix}pad")(x)
    x = layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        name=f"{prefix}depthwise",
    )(x)
    x = layers.ReLU(6.0, name=f"{prefix}depthwise_relu")(_v2_norm(x, f"{prefix}depthwise_BN"))
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = _v2_norm(x, f"{prefix}project_BN")
    if channels == filters and strides == 1:
        x = layers.Add(name=f"{prefix}add")([start, x])
    return x


def _default_size(options: Options, sizes: tuple[int, ...]) -> int:
    """The size of published weights that fits the pictures asked for."""
    shape = options.input_shape
    if shape is not None and len(shape) == 3:
        height, width = shape[1:] if channel_axis() == 1 else shape[:-1]
        if height == width and height in sizes:
            return int(height)
    return sizes[-1]


def _rows(options: Options, size: int) -> int | None:
    """The height that name and published weights tell."""
    if options.weights == "imagenet":
        shape = options.input_shape
        if shape is not None and size not in tuple(shape):
            warnings.warn(
                f"{options.name}: there are no weights for pictures of shape {tuple(shape)}; those for "
                f"{size}x{size} are taken.",
                stacklevel=4,
            )
        return size
    if options.input_shape is None:
        return size if options.include_top else None
    rows: int | None = options.input_shape[1 if channel_axis() == 1 else 0]
    return rows
