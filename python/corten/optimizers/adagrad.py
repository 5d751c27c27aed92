"""Adagrad and Adadelta: step sizes from the history of squared gradients."""

from __future__ import annotations

from typing import Any

from corten import initializers, ops
from corten.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """Divides each step by the root of the sum of all squared gradients so far.

    Args:
        learning_rate: A float, a schedule, or a callable.
        initial_accumulator_value: Where the sums start.
        epsilon: Keeps the division finite.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> Adagrad(learning_rate=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.9047 2.0953]
    """

    _rule = "adagrad"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
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
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(
            self._trainable_variables,
            "accumulator",
            initializer=initializers.Constant(self.initial_accumulator_value),
        )
        self._set_slots(self._accumulators)

    def _engine_arguments(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        accumulator = self._accumulators[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable._dtype)
        self.assign_add(accumulator, ops.square(gradient))
        self.assign_sub(variable, learning_rate * gradient / ops.sqrt(accumulator._value + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


class Adadelta(Optimizer):
    """Steps scaled by the ratio of past steps to past gradients.

    Args:
        learning_rate: A float, a schedule, or a callable; the paper uses 1.
        rho: How much of the means each step keeps.
        epsilon: Keeps the division finite.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> Adadelta(learning_rate=1.0).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.9986 2.0014]
    """

    _rule = "adadelta"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.rho = rho
        self.epsilon = epsilon

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            self._trainable_variables, ["accumulated_grad", "accumulated_delta_var"]
        )
        self._set_slots(self._accumulated_grads, self._accumulated_delta_vars)

    def _engine_arguments(self) -> dict[str, Any]:
        return {"rho": self.rho, "epsilon": self.epsilon}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        squares, deltas = self._accumulated_grads[index], self._accumulated_delta_vars[index]
        gradient = ops.cast(gradient, variable._dtype)
        self.assign(squares, self.rho * squares._value + (1.0 - self.rho) * ops.square(gradient))
        delta = -(ops.sqrt(deltas._value + self.epsilon) * gradient / ops.sqrt(squares._value + self.epsilon))
        self.assign(deltas, self.rho * deltas._value + (1.0 - self.rho) * ops.square(delta))
        self.assign_add(variable, learning_rate * delta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}
