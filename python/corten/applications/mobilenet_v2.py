"""MobileNetV2 (https://arxiv.org/abs/1801.04381)."""

from __future__ import annotations

from typing import Any

from corten.applications import imagenet_utils
from corten.applications.building import Options
from corten.applications.imagenet_utils import decode_predictions
from corten.applications.mobilenet_blocks import mobilenet_v2
from corten.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]


def MobileNetV2(
    input_shape: Any = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNetV2: residual blocks that are wide inside (https://arxiv.org/abs/1801.04381).

    Args:
        input_shape: Shape of one picture; None is (224, 224, 3), or any size without classifier.
        alpha: Factor of the number of filters.
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
        >>> model = MobileNetV2(weights=None, include_top=False, input_shape=(32, 32, 3))
        >>> model.output_shape
        (None, 1, 1, 1280)
    """
    options = Options(
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        "MobileNetV2",
    )
    return mobilenet_v2(alpha, name, options)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales pictures for MobileNetV2: values from -1 to 1.

    Args:
        x: Pictures with values from 0 to 255, with or without a batch axis. A floating-point NumPy array
            is changed in place.
        data_format: 'channels_last' or 'channels_first'; None takes the default.

    Raises:
        ValueError: `x` does not have the axes of pictures, or the data format is unknown.
    """
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
