"""Normalization within one sample: layer, group, RMS, unit norm; and of weights: spectral."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import initializers, ops
from corten.layers.arguments import known_size
from corten.layers.core import Wrapper
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer
from corten.layers.weight_options import WeightOptions


def _axes(layer: str, axis: Any) -> list[int] | int:
    """Check an `axis` argument: an int, or a list of ints."""
    if isinstance(axis, (list, tuple)) and axis and all(_is_integer(item) for item in axis):
        return [int(item) for item in axis]
    if _is_integer(axis):
        return int(axis)
    raise TypeError(
        f"{layer}: Expected an int or a list/tuple of ints for the argument 'axis'; got axis={axis!r}."
    )


def _is_integer(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


class LayerNormalization(WeightOptions, Layer):
    """Normalizes each sample to mean 0 and variance 1 over `axis`, then scales and shifts it.

    Args:
        axis: The axis or axes to normalize over.
        epsilon: Added to the variance.
        center: Whether to add `beta`.
        scale: Whether to multiply by `gamma`.
        beta_initializer: Initializer of `beta`.
        gamma_initializer: Initializer of `gamma`.
        beta_regularizer: Penalty on `beta`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Projection of `beta` after each optimizer step.
        gamma_constraint: Projection of `gamma` after each optimizer step.
        **kwargs: `rms_scaling=True` divides by the root of the variance without centering, and has no
            `beta`; `RMSNormalization` divides by the root mean square.

    Example:
        >>> import numpy as np
        >>> y = LayerNormalization()(np.array([[1.0, 3.0]], "float32"))
        >>> [round(value, 2) for value in y.reshape(-1).tolist()]
        [-1.0, 1.0]
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        self.rms_scaling = rms_scaling
        self.axis = _axes("LayerNormalization", axis)
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self._set_weight_options(
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
        )
        self.supports_masking = True

    gamma: Any = None
    beta: Any = None

    def build(self, input_shape: Sequence[int | None]) -> None:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        shape = tuple(
            known_size("LayerNormalization", input_shape, axis, "a normalized axis") for axis in axes
        )
        if self.scale:
            self.gamma = self._add_option_weight("gamma", shape, autocast=False)
        if self.center and not self.rms_scaling:
            self.beta = self._add_option_weight("beta", shape, autocast=False)
        self.built = True

    def call(self, inputs: Any) -> Any:
        if self.rms_scaling:
            y = ops.layer_normalization(
                inputs, self.gamma, axis=self.axis, epsilon=self.epsilon, rms_scaling=True
            )
        else:
            y = ops.layer_normalization(inputs, self.gamma, self.beta, axis=self.axis, epsilon=self.epsilon)
        return ops.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": self.rms_scaling,
            **self._weight_config(),
        }


class RMSNormalization(Layer):
    """Divides by the root of the mean square over `axis`, then scales.

    Args:
        axis: The axis or axes to normalize over.
        epsilon: Added to the mean square.

    Example:
        >>> import numpy as np
        >>> y = RMSNormalization()(np.array([[3.0, 4.0]], "float32"))
        >>> [round(value, 3) for value in y.reshape(-1).tolist()]
        [0.849, 1.131]
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axes("RMSNormalization", axis)
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        shape = tuple(known_size("RMSNormalization", input_shape, axis, "a normalized axis") for axis in axes)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", autocast=False)
        self.built = True

    def call(self, inputs: Any) -> Any:
        y = ops.rms_normalization(inputs, scale=self.scale, axis=self.axis, epsilon=self.epsilon)
        return ops.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class GroupNormalization(WeightOptions, Layer):
    """Splits the channels into groups and normalizes each group of each sample to mean 0 and variance 1.

    Args:
        groups: Number of groups; it must divide the channels. 1 normalizes all channels together, -1 each
            alone.
        axis: The channel axis.
        epsilon: Added to the variance.
        center: Whether to add `beta`.
        scale: Whether to multiply by `gamma`.
        beta_initializer: Initializer of `beta`.
        gamma_initializer: Initializer of `gamma`.
        beta_regularizer: Penalty on `beta`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Projection of `beta` after each optimizer step.
        gamma_constraint: Projection of `gamma` after each optimizer step.

    Example:
        >>> import numpy as np
        >>> GroupNormalization(2)(np.ones((1, 4, 4, 8), "float32")).shape
        (1, 4, 4, 8)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not _is_integer(groups) or (groups <= 0 and groups != -1):
            raise ValueError(
                "GroupNormalization: argument `groups` must be a positive integer, or -1 for one "
                "group per channel; "
                f"got groups={groups!r}."
            )
        self.groups = int(groups)
        # Values beyond the range of float16 are fine before they are normalized.
        self.autocast = self.autocast and self.compute_dtype not in ("float16", "bfloat16")
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self._set_weight_options(
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
        )
        self.supports_masking = True

    gamma: Any = None
    beta: Any = None

    def build(self, input_shape: Sequence[int | None]) -> None:
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                f"GroupNormalization: axis {self.axis} of input tensor should have a defined "
                "dimension but the layer "
                f"received an input with shape {tuple(input_shape)}. Give it a number in Input(shape=...)."
            )
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups:
            raise ValueError(
                f"GroupNormalization: number of groups ({self.groups}) cannot be more than the number "
                "of channels "
                f"({channels})."
            )
        if channels % self.groups:
            raise ValueError(
                f"GroupNormalization: `groups` must divide the number of channels; got groups={self.groups}, "
                f"{channels} channels."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        if self.scale:
            self.gamma = self._add_option_weight("gamma", (channels,), autocast=False)
        if self.center:
            self.beta = self._add_option_weight("beta", (channels,), autocast=False)
        self.built = True

    def call(self, inputs: Any) -> Any:
        dtype = "float32" if inputs.dtype in ("float16", "bfloat16") else inputs.dtype
        gamma = ops.cast(self.gamma, dtype) if self.gamma is not None else None
        beta = ops.cast(self.beta, dtype) if self.beta is not None else None
        y = ops.group_normalization(
            ops.cast(inputs, dtype), gamma, beta, self.groups, self.epsilon, axis=self.axis
        )
        return ops.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **self._weight_config(),
        }


