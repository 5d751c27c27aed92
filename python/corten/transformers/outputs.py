"""What models return: a dict whose entries are attributes, and which counts as a tuple too."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar


class ModelOutput(dict[str, Any]):
    """Named outputs of a model: `output.logits`, `output["logits"]` and `output[0]` are the same.

    Entries that are None are left out, so that places count what is there; reading them as an attribute gives
    None. For `corten.tree`, and so for `fit` and `predict`, it is a dict.

    Args:
        entries: Pairs of a name and a value, or a mapping.
        **values: More of them.

    Raises:
        TypeError: A name is none of the class's.

    Example:
        >>> from corten.transformers import SequenceClassifierOutput
        >>> output = SequenceClassifierOutput(logits=[1.0])
        >>> output.loss is None, output[0], output.to_tuple()
        (True, [1.0], ([1.0],))
    """

    #: The names of the outputs, in order; none means any.
    _output_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found = dict.fromkeys(name for base in cls.__mro__[1:] for name in getattr(base, "_output_names", ()))
        found.update(dict.fromkeys(inspect.get_annotations(cls)))
        type.__setattr__(cls, "_output_names", tuple(found))

    def __init__(
        self, entries: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None, **values: Any
    ) -> None:
        given = {**dict(entries or {}), **values}
        names = self._output_names
        if names:
            unknown = [name for name in given if name not in names]
            if unknown:
                raise TypeError(
                    f"{type(self).__name__}: no output {unknown[0]!r}; it has {', '.join(names)}."
                )
            # In the order of the class, which is the order of places.
            super().__init__((name, given[name]) for name in names if given.get(name) is not None)
        else:
            super().__init__((name, value) for name, value in given.items() if value is not None)

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return dict.__getitem__(self, name)
        names = self._output_names
        if name in names:
            return None
        close = difflib.get_close_matches(name, [*self, *names], 1)
        hint = f" Did you mean {close[0]!r}?" if close else f" It has {', '.join(self)}."
        raise AttributeError(f"{type(self).__name__} has no output {name!r}.{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (int, slice)):
            return self.to_tuple()[key]
        return dict.__getitem__(self, key)

    def __reduce__(self) -> Any:
        return type(self), (dict(self),)

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the values that are there, in their order."""
        return tuple(self.values())


class BaseModelOutput(ModelOutput):
    """What an encoder gives.

    Attributes:
        last_hidden_state: `(batch, tokens, hidden size)`.
        hidden_states: The states before and after each layer, if asked for.
        attentions: The weights `(batch, heads, tokens, tokens)` of each layer, if asked for.

    Example:
        >>> from corten.transformers import BaseModelOutput
        >>> list(BaseModelOutput(last_hidden_state=[0.5]))
        ['last_hidden_state']
    """

    last_hidden_state: Any
    hidden_states: Any
    attentions: Any


class BaseModelOutputWithPooling(ModelOutput):
    """As `BaseModelOutput`, with one vector for each text.

    Attributes:
        last_hidden_state: `(batch, tokens, hidden size)`.
        pooler_output: `(batch, hidden size)`, from the first token.
        hidden_states: The states before and after each layer, if asked for.
        attentions: The attention weights of each layer, if asked for.
    """

    last_hidden_state: Any
    pooler_output: Any
    hidden_states: Any
    attentions: Any


class BaseModelOutputWithPast(ModelOutput):
    """What a decoder gives.

    Attributes:
        last_hidden_state: `(batch, tokens, hidden size)`.
        past_key_values: The cache of keys and values.
        hidden_states: The states before and after each layer, if asked for.
        attentions: The attention weights of each layer, if asked for.
    """

    last_hidden_state: Any
    past_key_values: Any
    hidden_states: Any
    attentions: Any


class Seq2SeqModelOutput(ModelOutput):
    """What an encoder and a decoder give together.

    Attributes:
        last_hidden_state: `(batch, tokens, hidden size)`, of the decoder.
        past_key_values: The decoder's cache of keys and values.
        decoder_hidden_states: The decoder's states, if asked for.
        decoder_attentions: The decoder's attention weights, if asked for.
        cross_attentions: The weights with which the decoder looks at the encoder, if asked for.
        encoder_last_hidden_state: `(batch, source tokens, hidden size)`.
        encoder_hidden_states: The encoder's states, if asked for.
        encoder_attentions: The encoder's attention weights, if asked for.
    """

    last_hidden_state: Any
    past_key_values: Any
    decoder_hidden_states: Any
    decoder_attentions: Any
    cross_attentions: Any
    encoder_last_hidden_state: Any
    encoder_hidden_states: Any
    encoder_attentions: Any


class SequenceClassifierOutput(ModelOutput):
    """What a classifier of texts gives.

    Attributes:
        loss: A scalar, where labels were given.
        logits: `(batch, labels)`.
        hidden_states: The states before and after each layer, if asked for.
        attentions: The attention weights of each layer, if asked for.
    """

    loss: Any
    logits: Any
    hidden_states: Any
    attentions: Any


class TokenClassifierOutput(SequenceClassifierOutput):
    """What a classifier of tokens gives: logits are `(batch, tokens, labels)`."""


class MaskedLMOutput(SequenceClassifierOutput):
    """What a masked language model gives: logits `(batch, tokens, vocabulary)`."""


class CausalLMOutput(SequenceClassifierOutput):
    """What a language model gives: logits `(batch, tokens, vocabulary)`."""


class CausalLMOutputWithPast(ModelOutput):
    """What a language model with a cache gives.

    Attributes:
        loss: A scalar, where labels were given.
        logits: `(batch, tokens, vocabulary)`.
        past_key_values: The cache of keys and values.
        hidden_states: The states before and after each layer, if asked for.
        attentions: The attention weights of each layer, if asked for.
    """

    loss: Any
    logits: Any
    past_key_values: Any
    hidden_states: Any
    attentions: Any


class QuestionAnsweringModelOutput(ModelOutput):
    """What a model that finds answers in a text gives.

    Attributes:
        loss: A scalar, where positions were given.
        start_logits: `(batch, tokens)`.
        end_logits: `(batch, tokens)`.
        hidden_states: The states before and after each layer, if asked for.
        attentions: The attention weights of each layer, if asked for.
    """

    loss: Any
    start_logits: Any
    end_logits: Any
    hidden_states: Any
    attentions: Any


class Seq2SeqLMOutput(ModelOutput):
    """What an encoder-decoder language model gives.

    Attributes:
        loss: A scalar, where labels were given.
        logits: `(batch, target tokens, vocabulary)`.
        past_key_values: The decoder's cache of keys and values.
        decoder_hidden_states: The decoder's states, if asked for.
        decoder_attentions: The decoder's attention weights, if asked for.
        cross_attentions: The weights with which the decoder looks at the encoder, if asked for.
        encoder_last_hidden_state: `(batch, source tokens, hidden size)`.
        encoder_hidden_states: The encoder's states, if asked for.
        encoder_attentions: The encoder's attention weights, if asked for.
    """

    loss: Any
    logits: Any
    past_key_values: Any
    decoder_hidden_states: Any
    decoder_attentions: Any
    cross_attentions: Any
    encoder_last_hidden_state: Any
    encoder_hidden_states: Any
    encoder_attentions: Any
