"""What all networks share: checks of the arguments, the input, the classifier, and the weights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from corten import activations, config, layers, models
from corten.applications.imagenet_utils import obtain_input_shape
from corten.applications.published import download_weights
from corten.symbolic import KerasTensor, is_symbolic
from corten.utils import get_source_inputs


def channel_axis() -> int:
    """The axis of the channels under the default data format."""
    return 1 if config.image_data_format() == "channels_first" else 3


def batch_norm(x: Any, name: str | None, epsilon: float = 1e-3, **options: Any) -> Any:
    """Batch normalization over the channels.

    Args:
        x: Features.
        name: The layer's name.
        epsilon: Added to the variance.
        options: Further arguments of `BatchNormalization`.
    """
    return layers.BatchNormalization(axis=channel_axis(), epsilon=epsilon, name=name, **options)(x)


def padding_for_stride(x: Any, kernel_size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding before a convolution of stride 2 that keeps pixels where TensorFlow's checkpoints expect them.

    Args:
        x: Features; unknown sizes count as even.
        kernel_size: Width of the square kernel.
    """
    height, width = x.shape[2:4] if channel_axis() == 1 else x.shape[1:3]
    half = kernel_size // 2
    top, left = (half - (1 if size is None else 1 - size % 2) for size in (height, width))
    return (top, half), (left, half)


def rounded(value: float, close: bool = True) -> int:
    """The number of channels nearest to `value` that 8 divides.

    Args:
        value: The number wanted.
        close: Whether the result may not be more than a tenth below it.
    """
    result = max(8, int(value + 4) // 8 * 8)
    return result + 8 if close and result < 0.9 * value else result


@dataclass
class Options:
    """The arguments that all networks have.

    Attributes:
        include_top: Whether the classifier comes last.
        weights: None, 'imagenet' or the path of a file.
        input_tensor: A symbolic tensor to start from, or None.
        input_shape: The shape of one picture, or None.
        pooling: 'avg', 'max' or None; without the classifier.
        classes: Number of classes.
        classifier_activation: Activation of the classifier.
        name: The model's name.
    """

    include_top: bool
    weights: Any
    input_tensor: Any
    input_shape: Any
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str

    def check(self) -> None:
        """Checks pooling, weights, number of classes and activation.

        Raises:
            ValueError: Pooling or weights are of no known kind, or the weights do not fit the classifier.
        """
        if self.pooling not in (None, "avg", "max"):
            raise ValueError(f"{self.name}: pooling must be 'avg', 'max' or None; got {self.pooling!r}.")
        weights = self.weights
        if weights not in (None, "imagenet") and not (
            isinstance(weights, str | os.PathLike) and os.path.exists(weights)
        ):
            raise ValueError(
                f"{self.name}: weights must be None (random), 'imagenet' (downloaded) or the path of a file "
                f"that exists; got {weights!r}."
            )
        if weights == "imagenet" and self.include_top and self.classes != 1000:
            raise ValueError(
                f"{self.name}: ImageNet's weights with include_top=True have 1000 classes; got classes="
                f"{self.classes}. Take include_top=False and add a classifier."
            )
        if weights is not None and self.include_top:
            activation = self.classifier_activation
            if activations.get(activation) not in (activations.softmax, activations.linear):
                raise ValueError(
                    f"{self.name}: with weights and include_top=True, classifier_activation must be "
                    f"'softmax' or None; got {activation!r}."
                )

    def image(self, default_size: int, min_size: int = 32, require_flatten: bool | None = None) -> Any:
        """Checks all arguments and gives the tensor the network starts from.

        Args:
            default_size: Height and width the network was published with.
            min_size: The least height and width.
            require_flatten: Whether the sizes must be known; with the classifier if None.

        Raises:
            ValueError: An argument is not possible.
        """
        self.check()
        shape = obtain_input_shape(
            self.input_shape,
            default_size,
            min_size,
            config.image_data_format(),
            self.include_top if require_flatten is None else require_flatten,
            self.weights,
        )
        if self.input_tensor is None:
            return layers.Input(shape=shape)
        if not is_symbolic(self.input_tensor):
            raise ValueError(
                f"{self.name}: input_tensor must be a symbolic tensor (of `corten.Input` or a layer); got "
                f"{type(self.input_tensor).__name__}."
            )
        return self.input_tensor

    def check_sizes_agree(self) -> None:
        """Checks that `input_tensor` has the shape that `input_shape` says.

        Raises:
            ValueError: It has another.
        """
        if is_symbolic(self.input_tensor) and self.input_shape is not None:
            shape = tuple(self.input_tensor.shape[1:])
            if shape != tuple(self.input_shape):
                raise ValueError(
                    f"{self.name}: input_tensor has pictures of shape {shape}, input_shape says "
                    f"{tuple(self.input_shape)}. Leave input_shape out."
                )

    def head(self, x: Any, dropout: float = 0.0, named: bool = True, **dense: Any) -> Any:
        """The usual end: mean over the picture and a classifier, or pooled features.

        Args:
            x: Features.
            dropout: Rate of the dropout before the classifier.
            named: Whether the pooling layer is called `avg_pool` or `max_pool`.
            dense: Further arguments of the classifier.
        """
        if not self.include_top:
            return self.pooled(x, named)
        x = layers.GlobalAveragePooling2D(name="avg_pool" if named else None)(x)
        if dropout > 0:
            x = layers.Dropout(dropout, name="top_dropout")(x)
        return layers.Dense(self.classes, activation=self.classifier_activation, name="predictions", **dense)(
            x
        )

    def pooled(self, x: Any, named: bool = False) -> Any:
        """Features without a classifier, pooled over the picture if that is wanted.

        Args:
            x: Features.
            named: Whether the pooling layer is called `avg_pool` or `max_pool`.
        """
        if self.pooling == "avg":
            return layers.GlobalAveragePooling2D(name="avg_pool" if named else None)(x)
        if self.pooling == "max":
            return layers.GlobalMaxPooling2D(name="max_pool" if named else None)(x)
        return x

    def model(self, image: KerasTensor, outputs: Any, network: str, name: str | None = None) -> models.Model:
        """Makes the model and gives it its weights.

        Args:
            image: What the network starts from.
            outputs: What it gives.
            network: What `download_weights` takes for it.
            name: The model's name, where it is not `name`.
        """
        inputs: Any = image
        if self.input_tensor is not None:
            sources = get_source_inputs(image)
            inputs = sources[0] if len(sources) == 1 else sources
        model = models.Model(inputs, outputs, name=name or self.name)
        if self.weights == "imagenet":
            model.load_weights(download_weights(network, self.include_top))
        elif self.weights is not None:
            model.load_weights(self.weights)
        return model
