"""Keeping the values of every epoch."""

from __future__ import annotations

from typing import Any

from corten.callbacks.callback import Callback, Logs


class History(Callback):
    """Keeps the values of every epoch; `fit` adds one by itself and returns it.

    Attributes:
        epoch: Numbers of the epochs that were trained.
        history: For every name the list of its values.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []
        # Keras keeps nothing of an earlier fit either.
        self.history = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def get_state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "history": self.history}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch, self.history = state["epoch"], state["history"]

    def __repr__(self) -> str:
        names = ", ".join(self.history) or "nothing yet"
        return f"<History of {len(self.epoch)} epochs: {names}>"
