"""Writing values to a file, and callbacks made of plain functions."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import numpy as np

from corten.callbacks.callback import Callback, Logs
from corten.callbacks.files import check_writable


class CSVLogger(Callback):
    """Writes one line per epoch to a comma-separated file.

    Args:
        filename: The file.
        separator: Text between two values.
        append: Go on with an existing file.

    Raises:
        OSError: The file cannot be written; raised before training starts.
    """

    only_writes = True

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: TextIO | None = None
        self._writer: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        path = check_writable(self.filename, "CSVLogger")
        self.keys = None
        self._writer = None
        # Training that goes on after an interruption goes on with its file.
        append = self.append or bool((self.params or {}).get("resumed"))
        has_lines = append and path.exists() and path.stat().st_size > 0
        if has_lines:
            with path.open(newline="", encoding="utf-8") as file:
                header = next(csv.reader(file, delimiter=self.sep), None)
            self.keys = header[1:] if header and header[0] == "epoch" else None
        self._has_header = self.keys is not None
        self._file = path.open("a" if append else "w", newline="", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if self._file is None:
            return
        if self.keys is None:
            # Validation may happen in later epochs only; its columns belong in the header all the same.
            self.keys = sorted(logs)
            has_validation = any(key.startswith("val_") for key in self.keys)
            if not has_validation and (self.params or {}).get("do_validation"):
                self.keys += [f"val_{key}" for key in self.keys]
        if self._writer is None:
            self._writer = csv.writer(self._file, delimiter=self.sep, lineterminator="\n")
            if not self._has_header:
                self._writer.writerow(["epoch", *self.keys])
        self._writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        self._writer = None

    def get_state(self) -> dict[str, Any]:
        size = 0 if self._file is None else os.fstat(self._file.fileno()).st_size
        return {"size": size, "keys": self.keys}

    def set_state(self, state: dict[str, Any]) -> None:
        self.keys = state["keys"]
        if self._file is None:
            return
        # Lines of epochs that are trained again would be there twice.
        if os.fstat(self._file.fileno()).st_size > state["size"]:
            self._file.truncate(state["size"])
        self._has_header = os.fstat(self._file.fileno()).st_size > 0


def _cell(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return f'"[{", ".join(map(str, value.ravel().tolist()))}]"'
    return value


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin: `(epoch, logs)`.
        on_epoch_end: `(epoch, logs)`.
        on_train_begin: `(logs)`.
        on_train_end: `(logs)`.
        on_train_batch_begin: `(batch, logs)`.
        on_train_batch_end: `(batch, logs)`.
        **kwargs: Other hooks by name, or attributes of any other name.

    Raises:
        TypeError: A hook that does not exist.

    Example:
        >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch)).on_epoch_end(3, {})
        3
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any],
    ) -> None:
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        self._set_hooks(given.items())

    def _set_hooks(self, hooks: Iterable[tuple[str, Callable[..., Any] | None]]) -> None:
        for name, function in hooks:
            if name.startswith("on_") and not hasattr(Callback, name):
                known = ", ".join(sorted(key for key in vars(Callback) if key.startswith("on_")))
                raise TypeError(f"LambdaCallback: there is no hook {name!r}; the hooks are {known}")
            if function is not None:
                setattr(self, name, function)
