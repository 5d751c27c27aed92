"""`CalibratedProduct`: layers whose integers were chosen by running a model on data (GPTQ, AWQ)."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.quantization.quantizable import Quantizable


class CalibratedProduct(Quantizable):
    """Mixin with the modes gptq and awq.

    The integers are a matrix `(columns, rows)` of uint8: a row for each output, as in the papers. Those of
    4 bits are packed along the outputs.
    """

    is_gptq_calibrated = False
    is_awq_calibrated = False

    # ---- what a layer says about itself ----------------------------------------------------------

    def _matrix_shape(self) -> tuple[int, int]:
        """Rows, one for each summed element, and columns of the kernel as a matrix."""
        raise NotImplementedError

    def _matrix_of(self, kernel: Any) -> Any:
        """The kernel as a matrix."""
        raise NotImplementedError

    def _kernel_of(self, matrix: Any) -> Any:
        """Undo `_matrix_of`; one row gives size 1 along summed axes."""
        raise NotImplementedError

    def _summed_input_axes(self, rank: int) -> tuple[int, ...]:
        """The axes of an input of so many axes that the product sums over."""
        raise NotImplementedError

    def _row_order(self, rank: int) -> tuple[int, ...]:
        """Those axes in the order of the matrix's rows."""
        return self._summed_input_axes(rank)

    def _product(self, inputs: Any, kernel: Any) -> Any:
        """The product of inputs and a kernel."""
        raise NotImplementedError

    def _finish(self, outputs: Any) -> Any:
        """Add the bias and apply the activation."""
        raise NotImplementedError

    # ---- variables ----------------------------------------------------------------------------------

    def _bits_and_group(self: Any) -> tuple[int, int]:
        source = self.quantization_config
        if source is None or not hasattr(source, "group_size"):
            source = self.dtype_policy
        rows = self._matrix_shape()[0]
        return source.weight_bits, rows if source.group_size == -1 else source.group_size

    def _calibrated_build(self: Any, awq: bool) -> None:
        bits, size = self._bits_and_group()
        rows, columns = self._matrix_shape()
        self._weight_bits = bits
        packed = -(-columns // 2) if bits == 4 else columns
        shape = (columns, -(-rows // size))
        self.quantized_kernel = self.add_weight(
            name="kernel", shape=(packed, rows), initializer="zeros", dtype="uint8", trainable=False
        )
        self.kernel_scale = self.add_weight(
            name="kernel_scale", shape=shape, initializer="ones", trainable=False
        )
        self.kernel_zero = self.add_weight(
            name="kernel_zero", shape=shape, initializer="zeros", dtype="uint8", trainable=False
        )
        if awq:
            self.awq_scales = self.add_weight(
                name="awq_scales", shape=(rows,), initializer="ones", trainable=False
            )
        self.g_idx = self._group_index(rows, size)

    def _gptq_build(self) -> None:
        self._calibrated_build(awq=False)

    def _awq_build(self) -> None:
        self._calibrated_build(awq=True)

    # Until the model has been run, the layer computes with its float kernel.
    _gptq_quantize = _gptq_build
    _awq_quantize = _awq_build

    def _float_until_calibrated(self: Any) -> bool:
        return "_kernel" in self.__dict__ and not (self.is_gptq_calibrated or self.is_awq_calibrated)

    def set_calibrated(
        self: Any, integers: Any, scale: Any, zero: Any, groups: Any, awq_scales: Any = None
    ) -> None:
        """Take over what GPTQ or AWQ found, and drop the float kernel.

        Args:
            integers: Matrix `(columns, rows)` of uint8.
            scale: Scales of shape `(columns, groups)`.
            zero: Zero points of that shape.
            groups: The group of each row.
            awq_scales: What rows were multiplied by before rounding; AWQ only.
        """
        from corten.quantizers import pack_int4

        integers = ops.cast(integers, "uint8")
        packed = pack_int4(integers, 0, "uint8")[0] if self._weight_bits == 4 else integers
        self.quantized_kernel.assign(packed)
        self.kernel_scale.assign(scale)
        self.kernel_zero.assign(ops.cast(zero, "uint8"))
        self.g_idx.assign(ops.cast(groups, self.g_idx._dtype))
        if awq_scales is not None:
            self.awq_scales.assign(awq_scales)
        self._mark_calibrated()

    def _mark_calibrated(self: Any) -> None:
        with self._more_weights():
            if "_kernel" in self.__dict__:
                del self._kernel
            setattr(self, f"is_{self.quantization_mode}_calibrated", True)

    def _calibrated_integers(self: Any) -> Any:
        if self._weight_bits != 4:
            return ops.convert_to_tensor(self.quantized_kernel)
        from corten.quantizers import unpack_int4

        return unpack_int4(self.quantized_kernel, self._matrix_shape()[1], axis=0, dtype="uint8")

    # ---- computing ------------------------------------------------------------------------------------

    def _gptq_call(self: Any, inputs: Any, training: bool | None = None) -> Any:
        if self._float_until_calibrated():
            kernel: Any = self._kernel
        else:
            from corten.quantizers import dequantize_with_sz_map

            matrix = dequantize_with_sz_map(
                self._calibrated_integers(),
                ops.convert_to_tensor(self.kernel_scale),
                ops.convert_to_tensor(self.kernel_zero),
                self.g_idx._value,
            )
            if "awq_scales" in self.__dict__:
                matrix = ops.divide(matrix, self.awq_scales)
            kernel = self._kernel_of(ops.transpose(matrix))
        return self._finish(self._product(inputs, ops.cast(kernel, self.compute_dtype)))

    _awq_call = _gptq_call

    # ---- files ------------------------------------------------------------------------------------------

    def _calibrated_attributes(self: Any) -> list[str]:
        names = ["bias", "quantized_kernel", "kernel_scale", "kernel_zero"]
        return [*names, "awq_scales", "g_idx"] if self.quantization_mode == "awq" else [*names, "g_idx"]

    def _unsaved_variables(self: Any) -> list[Any]:
        waiting = self._is_quantized and self.quantization_mode in {"gptq", "awq"}
        kernel = [self._kernel] if waiting and "_kernel" in self.__dict__ else []
        return [*super()._unsaved_variables(), *kernel]

    def save_own_variables(self: Any, store: dict[str, Any]) -> None:
        if (
            self._is_quantized
            and self.quantization_mode in {"gptq", "awq"}
            and self._float_until_calibrated()
        ):
            raise ValueError(
                f"Layer '{self.name}' cannot be saved between `quantize` and calibration: call "
                f"`model.quantize` with a dataset in the {self.quantization_mode} options first."
            )
        super().save_own_variables(store)

    def load_own_variables(self: Any, store: dict[str, Any]) -> None:
        super().load_own_variables(store)
        if self._is_quantized and self.quantization_mode in {"gptq", "awq"}:
            self._mark_calibrated()
