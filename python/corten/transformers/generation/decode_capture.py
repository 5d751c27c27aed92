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
from corten.transformers.cache import DynamicCache

# The room begins with so many tokens and grows to twice its size; for each there is a plan.
_ROOM = 128
# So many traces that never agree, and steps of that kind run as Python code for good.
_TRIES = 4


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
        self._kinds: dict[tuple[int, int], _Kind] = {}
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
        rows, length = len(tokens), cache.get_seq_length()
        room = max(_ROOM, 1 << length.bit_length())
        kind = self._kinds.setdefault((rows, room), _Kind())
        if kind.tries > _TRIES and kind.plan is None:
            return None
        seen = np.zeros((rows, room), bool)
        seen[:, : length + 1] = True if mask is None else mask
        inputs = [_core.tensor(value) for value in (tokens, positions, seen, np.array([length], np.int32))]
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
        model = self._model()
        assert model is not None
        kind.tries += 1
        tokens, positions, seen, place = inputs
        _core.trace_begin(inputs, self._values, states)
        try:
            cache = _StepCache(list(states), place)
            output = model(
                input_ids=tokens,
                position_ids=positions,
                attention_mask=seen,
                past_key_values=cache,
                return_dict=True,
            )
            found = [*cache.states, output.logits]
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


_captures: weakref.WeakKeyDictionary[Any, DecodeCapture] = weakref.WeakKeyDictionary()


def capture_of(model: Any) -> DecodeCapture:
    """Return the captured steps of a model, which last as long as it does."""
    found = _captures.get(model)
    if found is None:
        found = _captures[model] = DecodeCapture(model)
    return found
