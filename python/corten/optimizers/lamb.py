"""LAMB: Adam steps rescaled layer by layer, for very large batches."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.optimizers.optimizer import Optimizer


class Lamb(Optimizer):
    """Adam's direction, scaled per variable to the variable's own norm.

    Args:
        learning_rate: A float, a schedule, or a callable.
        beta_1: How much of the first moment each step keeps.
        beta_2: How much of the second moment each step keeps.
        epsilon: Keeps the division finite.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> Lamb(learning_rate=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.8419 2.1581]
    """

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
        self._momentums, self._velocities = self.add_optimizer_variables(
            self._trainable_variables, ["momentum", "velocity"]
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        step = int(self.iterations) + 1
        gradient = ops.cast(gradient, variable._dtype)
        momentum, velocity = self._momentums[index], self._velocities[index]
        self.assign_add(momentum, (gradient - momentum._value) * (1.0 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity._value) * (1.0 - self.beta_2))
        first = momentum._value / (1.0 - self.beta_1**step)
        change = first / (ops.sqrt(velocity._value / (1.0 - self.beta_2**step)) + self.epsilon)
        weight_norm = float(ops.sqrt(ops.sum(ops.square(variable._value))))
        change_norm = float(ops.sqrt(ops.sum(ops.square(change))))
        trust = weight_norm / change_norm if weight_norm > 0 and change_norm > 0 else 1.0
        self.assign_sub(variable, (trust * learning_rate) * change)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
