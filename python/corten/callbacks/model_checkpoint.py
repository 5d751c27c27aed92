"""Saving the model while it trains."""

from __future__ import annotations

import os
import string
from collections.abc import Callable
from typing import Any

from corten.callbacks.callback import Logs
from corten.callbacks.files import check_writable
from corten.callbacks.kept_files import keep_last
from corten.callbacks.monitor import MonitorCallback
from corten.training.progress import format_value, write


class ModelCheckpoint(MonitorCallback):
    """Saves the model (or its weights) after epochs or batches.

    A `.corten` file of the whole model also holds the state of training: `fit(resume=path)` goes on from it
    with the bits of a training that was not interrupted, also within an epoch; so does `fit(resume=folder)`
    with the furthest file of a folder. `load_model` reads the model alone.

    Args:
        filepath: Where to; may hold names in braces, such as `"model-{epoch:02d}-{val_loss:.2f}.corten"`.
        monitor: Value that decides what is best.
        verbose: 1 says what was saved.
        save_best_only: Only save when the value improved.
        save_weights_only: Save the weights alone.
        mode: 'min', 'max' or 'auto'.
        save_freq: 'epoch', or a number of batches.
        initial_value_threshold: Value that must be beaten from the start.
        max_to_keep: How many of the files that it wrote stay, the newest; None keeps all. An older file is
            removed only after the newest has been read back and found whole.

    Raises:
        ValueError: Arguments that do not go together.
        OSError: The path cannot be written; raised before training starts.
    """

    _remembered = ("best", "_warned", "_batches", "_epoch", "_kept")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not whole:
            raise ValueError(
                f"ModelCheckpoint: save_freq must be 'epoch' or a number of batches; got {save_freq!r}"
            )
        if max_to_keep is not None and (not isinstance(max_to_keep, int) or max_to_keep < 1):
            raise ValueError(
                f"ModelCheckpoint: max_to_keep must be a positive number or None; got {max_to_keep!r}"
            )
        self.max_to_keep = max_to_keep
        self._kept: list[str] = []
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._fields = {
            name.split("[")[0].split(".")[0]
            for _, name, _, _ in string.Formatter().parse(self.filepath)
            if name
        }
        self._batches = 0
        self._epoch = 0
        # What is to be saved once all callbacks have seen the step.
        self._pending: tuple[int, int | None, dict[str, Any]] | None = None
        # Batches need to be counted only when they decide; otherwise they are not even reported here.
        if self.save_freq != "epoch":
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]

    def on_train_begin(self, logs: Logs = None) -> None:
        from corten.saving.paths import check_file_name

        self._batches = 0
        check_file_name(self.filepath, self.save_weights_only)
        # Braces stand for values that do not exist yet; their place is enough to check.
        check_writable(self.filepath.replace("{", "_").replace("}", "_"), "ModelCheckpoint")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def _on_batch(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self._batches % int(self.save_freq) == 0:
            self._save_soon(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save_soon(epoch, None, logs)

    only_writes = True
    _training_state: Callable[[], bytes | None] | None = None

    @property
    def keeps_training(self) -> bool:
        """Whether the files hold the state of training."""
        return not self.save_weights_only and self.filepath.endswith(".corten")

    def _save_soon(self, epoch: int, batch: int | None, logs: Logs) -> None:
        """Saves, where the state of training goes in once the other callbacks are at the same step."""
        state = getattr(self.model, "_training_state", None)
        if self.keeps_training and state is not None and state.checkpoints is not None:
            self._pending = epoch, batch, dict(logs or {})
        else:
            self._save(epoch, batch, logs)

    def save_pending(self, training_state: Callable[[], bytes | None]) -> None:
        """Saves what is to be saved.

        Args:
            training_state: Gives the state of training.
        """
        if self._pending is None:
            return
        (epoch, batch, logs), self._pending = self._pending, None
        self._training_state = training_state
        try:
            self._save(epoch, batch, logs)
        finally:
            self._training_state = None

    def _path(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        values = {**logs, "epoch": epoch + 1}
        if batch is not None:
            values["batch"] = batch + 1
        missing = sorted(self._fields - set(values))
        if missing:
            raise KeyError(
                f"ModelCheckpoint: filepath {self.filepath!r} uses {{{missing[0]}}}, but there is no such "
                "value; "
                f"available are {', '.join(sorted(values))}"
            )
        return self.filepath.format(**values)

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        logs = logs or {}
        path = self._path(epoch, batch, logs)
        when = f"Epoch {epoch + 1}" if batch is None else f"Epoch {epoch + 1}, batch {batch + 1}"
        if self.save_best_only:
            current = self.get_monitor_value(logs)
            if current is None:
                return
            if not self._is_improvement(current, self.best):
                if self.verbose > 0 and self.best is not None:
                    write(f"{when}: {self.monitor} did not improve from {format_value(self.best)}\n")
                return
            if self.verbose > 0:
                before = "" if self.best is None else f" from {format_value(self.best)}"
                write(
                    f"{when}: {self.monitor} improved{before} to {format_value(current)}, saving model to "
                    f"{path}\n"
                )
            self.best = current
        elif self.verbose > 0:
            write(f"{when}: saving model to {path}\n")
        if self._training_state is not None:
            data = self._training_state()
            self.model.save(path, overwrite=True, **({} if data is None else {"training_state": data}))
        elif self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.max_to_keep is not None:
            self._kept = keep_last(self._kept, path, self.max_to_keep)
