"""`QuantizedProduct`: the modes of `Dense` and `EinsumDense`, whose output is a product with one kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import _core, autograd, ops
from corten.layers.quantization.calibrated import CalibratedProduct
from corten.layers.quantization.quantizable import call_axis


class QuantizedProduct(CalibratedProduct):
    """Mixin with int8, int4 and float8; `CalibratedProduct` has GPTQ and AWQ.

    The layer says how its kernel is a matrix `(rows, columns)` with one row for each summed element, and how
    scales lie beside its output.
    """

    inputs_quantizer: Any = None

    # ---- what a layer says about itself ----------------------------------------------------------

    def _summed_kernel_axes(self) -> tuple[int, ...]:
        """The axes of the kernel that the product sums over."""
        raise NotImplementedError

    def _beside_output(self, scale: Any) -> Any:
        """A scale of the kernel, of size 1 along summed axes, as it lies beside the output."""
        raise NotImplementedError

    def _beside_kernel(self, scale: Any) -> Any:
        """Undo `_beside_output`."""
        raise NotImplementedError

    def _input_scale_beside_output(self, scale: Any) -> Any:
        """A scale of the input, of size 1 along summed axes, as it lies beside the output."""
        raise NotImplementedError

    # ---- the float weights ------------------------------------------------------------------------

    def _float_kernel(self: Any) -> Any:
        return ops.stop_gradient(self._kernel._value)

    def _lora_term(self, inputs: Any, training: bool | None = None) -> Any:
        return self._product(inputs, self._lora_update())

    def _plus_lora(self: Any, outputs: Any, inputs: Any, training: bool | None) -> Any:
        return ops.add(outputs, self._lora_term(inputs, training)) if self.lora_enabled else outputs

    # ---- int8 ---------------------------------------------------------------------------------------

    def _int8_build(self: Any) -> None:
        self.inputs_quantizer = self._activation_quantizer(default=True)
        kept = [
            1 if axis in self._summed_kernel_axes() else size for axis, size in enumerate(self._adapted_shape)
        ]
        self._int8_variables(self._beside_output(ops.ones(kept)).shape)

    def _int8_variables(self: Any, scale_shape: Sequence[int]) -> None:
        self._kernel = self.add_weight(
            name="kernel", shape=self._adapted_shape, initializer="zeros", dtype="int8", trainable=False
        )
        self.kernel_scale = self.add_weight(
            name="kernel_scale", shape=scale_shape, initializer="ones", trainable=False
        )

    def _int8_quantize(self: Any) -> None:
        integers, scale = self._int8_of(self._float_kernel())
        self._int8_build()
        self._kernel.assign(integers)
        self.kernel_scale.assign(scale)

    def _int8_of(self, kernel: Any) -> tuple[Any, Any]:
        axes = self._summed_kernel_axes()
        quantizer = self._weight_quantizer(axes, (-127, 127))
        integers, scale = quantizer(kernel, axis=call_axis(quantizer, axes))
        return integers, self._beside_output(scale)

    def _int8_call(self: Any, inputs: Any, training: bool | None = None) -> Any:
        scale = ops.convert_to_tensor(self.kernel_scale)
        outputs = self._integer_product(inputs, self._kernel, scale)
        return self._finish(self._plus_lora(outputs, inputs, training))

    def _integer_product(self: Any, inputs: Any, integers: Any, scale: Any) -> Any:
        """`inputs @ integers / scale`, as a product of integers where inputs are quantized too."""
        integers = ops.convert_to_tensor(integers)
        quantizer = self.inputs_quantizer
        dtype = self.compute_dtype
        if quantizer is None:
            outputs = self._product(inputs, ops.cast(integers, dtype))
            return ops.divide(outputs, ops.cast(scale, dtype))

        def product(x: Any) -> Any:
            axis = call_axis(quantizer, self._summed_input_axes(len(x.shape)))
            rounded, input_scale = quantizer(x, axis=axis)
            scales = ops.multiply(self._input_scale_beside_output(input_scale), scale)
            outputs = ops.divide(ops.cast(self._product(rounded, integers), dtype), ops.cast(scales, dtype))

            def gradient(upstream: Any) -> Any:
                kernel = ops.divide(ops.cast(integers, scale.dtype), self._beside_kernel(scale))
                kernel = ops.cast(kernel, dtype)
                # Gradients are not recorded while they are computed; the product here has to be.
                recording = _core.set_grad_enabled(True)
                try:
                    return autograd.vjp(lambda t: self._product(t, kernel), x)[1](upstream)[0]
                finally:
                    _core.set_grad_enabled(recording)

            return outputs, gradient

        if not getattr(inputs, "requires_grad", True):
            return product(inputs)[0]
        return autograd.custom_gradient(product)(inputs)

    # ---- int4 ---------------------------------------------------------------------------------------

    def _int4_build(self: Any) -> None:
        block = self._int4_block_size = self._block_size()
        self.inputs_quantizer = self._activation_quantizer(default=False)
        rows, columns = self._matrix_shape()
        self._orig_output_dim = columns
        self._kernel = self.add_weight(
            name="kernel", shape=(rows, -(-columns // 2)), initializer="zeros", dtype="int8", trainable=False
        )
        by_group = block is not None and block > 0
        shape = (-(-rows // block), columns) if by_group else (columns,)
        self.kernel_scale = self.add_weight(
            name="kernel_scale", shape=shape, initializer="ones", trainable=False
        )
        if by_group:
            self.kernel_zero = self.add_weight(
                name="kernel_zero", shape=shape, initializer="zeros", dtype="int8", trainable=False
            )
            self.g_idx = self._group_index(rows, block)

    def _int4_quantize(self: Any) -> None:
        values = self._int4_of(self._matrix_of(self._float_kernel()))
        self._int4_build()
        for name, value in values.items():
            getattr(self, name).assign(value)

    def _int4_of(self, matrix: Any) -> dict[str, Any]:
        """The variables that stand for a matrix, by attribute."""
        from corten.quantizers import abs_max_quantize_grouped_with_zero_point, pack_int4

        block = self._block_size()
        if block is not None and block > 0:
            integers, scale, zero = abs_max_quantize_grouped_with_zero_point(matrix, block)
            return {"_kernel": pack_int4(integers, -1)[0], "kernel_scale": scale, "kernel_zero": zero}
        quantizer = self._weight_quantizer(0, (-8, 7))
        integers, scale = quantizer(matrix, axis=call_axis(quantizer, 0))
        return {"_kernel": pack_int4(integers, -1)[0], "kernel_scale": ops.reshape(scale, (-1,))}

    def _int4_integers(self: Any) -> Any:
        from corten.quantizers import unpack_int4

        return unpack_int4(self._kernel, self._orig_output_dim, axis=-1)

    def _int4_matrix(self: Any) -> Any:
        """The float matrix that the integers stand for."""
        scale = ops.convert_to_tensor(self.kernel_scale)
        integers = ops.cast(self._int4_integers(), scale.dtype)
        if "kernel_zero" not in self.__dict__:
            return ops.divide(integers, scale)
        groups = ops.cast(self.g_idx._value, "int32")
        zero = ops.cast(ops.take(self.kernel_zero, groups, axis=0), scale.dtype)
        return ops.multiply(ops.subtract(integers, zero), ops.take(scale, groups, axis=0))

    def _int4_call(self: Any, inputs: Any, training: bool | None = None) -> Any:
        if self.inputs_quantizer is None:
            kernel = ops.cast(self._kernel_of(self._int4_matrix()), self.compute_dtype)
            outputs = self._product(inputs, kernel)
        else:
            integers = self._kernel_of(self._int4_integers())
            scale = self._beside_output(self._kernel_of(ops.expand_dims(self.kernel_scale, 0)))
            outputs = self._integer_product(inputs, integers, scale)
        return self._finish(self._plus_lora(outputs, inputs, training))

    # ---- float8 -------------------------------------------------------------------------------------

    def _float8_build(self) -> None:
        from corten.layers.quantization import float8

        float8.add_float8_variables(self)

    _float8_quantize = _float8_build

    def _float8_call(self: Any, inputs: Any, training: bool | None = None) -> Any:
        from corten.layers.quantization import float8

        x = float8.round_operand(self, "inputs", inputs, training)
        kernel = ops.cast(self._adapted_weight(), self.compute_dtype)
        kernel = float8.round_operand(self, "kernel", kernel, training)
        outputs = float8.round_gradient(self, self._product(x, kernel), training)
        return self._finish(outputs)

    # ---- files and attributes --------------------------------------------------------------------------

    def _saved_attributes(self: Any) -> list[str]:
        mode = self.quantization_mode if self._is_quantized else None
        plain = ["_kernel", "bias"]
        if mode == "int8":
            return [*plain, "kernel_scale"]
        if mode == "int4":
            return [*plain, "kernel_scale", "kernel_zero", "g_idx"]
        if mode == "float8":
            from corten.layers.quantization.float8 import OPERANDS

            return [*plain, *(f"{name}_{part}" for name in OPERANDS for part in ("scale", "amax_history"))]
        if mode in {"gptq", "awq"}:
            return self._calibrated_attributes()
        return plain

    def _merged(self: Any) -> dict[str, Any]:
        if not self.lora_enabled:
            return {}
        if self.quantization_mode == "int8":
            scale = self._beside_kernel(ops.convert_to_tensor(self.kernel_scale))
            kernel = ops.divide(ops.cast(self._kernel, scale.dtype), scale)
            integers, scale = self._int8_of(ops.add(kernel, self._lora_update()))
            return {"kernel": integers, "kernel_scale": scale}
        if self.quantization_mode == "int4":
            matrix = ops.add(self._int4_matrix(), self._matrix_of(self._lora_update()))
            return {name.lstrip("_"): value for name, value in self._int4_of(matrix).items()}
        return {"kernel": self._adapted_weight()}

    @property
    def kernel(self: Any) -> Any:
        """What inputs are multiplied with; the integers, unpacked, where the layer is quantized."""
        mode = self.quantization_mode if self._is_quantized else None
        if mode == "int8":
            return self._kernel
        if mode == "int4":
            return self._kernel_of(self._int4_integers())
        if mode in {"gptq", "awq"} and not self._float_until_calibrated():
            return self._calibrated_integers()
        return self._adapted_weight()

    @kernel.setter
    def kernel(self, value: Any) -> None:
        self._kernel = value
