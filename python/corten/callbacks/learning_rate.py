"""Changing the learning rate while training."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from corten.callbacks.callback import Callback, Logs
from corten.callbacks.monitor import MonitorCallback
from corten.optimizers.schedules import LearningRateSchedule
from corten.training.progress import write


def _learning_rate(model: Any, who: str) -> float:
    optimizer = model.optimizer
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(f"{who}: the optimizer {type(optimizer).__name__} has no learning_rate to change")
    if isinstance(getattr(optimizer, "_learning_rate", None), LearningRateSchedule):
        raise TypeError(
            f"{who}: the optimizer's learning rate is a LearningRateSchedule, which sets it in every step. "
            "Make the optimizer with a number, or leave this callback out."
        )
    return float(optimizer.learning_rate)


class LearningRateScheduler(Callback):
    """Sets the learning rate of every epoch.

    Args:
        schedule: Function `(epoch, learning_rate) -> learning_rate`, or of the epoch alone.
        verbose: 1 says what is set.

    Example:
        >>> LearningRateScheduler(lambda epoch, rate: rate * 0.9).verbose
        0
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _accepts_two(schedule)

    def on_train_begin(self, logs: Logs = None) -> None:
        _learning_rate(self.model, "LearningRateScheduler")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        current = _learning_rate(self.model, "LearningRateScheduler")
        rate = self.schedule(epoch, current) if self._takes_rate else self.schedule(epoch)
        try:
            number = float(rate)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"LearningRateScheduler: the schedule must return a number; got {rate!r} for epoch {epoch}"
            ) from error
        self.model.optimizer.learning_rate = number
        if self.verbose > 0:
            write(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {number}.\n")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _learning_rate(self.model, "LearningRateScheduler")


def _accepts_two(schedule: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(schedule).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) >= 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters)


class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a value has stopped improving.

    Args:
        monitor: Name of the value to watch.
        factor: What the learning rate is multiplied with; below 1.
        patience: Epochs without improvement before that.
        verbose: 1 says so.
        mode: 'min', 'max' or 'auto'.
        min_delta: Smallest change that counts as improvement.
        cooldown: Epochs to wait after a reduction.
        min_lr: Smallest learning rate.
        **kwargs: None; named in the error message.
    """

    _remembered = ("best", "_warned", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau: unknown argument {', '.join(sorted(kwargs))}")
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau: factor must be below 1, to lower the learning rate; got {factor}"
            )
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        _learning_rate(self.model, "ReduceLROnPlateau")
        self.cooldown_counter = 0
        self.wait = 0
        self.best = None
        self._warned = False

    def in_cooldown(self) -> bool:
        """Whether a reduction was made just now."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs if logs is not None else {}
        logs["learning_rate"] = _learning_rate(self.model, "ReduceLROnPlateau")
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
            return
        if self.in_cooldown():
            return
        self.wait += 1
        if self.wait < self.patience:
            return
        old = _learning_rate(self.model, "ReduceLROnPlateau")
        # The optimizer holds a 32-bit number, which may differ from min_lr in its last digits.
        if old > self.min_lr * (1 + 1e-6):
            new = max(old * self.factor, self.min_lr)
            self.model.optimizer.learning_rate = new
            if self.verbose > 0:
                write(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.\n")
            self.cooldown_counter = self.cooldown
            self.wait = 0
