"""DenseNet (https://arxiv.org/abs/1608.06993)."""

from __future__ import annotations

from typing import Any

from corten.applications import imagenet_utils
from corten.applications.building import Options
from corten.applications.densenet_blocks import densenet
from corten.applications.imagenet_utils import decode_predictions
from corten.models import Model

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]


def DenseNet121(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "densenet121",
) -> Model:
    """DenseNet of 121 layers (https://arxiv.org/abs/1608.06993).

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
    return densenet("DenseNet121", (6, 12, 24, 16), options)


def DenseNet169(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "densenet169",
) -> Model:
    """DenseNet of 169 layers (https://arxiv.org/abs/1608.06993).

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
    return densenet("DenseNet169", (6, 12, 32, 32), options)


def DenseNet201(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "densenet201",
) -> Model:
    """DenseNet of 201 layers (https://arxiv.org/abs/1608.06993).

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
    return densenet("DenseNet201", (6, 12, 48, 32), options)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales pictures for DenseNet: values from 0 to 1, minus ImageNet's means, divided by its deviations.

    Args:
        x: Pictures with values from 0 to 255 and three channels, with or without a batch axis. A
            floating-point NumPy array is changed in place.
        data_format: 'channels_last' or 'channels_first'; None takes the default.

    Raises:
        ValueError: There are not three channels, or the data format is unknown.
    """
    return imagenet_utils.preprocess_input(x, data_format, mode="torch")
