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
        self._objects: list[tuple[dict[str, Any], int, list[str], list[Any]]] = []
        self._containers: list[tuple[Any, list[Any]]] = []
        self._variables: list[tuple[Variable, tuple[Any, ...]]] = []
        self._seen: dict[int, Any] = {}
        for root in roots:
            self._visit(root)

    def _visit(self, value: Any) -> None:
        if isinstance(value, _PLAIN) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, Variable):
            self._variables.append((value, _state_of(value)))
        elif isinstance(value, list | tuple | set | frozenset | dict):
            items = list(value.values() if isinstance(value, dict) else value)
            if not isinstance(value, tuple | frozenset):
                self._containers.append((value, items))
            for item in items:
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
        names = [name for name in attributes if name not in _PASSING]
        values = [attributes[name] for name in names]
        self._objects.append((attributes, len(attributes), names, values))
        for item in values:
            self._visit(item)

    def holds(self) -> bool:
        """Whether everything is as it was."""
        if _current_settings() != self._settings:
            return False
        for attributes, count, names, values in self._objects:
            if len(attributes) != count and set(attributes).difference(_PASSING).difference(names):
                return False
            if not all(map(is_, map(attributes.get, names), values)) and not all(
                map(_same, map(attributes.get, names), values)
            ):
                return False
        for container, values in self._containers:
            if len(container) != len(values):
                return False
            if not all(map(is_, container.values() if isinstance(container, dict) else container, values)):
                return False
        return all(_state_of(variable) == known for variable, known in self._variables)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    return type(one) is type(other) and isinstance(one, int | float | str) and one == other


def _state_of(variable: Variable) -> tuple[Any, ...]:
    """What makes a variable take part in a step, apart from its value."""
    return (
        variable._trainable,
        variable._autocast,
        id(variable._constraint),
        id(variable._regularizer),
        variable.overwrite_with_gradient,
        variable._value.requires_grad,
    )


def _current_settings() -> tuple[Any, ...]:
    return tuple(vars(Settings).values())
