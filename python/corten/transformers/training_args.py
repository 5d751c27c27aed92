"""`TrainingArguments`: how the Trainer trains."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import json
import math
import os
import warnings
from pathlib import Path
from typing import Any

from corten.transformers.trainer_utils import IntervalStrategy, SaveStrategy, SchedulerType
from corten.transformers.training.argument_names import (
    OLD_NAMES,
    OPTIMIZERS,
    REFUSED,
    REFUSED_UNLESS,
    REPORTERS,
    SILENT,
    WITHOUT_EFFECT,
)


@dataclasses.dataclass(init=False, repr=False)
class TrainingArguments:
    """How a `Trainer` trains: Hugging Face's arguments, for one process on one CPU.

    Names and defaults are those of transformers 5; what earlier versions called otherwise is understood
    (`evaluation_strategy`, `warmup_ratio`, `group_by_length`, `logging_dir`). What would change the result
    and does not exist here (`fp16`, `deepspeed`, `push_to_hub`) is refused with what to do instead; what
    cannot change it (`dataloader_num_workers`, `ddp_backend`) is accepted.

    Args:
        output_dir: Folder for checkpoints and logs; 'trainer_output' if None.
        per_device_train_batch_size: Rows per training batch.
        per_device_eval_batch_size: Rows per batch of evaluation and prediction.
        gradient_accumulation_steps: Batches per update. They train as one batch of all their rows would: each
            counts by its labels that are not -100.
        num_train_epochs: Passes over the data; may end in the middle of one (2.5).
        max_steps: Updates to make, whatever `num_train_epochs` says; -1 for as many as it says.
        learning_rate: The highest learning rate.
        lr_scheduler_type: How it changes: a `SchedulerType`.
        lr_scheduler_kwargs: Settings of the schedule (`{"num_cycles": 2}`), or a JSON text of them.
        warmup_steps: Updates in which the rate rises from 0; below 1 a share of all updates.
        warmup_ratio: The same share under its former name.
        optim: 'adamw_torch', 'adafactor', 'adagrad', 'lion', 'rmsprop' or 'sgd'.
        optim_args: Settings of the optimizer as 'name=value,name=value'.
        weight_decay: Decoupled decay of all weights but biases and those of normalizations.
        adam_beta1: How much of the first moment each step keeps.
        adam_beta2: How much of the second moment each step keeps.
        adam_epsilon: Keeps Adam's division finite.
        max_grad_norm: Largest norm of all gradients together; 0 for no limit.
        label_smoothing_factor: Share of the target that is spread over all classes.
        bf16: Compute in bfloat16, keep the weights in float32 (`mixed_bfloat16`).
        bf16_full_eval: Evaluate in bfloat16 as well where `bf16` is not set.
        gradient_checkpointing: Keep less for the gradient and compute it again.
        logging_strategy: When to log: 'no', 'steps' or 'epoch'.
        logging_steps: Updates between two logs; below 1 a share of all updates.
        logging_first_step: Also log the first update.
        logging_nan_inf_filter: Leave losses that are not finite out of the logged means.
        logging_dir: Folder for logs. Where it is given and `report_to` is not, logs go there as CSV, and for
            TensorBoard if its package is installed.
        report_to: 'none', 'all', 'csv', 'tensorboard', or a list of them. Default: 'none' without
            `logging_dir`.
        run_name: Name of the run: the folder of logs inside `logging_dir` where it is given.
        disable_tqdm: No progress bar. Default: a bar in a terminal or notebook, lines elsewhere.
        eval_strategy: When to evaluate: 'no', 'steps' or 'epoch'.
        eval_steps: Updates between two evaluations; `logging_steps` if None; below 1 a share.
        eval_delay: Epochs (or updates, for 'steps') before the first evaluation.
        eval_on_start: Evaluate before training.
        prediction_loss_only: Keep no outputs of evaluation: the loss alone.
        include_for_metrics: What `compute_metrics` also gets: a list of 'inputs' and 'loss'.
        batch_eval_metrics: Call `compute_metrics` for each batch, the last time with `compute_result=True`.
        save_strategy: When to save: 'no', 'steps', 'epoch' or 'best'.
        save_steps: Updates between two checkpoints; below 1 a share.
        save_total_limit: How many checkpoints to keep; the best one is among them.
        save_only_model: Leave out what training needs to go on.
        load_best_model_at_end: Load the best checkpoint when training is over.
        metric_for_best_model: The metric that decides, with or without 'eval_'; the loss if None.
        greater_is_better: Whether it is better when greater; by default unless its name ends in 'loss'.
        restore_callback_states_from_checkpoint: Accepted; the states of callbacks always come back.
        ignore_data_skip: Not possible (refused if True): training goes on in the middle of its data.
        seed: What new weights, dropout and the order of the data are drawn from.
        data_seed: What the order of the data is drawn from, if not from `seed`.
        dataloader_drop_last: Leave out a last training batch that is not full; evaluations see all rows.
        train_sampling_strategy: 'random', 'sequential' or 'group_by_length' (rows of like length together).
        group_by_length: The same as `train_sampling_strategy='group_by_length'`.
        length_column_name: Column with the lengths of the rows, if there is one.
        remove_unused_columns: Drop columns that the model does not take.
        label_names: Columns that are labels; found by the model's arguments if None.
        resume_from_checkpoint: For programs that hand it to `Trainer.train`; not read by the Trainer.
        do_train: For programs that read it; not read by the Trainer.
        do_eval: As `do_train`; True where `eval_strategy` is not 'no'.
        do_predict: As `do_train`.
        **arguments: All of these but `output_dir`.

    Raises:
        TypeError: There is no such argument.
        ValueError: One has a wrong value, or is not possible here.

    Source: https://huggingface.co/docs/transformers/main_classes/trainer

    Example:
        >>> args = TrainingArguments("out", num_train_epochs=1, warmup_ratio=0.1, evaluation_strategy="epoch")
        >>> args.get_warmup_steps(200), str(args.eval_strategy), args.learning_rate
        (20, 'epoch', 5e-05)
    """

    output_dir: str | None = None
    per_device_train_batch_size: int = 8
    per_device_eval_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    num_train_epochs: float = 3.0
    max_steps: int = -1
    learning_rate: float = 5e-5
    lr_scheduler_type: SchedulerType | str = "linear"
    lr_scheduler_kwargs: dict[str, Any] | str | None = None
    warmup_steps: float = 0
    warmup_ratio: float | None = None
    optim: str = "adamw_torch"
    optim_args: str | None = None
    weight_decay: float = 0.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    max_grad_norm: float | None = 1.0
    label_smoothing_factor: float = 0.0
    bf16: bool = False
    bf16_full_eval: bool = False
    gradient_checkpointing: bool = False
    logging_strategy: IntervalStrategy | str = "steps"
    logging_steps: float = 500
    logging_first_step: bool = False
    logging_nan_inf_filter: bool = True
    logging_dir: str | None = None
    report_to: list[str] | str | None = None
    run_name: str | None = None
    disable_tqdm: bool | None = None
    eval_strategy: IntervalStrategy | str = "no"
    eval_steps: float | None = None
    eval_delay: float = 0
    eval_on_start: bool = False
    prediction_loss_only: bool = False
    include_for_metrics: list[str] | None = None
    batch_eval_metrics: bool = False
    save_strategy: SaveStrategy | str = "steps"
    save_steps: float = 500
    save_total_limit: int | None = None
    save_only_model: bool = False
    load_best_model_at_end: bool = False
    metric_for_best_model: str | None = None
    greater_is_better: bool | None = None
    restore_callback_states_from_checkpoint: bool = False
    ignore_data_skip: bool = False
    seed: int = 42
    data_seed: int | None = None
    dataloader_drop_last: bool = False
    train_sampling_strategy: str = "random"
    group_by_length: bool = False
    length_column_name: str = "length"
    remove_unused_columns: bool = True
    label_names: list[str] | None = None
    resume_from_checkpoint: str | None = None
    do_train: bool = False
    do_eval: bool = False
    do_predict: bool = False

    def __init__(self, output_dir: str | os.PathLike[str] | None = None, **arguments: Any) -> None:
        arguments["output_dir"] = output_dir
        self._take(arguments)
        self.check()
        self._check_reports()

    def check(self) -> None:
        """Refuses values that make no training, as after one was set anew.

        Raises:
            ValueError: There is one.
        """
        self._check_numbers()
        self._check_strategies()
        self._check_best()

    # -- taking the arguments -------------------------------------------------------------------------

    def _take(self, arguments: dict[str, Any]) -> None:
        known = {field.name: field.default for field in dataclasses.fields(self)}
        idle = []
        for name, value in list(arguments.items()):
            new = OLD_NAMES.get(name)
            if new is not None:
                if new in arguments:
                    raise ValueError(f"{self._who}: {name} is the former name of {new}; give one of them")
                arguments[new] = arguments.pop(name)
            elif name in REFUSED and name not in known:
                if arguments.pop(name) not in REFUSED_UNLESS.get(name, (None, False, "", [], {}, 0)):
                    raise ValueError(
                        f"{self._who}: {name}={value!r} is not possible in Corten; {REFUSED[name]}"
                    )
            elif name in WITHOUT_EFFECT and name not in known:
                if arguments.pop(name) != WITHOUT_EFFECT[name] and name not in SILENT:
                    idle.append(f"{name}={value!r}")
            elif name.startswith(("hub_", "trackio_", "project")) and name not in known:
                arguments.pop(name)
            elif name == "include_inputs_for_metrics":
                if arguments.pop(name):
                    arguments["include_for_metrics"] = ["inputs"]
            elif name not in known:
                raise TypeError(f"{self._who}: there is no argument {name!r}{_hint(name, known)}")
        if idle:
            warnings.warn(f"{self._who}: without effect in Corten: {', '.join(idle)}", stacklevel=4)
        for name, default in known.items():
            setattr(self, name, arguments.get(name, default))
        self._given = sorted(arguments)

    @property
    def _who(self) -> str:
        return type(self).__name__

    def _wrong(self, name: str, expected: str, more: str = "") -> ValueError:
        return ValueError(f"{self._who}: {name} must be {expected}; got {getattr(self, name)!r}{more}")

    def _whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        try:
            whole = int(value)
            if isinstance(value, bool) or whole != value or whole < least:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise self._wrong(name, f"a whole number of at least {least}") from None
        setattr(self, name, whole)

    def _between(self, name: str, low: float, high: float, open_end: bool = False) -> None:
        value = getattr(self, name)
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not (low <= value < high if open_end else low <= value <= high):
            upper = "" if math.isinf(high) else f" and {'below' if open_end else 'at most'} {high:g}"
            raise self._wrong(name, f"a number of at least {low:g}{upper}")

    def _check_numbers(self) -> None:
        self.output_dir = os.fspath(self.output_dir) if self.output_dir is not None else "trainer_output"
        for name in ("per_device_train_batch_size", "per_device_eval_batch_size"):
            self._whole(name, 1)
        self._whole("gradient_accumulation_steps", 1)
        self._whole("max_steps", -1)
        self._whole("seed", 0)
        for name in ("data_seed", "save_total_limit"):
            if getattr(self, name) is not None:
                self._whole(name, 0 if name == "data_seed" else 1)
        # Numbers from a YAML or JSON file may come as text.
        self._as_number("learning_rate", "adam_epsilon", "weight_decay", "num_train_epochs")
        for name in ("num_train_epochs", "learning_rate", "weight_decay", "adam_epsilon", "eval_delay"):
            self._between(name, 0.0, math.inf)
        for name in ("adam_beta1", "adam_beta2", "label_smoothing_factor"):
            self._between(name, 0.0, 1.0, open_end=True)
        self.max_grad_norm = 0.0 if self.max_grad_norm is None else self.max_grad_norm
        self._between("max_grad_norm", 0.0, math.inf)
        self._between("warmup_steps", 0.0, math.inf)
        if self.warmup_ratio is not None:
            self._between("warmup_ratio", 0.0, 1.0)
        elif self.warmup_steps >= 1:
            self._whole("warmup_steps", 0)
        if self.ignore_data_skip:
            raise self._wrong(
                "ignore_data_skip", "False", ": a training that goes on has the rows it had left"
            )

    def _as_number(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if isinstance(value, str):
                try:
                    setattr(self, name, float(value))
                except ValueError:
                    raise self._wrong(name, "a number") from None

    def _check_strategies(self) -> None:
        self.logging_strategy = self._choice("logging_strategy", IntervalStrategy)
        self.eval_strategy = self._choice("eval_strategy", IntervalStrategy)
        self.save_strategy = self._choice("save_strategy", SaveStrategy)
        self.lr_scheduler_type = self._choice("lr_scheduler_type", SchedulerType)
        if isinstance(self.lr_scheduler_kwargs, str):
            try:
                self.lr_scheduler_kwargs = json.loads(self.lr_scheduler_kwargs)
            except ValueError:
                raise self._wrong("lr_scheduler_kwargs", "a dict or the JSON text of one") from None
        self.optim = str(getattr(self.optim, "value", self.optim))
        if self.optim not in OPTIMIZERS:
            raise self._wrong("optim", f"one of {', '.join(sorted(OPTIMIZERS))}", ". Another optimizer goes "
                              "to the Trainer: Trainer(..., optimizers=(optimizer, None))")  # fmt: skip
        self.optimizer_settings()
        if self.eval_strategy != "no":
            self.do_eval = True
        elif self.eval_steps and "eval_strategy" not in self._given:
            warnings.warn(
                f"{self._who}: eval_steps={self.eval_steps} has no effect without eval_strategy='steps'",
                stacklevel=4,
            )
        if self.eval_strategy == "steps" and not self.eval_steps:
            if not self.logging_steps:
                raise self._wrong("eval_steps", "a number for eval_strategy='steps'")
            self.eval_steps = self.logging_steps
        for name, strategy in (
            ("logging_steps", self.logging_strategy),
            ("save_steps", self.save_strategy),
            ("eval_steps", self.eval_strategy),
        ):
            value = getattr(self, name)
            if strategy == "steps" and not (isinstance(value, int | float) and 0 < value < 1):
                self._whole(name, 1)
        sampling = ("random", "sequential", "group_by_length")
        if self.group_by_length:
            if self.train_sampling_strategy == "sequential":
                raise self._wrong("train_sampling_strategy", "'group_by_length', as group_by_length is set")
            self.train_sampling_strategy = "group_by_length"
        if self.train_sampling_strategy not in sampling:
            raise self._wrong("train_sampling_strategy", f"one of {', '.join(map(repr, sampling))}")
        self.include_for_metrics = list(self.include_for_metrics or [])
        unknown = set(self.include_for_metrics) - {"inputs", "loss"}
        if unknown:
            raise self._wrong("include_for_metrics", "a list of 'inputs' and 'loss'")

    def _choice(self, name: str, kind: type) -> Any:
        value = getattr(self, name)
        value = getattr(value, "value", value)
        if value is None or value is False:
            value = "no"
        try:
            return kind(value)
        except ValueError as error:
            raise ValueError(f"{self._who}: {name}: {error}") from None

    def _check_best(self) -> None:
        needs_metric = self.load_best_model_at_end or self.save_strategy == "best"
        if needs_metric and self.metric_for_best_model is None:
            self.metric_for_best_model = "loss"
        if self.metric_for_best_model is not None and self.greater_is_better is None:
            self.greater_is_better = not self.metric_for_best_model.endswith("loss")
        if self.save_strategy == "best" and self.eval_strategy == "no":
            raise self._wrong("save_strategy", "another one without evaluation",
                              ": set eval_strategy to 'steps' or 'epoch'")  # fmt: skip
        if not self.load_best_model_at_end or self.save_strategy == "best":
            return
        if self.eval_strategy != self.save_strategy:
            raise ValueError(
                f"{self._who}: load_best_model_at_end needs a checkpoint for every evaluation: eval_strategy "
                f"is {str(self.eval_strategy)!r} and save_strategy {str(self.save_strategy)!r}. Set both to "
                "'steps' or 'epoch', or save_strategy='best'."
            )
        if self.eval_strategy == "steps":
            times = float(self.save_steps) / float(self.eval_steps or 1)
            same_kind = (self.save_steps < 1) == (float(self.eval_steps or 1) < 1)
            if not same_kind or abs(times - round(times)) > 1e-9 or round(times) < 1:
                raise ValueError(
                    f"{self._who}: load_best_model_at_end needs save_steps to be a multiple of eval_steps; "
                    f"got save_steps={self.save_steps} and eval_steps={self.eval_steps}"
                )

    def _check_reports(self) -> None:
        chosen = self.report_to
        if chosen is None:
            chosen = ["csv", *(["tensorboard"] if _has_tensorboard() else [])] if self.logging_dir else []
        chosen = [chosen] if isinstance(chosen, str) else list(chosen)
        if "all" in chosen:
            chosen = ["csv", *(["tensorboard"] if _has_tensorboard() else [])]
        chosen = [name for name in chosen if name != "none"]
        unknown = [name for name in chosen if name not in REPORTERS]
        if unknown:
            raise self._wrong(
                "report_to",
                f"'none', 'all' or some of {', '.join(map(repr, REPORTERS))}",
                f". For {unknown[0]!r} write a TrainerCallback whose on_log hands the logs on.",
            )
        self.report_to = chosen

    # -- reading them ---------------------------------------------------------------------------------

    @property
    def train_batch_size(self) -> int:
        """Rows per training batch."""
        return self.per_device_train_batch_size

    @property
    def eval_batch_size(self) -> int:
        """Rows per batch of evaluation."""
        return self.per_device_eval_batch_size

    @property
    def world_size(self) -> int:
        """1: there is one process."""
        return 1

    @property
    def n_gpu(self) -> int:
        """0."""
        return 0

    @property
    def device(self) -> str:
        """Where it trains: 'cpu'."""
        return "cpu"

    @property
    def process_index(self) -> int:
        """0: there is one process."""
        return 0

    @property
    def should_log(self) -> bool:
        """True: this process is the one that logs."""
        return True

    @property
    def should_save(self) -> bool:
        """True: this process is the one that saves."""
        return True

    @property
    def optimizer_name(self) -> str:
        """Corten's name of `optim`."""
        return OPTIMIZERS[self.optim]

    @property
    def log_folder(self) -> Path:
        """Where logs go: `logging_dir` (or `output_dir`/runs), and in it `run_name`."""
        folder = Path(self.logging_dir) if self.logging_dir else Path(str(self.output_dir)) / "runs"
        return folder / self.run_name if self.run_name else folder

    def get_warmup_steps(self, num_training_steps: int) -> int:
        """Gives the steps of the warm-up of a training of so many steps."""
        if self.warmup_steps >= 1:
            return int(self.warmup_steps)
        share = self.warmup_steps or self.warmup_ratio or 0.0
        return math.ceil(num_training_steps * share)

    def steps_between(self, name: str, num_training_steps: int) -> int:
        """Gives 'logging_steps', 'eval_steps' or 'save_steps' of a training of so many steps."""
        value = getattr(self, name) or 0
        return math.ceil(num_training_steps * value) if 0 < value < 1 else int(value)

    def optimizer_settings(self) -> dict[str, Any]:
        """Gives `optim_args` as a dict.

        Raises:
            ValueError: They are not 'name=value,name=value'.
        """
        found: dict[str, Any] = {}
        for part in filter(None, (self.optim_args or "").replace(" ", "").split(",")):
            name, sign, value = part.partition("=")
            if not sign:
                raise self._wrong("optim_args", "'name=value,name=value'")
            found[name] = {"True": True, "False": False, "None": None}.get(value, value)
            if isinstance(found[name], str):
                try:
                    found[name] = float(value)
                except ValueError:
                    raise self._wrong("optim_args", "'name=value,name=value' with numbers") from None
        return found

    def to_dict(self) -> dict[str, Any]:
        """Gives the arguments as numbers, text, lists and dicts."""
        return {
            field.name: getattr(value, "value", value)
            for field in dataclasses.fields(self)
            for value in [getattr(self, field.name)]
        }

    def to_json_string(self) -> str:
        """Gives the arguments as JSON."""
        return json.dumps(self.to_dict(), indent=2, default=str)

    def to_sanitized_dict(self) -> dict[str, Any]:
        """Gives the arguments as numbers and text, for loggers."""
        plain = (bool, int, float, str)
        return {
            name: value if isinstance(value, plain) else str(value) for name, value in self.to_dict().items()
        }

    def __repr__(self) -> str:
        given = ", ".join(
            f"{name}={self.to_dict()[name]!r}" for name in self._given if name in self.to_dict()
        )
        return f"{self._who}({given})"


def _has_tensorboard() -> bool:
    import importlib.util

    return importlib.util.find_spec("tensorboard") is not None


def _hint(name: str, known: dict[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"; is {close[0]!r} meant?" if close else ""


def explicit_signature(kind: Any) -> Any:
    """Lets a class of arguments show them all in `help`, where `__init__` takes them by name."""
    parameter = inspect.Parameter
    kind.__signature__ = inspect.Signature(
        [
            parameter(
                field.name, parameter.POSITIONAL_OR_KEYWORD, default=field.default, annotation=field.type
            )
            for field in dataclasses.fields(kind)
        ]
    )
    return kind


explicit_signature(TrainingArguments)
