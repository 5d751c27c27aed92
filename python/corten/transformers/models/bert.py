"""BERT (Devlin et al., 2018, "BERT: Pre-training of Deep Bidirectional Transformers", arXiv:1810.04805)."""

from __future__ import annotations

from typing import Any, ClassVar

from corten.layers.layer import Layer
from corten.layers.regularization import Dropout
from corten.transformers.attention import padding_mask
from corten.transformers.configuration import PretrainedConfig
from corten.transformers.layers import activation, check_length, dense, layer_norm
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.models.bert_layers import BertEmbeddings, BertEncoder, BertPooler
from corten.transformers.models.encoder_heads import (
    LabelledCall,
    MaskedLM,
    QuestionCall,
    SequenceClassification,
    TiedProjection,
    TokenClassification,
)
from corten.transformers.outputs import BaseModelOutputWithPooling


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


class BertPreTrainedModel(PreTrainedModel):
    """Base of the BERT models."""

    config_class: ClassVar[type[Any]] = BertConfig
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

    embeddings_class: type[BertEmbeddings] = BertEmbeddings

    def __init__(self, config: Any, add_pooling_layer: bool = True, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.embeddings = self.embeddings_class(config)
        self.encoder = BertEncoder(config)
        self.pooler = BertPooler(config) if add_pooling_layer else None

    def get_input_embeddings(self) -> Any:
        return self.embeddings.word_embeddings

    def _longest(self) -> int:
        """The number of tokens that there are positions for."""
        return int(self.config.max_position_embeddings)

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
        check_length(owner, tokens, self._longest())
        mask = padding_mask(owner, attention_mask, batch, tokens)
        embedded = self.embeddings(
            input_ids=input_ids,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
        )
        hidden, states, attentions = self.encoder(
            embedded,
            mask,
            output_attentions=self._wanted("output_attentions", output_attentions),
            output_hidden_states=self._wanted("output_hidden_states", output_hidden_states),
        )
        output = BaseModelOutputWithPooling(
            last_hidden_state=hidden,
            pooler_output=None if self.pooler is None else self.pooler(hidden),
            hidden_states=states,
            attentions=attentions,
        )
        return self._output(output, return_dict)


class BertForSequenceClassification(LabelledCall, SequenceClassification, BertPreTrainedModel):
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
        self.dropout = Dropout(classifier_dropout(config))
        self.classifier = dense(config, config.num_labels)

    def _logits(self, base: Any) -> Any:
        return self.classifier(self.dropout(base.pooler_output))


class BertForTokenClassification(LabelledCall, TokenClassification, BertPreTrainedModel):
    """BERT that puts each token into a class, as for names in texts.

    Args:
        config: The configuration; `num_labels` says how many classes.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        labels: Class numbers `(batch, tokens)`; -100 for tokens without one. With them the output has a
            `loss`.
        Others: As for `BertModel`.

    Returns:
        A `TokenClassifierOutput` with logits `(batch, tokens, labels)`.

    Example:
        >>> from corten.transformers import BertConfig, BertForTokenClassification
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertForTokenClassification(config)
        >>> model(input_ids=[[1, 2, 3]], labels=[[-100, 1, 0]]).logits.shape
        (1, 3, 2)
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = Dropout(classifier_dropout(config))
        self.classifier = dense(config, config.num_labels)


class BertForQuestionAnswering(QuestionCall, BertPreTrainedModel):
    """BERT that finds where in a text the answer to a question begins and ends.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        start_positions: The first tokens of the answers `(batch,)`; beyond the text means none.
        end_positions: Their last tokens `(batch,)`. With both the output has a `loss`.
        Others: As for `BertModel`.

    Returns:
        A `QuestionAnsweringModelOutput`.

    Example:
        >>> from corten.transformers import BertConfig, BertForQuestionAnswering
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> output = BertForQuestionAnswering(config)(input_ids=[[1, 2, 3]])
        >>> output.start_logits.shape, output.end_logits.shape
        ((1, 3), (1, 3))
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.qa_outputs = dense(config, 2)


class BertTransform(Layer):
    """The layer before the words: a product, an activation, a normalization.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        function = activation(type(config).__name__, config.hidden_act)
        self.dense = dense(config, config.hidden_size, function)
        self.LayerNorm = layer_norm(config)

    def call(self, hidden: Any) -> Any:
        return self.LayerNorm(self.dense(hidden))


class BertPredictions(TiedProjection):
    """A score for each word of the vocabulary, by the table of the word embeddings.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.transform = BertTransform(config)

    def call(self, hidden: Any, table: Any) -> Any:
        return self._scores(self.transform(hidden), table)


class BertOnlyMLMHead(Layer):
    """Holds the predictions under the name that files have.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.predictions = BertPredictions(config)

    def call(self, hidden: Any, table: Any) -> Any:
        return self.predictions(hidden, table)


class BertForMaskedLM(LabelledCall, MaskedLM, BertPreTrainedModel):
    """BERT that says which words were masked: the task that it learns language by.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        labels: The ids of the masked tokens, -100 for all others, `(batch, tokens)`. With them the output has
            a `loss`.
        Others: As for `BertModel`.

    Returns:
        A `MaskedLMOutput` with logits `(batch, tokens, vocabulary)`.

    Example:
        >>> from corten.transformers import BertConfig, BertForMaskedLM
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> BertForMaskedLM(config)(input_ids=[[1, 2, 3]]).logits.shape
        (1, 3, 30)
    """

    tied_weight_names = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.cls = BertOnlyMLMHead(config)

    def get_output_embeddings(self) -> Any:
        return self.cls.predictions

    def _scores(self, hidden: Any, table: Any) -> Any:
        return self.cls(hidden, table)


def classifier_dropout(config: Any) -> float:
    """Return the dropout before a classifier."""
    rate = config.classifier_dropout
    return float(config.hidden_dropout_prob if rate is None else rate)
