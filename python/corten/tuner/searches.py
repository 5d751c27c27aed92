"""Searches: which settings are tried, and for how long."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from corten.callbacks.monitor import direction_of
from corten.tuner.space import Parameter, check_space, draw
from corten.tuner.trials import Trial, TrialFile, table
from corten.utils.cross_validation import check_makes_callbacks
from corten.utils.seeding import numbered_seed, seeded

_MODEL_FILE = "best_model.corten"


class Search:
    """Base of the searches: makes, trains and compares models.

    Args:
        make_model: Function of the parameters, by name, that gives a compiled model.
        space: Name to `Int`, `Float`, `Choice` or `Boolean`.
        objective: The value of the history to go by, such as 'val_loss' or 'val_accuracy'.
        direction: 'max' or 'min'; None goes by the metric.
        seed: Number that fixes the trials, their weights and the order of their samples.
        directory: Folder for `results.json` and the best model; a search that was stopped goes on
            from there. None keeps results in memory.

    Attributes:
        trials: The `Trial`s so far.
    """

    def __init__(
        self,
        make_model: Callable[..., Any],
        space: dict[str, Parameter],
        objective: str = "val_loss",
        *,
        direction: str | None = None,
        seed: int = 0,
        directory: Any = None,
    ) -> None:
        if not callable(make_model):
            raise TypeError(f"make_model must be a function that gives a compiled model; got {make_model!r}")
        if direction not in (None, "min", "max"):
            raise ValueError(f"direction must be 'min', 'max' or None; got {direction!r}")
        self._make = make_model
        self._space = check_space(space)
        self.objective = objective
        self._direction = direction
        self.seed = int(seed)
        self._directory = None if directory is None else Path(directory)
        self._file = TrialFile(directory, {**self._settings(), "direction": direction})
        self.trials, stored = self._file.read()
        self._direction = direction or stored
        self._best: tuple[int, int, Any] | None = None
        # Models that may be trained further: trial number to model, and random keys drawn so far.
        self._models: dict[int, tuple[Any, int]] = {}

    def _settings(self) -> dict[str, Any]:
        return {
            "search": type(self).__name__,
            "seed": self.seed,
            "objective": self.objective,
            "space": {name: parameter.describe() for name, parameter in self._space.items()},
        }

    # -- results --------------------------------------------------------------------------------

    @property
    def direction(self) -> str:
        """'max' or 'min'."""
        return self._direction or direction_of(self.objective, None) or "min"

    @property
    def best_trial(self) -> Trial:
        """The best of the trials that were trained longest.

        Raises:
            ValueError: There are none, or the objective was NaN in all.
        """
        longest = max((trial.epochs for trial in self.trials), default=0)
        finished = [trial for trial in self.trials if trial.epochs == longest and not math.isnan(trial.score)]
        if not finished:
            raise ValueError(
                f"{type(self).__name__}: no trial has a value of {self.objective!r} yet; call `run` first"
                if not self.trials
                else f"{type(self).__name__}: {self.objective!r} was NaN in every trial; lower learning rates"
            )
        return min(finished, key=lambda trial: trial.rank(self.direction))

    @property
    def best_hyperparameters(self) -> dict[str, Any]:
        """The parameters of the best trial."""
        return dict(self.best_trial.parameters)

    @property
    def best_model(self) -> Any:
        """The model of the best trial, as it was at the end of its training.

        Raises:
            ValueError: The model was trained in an earlier process without a `directory`.
        """
        best = self.best_trial
        if self._best is not None and self._best[:2] == (best.number, best.epochs):
            return self._best[2]
        if self._directory is not None and (self._directory / _MODEL_FILE).exists():
            from corten.saving import load_model

            return load_model(self._directory / _MODEL_FILE)
        raise ValueError(
            f"{type(self).__name__}: the best model is not kept; call `run` again with the data, or make it "
            "with `best_hyperparameters`"
        )

    def table(self) -> str:
        """Gives the trials as lines of text, best first."""
        return table(self.trials, self.direction, self.objective)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.objective!r}, {len(self.trials)} trials>"

    # -- work -----------------------------------------------------------------------------------

    def _trial(self, number: int) -> Trial:
        """Gives a trial, drawn if it is new."""
        for trial in self.trials:
            if trial.number == number:
                return trial
        trial = Trial(number, draw(self._space, self.seed, number), numbered_seed(self.seed, number))
        self.trials.append(trial)
        return trial

    def _train(self, trial: Trial, epochs: int, arguments: tuple[Any, ...], settings: dict[str, Any]) -> None:
        """Trains a trial up to a number of epochs, from where its model stands or from the start."""
        model, drawn = self._models.pop(trial.number, (None, 0))
        done = trial.epochs if model is not None else 0
        if done == 0:
            trial.history = {}
        options = dict(settings)
        if options.get("callbacks") is not None:
            options["callbacks"] = options["callbacks"]()
        try:
            with seeded(trial.seed, drawn) as count:
                if model is None:
                    model = self._new_model(trial.parameters)
                history = model.fit(*arguments, initial_epoch=done, epochs=epochs, **options).history
                drawn = count()
        except Exception as error:
            error.add_note(f"in trial {trial.number} of {type(self).__name__}: {trial.parameters}")
            raise
        for name, values in history.items():
            trial.history.setdefault(name, []).extend(float(value) for value in values)
        if self.objective not in trial.history:
            self.trials.remove(trial)
            hint = ""
            if self.objective.startswith("val_"):
                hint = " Pass validation_data or validation_split to run."
            raise ValueError(
                f"{type(self).__name__}: fit logs no {self.objective!r}; it logs "
                f"{', '.join(trial.history) or 'nothing'}.{hint}"
            )
        self._direction = self._direction or direction_of(self.objective, model) or "min"
        trial.score, trial.epochs = trial.history[self.objective][-1], epochs
        trial.scores[epochs] = trial.score
        self._models[trial.number] = (model, drawn)
        self._keep_if_best(trial, model)
        self._file.write(self.trials, self._direction)

    def _new_model(self, parameters: dict[str, Any]) -> Any:
        model = self._make(**parameters)
        if not hasattr(model, "fit") or not getattr(model, "compiled", False):
            raise TypeError(f"make_model must give a compiled model; got {type(model).__name__}")
        return model

    def _keep_if_best(self, trial: Trial, model: Any) -> None:
        if math.isnan(trial.score) or self.best_trial is not trial:
            return
        self._best = (trial.number, trial.epochs, model)
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            model.save(self._directory / _MODEL_FILE, overwrite=True)

    def _check_arguments(self, settings: dict[str, Any]) -> None:
        if "initial_epoch" in settings:
            raise TypeError(f"{type(self).__name__}.run: initial_epoch is set by the search")
        check_makes_callbacks(settings.get("callbacks"), f"{type(self).__name__}.run", "trial")
        names = inspect.signature(self._make).parameters.values()
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in names):
            return
        unknown = set(self._space) - {parameter.name for parameter in names}
        if unknown:
            raise TypeError(
                f"{type(self).__name__}: make_model takes no argument {', '.join(sorted(unknown))}, "
                "which the space has"
            )


class RandomSearch(Search):
    """Tries settings drawn at random, each trained for the same number of epochs.

    The same seed gives the same trials, also when a search is stopped and started again.

    Args:
        make_model: Function of the parameters, by name, that gives a compiled model.
        space: Name to `Int`, `Float`, `Choice` or `Boolean`.
        objective: The value of the history to go by, such as 'val_loss' or 'val_accuracy'.
        trials: How many settings to try.
        direction: 'max' or 'min'; None goes by the metric.
        seed: Number that fixes the trials, their weights and the order of their samples.
        directory: Folder for `results.json` and the best model; a search that was stopped goes on
            from there. None keeps results in memory.

    Attributes:
        trials: The `Trial`s so far.

    Source: Bergstra and Bengio, Random search for hyper-parameter optimization, JMLR 13 (2012).

    Example:
        >>> import corten
        >>> def make_model(units, rate):
        ...     stack = [corten.Input((2,)), corten.layers.Dense(units, "relu"), corten.layers.Dense(1)]
        ...     model = corten.Sequential(stack)
        ...     model.compile(corten.optimizers.Adam(rate), "mse")
        ...     return model
        >>> space = {"units": corten.tuner.Int(2, 16), "rate": corten.tuner.Float(1e-3, 1e-1, log=True)}
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> search = corten.tuner.RandomSearch(make_model, space, "val_loss", trials=3, seed=1)
        >>> search.run(x, x[:, 0] * x[:, 1], epochs=2, validation_split=0.25, verbose=0)
        >>> sorted(search.best_hyperparameters), len(search.trials)
        (['rate', 'units'], 3)
    """

    def __init__(
        self,
        make_model: Callable[..., Any],
        space: dict[str, Parameter],
        objective: str = "val_loss",
        *,
        trials: int = 10,
        direction: str | None = None,
        seed: int = 0,
        directory: Any = None,
    ) -> None:
        self._count = _whole("RandomSearch", "trials", trials)
        super().__init__(make_model, space, objective, direction=direction, seed=seed, directory=directory)

    def run(self, *arguments: Any, epochs: int = 1, **settings: Any) -> None:
        """Tries what is not tried yet.

        Args:
            *arguments: The data, as for `Model.fit`.
            epochs: Epochs of each trial.
            **settings: More arguments of `Model.fit`. `callbacks` is a function that gives new ones,
                as each trial needs its own.
        """
        self._check_arguments(settings)
        for number in range(self._count):
            trial = self._trial(number)
            if trial.epochs != epochs:
                self._train(trial, epochs, arguments, settings)
            # Only the best model is kept: the others are not trained again.
            self._models.clear()


class SuccessiveHalving(Search):
    """Trains many settings for a few epochs, and ever fewer, the best, for ever longer.

    Round `i` trains the best `trials / factor**i` settings up to `min_epochs * factor**i` epochs. Models
    go on from where they stand.

    Args:
        make_model: Function of the parameters, by name, that gives a compiled model.
        space: Name to `Int`, `Float`, `Choice` or `Boolean`.
        objective: The value of the history to go by, such as 'val_loss' or 'val_accuracy'.
        trials: How many settings to begin with.
        min_epochs: Epochs of the first round.
        factor: One of so many settings reaches the next round.
        direction: 'max' or 'min'; None goes by the metric.
        seed: Number that fixes the trials, their weights and the order of their samples.
        directory: Folder for `results.json` and the best model; a search that was stopped goes on
            from there. None keeps results in memory.

    Attributes:
        trials: The `Trial`s so far.

    Source: Jamieson and Talwalkar, Non-stochastic best arm identification, arXiv:1502.07943.

    Example:
        >>> import corten
        >>> def make_model(rate):
        ...     model = corten.Sequential([corten.Input((1,)), corten.layers.Dense(1)])
        ...     model.compile(corten.optimizers.SGD(rate), "mse")
        ...     return model
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> space = {"rate": corten.tuner.Float(1e-5, 0.5, log=True)}
        >>> search = corten.tuner.SuccessiveHalving(make_model, space, "loss", trials=9)
        >>> search.run(x, 3 * x, verbose=0)
        >>> sorted(trial.epochs for trial in search.trials)
        [1, 1, 1, 1, 1, 1, 3, 3, 9]
    """

    def __init__(
        self,
        make_model: Callable[..., Any],
        space: dict[str, Parameter],
        objective: str = "val_loss",
        *,
        trials: int = 27,
        min_epochs: int = 1,
        factor: int = 3,
        direction: str | None = None,
        seed: int = 0,
        directory: Any = None,
    ) -> None:
        self._count = _whole("SuccessiveHalving", "trials", trials)
        self._min_epochs = _whole("SuccessiveHalving", "min_epochs", min_epochs)
        self._factor = _whole("SuccessiveHalving", "factor", factor, 2)
        super().__init__(make_model, space, objective, direction=direction, seed=seed, directory=directory)

    def _settings(self) -> dict[str, Any]:
        # Other numbers would rank the same trials otherwise.
        rounds = {"trials": self._count, "min_epochs": self._min_epochs, "factor": self._factor}
        return {**super()._settings(), **rounds}

    def run(self, *arguments: Any, **settings: Any) -> None:
        """Runs the rounds that are not over yet.

        Args:
            *arguments: The data, as for `Model.fit`.
            **settings: More arguments of `Model.fit`, without `epochs`. `callbacks` is a function that
                gives new ones, as each trial needs its own.
        """
        self._check_arguments(settings)
        if "epochs" in settings:
            raise TypeError("SuccessiveHalving.run: the epochs follow from min_epochs, factor and trials")
        remaining = [self._trial(number) for number in range(self._count)]
        epochs = self._min_epochs
        while True:
            for trial in remaining:
                if trial.epochs < epochs:
                    self._train(trial, epochs, arguments, settings)
            if len(remaining) < self._factor:
                break
            remaining = self._survivors(remaining, epochs)
            kept = {trial.number for trial in remaining}
            self._models = {number: model for number, model in self._models.items() if number in kept}
            epochs *= self._factor
        self._models.clear()

    def _survivors(self, trials: list[Trial], epochs: int) -> list[Trial]:
        def rank(trial: Trial) -> tuple[float, int]:
            # By the value at the end of this round, not what a longer training gave since.
            return dataclasses.replace(trial, score=trial.scores[epochs]).rank(self.direction)

        return sorted(trials, key=rank)[: len(trials) // self._factor]


def _whole(kind: str, name: str, value: Any, smallest: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < smallest:
        raise ValueError(f"{kind}: {name} must be a whole number of at least {smallest}; got {value!r}")
    return int(value)
