"""Telling several callbacks what happens, at no cost for hooks that nobody uses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from corten.callbacks.backup import BackupAndRestore
from corten.callbacks.callback import Callback, Logs
from corten.callbacks.history import History
from corten.callbacks.progbar_logger import ProgbarLogger


class CallbackList:
    """Calls the hooks of a list of callbacks.

    Args:
        callbacks: The user's callbacks: one, or a list (nested lists are flattened).
        add_history: Add a `History` and set it as `model.history`.
        add_progbar: Add a `ProgbarLogger`.
        model: The model that is trained.
        bar_after: Seconds before the progress bar appears.
        **params: `verbose`, `epochs`, `steps`.

    Raises:
        TypeError: An object is no callback.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        bar_after: float = 0.0,
        **params: Any,
    ) -> None:
        self.callbacks: list[Callback] = [] if callbacks is None else list(flatten_callbacks(callbacks))
        # The history that is added here has no hooks for batches, and need not be asked for them.
        self._own_history: History | None = None
        if add_progbar and not any(isinstance(item, ProgbarLogger) for item in self.callbacks):
            self.callbacks.append(ProgbarLogger(appears_after=bar_after))
        if add_history:
            history = next((item for item in self.callbacks if isinstance(item, History)), None)
            if history is None:
                history = self._own_history = History()
                self.callbacks.append(history)
            if model is not None:
                model.history = history
        self.params: dict[str, Any] = {}
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def append(self, callback: Callback) -> None:
        """Adds a callback."""
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        """Hands the parameters of the run to every callback."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Hands the model to every callback."""
        for callback in self.callbacks:
            callback.set_model(model)

    def _using(self, *hooks: str) -> list[Callback]:
        return [
            callback
            for callback in self.callbacks
            if callback is not self._own_history
            and (
                any(getattr(type(callback), hook) is not getattr(Callback, hook) for hook in hooks)
                or any(hook in vars(callback) for hook in hooks)
            )
        ]

    @property
    def watches_train_batches(self) -> bool:
        """Whether any callback looks at single training steps."""
        if len(self.callbacks) == 1 and self.callbacks[0] is self._own_history:
            return False
        return any(
            callback.watches_batches if isinstance(callback, ProgbarLogger) else True
            for callback in self._using(
                "on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"
            )
        )

    @property
    def watches_test_batches(self) -> bool:
        """Whether any callback looks at single evaluation steps."""
        return any(
            callback.watches_batches if isinstance(callback, ProgbarLogger) else True
            for callback in self._using("on_test_batch_begin", "on_test_batch_end")
        )

    @property
    def wants_batch_logs(self) -> bool:
        """Whether any callback wants the values after every step (the progress bar asks for its own)."""
        return any(
            not isinstance(callback, ProgbarLogger | BackupAndRestore)
            for callback in self._using("on_train_batch_end", "on_batch_end", "on_test_batch_end")
        )

    def close_lines(self) -> None:
        """Ends a line of the progress bar that an exception left open."""
        for callback in self.callbacks:
            if isinstance(callback, ProgbarLogger):
                callback.close_line()

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Old name of `on_train_batch_begin`."""
        self.on_train_batch_begin(batch, logs)

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Old name of `on_train_batch_end`."""
        self.on_train_batch_end(batch, logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_test_batch_end(batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_predict_batch_begin(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_predict_batch_end(batch, logs)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_test_begin(logs)

    def on_test_end(self, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_predict_begin(logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        """Passes the event on."""
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_predict_end(logs)


def flatten_callbacks(callbacks: Any) -> Iterable[Callback]:
    """Gives the callbacks of nested lists.

    Raises:
        TypeError: An object is no callback.
    """
    if callbacks is None:
        return
    if isinstance(callbacks, list | tuple):
        for item in callbacks:
            yield from flatten_callbacks(item)
        return
    if isinstance(callbacks, CallbackList):
        yield from callbacks.callbacks
        return
    if isinstance(callbacks, type):
        raise TypeError(
            f"callbacks holds the class {callbacks.__name__}; make an object of it: {callbacks.__name__}(...)"
        )
    if not isinstance(callbacks, Callback) and not hasattr(callbacks, "on_epoch_end"):
        raise TypeError(
            f"callbacks must be corten.callbacks.Callback objects; got {type(callbacks).__name__}"
        )
    yield callbacks
