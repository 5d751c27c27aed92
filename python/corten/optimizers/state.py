"""What an optimizer keeps between steps: its variables, the learning rate, the step count."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from corten import _core, config, initializers, ops
from corten.naming import at_path
from corten.optimizers.schedules.schedule import LearningRateSchedule, fast_rate
from corten.variable import Variable


class OptimizerState:
    """The part of `Optimizer` that holds, saves and swaps state; `Optimizer` adds the steps."""

    name: str
    built: bool
    gradient_accumulation_steps: int | None
    _variables: list[Variable]
    _trainable_variables: list[Any]
    _indices: dict[int, int]
    _iterations: Variable
    _learning_rate: Any

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Makes one step."""
        raise NotImplementedError

    # -- Learning rate and step count ---------------------------------------------------------------

    def _learning_rate_variable(self, value: Any) -> Variable:
        with at_path(self.name):
            # On the CPU, where every step reads it.
            first = _core.tensor(float(value), config.floatx(), "cpu")
            variable = Variable(first, trainable=False, name="learning_rate")
            variable._stays = True
        # Second in `variables`, right after the step count, whenever it is made.
        self._variables.insert(1, variable)
        return variable

    @property
    def learning_rate(self) -> Any:
        """The learning-rate variable, or the current value of the schedule."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        return rate(self.iterations) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        current = self._learning_rate
        if isinstance(value, LearningRateSchedule) or (callable(value) and not hasattr(value, "shape")):
            if isinstance(current, Variable):
                self._variables = [variable for variable in self._variables if variable is not current]
            self._learning_rate = value
        elif isinstance(current, Variable):
            current.assign(value)
        else:
            self._learning_rate = self._learning_rate_variable(value)

    def _current_rate(self, step: int) -> float:
        """The learning rate of this step (counted from 0) as a Python number."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return float(rate._value)
        fast = fast_rate(rate)
        if fast is not None:
            return fast(step)
        return float(self.learning_rate)

    @property
    def iterations(self) -> Any:
        """How many updates were made."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @iterations.setter
    def iterations(self, variable: Variable) -> None:
        if self.built:
            raise RuntimeError("Cannot set `iterations` to a new variable after the optimizer was built.")
        self._variables = [variable if known is self._iterations else known for known in self._variables]
        self._iterations = variable

    # -- State ------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """All state: step count, learning rate, then what the rule keeps."""
        return self._variables[:]

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: str | None = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Makes a state variable."""
        with at_path(self.name):
            variable = Variable(
                initializers.get(initializer),
                shape=tuple(shape),
                dtype=dtype or config.floatx(),
                trainable=False,
                aggregation=aggregation,
                name=name,
            )
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Makes a state variable of the shape and dtype of another variable."""
        path = getattr(reference_variable, "path", None) or reference_variable.name
        return self.add_variable(
            reference_variable.shape,
            initializer=initializer,
            dtype=getattr(reference_variable, "_dtype", None) or reference_variable.dtype,
            name=f"{path.replace('/', '_')}_{name or 'var'}",
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Any], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Makes one or several state variables per trainable variable; a list of lists for several names."""
        names = [name] if isinstance(name, str) else list(name)
        starts = (
            [initializer] * len(names) if not isinstance(initializer, (list, tuple)) else list(initializer)
        )
        made: list[list[Any]] = [[] for _ in names]
        for variable in trainable_variables:
            for column, label, start in zip(made, names, starts, strict=True):
                column.append(
                    None
                    if getattr(variable, "overwrite_with_gradient", False)
                    else self.add_variable_from_reference(variable, name=label, initializer=start)
                )
        return made[0] if isinstance(name, str) else made

    def _var_key(self, variable: Any) -> int:
        """What a variable is remembered by."""
        return id(variable)

    def _get_variable_index(self, variable: Any) -> int:
        """The position of a variable among those the optimizer was built with."""
        index = self._indices.get(self._var_key(variable))
        if index is None:
            raise ValueError(
                f"Unknown variable: {variable!r}. An optimizer serves the variables it was built with;"
                " for a new set"
                " make a new optimizer, or call `build` with all of them before the first step."
            )
        return index

    # -- For `update_step` ------------------------------------------------------------------------

    def assign(self, variable: Any, value: Any) -> None:
        """Sets a variable."""
        variable.assign(ops.cast(value, variable._dtype))

    def assign_add(self, variable: Any, value: Any) -> None:
        """Adds to a variable."""
        variable.assign(variable._value + ops.cast(value, variable._dtype))

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtracts from a variable."""
        variable.assign(variable._value - ops.cast(value, variable._dtype))

    # -- Stateless use ----------------------------------------------------------------------------

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """One step as a function: gives new values of the trainable and the optimizer's variables.

        Args:
            optimizer_variables: Values for `variables`.
            grads: The gradients.
            trainable_variables: Values for the variables of `build`.
        """
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its variables"
                " must have been"
                " created). You can build it via `optimizer.build(trainable_variables)`."
            )
        own, trained = self.variables, self._trainable_variables
        for given, known, what in (
            (optimizer_variables, own, "optimizer_variables"),
            (trainable_variables, trained, "trainable_variables"),
        ):
            if len(given) != len(known):
                raise ValueError(f"Argument `{what}` must hold {len(known)} values; got {len(given)}.")
        everything = [*trained, *own]
        before = [_core.copy(variable._value.detach()) for variable in everything]
        try:
            for variable, value in zip(everything, [*trainable_variables, *optimizer_variables], strict=True):
                variable.assign(value)
            self.apply(grads)
            after = [_core.copy(variable._value.detach()) for variable in everything]
        finally:
            for variable, value in zip(everything, before, strict=True):
                variable.assign(value)
        return after[: len(trained)], after[len(trained) :]

    # -- Saving -----------------------------------------------------------------------------------

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all state, in the order of `variables`."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call"
                " `optimizer.build(trainable_variables)` to create the optimizer weights before calling"
                " `set_weights()`."
            )
        for variable, value in zip(self.variables, weights, strict=True):
            if tuple(variable.shape) != tuple(value.shape):
                raise ValueError(
                    f"Optimizer variable {variable.path} has shape {tuple(variable.shape)}; the given"
                    " value has"
                    f" {tuple(value.shape)}."
                )
            variable.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Writes all state into a mapping, by position."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote; without a match it warns and changes nothing."""
        if len(store) != len(self.variables):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(self.variables)}"
                f" variables whereas the saved optimizer has {len(store)} variables.",
                stacklevel=2,
            )
            return
        for index, variable in enumerate(self.variables):
            variable.assign(store[str(index)])

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Variables are remembered by identity, which a copy changes.
        self._indices = {self._var_key(v): index for index, v in enumerate(self._trainable_variables)}
