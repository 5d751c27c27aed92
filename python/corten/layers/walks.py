"""What a walk over a layer and those below it found, kept until something there changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import is_
from typing import Any

from corten._state import Structure

_CONTAINERS = (list, tuple, dict)


class Walk:
    """The results of walks, and how to tell that they still hold.

    Attributes report their changes by a new `Structure.mark`. Lists and dicts are the user's own and
    report nothing, so what they held is compared with what they hold.

    Args:
        layers: The layer and all below it.
    """

    def __init__(self, layers: Iterable[Any]) -> None:
        self._mark = Structure.mark
        self._held: list[tuple[Any, list[Any]]] = []
        self._results: dict[str, list[Any]] = {}
        seen: set[int] = set()
        for layer in layers:
            attributes = layer.__dict__
            for name in attributes["_tracked"]:
                self._note(attributes.get(name), seen)

    def _note(self, value: Any, seen: set[int]) -> None:
        if not isinstance(value, _CONTAINERS) or id(value) in seen:
            return
        seen.add(id(value))
        values = list(value.values() if isinstance(value, dict) else value)
        if not isinstance(value, tuple):
            self._held.append((value, values))
        for inner in values:
            self._note(inner, seen)

    def holds(self) -> bool:
        """Whether nothing changed since."""
        if self._mark is not Structure.mark:
            return False
        for container, before in self._held:
            if len(container) != len(before):
                return False
            values = container.values() if isinstance(container, dict) else container
            if not all(map(is_, values, before)):
                return False
        return True

    def result(self, what: str, find: Callable[[], list[Any]]) -> list[Any]:
        """Gives a copy of what `find` found the first time."""
        found = self._results.get(what)
        if found is None:
            found = self._results[what] = find()
        return found.copy()
