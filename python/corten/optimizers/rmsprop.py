"""RMSprop: steps divided by a moving root mean square of the gradients."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """Divides each step by the root of a moving mean of squared gradients.

    `v = rho * v + (1 - rho) * g^2`, step `lr * g / sqrt(v + epsilon)`; `centered` takes the moving
    mean's square off `v`; with `momentum` the steps are accumulated.

    Args:
        learning_rate: A float, a schedule, or a callable.
        rho: How much of the mean each step keeps.
        momentum: Momentum of the steps.
        epsilon: Keeps the division finite.
        centered: Whether to estimate the variance instead of the second moment.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> RMSprop(learning_rate=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.6838 2.3162]
    """

    _rule = "rmsprop"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        trained = self._trainable_variables
        self._velocities = self.add_optimizer_variables(trained, "velocity")
        self._momentums: list[Any] = []
        self._average_gradients: list[Any] = []
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(trained, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(trained, "average_gradient")
        self._set_slots(
            *(column for column in (self._velocities, self._momentums, self._average_gradients) if column)
        )

    def _engine_arguments(self) -> dict[str, Any]:
        return {
            "rho": self.rho,
            "momentum": float(self.momentum),
            "epsilon": self.epsilon,
            "centered": self.centered,
        }

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        gradient = ops.cast(gradient, variable._dtype)
        velocity = self._velocities[index]
        self.assign(velocity, self.rho * velocity._value + (1.0 - self.rho) * ops.square(gradient))
        spread = velocity._value + self.epsilon
        if self.centered:
            average = self._average_gradients[index]
            self.assign(average, self.rho * average._value + (1.0 - self.rho) * gradient)
            spread = spread - ops.square(average._value)
        change = learning_rate * gradient * ops.rsqrt(spread)
        if self.momentum > 0:
            momentum = self._momentums[index]
            self.assign(momentum, self.momentum * momentum._value + change)
            change = momentum._value
        self.assign_sub(variable, change)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
