"""`GroupQueryAttention` (Ainslie et al., 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.layers.attention.projected import ProjectedAttention, positive_or_raise

Shape = Sequence[int | None]


class GroupQueryAttention(ProjectedAttention):
    """Multi-head attention in which groups of query heads share a key and value head.

    Args:
        head_dim: Size of each head.
        num_query_heads: Number of query heads.
        num_key_value_heads: Number of key and value heads; it must divide `num_query_heads`.
        dropout: Share of the attention weights dropped in training.
        use_bias: Whether the projections have biases.
        sliding_window: Queries see keys closer than this many steps; None means all.
        flash_attention: Whether to use the fused kernel; None means whenever it can be, False never.
        kernel_initializer: Initializer of the projections' kernels.
        bias_initializer: Initializer of the projections' biases.
        kernel_regularizer: Penalty on the kernels.
        bias_regularizer: Penalty on the biases.
        activity_regularizer: Penalty on the layer's output.
        kernel_constraint: Projection of the kernels after each optimizer step.
        bias_constraint: Projection of the biases after each optimizer step.
        use_gate: Whether a sigmoid gate computed from the query multiplies the heads' results.
        seed: Seed of the dropout.

    The call arguments are those of `MultiHeadAttention`.

    Example:
        >>> import numpy as np
        >>> x = np.ones((2, 6, 16), "float32")
        >>> GroupQueryAttention(head_dim=8, num_query_heads=4, num_key_value_heads=2)(x, x).shape
        (2, 6, 16)
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        layer = "GroupQueryAttention"
        self.head_dim = positive_or_raise(layer, "head_dim", head_dim)
        self.num_query_heads = positive_or_raise(layer, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_or_raise(layer, "num_key_value_heads", num_key_value_heads)
        if self.num_query_heads % self.num_key_value_heads:
            raise ValueError(
                f"{layer}: `num_query_heads` must be divisible by `num_key_value_heads`; got "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}."
            )
        if sliding_window is not None:
            sliding_window = positive_or_raise(layer, "sliding_window", sliding_window)
        self.sliding_window = sliding_window
        self._set_options(
            dropout,
            use_bias,
            flash_attention,
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
            use_gate,
            seed,
        )

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        for name, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape)):
            if len(shape) != 3:
                raise ValueError(
                    f"GroupQueryAttention: the {name} must have the axes (batch, steps, features); "
                    f"got {tuple(shape)}."
                )
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                "GroupQueryAttention: the last dimension of `query_shape` and `value_shape` must be "
                "equal; got "
                f"query {tuple(query_shape)}, value {tuple(value_shape)}."
            )
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                "GroupQueryAttention: all dimensions of `value` and `key`, except the last one, must "
                "be equal; got "
                f"value {tuple(value_shape)}, key {tuple(key_shape)}."
            )
        many, few, size = self.num_query_heads, self.num_key_value_heads, self.head_dim
        equation = "btd,dnh->btnh"
        self._query_dense = self._projection("query", equation, (None, many, size), "nh", query_shape)
        if self.use_gate:
            self._gate_dense = self._projection("gate", equation, (None, many, size), "nh", query_shape)
        self._key_dense = self._projection("key", equation, (None, few, size), "nh", key_shape)
        self._value_dense = self._projection("value", equation, (None, few, size), "nh", value_shape)
        self._output_dense = self._projection(
            "attention_output",
            "btnh,nhd->btd",
            (None, query_shape[-1]),
            "d",
            (query_shape[0], query_shape[1], many, size),
        )
        self.built = True

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        self._check_masks(query, value, key, query_mask, value_mask, key_mask, attention_mask)
        mask = self._mask(query.shape[1], value.shape[1], query_mask, value_mask, key_mask, attention_mask)
        attended, scores = self._ask_attention(
            self._query_dense(query),
            self._key_dense(key),
            self._value_dense(value),
            mask,
            use_causal_mask,
            training,
            return_attention_scores,
        )
        output = self._output_dense(self._gated(attended, query))
        return (output, scores) if return_attention_scores else output

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "sliding_window": self.sliding_window,
            **self._option_config(),
        }
