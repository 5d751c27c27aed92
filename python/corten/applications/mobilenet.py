"""MobileNet (https://arxiv.org/abs/1704.04861)."""

from __future__ import annotations

from typing import Any

from corten.applications import imagenet_utils
from corten.applications.building import Options
from corten.applications.imagenet_utils import decode_predictions
from corten.applications.mobilenet_blocks import mobilenet
from corten.models import Model

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]


def MobileNet(
    input_shape: Any = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNet: separable convolutions for small machines (https://arxiv.org/abs/1704.04861).

    Args:
        input_shape: Shape of one picture; None is (224, 224, 3), or any size without classifier.
        alpha: Factor of the number of filters.
        depth_multiplier: Outputs of each channel's convolution.
        dropout: Rate of the dropout before the classifier.
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
        classifier_activation: The classifier's activation; None gives logits.
        name: The model's name; None makes one from width and size.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.

    Example:
        >>> model = MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3))
        >>> model.output_shape
        (None, 1, 1, 1024)
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, "MobileNet"
    )
    return mobilenet(alpha, depth_multiplier, dropout, name, options)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales pictures for MobileNet: values from -1 to 1.

    Args:
        x: Pictures with values from 0 to 255, with or without a batch axis. A floating-point NumPy array
            is changed in place.
        data_format: 'channels_last' or 'channels_first'; None takes the default.

    Raises:
        ValueError: `x` does not have the axes of pictures, or the data format is unknown.
    """
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
