"""The layers of BERT, which RoBERTa has too."""

from __future__ import annotations

from typing import Any

from corten import ops, random
from corten.layers.layer import Layer
from corten.layers.regularization import Dropout
from corten.transformers.attention import attend, join_heads, split_heads
from corten.transformers.layers import TokenEmbedding, activation, dense, layer_norm, normal, places


class BertEmbeddings(Layer):
    """The sum of the vectors of words, positions and text types, normalized.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        size = config.hidden_size
        options = {"embeddings_initializer": normal(config)}
        self.word_embeddings = TokenEmbedding(config.vocab_size, size, config.pad_token_id, **options)
        self.position_embeddings = TokenEmbedding(config.max_position_embeddings, size, **options)
        self.token_type_embeddings = TokenEmbedding(config.type_vocab_size, size, **options)
        self.LayerNorm = layer_norm(config)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def call(
        self,
        input_ids: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
    ) -> Any:
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if position_ids is None:
            position_ids = self._positions(input_ids, words)
        if token_type_ids is None:
            token_type_ids = ops.zeros((1, 1), "int32")
        # The small tables first: their sum is one row for each place.
        types = self.token_type_embeddings(token_type_ids)
        placed = ops.add(self.position_embeddings(position_ids), types)
        return self.dropout(self.LayerNorm(ops.add(words, placed)))

    def _positions(self, input_ids: Any, words: Any) -> Any:
        return places(words.shape[1])


class BertSelfAttention(Layer):
    """Attention of tokens to one another, in several heads.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = config.num_attention_heads
        self.is_causal = bool(config.is_decoder)
        self.rate = config.attention_probs_dropout_prob
        self.query = dense(config, config.hidden_size)
        self.key = dense(config, config.hidden_size)
        self.value = dense(config, config.hidden_size)
        if self.rate:
            self.seed_generator = random.SeedGenerator()

    def call(
        self, hidden: Any, mask: Any = None, output_attentions: bool = False, training: bool | None = None
    ) -> Any:
        query, key, value = (
            split_heads(part(hidden), self.heads) for part in (self.query, self.key, self.value)
        )
        dropping = bool(training) and self.rate > 0
        context, weights = attend(
            query,
            key,
            value,
            mask,
            is_causal=self.is_causal,
            dropout=self.rate if dropping else 0.0,
            seed=self.seed_generator if dropping else None,
            with_weights=output_attentions,
        )
        context = join_heads(context)
        return (context, weights) if output_attentions else context


class BertResidual(Layer):
    """A product, whose result is added to what went in before, normalized.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = dense(config, config.hidden_size)
        self.LayerNorm = layer_norm(config)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def call(self, hidden: Any, before: Any) -> Any:
        return self.LayerNorm(ops.add(self.dropout(self.dense(hidden)), before))


class BertAttention(Layer):
    """Attention with its residual connection.

    Args:
        config: The configuration.
    """

    weight_names = {"self_attention": "self", "residual": "output"}

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.self_attention = BertSelfAttention(config)
        self.residual = BertResidual(config)

    def call(self, hidden: Any, mask: Any = None, output_attentions: bool = False) -> Any:
        attended = self.self_attention(hidden, mask, output_attentions=output_attentions)
        if output_attentions:
            return self.residual(attended[0], hidden), attended[1]
        return self.residual(attended, hidden)


class BertIntermediate(Layer):
    """The wide product of a layer.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        function = activation(type(config).__name__, config.hidden_act)
        self.dense = dense(config, config.intermediate_size, function)

    def call(self, hidden: Any) -> Any:
        return self.dense(hidden)


class BertLayer(Layer):
    """One layer: attention, then two products, each with its residual connection.

    Args:
        config: The configuration.
    """

    weight_names = {"residual": "output"}

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = BertAttention(config)
        self.intermediate = BertIntermediate(config)
        self.residual = BertResidual(config)

    def call(self, hidden: Any, mask: Any = None, output_attentions: bool = False) -> Any:
        attended = self.attention(hidden, mask, output_attentions=output_attentions)
        weights = None
        if output_attentions:
            attended, weights = attended
        result = self.residual(self.intermediate(attended), attended)
        return (result, weights) if output_attentions else result


class BertEncoder(Layer):
    """The layers, one after the other.

    Args:
        config: The configuration.
    """

    layer_class: type[Any] = BertLayer

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = [self.layer_class(config) for _ in range(config.num_hidden_layers)]

    def call(
        self,
        hidden: Any,
        mask: Any = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> Any:
        states, attentions = [hidden], []
        for layer in self.layer:
            hidden = layer(hidden, mask, output_attentions=output_attentions)
            if output_attentions:
                hidden, weights = hidden
                attentions.append(weights)
            if output_hidden_states:
                states.append(hidden)
        return (
            hidden,
            tuple(states) if output_hidden_states else None,
            tuple(attentions) if output_attentions else None,
        )


class BertPooler(Layer):
    """A vector for each text, from its first token.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = dense(config, config.hidden_size, activation(type(config).__name__, "tanh"))

    def call(self, hidden: Any) -> Any:
        return self.dense(hidden[:, 0])
