"""The part of the Trainer that writes and reads files."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from corten.saving.files import write_bytes
from corten.saving.folders import put_folder
from corten.training.checkpoint.encoding import decode
from corten.training.checkpoint.sources import Parts, random_state, set_random_state
from corten.transformers.trainer_callback import TrainerState
from corten.transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from corten.transformers.training import checkpoints
from corten.transformers.training.base import TrainerParts
from corten.transformers.training.batches import Batches

# Other values of these give another training than the one that was interrupted.
_DECISIVE = (
    "per_device_train_batch_size", "gradient_accumulation_steps", "seed", "data_seed",
    "train_sampling_strategy", "dataloader_drop_last", "bf16", "max_grad_norm", "label_smoothing_factor",
    "optim",
)  # fmt: skip


class Position:
    """Where in its data a training is.

    Attributes:
        epoch: The epoch.
        batches: Batches of it that are done.
        is_over: Whether the epoch's end was told to the callbacks as well.
        began: The random states when the pass over the data began.
        total_loss: Sum of the losses of all updates that were read already.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.batches = 0
        self.is_over = False
        self.began: Any = None
        self.total_loss = 0.0


class TrainerSaving(TrainerParts):
    """Models, checkpoints and metrics in files."""

    _position: Position
    _now: dict[str, Any] | None
    _parts: dict[str, Parts]
    _frozen: tuple[dict[str, str] | None] | None

    # -- models ---------------------------------------------------------------------------------------

    def save_model(
        self, output_dir: str | os.PathLike[str] | None = None, _internal_call: bool = False
    ) -> None:
        """Writes the model and its tokenizer, so that `from_pretrained` reads them.

        Args:
            output_dir: The folder; that of the arguments if None.
        """
        folder = Path(self.args.output_dir if output_dir is None else output_dir)  # type: ignore[arg-type]
        folder.mkdir(parents=True, exist_ok=True)
        checkpoints.save_weights(self.model, folder, apart=_internal_call)
        if hasattr(self.processing_class, "save_pretrained"):
            self.processing_class.save_pretrained(folder)
        write_bytes(folder / checkpoints.TRAINING_ARGUMENTS, (self.args.to_json_string() + "\n").encode())

    def save_state(self) -> None:
        """Writes the state to `trainer_state.json` in the folder of the arguments."""
        folder = Path(str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        self.state.save_to_json(folder / checkpoints.TRAINER_STATE)

    # -- checkpoints ----------------------------------------------------------------------------------

    def _checkpoint_folder(self) -> Path:
        return Path(str(self.args.output_dir)) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"

    def _save_checkpoint(self) -> None:
        """Writes a checkpoint, and removes those that are too many."""
        folder = self._checkpoint_folder()
        if self.state.best_global_step == self.state.global_step:
            self.state.best_model_checkpoint = str(folder)
        self.state.stateful_callbacks = self.callback_handler.states()

        def write(temporary: Path) -> None:
            self.save_model(temporary, _internal_call=True)
            if not self.args.save_only_model:
                data = checkpoints.dump_training(self.model, self._running())
                write_bytes(temporary / checkpoints.TRAINING_STATE, data)
            self.state.save_to_json(temporary / checkpoints.TRAINER_STATE)

        put_folder(folder, write)
        if self.args.save_total_limit is not None:
            checkpoints.remove_old(
                folder.parent, self.args.save_total_limit, self.state.best_model_checkpoint, folder
            )

    def _running(self) -> dict[str, Any]:
        position, args = self._position, self.args.to_dict()
        plateau = getattr(self.lr_scheduler, "get_state", None)
        return {
            "trainer": self.state.to_dict(),
            "decisive": {name: args[name] for name in _DECISIVE},
            "epoch": position.epoch,
            "batches": position.batches,
            "is_over": position.is_over,
            "began": position.began,
            "total_loss": position.total_loss,
            "stopped": bool(
                self.control.should_training_stop and self.state.global_step < self.state.max_steps
            ),
            **self._moment(),
            "frozen": self._frozen_digests(),
            "plateau": None if plateau is None else plateau(),
        }

    def _frozen_digests(self) -> dict[str, str] | None:
        """Hashes of what checkpoints do not hold; it does not change while it is trained."""
        if self._frozen is None:
            self._frozen = (checkpoints.digests_of_frozen(self.model),)
        return self._frozen[0]

    def _moment(self) -> dict[str, Any]:
        return {"random": random_state(), "parts": {name: part.get() for name, part in self._parts.items()}}

    def _find_checkpoint(self, resume: Any) -> Path | None:
        """Gives the checkpoint folder that `train` is to go on from; None to start anew.

        Raises:
            ValueError: There is none.
        """
        if resume is None or resume is False:
            return None
        if resume is True:
            found = checkpoints.newest_whole(Path(str(self.args.output_dir)))
            if found is None:
                raise ValueError(
                    "Trainer: resume_from_checkpoint=True: there is no checkpoint in "
                    f"{self.args.output_dir!r}. A program that is started again after every interruption "
                    "passes resume_from_checkpoint=get_last_checkpoint(output_dir), which is None the first "
                    "time."
                )
            return found
        return Path(resume)

    def _restore(self, folder: Path) -> None:
        """Brings model, optimizer, state and random numbers to where a checkpoint was written."""
        stored, arrays = checkpoints.read_training(folder)
        running = {
            name: decode(value, arrays) for name, value in stored.items() if name not in ("model", "rest")
        }
        args = self.args.to_dict()
        differing = [
            f"{name} was {value!r} and is {args[name]!r}"
            for name, value in running["decisive"].items()
            if args.get(name) != value
        ]
        if differing:
            warnings.warn(
                f"Trainer: the training goes on from {str(folder)!r} with other arguments: "
                f"{'; '.join(differing)}. It does not end as one that was not interrupted.",
                stacklevel=4,
            )
        checkpoints.check_frozen(self.model, running["frozen"])
        checkpoints.load_weights(self.model, folder)
        checkpoints.restore_training(self.model, stored, arrays)
        before, self.state = self.state, TrainerState.from_dict(running["trainer"])
        for name in (
            "max_steps",
            "num_train_epochs",
            "logging_steps",
            "eval_steps",
            "save_steps",
            "train_batch_size",
        ):
            setattr(self.state, name, getattr(before, name))
        self.callback_handler.set_states(self.state.stateful_callbacks)
        if running["plateau"] is not None and hasattr(self.lr_scheduler, "set_state"):
            self.lr_scheduler.set_state(running["plateau"])
        position = self._position
        position.epoch, position.batches = int(running["epoch"]), int(running["batches"])
        position.is_over, position.began = bool(running["is_over"]), running["began"]
        position.total_loss = float(running["total_loss"])
        self.control.should_training_stop = bool(running["stopped"])
        self._now = {"random": running["random"], "parts": running["parts"]}

    def _enter_pass(self, loader: Any) -> Any:
        """Starts the pass of an epoch, or goes on with the one that a checkpoint was written in."""
        position, now = self._position, self._now
        self._now = None
        if now is None or not position.batches:
            if now is not None:
                self._set_moment(now)
            position.began = self._moment()
            return self._walk(loader, position.epoch, 0)
        if isinstance(loader, Batches) and not loader.is_streamed:
            # Rows that are done are not made again.
            walk = self._walk(loader, position.epoch, position.batches)
            self._set_moment(now)
            return walk
        # Drawn again from the start, with the random numbers of that time.
        self._set_moment(position.began)
        if isinstance(loader, Batches):
            walk = self._walk(loader, position.epoch, position.batches)
            # The source is where it was; the collator has not been called.
            now = {**now, "parts": {"data": None, "collator": (now["parts"] or {}).get("collator")}}
            self._set_moment(now, least=True)
            return walk
        walk = self._walk(loader, position.epoch, 0)
        for _ in range(position.batches):
            next(walk, None)
        set_random_state(now["random"], least=True)
        return walk

    def _walk(self, loader: Any, epoch: int, skip: int) -> Any:
        if isinstance(loader, Batches):
            return loader.batches(epoch, skip)
        if hasattr(loader, "set_epoch"):
            loader.set_epoch(epoch)
        return iter(loader)

    def _set_moment(self, moment: dict[str, Any], least: bool = False) -> None:
        set_random_state(moment["random"], least)
        for name, part in self._parts.items():
            state = (moment["parts"] or {}).get(name)
            if state is not None:
                part.set(state)

    def _load_best_model(self) -> None:
        """Loads the weights of the best checkpoint."""
        best = self.state.best_model_checkpoint
        if best is None:
            warnings.warn(
                "Trainer: load_best_model_at_end: no checkpoint was written at the best evaluation; the "
                "model stays as it is.",
                stacklevel=4,
            )
            return
        folder = Path(best)
        if not folder.is_dir():
            # The folder of the training may have been moved since.
            folder = Path(str(self.args.output_dir)) / folder.name
        checkpoints.load_weights(self.model, folder)
        checkpoints.load_rest(self.model, folder)

    # -- metrics --------------------------------------------------------------------------------------

    def log_metrics(self, split: str, metrics: dict[str, Any]) -> None:
        """Prints metrics as a table.

        Args:
            split: What they are of: 'train', 'eval', 'test'.
            metrics: Numbers by name.
        """
        from corten.training.progress import write
        from corten.transformers.training.loggers import shown

        width = max((len(name) for name in metrics), default=0)
        lines = [f"***** {split} metrics *****"]
        lines += [f"  {name.ljust(width)} = {shown(metrics[name])}" for name in sorted(metrics)]
        write("\n".join(lines) + "\n")

    def save_metrics(self, split: str, metrics: dict[str, Any], combined: bool = True) -> None:
        """Writes metrics to `<split>_results.json` in the folder of the arguments.

        Args:
            split: What they are of: 'train', 'eval', 'test', or 'all'.
            metrics: Numbers by name.
            combined: Add them to `all_results.json` as well.
        """
        folder = Path(str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / f"{split}_results.json", _json(metrics))
        if combined:
            path = folder / "all_results.json"
            known = json.loads(path.read_bytes()) if path.is_file() else {}
            write_bytes(path, _json({**known, **metrics}))


def _json(metrics: dict[str, Any]) -> bytes:
    return (json.dumps(metrics, indent=4, sort_keys=True) + "\n").encode()
