"""DistilBERT (Sanh et al., 2019, "DistilBERT, a distilled version of BERT", arXiv:1910.01108)."""

from __future__ import annotations

from typing import Any, ClassVar

from corten import activations, ops, random
from corten.layers.layer import Layer
from corten.layers.normalization import LayerNormalization
from corten.layers.regularization import Dropout
from corten.transformers.attention import attend, join_heads, padding_mask, split_heads
from corten.transformers.configuration import PretrainedConfig
from corten.transformers.layers import TokenEmbedding, activation, check_length, dense, normal, places
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.models.bert_layers import BertEncoder
from corten.transformers.models.encoder_heads import (
    EncoderWithHead,
    MaskedLM,
    QuestionAnswering,
    SequenceClassification,
    TiedProjection,
    TokenClassification,
)
from corten.transformers.outputs import BaseModelOutput

_EPSILON = 1e-12


class DistilBertConfig(PretrainedConfig):
    """The settings of a DistilBERT model. The defaults are those of DistilBERT base.

    Args:
        vocab_size: Entries of the vocabulary.
        max_position_embeddings: The longest text, in tokens.
        n_layers: Number of layers; `num_hidden_layers` is the same.
        n_heads: Attention heads of each layer; `num_attention_heads` is the same.
        dim: Size of the vectors between layers; `hidden_size` is the same.
        hidden_dim: Size of the wide layer of each layer.
        dropout: Dropout of vectors.
        attention_dropout: Dropout of attention weights.
        activation: The activation of the wide layers.
        initializer_range: Deviation of new weights.
        qa_dropout: Dropout before the head for questions.
        seq_classif_dropout: Dropout before the classifier of texts.
        pad_token_id: The id that fills up short texts.
        **kwargs: As for `PretrainedConfig`.

    Example:
        >>> from corten.transformers import DistilBertConfig
        >>> DistilBertConfig(dim=96).hidden_size
        96
    """

    model_type = "distilbert"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    }
    positive_integers = ("vocab_size", "dim", "n_heads", "hidden_dim", "max_position_embeddings")
    rates = ("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout")
    layer_counts = ("n_layers",)

    def __init__(
        self,
        vocab_size: int = 30522,
        max_position_embeddings: int = 512,
        n_layers: int = 6,
        n_heads: int = 12,
        dim: int = 768,
        hidden_dim: int = 3072,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        activation: str = "gelu",
        initializer_range: float = 0.02,
        qa_dropout: float = 0.1,
        seq_classif_dropout: float = 0.2,
        pad_token_id: int | None = 0,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.max_position_embeddings = max_position_embeddings
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.dim = dim
        self.hidden_dim = hidden_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = activation
        self.initializer_range = initializer_range
        self.qa_dropout = qa_dropout
        self.seq_classif_dropout = seq_classif_dropout
        super().__init__(pad_token_id=pad_token_id, **kwargs)
        function_of(self)


def function_of(config: Any) -> Any:
    """Return the activation of a configuration."""
    return activation(type(config).__name__, config.activation)


class DistilBertEmbeddings(Layer):
    """The sum of the vectors of words and places, normalized.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        options = {"embeddings_initializer": normal(config)}
        self.word_embeddings = TokenEmbedding(config.vocab_size, config.dim, config.pad_token_id, **options)
        self.position_embeddings = TokenEmbedding(config.max_position_embeddings, config.dim, **options)
        self.LayerNorm = LayerNormalization(epsilon=_EPSILON)
        self.dropout = Dropout(config.dropout)

    def call(self, input_ids: Any = None, position_ids: Any = None, inputs_embeds: Any = None) -> Any:
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if position_ids is None:
            position_ids = places(words.shape[1])
        return self.dropout(self.LayerNorm(ops.add(words, self.position_embeddings(position_ids))))


class DistilBertSelfAttention(Layer):
    """Attention of tokens to one another, in several heads.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = config.n_heads
        self.rate = config.attention_dropout
        self.q_lin = dense(config, config.dim)
        self.k_lin = dense(config, config.dim)
        self.v_lin = dense(config, config.dim)
        self.out_lin = dense(config, config.dim)
        if self.rate:
            self.seed_generator = random.SeedGenerator()

    def call(
        self, hidden: Any, mask: Any = None, output_attentions: bool = False, training: bool | None = None
    ) -> Any:
        query, key, value = (
            split_heads(part(hidden), self.heads) for part in (self.q_lin, self.k_lin, self.v_lin)
        )
        dropping = bool(training) and self.rate > 0
        context, weights = attend(
            query,
            key,
            value,
            mask,
            dropout=self.rate if dropping else 0.0,
            seed=self.seed_generator if dropping else None,
            with_weights=output_attentions,
        )
        context = self.out_lin(join_heads(context))
        return (context, weights) if output_attentions else context


class DistilBertFeedForward(Layer):
    """A wide product with an activation, and one back.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lin1 = dense(config, config.hidden_dim, function_of(config))
        self.lin2 = dense(config, config.dim)
        self.dropout = Dropout(config.dropout)

    def call(self, hidden: Any) -> Any:
        return self.dropout(self.lin2(self.lin1(hidden)))


class DistilBertLayer(Layer):
    """One layer: attention, then two products, each with its residual connection.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = DistilBertSelfAttention(config)
        self.sa_layer_norm = LayerNormalization(epsilon=_EPSILON)
        self.ffn = DistilBertFeedForward(config)
        self.output_layer_norm = LayerNormalization(epsilon=_EPSILON)

    def call(self, hidden: Any, mask: Any = None, output_attentions: bool = False) -> Any:
        attended = self.attention(hidden, mask, output_attentions=output_attentions)
        weights = None
        if output_attentions:
            attended, weights = attended
        attended = self.sa_layer_norm(ops.add(attended, hidden))
        result = self.output_layer_norm(ops.add(self.ffn(attended), attended))
        return (result, weights) if output_attentions else result


class DistilBertTransformer(BertEncoder):
    """The layers, one after the other.

    Args:
        config: The configuration.
    """

    layer_class = DistilBertLayer


class DistilBertPreTrainedModel(PreTrainedModel):
    """Base of the DistilBERT models."""

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"


class DistilBertModel(DistilBertPreTrainedModel):
    """DistilBERT without a head: a vector for each token.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertModel`, without `token_type_ids`.

    Returns:
        A `BaseModelOutput`.

    Example:
        >>> from corten.transformers import DistilBertConfig, DistilBertModel
        >>> config = DistilBertConfig(vocab_size=30, dim=8, n_layers=1, n_heads=2, hidden_dim=16)
        >>> DistilBertModel(config)(input_ids=[[1, 2, 3]]).last_hidden_state.shape
        (1, 3, 8)
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.embeddings = DistilBertEmbeddings(config)
        self.transformer = DistilBertTransformer(config)

    def get_input_embeddings(self) -> Any:
        return self.embeddings.word_embeddings

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
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
            input_ids=input_ids, position_ids=position_ids, inputs_embeds=inputs_embeds
        )
        hidden, states, attentions = self.transformer(
            embedded,
            mask,
            output_attentions=self._wanted("output_attentions", output_attentions),
            output_hidden_states=self._wanted("output_hidden_states", output_hidden_states),
        )
        output = BaseModelOutput(last_hidden_state=hidden, hidden_states=states, attentions=attentions)
        return self._output(output, return_dict)


class DistilBertWithHead(EncoderWithHead):
    """Base of the models with a head, whose calls have no `token_type_ids`."""

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        return self._run(
            labels,
            return_dict,
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )


class DistilBertForSequenceClassification(
    DistilBertWithHead, SequenceClassification, DistilBertPreTrainedModel
):
    """DistilBERT that puts texts into classes, or gives them numbers.

    Args:
        config: The configuration; `num_labels` says how many classes.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertForSequenceClassification`, without `token_type_ids`.

    Example:
        >>> from corten.transformers import DistilBertConfig, DistilBertForSequenceClassification
        >>> config = DistilBertConfig(vocab_size=30, dim=8, n_layers=1, n_heads=2, hidden_dim=16)
        >>> DistilBertForSequenceClassification(config)(input_ids=[[1, 2, 3]]).logits.shape
        (1, 2)
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.distilbert = DistilBertModel(config)
        self.pre_classifier = dense(config, config.dim, activations.relu)
        self.classifier = dense(config, config.num_labels)
        self.dropout = Dropout(config.seq_classif_dropout)

    def _logits(self, base: Any) -> Any:
        return self.classifier(self.dropout(self.pre_classifier(base.last_hidden_state[:, 0])))


class DistilBertForTokenClassification(DistilBertWithHead, TokenClassification, DistilBertPreTrainedModel):
    """DistilBERT that puts each token into a class.

    Args:
        config: The configuration; `num_labels` says how many classes.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertForTokenClassification`, without `token_type_ids`.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.distilbert = DistilBertModel(config)
        self.dropout = Dropout(config.dropout)
        self.classifier = dense(config, config.num_labels)


class DistilBertForQuestionAnswering(QuestionAnswering, DistilBertPreTrainedModel):
    """DistilBERT that finds where in a text the answer to a question begins and ends.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertForQuestionAnswering`, without `token_type_ids`.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.distilbert = DistilBertModel(config)
        self.qa_outputs = dense(config, 2)
        self.dropout = Dropout(config.qa_dropout)

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        start_positions: Any = None,
        end_positions: Any = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        return self._run(
            self._positions(start_positions, end_positions),
            return_dict,
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )

    def _states(self, base: Any) -> Any:
        return self.dropout(base.last_hidden_state)


class DistilBertForMaskedLM(DistilBertWithHead, MaskedLM, DistilBertPreTrainedModel):
    """DistilBERT that says which words were masked.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertForMaskedLM`, without `token_type_ids`.
    """

    tied_weight_names = {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.distilbert = DistilBertModel(config)
        self.vocab_transform = dense(config, config.dim, function_of(config))
        self.vocab_layer_norm = LayerNormalization(epsilon=_EPSILON)
        self.vocab_projector = DistilBertProjection(config)

    def get_output_embeddings(self) -> Any:
        return self.vocab_projector

    def _scores(self, hidden: Any, table: Any) -> Any:
        return self.vocab_projector(self.vocab_layer_norm(self.vocab_transform(hidden)), table)


class DistilBertProjection(TiedProjection):
    """The product with the table of the word embeddings.

    Args:
        config: The configuration.
    """

    weight_names = {"decoder": "weight"}

    def call(self, hidden: Any, table: Any) -> Any:
        return self._scores(hidden, table)
