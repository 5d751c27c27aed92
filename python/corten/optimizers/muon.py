"""Muon: orthogonalized momentum for matrices, AdamW for everything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.optimizers.optimizer import Optimizer


class Muon(Optimizer):
    """Orthogonalizes the momentum of matrices, so that all directions move alike; the rest gets AdamW.

    Args:
        learning_rate: A float, a schedule, or a callable.
        adam_beta_1: AdamW's first decay.
        adam_beta_2: AdamW's second decay.
        adam_weight_decay: AdamW's weight decay.
        epsilon: AdamW's epsilon.
        weight_decay: Weight decay of the matrices.
        exclude_layers: Regular expressions of paths that get AdamW, such as the output layer's.
        exclude_embeddings: Whether embeddings get AdamW.
        muon_a: First coefficient of the orthogonalizing iteration.
        muon_b: Second coefficient.
        muon_c: Third coefficient.
        adam_lr_ratio: AdamW's learning rate over Muon's.
        momentum: Momentum of the matrices.
        ns_steps: Iterations of the orthogonalization.
        nesterov: Whether to use Nesterov's form of momentum.
        rms_rate: Steps are scaled to this root mean square (as AdamW's are about 0.2); `None` for no scaling.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> w = corten.Variable([[1.0, 0.0], [0.0, 1.0]])
        >>> Muon(learning_rate=0.1).apply([ops.ones((2, 2))], [w])
        >>> w.shape
        (2, 2)
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        trained = self._trainable_variables
        self._momentums = self.add_optimizer_variables(trained, "momentum")
        self._velocities: list[Any] = [
            self.add_variable_from_reference(variable, name="velocity")
            if self._should_use_adamw(variable)
            else None
            for variable in trained
        ]

    def _should_use_adamw(self, variable: Any) -> bool:
        """Whether the variable is no matrix, an embedding, or excluded by its path."""
        if len(variable.shape) != 2:
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        gradient = ops.cast(gradient, variable._dtype)
        if self._should_use_adamw(variable):
            self._adamw_step(gradient, variable, learning_rate * self.adam_lr_ratio)
        else:
            self._muon_step(gradient, variable, learning_rate)

    def _muon_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        momentum = self._momentums[self._get_variable_index(variable)]
        self.assign(momentum, self.momentum * momentum._value + gradient)
        direction = gradient + self.momentum * momentum._value if self.nesterov else momentum._value
        direction = self.zeropower_via_newtonschulz5(direction, self.ns_steps)
        self.assign_sub(variable, self.lr_adjust(learning_rate * direction))

    def _adamw_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        step = int(self.iterations) + 1
        momentum, velocity = self._momentums[index], self._velocities[index]
        self.assign_add(momentum, (gradient - momentum._value) * (1.0 - self.adam_beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity._value) * (1.0 - self.adam_beta_2))
        scale = learning_rate * (1.0 - self.adam_beta_2**step) ** 0.5 / (1.0 - self.adam_beta_1**step)
        self.assign_sub(variable, momentum._value * scale / (ops.sqrt(velocity._value) + self.epsilon))

    def lr_adjust(self, x: Any) -> Any:
        """Scales a step so that its root mean square does not depend on the matrix's shape."""
        if self.rms_rate is None:
            return x
        return x * (max(x.shape[0], x.shape[1]) ** 0.5 * self.rms_rate)

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Moves all singular values towards 1 by a polynomial iteration, without decomposing."""
        tall = x.shape[-2] > x.shape[-1]
        if tall:
            x = ops.swapaxes(x, -1, -2)
        x = x / (ops.sqrt(ops.sum(ops.square(x), axis=(-2, -1), keepdims=True)) + 1e-7)
        for _ in range(steps):
            gram = ops.matmul(x, ops.swapaxes(x, -1, -2))
            x = self.muon_a * x + ops.matmul(self.muon_b * gram + self.muon_c * ops.matmul(gram, gram), x)
        return ops.swapaxes(x, -1, -2) if tall else x

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        rate = self._current_rate(int(self.iterations))
        for variable in variables:
            if self._use_weight_decay(variable):
                decay = self.adam_weight_decay if self._should_use_adamw(variable) else self.weight_decay
                if decay:
                    variable.assign(variable._value * (1.0 - decay * rate))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "adam_weight_decay": self.adam_weight_decay,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "exclude_embeddings": self.exclude_embeddings,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "rms_rate": self.rms_rate,
        }
