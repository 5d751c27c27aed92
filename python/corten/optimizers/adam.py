"""Adam and its relatives."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Steps along the mean of past gradients, divided by the root of the mean of their squares.

    Args:
        learning_rate: A float, a schedule, or a callable.
        beta_1: How much of the first moment each step keeps.
        beta_2: How much of the second moment each step keeps.
        epsilon: Keeps the division finite.
        amsgrad: Whether to divide by the largest second moment so far.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> Adam(learning_rate=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.9 2.1]
    """

    _rule = "adam"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        trained = self._trainable_variables
        self._momentums, self._velocities = self.add_optimizer_variables(trained, ["momentum", "velocity"])
        self._velocity_hats: list[Any] = []
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(trained, "velocity_hat")
        self._set_slots(self._momentums, self._velocities, *([self._velocity_hats] if self.amsgrad else []))

    def _engine_arguments(self) -> dict[str, Any]:
        return {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
            "step": int(self.iterations) + 1,
        }

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        step = int(self.iterations) + 1
        gradient = ops.cast(gradient, variable._dtype)
        momentum, velocity = self._momentums[index], self._velocities[index]
        self.assign_add(momentum, (gradient - momentum._value) * (1.0 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity._value) * (1.0 - self.beta_2))
        second = velocity._value
        if self.amsgrad:
            largest = self._velocity_hats[index]
            self.assign(largest, ops.maximum(largest._value, second))
            second = largest._value
        scale = learning_rate * (1.0 - self.beta_2**step) ** 0.5 / (1.0 - self.beta_1**step)
        self.assign_sub(variable, momentum._value * scale / (ops.sqrt(second) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam with decoupled weight decay: `w -= lr * weight_decay * w` beside Adam's step.

    Args:
        learning_rate: A float, a schedule, or a callable.
        weight_decay: Share of each variable, times the learning rate, taken off per step.
        beta_1: How much of the first moment each step keeps.
        beta_2: How much of the second moment each step keeps.
        epsilon: Keeps the division finite.
        amsgrad: Whether to divide by the largest second moment so far.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> AdamW(learning_rate=0.1, weight_decay=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.89 2.08]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
            weight_decay=weight_decay,
            **kwargs,
        )
        if self.weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")


class Adamax(Optimizer):
    """Adam with the largest gradient so far, decayed, in place of the second moment.

    Args:
        learning_rate: A float, a schedule, or a callable.
        beta_1: How much of the first moment each step keeps.
        beta_2: How much of the second moment each step keeps.
        epsilon: Keeps the division finite.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> Adamax(learning_rate=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.9 2.1]
    """

    _rule = "adamax"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self._m, self._u = self.add_optimizer_variables(self._trainable_variables, ["momentum", "norm"])
        self._set_slots(self._m, self._u)

    def _engine_arguments(self) -> dict[str, Any]:
        return {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "step": int(self.iterations) + 1,
        }

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        step = int(self.iterations) + 1
        gradient = ops.cast(gradient, variable._dtype)
        momentum, norm = self._m[index], self._u[index]
        self.assign_add(momentum, (gradient - momentum._value) * (1.0 - self.beta_1))
        self.assign(norm, ops.maximum(self.beta_2 * norm._value, ops.abs(gradient)))
        scale = learning_rate / (1.0 - self.beta_1**step)
        self.assign_sub(variable, scale * momentum._value / (norm._value + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Nadam(Optimizer):
    """Adam with Nesterov momentum.

    Args:
        learning_rate: A float, a schedule, or a callable.
        beta_1: How much of the first moment each step keeps.
        beta_2: How much of the second moment each step keeps.
        epsilon: Keeps the division finite.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> Nadam(learning_rate=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.8937 2.1063]
    """

    _rule = "nadam"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        trained = self._trainable_variables
        self._momentums, self._velocities = self.add_optimizer_variables(trained, ["momentum", "velocity"])
        # The product of the momentum schedule over all steps so far.
        dtype = "float64" if any(variable._dtype == "float64" for variable in trained) else None
        self._u_product = self.add_variable((), initializer="ones", dtype=dtype, name="u_product")
        self._set_slots(self._momentums, self._velocities)

    def _engine_arguments(self) -> dict[str, Any]:
        return {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "step": int(self.iterations) + 1,
            "u_product": float(self._u_product._value),
        }

    def _momentum_at(self, step: int) -> float:
        return self.beta_1 * (1.0 - 0.5 * 0.96**step)

    def _engine_step(self, grads: list[Any], variables: list[Any], rate: float) -> None:
        super()._engine_step(grads, variables, rate)
        self._advance()

    def _advance(self) -> None:
        self._u_product.assign(float(self._u_product._value) * self._momentum_at(int(self.iterations) + 1))

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        super()._backend_update_step(grads, trainable_variables, learning_rate)
        self._advance()

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        step = int(self.iterations) + 1
        gradient = ops.cast(gradient, variable._dtype)
        momentum, velocity = self._momentums[index], self._velocities[index]
        now, following = self._momentum_at(step), self._momentum_at(step + 1)
        product = float(self._u_product._value) * now
        self.assign_add(momentum, (gradient - momentum._value) * (1.0 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity._value) * (1.0 - self.beta_2))
        first = following * momentum._value / (1.0 - product * following) + (1.0 - now) * gradient / (
            1.0 - product
        )
        second = velocity._value / (1.0 - self.beta_2**step)
        self.assign_sub(variable, learning_rate * first / (ops.sqrt(second) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
