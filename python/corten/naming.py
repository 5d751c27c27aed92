"""Names of layers, variables and models: 'dense', 'dense_1', and the scopes that make paths."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from typing import Any

_counts: defaultdict[str, int] = defaultdict(int)


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[str] = []


_scopes = _Scopes()


def to_snake_case(name: str) -> str:
    """Turn a class name into the usual layer name.

    Example:
        >>> from corten.naming import to_snake_case
        >>> to_snake_case("Conv2DTranspose"), to_snake_case("BatchNormalization")
        ('conv2d_transpose', 'batch_normalization')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def uniquify(name: str) -> str:
    """Return `name`, with a number appended if it was handed out before."""
    count = _counts[name]
    _counts[name] = count + 1
    return f"{name}_{count}" if count else name


def auto_name(prefix: str) -> str:
    """Return a fresh name made from a class name."""
    return uniquify(to_snake_case(prefix))


def reset_names() -> None:
    """Start counting names from zero again (`clear_session` calls this)."""
    _counts.clear()


def get_uid(prefix: str = "") -> int:
    """Count up the number that belongs to `prefix` and return it."""
    _counts[prefix] += 1
    return _counts[prefix]


class name_scope:
    """Context manager that prefixes the paths of variables created inside.

    Args:
        name: One part of a path; it must not contain `/`.

    Example:
        >>> import corten
        >>> with corten.name_scope("block"):
        ...     v = corten.Variable([1.0], name="scale")
        >>> v.path
        'block/scale'
    """

    def __init__(self, name: str, **_: Any) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"name_scope: `name` must be a string without '/'; got {name!r}.")
        self.name = name

    def __enter__(self) -> name_scope:
        _scopes.stack.append(self.name)
        return self

    def __exit__(self, *exc: object) -> None:
        _scopes.stack.pop()


def current_path() -> str:
    """Return the path that the open name scopes make.

    Example:
        >>> from corten.naming import current_path
        >>> current_path()
        ''
    """
    return "/".join(_scopes.stack)


def join_path(name: str) -> str:
    """Return `name` below the open name scopes."""
    return "/".join([*_scopes.stack, name])


class at_path:
    """Context manager in which the open name scopes are those of a path, whatever they were.

    Args:
        path: Names joined by `/`.

    Example:
        >>> from corten.naming import at_path, join_path
        >>> with at_path("model/dense"):
        ...     join_path("kernel")
        'model/dense/kernel'
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> at_path:
        self._outer, _scopes.stack = _scopes.stack, self._path.split("/")
        return self

    def __exit__(self, *exc: object) -> None:
        _scopes.stack = self._outer
