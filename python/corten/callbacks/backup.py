"""Going on after an interruption."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from corten.callbacks.callback import Callback, Logs
from corten.callbacks.files import check_writable

_STATE_FILE = "training_state.npz"


class BackupAndRestore(Callback):
    """Keeps a copy of the whole training state on disk, so that an interrupted `fit` goes on where it was.

    The state is the model's variables (also those of its random generators), the optimizer's
    variables, the global random state and the epoch. Run the same program again after an
    interruption and `fit` starts with the epoch that was not finished. The copy is taken away
    when training ends.

    Args:
        backup_dir: Folder for the copy, for this training alone.
        save_freq: 'epoch', or a number of batches after which to write as well.
        double_checkpoint: Keep the copy before the last as well.
        delete_checkpoint: Remove the copy when training is over.

    Raises:
        OSError: The folder cannot be written; raised before training starts.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if not backup_dir:
            raise ValueError(
                "BackupAndRestore: Empty `backup_dir` argument passed; give a folder for the copies"
            )
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not whole:
            raise ValueError(
                f"BackupAndRestore: Invalid value of save_freq, must be 'epoch' or a number of batches; "
                f"got {save_freq!r}"
            )
        self.backup_dir = Path(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._batches = 0
        self._epoch = 0
        if save_freq != "epoch":
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]

    @property
    def _path(self) -> Path:
        return self.backup_dir / _STATE_FILE

    def on_train_begin(self, logs: Logs = None) -> None:
        check_writable(self._path, "BackupAndRestore")
        if self._path.exists():
            try:
                self._restore(self._path)
            except (OSError, KeyError, EOFError, zipfile.BadZipFile):
                # Damaged: go back to the copy before it, if there is one.
                previous = self._path.with_suffix(".previous.npz")
                if not previous.exists():
                    raise
                self._restore(previous)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._write(epoch + 1)

    def _on_batch(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self._batches % int(self.save_freq) == 0:
            self._write(self._epoch)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.delete_checkpoint and self.backup_dir.exists():
            self._path.unlink(missing_ok=True)
            self._path.with_suffix(".previous.npz").unlink(missing_ok=True)
            if not any(self.backup_dir.iterdir()):
                shutil.rmtree(self.backup_dir)

    def _variables(self) -> list[Any]:
        return [
            *self.model.variables,
            *(self.model.optimizer.variables if self.model.optimizer is not None else []),
        ]

    def _write(self, next_epoch: int) -> None:
        """Writes the state beside the old copy and then puts it in its place, so that one is always whole."""
        from corten.random import seed_generator

        default = seed_generator._default
        arrays = {
            f"variable_{index}": np.asarray(variable) for index, variable in enumerate(self._variables())
        }
        information = {"epoch": next_epoch, "random": [default.seed, default.count]}
        temporary = self._path.with_suffix(".writing.npz")
        with temporary.open("wb") as file:
            np.savez(file, information=np.array(json.dumps(information)), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        if self.double_checkpoint and self._path.exists():
            os.replace(self._path, self._path.with_suffix(".previous.npz"))
        os.replace(temporary, self._path)

    def _restore(self, path: Path) -> None:
        from corten.random import seed_generator

        with np.load(path, allow_pickle=False) as state:
            information = json.loads(str(state["information"]))
            arrays = [state[f"variable_{index}"] for index in range(len(state.files) - 1)]
        variables = self._variables()
        shapes = [tuple(variable.shape) for variable in variables]
        if [array.shape for array in arrays] != shapes:
            raise ValueError(
                f"BackupAndRestore: the copy in {str(path)!r} is of another model (its variables have other "
                "shapes). "
                "Give every training a backup_dir of its own, or delete the folder."
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        default = seed_generator._default
        default.seed, default.count = information["random"]
        self.model._training_state.resume_epoch = int(information["epoch"])
