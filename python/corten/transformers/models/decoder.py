"""Heads of decoders: scores over the vocabulary, and classes of texts."""

from __future__ import annotations

from typing import Any, ClassVar

from corten import initializers, ops
from corten.layers import Dense
from corten.transformers import loss_functions
from corten.transformers.generation.mixin import GenerationMixin
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.outputs import CausalLMOutputWithPast, SequenceClassifierOutput


class DecoderForCausalLM(GenerationMixin, PreTrainedModel):
    """Base of decoders with scores over the vocabulary.

    A subclass names the class of its decoder, and the attribute of it that holds the word embeddings, which
    the scores are computed with where `tie_word_embeddings` is set.
    """

    base_class: ClassVar[Any] = None
    embeddings_name: ClassVar[str] = "embed_tokens"

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        setattr(self, self.base_model_prefix, self.base_class(config))
        if not config.tie_word_embeddings:
            initializer = initializers.RandomNormal(stddev=config.initializer_range)
            self.lm_head = Dense(config.vocab_size, use_bias=False, kernel_initializer=initializer)

    def get_output_embeddings(self) -> Any:
        """Return the layer that gives scores over the vocabulary."""
        return self.get_input_embeddings() if self.config.tie_word_embeddings else self.lm_head

    def _scores(self, hidden_states: Any) -> Any:
        if self.config.tie_word_embeddings:
            return self.get_input_embeddings()(hidden_states, reverse=True)
        return self.lm_head(hidden_states)

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        position_ids: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        logits_to_keep: int = 0,
        training: bool = False,
    ) -> Any:
        found = self.base_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        states = found.last_hidden_state
        output = CausalLMOutputWithPast(
            logits=self._scores(states[:, -logits_to_keep:] if logits_to_keep else states),
            past_key_values=found.past_key_values,
            hidden_states=found.hidden_states,
            attentions=found.attentions,
        )
        if labels is not None:
            output = CausalLMOutputWithPast(output, loss=self.loss_function(output, labels))
        return self._output(output, return_dict)

    def loss_function(self, output: Any, labels: Any) -> Any:
        """Return the mean cross-entropy of each token given those before.

        Args:
            output: What `call` gave.
            labels: Token ids, `(batch, tokens)`; -100 is left out.
        """
        return loss_functions.cross_entropy(type(self).__name__, output.logits[:, :-1], labels[:, 1:])


class DecoderForSequenceClassification(PreTrainedModel):
    """Base of decoders that classify texts by the state of the last token that is no padding."""

    base_class: ClassVar[Any] = None

    def __init__(self, config: Any, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        setattr(self, self.base_model_prefix, self.base_class(config))
        initializer = initializers.RandomNormal(stddev=config.initializer_range)
        self.score = Dense(config.num_labels, use_bias=False, kernel_initializer=initializer)

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        position_ids: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Any = None,
        labels: Any = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
    ) -> Any:
        found = self.base_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        last = self._last_tokens(input_ids, found.last_hidden_state)
        states = ops.squeeze(ops.take_along_axis(found.last_hidden_state, last, axis=1), 1)
        output = SequenceClassifierOutput(
            logits=self.score(states), hidden_states=found.hidden_states, attentions=found.attentions
        )
        if labels is not None:
            output = SequenceClassifierOutput(output, loss=self.loss_function(output, labels))
        return self._output(output, return_dict)

    def _last_tokens(self, input_ids: Any, states: Any) -> Any:
        """Where the last token that is no padding is, `(batch, 1, 1)`."""
        batch, tokens = states.shape[:2]
        pad = self.config.pad_token_id
        if input_ids is None or pad is None:
            if batch > 1 and input_ids is not None and pad is None:
                from corten._state import state

                if not state.probing:
                    raise ValueError(
                        f"{type(self).__name__}: several texts need `config.pad_token_id`, which tells where "
                        "each ends."
                    )
            return ops.full((batch, 1, 1), tokens - 1, dtype="int32")
        places = ops.arange(tokens, dtype="int32")
        last = ops.max(ops.where(ops.not_equal(input_ids, pad), places, ops.zeros_like(places)), axis=1)
        return ops.reshape(last, (batch, 1, 1))

    def loss_function(self, output: Any, labels: Any) -> Any:
        """Return the loss that the configuration or the labels tell.

        Args:
            output: What `call` gave.
            labels: `(batch,)`, or `(batch, labels)`.
        """
        return loss_functions.sequence_classification(type(self).__name__, self.config, output.logits, labels)
