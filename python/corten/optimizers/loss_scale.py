"""Dynamic loss scaling for training in float16."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.identifiers import serialize_object
from corten.optimizers.optimizer import Optimizer

_BASE_DEFAULTS: dict[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class LossScaleOptimizer(Optimizer):
    """Multiplies the loss so that float16 gradients do not vanish; steps with infinite gradients are skipped.

    Args:
        inner_optimizer: The optimizer that makes the steps.
        initial_scale: First factor; halved after each skipped step.
        dynamic_growth_steps: Good steps after which it is doubled.
        name: Name of the optimizer.
        **kwargs: Only `dynamic=True`, for older code.

    Example:
        >>> import corten
        >>> w = corten.Variable([1.0])
        >>> opt = LossScaleOptimizer(corten.optimizers.SGD(0.1), initial_scale=8.0)
        >>> opt.apply([ops.convert_to_tensor([8.0])], [w])
        >>> print(w.numpy().round(4))
        [0.9]
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer no longer supports `dynamic=False`. Instead, simply set"
                " `loss_scale_factor`"
                " directly on the `inner_optimizer`."
            )
        misplaced = [key for key in kwargs if key in _BASE_DEFAULTS]
        for key in misplaced:
            if kwargs.pop(key) != _BASE_DEFAULTS[key]:
                raise ValueError(
                    f"LossScaleOptimizer does not take `{key}`; set it on the `inner_optimizer` instead."
                )
        if kwargs:
            names = ", ".join(f"`{key}`" for key in kwargs)
            raise ValueError(f"LossScaleOptimizer does not support arguments: {names}.")
        self.inner_optimizer = inner_optimizer
        super().__init__(learning_rate=_no_rate, name=name)
        # Two factors at once would divide the gradients twice.
        for optimizer in (inner_optimizer, *getattr(inner_optimizer, "optimizers", ())):
            optimizer.loss_scale_factor = None
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), dtype="float32", name="dynamic_scale")
        self.dynamic_scale.assign(initial_scale)

    def build(self, variables: Any) -> None:
        if not self.built:
            super().build(variables)
            self.inner_optimizer.build(variables)

    @property
    def variables(self) -> list[Any]:
        """The scale's state, then the inner optimizer's."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        """The inner optimizer's count of updates."""
        return self.inner_optimizer.iterations

    @iterations.setter
    def iterations(self, variable: Any) -> None:
        self.inner_optimizer.iterations = variable

    def scale_loss(self, loss: Any) -> Any:
        return loss * self.dynamic_scale._value

    def _before_update(self, variables: Sequence[Any]) -> list[tuple[Any, Any]] | None:
        # The inner optimizer is the first to change anything.
        return self.inner_optimizer._before_update(variables)

    def _apply_unscaled(self, grads: list[Any], variables: list[Any]) -> None:
        finite = all(bool(ops.all(ops.isfinite(gradient))) for gradient in grads)
        scale = float(self.dynamic_scale._value)
        if finite:
            unscaled = [
                gradient
                if getattr(variable, "overwrite_with_gradient", False)
                else ops.multiply(gradient, 1.0 / scale)
                for gradient, variable in zip(grads, variables, strict=True)
            ]
            # Past the inner `apply`, whose own loss scale would divide a second time.
            self.inner_optimizer._apply_unscaled(unscaled, variables)
            count = int(self.step_counter._value) + 1
            if count >= self.dynamic_growth_steps:
                self.dynamic_scale.assign(scale * 2.0)
                count = 0
            self.step_counter.assign(count)
        else:
            self.dynamic_scale.assign(scale / 2.0)
            self.step_counter.assign(0)
        self._iterations.assign(int(self._iterations._value) + 1)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(self, var_list: Sequence[Any] | None = None, var_names: Any = None) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialize_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> LossScaleOptimizer:
        from corten.optimizers import deserialize

        inner = config["inner_optimizer"]
        if isinstance(inner, dict):
            inner = deserialize(inner, custom_objects)
        return cls(**{**config, "inner_optimizer": inner})


def _no_rate() -> float:
    """Stands for the learning rate of an optimizer that has none of its own."""
    return 0.0
