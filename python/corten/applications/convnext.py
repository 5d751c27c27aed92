"""ConvNeXt (https://arxiv.org/abs/2201.03545)."""

from __future__ import annotations

from typing import Any

from corten.applications.building import Options
from corten.applications.convnext_blocks import convnext
from corten.applications.imagenet_utils import decode_predictions
from corten.models import Model

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]


def ConvNeXtTiny(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_tiny",
) -> Model:
    """ConvNeXt, tiny: convolutions with the habits of transformers (https://arxiv.org/abs/2201.03545).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        include_preprocessing: Whether the network scales pictures from 0 to 255 itself.
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
        >>> model = ConvNeXtTiny(weights=None, include_top=False, input_shape=(32, 32, 3))
        >>> model.output_shape
        (None, 1, 1, 768)
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return convnext("ConvNeXtTiny", (3, 3, 9, 3), 96, include_preprocessing, options)


def ConvNeXtSmall(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_small",
) -> Model:
    """ConvNeXt, small: convolutions with the habits of transformers (https://arxiv.org/abs/2201.03545).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        include_preprocessing: Whether the network scales pictures from 0 to 255 itself.
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
    return convnext("ConvNeXtSmall", (3, 3, 27, 3), 96, include_preprocessing, options)


def ConvNeXtBase(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_base",
) -> Model:
    """ConvNeXt, base: convolutions with the habits of transformers (https://arxiv.org/abs/2201.03545).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        include_preprocessing: Whether the network scales pictures from 0 to 255 itself.
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
    return convnext("ConvNeXtBase", (3, 3, 27, 3), 128, include_preprocessing, options)


def ConvNeXtLarge(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_large",
) -> Model:
    """ConvNeXt, large: convolutions with the habits of transformers (https://arxiv.org/abs/2201.03545).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        include_preprocessing: Whether the network scales pictures from 0 to 255 itself.
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
    return convnext("ConvNeXtLarge", (3, 3, 27, 3), 192, include_preprocessing, options)


def ConvNeXtXLarge(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_xlarge",
) -> Model:
    """ConvNeXt, extra large: convolutions with the habits of transformers (https://arxiv.org/abs/2201.03545).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        include_preprocessing: Whether the network scales pictures from 0 to 255 itself.
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
    return convnext("ConvNeXtXLarge", (3, 3, 27, 3), 256, include_preprocessing, options)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Gives the pictures as they are: ConvNeXts scale them themselves.

    Args:
        x: Pictures with values from 0 to 255.
        data_format: Not used.
    """
    return x
