"""`StatelessScope`: run code on other values of variables and see what it would assign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from corten import _core
from corten._state import record_access
from corten.variable import Variable


class StatelessScope:
    """Context in which variables have given values and assignments are collected, not kept.

    Args:
        state_mapping: Pairs of a variable and its value inside the scope.
        collect_losses: Accepted for compatibility.
        initialize_variables: Accepted for compatibility.

    Example:
        >>> import corten
        >>> v = corten.Variable(1.0)
        >>> with corten.StatelessScope(state_mapping=[(v, 5.0)]) as scope:
        ...     _ = v.assign_add(1.0)
        >>> float(v), float(scope.get_current_value(v))
        (1.0, 6.0)
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Any] = []
        self._given: list[tuple[Variable, Any]] = []
        self._results: dict[int, Any] = {}
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(
                    "StatelessScope: `state_mapping` must hold pairs of a Variable and a value; got "
                    f"{variable!r}."
                )
            if not isinstance(value, _core.Tensor):
                value = _core.tensor(getattr(value, "value", value), dtype=variable._dtype)
            if value.shape != variable.shape:
                raise ValueError(
                    f"StatelessScope: variable {variable.path!r} has shape {variable.shape}; got a "
                    f"value of shape {value.shape}."
                )
            self._given.append((variable, value))

    def __enter__(self) -> StatelessScope:
        self._saved = [(variable, variable._value) for variable, _ in self._given]
        for variable, value in self._given:
            variable._value = value
        self._recorder = record_access()
        self._accessed = self._recorder.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._recorder.__exit__(None, None, None)
        before = dict(self._accessed)
        before.update(self._saved)
        for variable, value in before.items():
            self._results[id(variable)] = variable._value
            variable._value = value

    def get_current_value(self, variable: Variable) -> Any:
        """Return the value a variable has, or had last, inside the scope; None if it took no part."""
        if id(variable) in self._results:
            return self._results[id(variable)]
        known = any(variable is given for given, _ in self._given) or variable in self._accessed
        return variable._value if known else None
