"""What the parts of the Trainer hand to one another and to its user."""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: The start of the names of checkpoint folders.
PREFIX_CHECKPOINT_DIR = "checkpoint"
_CHECKPOINT = re.compile(rf"{PREFIX_CHECKPOINT_DIR}-(\d{{1,18}})")


class ExplicitEnum(enum.StrEnum):
    """Choices that are text, with an error that lists them.

    Example:
        >>> IntervalStrategy("weekly")
        Traceback (most recent call last):
        ValueError: 'weekly' is no IntervalStrategy; choose one of 'no', 'steps', 'epoch'
    """

    @classmethod
    def _missing_(cls, value: object) -> Any:
        choices = ", ".join(repr(choice.value) for choice in cls)
        raise ValueError(f"{value!r} is no {cls.__name__}; choose one of {choices}")


class IntervalStrategy(ExplicitEnum):
    """When to log or evaluate: never, every so many steps, after every epoch.

    Example:
        >>> str(IntervalStrategy("epoch"))
        'epoch'
    """

    NO = "no"
    STEPS = "steps"
    EPOCH = "epoch"


class SaveStrategy(ExplicitEnum):
    """When to save: as for `IntervalStrategy`, or whenever an evaluation was the best so far.

    Example:
        >>> SaveStrategy.BEST == "best"
        True
    """

    NO = "no"
    STEPS = "steps"
    EPOCH = "epoch"
    BEST = "best"


class SchedulerType(ExplicitEnum):
    """The names of learning-rate schedules; `corten.optimizers.schedules.WarmupSchedule` says what they are.

    Example:
        >>> SchedulerType("linear").name
        'LINEAR'
    """

    LINEAR = "linear"
    COSINE = "cosine"
    COSINE_WITH_RESTARTS = "cosine_with_restarts"
    POLYNOMIAL = "polynomial"
    CONSTANT = "constant"
    CONSTANT_WITH_WARMUP = "constant_with_warmup"
    INVERSE_SQRT = "inverse_sqrt"
    REDUCE_ON_PLATEAU = "reduce_lr_on_plateau"
    COSINE_WITH_MIN_LR = "cosine_with_min_lr"
    COSINE_WARMUP_WITH_MIN_LR = "cosine_warmup_with_min_lr"
    WARMUP_STABLE_DECAY = "warmup_stable_decay"


class TrainOutput(NamedTuple):
    """What `Trainer.train` gives.

    Attributes:
        global_step: Updates of the weights.
        training_loss: Mean of the loss over all steps.
        metrics: `train_runtime` (seconds), `train_samples_per_second`, `train_steps_per_second`,
            `train_loss`, `epoch`.
    """

    global_step: int
    training_loss: float
    metrics: dict[str, float]


class PredictionOutput(NamedTuple):
    """What `Trainer.predict` gives.

    Attributes:
        predictions: The outputs besides the loss as NumPy arrays: one array, or a tuple where there are
            several. Rows of batches of different lengths are padded with -100.
        label_ids: The labels, likewise; None where the rows have none.
        metrics: `test_loss`, what `compute_metrics` gave, and times.
    """

    predictions: Any
    label_ids: Any
    metrics: dict[str, float] | None


class EvalLoopOutput(NamedTuple):
    """What `Trainer.evaluation_loop` gives: as `PredictionOutput`, with the number of rows."""

    predictions: Any
    label_ids: Any
    metrics: dict[str, float]
    num_samples: int | None


