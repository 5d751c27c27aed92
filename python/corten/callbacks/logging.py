"""Writing values to a file, and callbacks made of plain functions."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from corten.callbacks.callback import Callback, Logs
from corten.callbacks.files import append_bytes, check_writable


class CSVLogger(Callback):
    """Writes one line per epoch to a comma-separated file.

    A log grows at its end: what is written is never written anew, and a line is there as a whole or not.

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
        self._open = False
        self._text = io.StringIO(newline="")
        self._writer: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        path = check_writable(self.filename, "CSVLogger")
        self.keys = None
        # Training that goes on after an interruption goes on with its file.
        append = self.append or bool((self.params or {}).get("resumed"))
        has_lines = append and path.exists() and path.stat().st_size > 0
        if has_lines:
            with path.open(newline="", encoding="utf-8") as file:
                header = next(csv.reader(file, delimiter=self.sep), None)
            self.keys = header[1:] if header and header[0] == "epoch" else None
        self._has_header = self.keys is not None
        self._text = io.StringIO(newline="")
        self._append(0 if append else os.O_TRUNC)
        self._open = True

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if not self._open:
            return
        if self.keys is None:
            # Validation may happen in later epochs only; its columns belong in the header all the same.
            self.keys = sorted(logs)
            has_validation = any(key.startswith("val_") for key in self.keys)
            if not has_validation and (self.params or {}).get("do_validation"):
                self.keys += [f"val_{key}" for key in self.keys]
        if not self._has_header:
            self._writer.writerow(["epoch", *self.keys])
        self._writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self._append()
        self._has_header = True

    def _append(self, flags: int = 0) -> None:
        """Adds what was written since to the file: all of it, or after an error nothing."""
        rest = memoryview(self._text.getvalue().encode())
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text, delimiter=self.sep, lineterminator="\n")
        append_bytes(self.filename, rest, "CSVLogger", flags)

    def on_train_end(self, logs: Logs = None) -> None:
        self._open = False

    def get_state(self) -> dict[str, Any]:
        return {"size": os.path.getsize(self.filename) if self._open else 0, "keys": self.keys}

    def set_state(self, state: dict[str, Any]) -> None:
        self.keys = state["keys"]
        if not self._open:
            return
        # Lines of epochs that are trained again would be there twice.
        if os.path.getsize(self.filename) > state["size"]:
            os.truncate(self.filename, state["size"])
        self._has_header = os.path.getsize(self.filename) > 0


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
