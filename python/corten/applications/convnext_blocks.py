"""ConvNeXt: a convolutional network with the habits of transformers (https://arxiv.org/abs/2201.03545)."""

from __future__ import annotations

from typing import Any

from corten import config, layers, models, ops
from corten.applications.building import Options
from corten.applications.layer_scale import LayerScale
from corten.models import Model

_MEANS = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_VARIANCES = ((0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2)


def convnext(
    network: str, depths: tuple[int, ...], width: int, include_preprocessing: bool, options: Options
) -> Model:
    """Builds a network of the family.

    Args:
        network: Its public name.
        depths: Number of blocks in each of the four stages.
        width: Filters of the first stage; each stage doubles them.
        include_preprocessing: Whether it scales pictures itself.
        options: What the user asked for.
    """
    if config.image_data_format() == "channels_first":
        raise ValueError(
            f"{network}: needs the data format 'channels_last', as it normalizes the last axis; set it with "
            "`corten.config.set_image_data_format`."
        )
    image = options.image(224)
    prefix = options.name
    x: Any = image
    if include_preprocessing:
        x = _preprocessed(x, prefix)
    stem = [
        layers.Conv2D(width, 4, strides=4, name=f"{prefix}_stem_conv"),
        layers.LayerNormalization(epsilon=1e-6, name=f"{prefix}_stem_layernorm"),
    ]
    x = models.Sequential(stem, name=f"{prefix}_stem")(x)
    for stage, depth in enumerate(depths):
        filters = width * 2**stage
        if stage:
            x = _smaller(x, filters, stage - 1, prefix)
        for block in range(depth):
            x = _block(x, filters, f"{prefix}_stage_{stage}_block_{block}")
    if options.include_top:
        x = layers.GlobalAveragePooling2D(name=f"{prefix}_head_gap")(x)
        x = layers.LayerNormalization(epsilon=1e-6, name=f"{prefix}_head_layernorm")(x)
        activation = options.classifier_activation
        x = layers.Dense(options.classes, activation=activation, name=f"{prefix}_head_dense")(x)
    else:
        x = layers.LayerNormalization(epsilon=1e-6)(options.pooled(x))
    return options.model(image, x, network)


def _preprocessed(x: Any, prefix: str) -> Any:
    if x.shape[-1] != 3:
        return x
    return layers.Normalization(
        mean=list(_MEANS), variance=list(_VARIANCES), name=f"{prefix}_prestem_normalization"
    )(x)


def _smaller(x: Any, filters: int, index: int, prefix: str) -> Any:
    steps = [
        layers.LayerNormalization(epsilon=1e-6, name=f"{prefix}_downsampling_layernorm_{index}"),
        layers.Conv2D(filters, 2, strides=2, name=f"{prefix}_downsampling_conv_{index}"),
    ]
    return models.Sequential(steps, name=f"{prefix}_downsampling_block_{index}")(x)


def _block(x: Any, filters: int, name: str) -> Any:
    start = x
    x = layers.Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv")(x)
    x = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_layernorm")(x)
    x = layers.Dense(4 * filters, name=f"{name}_pointwise_conv_1")(x)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    x = layers.Dense(filters, name=f"{name}_pointwise_conv_2")(x)
    x = LayerScale(1e-6, filters, name=f"{name}_layer_scale")(x)
    x = layers.Activation("linear", name=f"{name}_identity")(x)
    return ops.add(start, x)
