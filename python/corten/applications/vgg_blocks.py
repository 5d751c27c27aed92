"""VGG: blocks of 3x3 convolutions, each followed by pooling (https://arxiv.org/abs/1409.1556)."""

from __future__ import annotations

from typing import Any

from corten import layers
from corten.applications.building import Options
from corten.models import Model

_FILTERS = (64, 128, 256, 512, 512)


def vgg(network: str, repeats: tuple[int, ...], options: Options) -> Model:
    """Builds a network of the family.

    Args:
        network: Its public name.
        repeats: Number of convolutions in each of the five blocks.
        options: What the user asked for.
    """
    image = options.image(224)
    x: Any = image
    for block, (filters, count) in enumerate(zip(_FILTERS, repeats, strict=True), 1):
        for index in range(1, count + 1):
            name = f"block{block}_conv{index}"
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if options.include_top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(4096, activation="relu", name="fc1")(x)
        x = layers.Dense(4096, activation="relu", name="fc2")(x)
        x = layers.Dense(options.classes, activation=options.classifier_activation, name="predictions")(x)
    else:
        x = options.pooled(x)
    return options.model(image, x, network)
