"""`Attention`: Luong-style dot-product attention over given queries, values and keys."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from corten import ops, random
from corten.layers.arguments import check_mask
from corten.layers.layer import Layer
from corten.layers.regularization import check_rate

# Far below every score, and finite, so that a row without any allowed key gives no NaN.
_LOWEST = {"float16": -6.5e4}


def lower_triangle(rows: int, columns: int) -> Any:
    """Mask `(1, rows, columns)` that lets row i see the columns up to i."""
    return ops.expand_dims(ops.less_equal(ops.arange(columns), ops.expand_dims(ops.arange(rows), 1)), 0)


class Attention(Layer):
    """Weighs the values by how well their keys match each query.

    Inputs are a list `[query, value]` or `[query, value, key]` of shapes `(batch, queries, dim)`,
    `(batch, steps, dim)`, `(batch, steps, dim)`; the keys are the values if left out.

    Args:
        use_scale: Whether to learn a factor of the scores.
        score_mode: "dot" (product of query and key) or "concat" (tanh of their sum).
        dropout: Share of the attention weights dropped in training.
        seed: Seed of the dropout.

    Call arguments:
        inputs: The list of tensors.
        mask: List `[query_mask, value_mask]` (a third, for keys, is not used); a query whose mask is False
            gives zeros, a value whose mask is False gets no weight.
        return_attention_scores: Whether to return the weights `(batch, queries, steps)` too.
        training: Whether dropout is active.
        use_causal_mask: Whether query i may see values up to i only.

    Example:
        >>> import numpy as np
        >>> query, value = np.ones((2, 3, 4), "float32"), np.ones((2, 5, 4), "float32")
        >>> Attention()([query, value]).shape
        (2, 3, 4)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = use_scale
        if score_mode not in ("dot", "concat"):
            close = difflib.get_close_matches(str(score_mode), ("dot", "concat"), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"{type(self).__name__}: Invalid value for argument score_mode. Expected one of "
                f"{{'dot', 'concat'}}; got score_mode={score_mode!r}.{hint}"
            )
        self.score_mode = score_mode
        self.dropout = check_rate(type(self).__name__, dropout)
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True

    scale: Any = None
    concat_score_weight: Any = None

    def build(self, input_shape: Sequence[Any]) -> None:
        self._check_inputs(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones"
            )
        self.built = True

    def _check_inputs(self, inputs: Any) -> None:
        layer = type(self).__name__
        if not isinstance(inputs, (list, tuple)) or isinstance(inputs[0], (int, type(None))):
            raise ValueError(f"{layer}: must be called on a list [query, value] or [query, value, key].")
        if len(inputs) not in (2, 3):
            raise ValueError(f"{layer}: must be called on a list of length 2 or 3; got {len(inputs)}.")

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        """Scores `(batch, queries, steps)` of queries and keys. Override this for other scores."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -1, -2))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        total = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        if self.scale is not None:
            total = ops.multiply(total, self.scale)
        return ops.multiply(ops.sum(ops.tanh(total), axis=-1), self.concat_score_weight)

    def _calculate_score_mask(self, scores: Any, v_mask: Any, use_causal_mask: bool) -> Any:
        """Which scores count, `(batch, queries, steps)` or `(1, queries, steps)`; None for all."""
        allowed = None if v_mask is None else ops.expand_dims(ops.cast(v_mask, "bool"), -2)
        if use_causal_mask:
            causal = lower_triangle(scores.shape[-2], scores.shape[-1])
            allowed = causal if allowed is None else ops.logical_and(allowed, causal)
        return allowed

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs)
        self._check_mask(inputs, mask)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask = mask[0] if mask is not None else None
        value_mask = mask[1] if mask is not None else None
        layer = type(self).__name__
        check_mask(layer, "mask[0]", query_mask, query.shape[:-1], "(batch, queries)")
        check_mask(layer, "mask[1]", value_mask, value.shape[:-1], "(batch, steps of the values)")
        scores = self._calculate_scores(query, key)
        allowed = self._calculate_score_mask(scores, value_mask, use_causal_mask)
        if allowed is not None:
            lowest = ops.cast(_LOWEST.get(str(scores.dtype), -1e9), scores.dtype)
            scores = ops.where(allowed, scores, ops.add(scores, lowest))
        weights = ops.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        result = ops.matmul(weights, value)
        if query_mask is not None:
            result = ops.multiply(result, ops.cast(ops.expand_dims(query_mask, -1), result.dtype))
        return (result, weights) if return_attention_scores else result

    def _check_mask(self, inputs: Any, mask: Any) -> None:
        if mask is not None and (not isinstance(mask, (list, tuple)) or not 2 <= len(mask) <= len(inputs)):
            raise ValueError(
                f"{type(self).__name__} layer mask must be a list of length 2 or 3, [query_mask, value_mask] "
                f"(None for none); got {mask!r}."
            )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        self._check_mask(inputs, mask)
        return None if mask is None else mask[0]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }
