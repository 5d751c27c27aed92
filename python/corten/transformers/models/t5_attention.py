"""T5's attention with relative positions, and its layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from corten import initializers, ops
from corten.layers import Dense, Dropout, Embedding, Layer, RMSNormalization
from corten.random import SeedGenerator
from corten.transformers.attention import attend
from corten.transformers.layers import activation as activation_of


def _dense(units: int, deviation: float) -> Dense:
    return Dense(units, use_bias=False, kernel_initializer=initializers.RandomNormal(stddev=deviation))


def bucket_limits(buckets: int, max_distance: int) -> list[int]:
    """Return the distances at which a next bucket begins, after those that have a bucket of their own.

    Half of the buckets are for one distance each, the others for ever more distances, up to `max_distance`.

    Args:
        buckets: How many there are for one direction.
        max_distance: The distance from which on all share the last one.

    Example:
        >>> from corten.transformers.models.t5_attention import bucket_limits
        >>> bucket_limits(8, 32)
        [7, 12, 20]
    """
    exact = buckets // 2
    distances = np.arange(exact, max_distance + 1, dtype=np.float32)
    # In float32 and this order, as trained models have it.
    scale = np.float32(math.log(max_distance / exact))
    found = np.log(distances / np.float32(exact)) / scale * np.float32(buckets - exact)
    numbers = np.minimum(exact + found.astype(np.int64), buckets - 1)
    return [int(exact + np.argmax(numbers >= number)) for number in range(exact + 1, buckets)]


class T5RelativePositions(Embedding):
    """A vector of one number for each head, added to the scores, for each bucket of distances.

    Args:
        config: The configuration.
        is_decoder: Whether keys are never after queries.
    """

    def __init__(self, config: Any, is_decoder: bool, **kwargs: Any) -> None:
        buckets = config.relative_attention_num_buckets
        initializer = initializers.RandomNormal(stddev=config.initializer_factor * config.d_model**-0.5)
        super().__init__(buckets, config.num_heads, embeddings_initializer=initializer, **kwargs)
        self.is_decoder = is_decoder
        self.buckets = buckets if is_decoder else buckets // 2
        self.limits = bucket_limits(self.buckets, config.relative_attention_max_distance)

    def bias(self, queries: int, keys: int) -> Any:
        """Return what is added to scores, `(1, heads, queries, keys)`.

        Args:
            queries: Number of queries, the last of which stand where the last keys do.
            keys: Number of keys.
        """
        # The distances that there are, from the farthest before to the farthest behind: each row of scores is
        # a piece of that. Flipped, and not counted down, as files for other programs have no such counting.
        before = ops.negative(ops.flip(ops.arange(keys, dtype="int32")))
        behind = ops.add(ops.arange(queries, dtype="int32"), 1)
        rows = self._rows(ops.concatenate([before, behind]))
        starts = ops.expand_dims(ops.flip(ops.arange(queries, dtype="int32")), 1)
        places = ops.add(starts, ops.arange(keys, dtype="int32"))
        return ops.expand_dims(ops.transpose(ops.take(rows, places, axis=0), (2, 0, 1)), 0)

    def bias_at(self, place: Any, keys: int) -> Any:
        """Return what is added to scores of one query, `(1, heads, 1, keys)`.

        Args:
            place: Its place, an int32 tensor of the shape `(1,)`.
            keys: Number of keys.
        """
        # Which bucket a distance has depends on no value: a captured step holds that as a constant.
        places = ops.arange(keys, dtype="int32")
        buckets = self._buckets(ops.negative(places))
        distances = ops.maximum(ops.subtract(place, places), 0)
        rows = self(ops.take(buckets, distances, axis=0))
        return ops.expand_dims(ops.transpose(rows, (1, 0)), (0, 2))

    def _rows(self, away: Any) -> Any:
        """The numbers for all heads, `(distances, heads)`, of how far keys are behind a query."""
        return self(self._buckets(away))

    def _buckets(self, away: Any) -> Any:
        """The bucket of how far keys are behind a query."""
        distance = ops.maximum(ops.negative(away), 0) if self.is_decoder else ops.absolute(away)
        number = ops.minimum(distance, self.buckets // 2)
        for limit in self.limits:
            number = ops.add(number, ops.cast(ops.greater_equal(distance, limit), "int32"))
        if not self.is_decoder:
            number = ops.add(number, ops.multiply(ops.cast(ops.greater(away, 0), "int32"), self.buckets))
        return number


class T5Attention(Layer):
    """Attention to the same text, or to another one. Scores are not scaled.

    Args:
        config: The configuration.
        layer_idx: The number of the layer.
        with_positions: Whether the layer holds the numbers for relative positions, which all layers use.
        is_decoder: Whether it is the decoder's.
    """

    weight_names: ClassVar[dict[str, str]] = {"positions": "relative_attention_bias"}

    def __init__(
        self,
        config: Any,
        layer_idx: int,
        with_positions: bool = False,
        is_decoder: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.layer_idx = layer_idx
        self.heads, self.size, self.rate = config.num_heads, config.d_kv, config.dropout_rate
        inner, factor = config.num_heads * config.d_kv, config.initializer_factor
        self.q = _dense(inner, factor * (config.d_model * config.d_kv) ** -0.5)
        self.k = _dense(inner, factor * config.d_model**-0.5)
        self.v = _dense(inner, factor * config.d_model**-0.5)
        self.o = _dense(config.d_model, factor * inner**-0.5)
        self.positions = T5RelativePositions(config, is_decoder) if with_positions else None
        if self.rate > 0:
            self.seed_generator = SeedGenerator()

    def call(
        self,
        hidden_states: Any,
        mask: Any = None,
        key_value_states: Any = None,
        past_key_values: Any = None,
        output_attentions: bool = False,
        training: bool = False,
    ) -> Any:
        batch, tokens, _ = hidden_states.shape

        def split(x: Any) -> Any:
            return ops.reshape(x, (batch, -1, self.heads, self.size))

        query = split(self.q(hidden_states))
        kept = None
        if key_value_states is not None and past_key_values is not None:
            kept = past_key_values.cross(self.layer_idx)
        if kept is not None:
            key, value = kept
        else:
            source = hidden_states if key_value_states is None else key_value_states
            key, value = split(self.k(source)), split(self.v(source))
            if past_key_values is not None:
                own = key_value_states is None
                cache = past_key_values.self_attention_cache if own else past_key_values.cross_attention_cache
                key, value = cache.update(key, value, self.layer_idx)
        found, weights = attend(
            query,
            key,
            value,
            mask,
            scale=1.0,
            dropout=self.rate if training else 0.0,
            seed=self.__dict__.get("seed_generator"),
            with_weights=output_attentions,
        )
        return self.o(ops.reshape(found, (batch, tokens, self.heads * self.size))), weights


class T5AttentionBlock(Layer):
    """Attention, normalized before and added.

    Args:
        config: The configuration.
        layer_idx: The number of the layer.
        crosses: Whether it is to the encoder's text.
        with_positions: Whether the layer holds the numbers for relative positions.
        is_decoder: Whether it is the decoder's.
    """

    def __init__(
        self,
        config: Any,
        layer_idx: int,
        crosses: bool = False,
        with_positions: bool = False,
        is_decoder: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.weight_names = {"attention": "EncDecAttention" if crosses else "SelfAttention"}
        self.attention = T5Attention(config, layer_idx, with_positions, is_decoder)
        self.layer_norm = RMSNormalization(epsilon=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def call(
        self,
        hidden_states: Any,
        mask: Any = None,
        key_value_states: Any = None,
        past_key_values: Any = None,
        output_attentions: bool = False,
        training: bool = False,
    ) -> Any:
        found, weights = self.attention(
            self.layer_norm(hidden_states),
            mask=mask,
            key_value_states=key_value_states,
            past_key_values=past_key_values,
            output_attentions=output_attentions,
            training=training,
        )
        return ops.add(hidden_states, self.dropout(found, training=training)), weights


class T5Dense(Layer):
    """The feed-forward part, with gates or without.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.is_gated = config.is_gated_act
        deviation = config.initializer_factor * config.d_model**-0.5
        if self.is_gated:
            self.wi_0 = _dense(config.d_ff, deviation)
            self.wi_1 = _dense(config.d_ff, deviation)
        else:
            self.wi = _dense(config.d_ff, deviation)
        self.wo = _dense(config.d_model, config.initializer_factor * config.d_ff**-0.5)
        self.dropout = Dropout(config.dropout_rate)
        self.activation = activation_of(type(config).__name__, config.dense_act_fn)

    def call(self, hidden_states: Any, training: bool = False) -> Any:
        if self.is_gated:
            inner = ops.multiply(self.activation(self.wi_0(hidden_states)), self.wi_1(hidden_states))
        else:
            inner = self.activation(self.wi(hidden_states))
        return self.wo(self.dropout(inner, training=training))


