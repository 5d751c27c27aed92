"""Layers everything else builds on: Dense, Activation, Identity, Lambda, Masking, Wrapper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from corten import activations, ops, saving
from corten.dtype_policies.quantized import QUANTIZATION_MODES
from corten.layers.arguments import known_size, positive_integer
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer
from corten.layers.quantization.product import QuantizedProduct
from corten.layers.weight_options import WeightOptions, bias_and_activation, linear


class Dense(WeightOptions, QuantizedProduct, Layer):
    """Fully connected layer: `activation(inputs @ kernel + bias)`, over the last axis of the input.

    Args:
        units: Size of the output's last axis.
        activation: Activation to apply; None leaves the sum as it is.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of `kernel`, shape `(input_dim, units)`.
        bias_initializer: Initializer of `bias`, shape `(units,)`.
        kernel_regularizer: Penalty on `kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        kernel_constraint: Projection of `kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.
        lora_rank: If given, `build` ends with `enable_lora(lora_rank, lora_alpha)`.
        lora_alpha: Strength of the low-rank product; None takes `lora_rank`.
        quantization_config: Options for a `dtype` that quantizes, such as `'int8_from_float32'`.

    Example:
        >>> import numpy as np
        >>> layer = Dense(3, activation="relu")
        >>> layer(np.ones((2, 5), "float32")).shape
        (2, 3)
        >>> [weight.shape for weight in layer.weights]
        [(5, 3), (3,)]
    """

    _modes = QUANTIZATION_MODES

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_integer("Dense", "units", units)
        self._set_lora(lora_rank, lora_alpha)
        self._set_quantization_config(quantization_config)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_weight_options(
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        features = known_size("Dense", input_shape, -1, "features")
        self._adapted_shape = (features, self.units)
        mode = self.quantization_mode
        if mode is None or mode == "float8":
            self._kernel = self._add_option_weight("kernel", self._adapted_shape)
        self.bias = self._add_option_weight("bias", (self.units,)) if self.use_bias else None
        if mode is not None:
            self.quantized_build(input_shape, mode)
        self._enable_lora_if_asked()
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self._special:
            if self._is_quantized:
                return self.quantized_call(inputs, training=training)
            if self.lora_enabled:
                # Beside the product, not added to the kernel: the kernel's gradient is never needed.
                outputs = linear(inputs, self._kernel, self.bias, None)
                outputs = self._plus_lora(outputs, inputs, training)
                return outputs if self.activation is None else self.activation(outputs)
        return linear(inputs, self._kernel, self.bias, self.activation)

    def _product(self, inputs: Any, kernel: Any) -> Any:
        return ops.matmul(inputs, kernel)

    def _finish(self, outputs: Any) -> Any:
        return bias_and_activation(outputs, self.bias, self.activation)

    def _lora_term(self: Any, inputs: Any, training: bool | None = None) -> Any:
        a, b = self._lora_matrices(inputs.dtype)
        thin = ops.matmul(self._lora_inputs(inputs, training), a)
        return ops.matmul(ops.multiply(thin, self._lora_strength), b)

    def _matrix_shape(self) -> tuple[int, int]:
        return self._adapted_shape

    def _matrix_of(self, kernel: Any) -> Any:
        return kernel

    def _kernel_of(self, matrix: Any) -> Any:
        return matrix

    def _summed_kernel_axes(self) -> tuple[int, ...]:
        return (0,)

    def _summed_input_axes(self, rank: int) -> tuple[int, ...]:
        return (rank - 1,)

    def _beside_output(self, scale: Any) -> Any:
        return ops.squeeze(scale, 0)

    def _beside_kernel(self, scale: Any) -> Any:
        return ops.expand_dims(scale, 0)

    def _input_scale_beside_output(self, scale: Any) -> Any:
        return scale

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weight_config(),
            **self._quantization_config_entry(),
            **self._lora_config(),
        }


class Activation(Layer):
    """Applies an activation function to its input.

    Args:
        activation: Name of an activation or a function of one tensor.

    Example:
        >>> import numpy as np
        >>> Activation("relu")(np.array([-1.0, 2.0], "float32")).tolist()
        [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Identity(Layer):
    """Returns its input unchanged: a placeholder where a model needs a layer.

    Example:
        >>> import numpy as np
        >>> Identity()(np.array([1.0, 2.0], "float32")).tolist()
        [1.0, 2.0]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs


class Lambda(Layer):
    """Wraps a plain function of tensors as a layer.

    The function itself is never written into a model file: saving needs a function registered with
    `corten.saving.register_keras_serializable`, or `custom_objects` at loading, so that loading runs no
    stored code. Weights created inside the function are not tracked; subclass `Layer` for those.

    Args:
        function: Function of the inputs; it may also take `mask` and `training`.
        output_shape: Accepted for compatibility; shapes are found by running `function`.
        mask: Fixed mask, or function `(inputs, mask) -> mask`.
        arguments: Further keyword arguments for `function`.

    Example:
        >>> import numpy as np
        >>> Lambda(lambda x: x * 2)(np.array([1.0, 2.0], "float32")).tolist()
        [2.0, 4.0]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: `function` must be callable; got {function!r}.")
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        self._takes_mask = _takes_argument(function, "mask")
        self._takes_training = _takes_argument(function, "training")
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        kwargs = dict(self.arguments)
        if self._takes_mask:
            kwargs["mask"] = mask
        if self._takes_training:
            kwargs["training"] = training
        return self.function(inputs, **kwargs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "function": self._serialize_function("function", self.function),
            "output_shape": self._serialize_function("output_shape", self._output_shape),
            "mask": self._serialize_function("mask", self.mask),
            "arguments": self.arguments,
        }

    def _serialize_function(self, argument: str, value: Any) -> Any:
        if not callable(value):
            return value
        if getattr(value, "__name__", "<lambda>") == "<lambda>":
            raise ValueError(
                f"Lambda: layer {self.name!r} cannot be saved because its `{argument}` is a lambda, "
                "and Corten never "
                "stores code. Use a named function decorated with "
                "@corten.saving.register_keras_serializable(), or "
                "subclass Layer."
            )
        return saving.serialize_keras_object(value)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Lambda:
        config = dict(config)
        for argument in ("function", "output_shape", "mask"):
            if isinstance(config.get(argument), dict):
                config[argument] = saving.deserialize_keras_object(config[argument])
        if isinstance(config["function"], str):
            raise ValueError(
                f"Lambda: function {config['function']!r} is not known. Register it with "
                "@corten.saving.register_keras_serializable() or pass custom_objects when loading."
            )
        return cls(**config)


def _takes_argument(function: Callable[..., Any], name: str) -> bool:
    import inspect

    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


class Masking(Layer):
    """Marks timesteps whose features all equal `mask_value`, so that later layers skip them.

    Args:
        mask_value: The value that stands for "no data".

    Example:
        >>> import numpy as np
        >>> layer = Masking()
        >>> x = np.array([[[1.0], [0.0]]], "float32")
        >>> layer.compute_mask(x).tolist()
        [[True, False]]
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        if isinstance(mask_value, dict) and mask_value.get("config") is not None:
            mask_value = saving.deserialize_keras_object(mask_value)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.mask_value = mask_value
        self.built = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.multiply(inputs, ops.cast(kept, inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}


class Wrapper(Layer):
    """Base of layers that hold another layer in `self.layer`.

    Args:
        layer: The layer to wrap.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer!r} supplied to {type(self).__name__} isn't a supported layer type. Please "
                "ensure wrapped layer is a valid Keras layer: `layer` must be a Layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Wrapper:
        config = dict(config)
        layer = saving.deserialize_keras_object(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)
