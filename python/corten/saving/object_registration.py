"""The registry of the user's own classes and functions, by name."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_custom_objects: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}


class _ScopedObjects(threading.local):
    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}


_scoped = _ScopedObjects()


class CustomObjectScope:
    """Context manager under which loading finds the given classes and functions.

    Args:
        custom_objects: Names to classes or functions.

    Example:
        >>> import corten
        >>> class Mine(corten.layers.Layer):
        ...     pass
        >>> with corten.saving.CustomObjectScope({"Mine": Mine}):
        ...     found = corten.saving.get_registered_object("Mine")
        >>> found is Mine
        True
    """

    def __init__(self, custom_objects: dict[str, Any]) -> None:
        self.custom_objects = custom_objects or {}

    def __enter__(self) -> CustomObjectScope:
        self._backup = dict(_scoped.objects)
        _scoped.objects.update(self.custom_objects)
        return self

    def __exit__(self, *exc: object) -> None:
        _scoped.objects.clear()
        _scoped.objects.update(self._backup)


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """Return the registry itself; changes to it last.

    Example:
        >>> import corten
        >>> corten.saving.get_custom_objects()["my_relu"] = corten.activations.relu
        >>> del corten.saving.get_custom_objects()["my_relu"]
    """
    return _custom_objects


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Return a decorator that makes a class or function known to loading.

    Args:
        package: A prefix that keeps apart equal names of different projects.
        name: The name; None takes the object's own.

    Raises:
        ValueError: A class without `get_config`.

    Example:
        >>> import corten
        >>> @corten.saving.register_keras_serializable("demo")
        ... def half(x):
        ...     return x / 2
        >>> corten.saving.get_registered_name(half)
        'demo>half'
    """

    def decorator(target: T) -> T:
        registered_name = f"{package}>{name or getattr(target, '__name__', target)}"
        if inspect.isclass(target) and not hasattr(target, "get_config"):
            raise ValueError(
                f"Cannot register a class that does not have a get_config() method: {target.__name__}."
            )
        _custom_objects[registered_name] = target
        _custom_names[target] = registered_name
        return target

    return decorator


def get_registered_name(obj: Any) -> str:
    """Return the name an object was registered under, else its own name.

    Example:
        >>> import corten
        >>> corten.saving.get_registered_name(corten.layers.Dense)
        'Dense'
    """
    try:
        if obj in _custom_names:
            return _custom_names[obj]
    except TypeError:
        pass
    return str(obj.__name__)


def registered_in_any_package(name: str) -> Any:
    """Return what is registered under this name in the only package that has it, else None.

    Args:
        name: The name without a package.
    """
    found = [value for key, value in _custom_objects.items() if key.rpartition(">")[2] == name]
    return found[0] if len(found) == 1 else None


def get_registered_object(name: str, custom_objects: Any = None, module_objects: Any = None) -> Any:
    """Return the class or function known under a name, None if there is none.

    Args:
        name: The name, with its package if it was registered with one.
        custom_objects: A dict to look into after the registry.
        module_objects: A dict to look into last.
    """
    for objects in (_scoped.objects, _custom_objects, custom_objects or {}, module_objects or {}):
        if name in objects:
            return objects[name]
    return None
