"""The modes of `Embedding` and `ReversibleEmbedding`: tables of integers."""

from __future__ import annotations

from typing import Any

from corten import autograd, ops
from corten.layers.quantization.quantizable import Quantizable, call_axis
from corten.ops.indexing import from_the_start


class QuantizedTable(Quantizable):
    """Mixin of `Embedding` with int8 and int4: each id has its own scale, or one for each group."""

    _adapted = "embeddings"

    def _float_table(self: Any) -> Any:
        return ops.stop_gradient(self._embeddings._value)

    # ---- int8 ---------------------------------------------------------------------------------------

    def _int8_build(self: Any) -> None:
        self._embeddings = self.add_weight(
            name="embeddings", shape=self._adapted_shape, initializer="zeros", dtype="int8", trainable=False
        )
        self.embeddings_scale = self.add_weight(
            name="embeddings_scale", shape=(self.input_dim,), initializer="ones", trainable=False
        )

    def _int8_quantize(self: Any) -> None:
        integers, scale = self._int8_of(self._float_table())
        self._int8_build()
        self._embeddings.assign(integers)
        self.embeddings_scale.assign(scale)

    def _int8_of(self, table: Any) -> tuple[Any, Any]:
        quantizer = self._weight_quantizer(-1, (-127, 127))
        integers, scale = quantizer(table, axis=call_axis(quantizer, -1))
        return integers, ops.reshape(scale, (-1,))

    def _int8_call(self: Any, inputs: Any) -> Any:
        ids = self._ids(inputs)
        rows = ops.cast(self._take(self._embeddings, ids), self.compute_dtype)
        scale = ops.expand_dims(self._take(self.embeddings_scale, ids), -1)
        return self._plus_lora_rows(ops.divide(rows, ops.cast(scale, rows.dtype)), ids)

    # ---- int4 ---------------------------------------------------------------------------------------

    def _int4_build(self: Any) -> None:
        block = self._int4_block_size = self._block_size()
        self._orig_output_dim = self.output_dim
        self._embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, -(-self.output_dim // 2)),
            initializer="zeros",
            dtype="int8",
            trainable=False,
        )
        by_group = block is not None and block > 0
        shape = (self.input_dim, -(-self.output_dim // block)) if by_group else (self.input_dim,)
        self.embeddings_scale = self.add_weight(
            name="embeddings_scale", shape=shape, initializer="ones", trainable=False
        )
        if by_group:
            self.embeddings_zero = self.add_weight(
                name="embeddings_zero", shape=shape, initializer="zeros", dtype="int8", trainable=False
            )
            self.g_idx = self._group_index(self.output_dim, block)

    def _int4_quantize(self: Any) -> None:
        values = self._int4_of(self._float_table())
        self._int4_build()
        for name, value in values.items():
            getattr(self, name).assign(value)

    def _int4_of(self, table: Any) -> dict[str, Any]:
        """The variables that stand for a table, by attribute."""
        from corten.quantizers import abs_max_quantize_grouped_with_zero_point, pack_int4

        block = self._block_size()
        if block is not None and block > 0:
            found = abs_max_quantize_grouped_with_zero_point(ops.transpose(table), block)
            integers, scale, zero = (ops.transpose(part) for part in found)
            packed = pack_int4(integers, -1)[0]
            return {"_embeddings": packed, "embeddings_scale": scale, "embeddings_zero": zero}
        quantizer = self._weight_quantizer(-1, (-8, 7))
        integers, scale = quantizer(table, axis=call_axis(quantizer, -1))
        return {"_embeddings": pack_int4(integers, -1)[0], "embeddings_scale": ops.reshape(scale, (-1,))}

    def _int4_rows(self: Any, packed: Any, scale: Any, zero: Any) -> Any:
        """The float rows that packed integers stand for."""
        from corten.quantizers import unpack_int4

        integers = ops.cast(unpack_int4(packed, self.output_dim, axis=-1), scale.dtype)
        if zero is None:
            return ops.divide(integers, ops.expand_dims(scale, -1))
        groups = ops.cast(self.g_idx._value, "int32")
        zero = ops.take(ops.cast(zero, scale.dtype), groups, axis=-1)
        return ops.multiply(ops.subtract(integers, zero), ops.take(scale, groups, axis=-1))

    def _int4_call(self: Any, inputs: Any) -> Any:
        ids = self._ids(inputs)
        zero = self.__dict__.get("embeddings_zero")
        rows = self._int4_rows(
            self._take(self._embeddings, ids),
            self._take(self.embeddings_scale, ids),
            None if zero is None else self._take(zero, ids),
        )
        return self._plus_lora_rows(ops.cast(rows, self.compute_dtype), ids)

    def _table(self: Any) -> Any:
        """The float table that the integers stand for."""
        scale = ops.convert_to_tensor(self.embeddings_scale)
        if self.quantization_mode == "int8":
            return ops.divide(ops.cast(self._embeddings, scale.dtype), ops.expand_dims(scale, -1))
        return self._int4_rows(
            ops.convert_to_tensor(self._embeddings), scale, self.__dict__.get("embeddings_zero")
        )

    # ---- rows ---------------------------------------------------------------------------------------

    def _ids(self, inputs: Any) -> Any:
        return inputs if "int" in str(inputs.dtype) else ops.cast(inputs, "int32")

    def _take(self: Any, table: Any, ids: Any) -> Any:
        try:
            # Indexing counts negative numbers from the end; ids have no end to count from.
            return ops.take(table, from_the_start(ids), axis=0)
        except IndexError:
            raise self._id_error(ids) from None

    def _lora_rows(self: Any, ids: Any) -> Any:
        a, b = (ops.convert_to_tensor(part) for part in (self.lora_embeddings_a, self.lora_embeddings_b))
        thin = ops.take(a, from_the_start(ids), axis=0)
        return ops.matmul(ops.multiply(thin, self._lora_strength), b)

    def _plus_lora_rows(self: Any, rows: Any, ids: Any) -> Any:
        if not self.lora_enabled:
            return rows
        return ops.add(rows, ops.cast(self._lora_rows(ids), rows.dtype))

    # ---- files and attributes --------------------------------------------------------------------------

    def _saved_attributes(self: Any) -> list[str]:
        if not self._is_quantized:
            return ["_embeddings"]
        if self.quantization_mode == "int8":
            return ["_embeddings", "embeddings_scale"]
        return ["_embeddings", "embeddings_scale", "embeddings_zero", "g_idx"]

    def _merged(self: Any) -> dict[str, Any]:
        if not self.lora_enabled:
            return {}
        if not self._is_quantized:
            return {"embeddings": self._adapted_weight()}
        table = ops.add(self._table(), self._lora_update())
        if self.quantization_mode == "int8":
            integers, scale = self._int8_of(table)
            return {"embeddings": integers, "embeddings_scale": scale}
        return {name.lstrip("_"): value for name, value in self._int4_of(table).items()}

    @property
    def embeddings(self: Any) -> Any:
        """The table; the integers, unpacked, where the layer is quantized."""
        if not self._is_quantized:
            return self._adapted_weight()
        if self.quantization_mode == "int8":
            return self._embeddings
        from corten.quantizers import unpack_int4

        return unpack_int4(self._embeddings, self.output_dim, axis=-1)

    @embeddings.setter
    def embeddings(self, value: Any) -> None:
        self._embeddings = value


class ReversibleTable(QuantizedTable):
    """Mixin of `ReversibleEmbedding`: the product with the table, or with a second one, in integers too."""

    inputs_quantizer: Any = None

    def _int8_build(self: Any) -> None:
        super()._int8_build()
        self.inputs_quantizer = self._activation_quantizer(default=True)
        if not self.tie_weights:
            self._add_reverse((self.output_dim, self.input_dim), (self.input_dim,))

    def _add_reverse(self: Any, shape: tuple[int, int], scale_shape: tuple[int, ...]) -> None:
        self.reverse_embeddings = self.add_weight(
            name="reverse_embeddings", shape=shape, initializer="zeros", dtype="int8", trainable=False
        )
        self.reverse_embeddings_scale = self.add_weight(
            name="reverse_embeddings_scale", shape=scale_shape, initializer="ones", trainable=False
        )

    def _int8_quantize(self: Any) -> None:
        reverse = None if self.tie_weights else ops.stop_gradient(self.reverse_embeddings._value)
        super()._int8_quantize()
        if reverse is not None:
            # A custom quantizer's axis is that of the table, which lies the other way here.
            integers, scale = self._int8_of(ops.transpose(reverse))
            self.reverse_embeddings.assign(ops.transpose(integers))
            self.reverse_embeddings_scale.assign(scale)

    def _int4_build(self: Any) -> None:
        super()._int4_build()
        self.inputs_quantizer = self._activation_quantizer(default=False)
        if self.tie_weights:
            return
        by_group = "embeddings_zero" in self.__dict__
        scale_shape = self.embeddings_scale.shape[::-1]
        self._add_reverse((-(-self.output_dim // 2), self.input_dim), scale_shape)
        if by_group:
            self.reverse_embeddings_zero = self.add_weight(
                name="reverse_embeddings_zero", shape=scale_shape, initializer="zeros", trainable=False
            )

    def _int4_quantize(self: Any) -> None:
        reverse = None if self.tie_weights else ops.stop_gradient(self.reverse_embeddings._value)
        super()._int4_quantize()
        if reverse is not None:
            values = self._int4_of(ops.transpose(reverse))
            self.reverse_embeddings.assign(ops.transpose(values["_embeddings"]))
            self.reverse_embeddings_scale.assign(ops.transpose(values["embeddings_scale"]))
            if "embeddings_zero" in values:
                zero = ops.transpose(values["embeddings_zero"])
                self.reverse_embeddings_zero.assign(ops.cast(zero, self.reverse_embeddings_zero._dtype))

    def _int8_call(self: Any, inputs: Any, reverse: bool = False) -> Any:
        return self._scores(inputs) if reverse else super()._int8_call(inputs)

    def _int4_call(self: Any, inputs: Any, reverse: bool = False) -> Any:
        return self._scores(inputs) if reverse else super()._int4_call(inputs)

    def _scores(self: Any, inputs: Any) -> Any:
        dtype = self.reverse_dtype or self.compute_dtype
        x = ops.cast(inputs, dtype)
        if self.inputs_quantizer is None:
            scores = ops.matmul(x, self._reverse_kernel(dtype))
        else:
            scores = self._integer_scores(x, dtype)
        if self.lora_enabled and self.tie_weights:
            thin = ops.matmul(x, ops.cast(ops.transpose(self.lora_embeddings_b), dtype))
            update = ops.matmul(thin, ops.cast(ops.transpose(self.lora_embeddings_a), dtype))
            scores = ops.add(scores, ops.multiply(update, self._lora_strength))
        return self._capped(scores)

    def _reverse_kernel(self, dtype: str) -> Any:
        return ops.cast(ops.transpose(self._reverse_table()), dtype)

    def _integer_scores(self: Any, inputs: Any, dtype: str) -> Any:
        """The product of integers, with the gradient of the one with floats."""
        integers = ops.transpose(self.embeddings) if self.tie_weights else self._reverse_integers()
        scale = self.embeddings_scale if self.tie_weights else self.reverse_embeddings_scale
        quantizer = self.inputs_quantizer

        def product(x: Any) -> Any:
            rounded, input_scale = quantizer(x, axis=call_axis(quantizer, -1))
            outputs = ops.cast(ops.matmul(rounded, integers), dtype)
            outputs = ops.divide(outputs, ops.cast(ops.multiply(input_scale, scale), dtype))

            def gradient(upstream: Any) -> Any:
                return ops.matmul(upstream, ops.transpose(self._reverse_kernel(dtype)))

            return outputs, gradient

        if not getattr(inputs, "requires_grad", True):
            return product(inputs)[0]
        return autograd.custom_gradient(product)(inputs)

    def _reverse_integers(self: Any) -> Any:
        if self.quantization_mode == "int8":
            return ops.convert_to_tensor(self.reverse_embeddings)
        from corten.quantizers import unpack_int4

        return unpack_int4(self.reverse_embeddings, self.output_dim, axis=0)

    def _reverse_table(self: Any) -> Any:
        """The float table, one row for each id, that the product is taken with."""
        if self.tie_weights:
            return self._table()
        scale = ops.convert_to_tensor(self.reverse_embeddings_scale)
        if self.quantization_mode == "int8":
            kernel = ops.divide(ops.cast(self.reverse_embeddings, scale.dtype), scale)
            return ops.transpose(kernel)
        zero = self.__dict__.get("reverse_embeddings_zero")
        return self._int4_rows(
            ops.transpose(self.reverse_embeddings),
            ops.transpose(scale),
            None if zero is None else ops.transpose(zero),
        )

    def _saved_attributes(self) -> list[str]:
        names = ["reverse_embeddings", "reverse_embeddings_scale", "reverse_embeddings_zero"]
        return [*super()._saved_attributes(), *names]