class T5FeedForwardBlock(Layer):
    """The feed-forward part, normalized before and added.

    Args:
        config: The configuration.
    """

    weight_names: ClassVar[dict[str, str]] = {"dense": "DenseReluDense"}

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = T5Dense(config)
        self.layer_norm = RMSNormalization(epsilon=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def call(self, hidden_states: Any, training: bool = False) -> Any:
        found = self.dense(self.layer_norm(hidden_states), training=training)
        return ops.add(hidden_states, self.dropout(found, training=training))


class T5Block(Layer):
    """A layer: attention, in a decoder attention to the encoder's text, and a feed-forward part.

    Args:
        config: The configuration.
        layer_idx: The number of the layer.
        is_decoder: Whether it is the decoder's.
    """

    def __init__(self, config: Any, layer_idx: int, is_decoder: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.is_decoder = is_decoder
        parts: list[Layer] = [
            T5AttentionBlock(config, layer_idx, with_positions=layer_idx == 0, is_decoder=is_decoder)
        ]
        if is_decoder:
            parts.append(T5AttentionBlock(config, layer_idx, crosses=True, is_decoder=True))
        self.layer: list[Any] = [*parts, T5FeedForwardBlock(config)]

    def call(
        self,
        hidden_states: Any,
        mask: Any = None,
        encoder_states: Any = None,
        encoder_mask: Any = None,
        past_key_values: Any = None,
        output_attentions: bool = False,
        training: bool = False,
    ) -> Any:
        options = {
            "past_key_values": past_key_values,
            "output_attentions": output_attentions,
            "training": training,
        }
        hidden_states, weights = self.layer[0](hidden_states, mask=mask, **options)
        cross = None
        if self.is_decoder:
            hidden_states, cross = self.layer[1](
                hidden_states, mask=encoder_mask, key_value_states=encoder_states, **options
            )
        hidden_states = self.layer[-1](hidden_states, training=training)
        return (hidden_states, weights, cross) if output_attentions else hidden_states
