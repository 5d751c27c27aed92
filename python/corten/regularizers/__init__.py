"""Regularizers: penalties added to the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from corten.identifiers import Table, names_of, serialize_object
from corten.regularizers.regularizers import (
    L1,
    L1L2,
    L2,
    OrthogonalRegularizer,
    Regularizer,
    validate_float_arg,
)

l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

_TABLE = Table(
    "regularizer",
    "corten.regularizers",
    {**names_of((L1, L2, L1L2, OrthogonalRegularizer, Regularizer)), "l1_l2": L1L2},
)


def serialize(regularizer: Any) -> Any:
    """Gives the config of a regularizer.

    Example:
        >>> serialize(L2(0.5))["config"]
        {'l2': 0.5}
    """
    return serialize_object(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Rebuilds a regularizer from its config.

    Example:
        >>> deserialize({"class_name": "L1", "config": {"l1": 0.5}}).l1
        0.5
    """
    return _TABLE.deserialize(config, custom_objects)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Resolves a name, config, class, object or callable; `None` stays `None`.

    Example:
        >>> get("l2").l2
        0.01
    """
    found: Callable[..., Any] | None = _TABLE.get(identifier)
    return found


__all__ = [
    "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2",
    "orthogonal_regularizer", "serialize", "validate_float_arg",
]  # fmt: skip