class EvalPrediction:
    """What `compute_metrics` is called with; it can be unpacked as `(predictions, label_ids)`.

    Args:
        predictions: The outputs besides the loss: an array, or a tuple of arrays.
        label_ids: The labels: an array, or a tuple of arrays.
        inputs: The inputs, where `include_for_metrics` has "inputs".
        losses: The loss of every row's batch, where `include_for_metrics` has "loss".

    Example:
        >>> logits, labels = EvalPrediction(np.array([[0.1, 0.9]]), np.array([1]))
        >>> logits.argmax(-1) == labels
        array([ True])
    """

    def __init__(self, predictions: Any, label_ids: Any, inputs: Any = None, losses: Any = None) -> None:
        self.predictions = predictions
        self.label_ids = label_ids
        self.inputs = inputs
        self.losses = losses

    def _parts(self) -> tuple[Any, ...]:
        more = tuple(part for part in (self.inputs, self.losses) if part is not None)
        return (self.predictions, self.label_ids, *more)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parts())

    def __getitem__(self, index: int) -> Any:
        return self._parts()[index]


class BestRun(NamedTuple):
    """The best of several trainings: its number, its objective, its hyper-parameters."""

    run_id: str
    objective: float
    hyperparameters: dict[str, Any]


def set_seed(seed: int, deterministic: bool = False) -> None:
    """Seeds everything random: Corten's generators, NumPy's global one and Python's.

    Args:
        seed: A whole number of at least 0.
        deterministic: Accepted for Hugging Face's sake: Corten's results always have the same bits.

    Raises:
        ValueError: The seed is no such number.

    Example:
        >>> set_seed(3)
        >>> first = np.random.rand()
        >>> set_seed(3)
        >>> first == np.random.rand()
        True
    """
    from corten.utils import set_random_seed

    set_random_seed(seed)


def checkpoints_in(folder: str | os.PathLike[str]) -> list[Path]:
    """Gives the checkpoint folders in a folder, in the order of their steps.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for step in (10, 9):
        ...     (folder / f"checkpoint-{step}").mkdir()
        >>> [path.name for path in checkpoints_in(folder)]
        ['checkpoint-9', 'checkpoint-10']
    """
    place = Path(folder)
    if not place.is_dir():
        return []
    found = [
        (int(match[1]), path)
        for path in place.iterdir()
        if (match := _CHECKPOINT.fullmatch(path.name)) and path.is_dir()
    ]
    return [path for _, path in sorted(found)]


def get_last_checkpoint(folder: str | os.PathLike[str]) -> str | None:
    """Gives the checkpoint folder of the highest step in a folder; None where there is none.

    Example:
        >>> import tempfile
        >>> get_last_checkpoint(tempfile.mkdtemp()) is None
        True
    """
    found = checkpoints_in(folder)
    return str(found[-1]) if found else None


def speed_metrics(
    split: str, seconds: float, num_samples: int | None = None, num_steps: int | None = None
) -> dict[str, float]:
    """Gives times as metrics.

    Args:
        split: Start of the names: "train", "eval" or "test".
        seconds: How long it took.
        num_samples: Rows that were done.
        num_steps: Steps that were done.

    Example:
        >>> speed_metrics("eval", 2.0, num_samples=10)
        {'eval_runtime': 2.0, 'eval_samples_per_second': 5.0}
    """
    found = {f"{split}_runtime": round(seconds, 4)}
    for name, count in (("samples", num_samples), ("steps", num_steps)):
        if count is not None and seconds > 0:
            found[f"{split}_{name}_per_second"] = round(count / seconds, 3)
    return found


def plain_numbers(metrics: Any) -> Any:
    """Gives metrics with Python's numbers for NumPy's and Corten's.

    Example:
        >>> plain_numbers({"accuracy": np.float64(0.5)})
        {'accuracy': 0.5}
    """
    if isinstance(metrics, dict):
        return {key: plain_numbers(value) for key, value in metrics.items()}
    if isinstance(metrics, list | tuple):
        return [plain_numbers(value) for value in metrics]
    if isinstance(metrics, np.generic):
        return metrics.item()
    if hasattr(metrics, "numpy") and not isinstance(metrics, np.ndarray):
        return plain_numbers(np.asarray(metrics.numpy()))
    if isinstance(metrics, np.ndarray):
        return metrics.tolist()
    return metrics
