"""ResNet that normalizes before its convolutions (https://arxiv.org/abs/1603.05027)."""

from __future__ import annotations

from typing import Any

from corten.applications import imagenet_utils
from corten.applications.building import Options
from corten.applications.imagenet_utils import decode_predictions
from corten.applications.resnet_blocks import resnet_v2
from corten.models import Model

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


def ResNet50V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet50v2",
) -> Model:
    """ResNet of 50 layers in its second form (https://arxiv.org/abs/1603.05027).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (224, 224, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
        classifier_activation: The classifier's activation; None gives logits.
        name: The model's name.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return resnet_v2("ResNet50V2", (3, 4, 6, 3), options)


def ResNet101V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet101v2",
) -> Model:
    """ResNet of 101 layers in its second form (https://arxiv.org/abs/1603.05027).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (224, 224, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
        classifier_activation: The classifier's activation; None gives logits.
        name: The model's name.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return resnet_v2("ResNet101V2", (3, 4, 23, 3), options)


def ResNet152V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet152v2",
) -> Model:
    """ResNet of 152 layers in its second form (https://arxiv.org/abs/1603.05027).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (224, 224, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
        classifier_activation: The classifier's activation; None gives logits.
        name: The model's name.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return resnet_v2("ResNet152V2", (3, 8, 36, 3), options)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales pictures for ResNetV2: values from -1 to 1.

    Args:
        x: Pictures with values from 0 to 255, with or without a batch axis. A floating-point NumPy array
            is changed in place.
        data_format: 'channels_last' or 'channels_first'; None takes the default.

    Raises:
        ValueError: `x` does not have the axes of pictures, or the data format is unknown.
    """
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
