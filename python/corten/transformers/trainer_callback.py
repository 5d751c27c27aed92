"""What is told of a Trainer's training as it goes, and may steer it."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from pathlib import Path
from typing import Any

from corten.transformers.training_args import TrainingArguments


@dataclasses.dataclass
class TrainerState:
    """Where a training is. It is kept in every checkpoint as `trainer_state.json`.

    Attributes:
        epoch: Epochs done, with the part of the one that is under way.
        global_step: Updates of the weights.
        max_steps: How many there will be.
        logging_steps: Updates between two logs.
        eval_steps: Updates between two evaluations.
        save_steps: Updates between two checkpoints.
        train_batch_size: Rows per batch.
        num_train_epochs: Epochs there will be.
        log_history: Every log, with its step.
        best_metric: Best value of `metric_for_best_model` so far.
        best_global_step: The step it was at.
        best_model_checkpoint: The checkpoint of that step.
        stateful_callbacks: The states of callbacks, by class.

    Example:
        >>> state = TrainerState(global_step=3)
        >>> TrainerState.from_dict(state.to_dict()) == state
        True
    """

    epoch: float | None = None
    global_step: int = 0
    max_steps: int = 0
    logging_steps: int = 500
    eval_steps: int = 500
    save_steps: int = 500
    train_batch_size: int | None = None
    num_train_epochs: int = 0
    log_history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best_metric: float | None = None
    best_global_step: int | None = None
    best_model_checkpoint: str | None = None
    is_local_process_zero: bool = True
    is_world_process_zero: bool = True
    stateful_callbacks: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Gives the state as a dict of JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> TrainerState:
        """Makes a state from what `to_dict` gave; what is not known here is left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in state.items() if name in known})

    def save_to_json(self, json_path: str | os.PathLike[str]) -> None:
        """Writes the state to a file, as a whole or not at all."""
        from corten.saving.files import write_bytes

        text = json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"
        write_bytes(Path(json_path), text.encode())

    @classmethod
    def load_from_json(cls, json_path: str | os.PathLike[str]) -> TrainerState:
        """Reads what `save_to_json` wrote.

        Raises:
            ValueError: The file is damaged, or is none of a state.
        """
        from corten.saving.files import parse_json

        found = parse_json(Path(json_path).read_bytes(), str(json_path))
        if not isinstance(found, dict):
            raise ValueError(
                f"{json_path}: expected a JSON object of a TrainerState; got a {type(found).__name__}"
            )
        return cls.from_dict(found)


@dataclasses.dataclass
class TrainerControl:
    """What a callback may ask for; it sets these and gives the object back.

    Attributes:
        should_training_stop: End the training.
        should_epoch_stop: End the epoch.
        should_save: Save after this step.
        should_evaluate: Evaluate after this step.
        should_log: Log after this step.

    Example:
        >>> TrainerControl().should_log
        False
    """

    should_training_stop: bool = False
    should_epoch_stop: bool = False
    should_save: bool = False
    should_evaluate: bool = False
    should_log: bool = False

    def _new_training(self) -> None:
        self.should_training_stop = False

    def _new_epoch(self) -> None:
        self.should_epoch_stop = False

    def _new_step(self) -> None:
        self.should_save = self.should_evaluate = self.should_log = False


class TrainerCallback:
    """Base of what is told of a training.

    Override the events of interest. Each gets the arguments, the state and the control, and as keywords
    `model`, `processing_class`, `optimizer`, `lr_scheduler`, `train_dataloader` and `eval_dataloader`. To
    steer the training, set something in `control` and return it.

    Example:
        >>> class StopEarly(TrainerCallback):
        ...     def on_step_end(self, args, state, control, **kwargs):
        ...         control.should_training_stop = state.global_step >= 10
        ...         return control
        >>> control = StopEarly().on_step_end(None, TrainerState(global_step=10), TrainerControl())
        >>> control.should_training_stop
        True
    """

    def on_init_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called when the Trainer is made."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called when training starts or goes on."""

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called when training is over."""

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called when an epoch starts."""

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called when an epoch is over."""

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called before the batches of an update."""

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called between gradients and update. Overriding it makes steps slower: they run as Python."""

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called after the update, before the step is counted."""

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called after each batch of an update but the last. As slow as `on_pre_optimizer_step`."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called after an update."""

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called after an evaluation, with its `metrics`."""

    def on_predict(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Any,
        **kwargs: Any,
    ) -> TrainerControl | None:
        """Called after `Trainer.predict`."""

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called after a batch of evaluation or prediction."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called after a checkpoint was written."""

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """Called with `logs`."""

    def get_state(self) -> dict[str, Any]:
        """Gives what the callback must remember where training goes on: JSON; empty for nothing."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes what `get_state` gave, when training goes on."""


