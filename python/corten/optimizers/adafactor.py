"""Adafactor: second moments kept as row and column means, for large matrices."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.optimizers.optimizer import Optimizer


class Adafactor(Optimizer):
    """Adam-like steps whose second moment of a matrix is the product of its row and column means.

    Args:
        learning_rate: A float, a schedule, or a callable.
        beta_2_decay: Exponent of the decay of the second moment.
        epsilon_1: Keeps the division finite.
        epsilon_2: Smallest size of a variable that steps are scaled by.
        clip_threshold: Largest root mean square of a step before scaling.
        relative_step: Whether the rate also falls with the root of the step count.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0, 2.0])
        >>> Adafactor(learning_rate=0.1).apply([ops.convert_to_tensor([1.0, -1.0])], [w])
        >>> print(w.numpy().round(4))
        [0.8419 2.1581]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self._r: list[Any] = []
        self._c: list[Any] = []
        self._v: list[Any] = []
        for variable in self._trainable_variables:
            shape, label = tuple(variable.shape), variable.path.replace("/", "_")
            if len(shape) < 2:
                self._r.append(None)
                self._c.append(None)
                self._v.append(self.add_variable_from_reference(variable, name="velocity"))
            else:
                self._r.append(self.add_variable(shape[:-1], dtype=variable._dtype, name=f"{label}_row"))
                self._c.append(
                    self.add_variable((*shape[:-2], shape[-1]), dtype=variable._dtype, name=f"{label}_column")
                )
                self._v.append(None)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        step = int(self.iterations) + 1
        gradient = ops.cast(gradient, variable._dtype)
        rate = float(learning_rate)
        # Keras caps the rate so with and without `relative_step`; its numbers are the reference.
        rate = min(rate, step**-0.5)
        rate *= max(self.epsilon_2, _root_mean_square(variable._value))
        keep = 1.0 - step**self.beta_2_decay
        squares = ops.square(gradient) + self.epsilon_1
        row, column, velocity = self._r[index], self._c[index], self._v[index]
        if row is not None:
            self.assign(row, keep * row._value + (1.0 - keep) * ops.mean(squares, axis=-1))
            self.assign(column, keep * column._value + (1.0 - keep) * ops.mean(squares, axis=-2))
            share = row._value / ops.mean(row._value, axis=-1, keepdims=True)
            second = ops.expand_dims(share, -1) * ops.expand_dims(column._value, -2)
        else:
            self.assign(velocity, keep * velocity._value + (1.0 - keep) * squares)
            second = velocity._value
        change = gradient * ops.rsqrt(second)
        limit = max(1.0, _root_mean_square(change) / self.clip_threshold)
        self.assign_sub(variable, (rate / limit) * change)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }


def _root_mean_square(x: Any) -> float:
    return float(ops.sqrt(ops.mean(ops.square(x))))
