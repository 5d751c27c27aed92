"""Lion: the sign of a mean of gradients."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.optimizers.optimizer import Optimizer


class Lion(Optimizer):
    """Steps of equal size in the direction of the sign of an average of gradients.

    Args:
        learning_rate: A float, a schedule, or a callable; three to ten times less than for Adam.
        beta_1: Weight of the average against the current gradient.
        beta_2: How much of the average each step keeps.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> Lion(learning_rate=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.9 2.1]
    """

    _rule = "lion"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        if beta_1 <= 0 or beta_1 > 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates to"
                " SignSGD."
                f" Received: beta_1={beta_1}."
            )

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(self._trainable_variables, "momentum")
        self._set_slots(self._momentums)

    def _engine_arguments(self) -> dict[str, Any]:
        return {"beta_1": self.beta_1, "beta_2": self.beta_2}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        momentum = self._momentums[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable._dtype)
        direction = ops.sign(momentum._value * self.beta_1 + gradient * (1.0 - self.beta_1))
        self.assign_sub(variable, learning_rate * direction)
        self.assign(momentum, momentum._value * self.beta_2 + gradient * (1.0 - self.beta_2))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
