"""The part of the Trainer that looks for hyper-parameters."""

from __future__ import annotations

import copy
import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from corten.transformers.trainer_utils import BestRun
from corten.transformers.training.base import TrainerParts
from corten.tuner.space import Choice, Float, Int, Parameter, check_space, draw
from corten.tuner.trials import Trial

# What evaluations give that says nothing about the model.
_NO_METRICS = ("_runtime", "_per_second", "epoch")


class SearchTrial:
    """One of several trainings: draws values by name, with the methods of Optuna's trials.

    A value is a function of the seed, the number of the trial and the name alone.

    Args:
        number: Which training it is, from 0.
        seed: The seed of the search.

    Attributes:
        number: Which training it is, from 0.
        params: Name to value, of all values that were drawn.

    Source: https://optuna.readthedocs.io/en/stable/reference/generated/optuna.trial.Trial.html

    Example:
        >>> trial = SearchTrial(0, seed=1)
        >>> rate = trial.suggest_float("learning_rate", 1e-5, 1e-3, log=True)
        >>> 1e-5 <= rate <= 1e-3, trial.params == {"learning_rate": rate}
        (True, True)
    """

    def __init__(self, number: int, seed: int = 0) -> None:
        self.number = number
        self.params: dict[str, Any] = {}
        self._seed = seed

    def suggest(self, name: str, parameter: Parameter) -> Any:
        """Draw a value.

        Args:
            name: Its name.
            parameter: Where it is from, such as `corten.tuner.Float(0.0, 0.1)`.
        """
        self.params.update(draw({name: parameter}, self._seed, self.number))
        return self.params[name]

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a number from `low` to `high`; on a logarithmic scale if `log`."""
        return float(self.suggest(name, Float(low, high, log)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Draw a whole number from `low` to `high`, both included; on a logarithmic scale if `log`."""
        return int(self.suggest(name, Int(low, high, step, log)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Draw one of several values."""
        return self.suggest(name, Choice(choices))


def default_space(trial: SearchTrial) -> dict[str, Any]:
    """Draw the hyper-parameters that a search is about where nothing is said.

    Args:
        trial: Draws the values.

    Example:
        >>> sorted(default_space(SearchTrial(0)))
        ['learning_rate', 'num_train_epochs', 'per_device_train_batch_size', 'seed']
    """
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-6, 1e-4, log=True),
        "num_train_epochs": trial.suggest_int("num_train_epochs", 1, 5),
        "seed": trial.suggest_int("seed", 1, 40),
        "per_device_train_batch_size": trial.suggest_categorical(
            "per_device_train_batch_size", [4, 8, 16, 32, 64]
        ),
    }


def default_objective(metrics: dict[str, float]) -> float:
    """Return the sum of the metrics of an evaluation; its loss where there are no others.

    Args:
        metrics: The metrics by name.

    Example:
        >>> default_objective({"eval_loss": 0.5, "eval_f1": 0.75, "eval_runtime": 2.0})
        0.75
    """
    others = {name: value for name, value in metrics.items() if not name.endswith(_NO_METRICS)}
    loss = others.pop("eval_loss", math.nan)
    return float(sum(others.values())) if others else float(loss)


class TrainerSearch(TrainerParts):
    """Several trainings with other arguments."""

    model_init: Callable[..., Any] | None
    _given: tuple[Any, Any]
    #: The trainings of the last search, as `corten.tuner` has them.
    search_trials: list[Trial]

    if TYPE_CHECKING:

        def train(self, resume_from_checkpoint: Any = None, trial: Any = None) -> Any: ...
        def evaluate(
            self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
        ) -> dict[str, float]: ...
        def _make_smoother(self) -> Any: ...

    def hyperparameter_search(
        self,
        hp_space: Any = None,
        compute_objective: Callable[[dict[str, float]], float] | None = None,
        n_trials: int = 20,
        direction: str = "minimize",
        backend: str | None = None,
        hp_name: Callable[[Any], str] | None = None,
        *,
        seed: int = 0,
    ) -> BestRun:
        """Trains several times with arguments drawn at random, and gives the best of them.

        Each training begins with a new model of `model_init`, has the folder `run-<number>` in `output_dir`,
        and ends with an evaluation. The model is then that of the last one: set the arguments that were
        found, and train again. The same seed draws the same values.

        Args:
            hp_space: A dict of names of arguments to `corten.tuner` parameters, or `f(trial)` that gives one
                of names to values drawn by `trial.suggest_float`, `suggest_int` and `suggest_categorical`.
                Names that are no arguments are there for `model_init(trial)`, in `trial.params`. None:
                learning rate, epochs, batch size and seed.
            compute_objective: `f(metrics)` gives the number to go by; None sums up the metrics, or takes the
                loss where there are no others.
            n_trials: How many trainings.
            direction: 'minimize' or 'maximize'.
            backend: None or 'corten'; others are not there.
            hp_name: `f(trial)` gives the name of a training's folder.
            seed: What the values are drawn from.

        Returns:
            The number, objective and hyper-parameters of the best; all are in `search_trials`.

        Raises:
            ValueError: There is no `model_init`, an argument has a wrong value, or all objectives were NaN.

        Source: https://huggingface.co/docs/transformers/hpo_train; Bergstra and Bengio, Random search for
        hyper-parameter optimization, JMLR 13 (2012).
        """
        who = "Trainer.hyperparameter_search"
        if self.model_init is None:
            raise ValueError(f"{who}: each training needs a new model: Trainer(model_init=f, ...)")
        if any(one is not None for one in self._given):
            raise ValueError(
                f"{who}: `optimizers` hold the state of one training; let the arguments make them"
            )
        if direction not in ("minimize", "maximize"):
            raise ValueError(f"{who}: direction must be 'minimize' or 'maximize'; got {direction!r}")
        if backend not in (None, "corten"):
            raise ValueError(
                f"{who}: backend={backend!r} is not there; leave it out: corten.tuner draws the values"
            )
        if isinstance(n_trials, bool) or not isinstance(n_trials, int) or n_trials < 1:
            raise ValueError(f"{who}: n_trials must be a whole number of at least 1; got {n_trials!r}")
        space = _as_function(hp_space)
        objective_of = default_objective if compute_objective is None else compute_objective
        given, smoother = self.args, self.label_smoother
        self.search_trials = []
        try:
            for number in range(n_trials):
                trial = SearchTrial(number, seed)
                trial.params = values = space(trial)
                if not isinstance(values, dict):
                    raise TypeError(
                        f"{who}: hp_space must give a dict of names to values; got a {type(values).__name__}"
                    )
                name = f"run-{number}" if hp_name is None else str(hp_name(trial))
                self.args = _with(given, values, name)
                self.label_smoother = self._make_smoother()
                self.train(trial=trial)
                objective = float(objective_of(self.evaluate()))
                self.search_trials.append(Trial(number, dict(values), self.args.seed, score=objective))
        finally:
            self.args, self.label_smoother = given, smoother
        order = "max" if direction == "maximize" else "min"
        best = min(self.search_trials, key=lambda one: one.rank(order))
        if math.isnan(best.score):
            raise ValueError(f"{who}: the objective was NaN in all trainings; lower the learning rates")
        return BestRun(str(best.number), best.score, best.parameters)


def _as_function(space: Any) -> Callable[[SearchTrial], dict[str, Any]]:
    """The space as a function of a trial."""
    if space is None:
        return default_space
    if callable(space):
        return space
    checked = check_space(space)
    return lambda trial: {name: trial.suggest(name, parameter) for name, parameter in checked.items()}


def _with(args: Any, values: dict[str, Any], name: str) -> Any:
    """Arguments with other values, in a folder of their own."""
    known = {field.name for field in dataclasses.fields(args)}
    new = copy.copy(args)
    for key, value in values.items():
        if key in known:
            setattr(new, key, value)
    new.output_dir = os.path.join(args.output_dir, name)
    if args.logging_dir is not None:
        new.logging_dir = os.path.join(args.logging_dir, name)
    new.check()
    return new
