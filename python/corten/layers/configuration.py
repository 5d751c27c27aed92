"""How layers turn into configurations and back: `get_config` and `from_config` of the base class."""

from __future__ import annotations

import inspect
from typing import Any

from corten import dtype_policies


def layer_config(layer: Any) -> dict[str, Any]:
    """Return the base configuration, with the captured `__init__` arguments where wanted.

    Raises:
        NotImplementedError: The class takes arguments that cannot be written as JSON and does not
            override `get_config`.
    """
    config: dict[str, Any] = {"name": layer.name, "trainable": layer.trainable}
    policy = layer.__dict__.get("_dtype_policy") or dtype_policies.get(None)
    config["dtype"] = dtype_policies.serialize(policy)
    if layer.activity_regularizer is not None:
        from corten import regularizers

        config["activity_regularizer"] = regularizers.serialize(layer.activity_regularizer)
    if not _captures_arguments(layer.get_config):
        return config
    own_init = type(layer).__init__
    if getattr(own_init, "__module__", "") in _BASE_MODULES:
        return config
    from corten.saving import serialization

    parameters = inspect.signature(own_init).parameters
    args, kwargs = layer.__dict__["_init_arguments"]
    bound = inspect.signature(own_init).bind(layer, *args, **kwargs)
    takes_base = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    captured: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        if parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            captured.update(value)
        elif parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            raise _needs_get_config(layer, name)
        else:
            captured[name] = value
    for name in ("input_shape", "input_dim", "batch_size", "dtype", "trainable", "name"):
        if name not in parameters:
            captured.pop(name, None)
    try:
        serialized = {k: serialization.serialize_keras_object(v) for k, v in captured.items()}
    except (TypeError, ValueError, NotImplementedError) as error:
        raise _needs_get_config(layer, str(error)) from None
    for value in captured.values():
        # A plain object would come back as something else.
        if inspect.ismodule(value):
            raise _needs_get_config(layer, repr(value))
    if not takes_base:
        config = {name: value for name, value in config.items() if name in parameters}
    return {**config, **serialized}


def _captures_arguments(get_config: Any) -> bool:
    """Return whether a class leaves its configuration to Corten's base classes."""
    function = getattr(get_config, "__func__", get_config)
    return getattr(function, "__module__", "") in _BASE_MODULES


_BASE_MODULES = frozenset(
    {"corten.layers.layer", "corten.layers.persistence", "corten.models.model", "corten.models.functional"}
)


def _needs_get_config(layer: Any, detail: str) -> NotImplementedError:
    cls = layer.__class__.__name__
    return NotImplementedError(
        f"Object {cls} was created by passing non-serializable argument values in `__init__()`, "
        f"and therefore the object must override `get_config()` in order to be serializable. "
        f"Please implement `get_config()`. ({detail})"
    )


def layer_from_config(cls: type, config: dict[str, Any]) -> Any:
    """Create a layer from a configuration.

    Raises:
        TypeError: The constructor does not take the configuration, or something in it.
    """
    from corten.saving import serialization

    config = dict(config)
    dtype = config.get("dtype")
    if isinstance(dtype, dict):
        policy = dtype_policies.deserialize(dtype)
        # A constructor of the user's gets what people write: the name, where it says everything.
        config["dtype"] = policy.name if type(policy) is dtype_policies.DTypePolicy else policy
    if _captures_arguments(getattr(cls, "get_config", None)):
        config = {
            name: serialization.deserialize_keras_object(value) if _is_object(value) else value
            for name, value in config.items()
        }
    base: dict[str, Any] = {}
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        base = {k: config.pop(k) for k in ("trainable", "dtype") if k not in parameters and k in config}
        name = config.pop("name", None) if "name" not in parameters else None
        if name is not None:
            base["name"] = name
    try:
        layer = cls(**config)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Error when deserializing class '{cls.__name__}' using config={config}. "
            f"Exception encountered: {error}"
        ) from error
    if base.get("name"):
        layer._name = base["name"]
    if base.get("trainable") is False:
        layer.trainable = False
    return layer


def _is_object(value: Any) -> bool:
    if isinstance(value, dict):
        return "class_name" in value or any(_is_object(v) for v in value.values())
    return isinstance(value, (list, tuple)) and any(_is_object(v) for v in value)
