"""`MultiHeadAttention` (Vaswani et al., 2017)."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.attention.projected import ProjectedAttention, alias, positive_or_raise

Shape = Sequence[int | None]


class MultiHeadAttention(ProjectedAttention):
    """Several attention heads side by side, each on its own projections of queries, keys and values.

    Args:
        num_heads: Number of heads.
        key_dim: Size of each head's queries and keys.
        value_dim: Size of each head's values; None takes `key_dim`.
        dropout: Share of the attention weights dropped in training.
        use_bias: Whether the projections have biases.
        output_shape: Size (or shape) of the result's features; None takes the query's last axis.
        attention_axes: Axes of the query over which to attend; None means all but batch, heads and features.
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

    Call arguments:
        query: `(batch, queries, features)`; more axes may stand between batch and features.
        value: `(batch, steps, features)`.
        key: `(batch, steps, features)`; None takes `value`.
        query_mask, value_mask, key_mask: Bool masks `(batch, steps)` of the three inputs.
        attention_mask: Bool mask `(batch, queries, steps)`.
        return_attention_scores: Whether to return the weights `(batch, heads, queries, steps)` too.
        training: Whether dropout is active.
        use_causal_mask: Whether query i may see steps up to i only.

    Example:
        >>> import numpy as np
        >>> x = np.ones((2, 6, 16), "float32")
        >>> layer = MultiHeadAttention(num_heads=4, key_dim=8)
        >>> layer(x, x, use_causal_mask=True).shape
        (2, 6, 16)
        >>> [weight.shape for weight in layer.weights][:2]
        [(16, 4, 8), (4, 8)]
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
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
        layer = "MultiHeadAttention"
        self.num_heads = positive_or_raise(layer, "num_heads", num_heads)
        self.key_dim = positive_or_raise(layer, "key_dim", key_dim)
        self.value_dim = (
            self.key_dim if value_dim is None else positive_or_raise(layer, "value_dim", value_dim)
        )
        if sliding_window is not None:
            sliding_window = positive_or_raise(layer, "sliding_window", sliding_window)
        self.sliding_window = sliding_window
        self._given_output_shape = self._check_output_shape(output_shape)
        if attention_axes is None:
            self._attention_axes: tuple[int, ...] | None = None
        else:
            self._attention_axes = (
                (attention_axes,) if isinstance(attention_axes, int) else tuple(attention_axes)
            )
        self._set_options(
            dropout,
            use_bias,
            flash_attention,
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
            use_gate,
            seed,
        )

    @staticmethod
    def _check_output_shape(value: Any) -> tuple[int, ...] | None:
        if value is None:
            return None
        shape = (value,) if hasattr(value, "__index__") else value
        if not isinstance(shape, (list, tuple)) or not all(hasattr(size, "__index__") for size in shape):
            raise ValueError(
                f"MultiHeadAttention: Invalid `output_shape`: {value!r}. Pass None, an int or a tuple "
                "of ints."
            )
        return tuple(int(size) for size in shape)

    # As Keras's class names them; subclasses read these.
    _num_heads = alias("num_heads")
    _key_dim = alias("key_dim")
    _value_dim = alias("value_dim")
    _sliding_window = alias("sliding_window")

    @property
    def attention_axes(self) -> tuple[int, ...] | None:
        """The axes over which the layer attends; known once it is built."""
        return self._attention_axes

    @property
    def query_dense(self) -> Any:
        """The layer that makes the queries of all heads."""
        return self._query_dense

    @property
    def key_dense(self) -> Any:
        """The layer that makes the keys of all heads."""
        return self._key_dense

    @property
    def value_dense(self) -> Any:
        """The layer that makes the values of all heads."""
        return self._value_dense

    @property
    def output_dense(self) -> Any:
        """The layer that joins the heads."""
        return self._output_dense

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        rank = len(query_shape)
        if self._attention_axes is None:
            self._attention_axes = tuple(range(1, rank - 1))
        else:
            self._attention_axes = tuple(axis % rank for axis in self._attention_axes)
        heads, key_dim, value_dim = self.num_heads, self.key_dim, self.value_dim
        self._query_dense = self._head_projection("query", query_shape, key_dim)
        if self.use_gate:
            self._gate_dense = self._head_projection("gate", query_shape, value_dim)
        self._key_dense = self._head_projection("key", key_shape, key_dim)
        self._value_dense = self._head_projection("value", value_shape, value_dim)
        free = string.ascii_lowercase[: rank - 1]
        result = string.ascii_lowercase[rank + 1 :]
        sizes = self._given_output_shape or (query_shape[-1],)
        letters = result[: len(sizes)]
        self._output_dense = self._projection(
            "attention_output",
            f"{free}yz,yz{letters}->{free}{letters}",
            (*(None,) * (rank - 2), *sizes),
            letters,
            (*query_shape[:-1], heads, value_dim),
        )
        self.built = True

    def _head_projection(self, name: str, shape: Shape, size: int) -> Any:
        free = string.ascii_lowercase[: len(shape) - 1]
        return self._projection(
            name,
            f"{free}x,xyz->{free}yz",
            (*(None,) * (len(shape) - 2), self.num_heads, size),
            "yz",
            shape,
        )

    @staticmethod
    def _check_shapes(query: Shape, value: Shape, key: Shape) -> None:
        problem = None
        if len(query) < 3:
            problem = "the query must have the axes (batch, queries, features)"
        elif tuple(value[1:-1]) != tuple(key[1:-1]):
            problem = "all dimensions of `value` and `key`, except the last one, must be equal"
        if problem:
            raise ValueError(
                f"MultiHeadAttention: {problem}; got query {tuple(query)}, value {tuple(value)}, key "
                f"{tuple(key)}."
            )

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
        if len(query.shape) == 3:
            self._check_masks(query, value, key, query_mask, value_mask, key_mask, attention_mask)
        mask = self._mask(query.shape[1], value.shape[1], query_mask, value_mask, key_mask, attention_mask)
        heads = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        attended, scores = self._ask_attention(
            *heads, mask, use_causal_mask, training, return_attention_scores
        )
        output = self._output_dense(self._gated(attended, query))
        return (output, scores) if return_attention_scores else output

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool | None = None,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Any]:
        mask = attention_mask
        options = training, return_attention_scores, use_causal_mask
        if self._attention_axes == (1,) and len(query.shape) == 4:
            return super()._compute_attention(query, key, value, mask, *options)
        # Fold the attended axes into one and the others into the batch, attend, and unfold.
        axes = list(self._attention_axes or ())
        batch_axes = [axis for axis in range(len(query.shape) - 2) if axis not in axes]
        order = [*batch_axes, *axes, len(query.shape) - 2, len(query.shape) - 1]

        def fold(x: Any) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
            moved = ops.transpose(x, order)
            batch, steps = tuple(moved.shape[: len(batch_axes)]), tuple(moved.shape[len(batch_axes) : -2])
            return ops.reshape(moved, (math.prod(batch), math.prod(steps), *moved.shape[-2:])), batch, steps

        folded_query, batch, query_steps = fold(query)
        folded_key, _, key_steps = fold(key)
        folded_value, _, _ = fold(value)
        if mask is not None:
            mask = self._folded_mask(mask, batch, query_steps, key_steps)
        output, scores = super()._compute_attention(folded_query, folded_key, folded_value, mask, *options)
        output = ops.reshape(output, (*batch, *query_steps, *output.shape[-2:]))
        back = sorted(range(len(order)), key=order.__getitem__)
        if scores is not None:
            scores = ops.reshape(scores, (*batch, scores.shape[1], *query_steps, *key_steps))
        return ops.transpose(output, back), scores

    @staticmethod
    def _folded_mask(
        mask: Any, batch: tuple[int, ...], query_steps: tuple[int, ...], key_steps: tuple[int, ...]
    ) -> Any:
        """Give the mask the axes (all batch axes as one, queries, keys)."""
        steps = len(query_steps) + len(key_steps)
        leading = tuple(mask.shape[: len(mask.shape) - steps])
        shape = (*leading, *(1,) * (len(batch) - len(leading)), *mask.shape[len(leading) :])
        whole = ops.broadcast_to(ops.reshape(mask, shape), (*batch, *query_steps, *key_steps))
        return ops.reshape(whole, (math.prod(batch), math.prod(query_steps), math.prod(key_steps)))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_shape": self._given_output_shape,
            "attention_axes": self._attention_axes,
            "sliding_window": self.sliding_window,
            **self._option_config(),
        }
