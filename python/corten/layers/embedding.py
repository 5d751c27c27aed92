"""Tables of vectors looked up by integer ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import positive_integer
from corten.layers.layer import Layer
from corten.layers.quantization.tables import QuantizedTable, ReversibleTable
from corten.layers.weight_options import WeightOptions


class Embedding(WeightOptions, QuantizedTable, Layer):
    """Turns integer ids into vectors: `output[..., :] = embeddings[ids[...], :]`.

    Args:
        input_dim: Number of ids (the largest id plus one).
        output_dim: Size of each vector.
        embeddings_initializer: Initializer of `embeddings`, shape `(input_dim, output_dim)`.
        embeddings_regularizer: Penalty on `embeddings`.
        embeddings_constraint: Projection of `embeddings` after each optimizer step.
        mask_zero: Whether id 0 means "no data"; later layers then skip it.
        weights: Starting value of `embeddings`, or a list holding it.
        lora_rank: If given, `build` ends with `enable_lora(lora_rank, lora_alpha)`.
        lora_alpha: Strength of the low-rank product; None takes `lora_rank`.
        quantization_config: Options for a `dtype` that quantizes, such as `'int8_from_float32'`.

    Example:
        >>> import numpy as np
        >>> Embedding(10, 4)(np.array([[1, 2, 3]])).shape
        (1, 3, 4)
    """

    _modes: tuple[str, ...] = ("int8", "int4")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        input_length = kwargs.pop("input_length", None)
        if input_length is not None:
            kwargs.setdefault("input_shape", (input_length,))
        super().__init__(**kwargs)
        self.input_dim = positive_integer("Embedding", "input_dim", input_dim)
        self.output_dim = positive_integer("Embedding", "output_dim", output_dim)
        self._set_lora(lora_rank, lora_alpha)
        self._set_quantization_config(quantization_config)
        self._set_weight_options(
            embeddings=(embeddings_initializer, embeddings_regularizer, embeddings_constraint)
        )
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        # Ids must not be rounded by a 16-bit compute dtype.
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        if self.built:
            return
        self._adapted_shape = (self.input_dim, self.output_dim)
        self._build_tables(input_shape)
        self._enable_lora_if_asked()
        self.built = True

    def _build_tables(self, input_shape: Any) -> None:
        if self.quantization_mode in {None, "float8"}:
            self._embeddings = self._add_option_weight("embeddings", self._adapted_shape)
        else:
            self.quantized_build(input_shape, self.quantization_mode)

    def get_build_config(self) -> dict[str, Any] | None:
        return {"input_shape": self.__dict__.get("_build_shapes")} if self.built else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        # The shape of the ids does not matter, and may not have been known.
        self.build(config.get("input_shape"))

    def call(self, inputs: Any) -> Any:
        if self._special and self._is_quantized:
            return self.quantized_call(inputs)
        ids = self._ids(inputs)
        rows = self._plus_lora_rows(self._take(self._embeddings, ids), ids)
        return ops.cast(rows, self.compute_dtype)

    def _id_error(self, ids: Any) -> IndexError:
        return IndexError(
            f"{type(self).__name__} {self.name!r}: ids must be 0 to {self.input_dim - 1}, below input_dim="
            f"{self.input_dim}; got ids from {int(ops.min(ids))} to {int(ops.max(ids))}. Set `input_dim` to "
            "the largest id plus one, or check how the ids are made."
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            **self._weight_config(),
            "mask_zero": self.mask_zero,
            **self._quantization_config_entry(),
            **self._lora_config(),
        }


class ReversibleEmbedding(ReversibleTable, Embedding):
    """An embedding that also projects vectors back to scores over the ids (`reverse=True`).

    Args:
        input_dim: Number of ids.
        output_dim: Size of each vector.
        tie_weights: Whether the projection back uses the transposed table; otherwise it has its own weight
            `reverse_embeddings` of shape `(output_dim, input_dim)`.
        embeddings_initializer: Initializer of the table.
        embeddings_regularizer: Penalty on the table.
        embeddings_constraint: Projection of the table after each optimizer step.
        mask_zero: Whether id 0 means "no data".
        reverse_dtype: Dtype in which the projection back is computed; None takes the compute dtype.
        logit_soft_cap: If given, scores are `cap * tanh(scores / cap)`.

    Example:
        >>> import numpy as np
        >>> layer = ReversibleEmbedding(10, 4)
        >>> vectors = layer(np.array([[1, 2, 3]]))
        >>> layer(vectors, reverse=True).shape
        (1, 3, 10)
    """

    _modes = ("int8", "int4")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    def _build_tables(self, input_shape: Any) -> None:
        super()._build_tables(input_shape)
        if not self.tie_weights and not self._is_quantized:
            self.reverse_embeddings = self._add_option_weight(
                "embeddings", (self.output_dim, self.input_dim), name="reverse_embeddings"
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if not reverse:
            return super().call(inputs)
        if self._is_quantized:
            return self.quantized_call(inputs, reverse=True)
        kernel = (
            ops.transpose(self.embeddings)
            if self.tie_weights
            else ops.convert_to_tensor(self.reverse_embeddings)
        )
        dtype = self.reverse_dtype or self.compute_dtype
        return self._capped(ops.matmul(ops.cast(inputs, dtype), ops.cast(kernel, dtype)))

    def _capped(self, scores: Any) -> Any:
        if self.logit_soft_cap is None:
            return scores
        return ops.multiply(ops.tanh(ops.divide(scores, self.logit_soft_cap)), self.logit_soft_cap)

    def compute_mask(self, inputs: Any, mask: Any = None, reverse: bool = False) -> Any:
        return None if reverse else super().compute_mask(inputs, mask)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
