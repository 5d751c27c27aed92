"""Activation functions and how layers look them up by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from corten.activations.activations import (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
from corten.identifiers import Table, serialize_object

swish = silu
hard_swish = hard_silu

_FUNCTIONS = (
    celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu,
    linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax,
    softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold,
)  # fmt: skip
_TABLE = Table(
    "activation",
    "corten.activations",
    {**{function.__name__: function for function in _FUNCTIONS}, "swish": silu, "hard_swish": hard_silu},
)


def serialize(activation: Callable[..., Any]) -> Any:
    """Gives the name of a built-in activation, or the config of any other.

    Example:
        >>> serialize(relu)
        'relu'
    """
    name = getattr(activation, "__name__", None)
    if isinstance(name, str) and _TABLE.objects.get(name) is activation:
        return name
    config = serialize_object(activation)
    if not isinstance(config, Mapping) or "config" not in config:
        raise ValueError(
            f"Unknown activation function {activation!r}: it has no config and no registered name."
        )
    if isinstance(activation, FunctionType) and isinstance(config["config"], str):
        from corten import saving

        return {**config, "config": saving.get_registered_name(activation)}
    return config


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Gives the activation that `serialize` described.

    Example:
        >>> deserialize("tanh") is tanh
        True
    """
    if _is_layer(config):
        from corten import saving

        return saving.deserialize_keras_object(config, dict(custom_objects or {}))
    return _TABLE.deserialize(config, custom_objects)


def _is_layer(config: Any) -> bool:
    """Whether this is the config of a layer of Corten or Keras that serves as an activation."""
    return isinstance(config, Mapping) and config.get("module") in {"corten.layers", "keras.layers"}


def get(identifier: Any) -> Callable[..., Any]:
    """Resolves a name, config or callable; `None` means `linear`.

    Example:
        >>> get("relu") is relu, get(None) is linear
        (True, True)
        >>> get("rleu")
        Traceback (most recent call last):
        ...
        ValueError: Unknown activation: 'rleu'. Did you mean 'relu'? Known names: ...
    """
    if identifier is None:
        return linear
    if _is_layer(identifier):
        layer: Callable[..., Any] = deserialize(identifier)
        return layer
    found: Callable[..., Any] = _TABLE.get(identifier)
    return found


__all__ = [
    "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu", "hard_shrink", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
    "relu", "relu6", "selu", "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus",
    "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh",
    "tanh_shrink", "threshold",
]  # fmt: skip
