"""What a layer's `call` and `build` accept, looked up once per class instead of once per call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class CallSignature:
    """The parameters of a `call` method.

    Attributes:
        names: The positional parameters after `self`, in order.
        first: The first of them.
        accepted: All parameters that may be given by keyword.
        has_training: Whether `training` is among them.
        has_mask: Whether `mask` is among them.
        training_default: The default of `training`.
        mask_names: Parameters `<argument>_mask`, as (argument, parameter).
        any_keyword: Whether there is `**kwargs`.
        any_positional: Whether there is `*args`.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        parameters = list(inspect.signature(function).parameters.values())
        if parameters and parameters[0].name == "self":
            parameters = parameters[1:]
        self.names = [p.name for p in parameters if p.kind in _POSITIONAL]
        self.first = self.names[0] if self.names else "inputs"
        self.any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.any_positional = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        plain = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        self.accepted = frozenset(p.name for p in plain)
        self.required = [p.name for p in plain if p.default is p.empty]
        self.defaults = {p.name: p.default for p in plain if p.default is not p.empty}
        self.has_training = "training" in self.accepted
        self.has_mask = "mask" in self.accepted
        self.training_default = self.defaults.get("training")
        self.mask_names = [(name, f"{name}_mask") for name in self.names if f"{name}_mask" in self.accepted]

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the given arguments by name, positional ones first."""
        arguments = dict(zip(self.names, args, strict=False))
        for index in range(len(self.names), len(args)):
            arguments[f"args_{index}"] = args[index]
        arguments.update(kwargs)
        return arguments


class BuildSignature:
    """The parameters of a `build` method: one shape, or a shape per argument of `call`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        parameters = list(inspect.signature(function).parameters.values())[1:]
        self.any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.names = [p.name for p in parameters if p.kind in _POSITIONAL]
        self.required = [p.name for p in parameters if p.kind in _POSITIONAL and p.default is p.empty]
        self.takes_nothing = not parameters

    def arguments(self, shapes: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what to pass, given the shapes as {'query_shape': ..., 'value_shape': ...}."""
        if self.takes_nothing or not shapes:
            return (), {}
        if len(self.names) == 1 or (len(shapes) == 1 and len(self.required) <= 1):
            return (next(iter(shapes.values())),), {}
        if self.any_keyword:
            return (), dict(shapes)
        kwargs = {name: shape for name, shape in shapes.items() if name in self.names}
        if self.names and self.names[0] not in kwargs:
            # `call(inputs, state)` with `build(input_shape, state_shape)`.
            first = next(iter(shapes))
            kwargs.pop(first, None)
            kwargs[self.names[0]] = shapes[first]
        for name in self.required:
            if name not in kwargs:
                raise ValueError(self._mismatch(name, shapes))
        return (), kwargs

    @staticmethod
    def _mismatch(name: str, shapes: dict[str, Any]) -> str:
        """Say why a parameter of `build` gets nothing."""
        called = [f"`{shape}`" for shape in shapes]
        fix = f"Parameters of `build()` are named after those of `call()`: {', '.join(called)}."
        if not name.endswith("_shape"):
            return f"`build()` has the argument `{name}`, which does not end in `_shape`. {fix}"
        argument = name.removesuffix("_shape")
        return (
            f"`build()` has the argument `{name}`, but `call()` does not have argument `{argument}`, or got "
            f"no tensor for it. {fix}"
        )
