"""The base class of callbacks."""

from __future__ import annotations

from typing import Any

Logs = dict[str, Any] | None


class Callback:
    """Something that is told what happens during training.

    Override the methods of interest. Set `self.model.stop_training = True` to end the training.

    Attributes:
        params: Dict of `verbose`, `epochs` and `steps`, and `resumed` (True) where an interrupted training
            goes on.
        model: The model that is trained.

    Example:
        >>> class Announce(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, sorted(logs))
        >>> Announce().on_epoch_end(0, {"loss": 1.0})
        0 ['loss']
    """

    #: Whether the callback writes files and has no influence on training.
    only_writes: bool = False
    params: dict[str, Any] | None = None
    _model: Any = None

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Takes the parameters of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Takes the model."""
        self._model = model

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Old name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called at the start of an epoch of training."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called at the end of an epoch, after validation, with the values of both."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a training step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a training step, with the means since the epoch began."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of evaluation or validation."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of prediction; `logs["outputs"]` holds the outputs."""

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called when training starts."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Called when training ends."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """Called when evaluation or validation starts."""

    def on_test_end(self, logs: Logs = None) -> None:
        """Called when evaluation or validation ends."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Called when prediction starts."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """Called when prediction ends."""

    def get_state(self) -> dict[str, Any]:
        """Gives what the callback must remember where training goes on after an interruption.

        `BackupAndRestore` and `fit(resume=...)` keep it in their files. They hold data only: numbers, text,
        None, arrays, and lists and dicts of them (a tuple comes back as a list, a tensor as a NumPy array).

        Returns:
            The state; empty if there is nothing to remember.

        Example:
            >>> class Patience(Callback):
            ...     wait = 0
            ...     def get_state(self):
            ...         return {"wait": self.wait}
            ...     def set_state(self, state):
            ...         self.wait = state["wait"]
            >>> Patience().get_state()
            {'wait': 0}
        """
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes what `get_state` gave, after `on_train_begin` (and `on_epoch_begin` in mid-epoch)."""
