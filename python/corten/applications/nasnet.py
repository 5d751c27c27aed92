"""NASNet: cells of a searched design, stacked (https://arxiv.org/abs/1707.07012)."""

from __future__ import annotations

from typing import Any

from corten.applications import imagenet_utils
from corten.applications.building import Options
from corten.applications.imagenet_utils import decode_predictions
from corten.applications.nasnet_blocks import nasnet
from corten.models import Model

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]


def NASNetMobile(
    input_shape: Any = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "nasnet_mobile",
) -> Model:
    """NASNet-A (4 @ 1056), 5.3 million parameters (https://arxiv.org/abs/1707.07012).

    Args:
        input_shape: Shape of one picture, at least 32 pixels high and wide; None is (224, 224, 3). Give the
            size for trained weights: where it is unknown, padding is the same on both sides, which moves
            features of even size by a pixel.
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
        classifier_activation: The classifier's activation; None gives logits.
        name: The model's name.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.

    Example:
        >>> model = NASNetMobile((32, 32, 3), include_top=False, weights=None)
        >>> model.output_shape
        (None, 1, 1, 1056)
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return nasnet(
        options,
        "NASNetMobile",
        size=224,
        stem_filters=32,
        filters=44,
        repeats=4,
        skip_reduction=False,
    )


def NASNetLarge(
    input_shape: Any = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "nasnet_large",
) -> Model:
    """NASNet-A (6 @ 4032), 88.9 million parameters (https://arxiv.org/abs/1707.07012).

    Args:
        input_shape: Shape of one picture, at least 32 pixels high and wide; None is (331, 331, 3). Give the
            size for trained weights: where it is unknown, padding is the same on both sides, which moves
            features of even size by a pixel.
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
        classifier_activation: The classifier's activation; None gives logits.
        name: The model's name.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.

    Example:
        >>> model = NASNetLarge((32, 32, 3), include_top=False, weights=None, pooling="avg")
        >>> model.output_shape
        (None, 4032)
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return nasnet(
        options,
        "NASNetLarge",
        size=331,
        stem_filters=96,
        filters=168,
        repeats=6,
        skip_reduction=True,
    )


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales pictures for NASNet: values from -1 to 1.

    Args:
        x: Pictures with values from 0 to 255, with or without a batch axis. A floating-point NumPy array
            is changed in place.
        data_format: 'channels_last' or 'channels_first'; None takes the default.

    Raises:
        ValueError: `x` does not have the axes of pictures, or the data format is unknown.
    """
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
