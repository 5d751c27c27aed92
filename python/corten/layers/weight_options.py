"""The initializer, regularizer and constraint arguments of layers with weights, handled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from corten import _core, activations, constraints, initializers, ops, regularizers
from corten.config import FLOAT_DTYPES
from corten.variable import Variable

_Tensor = _core.Tensor

# What the engine can apply in the same pass as a bias.
_ENGINE_NAMES = {
    None: "linear",
    activations.linear: "linear",
    activations.relu: "relu",
    activations.sigmoid: "sigmoid",
    activations.tanh: "tanh",
    activations.gelu: "gelu",
    activations.silu: "silu",
}


class WeightOptions:
    """Mixin: keeps `<weight>_initializer`, `_regularizer` and `_constraint` for named weights.

    A layer calls `_set_weight_options(kernel=("glorot_uniform", None, None))` after `super().__init__`,
    creates the weight with `_add_option_weight("kernel", shape)` and spreads `**self._weight_config()` into
    its config.
    """

    kernel_initializer: Any
    kernel_regularizer: Any
    kernel_constraint: Any
    bias_initializer: Any
    bias_regularizer: Any
    bias_constraint: Any
    _weight_option_names: tuple[str, ...] = ()
    add_weight: Callable[..., Variable]

    def _set_weight_options(self, **options: tuple[Any, Any, Any]) -> None:
        self._weight_option_names = tuple(options)
        for name, (initializer, regularizer, constraint) in options.items():
            setattr(self, f"{name}_initializer", initializers.get(initializer))
            setattr(self, f"{name}_regularizer", regularizers.get(regularizer))
            setattr(self, f"{name}_constraint", constraints.get(constraint))

    def _add_option_weight(
        self, option: str, shape: Sequence[int], *, name: str | None = None, **kwargs: Any
    ) -> Variable:
        return self.add_weight(
            name=name or option,
            shape=tuple(shape),
            initializer=kwargs.pop("initializer", getattr(self, f"{option}_initializer")),
            regularizer=getattr(self, f"{option}_regularizer"),
            constraint=getattr(self, f"{option}_constraint"),
            **kwargs,
        )

    def _weight_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for name in self._weight_option_names:
            config[f"{name}_initializer"] = initializers.serialize(getattr(self, f"{name}_initializer"))
        for name in self._weight_option_names:
            config[f"{name}_regularizer"] = regularizers.serialize(getattr(self, f"{name}_regularizer"))
        for name in self._weight_option_names:
            config[f"{name}_constraint"] = constraints.serialize(getattr(self, f"{name}_constraint"))
        return config


def engine_activation(activation: Any) -> str | None:
    """The name under which the engine fuses this activation with a bias, or None.

    Example:
        >>> from corten import activations
        >>> engine_activation(activations.relu)
        'relu'
    """
    try:
        return _ENGINE_NAMES.get(activation)
    except TypeError:  # An unhashable callable is the user's own.
        return None


def linear(x: Any, kernel: Any, bias: Any, activation: Any) -> Any:
    """`activation(x @ kernel + bias)`, in one fused op where the engine has one."""
    if bias is not None:
        fused = engine_activation(activation)
        if fused is not None:
            if x.__class__ is _Tensor and kernel.__class__ is Variable and bias.__class__ is Variable:
                # What every layer of a model comes to in every step; the engine promotes.
                return _core.linear(x, kernel.value, bias.value, fused)
            return ops.linear(x, kernel, bias, fused)
    return bias_and_activation(ops.matmul(x, kernel), bias, activation)


def bias_and_activation(x: Any, bias: Any, activation: Any, axis: int = -1) -> Any:
    """Add `bias` along `axis` of `x` and apply `activation`, in one fused op where the engine has one."""
    if bias is not None:
        fused = engine_activation(activation)
        if fused is not None and axis == -1:
            if x.__class__ is _Tensor and bias.__class__ is Variable:
                # What every layer of a model comes to in every step: nothing to convert or promote.
                value, dtype = bias.value, x.dtype
                if value.dtype == dtype and dtype in FLOAT_DTYPES:
                    return _core.bias_activation(x, value, fused)
            return ops.bias_activation(x, bias, fused)
        shape = [1] * len(x.shape)
        shape[axis] = -1
        x = ops.add(x, ops.reshape(bias, shape))
    return x if activation is None else activation(x)
