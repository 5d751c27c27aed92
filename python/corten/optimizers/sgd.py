"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with optional (Nesterov) momentum.

    `momentum == 0`: `w -= lr * g`. Otherwise `m = momentum * m - lr * g` and `w += m`, or with
    `nesterov` `w += momentum * m - lr * g`.

    Args:
        learning_rate: A float, a schedule, or a callable.
        momentum: Between 0 and 1.
        nesterov: Whether to use Nesterov's form.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0])
        >>> SGD(learning_rate=0.1).apply([ops.convert_to_tensor([5.0])], [w])
        >>> w.numpy().tolist()
        [0.5]
    """

    _rule = "sgd"

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Got momentum={momentum!r}.")
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums: list[Any] = []
        if self.momentum != 0:
            self.momentums = self.add_optimizer_variables(self._trainable_variables, "momentum")
        self._set_slots(*([self.momentums] if self.momentum != 0 else []))

    def _engine_arguments(self) -> dict[str, Any]:
        return {"momentum": float(self.momentum), "nesterov": self.nesterov}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        change = learning_rate * ops.cast(gradient, variable._dtype)
        if self.momentum == 0:
            self.assign_sub(variable, change)
            return
        momentum = self.momentums[self._get_variable_index(variable)]
        self.assign(momentum, self.momentum * momentum._value - change)
        self.assign_add(
            variable, self.momentum * momentum._value - change if self.nesterov else momentum._value
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
