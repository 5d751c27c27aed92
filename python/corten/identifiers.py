"""How `get("adam")`, `get({"class_name": ...})`, `get(Adam)` and `get(Adam())` find what is meant.

One `Table` per package (optimizers, losses, ...) lists the names of that package. Everything that
can be named in a config is in such a table or registered by the user; nothing is imported by name.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from corten.naming import to_snake_case


def _edits(a: str, b: str) -> int:
    """Letters to insert, remove, change or swap with their neighbour to turn `a` into `b`."""
    rows = [list(range(len(b) + 1))]
    for i, left in enumerate(a, 1):
        row = [i]
        for j, right in enumerate(b, 1):
            cost = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def suggestion(name: str, choices: Iterable[str]) -> str:
    """Ends an error message with the name nearest to the one that does not exist.

    Swapped letters count as one mistake, so that 'adma' means 'adam' and not 'adamax'.

    Example:
        >>> suggestion("adma", ["sgd", "adam", "adamax", "adamw"])
        " Did you mean 'adam'?"
    """
    if len(name) > 100:
        return ""  # Nobody mistyped that; comparing takes time by the square of the length.
    by_lower: dict[str, str] = {}
    for choice in choices:
        # Of `Adam` and `adam` show the one in the style of what was typed.
        if choice.lower() not in by_lower or choice.islower() == name.islower():
            by_lower[choice.lower()] = choice
    typed = name.lower()
    near = difflib.get_close_matches(typed, by_lower, n=5, cutoff=0.6)
    if not near:
        return ""
    best = min(near, key=lambda known: _edits(typed, known))
    return f" Did you mean '{by_lower[best]}'?"


def no_attribute(module: str, name: str) -> AttributeError:
    """Gives the error for a name that a module does not have.

    Example:
        >>> str(no_attribute("corten.layers", "Dens"))
        "module 'corten.layers' has no attribute 'Dens'. Did you mean 'Dense'?"
    """
    known = [] if name.startswith("_") else [key for key in dir(sys.modules[module]) if key[0] != "_"]
    hint = suggestion(name, known)
    return AttributeError(f"module {module!r} has no attribute {name!r}{'.' if hint else ''}{hint}")


class Table:
    """The names one package knows.

    Args:
        kind: What an entry is, for messages, such as 'optimizer'.
        package: The module that `serialize` writes, such as 'corten.optimizers'.
        objects: Name to class or function. Several names may lead to one object.
    """

    def __init__(self, kind: str, package: str, objects: Mapping[str, Any]) -> None:
        self.kind = kind
        self.package = package
        self.objects = dict(objects)

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Gives the class or function of that name; the caller's own objects come first.

        Raises:
            ValueError: No such name; the message offers the nearest one.
        """
        custom = _custom_object(name, custom_objects)
        if custom is not None:
            return custom
        if not isinstance(name, str):
            raise self.unknown(name)
        found = self.objects.get(name)
        if found is None:
            found = self.objects.get(name.lower())
        if found is None:
            raise self.unknown(name)
        return found

    def unknown(self, name: object) -> ValueError:
        """The error for a name that is not in the table."""
        # One name per thing: of 'glorotuniform' and 'glorot_uniform' the first one listed.
        first = {id(item): key for key, item in reversed(self.objects.items()) if key.islower()}
        known = sorted(key for key in first.values() if key != self.kind)
        return ValueError(
            f"Unknown {self.kind}: {str(name)[:100]!r}.{suggestion(str(name), known)}"
            f" Known names: {', '.join(known)}. Your own classes need"
            " `corten.saving.custom_object_scope` or `register_keras_serializable`."
        )

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Rebuilds an object from what `serialize` gave.

        Raises:
            ValueError: The config names no known object or is not a config.
        """
        if isinstance(config, str):
            return self.find(config, custom_objects)
        if not isinstance(config, Mapping) or "class_name" not in config:
            raise ValueError(
                f"A config of a {self.kind} is a dict with the keys 'class_name' and 'config'; got"
                f" {config!r}."
            )
        name = config["class_name"]
        inner = config.get("config")
        if name == "function" and isinstance(inner, str):
            registered = config.get("registered_name")
            return self.find(inner if registered in (None, "function") else registered, custom_objects)
        registered = config.get("registered_name") or name
        target = _custom_object(registered, custom_objects) or _custom_object(name, custom_objects)
        if target is None:
            target = self.find(name, custom_objects)
        if not inspect.isclass(target):
            return target
        if not hasattr(target, "from_config"):
            raise TypeError(
                f"Unable to reconstruct an instance of '{target.__name__}' because the class is missing a "
                "`from_config()` method."
            )
        # Keras writes `registered_name` beside the config; the class only wants its arguments.
        return target.from_config(dict(inner) if inner else {})  # type: ignore[attr-defined]

    def get(self, identifier: Any, *, instantiate: bool = True) -> Any:
        """Resolves a name, a config, a class, an object or a callable; `None` stays `None`."""
        if identifier is None:
            return None
        if isinstance(identifier, Mapping):
            found = self.deserialize(identifier)
        elif isinstance(identifier, str):
            found = self.find(identifier)
        else:
            found = identifier
        if inspect.isclass(found) and instantiate:
            found = found()
        if callable(found):
            return found
        raise ValueError(
            f"A {self.kind} is given as a name, a config, an object or a callable; got {identifier!r}"
            f" of type {type(identifier).__name__}."
        )


def _custom_object(name: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """The user's object of that name, if one was registered or passed."""
    if not isinstance(name, str):
        return None
    if custom_objects and name in custom_objects:
        return custom_objects[name]
    # Late: `saving` imports the packages that import this module.
    from corten import saving

    return saving.get_registered_object(name)


def serialize_object(value: Any) -> Any:
    """`corten.saving.serialize_keras_object`, imported late because `saving` needs this package."""
    from corten import saving

    return saving.serialize_keras_object(value)


def deserialize_object(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """`corten.saving.deserialize_keras_object`, imported late because `saving` needs this package."""
    from corten import saving

    return saving.deserialize_keras_object(config, custom_objects=dict(custom_objects or {}))


def names_of(classes: Iterable[type], snake: bool = True) -> dict[str, Any]:
    """A table by class name, lower-case name and snake-case name: 'GlorotUniform', 'glorot_uniform'.

    Args:
        classes: The classes.
        snake: Whether messages show the snake-case name rather than the lower-case one.

    Example:
        >>> class RedFox: ...
        >>> list(names_of([RedFox]))
        ['RedFox', 'red_fox', 'redfox']
    """
    table: dict[str, Any] = {}
    for item in classes:
        lower = (to_snake_case(item.__name__), item.__name__.lower())
        for name in (item.__name__, *(lower if snake else reversed(lower))):
            table.setdefault(name, item)
    return table
