"""VGG16 (https://arxiv.org/abs/1409.1556)."""

from __future__ import annotations

from typing import Any

from corten.applications import imagenet_utils
from corten.applications.building import Options
from corten.applications.imagenet_utils import decode_predictions
from corten.applications.vgg_blocks import vgg
from corten.models import Model

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


def VGG16(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "vgg16",
) -> Model:
    """VGG of 16 layers with weights (https://arxiv.org/abs/1409.1556).

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
        >>> model = VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
        >>> model.output_shape
        (None, 1, 1, 512)
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return vgg("VGG16", (2, 2, 3, 3, 3), options)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales pictures for VGG16: channels in the order blue, green, red, minus ImageNet's means.

    Args:
        x: Pictures with values from 0 to 255 and three channels, with or without a batch axis. A
            floating-point NumPy array is changed in place.
        data_format: 'channels_last' or 'channels_first'; None takes the default.

    Raises:
        ValueError: There are not three channels, or the data format is unknown.
    """
    return imagenet_utils.preprocess_input(x, data_format, mode="caffe")
