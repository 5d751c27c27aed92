"""Stopping when nothing gets better any more, or nothing is a number."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from corten.callbacks.callback import Callback, Logs
from corten.callbacks.monitor import MonitorCallback
from corten.training.progress import write


class EarlyStopping(MonitorCallback):
    """Stops the training when a value has not improved for a while.

    Args:
        monitor: Name of the value to watch.
        min_delta: Smallest change that counts as improvement.
        patience: Epochs without improvement after which to stop.
        verbose: 1 says so.
        mode: 'min', 'max' or 'auto'.
        baseline: Value that must be beaten from the start.
        restore_best_weights: Go back to the weights of the best epoch.
        start_from_epoch: Epochs to wait before watching.

    Example:
        >>> EarlyStopping(monitor="loss", patience=3).patience
        3
    """

    _remembered = ("best", "_warned", "wait", "stopped_epoch", "best_weights", "best_epoch")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = 0
        self.stopped_epoch = 0
        self.best_weights: list[Any] | None = None
        self.best_epoch = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0
        self._warned = False

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # Should no epoch ever improve, the first one is what to go back to.
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            write(f"Epoch {self.stopped_epoch + 1}: early stopping\n")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                write(f"Restoring the weights of the best epoch: {self.best_epoch + 1}.\n")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stops the training when the loss is NaN or infinite.

    Args:
        raise_error: Raise a `RuntimeError` instead of stopping quietly.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        message = f"NaN or Inf loss encountered in batch {batch} (the loss is {loss}): the training stops."
        if self.raise_error:
            raise RuntimeError(message)
        warnings.warn(message, UserWarning, stacklevel=2)
        self.model.stop_training = True
