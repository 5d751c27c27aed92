"""Decoding steps that the engine runs by itself: traced twice, then without Python in between.

A step for one new token asks for some hundred small ops, and asking costs more than they do. So the first
two steps are traced; where the traces agree, the ops are known. The cache has a fixed room in such a step:
new keys and values are set where a tensor says, and a mask hides the places behind them. What is seen, and
so the result, is the same.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from corten import _core
from corten._state import Checks, state
from corten.training.fingerprint import Fingerprint, Foreign
from corten.transformers.cache import DynamicCache, EncoderDecoderCache

# The room begins with so many tokens and grows to twice its size; for each there is a plan.
_ROOM = 128
# So many traces that never agree, and steps of that kind run as Python code for good.
_TRIES = 4
# What an encoder gave is filled up to a multiple of so many tokens: few plans do for texts of all lengths.
_SOURCE = 64
# Plans for more kinds of steps than these are not kept.
_KINDS = 64


class _Kind:
    """What is known about steps of one number of rows and one room."""

    def __init__(self) -> None:
        self.plan: Any = None
        self.trace: Any = None
        self.tries = 0


class _StepCache:
    """The cache as a traced step sees it: all of its room, of which a mask shows what counts.

    Args:
        states: Keys and values of each layer in turn, `(rows, room, heads, size)`.
        place: Where new ones are set, an int32 tensor of the shape `(1,)`.
    """

    def __init__(self, states: list[Any], place: Any) -> None:
        self.states = states
        self._place = place

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many tokens there are before the new one: as the mask counts, all others."""
        return int(self.states[0].shape[1]) - 1

    def update(self, key_states: Any, value_states: Any, layer_idx: int) -> tuple[Any, Any]:
        """Set keys and values of the new token, and return those of the whole room."""
        for offset, new in enumerate((key_states, value_states)):
            index = 2 * layer_idx + offset
            self.states[index] = _core.scatter(self.states[index], self._place, new, 1, "set")
        return self.states[2 * layer_idx], self.states[2 * layer_idx + 1]


class _CrossStepCache:
    """The caches of an encoder-decoder as a traced step sees them.

    Args:
        own: The decoder's.
        cross: Keys and values of the encoder's tokens for each layer in turn.
        place: Where the new token is, an int32 tensor of the shape `(1,)`.
    """

    def __init__(self, own: _StepCache, cross: list[Any], place: Any) -> None:
        self.self_attention_cache = own
        self.place = place
        self._cross = cross

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many tokens of the decoder there are before the new one, as the mask counts."""
        return self.self_attention_cache.get_seq_length(layer_idx)

    def cross(self, layer_idx: int) -> tuple[Any, Any]:
        """Return keys and values of the encoder's tokens."""
        return self._cross[2 * layer_idx], self._cross[2 * layer_idx + 1]


class DecodeCapture:
    """The captured decoding steps of one model.

    Args:
        model: A decoder with a cache.

    Attributes:
        refusal: Why steps are not captured; None where they are.
        replayed: How many steps the engine ran by itself.
    """

    def __init__(self, model: Any) -> None:
        self._model = weakref.ref(model)
        self.refusal: str | None = None
        self.replayed = 0
        self._kinds: dict[tuple[int, ...], _Kind] = {}
        self._fingerprint: Fingerprint | None = None
        self._variables: list[Any] = []
        self._values: list[Any] = []

    def begin(self) -> bool:
        """Look at the model before it generates; return whether its steps may be captured."""
        model = self._model()
        if model is None or state.tapes or state.hooked or Checks.on:
            return False
        variables = model.variables
        same = len(variables) == len(self._variables) and all(
            one is other for one, other in zip(variables, self._variables, strict=True)
        )
        if self._fingerprint is None or not same or not self._fingerprint.holds():
            self._kinds.clear()
            self._variables = variables
            self._fingerprint, self.refusal = None, None
            try:
                self._fingerprint = Fingerprint([model])
            except Foreign as reason:
                self.refusal = str(reason)
        if not hasattr(_core.StepPlan, "call"):
            self.refusal = "the engine cannot run a plan on whole arguments"
        self._values = [variable._value for variable in variables]
        return self.refusal is None

    def step(
        self, tokens: Any, positions: Any, mask: npt.NDArray[np.bool_] | None, cache: DynamicCache
    ) -> Any:
        """Take one new token for each row.

        Args:
            tokens: int32 `(rows, 1)`.
            positions: int32 `(rows, 1)`.
            mask: Which tokens so far are no padding, `(rows, length)`; None if none is padding.
            cache: The cache; it takes the token in.

        Returns:
            The logits, or None where such steps are not captured; then nothing has changed.
        """
        length = cache.get_seq_length()
        room = _room(length)
        seen = _seen(len(tokens), room, length, mask)
        inputs = [tokens, positions, seen, np.array([length], np.int32)]
        return self._run((len(tokens), room), [_core.tensor(value) for value in inputs], cache, room)

    def _run(self, key: tuple[int, ...], inputs: list[Any], cache: DynamicCache, room: int) -> Any:
        """Run a step of a kind, by its plan or as Python code that is traced."""
        while len(self._kinds) > _KINDS:
            self._kinds.pop(next(iter(self._kinds)))
        kind = self._kinds.setdefault(key, _Kind())
        if kind.tries > _TRIES and kind.plan is None:
            return None
        length = cache.get_seq_length()
        states = cache.give_up(room)
        if kind.plan is not None:
            found = kind.plan.call(inputs, self._values, states)
            self.replayed += 1
        else:
            found = self._trace(kind, inputs, states)
        cache.take_back(found[:-1], length + 1)
        return found[-1]

    def _trace(self, kind: _Kind, inputs: list[Any], states: list[Any]) -> list[Any]:
        """Run a step as Python code and note the ops; the second trace that agrees makes the plan."""
        kind.tries += 1
        _core.trace_begin(inputs, self._values, states)
        try:
            found = self._compute(inputs, list(states))
            trace = _core.trace_end(found, [])
        finally:
            _core.trace_abort()
        if isinstance(trace, str):
            self.refusal, kind.trace = trace, None
            return found
        before, kind.trace = kind.trace, trace
        if before is not None:
            try:
                kind.plan = _core.StepPlan(before, trace, [False] * len(self._values))
                kind.trace = None
            except ValueError as reason:
                self.refusal = str(reason)
        return found

    def _compute(self, inputs: list[Any], states: list[Any]) -> list[Any]:
        """Compute a step: the new states of the cache, and the logits last."""
        model = self._model()
        assert model is not None
        tokens, positions, seen, place = inputs
        cache = _StepCache(states, place)
        output = model(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=seen,
            past_key_values=cache,
            return_dict=True,
        )
        return [*cache.states, output.logits]


