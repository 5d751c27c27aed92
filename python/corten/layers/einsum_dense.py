"""A dense layer for inputs of any rank, its product given as an einsum equation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, initializers, ops
from corten.dtype_policies.quantized import QUANTIZATION_MODES
from corten.layers.einsum_equation import parse_equation, summed_axes, weight_shapes
from corten.layers.layer import Layer
from corten.layers.quantization.einsum import QuantizedEinsum
from corten.layers.weight_options import WeightOptions, engine_activation


class EinsumDense(WeightOptions, QuantizedEinsum, Layer):
    """Dense layer whose product is `einsum(equation, inputs, kernel)`.

    Args:
        equation: Equation of the form `"abc,cd->abd"`: input, kernel, output. The input and the output may
            have an ellipsis at the same end.
        output_shape: Shape of the output without the batch axis and without axes under an ellipsis; None
            entries are taken from the input. An int stands for a tuple of one.
        activation: Activation to apply; None leaves the sum as it is.
        bias_axes: Letters of the output's axes that have a bias; None means no bias.
        kernel_initializer: Initializer of `kernel`.
        bias_initializer: Initializer of `bias`.
        kernel_regularizer: Penalty on `kernel`.
        bias_regularizer: Penalty on `bias`.
        kernel_constraint: Projection of `kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.
        lora_rank: If given, `build` ends with `enable_lora(lora_rank, lora_alpha)`.
        lora_alpha: Strength of the low-rank product; None takes `lora_rank`.
        gptq_unpacked_column_size: Accepted for compatibility: the kernel's shape says it.
        quantization_config: Options for a `dtype` that quantizes, such as `'int8_from_float32'`.

    Example:
        >>> import numpy as np
        >>> layer = EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
        >>> layer(np.ones((2, 5, 3), "float32")).shape
        (2, 5, 64)
    """

    _summed_axes = 0
    _modes = QUANTIZATION_MODES

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_lora(lora_rank, lora_alpha)
        self._set_quantization_config(quantization_config)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self._set_weight_options(
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )
        parse_equation(equation)

    def build(self, input_shape: Sequence[int | None]) -> None:
        kernel_shape, bias_shape, self.full_output_shape = weight_shapes(
            self.equation, tuple(input_shape), self.partial_output_shape, self.bias_axes
        )
        self._adapted_shape = self.original_kernel_shape = kernel_shape
        mode = self.quantization_mode
        if mode is None or mode == "float8":
            self._kernel = self._add_option_weight("kernel", kernel_shape, initializer=self._kernel_start())
        self.bias = self._add_option_weight("bias", bias_shape) if bias_shape is not None else None
        self._summed_axes = summed_axes(self.equation, kernel_shape, bias_shape)
        if mode is not None:
            self.quantized_build(input_shape, mode)
        self._enable_lora_if_asked()
        self.built = True

    def _kernel_start(self) -> Any:
        """The initializer, told which axes the product sums over: they make the fan-in."""
        start = self.kernel_initializer
        source, weight, result = parse_equation(self.equation)
        summed = [axis for axis, label in enumerate(weight) if label in source and label not in result]
        made = [axis for axis, label in enumerate(weight) if label in result and label not in source]
        if isinstance(start, initializers.VarianceScaling) and summed and made:
            return start.with_axes(summed, made)
        return start

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self._special:
            if self._is_quantized:
                return self.quantized_call(inputs, training=training)
            return self._float_call(inputs, self._adapted_weight())
        return self._float_call(inputs, self._kernel)

    def _float_call(self, inputs: Any, kernel: Any) -> Any:
        if self._summed_axes:
            fused = engine_activation(self.activation)
            if fused is not None:
                return ops.linear(inputs, kernel, self.bias, fused, self._summed_axes)
        return self._finish(ops.einsum(self.equation, inputs, kernel))

    def _product(self, inputs: Any, kernel: Any) -> Any:
        return ops.einsum(self.equation, inputs, kernel)

    def _finish(self, outputs: Any) -> Any:
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs) if self.activation is not None else outputs

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            **self._weight_config(),
            **self._quantization_config_entry(),
            **self._lora_config(),
        }
