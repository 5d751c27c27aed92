"""Learning-rate schedules, given to an optimizer as `learning_rate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corten.identifiers import Table, names_of, serialize_object
from corten.optimizers.schedules.decay import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from corten.optimizers.schedules.schedule import LearningRateSchedule
from corten.optimizers.schedules.warmup import WarmupSchedule

_TABLE = Table(
    "learning-rate schedule",
    "corten.optimizers.schedules",
    names_of(
        (
            CosineDecay,
            CosineDecayRestarts,
            ExponentialDecay,
            InverseTimeDecay,
            PiecewiseConstantDecay,
            PolynomialDecay,
            WarmupSchedule,
        )
    ),
)


def serialize(learning_rate_schedule: Any) -> Any:
    """Gives the config of a schedule.

    Example:
        >>> serialize(PolynomialDecay(0.1, 10))["class_name"]
        'PolynomialDecay'
    """
    return serialize_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Rebuilds a schedule from its config.

    Example:
        >>> config = {"initial_learning_rate": 0.1, "decay_steps": 10}
        >>> deserialize({"class_name": "PolynomialDecay", "config": config}).decay_steps
        10
    """
    return _TABLE.deserialize(config, custom_objects)


__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay", "WarmupSchedule", "deserialize", "serialize",
]  # fmt: skip
