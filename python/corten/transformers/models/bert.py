"""BERT (Devlin et al., 2018, "BERT: Pre-training of Deep Bidirectional Transformers", arXiv:1810.04805)."""

from __future__ import annotations

from typing import Any

from corten import ops, random
from corten.layers.layer import Layer
from corten.layers.regularization import Dropout
from corten.transformers import loss_functions
from corten.transformers.attention import attend, join_heads, padding_mask, split_heads
from corten.transformers.configuration import PretrainedConfig
from corten.transformers.layers import (
    TokenEmbedding,
    activation,
    check_length,
    dense,
    layer_norm,
    normal,
    places,
)
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.outputs import BaseModelOutputWithPooling, SequenceClassifierOutput


class BertConfig(PretrainedConfig):
    """The settings of a BERT model. The defaults are those of BERT base, uncased.

    Args:
        vocab_size: Entries of the vocabulary.
        hidden_size: Size of the vectors between layers.
        num_hidden_layers: Number of layers.
        num_attention_heads: Attention heads of each layer; must divide `hidden_size`.
        intermediate_size: Size of the wide layer of each layer.
        hidden_act: Its activation.
        hidden_dropout_prob: Dropout of vectors.
        attention_probs_dropout_prob: Dropout of attention weights.
        max_position_embeddings: The longest text, in tokens.
        type_vocab_size: Number of text types (first, second).
        initializer_range: Deviation of new weights.
        layer_norm_eps: Epsilon of the layer normalizations.
        pad_token_id: The id that fills up short texts.
        classifier_dropout: Dropout before a classifier; None takes `hidden_dropout_prob`.
        is_decoder: Whether a token sees no later ones.
        **kwargs: As for `PretrainedConfig`.

    Example:
        >>> from corten.transformers import BertConfig
        >>> BertConfig(num_hidden_layers=6).hidden_size
        768
    """

    model_type = "bert"
    positive_integers = (
        "vocab_size", "hidden_size", "num_attention_heads", "intermediate_size", "max_position_embeddings",
        "type_vocab_size",
    )  # fmt: skip
    rates = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")

    def __init__(
        self,
        vocab_size: int = 30522,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        hidden_act: str = "gelu",
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.1,
        max_position_embeddings: int = 512,
        type_vocab_size: int = 2,
        initializer_range: float = 0.02,
        layer_norm_eps: float = 1e-12,
        pad_token_id: int | None = 0,
        classifier_dropout: float | None = None,
        is_decoder: bool = False,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.hidden_act = hidden_act
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.max_position_embeddings = max_position_embeddings
        self.type_vocab_size = type_vocab_size
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.classifier_dropout = classifier_dropout
        self.is_decoder = is_decoder
        super().__init__(pad_token_id=pad_token_id, **kwargs)
        activation(type(self).__name__, hidden_act)


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
            position_ids = places(words.shape[1])
        if token_type_ids is None:
            token_type_ids = ops.zeros((1, 1), "int32")
        # The small tables first: their sum is one row for each place.
        types = self.token_type_embeddings(token_type_ids)
        placed = ops.add(self.position_embeddings(position_ids), types)
        return self.dropout(self.LayerNorm(ops.add(words, placed)))


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

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = [BertLayer(config) for _ in range(config.num_hidden_layers)]

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


class BertPreTrainedModel(PreTrainedModel):
    """Base of the BERT models."""

    config_class = BertConfig
    base_model_prefix = "bert"


class BertModel(BertPreTrainedModel):
    """BERT without a head: a vector for each token, and one for each text.

    Args:
        config: The configuration.
        add_pooling_layer: Whether there is the layer that makes `pooler_output`.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        input_ids: Token ids, `(batch, tokens)`.
        attention_mask: 1 for tokens, 0 for padding, `(batch, tokens)`.
        token_type_ids: 0 for the first text, 1 for the second, `(batch, tokens)`.
        position_ids: The places of the tokens; None counts from 0.
        inputs_embeds: Vectors in place of ids, `(batch, tokens, hidden size)`.
        output_attentions: Whether to return attention weights.
        output_hidden_states: Whether to return the states of all layers.
        return_dict: Whether to return a `ModelOutput` rather than a tuple.

    Returns:
        A `BaseModelOutputWithPooling`.

    Raises:
        IndexError: An id is not in the vocabulary.
        ValueError: The texts are longer than the table of positions, or shapes do not fit.

    Example:
        >>> from corten.transformers import BertConfig, BertModel
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertModel(config)
        >>> output = model(input_ids=[[1, 2, 3], [4, 5, 0]], attention_mask=[[1, 1, 1], [1, 1, 0]])
        >>> output.last_hidden_state.shape, output.pooler_output.shape
        ((2, 3, 8), (2, 8))
    """

    def __init__(self, config: Any, add_pooling_layer: bool = True, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)
        self.pooler = BertPooler(config) if add_pooling_layer else None

    def get_input_embeddings(self) -> Any:
        return self.embeddings.word_embeddings

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        owner = type(self).__name__
        self._check_ids(input_ids, inputs_embeds)
        batch, tokens = (input_ids if inputs_embeds is None else inputs_embeds).shape[:2]
        check_length(owner, tokens, self.config.max_position_embeddings)
        mask = padding_mask(owner, attention_mask, batch, tokens)
        embedded = self.embeddings(
            input_ids=input_ids,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        )
        config = self.config
        hidden, states, attentions = self.encoder(
            embedded,
            mask,
            output_attentions=config.output_attentions if output_attentions is None else output_attentions,
            output_hidden_states=(
                config.output_hidden_states if output_hidden_states is None else output_hidden_states
            ),
        )
        output = BaseModelOutputWithPooling(
            last_hidden_state=hidden,
            pooler_output=None if self.pooler is None else self.pooler(hidden),
            hidden_states=states,
            attentions=attentions,
        )
        return self._output(output, return_dict)


class BertForSequenceClassification(BertPreTrainedModel):
    """BERT that puts texts into classes, or gives them numbers.

    Args:
        config: The configuration; `num_labels` says how many classes.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        labels: Class numbers `(batch,)`; floats for a regression (`num_labels=1`) or for several labels at
            once `(batch, labels)`. With them the output has a `loss`.
        Others: As for `BertModel`.

    Returns:
        A `SequenceClassifierOutput` with logits `(batch, labels)`.

    Example:
        >>> from corten.transformers import BertConfig, BertForSequenceClassification
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertForSequenceClassification(config)
        >>> model(input_ids=[[1, 2, 3]], labels=[1]).logits.shape
        (1, 2)
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.bert = BertModel(config)
        rate = config.classifier_dropout
        self.dropout = Dropout(config.hidden_dropout_prob if rate is None else rate)
        self.classifier = dense(config, config.num_labels)

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        base = self.bert(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            output_attentions=self.config.output_attentions
            if output_attentions is None
            else output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        output = SequenceClassifierOutput(
            logits=self.classifier(self.dropout(base.pooler_output)),
            hidden_states=base.hidden_states,
            attentions=base.attentions,
        )
        return self._output(self._with_loss(output, labels), return_dict)

    def loss_function(self, output: Any, labels: Any) -> Any:
        return loss_functions.sequence_classification(
            type(self).__name__, self.config, output["logits"], labels
        )

    def check_labels(self, labels: Any, caller: str) -> None:
        loss_functions.check_classes(f"{type(self).__name__}.{caller}", self.config, labels)
