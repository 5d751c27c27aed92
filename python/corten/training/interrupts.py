"""Ctrl-C, failures and threads during training: a step is done as a whole or not at all, by one thread."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from corten._state import Seen, state as call_state
from corten.layers.placement import elsewhere
from corten.random.seed_generator import global_generator


class Interrupts:
    """Makes SIGINT wait, inside its `with` block, while code is `uninterrupted`.

    Only in the main thread, where Python runs signal handlers, and only where one is set that is a function:
    it is called as before, at the end of what held it back.

    Example:
        >>> from corten._state import uninterrupted
        >>> with Interrupts():
        ...     with uninterrupted:
        ...         pass
    """

    def __init__(self) -> None:
        self._before: Any = None

    def _handle(self, number: int, frame: Any) -> Any:
        if call_state.held:
            call_state.waiting = lambda: self._before(number, frame)
            return None
        return self._before(number, frame)

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            inner = getattr(before, "__self__", None)
            if callable(before) and not isinstance(inner, Interrupts):
                self._before = before
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exception: Any) -> None:
        # The user may have set another one meanwhile.
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._before)


class Owner:
    """Which thread trains or evaluates a model.

    Example:
        >>> owner = Owner()
        >>> owner.enter("fit", "model") and owner.enter("evaluate", "model")
        False
    """

    def enter(self, caller: str, name: str) -> bool:
        """Takes the model for this thread; gives whether `leave` must be called, which it must once.

        Raises:
            RuntimeError: Another thread has it.
        """
        me = (os.getpid(), threading.get_ident())
        # One call into Python's dict, so that no two threads find it free.
        taken = (*me, object())
        owner = self.__dict__.setdefault("thread", taken)
        if owner is taken:
            return True
        if owner[0] != me[0]:
            # Its thread stayed behind in the process that forked this one.
            self.__dict__["thread"] = taken
            return True
        if owner[1] != me[1]:
            raise RuntimeError(
                f"{caller}: the model {name!r} is being trained or evaluated by another thread. Give each "
                "thread a model of its own (`corten.models.clone_model`), or wait for it; `predict` may be "
                "called meanwhile."
            )
        return False

    def leave(self) -> None:
        """Gives the model back."""
        self.__dict__.pop("thread", None)

    def __reduce__(self) -> Any:
        return Owner, ()


_Method = TypeVar("_Method", bound=Callable[..., Any])


def alone(method: _Method) -> _Method:
    """Keeps other threads from training or evaluating a model while one does.

    Args:
        method: A method of a model.

    Example:
        >>> import corten
        >>> corten.Model.fit.__name__
        'fit'
    """

    @functools.wraps(method)
    def by_one_thread(self: Any, *args: Any, **kwargs: Any) -> Any:
        if Seen.devices and (scope := elsewhere(self)) is not None:
            with scope:
                return by_one_thread(self, *args, **kwargs)
        state = self._training_state
        if state is None or not state.owner.enter(method.__name__, getattr(self, "name", "model")):
            return method(self, *args, **kwargs)
        try:
            return method(self, *args, **kwargs)
        finally:
            state.owner.leave()

    return cast(_Method, by_one_thread)


class StepState:
    """What a training step changes before it updates the weights: moving statistics and random states.

    Args:
        model: The model.

    Example:
        >>> import corten
        >>> model = corten.Sequential([corten.Input((2,)), corten.layers.Dropout(0.5)])
        >>> model.compile("sgd", "mse")
        >>> state = StepState(model)
        >>> before = state.take()
        >>> _ = model(corten.ops.ones((1, 2)), training=True)
        >>> state.give_back(before)
        True
        >>> model.non_trainable_variables[0].numpy()[1]
        np.uint32(0)
    """

    def __init__(self, model: Any) -> None:
        self._variables = list(model.non_trainable_variables)
        self._optimizer = model.optimizer

    def take(self) -> Any:
        """Notes the values."""
        values = [variable._value for variable in self._variables]
        return self._optimizer._iterations._value, values, (global_generator.seed, global_generator.count)

    def give_back(self, before: Any) -> bool:
        """Puts the values back, unless the weights were updated already; gives whether it did."""
        count, values, drawn = before
        if self._optimizer._iterations._value is not count:
            return False
        for variable, value in zip(self._variables, values, strict=True):
            if variable._value is not value:
                variable._set(value)
        global_generator.seed, global_generator.count = drawn
        return True
