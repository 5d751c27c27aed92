"""Going on after an interruption."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corten.callbacks.callback import Callback, Logs
from corten.callbacks.files import check_writable

if TYPE_CHECKING:
    from corten.training.checkpoint.files import CheckpointFolder


class BackupAndRestore(Callback):
    """Keeps the state of training on disk, so that an interrupted `fit` goes on where it was, bit for bit.

    Run the same program again after an interruption, and `fit` goes on after the last batch that was
    backed up. The result has the bits of a training that was not interrupted: the weights, the optimizer
    and the history. A file holds weights and statistics, all state of the optimizer, the random states, the
    order and the position of the data, running metrics, the history so far and the state of the callbacks
    (see `Callback.get_state`). `fit` reads the newest that is whole, and refuses it where the model, the
    data or arguments of `fit` are others.

    Batches of the interrupted epoch are not computed again. Arrays, a `PyDataset` and most steps of a
    `corten.data.Dataset` go to their place at once; other iterables draw the batches of the pass and drop
    them. A generator must be a new one, at its start.

    Args:
        backup_dir: Folder for the files, for this training alone.
        save_freq: 'epoch', or a number of batches after which to write as well.
        double_checkpoint: Accepted for Keras's sake: the last two files are always kept, so that a damaged
            one does no harm.
        delete_checkpoint: Remove the files when training is over.

    Raises:
        ValueError: `save_freq` is neither; or the files are of another training.
        OSError: The folder cannot be written; raised before training starts.

    Example:
        >>> import tempfile
        >>> import corten
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> model = corten.Sequential([corten.Input((1,)), corten.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> backup = BackupAndRestore(tempfile.mkdtemp(), save_freq=1)
        >>> history = model.fit(x, 3 * x, epochs=2, verbose=0, callbacks=[backup])
    """

    only_writes = True

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
        # Batches since training began, and how many of them are of the epochs before this one.
        self._batches = 0
        self._before_epoch = 0
        if save_freq != "epoch":
            # Batches are reported where they decide only.
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]

    @cached_property
    def folder(self) -> CheckpointFolder:
        """The files."""
        from corten.training.checkpoint.files import CheckpointFolder

        return CheckpointFolder(self.backup_dir)

    def check(self) -> None:
        """Makes the folder and checks that files can be written there.

        Raises:
            OSError: They cannot.
        """
        check_writable(self.backup_dir / "checkpoint", "BackupAndRestore")

    def is_due(self, done: int) -> bool:
        """Whether to write after a report of batches, `done` of the epoch's."""
        if self.save_freq == "epoch":
            return False
        before, self._batches = self._batches, self._before_epoch + done
        return self._batches // int(self.save_freq) > before // int(self.save_freq)

    def on_train_begin(self, logs: Logs = None) -> None:
        self._batches = self._before_epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._before_epoch = self._batches

    def _on_batch(self, batch: int, logs: Logs = None) -> None:
        """Nothing: `fit` writes once all callbacks have seen the batch. Its being there says that it may."""

    def on_train_end(self, logs: Logs = None) -> None:
        if self.delete_checkpoint:
            self.folder.remove()

    def get_state(self) -> dict[str, Any]:
        return {"batches": self._batches, "before_epoch": self._before_epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        self._batches, self._before_epoch = state["batches"], state["before_epoch"]
