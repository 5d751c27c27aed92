"""What a training step can read besides tensors: settings of layers, losses, metrics, the optimizer."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable
from operator import is_
from typing import Any

import numpy as np

from corten import _core
from corten.config import _Settings as Settings
from corten.dtype_policies import DTypePolicy
from corten.layers.call_signature import BuildSignature, CallSignature
from corten.layers.input_spec import InputSpec
from corten.symbolic import KerasTensor
from corten.variable import Variable

# Nobody changes these once they are made.
_SETTLED = frozenset({_core.Tensor, BuildSignature, CallSignature, DTypePolicy, InputSpec, KerasTensor})
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type, np.dtype, np.ndarray, np.generic, slice)
# Notes that calls leave behind, and what the steps never look at.
_PASSING = frozenset(
    {
        "_call_losses",
        "_checked_shape",
        "_count",
        "_inbound_nodes",
        "_init_arguments",
        "_inputs",
        "_outputs",
        "_seen_output_shape",
        "_total",
        "_tracked",
        "_training_state",
        "_untaught",
        "_value",
        "_walk",
        "history",
        "stop_evaluating",
        "stop_predicting",
        "stop_training",
    }
)


class Foreign(Exception):
    """A step calls code that is not Corten's, which may do something else in every step."""


class Fingerprint:
    """The settings that objects of Corten have, to be compared with those they have later.

    Args:
        roots: The objects; what they hold is looked at as well.

    Raises:
        Foreign: Something is, or holds, an object of a class from elsewhere.

    Example:
        >>> import corten
        >>> layer = corten.layers.Dropout(0.5)
        >>> before = Fingerprint([layer])
        >>> before.holds()
        True
        >>> layer.rate = 0.25
        >>> before.holds()
        False
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        self._settings = _current_settings()
        # Attributes of objects, and dicts, with what they hold.
        self._dicts: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._sets: list[tuple[set[Any], set[Any]]] = []
        self._variables: list[tuple[Variable, bool]] = []
        self._seen: dict[int, Any] = {}
        for root in roots:
            self._visit(root)
        self._identities = self._identify()

    def _identify(self) -> Any:
        """Notes the objects themselves: comparing those is quick, and they are mostly the same."""
        return _core.Identities([held for held, _ in (*self._dicts, *self._lists)], _PASSING)

    def _visit(self, value: Any) -> None:
        if isinstance(value, _PLAIN) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, Variable):
            self._variables.append((value, value._value.requires_grad))
            self._note(vars(value))
        elif isinstance(value, dict):
            self._note(value)
        elif isinstance(value, list | tuple | set | frozenset):
            if isinstance(value, list):
                self._lists.append((value, list(value)))
            elif isinstance(value, set):
                self._sets.append((value, set(value)))
            for item in value:
                self._visit(item)
        elif type(value) in _SETTLED:
            return
        elif isinstance(value, functools.partial):
            for item in (value.func, value.args, value.keywords):
                self._visit(item)
        elif isinstance(value, types.MethodType):
            self._visit(value.__func__)
            self._visit(value.__self__)
        else:
            self._visit_object(value)

    def _visit_object(self, value: Any) -> None:
        is_function = isinstance(value, types.FunctionType | types.BuiltinFunctionType)
        module = (value.__module__ if is_function else type(value).__module__) or ""
        if not (module == "corten" or module.startswith("corten.")) and module not in {"builtins", "inspect"}:
            raise Foreign(f"{value!r} is not Corten's")
        for cell in getattr(value, "__closure__", None) or ():
            self._visit(cell.cell_contents)
        attributes = getattr(value, "__dict__", None)
        if is_function or module == "inspect" or not isinstance(attributes, dict):
            return
        self._note(attributes)

    def _note(self, holder: dict[str, Any]) -> None:
        values = {name: value for name, value in holder.items() if name not in _PASSING}
        self._dicts.append((holder, values))
        for value in values.values():
            self._visit(value)

    def holds(self) -> bool:
        """Whether everything is as it was."""
        if _current_settings() != self._settings:
            return False
        for variable, watched in self._variables:
            if variable._value.requires_grad is not watched:
                return False
        if any(held != items for held, items in self._sets):
            return False
        if self._identities.hold():
            return True
        for holder, values in self._dicts:
            current = {name: value for name, value in holder.items() if name not in _PASSING}
            if current.keys() != values.keys():
                return False
            if not all(_same(current[name], value) for name, value in values.items()):
                return False
        for held, items in self._lists:
            if len(held) != len(items) or not all(map(is_, held, items)):
                return False
        self._identities = self._identify()
        return True


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    return type(one) is type(other) and isinstance(one, int | float | str) and one == other


def _current_settings() -> tuple[Any, ...]:
    return tuple(vars(Settings).values())
