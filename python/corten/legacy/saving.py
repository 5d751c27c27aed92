"""Configurations in the form of Keras 2: a class name and arguments, without a module."""

from __future__ import annotations

import inspect
from typing import Any

from corten.saving.object_registration import get_registered_name, get_registered_object


def serialize_keras_object(instance: Any) -> Any:
    """Gives an object as `{"class_name": ..., "config": ...}`; functions are their names.

    Args:
        instance: An object with `get_config`, a function or class, or None.

    Raises:
        ValueError: It is none of these.

    Example:
        >>> import corten
        >>> corten.legacy.saving.serialize_keras_object(corten.regularizers.L1(0.5))["class_name"]
        'L1'
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config") and not inspect.isclass(instance):
        return {"class_name": get_registered_name(type(instance)), "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(
        f"serialize_keras_object: expected an object with get_config(), a function or a class; got "
        f"{instance!r}, which cannot be serialized"
    )


def deserialize_keras_object(
    identifier: Any,
    module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Makes the object that `serialize_keras_object` described.

    Args:
        identifier: A name, or a dict of class name and config; None stays None, and what is neither
            is returned as it is when it can be called.
        module_objects: The classes and functions to look in, by name.
        custom_objects: Those to look in before.
        printable_module_name: What the object is, for messages.

    Raises:
        ValueError: The name is not known, or the config is no config.

    Example:
        >>> import corten
        >>> config = {"class_name": "L1", "config": {"l1": 0.5}}
        >>> corten.legacy.saving.deserialize_keras_object(config, vars(corten.regularizers)).l1
        0.5
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        if not isinstance(identifier.get("class_name"), str) or "config" not in identifier:
            raise ValueError(
                f"Improper config format for {printable_module_name}: expected a dict with `class_name` "
                f"and `config`; got {identifier!r}"
            )
        kind = _find(identifier["class_name"], module_objects, custom_objects, printable_module_name)
        config = dict(identifier["config"])
        if not hasattr(kind, "from_config"):
            return kind(**config)
        if custom_objects and "custom_objects" in inspect.signature(kind.from_config).parameters:
            return kind.from_config(config, custom_objects=custom_objects)
        from corten.saving import CustomObjectScope

        with CustomObjectScope(custom_objects or {}):
            return kind.from_config(config)
    if isinstance(identifier, str):
        found = _find(identifier, module_objects, custom_objects, printable_module_name)
        return found() if inspect.isclass(found) else found
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret serialized {printable_module_name}: {identifier!r}; expected a name, or a dict "
        "with `class_name` and `config`"
    )


def _find(name: str, module_objects: Any, custom_objects: Any, kind: str) -> Any:
    # The caller's objects go before those registered with the library.
    found = (custom_objects or {}).get(name)
    if found is None:
        found = get_registered_object(name, None, module_objects)
    if found is None:
        raise ValueError(
            f"Unknown {kind}: {name!r}. Pass it in `custom_objects`, as {{{name!r}: its class or function}}."
        )
    return found
