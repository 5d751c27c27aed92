"""The base of all optimizers: state, learning rate, clipping, decay, averaging, accumulation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import Any

from corten import _core, naming, ops
from corten._state import uninterrupted
from corten.identifiers import serialize_object
from corten.optimizers import gradients as gradient_tools
from corten.optimizers.schedules.schedule import LearningRateSchedule
from corten.optimizers.state import OptimizerState
from corten.variable import Variable


class Optimizer(OptimizerState):
    """Updates variables from gradients: `apply(gradients, variables)`.

    A subclass writes `build` (its own state, through `add_variable_from_reference`) and
    `update_step(gradient, variable, learning_rate)`; the built-in ones also name a rule of the
    engine that updates all variables in one call.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: Share of each variable (times the learning rate) taken off per step.
        clipnorm: Largest norm of each gradient.
        clipvalue: Largest absolute value of each gradient element.
        global_clipnorm: Largest norm of all gradients together.
        use_ema: Keep an exponential moving average of the variables.
        ema_momentum: How much of the average each step keeps.
        ema_overwrite_frequency: Copy the average into the variables every so many steps;
            `None` only at the end of `fit`.
        loss_scale_factor: The loss is multiplied and the gradients divided by it.
        gradient_accumulation_steps: Update once per so many gradients, with their mean.
        name: Name of the optimizer.

    Example:
        >>> import corten
        >>> class SignDescent(Optimizer):
        ...     def update_step(self, gradient, variable, learning_rate):
        ...         self.assign_sub(variable, learning_rate * ops.sign(gradient))
        >>> weight = corten.Variable([1.0, 2.0])
        >>> SignDescent(learning_rate=0.5).apply([ops.convert_to_tensor([3.0, -0.1])], [weight])
        >>> weight.numpy().tolist()
        [0.5, 2.5]
    """

    # The engine's rule, or `None` to call `update_step` for each variable.
    _rule: str | None = None
    # Attributes besides the variables that a checkpoint of training holds.
    _plain_state: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("decay", None) is not None:
            warnings.warn(
                "Argument `decay` is no longer supported and will be ignored; use a learning-rate"
                " schedule such as"
                " corten.optimizers.schedules.InverseTimeDecay.",
                stacklevel=3,
            )
        if kwargs:
            hint = " The step size is given as `learning_rate`." if "lr" in kwargs else ""
            raise ValueError(f"{type(self).__name__}: Argument(s) not recognized: {', '.join(kwargs)}.{hint}")
        limits = (clipnorm, clipvalue, global_clipnorm)
        if sum(limit is not None for limit in limits) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set; got"
                f" clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}."
            )
        if use_ema:
            if not 0 <= ema_momentum <= 1:
                raise ValueError(f"`ema_momentum` must be in the range [0, 1]; got {ema_momentum}.")
            if ema_overwrite_frequency is not None and (
                not isinstance(ema_overwrite_frequency, int) or ema_overwrite_frequency < 1
            ):
                raise ValueError(
                    "`ema_overwrite_frequency` must be an integer >= 1 or None; got"
                    f" {ema_overwrite_frequency}."
                )
        if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
            raise ValueError(
                "`gradient_accumulation_steps` must be an integer >= 2 or None; got"
                f" {gradient_accumulation_steps}."
            )
        self.name = name or naming.auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Variable] = []
        self._indices: dict[int, int] = {}
        self._slots: list[list[Variable]] = []
        self._excluded_variables: set[int] = set()
        self._excluded_names: list[str] = []
        self._decayed: list[bool] | None = None
        # On the CPU, where every step reads it.
        zero = _core.full((), 0, "int32", "cpu")
        self._iterations = self.add_variable((), lambda *_, **__: zero, dtype="int32", name="iteration")
        self._iterations._stays = True
        if isinstance(learning_rate, Mapping):
            from corten.optimizers.schedules import deserialize

            learning_rate = deserialize(learning_rate)
        if isinstance(learning_rate, LearningRateSchedule) or callable(learning_rate):
            self._learning_rate: Any = learning_rate
        else:
            if isinstance(learning_rate, str):
                raise ValueError(
                    f"{type(self).__name__}: `learning_rate` is a number, a schedule or a callable; got"
                    f" {learning_rate!r}."
                )
            self._learning_rate = self._learning_rate_variable(learning_rate)

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the state for these trainable variables."""
        variables = list(variables)
        self._trainable_variables = variables
        self._indices = {self._var_key(variable): index for index, variable in enumerate(variables)}
        self._model_variables_moving_average: list[Any] = []
        self._accumulated_gradients: list[Any] = []
        for variable in variables:
            overwritten = getattr(variable, "overwrite_with_gradient", False)
            if self.use_ema:
                self._model_variables_moving_average.append(
                    None if overwritten else self.add_variable_from_reference(variable, name="average")
                )
            if self.gradient_accumulation_steps:
                self._accumulated_gradients.append(
                    self.add_variable_from_reference(variable, name="gradient_accumulator")
                )
        self._decayed = None
        self.built = True

    # -- Applying gradients -----------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        """Applies pairs of (gradient, variable).

        Example:
            >>> import corten
            >>> v = corten.Variable([1.0])
            >>> opt = corten.optimizers.SGD(learning_rate=0.5)
            >>> _ = opt.apply_gradients([(ops.convert_to_tensor([1.0]), v)])
            >>> v.numpy().tolist()
            [0.5]
        """
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Makes one step from one gradient per variable (`None` where there is none).

        Args:
            grads: The gradients.
            trainable_variables: The variables; may be left out once the optimizer is built.
        """
        if len(grads) == 0:
            return
        with uninterrupted:
            self._apply_at_once(grads, trainable_variables)

    def _apply_at_once(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None) -> None:
        """All of `apply`, or after an error nothing."""
        recording = _core.set_grad_enabled(False)
        before = None
        try:
            variables = self._known_variables(grads, trainable_variables)
            before = self._before_update(variables)
            grads, variables = gradient_tools.filter_missing(grads, variables)
            if self.loss_scale_factor:
                factor = 1.0 / self.loss_scale_factor
                grads = [
                    gradient
                    if getattr(variable, "overwrite_with_gradient", False)
                    else ops.multiply(gradient, factor)
                    for gradient, variable in zip(grads, variables, strict=True)
                ]
            self._apply_unscaled(grads, variables)
        except BaseException:
            for variable, value in before or ():
                variable._set(value)
            raise
        finally:
            _core.set_grad_enabled(recording)

    def _before_update(self, variables: Sequence[Any]) -> list[tuple[Any, Any]] | None:
        """What to go back to if the update fails on its way; None where the engine does all or nothing."""
        simple = not (self.use_ema or self.gradient_accumulation_steps) and self._uses_engine()
        if simple and not any(variable._constraint is not None for variable in variables):
            return None
        # Detached, as the engine changes a tensor that nobody else holds.
        return [(variable, variable._value.detach()) for variable in (*variables, *self.variables)]

    def _apply_unscaled(self, grads: list[Any], variables: list[Any]) -> None:
        """The step proper: gradients are complete and divided by the loss scale."""
        step = int(self._iterations._value)
        self._backend_apply_gradients(grads, variables)
        for variable in variables:
            # The attribute behind the property: this runs for every variable of every step.
            if variable._constraint is not None:
                variable.assign(variable._constraint(variable._value))
        self._iterations._set(_core.full((), step + 1, "int32", "cpu"))

    def _known_variables(self, grads: Sequence[Any], variables: Sequence[Any] | None) -> Sequence[Any]:
        if variables is None:
            if not self.built:
                raise ValueError(
                    "When passing `grads` without `variables`, the optimizer must already be built on a"
                    " list of"
                    " variables. Call `optimizer.build(trainable_variables)` first."
                )
            if len(grads) != len(self._trainable_variables):
                raise ValueError(
                    "When passing `grads` as a list, there is one per variable of `build`; got"
                    f" {len(grads)} gradients for {len(self._trainable_variables)} variables."
                )
            return self._trainable_variables
        variables = list(variables)
        if not self.built:
            self.build(variables)
            self.built = True
        if len(grads) != len(variables):
            raise ValueError(
                f"There is one gradient per variable; got {len(grads)} for {len(variables)} variables."
            )
        own = self._trainable_variables
        if len(own) != len(variables) or not all(map(is_, own, variables)):
            for variable in variables:
                self._get_variable_index(variable)
        return variables

    def _backend_apply_gradients(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        """Accumulates, clips, decays, updates and averages."""
        steps = self.gradient_accumulation_steps
        if steps:
            accumulators = [
                self._accumulated_gradients[self._get_variable_index(variable)]
                for variable in trainable_variables
            ]
            sums = [
                ops.maximum(gradient, accumulator._value)
                if getattr(variable, "overwrite_with_gradient", False)
                else ops.add(accumulator._value, gradient)
                for gradient, variable, accumulator in zip(
                    grads, trainable_variables, accumulators, strict=True
                )
            ]
            if (int(self._iterations._value) + 1) % steps:
                for accumulator, total in zip(accumulators, sums, strict=True):
                    accumulator.assign(total)
            else:
                self._clip_and_update(
                    [
                        total if getattr(variable, "overwrite_with_gradient", False) else total / steps
                        for total, variable in zip(sums, trainable_variables, strict=True)
                    ],
                    trainable_variables,
                )
                for accumulator in accumulators:
                    accumulator.assign(ops.zeros_like(accumulator._value))
        else:
            self._clip_and_update(grads, trainable_variables)
        if self.use_ema:
            self._update_model_variables_moving_average(self._trainable_variables)
            if (
                self.ema_overwrite_frequency
                and (int(self.iterations) + 1) % self.ema_overwrite_frequency == 0
            ):
                self._overwrite_model_variables_with_average_value(self._trainable_variables)

    def _clip_and_update(self, grads: list[Any], variables: list[Any]) -> None:
        if [variable for variable in variables if variable.overwrite_with_gradient]:
            grads, variables = self._overwrite_variables_directly_with_gradients(grads, variables)
            if not variables:
                return
        grads = self._clip_gradients(grads)
        # `iterations` counts updates, which are fewer than calls where gradients are accumulated.
        updates = self.iterations if self.gradient_accumulation_steps else self._iterations._value
        rate = self._current_rate(int(updates))
        if self._uses_engine():
            self._engine_step(grads, variables, rate)
            return
        self._apply_weight_decay(variables)
        self._backend_update_step(grads, variables, rate)

    def _overwrite_variables_directly_with_gradients(
        self, grads: list[Any], variables: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Assigns gradients to the variables that ask for it; gives the others back."""
        kept: list[tuple[Any, Any]] = []
        for gradient, variable in zip(grads, variables, strict=True):
            if variable.overwrite_with_gradient:
                variable.assign(gradient)
            else:
                kept.append((gradient, variable))
        return [gradient for gradient, _ in kept], [variable for _, variable in kept]

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        """Updates the variables one after another."""
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(ops.convert_to_tensor(gradient), variable, learning_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """The rule for one variable; written by the subclass with `corten.ops` and `assign`."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define `update_step(self, gradient, variable, learning_rate)`."
        )

    # -- The engine's rules -----------------------------------------------------------------------

    def _uses_engine(self) -> bool:
        """Whether the engine's rule applies: it does not if a subclass wrote its own step or decay."""
        cls = type(self)
        cached = cls.__dict__.get("_engine_decision")
        if cached is None:
            order = cls.__mro__
            rule_at = next((i for i, base in enumerate(order) if "_rule" in vars(base)), len(order))
            own = ("update_step", "_apply_weight_decay", "_backend_update_step", "_use_weight_decay")
            written = [
                i
                for i, base in enumerate(order)
                for name in own
                if name in vars(base) and base is not Optimizer
            ]
            cached = cls._rule is not None and all(i >= rule_at for i in written)
            cls._engine_decision = cached  # type: ignore[attr-defined]
        return bool(cached)

    def _engine_arguments(self) -> dict[str, Any]:
        """The rule's hyper-parameters for this step."""
        raise NotImplementedError

    def _engine_step(self, grads: list[Any], variables: list[Any], rate: float) -> None:
        """One call of the engine for all variables."""
        rule = self._rule
        assert rule is not None
        slots, decayed = self._slots, self._decayed
        if decayed is None:
            decayed = self._decayed = [self._use_weight_decay(v) for v in self._trainable_variables]
        if len(variables) != len(self._trainable_variables) or not all(
            map(is_, variables, self._trainable_variables)
        ):
            where = [self._get_variable_index(variable) for variable in variables]
            slots, decayed = [slots[i] for i in where], [decayed[i] for i in where]
        decay = rate * self.weight_decay if self.weight_decay else 0.0
        _core.optimizer_step(
            rule,
            self._engine_arguments(),
            [variable._value for variable in variables],
            grads,
            [[slot._value for slot in own] for own in slots],
            rate,
            [decay if use else 0.0 for use in decayed],
        )

    def _set_slots(self, *columns: list[Variable]) -> None:
        """Says which state the engine's rule gets for each variable, in the rule's order."""
        count = len(self._trainable_variables)
        self._slots = [[column[i] for column in columns] for i in range(count)]

    # -- Clipping, decay, averaging ---------------------------------------------------------------

    def _clip_gradients(self, grads: Sequence[Any]) -> list[Any]:
        if self.clipnorm and self.clipnorm > 0:
            return [gradient_tools.clip_by_norm(gradient, self.clipnorm) for gradient in grads]
        if self.global_clipnorm and self.global_clipnorm > 0:
            return gradient_tools.clip_by_global_norm(grads, self.global_clipnorm)
        if self.clipvalue and self.clipvalue > 0:
            return [gradient_tools.clip_by_value(gradient, self.clipvalue) for gradient in grads]
        return list(grads)

    def exclude_from_weight_decay(self, var_list: Sequence[Any] | None = None, var_names: Any = None) -> None:
        """Names variables that `weight_decay` leaves alone; to be called before the first step.

        Args:
            var_list: The variables.
            var_names: Regular expressions searched in the variables' names, such as `['bias']`.
        """
        if self.built:
            raise ValueError(
                "`exclude_from_weight_decay()` can only be configured before the optimizer is built."
            )
        self._excluded_variables = {self._var_key(variable) for variable in var_list or []}
        self._excluded_names = [var_names] if isinstance(var_names, str) else list(var_names or [])
        self._decayed = None

    def _use_weight_decay(self, variable: Any) -> bool:
        if self._var_key(variable) in self._excluded_variables:
            return False
        return not any(re.search(pattern, variable.name) for pattern in self._excluded_names)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        if self.weight_decay is None:
            return
        share = self.weight_decay * self._current_rate(int(self.iterations))
        for variable in variables:
            if self._use_weight_decay(variable):
                variable.assign(variable._value * (1.0 - share))

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[Any]) -> None:
        momentum = self.ema_momentum if int(self.iterations) else 0.0
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            if average is not None:
                average.assign(momentum * average._value + (1.0 - momentum) * variable._value)

    def _overwrite_model_variables_with_average_value(self, trainable_variables: Sequence[Any]) -> None:
        if len(trainable_variables) != len(self._model_variables_moving_average):
            raise ValueError(
                f"The optimizer averages {len(self._model_variables_moving_average)} variables; got"
                f" {len(trainable_variables)} to overwrite."
            )
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            if average is not None:
                variable.assign(average._value)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Puts the values that training ends with into the variables (their average if `use_ema`)."""
        if self.use_ema and self.built:
            self._overwrite_model_variables_with_average_value(var_list)

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`; `apply` divides the gradients by it."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": float(rate._value) if isinstance(rate, Variable) else serialize_object(rate),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Optimizer:
        """Makes an equal optimizer from `get_config`'s dict."""
        rate = config.get("learning_rate")
        if isinstance(rate, Mapping):
            from corten.optimizers.schedules import deserialize

            config = {**config, "learning_rate": deserialize(rate, custom_objects)}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
