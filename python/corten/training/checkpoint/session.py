"""Checkpoints of one call of `fit`: written while it runs, found when it runs again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from corten.callbacks.backup import BackupAndRestore
from corten.callbacks.model_checkpoint import ModelCheckpoint
from corten.training.adapters import EpochIterator, is_array_data
from corten.training.checkpoint.description import describe, differences
from corten.training.checkpoint.encoding import decode, encode
from corten.training.checkpoint.files import dump_checkpoint
from corten.training.checkpoint.saved_models import SavedModel, furthest, place_of, read_saved_model
from corten.training.checkpoint.sources import Parts, random_state, set_random_state
from corten.training.checkpoint.state import ModelState, callback_states, set_callback_states


class Session:
    """Writes checkpoints for the `BackupAndRestore` callbacks of a `fit`, and goes on from the newest.

    Made at the very start of `fit`: the random state of that moment is what the first pass over the data
    is made from, and is set again where training goes on.

    Args:
        model: The model.
        writers: The callbacks that say where and when; the first folder with a checkpoint is gone on from.
        sources: The training and the validation data, as the user gave them.
        resume: A file or folder to go on from, before the folders of the callbacks.
    """

    def __init__(
        self, model: Any, writers: list[BackupAndRestore], sources: Iterable[Any], resume: Path | None
    ) -> None:
        self._model = model
        self._writers = writers
        self._loaded: tuple[Any, dict[str, Any]] | None = None
        self._saved_model: SavedModel | None = None
        self._state: dict[str, Any] = {}
        self._last_logs: dict[str, Any] = {}
        self._iterators: list[EpochIterator | None] = []
        self._find(resume)
        parts = [None if source is None or is_array_data(source) else Parts(source) for source in sources]
        self._parts = parts
        self._entry = self._moment()
        if self._loaded is not None:
            state, arrays = self._loaded
            self._state = decode(state, arrays)
            self._entry = self._state["entry"]
            self._set_moment(self._entry)
            for one, iterator in zip(parts, self._state["iterators"], strict=False):
                if one is not None and iterator is not None:
                    one.fill(iterator["now"])
            self._set_moment(self._entry)

    def _find(self, resume: Path | None) -> None:
        """Reads what there is to go on from."""
        for writer in self._writers:
            writer.folder.remove_drafts()
            self._loaded = writer.folder.newest()
            self._place = str(writer.backup_dir)
            if self._loaded is None and resume is not None and resume.is_dir():
                self._saved_model = furthest(resume)
                resume = None
            if self._loaded is not None or self._saved_model is not None:
                break
        if resume is not None and resume.is_file():
            found = read_saved_model(resume)
            # Started again with the same file, training goes on from what was written since.
            if self._loaded is None or place_of(found.state) >= place_of(self._loaded[0]):
                self._saved_model = found
        if self._saved_model is not None:
            self._place = str(self._saved_model.path)
            self._loaded = self._saved_model.state, self._saved_model.arrays

    def _moment(self) -> dict[str, Any]:
        """All random states."""
        return {
            "random": random_state(),
            "parts": [None if one is None else one.get() for one in self._parts],
        }

    def _set_moment(self, moment: dict[str, Any]) -> None:
        set_random_state(moment["random"])
        for part, state in zip(self._parts, moment["parts"], strict=True):
            if (part is None) != (state is None):
                raise ValueError(self._refusal(["the kind of data is another one"]))
            if part is not None:
                part.set(state)

    def _refusal(self, reasons: list[str]) -> str:
        shown = "; ".join(reasons[:6]) + ("; ..." if len(reasons) > 6 else "")
        return (
            f"fit: the checkpoint in {self._place!r} is of another training: {shown}. "
            "Call fit with what it was called with, or give this training a folder of its own."
        )

    def begin(
        self,
        iterator: EpochIterator,
        validation: EpochIterator | None,
        callbacks: list[Any],
        arguments: dict[str, Any],
    ) -> None:
        """Takes what training is made of, before it starts.

        Raises:
            ValueError: The checkpoint found is of another model, other data or other arguments.
        """
        self._iterators = [iterator, validation]
        self._callbacks = callbacks
        self._description = describe(self._model, iterator.adapter, validation, arguments)
        if self._loaded is not None:
            reasons = differences(self._loaded[0]["description"], self._description)
            if reasons:
                raise ValueError(self._refusal(reasons))
        for number, one in enumerate(self._iterators):
            if one is not None:
                one.before_pass = lambda number=number: self._pass_began(number)

    def _pass_began(self, number: int) -> dict[str, Any]:
        part = self._parts[number]
        return {"random": random_state(), "part": None if part is None else part.get()}

    # -- going on -----------------------------------------------------------------------------------

    @property
    def position(self) -> tuple[int, int] | None:
        """The epoch and the number of its batches that are done; None where training starts anew."""
        return None if self._loaded is None else (self._state["epoch"], self._state["step"])

    def is_between_epochs(self, epochs: int) -> bool:
        """Whether training goes on at the start of an epoch, or is not to go on as far."""
        return self._loaded is not None and (not self._state["step"] or self._state["epoch"] >= epochs)

    @property
    def logs(self) -> dict[str, Any]:
        """Values of the last epoch that was over."""
        return {} if self._loaded is None else dict(self._state["logs"])

    def restore(self) -> None:
        """Brings everything to where the checkpoint was written, and drops what was read of it."""
        assert self._loaded is not None
        state, arrays = self._loaded
        for number, (one, saved) in enumerate(zip(self._iterators, self._state["iterators"], strict=True)):
            if one is not None and saved is not None:
                self._restore_iterator(number, one, saved)
        holder = ModelState(self._model)
        holder.build(state["model"])
        if self._saved_model is not None:
            self._saved_model.assign_to(self._model)
        holder.set(state["model"], arrays)
        set_callback_states(self._callbacks, state["callbacks"], arrays)
        set_random_state(self._state["random"], least=True)
        self._loaded = self._saved_model = None

    def _restore_iterator(self, number: int, iterator: EpochIterator, saved: dict[str, Any]) -> None:
        part, began, drawn = self._parts[number], saved["began"], saved["drawn"]
        if drawn:
            # The pass is made again from the state it was begun with.
            set_random_state(began["random"])
            if part is not None:
                first = saved["passes"] == 1 and iterator.begins_anew
                start = self._entry["parts"][number] if first else began["part"]
                part.set(_with_drawn_keys(start, saved["now"]))
        iterator.resume(saved["taken"], saved["passes"], drawn, began)
        if part is not None and not (drawn and iterator.adapter.draws_skipped) and saved["passes"]:
            part.set(saved["now"])

    # -- writing ------------------------------------------------------------------------------------

    def after_batch(self, epoch: int, done: int) -> None:
        """Writes what is due after so many batches of an epoch."""
        self._save_models(epoch, done)
        writers = [writer for writer in self._writers if writer.is_due(done)]
        if writers:
            self._write(writers, epoch, done)

    def after_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        """Writes what is due at the end of an epoch."""
        self._last_logs = logs
        self._save_models(epoch + 1, 0)
        self._write(self._writers, epoch + 1, 0)

    def close(self) -> None:
        """Saves models that were to be saved when a callback failed, as they are, and lets go of the data."""
        for checkpoint in self._checkpoints():
            checkpoint.save_pending(lambda: None)
        for iterator in self._iterators:
            if iterator is not None:
                iterator.before_pass = None
        self._iterators = []

    def _checkpoints(self) -> list[ModelCheckpoint]:
        return [callback for callback in self._callbacks if isinstance(callback, ModelCheckpoint)]

    def _save_models(self, epoch: int, done: int) -> None:
        for checkpoint in self._checkpoints():
            checkpoint.save_pending(lambda: self._without_model(epoch, done))

    def _without_model(self, epoch: int, done: int) -> bytes | None:
        """The state besides model and optimizer, which are in the same file; None where it has no form."""
        try:
            return dump_checkpoint(*self._collect(epoch, done, frozenset({"model", "optimizer_0"})))
        except (TypeError, ValueError) as error:
            warnings.warn(
                f"ModelCheckpoint: training cannot go on from the file, which holds the model alone: {error}",
                UserWarning,
                stacklevel=2,
            )
            return None

    def _collect(
        self, epoch: int, done: int, left_out: frozenset[str] = frozenset()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        arrays: dict[str, Any] = {}
        state = {
            "epoch": epoch,
            "step": done,
            "description": self._description,
            "model": ModelState(self._model).get(arrays, left_out),
            "callbacks": callback_states(self._callbacks, arrays),
        }
        running = {
            "entry": self._entry,
            "random": random_state(),
            "logs": self._last_logs,
            "iterators": [
                None if one is None else self._iterator_state(number, one, done)
                for number, one in enumerate(self._iterators)
            ],
        }
        state.update(encode(running, arrays, "running"))
        return state, arrays

    def _write(self, writers: list[BackupAndRestore], epoch: int, done: int) -> None:
        if writers:
            state, arrays = self._collect(epoch, done)
            for writer in writers:
                writer.folder.write(state, arrays)

    def _iterator_state(self, number: int, iterator: EpochIterator, done: int) -> dict[str, Any]:
        part = self._parts[number]
        return {
            "taken": done if number == 0 else 0,
            "passes": iterator.passes,
            "drawn": iterator.drawn if iterator.is_within else 0,
            "began": iterator.pass_began if iterator.is_within else None,
            "now": None if part is None else part.get(),
        }


def _with_drawn_keys(began: Any, now: Any) -> Any:
    """The state a pass began with, where shuffles also know the keys that they drew after it."""
    return [
        [kind, {**state, "drawn": later["drawn"]}] if kind == "shuffle" else [kind, state]
        for (kind, state), (_, later) in zip(began, now, strict=True)
    ]


def open_session(
    model: Any, callbacks: list[Any], resume: str | os.PathLike[str] | None, sources: Iterable[Any]
) -> tuple[Session | None, BackupAndRestore | None]:
    """Gives the session of a `fit` that writes checkpoints, and a callback to add for `resume`.

    Raises:
        OSError: The folder cannot be written.
        ValueError: The checkpoints in it are damaged, or of another training.
    """
    writers = [callback for callback in callbacks if isinstance(callback, BackupAndRestore)]
    added = None
    place = None if resume is None else Path(os.path.realpath(resume))
    if place is not None and not place.is_file():
        if place.suffix and not place.is_dir():
            raise FileNotFoundError(f"fit: there is no file {str(resume)!r} to go on from (resume)")
        same = [one for one in writers if Path(os.path.realpath(one.backup_dir)) == place]
        if not same:
            added = BackupAndRestore(place, delete_checkpoint=False)
            same = [added]
        # The folder that was asked for comes first.
        writers = [*same, *(one for one in writers if one not in same)]
    for writer in writers:
        writer.check()
    keeping = any(isinstance(one, ModelCheckpoint) and one.keeps_training for one in callbacks)
    wanted = bool(writers) or keeping or place is not None
    return (Session(model, writers, sources, place) if wanted else None), added