class UnitNormalization(Layer):
    """Scales each sample so that its Euclidean norm over `axis` is 1.

    Args:
        axis: The axis or axes over which the norm is taken.

    Example:
        >>> import numpy as np
        >>> y = UnitNormalization()(np.array([[3.0, 4.0]], "float32"))
        >>> [round(value, 2) for value in y.reshape(-1).tolist()]
        [0.6, 0.8]
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not (
            _is_integer(axis) or (isinstance(axis, (list, tuple)) and all(_is_integer(item) for item in axis))
        ):
            raise TypeError(
                "UnitNormalization: Invalid value for `axis` argument: expected an int or a "
                "list/tuple of ints. "
                f"Received: axis={axis!r}"
            )
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        squares = ops.sum(ops.square(inputs), axis=axis, keepdims=True)
        return ops.multiply(inputs, ops.rsqrt(ops.maximum(squares, 1e-12)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class SpectralNormalization(Wrapper):
    """Wraps a layer and divides its kernel by its largest singular value, estimated by power iteration.

    Each training step refines the estimate and stores the divided kernel in the layer.

    Args:
        layer: A layer with a weight `kernel` or `embeddings`.
        power_iterations: Iterations per training step.

    Example:
        >>> import numpy as np
        >>> from corten import layers
        >>> layer = SpectralNormalization(layers.Dense(3))
        >>> layer(np.ones((2, 5), "float32"), training=True).shape
        (2, 3)
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                f"SpectralNormalization: `power_iterations` should be greater than zero. "
                f"Received: power_iterations={power_iterations}"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))
        kernel = getattr(self.layer, "kernel", None)
        self.kernel: Any = kernel if kernel is not None else getattr(self.layer, "embeddings", None)
        if self.kernel is None:
            raise ValueError(
                f"SpectralNormalization: {type(self.layer).__name__} object has no attribute 'kernel' nor "
                "'embeddings'; wrap a Dense, convolution or Embedding layer."
            )
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            dtype=self.kernel.dtype,
        )

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if training and inputs.device != "meta":
            vector_u, kernel = self._normalized()
            self.vector_u.assign(vector_u)
            self.kernel.assign(kernel)
        return self.layer(inputs)

    def _normalized(self) -> tuple[Any, Any]:
        """The refined vector and the kernel divided by its largest singular value."""
        kernel = ops.stop_gradient(self.kernel.value)
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        vector_u = self.vector_u.value
        for _ in range(self.power_iterations):
            vector_v = _unit(ops.matmul(vector_u, ops.transpose(matrix)))
            vector_u = _unit(ops.matmul(vector_v, matrix))
        sigma = ops.matmul(ops.matmul(vector_v, matrix), ops.transpose(vector_u))
        return vector_u, ops.divide(kernel, ops.reshape(sigma, ()))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _unit(vector: Any) -> Any:
    return ops.multiply(vector, ops.rsqrt(ops.maximum(ops.sum(ops.square(vector)), 1e-12)))
