"""The part of the Trainer that makes the optimizer and the schedule of its learning rate."""

from __future__ import annotations

import re
from typing import Any

from corten.optimizers.schedules.schedule import LearningRateSchedule
from corten.optimizers.schedules.warmup import WarmupSchedule
from corten.transformers.training.base import TrainerParts
from corten.variable import Variable

_NORMALIZATION = re.compile(r"norm(alization)?", re.IGNORECASE)
_NOT_DECAYED = re.compile(r"(^|[_/.])(bias|beta|gamma)$")


class PlateauSchedule:
    """Lowers the learning rate when the metric of the evaluations stops getting better.

    Args:
        optimizer: The optimizer, whose learning rate is a number.
        mode: 'min' or 'max': what is better.
        factor: By what the rate is multiplied.
        patience: How many evaluations may be no better before that.
        threshold: By which share of the best value a better one must be better.
        cooldown: Evaluations after that which do not count.
        min_lr: The lowest rate.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html

    Example:
        >>> from corten.optimizers import AdamW
        >>> optimizer = AdamW(0.5)
        >>> plateau = PlateauSchedule(optimizer, patience=0, factor=0.5)
        >>> for loss in (1.0, 1.0):
        ...     plateau.step(loss)
        >>> float(optimizer.learning_rate)
        0.25
    """

    def __init__(
        self,
        optimizer: Any,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"reduce_lr_on_plateau: mode must be 'min' or 'max'; got {mode!r}")
        if not 0.0 < factor < 1.0:
            raise ValueError(f"reduce_lr_on_plateau: factor must be between 0 and 1; got {factor!r}")
        self._optimizer = optimizer
        self._mode, self._factor, self._patience = mode, factor, patience
        self._threshold, self._cooldown, self._min_lr = threshold, cooldown, min_lr
        self._best: float | None = None
        self._bad = self._resting = 0

    def step(self, value: float) -> None:
        """Takes the metric of an evaluation."""
        if self._is_better(value):
            self._best, self._bad = value, 0
        else:
            self._bad += 1
        if self._resting:
            self._resting -= 1
            self._bad = 0
        if self._bad > self._patience:
            rate = float(self._optimizer.learning_rate)
            self._optimizer.learning_rate = max(rate * self._factor, self._min_lr)
            self._resting, self._bad = self._cooldown, 0

    def _is_better(self, value: float) -> bool:
        if self._best is None:
            return True
        if self._mode == "min":
            return value < self._best * (1.0 - self._threshold)
        return value > self._best * (1.0 + self._threshold)

    def get_state(self) -> dict[str, Any]:
        """Gives what must be remembered where training goes on."""
        return {"best": self._best, "bad": self._bad, "resting": self._resting}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes what `get_state` gave."""
        self._best, self._bad, self._resting = state["best"], state["bad"], state["resting"]


def is_decayed(layer: Any, variable: Any) -> bool:
    """Whether weight decay applies to a variable of a layer: not to biases, and not to normalizations.

    Example:
        >>> import corten
        >>> layer = corten.layers.Dense(2)
        >>> layer.build((None, 3))
        >>> [is_decayed(layer, variable) for variable in layer.trainable_variables]
        [True, False]
    """
    if _NORMALIZATION.search(type(layer).__name__):
        return False
    return not _NOT_DECAYED.search(variable.name)


class TrainerOptimization(TrainerParts):
    """The optimizer and the schedule."""

    _optimizer_class: Any
    _given_optimizer: bool

    def get_decay_parameter_names(self, model: Any = None) -> list[str]:
        """Gives the paths of the variables that weight decay applies to."""
        found = self._decayed_variables(self.model if model is None else model)
        return [variable.path for variable in found]

    def _decayed_variables(self, model: Any) -> list[Variable]:
        seen: dict[int, tuple[Any, Any]] = {}
        for layer in model._flatten_layers():
            for variable in layer.trainable_variables if not layer._layers else _own_variables(layer):
                seen.setdefault(id(variable), (layer, variable))
        return [variable for layer, variable in seen.values() if is_decayed(layer, variable)]

    def create_optimizer(self, model: Any = None) -> Any:
        """Makes the optimizer of the arguments, unless there is one, and gives it.

        Weight decay is decoupled and leaves out biases and the weights of normalizations.

        Raises:
            ValueError: `optim_args` has a setting that the optimizer does not know.
        """
        if self.optimizer is not None:
            return self.optimizer
        from corten import optimizers

        args, model = self.args, self.model if model is None else model
        settings: dict[str, Any] = {"weight_decay": args.weight_decay}
        adam = {"beta_1": args.adam_beta1, "beta_2": args.adam_beta2, "epsilon": args.adam_epsilon}
        if self._optimizer_class is not None:
            kind, given = self._optimizer_class
            settings = dict(given)
        else:
            kinds = {
                "adamw": optimizers.AdamW,
                "adafactor": optimizers.Adafactor,
                "adagrad": optimizers.Adagrad,
                "lion": optimizers.Lion,
                "rmsprop": optimizers.RMSprop,
                "sgd": optimizers.SGD,
            }
            kind = kinds[args.optimizer_name]
            if args.optimizer_name == "adamw":
                settings.update(adam)
            elif args.optimizer_name == "lion":
                settings.update(beta_1=args.adam_beta1, beta_2=args.adam_beta2)
            settings.update(args.optimizer_settings())
        settings.setdefault("learning_rate", args.learning_rate)
        self.optimizer = kind(**settings)
        decayed = {id(variable) for variable in self._decayed_variables(model)}
        self.optimizer.exclude_from_weight_decay(
            var_list=[variable for variable in model.trainable_variables if id(variable) not in decayed]
        )
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Makes the schedule of the arguments, unless there is one, sets it in the optimizer and gives it.

        Args:
            num_training_steps: Updates of the whole training.
            optimizer: The optimizer; that of the Trainer if None.
        """
        optimizer = self.optimizer if optimizer is None else optimizer
        args = self.args
        if self.lr_scheduler is None:
            settings = dict(args.lr_scheduler_kwargs or {})  # type: ignore[arg-type]
            if args.lr_scheduler_type == "reduce_lr_on_plateau":
                if args.eval_strategy == "no":
                    raise ValueError(
                        "Trainer: lr_scheduler_type='reduce_lr_on_plateau' needs evaluations: set "
                        "eval_strategy"
                    )
                settings.setdefault("mode", "max" if args.greater_is_better else "min")
                self.lr_scheduler = PlateauSchedule(optimizer, **settings)
                return self.lr_scheduler
            rate = optimizer._learning_rate
            # That of an optimizer of the user's is kept in 32 bits.
            highest = (
                float(rate) if self._given_optimizer and isinstance(rate, Variable) else args.learning_rate
            )
            self.lr_scheduler = WarmupSchedule(
                str(args.lr_scheduler_type),
                highest,
                args.get_warmup_steps(num_training_steps),
                num_training_steps,
                **settings,
            )
        if isinstance(self.lr_scheduler, LearningRateSchedule):
            optimizer.learning_rate = self.lr_scheduler
        return self.lr_scheduler

    def create_optimizer_and_scheduler(self, num_training_steps: int) -> None:
        """Makes both; the schedule is set in the optimizer."""
        self.create_optimizer()
        self.create_scheduler(num_training_steps, self.optimizer)

    def get_learning_rates(self) -> list[float]:
        """Gives the learning rate of the next update.

        Raises:
            ValueError: There is no optimizer yet.
        """
        if self.optimizer is None:
            raise ValueError(
                "Trainer: there is no optimizer before training starts; call create_optimizer first"
            )
        return [float(self.optimizer._current_rate(int(self.optimizer._iterations.value)))]

    def get_num_trainable_parameters(self) -> int:
        """Gives how many numbers are trained."""
        total = 0
        for variable in self.model.trainable_variables:
            count = 1
            for size in variable.shape:
                count *= int(size)
            total += count
        return total


def _own_variables(layer: Any) -> list[Any]:
    """The trainable variables of a layer that are not those of layers in it."""
    inner = {id(variable) for child in layer._layers for variable in child.trainable_variables}
    return [variable for variable in layer.trainable_variables if id(variable) not in inner]
