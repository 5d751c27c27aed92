"""What surrounds a layer's `build`: shapes, name scopes, and complaints about arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from corten.layers.naming_and_dtypes import forgot_super
from corten.naming import current_path, name_scope
from corten.symbolic import hide_probes


def build_shape(leaf: Any) -> Any:
    """Return the shape of a tensor as `build` sees it: None where inference put a stand-in."""
    shape = getattr(leaf, "shape", None)
    return None if shape is None else hide_probes(tuple(shape))


def batch_shape(leaf: Any) -> Any:
    """Return the shape of a tensor for a batch of any size."""
    shape = build_shape(leaf)
    return (None, *shape[1:]) if shape else shape


def managed_build(build: Callable[..., None]) -> Callable[..., None]:
    """Wrap `build`: open the layer's name scope, note the shapes, mark the layer as built."""
    names = list(inspect.signature(build).parameters)[1:]

    @functools.wraps(build)
    def managed(self: Any, *args: Any, **kwargs: Any) -> None:
        if "_name" not in self.__dict__:
            raise forgot_super(self)
        if self.__dict__.get("_building"):
            build(self, *args, **kwargs)  # `super().build(...)` in a subclass.
            return
        self.__dict__["_building"] = True
        try:
            with name_scope(self.name):
                self.__dict__["_path"] = current_path()
                build(self, *args, **kwargs)
        finally:
            self.__dict__["_building"] = False
        shapes: Any = kwargs if kwargs and not args else args[0] if args else None
        if len(args) + len(kwargs) > 1:
            shapes = {**dict(zip(names, args, strict=False)), **kwargs}
        self.__dict__["_build_shapes"] = shapes
        self.built = True

    return managed


class StateLock:
    """Whether a layer may get new weights and layers: from its first call on it may not."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    @property
    def locked(self) -> bool:
        """Whether new state is refused."""
        return bool(self._layer.__dict__["_locked"])

    def lock(self, msg: str | None = None) -> None:
        """Refuse new state from here on.

        Args:
            msg: Taken for Keras's sake; the error says what was refused.
        """
        self._layer.__dict__["_locked"] = True

    def unlock(self) -> None:
        """Take new state again, until `lock`."""
        self._layer.__dict__["_locked"] = False


def unknown_arguments(layer: Any, kwargs: dict[str, Any]) -> ValueError:
    """Return the error for keyword arguments that a layer does not have."""
    import difflib

    parameters: set[str] = set()
    for cls in type(layer).__mro__:
        if "__init__" in cls.__dict__ and cls is not object:
            parameters |= set(inspect.signature(cls.__dict__["__init__"]).parameters)
    parameters -= {"self", "kwargs", "args", "_"}
    hints = []
    for name in kwargs:
        close = difflib.get_close_matches(name, parameters, 1)
        if close:
            hints.append(f" Did you mean `{close[0]}` instead of `{name}`?")
    return ValueError(
        f"Unrecognized keyword arguments passed to {layer.__class__.__name__}: {kwargs}." + "".join(hints)
    )
