"""Schedule-free AdamW: an averaged iterate instead of a learning-rate schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.optimizers.optimizer import Optimizer


class ScheduleFreeAdamW(Optimizer):
    """AdamW that averages its iterates, so that no schedule or end of training need be planned.

    Gradients are taken at `y = (1 - beta_1) * z + beta_1 * x`, which the variables hold during
    training; `z` moves by Adam's normalized gradient and `x` is the weighted mean of all `z`. At the
    end of `fit` the variables get `x`, the values to use.

    Args:
        learning_rate: A float, a schedule, or a callable.
        beta_1: Weight of the average in the point where gradients are taken.
        beta_2: How much of the second moment each step keeps.
        epsilon: Keeps the division finite.
        warmup_steps: Steps over which the rate rises linearly.
        weight_decay: Share of each variable, times the rate, taken off per step.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0])
        >>> ScheduleFreeAdamW(learning_rate=0.1).apply([ops.convert_to_tensor([1.0])], [w])
        >>> bool(w.numpy()[0] < 1.0)
        True
    """

    _plain_state = ("_holds_average",)

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        if not 0 < beta_1 < 1:
            raise ValueError(f"ScheduleFreeAdamW: `beta_1` must lie between 0 and 1; got {beta_1}.")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps
        self._holds_average = False

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        trained = self._trainable_variables
        self._z, self._velocities = self.add_optimizer_variables(trained, ["z", "velocity"])
        for variable, z in zip(trained, self._z, strict=True):
            if z is not None:
                z.assign(variable._value)
        self._weight_sum = self.add_variable((), name="weight_sum")
        self._largest_rate = self.add_variable((), name="largest_rate")

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if self._holds_average:
            self._average_to_training_point()
        step = int(self.iterations) + 1
        rate = float(learning_rate) * (min(1.0, step / self.warmup_steps) if self.warmup_steps else 1.0)
        # As in Keras, a step's share in the average follows the rate without the warm-up.
        largest = max(float(learning_rate), float(self._largest_rate._value))
        total = float(self._weight_sum._value) + largest**2
        self._share = largest**2 / total if total > 0 else 0.0
        self._largest_rate.assign(largest)
        self._weight_sum.assign(total)
        super()._backend_update_step(grads, trainable_variables, rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        gradient = ops.cast(gradient, variable._dtype)
        z, velocity = self._z[index], self._velocities[index]
        point = variable._value
        self.assign(velocity, self.beta_2 * velocity._value + (1.0 - self.beta_2) * ops.square(gradient))
        second = velocity._value / (1.0 - self.beta_2 ** (int(self.iterations) + 1))
        change = gradient / (ops.sqrt(second) + self.epsilon)
        share = self._share
        # The new y, written without keeping x: x = (y - (1 - beta_1) z) / beta_1.
        point = (
            point + share * (z._value - point) + learning_rate * (self.beta_1 * (1.0 - share) - 1.0) * change
        )
        self.assign(variable, point)
        self.assign_sub(z, learning_rate * change)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        super().finalize_variable_values(var_list)
        if not self.built or self._holds_average or self.use_ema:
            return
        for variable, z in zip(self._trainable_variables, self._z, strict=True):
            if z is not None:
                variable.assign((variable._value - (1.0 - self.beta_1) * z._value) / self.beta_1)
        self._holds_average = True

    def _average_to_training_point(self) -> None:
        """Training goes on after `finalize_variable_values`: back from x to y."""
        for variable, z in zip(self._trainable_variables, self._z, strict=True):
            if z is not None:
                variable.assign(self.beta_1 * variable._value + (1.0 - self.beta_1) * z._value)
        self._holds_average = False

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
