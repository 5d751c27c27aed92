"""Constraints: what a weight is projected onto after each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from corten.constraints.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from corten.identifiers import Table, names_of, serialize_object

max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

_TABLE = Table(
    "constraint", "corten.constraints", names_of((Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm))
)


def serialize(constraint: Any) -> Any:
    """Gives the config of a constraint.

    Example:
        >>> serialize(UnitNorm(axis=1))["config"]
        {'axis': 1}
    """
    return serialize_object(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Rebuilds a constraint from its config.

    Example:
        >>> deserialize({"class_name": "MaxNorm", "config": {"max_value": 3}}).max_value
        3
    """
    return _TABLE.deserialize(config, custom_objects)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Resolves a name, config, class, object or callable; `None` stays `None`.

    Example:
        >>> type(get("non_neg")).__name__
        'NonNeg'
    """
    found: Callable[..., Any] | None = _TABLE.get(identifier)
    return found


__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm",
    "min_max_norm", "non_neg", "serialize", "unit_norm",
]  # fmt: skip
