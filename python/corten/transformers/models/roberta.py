"""RoBERTa (Liu et al., 2019, arXiv:1907.11692) and XLM-RoBERTa (Conneau et al., 2019, arXiv:1911.02116).

They compute as BERT does. Places are counted from behind the padding id, and the heads are others.
"""

from __future__ import annotations

from typing import Any, ClassVar

from corten import activations, ops
from corten.layers.layer import Layer
from corten.layers.regularization import Dropout
from corten.transformers.layers import dense, layer_norm, places
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.models.bert import BertConfig, BertModel, classifier_dropout
from corten.transformers.models.bert_layers import BertEmbeddings
from corten.transformers.models.encoder_heads import (
    LabelledCall,
    MaskedLM,
    QuestionCall,
    SequenceClassification,
    TiedProjection,
    TokenClassification,
)


class RobertaConfig(BertConfig):
    """The settings of a RoBERTa model.

    Args:
        vocab_size: Entries of the vocabulary.
        pad_token_id: The id that fills up short texts; places are counted from the number behind it.
        bos_token_id: The id that begins a text.
        eos_token_id: The id that ends a text.
        **kwargs: As for `BertConfig`. Of `max_position_embeddings` places `pad_token_id + 1` are not used.

    Example:
        >>> from corten.transformers import RobertaConfig
        >>> RobertaConfig().pad_token_id
        1
    """

    model_type = "roberta"

    def __init__(
        self,
        vocab_size: int = 50265,
        pad_token_id: int | None = 1,
        bos_token_id: int | None = 0,
        eos_token_id: int | list[int] | None = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            vocab_size,
            pad_token_id=pad_token_id,
            bos_token_id=bos_token_id,
            eos_token_id=eos_token_id,
            **kwargs,
        )
        if self.pad_token_id is None or self.max_position_embeddings <= self.pad_token_id + 1:
            raise ValueError(
                f"{type(self).__name__}: `pad_token_id` ({self.pad_token_id}) must be a number and leave "
                f"places in `max_position_embeddings` ({self.max_position_embeddings})."
            )


class XLMRobertaConfig(RobertaConfig):
    """The settings of an XLM-RoBERTa model: as `RobertaConfig`.

    Args:
        vocab_size: Entries of the vocabulary.
        **kwargs: As for `RobertaConfig`.
    """

    model_type = "xlm-roberta"

    def __init__(self, vocab_size: int = 30522, **kwargs: Any) -> None:
        super().__init__(vocab_size, **kwargs)


class RobertaEmbeddings(BertEmbeddings):
    """As BERT's, with places counted from behind the padding id, and padding left out.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.position_embeddings.pad_token_id = config.pad_token_id

    def _positions(self, input_ids: Any, words: Any) -> Any:
        first = self.config.pad_token_id + 1
        if input_ids is None:
            return places(words.shape[1], first)
        there = ops.cast(ops.not_equal(input_ids, self.config.pad_token_id), "int32")
        return ops.add(ops.multiply(ops.cumsum(there, axis=1), there), first - 1)


class RobertaPreTrainedModel(PreTrainedModel):
    """Base of the RoBERTa models."""

    config_class: ClassVar[type[Any]] = RobertaConfig
    base_model_prefix = "roberta"


class RobertaModel(BertModel):
    """RoBERTa without a head: a vector for each token, and one for each text.

    Args:
        config: The configuration.
        add_pooling_layer: Whether there is the layer that makes `pooler_output`.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertModel`.

    Example:
        >>> from corten.transformers import RobertaConfig, RobertaModel
        >>> config = RobertaConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> RobertaModel(config)(input_ids=[[0, 5, 2]]).last_hidden_state.shape
        (1, 3, 8)
    """

    config_class: ClassVar[type[Any]] = RobertaConfig
    base_model_prefix = "roberta"
    embeddings_class = RobertaEmbeddings

    def _longest(self) -> int:
        return int(self.config.max_position_embeddings - self.config.pad_token_id - 1)


class RobertaClassificationHead(Layer):
    """A classifier of the first token's vector: a product with tanh, then one to the classes.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = dense(config, config.hidden_size, activations.tanh)
        self.dropout = Dropout(classifier_dropout(config))
        self.out_proj = dense(config, config.num_labels)

    def call(self, hidden: Any) -> Any:
        return self.out_proj(self.dropout(self.dense(self.dropout(hidden[:, 0]))))


class RobertaForSequenceClassification(LabelledCall, SequenceClassification, RobertaPreTrainedModel):
    """RoBERTa that puts texts into classes, or gives them numbers.

    Args:
        config: The configuration; `num_labels` says how many classes.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertForSequenceClassification`.

    Example:
        >>> from corten.transformers import RobertaConfig, RobertaForSequenceClassification
        >>> config = RobertaConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> RobertaForSequenceClassification(config)(input_ids=[[0, 5, 2]]).logits.shape
        (1, 2)
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.classifier = RobertaClassificationHead(config)

    def _logits(self, base: Any) -> Any:
        return self.classifier(base.last_hidden_state)


class RobertaForTokenClassification(LabelledCall, TokenClassification, RobertaPreTrainedModel):
    """RoBERTa that puts each token into a class.

    Args:
        config: The configuration; `num_labels` says how many classes.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertForTokenClassification`.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.dropout = Dropout(classifier_dropout(config))
        self.classifier = dense(config, config.num_labels)


class RobertaForQuestionAnswering(QuestionCall, RobertaPreTrainedModel):
    """RoBERTa that finds where in a text the answer to a question begins and ends.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertForQuestionAnswering`.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.qa_outputs = dense(config, 2)


class RobertaLMHead(TiedProjection):
    """A score for each word of the vocabulary.

    Args:
        config: The configuration.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.dense = dense(config, config.hidden_size, activations.gelu)
        self.layer_norm = layer_norm(config)

    def call(self, hidden: Any, table: Any) -> Any:
        return self._scores(self.layer_norm(self.dense(hidden)), table)


class RobertaForMaskedLM(LabelledCall, MaskedLM, RobertaPreTrainedModel):
    """RoBERTa that says which words were masked.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        Those of `BertForMaskedLM`.
    """

    tied_weight_names = {
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.lm_head = RobertaLMHead(config)

    def _scores(self, hidden: Any, table: Any) -> Any:
        return self.lm_head(hidden, table)


class XLMRobertaModel(RobertaModel):
    """XLM-RoBERTa without a head: as `RobertaModel`.

    Args:
        config: The configuration.
        add_pooling_layer: Whether there is the layer that makes `pooler_output`.
        **kwargs: `name`, `trainable`, `dtype`.
    """

    config_class = XLMRobertaConfig


class XLMRobertaForSequenceClassification(RobertaForSequenceClassification):
    """XLM-RoBERTa that puts texts into classes: as `RobertaForSequenceClassification`.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.
    """

    config_class = XLMRobertaConfig


class XLMRobertaForTokenClassification(RobertaForTokenClassification):
    """XLM-RoBERTa that puts each token into a class: as `RobertaForTokenClassification`.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.
    """

    config_class = XLMRobertaConfig


class XLMRobertaForQuestionAnswering(RobertaForQuestionAnswering):
    """XLM-RoBERTa that finds answers in texts: as `RobertaForQuestionAnswering`.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.
    """

    config_class = XLMRobertaConfig


class XLMRobertaForMaskedLM(RobertaForMaskedLM):
    """XLM-RoBERTa that says which words were masked: as `RobertaForMaskedLM`.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable`, `dtype`.
    """

    config_class = XLMRobertaConfig
