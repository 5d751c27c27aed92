"""EfficientNetV2 (https://arxiv.org/abs/2104.00298)."""

from __future__ import annotations

from typing import Any

from corten.applications.building import Options
from corten.applications.efficientnet_blocks import Scale, efficientnet_v2
from corten.applications.imagenet_utils import decode_predictions
from corten.models import Model

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]


def EfficientNetV2B0(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-b0",
) -> Model:
    """EfficientNetV2-B0, for pictures of 224 pixels (https://arxiv.org/abs/2104.00298).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (224, 224, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
        classifier_activation: The classifier's activation; None gives logits.
        include_preprocessing: Whether the network scales pictures from 0 to 255 itself.
        name: The model's name.

    Returns:
        The model: float32 pictures in, probabilities or features out.

    Raises:
        ValueError: The weights do not exist or do not fit the other arguments.

    Example:
        >>> model = EfficientNetV2B0(weights=None, include_top=False, input_shape=(32, 32, 3))
        >>> model.output_shape
        (None, 1, 1, 1280)
    """
    options = Options(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    scale = Scale(1.0, 1.0, 224)
    return efficientnet_v2("EfficientNetV2B0", "b", scale, include_preprocessing, options)


def EfficientNetV2B1(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-b1",
) -> Model:
    """EfficientNetV2-B1, for pictures of 240 pixels (https://arxiv.org/abs/2104.00298).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (240, 240, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
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
    scale = Scale(1.0, 1.1, 240)
    return efficientnet_v2("EfficientNetV2B1", "b", scale, include_preprocessing, options)


def EfficientNetV2B2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-b2",
) -> Model:
    """EfficientNetV2-B2, for pictures of 260 pixels (https://arxiv.org/abs/2104.00298).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (260, 260, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
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
    scale = Scale(1.1, 1.2, 260)
    return efficientnet_v2("EfficientNetV2B2", "b", scale, include_preprocessing, options)


def EfficientNetV2B3(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-b3",
) -> Model:
    """EfficientNetV2-B3, for pictures of 300 pixels (https://arxiv.org/abs/2104.00298).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (300, 300, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
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
    scale = Scale(1.2, 1.4, 300)
    return efficientnet_v2("EfficientNetV2B3", "b", scale, include_preprocessing, options)


def EfficientNetV2S(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-s",
) -> Model:
    """EfficientNetV2-S, for pictures of 384 pixels (https://arxiv.org/abs/2104.00298).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (384, 384, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
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
    scale = Scale(1.0, 1.0, 384)
    return efficientnet_v2("EfficientNetV2S", "s", scale, include_preprocessing, options)


def EfficientNetV2M(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-m",
) -> Model:
    """EfficientNetV2-M, for pictures of 480 pixels (https://arxiv.org/abs/2104.00298).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (480, 480, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
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
    scale = Scale(1.0, 1.0, 480)
    return efficientnet_v2("EfficientNetV2M", "m", scale, include_preprocessing, options)


def EfficientNetV2L(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "efficientnetv2-l",
) -> Model:
    """EfficientNetV2-L, for pictures of 480 pixels (https://arxiv.org/abs/2104.00298).

    Args:
        include_top: Whether the classifier of `classes` classes comes last.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: A symbolic tensor to start from, in place of an input of `input_shape`.
        input_shape: Shape of one picture; None is (480, 480, 3), or any size without classifier.
        pooling: Without classifier: None (features of all places), 'avg' or 'max' over them.
        classes: Number of classes.
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
    scale = Scale(1.0, 1.0, 480)
    return efficientnet_v2("EfficientNetV2L", "l", scale, include_preprocessing, options)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Gives the pictures as they are: EfficientNetV2s scale them themselves.

    Args:
        x: Pictures with values from 0 to 255.
        data_format: Not used.
    """
    return x
