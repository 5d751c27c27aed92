"""How `corten.keras.layers` comes to be the very same module as `corten.layers`.

Tutorials write `from tensorflow.keras.layers import Dense` and `import tensorflow.keras.layers as kl`.
With the import line changed to Corten's door these must give the classes of `corten.layers`, not
second copies of them (an `isinstance` would fail and a class be registered twice). So a finder
answers imports below the doors with the real modules.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

# Names under which Keras keeps modules that Corten has elsewhere.
_RENAMED = {
    "backend": "corten.keras_backend",
    "optimizers.legacy": "corten.optimizers",
    "optimizers.schedules": "corten.optimizers.schedules",
    "utils.np_utils": "corten.utils",
}
DOORS = ("corten.keras", "corten.tf.keras")


def target_of(name: str) -> str | None:
    """Gives the real name of a module below a door, or None.

    Example:
        >>> target_of("corten.tf.keras.layers"), target_of("corten.layers")
        ('corten.layers', None)
    """
    for door in DOORS:
        if name.startswith(f"{door}."):
            rest = name[len(door) + 1 :]
            return _RENAMED.get(rest, f"corten.{rest}")
    return None


class _AliasLoader(importlib.abc.Loader):
    """Gives a module that exists already, and leaves its own description alone."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._own_spec: Any = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Gives the real module."""
        module = importlib.import_module(self._target)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Puts back the description that the import machinery replaced."""
        module.__spec__ = self._own_spec


class DoorFinder(importlib.abc.MetaPathFinder):
    """Answers imports of modules below the doors."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Gives the description of a module, or None where this finder has no say."""
        real = target_of(fullname)
        if real is None:
            return None
        try:
            found = importlib.util.find_spec(real)
        except ModuleNotFoundError:
            return None
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        return importlib.machinery.ModuleSpec(fullname, _AliasLoader(real), is_package=is_package)


def install() -> None:
    """Puts the finder in front, once."""
    if not any(isinstance(finder, DoorFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, DoorFinder())
