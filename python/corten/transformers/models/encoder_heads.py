"""What encoders with the same kind of head share: running the encoder, the outputs, the losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corten import ops
from corten.layers.layer import Layer
from corten.transformers import loss_functions
from corten.transformers.layers import normal
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.outputs import (
    MaskedLMOutput,
    ModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)


class EncoderWithHead(PreTrainedModel):
    """Base: an encoder, whose states a head makes something of."""

    #: The class of the outputs.
    output_class: type[ModelOutput] = SequenceClassifierOutput

    def _run(self, labels: Any, return_dict: bool | None, **inputs: Any) -> Any:
        base = self.base_model(return_dict=True, **inputs)
        values = {"hidden_states": base.hidden_states, "attentions": base.attentions}
        output = self.output_class(**self._head(base), **values)
        return self._output(self._with_loss(output, labels), return_dict)

    def _head(self, base: Any) -> dict[str, Any]:
        """Return the outputs of the head by name."""
        return {"logits": self._logits(base)}

    def _logits(self, base: Any) -> Any:
        raise NotImplementedError


class LabelledCall(EncoderWithHead):
    """Base: calls with `labels`, of encoders with two types of texts."""

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
        return self._run(
            labels,
            return_dict,
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )


class SequenceClassification(EncoderWithHead):
    """Base of classifiers of texts."""

    def loss_function(self, output: Any, labels: Any) -> Any:
        owner = type(self).__name__
        return loss_functions.sequence_classification(owner, self.config, output["logits"], labels)

    def check_labels(self, labels: Any, caller: str) -> None:
        loss_functions.check_classes(f"{type(self).__name__}.{caller}", self.config, labels)


class TokenClassification(EncoderWithHead):
    """Base of classifiers of tokens."""

    output_class = TokenClassifierOutput
    dropout: Any
    classifier: Any

    def _logits(self, base: Any) -> Any:
        return self.classifier(self.dropout(base.last_hidden_state))

    def loss_function(self, output: Any, labels: Any) -> Any:
        return loss_functions.cross_entropy(type(self).__name__, output["logits"], labels)

    def check_labels(self, labels: Any, caller: str) -> None:
        loss_functions.check_range(f"{type(self).__name__}.{caller}", labels, self.config.num_labels)


class MaskedLM(EncoderWithHead):
    """Base of models that say which words were masked."""

    output_class = MaskedLMOutput

    def _logits(self, base: Any) -> Any:
        return self._scores(base.last_hidden_state, self.get_input_embeddings().embeddings)

    def _scores(self, hidden: Any, table: Any) -> Any:
        raise NotImplementedError

    def loss_function(self, output: Any, labels: Any) -> Any:
        return loss_functions.cross_entropy(type(self).__name__, output["logits"], labels)

    def check_labels(self, labels: Any, caller: str) -> None:
        loss_functions.check_range(f"{type(self).__name__}.{caller}", labels, self.config.vocab_size)


class TiedProjection(Layer):
    """The product with the table of the word embeddings, and a bias for each word.

    Where `tie_word_embeddings` is false it has a matrix of its own, `decoder.weight` in files.

    Args:
        config: The configuration.
    """

    weight_names = {"decoder": "decoder.weight"}

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def build(self, input_shape: Any) -> None:
        config = self.config
        self.bias = self.add_weight((config.vocab_size,), "zeros", name="bias")
        self.decoder = None
        if not config.tie_word_embeddings:
            shape = (config.vocab_size, config.hidden_size)
            self.decoder = self.add_weight(shape, normal(config), name="decoder")
        self.built = True

    def _scores(self, hidden: Any, table: Any) -> Any:
        matrix = table if self.decoder is None else self.decoder
        matrix = ops.cast(ops.transpose(ops.convert_to_tensor(matrix)), hidden.dtype)
        return ops.add(ops.matmul(hidden, matrix), ops.cast(self.bias, hidden.dtype))


class QuestionAnswering(EncoderWithHead):
    """Base of models that find the beginning and the end of an answer."""

    output_class = QuestionAnsweringModelOutput
    qa_outputs: Any

    def _positions(self, start: Any, end: Any) -> Any:
        if (start is None) != (end is None):
            raise ValueError(
                f"{type(self).__name__}: give both `start_positions` and `end_positions`, or neither of them."
            )
        return None if start is None else (start, end)

    def _head(self, base: Any) -> dict[str, Any]:
        logits = self.qa_outputs(self._states(base))
        return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}

    def _states(self, base: Any) -> Any:
        return base.last_hidden_state

    def loss_function(self, output: Any, labels: Any) -> Any:
        owner = type(self).__name__
        if isinstance(labels, Mapping):
            labels = labels.get("start_positions"), labels.get("end_positions")
        if not isinstance(labels, (list, tuple)) or len(labels) != 2:
            raise ValueError(
                f"{owner}: the labels are two arrays, `start_positions` and `end_positions`; got "
                f"{type(labels).__name__}."
            )
        losses = []
        for name, positions in zip(("start_logits", "end_logits"), labels, strict=True):
            logits = output[name]
            positions = ops.convert_to_tensor(positions)
            if len(positions.shape) > 1:
                positions = ops.squeeze(positions, -1)
            # The answer is not in this piece of the text.
            outside = ops.greater_equal(positions, logits.shape[1])
            positions = ops.where(outside, ops.full_like(positions, loss_functions.IGNORED), positions)
            losses.append(loss_functions.cross_entropy(owner, logits, positions))
        return ops.multiply(ops.add(*losses), 0.5)

    def _compared(self, x: Any, y: Any, y_pred: Any) -> tuple[Any, Any]:
        if isinstance(x, Mapping) and y is None and "start_positions" in x:
            y = {"start_logits": x["start_positions"], "end_logits": x["end_positions"]}
        elif isinstance(y, Mapping) and "start_positions" in y:
            y = {"start_logits": y["start_positions"], "end_logits": y["end_positions"]}
        if isinstance(y_pred, Mapping):
            y_pred = {name: y_pred[name] for name in ("start_logits", "end_logits")}
        return y, y_pred


class QuestionCall(QuestionAnswering):
    """Base: calls with the positions of answers, of encoders with two types of texts."""

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
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
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