class CallbackHandler(TrainerCallback):
    """Hands events to a list of callbacks.

    Args:
        callbacks: Callbacks, or classes of them.
        model: Handed to them, as are the next ones.
        processing_class: The tokenizer.

    Raises:
        TypeError: One is no callback.
        ValueError: Two are of one class that must be there once.
    """

    def __init__(self, callbacks: list[Any], model: Any = None, processing_class: Any = None) -> None:
        self.callbacks: list[TrainerCallback] = []
        self.context: dict[str, Any] = {
            "model": model,
            "processing_class": processing_class,
            "optimizer": None,
            "lr_scheduler": None,
            "train_dataloader": None,
            "eval_dataloader": None,
        }
        for callback in callbacks:
            self.add(callback)

    def add(self, callback: Any) -> None:
        """Adds a callback at the end."""
        made = callback() if isinstance(callback, type) else callback
        if not isinstance(made, TrainerCallback):
            kind = type(made)
            hint = ""
            if kind.__module__.startswith("corten.callbacks"):
                hint = ": callbacks of corten.callbacks go to Model.fit"
            raise TypeError(
                f"Trainer: callbacks must be TrainerCallback objects; got a {kind.__name__}{hint}"
            )
        if any(type(known) is type(made) for known in self.callbacks):
            warnings.warn(
                f"Trainer: there is a {type(made).__name__} among the callbacks already; now there are two.",
                stacklevel=3,
            )
        self.callbacks.append(made)

    def find(self, callback: Any) -> TrainerCallback | None:
        """Gives the callback, or the first of a class; None where there is none."""
        for known in self.callbacks:
            if known is callback or (isinstance(callback, type) and type(known) is callback):
                return known
        return None

    def remove(self, callback: Any) -> TrainerCallback | None:
        """Takes a callback, or the first of a class, out and gives it."""
        found = self.find(callback)
        if found is not None:
            self.callbacks = [known for known in self.callbacks if known is not found]
        return found

    def overrides(self, event: str) -> bool:
        """Whether a callback has something to do at an event."""
        return any(getattr(type(one), event) is not getattr(TrainerCallback, event) for one in self.callbacks)

    def call(
        self, event: str, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Calls an event of all callbacks; gives the control as they leave it."""
        for callback in self.callbacks:
            if getattr(type(callback), event) is getattr(TrainerCallback, event) and event not in vars(
                callback
            ):
                continue
            result = getattr(callback, event)(args, state, control, **{**self.context, **kwargs})
            if result is not None:
                control = result
        return control

    def states(self) -> dict[str, Any]:
        """Gives the states of callbacks that have one, by class."""
        found: dict[str, Any] = {}
        for callback in self.callbacks:
            state = callback.get_state()
            if state:
                found.setdefault(type(callback).__name__, []).append(state)
        return found

    def set_states(self, states: dict[str, Any]) -> None:
        """Hands each callback the state that one of its class had."""
        waiting = {name: list(found) for name, found in states.items() if isinstance(found, list)}
        for callback in self.callbacks:
            if waiting.get(type(callback).__name__):
                callback.set_state(waiting[type(callback).__name__].pop(0))


class DefaultFlowCallback(TrainerCallback):
    """Decides when to log, evaluate and save, as the arguments say."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        step = state.global_step
        if step == 1 and args.logging_first_step:
            control.should_log = True
        if args.logging_strategy == "steps" and step % state.logging_steps == 0:
            control.should_log = True
        if args.eval_strategy == "steps" and step % state.eval_steps == 0 and args.eval_delay <= step:
            control.should_evaluate = True
        if args.save_strategy == "steps" and state.save_steps > 0 and step % state.save_steps == 0:
            control.should_save = True
        if step >= state.max_steps:
            control.should_training_stop = True
            # What the last steps gave is kept, too.
            if args.save_strategy == "steps":
                control.should_save = True
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        if args.logging_strategy == "epoch":
            control.should_log = True
        if args.eval_strategy == "epoch" and args.eval_delay <= (state.epoch or 0.0):
            control.should_evaluate = True
        if args.save_strategy == "epoch":
            control.should_save = True
        return control


class EarlyStoppingCallback(TrainerCallback):
    """Ends the training when the metric has not become better in so many evaluations.

    It needs `load_best_model_at_end`, `metric_for_best_model` and an `eval_strategy`.

    Args:
        early_stopping_patience: How many evaluations may be no better.
        early_stopping_threshold: By how much a better one must be better.

    Raises:
        ValueError: An argument that it needs is not set; raised when training starts.

    Example:
        >>> EarlyStoppingCallback(early_stopping_patience=3).early_stopping_patience
        3
    """

    def __init__(
        self, early_stopping_patience: int = 1, early_stopping_threshold: float | None = 0.0
    ) -> None:
        self.early_stopping_patience = early_stopping_patience
        self.early_stopping_threshold = early_stopping_threshold or 0.0
        self.early_stopping_patience_counter = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if args.metric_for_best_model is None or args.eval_strategy == "no":
            raise ValueError(
                "EarlyStoppingCallback needs metric_for_best_model and an eval_strategy ('steps' or "
                f"'epoch') in the TrainingArguments; they are {args.metric_for_best_model!r} and "
                f"{str(args.eval_strategy)!r}"
            )
        if not args.load_best_model_at_end:
            warnings.warn(
                "EarlyStoppingCallback: without load_best_model_at_end=True the model stays as it is when "
                "the training ends, and not as it was at its best.",
                stacklevel=2,
            )

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        metrics, name = kwargs["metrics"], str(args.metric_for_best_model)
        value = metrics.get(name if name.startswith("eval_") else f"eval_{name}")
        if value is None:
            return None  # The Trainer says so.
        best, sign = state.best_metric, 1.0 if args.greater_is_better else -1.0
        # `best_metric` is set after the callbacks were called.
        if best is None or (sign * (value - best) > 0 and abs(value - best) > self.early_stopping_threshold):
            self.early_stopping_patience_counter = 0
        else:
            self.early_stopping_patience_counter += 1
        if self.early_stopping_patience_counter >= self.early_stopping_patience:
            control.should_training_stop = True
        return control

    def get_state(self) -> dict[str, Any]:
        return {"early_stopping_patience_counter": self.early_stopping_patience_counter}

    def set_state(self, state: dict[str, Any]) -> None:
        self.early_stopping_patience_counter = int(state["early_stopping_patience_counter"])
