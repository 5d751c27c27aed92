"""ResNet (https://arxiv.org/abs/1512.03385)."""

from __future__ import annotations

from typing import Any

from corten.applications import imagenet_utils
from corten.applications.building import Options
from corten.applications.imagenet_utils import decode_predictions
from corten.applications.resnet_blocks import resnet
from corten.models import Model

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


def ResNet50(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet50",
) -> Model:
    """ResNet of 50 layers (https://arxiv.org/abs/1512.03385).

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

    Example:
        >>> model = ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
        >>> model.output_shape
        (None, 1, 1, 2048)
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return resnet("ResNet50", (3, 4, 6, 3), options)


def ResNet101(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet101",
) -> Model:
    """ResNet of 101 layers (https://arxiv.org/abs/1512.03385).

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
    return resnet("ResNet101", (3, 4, 23, 3), options)


def ResNet152(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet152",
) -> Model:
    """ResNet of 152 layers (https://arxiv.org/abs/1512.03385).

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
    return resnet("ResNet152", (3, 8, 36, 3), options)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales pictures for ResNet: channels in the order blue, green, red, minus ImageNet's means.

    Args:
        x: Pictures with values from 0 to 255 and three channels, with or without a batch axis. A
            floating-point NumPy array is changed in place.
        data_format: 'channels_last' or 'channels_first'; None takes the default.

    Raises:
        ValueError: There are not three channels, or the data format is unknown.
    """
    return imagenet_utils.preprocess_input(x, data_format, mode="caffe")
