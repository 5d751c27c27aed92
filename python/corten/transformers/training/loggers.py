"""Showing and writing the logs of a training."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from corten.transformers.trainer_callback import TrainerCallback, TrainerControl, TrainerState
from corten.transformers.training_args import TrainingArguments

#: The name of the file that `CSVCallback` writes.
CSV_FILE = "log.csv"


def shown(value: Any) -> Any:
    """Gives a value of a log as it is printed: four digits that count.

    Example:
        >>> shown(0.123456), shown(2e-05), shown(3)
        ('0.1235', '2e-05', '3')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class PrinterCallback(TrainerCallback):
    """Prints every log as a line."""

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        from corten.training.progress import write

        logs = kwargs.get("logs") or {}
        write(str({name: shown(value) for name, value in logs.items()}) + "\n")


class ProgressCallback(PrinterCallback):
    """Shows a progress bar of the training, and the logs as lines above it."""

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        from corten.training.progress import Progbar

        self._bar = Progbar(state.max_steps)
        self._bar.current = state.global_step

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._bar is not None and self._bar.is_due():
            self._bar.update(state.global_step)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._bar is not None:
            self._bar.close_line()
        super().on_log(args, state, control, **kwargs)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._bar is not None:
            self._bar.update(state.global_step, finalize=True)
            self._bar = None


class CSVCallback(TrainerCallback):
    """Writes the logs to `log.csv` in the folder of logs: a row for each log, a column for each name.

    A training that goes on leaves out the rows that were written after its checkpoint.

    Args:
        log_dir: Folder of the file; that of the arguments if None.

    Raises:
        OSError: The file cannot be written; raised when training starts.
    """

    _FIRST = ("step", "epoch")

    def __init__(self, log_dir: str | os.PathLike[str] | None = None) -> None:
        self._log_dir = log_dir
        self.path: Path | None = None
        self._columns: list[str] = []
        self._rows: list[dict[str, Any]] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        from corten.callbacks.files import check_writable

        folder = Path(self._log_dir) if self._log_dir is not None else args.log_folder
        self.path = check_writable(folder / CSV_FILE, "CSVCallback")
        self._columns = list(self._FIRST)
        self._rows = []
        for row in state.log_history:
            self._take(row)
        self._write_all()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        from corten.callbacks.files import append_bytes

        if self.path is None:
            return  # Evaluation without training.
        row = {**(kwargs.get("logs") or {}), "step": state.global_step}
        if state.epoch is not None:
            row["epoch"] = state.epoch
        if self._take(row):
            self._write_all()
        else:
            append_bytes(self.path, self._text([row]), "CSVCallback")

    def _take(self, row: dict[str, Any]) -> bool:
        """Keeps a row; gives whether it has columns that were not there."""
        new = [name for name in row if name not in self._columns]
        self._columns += new
        self._rows.append(row)
        return bool(new)

    def _text(self, rows: list[dict[str, Any]], header: bool = False) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns, restval="", lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    def _write_all(self) -> None:
        from corten.saving.files import write_bytes

        assert self.path is not None
        write_bytes(self.path, self._text(self._rows, header=True))


class TensorBoardCallback(TrainerCallback):
    """Writes the logs to event files, which the program TensorBoard shows.

    Values of training are `train/loss` and the like, those of evaluation `eval/loss`.

    Args:
        log_dir: Folder of the files; that of the arguments if None.

    Raises:
        ImportError: The package tensorboard is missing (`pip install corten[tensorboard]`).
    """

    def __init__(self, log_dir: str | os.PathLike[str] | None = None) -> None:
        from corten.callbacks.event_files import require_tensorboard

        require_tensorboard()
        self._log_dir = log_dir
        self._file: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        from corten.callbacks.event_files import EventFile

        self._file = EventFile(self._log_dir if self._log_dir is not None else args.log_folder)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._file is None:
            return
        for name, value in (kwargs.get("logs") or {}).items():
            if isinstance(value, int | float):
                split, _, rest = name.partition("_")
                tag = f"{split}/{rest}" if split in ("eval", "test") and rest else f"train/{name}"
                self._file.scalar(tag, value, state.global_step)
        self._file.flush()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
