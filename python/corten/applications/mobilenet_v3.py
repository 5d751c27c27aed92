"""MobileNetV3 (https://arxiv.org/abs/1905.02244)."""

from __future__ import annotations

from typing import Any

from corten.applications.building import Options
from corten.applications.imagenet_utils import decode_predictions
from corten.applications.mobilenet_v3_blocks import LARGE, SMALL, mobilenet_v3
from corten.models import Model

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]


def MobileNetV3Small(
    input_shape: Any = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "MobileNetV3Small",
) -> Model:
    """MobileNetV3, small (https://arxiv.org/abs/1905.02244).

    Args:
        input_shape: Shape of one picture; None is (None, None, 3).
        alpha: Factor of the number of filters.
        minimalistic: Whether only 3x3 kernels and relu are used, which older machines run faster.
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        classes: Number of classes.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        dropout_rate: Rate of the dropout before the classifier.
        classifier_activation: The classifier's activation; None gives logits.
        include_preprocessing: Whether the network scales pictures from 0 to 255 itself.
        name: The model's name.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.

    Example:
        >>> model = MobileNetV3Small(weights=None, include_top=False, input_shape=(32, 32, 3))
        >>> model.output_shape
        (None, 1, 1, 576)
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return mobilenet_v3(
        "MobileNetV3Small",
        SMALL,
        1024,
        alpha,
        minimalistic,
        dropout_rate,
        include_preprocessing,
        options,
    )


def MobileNetV3Large(
    input_shape: Any = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "MobileNetV3Large",
) -> Model:
    """MobileNetV3, large (https://arxiv.org/abs/1905.02244).

    Args:
        input_shape: Shape of one picture; None is (None, None, 3).
        alpha: Factor of the number of filters.
        minimalistic: Whether only 3x3 kernels and relu are used, which older machines run faster.
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        classes: Number of classes.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        dropout_rate: Rate of the dropout before the classifier.
        classifier_activation: The classifier's activation; None gives logits.
        include_preprocessing: Whether the network scales pictures from 0 to 255 itself.
        name: The model's name.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return mobilenet_v3(
        "MobileNetV3Large",
        LARGE,
        1280,
        alpha,
        minimalistic,
        dropout_rate,
        include_preprocessing,
        options,
    )


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Gives the pictures as they are: MobileNetV3s scale them themselves.

    Args:
        x: Pictures with values from 0 to 255.
        data_format: Not used.
    """
    return x