class CrossDecodeCapture(DecodeCapture):
    """The captured decoding steps of an encoder-decoder.

    Args:
        model: An encoder-decoder with a cache.
    """

    #: What the encoder gave; a step reads the keys and values that were made of it.
    _encoded: Any = None

    def cross_step(
        self, tokens: Any, encoder_mask: npt.NDArray[np.bool_], encoded: Any, cache: EncoderDecoderCache
    ) -> Any:
        """Take one new token for each row.

        Args:
            tokens: int32 `(rows, 1)`.
            encoder_mask: Which of the encoder's tokens are none that fill up, `(rows, source)`.
            encoded: What the encoder gave.
            cache: The caches, the encoder's as `fill_up` leaves them; the decoder's takes the token in.

        Returns:
            As for `step`.
        """
        own = cache.self_attention_cache
        length = own.get_seq_length()
        room = _room(length)
        seen = _seen(len(tokens), room, length, None)
        inputs = [tokens, seen, np.array([length], np.int32), encoder_mask]
        cross = [
            states for layer in cache.cross_attention_cache._layers for states in (layer.keys, layer.values)
        ]
        self._encoded = encoded
        try:
            key = len(tokens), room, encoder_mask.shape[1]
            return self._run(key, [*(_core.tensor(value) for value in inputs), *cross], own, room)
        finally:
            self._encoded = None

    def _compute(self, inputs: list[Any], states: list[Any]) -> list[Any]:
        model = self._model()
        assert model is not None
        tokens, seen, place, encoder_mask, *cross = inputs
        own = _StepCache(states, place)
        output = model(
            encoder_outputs=self._encoded,
            attention_mask=encoder_mask,
            decoder_input_ids=tokens,
            decoder_attention_mask=seen,
            past_key_values=_CrossStepCache(own, cross, place),
            return_dict=True,
        )
        return [*own.states, output.logits]


def fill_up(cache: EncoderDecoderCache, mask: npt.NDArray[np.int64] | None) -> npt.NDArray[np.bool_]:
    """Fill keys and values of the encoder's tokens up to a length that many texts have in common.

    Args:
        cache: The caches; those of the encoder are filled.
        mask: Which of its tokens count, `(rows, source)`; None: all.

    Returns:
        Which count of those that there are now.
    """
    layers = cache.cross_attention_cache._layers
    rows, length = layers[0].keys.shape[:2]
    size = -(-length // _SOURCE) * _SOURCE
    for layer in layers:
        for name in ("keys", "values"):
            value = getattr(layer, name)
            more = _core.full((rows, size - length, *value.shape[2:]), 0, value.dtype)
            setattr(layer, name, _core.concatenate([value, more], 1) if size > length else value)
        layer.length = size
    counts = np.zeros((rows, size), bool)
    counts[:, :length] = True if mask is None else mask
    return counts


def _room(length: int) -> int:
    return max(_ROOM, 1 << length.bit_length())


def _seen(rows: int, room: int, length: int, mask: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    """Which places of the room count: those before the new token, and its own."""
    seen = np.zeros((rows, room), bool)
    seen[:, : length + 1] = True if mask is None else mask
    return seen


_captures: weakref.WeakKeyDictionary[Any, DecodeCapture] = weakref.WeakKeyDictionary()


def capture_of(model: Any) -> DecodeCapture:
    """Return the captured steps of a model, which last as long as it does."""
    found = _captures.get(model)
    if found is None:
        kind = CrossDecodeCapture if model.config.is_encoder_decoder else DecodeCapture
        found = _captures[model] = kind(model)
    return found
