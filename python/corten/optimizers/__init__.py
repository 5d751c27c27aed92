"""Optimizers: how gradients become new weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corten.identifiers import Table, names_of, serialize_object
from corten.optimizers import schedules
from corten.optimizers.adafactor import Adafactor
from corten.optimizers.adagrad import Adadelta, Adagrad
from corten.optimizers.adam import Adam, Adamax, AdamW, Nadam
from corten.optimizers.ftrl import Ftrl
from corten.optimizers.lamb import Lamb
from corten.optimizers.lion import Lion
from corten.optimizers.loss_scale import LossScaleOptimizer
from corten.optimizers.multi import MultiOptimizer, OptimizerMap
from corten.optimizers.muon import Muon
from corten.optimizers.optimizer import Optimizer
from corten.optimizers.rmsprop import RMSprop
from corten.optimizers.schedule_free import ScheduleFreeAdamW
from corten.optimizers.sgd import SGD

_TABLE = Table(
    "optimizer",
    "corten.optimizers",
    names_of(
        (
            Adadelta, Adafactor, Adagrad, Adam, Adamax, AdamW, Ftrl, Lamb, Lion, LossScaleOptimizer,
            MultiOptimizer,
            Muon, Nadam, Optimizer, OptimizerMap, RMSprop, ScheduleFreeAdamW, SGD,
        ),
        snake=False,
    ),
)  # fmt: skip


def serialize(optimizer: Any) -> Any:
    """Gives the config of an optimizer.

    Example:
        >>> serialize(SGD(learning_rate=0.5))["config"]["learning_rate"]
        0.5
    """
    return serialize_object(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Rebuilds an optimizer from its config.

    Example:
        >>> deserialize({"class_name": "adam", "config": {"beta_1": 0.5}}).beta_1
        0.5
    """
    return _TABLE.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """Resolves a name, config, class or object; `None` stays `None`.

    Example:
        >>> type(get("adam")).__name__
        'Adam'
        >>> get("adma")
        Traceback (most recent call last):
        ...
        ValueError: Unknown optimizer: 'adma'. Did you mean 'adam'? Known names: ...
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    found = identifier
    if isinstance(identifier, Mapping):
        found = _TABLE.deserialize(identifier)
    elif isinstance(identifier, str):
        found = _TABLE.find(identifier)
    if isinstance(found, type):
        found = found()
    if isinstance(found, Optimizer):
        return found
    raise ValueError(
        "An optimizer is given as a name such as 'adam', a config, or an Optimizer;"
        f" got {identifier!r} of type {type(identifier).__name__}."
    )


__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion",
    "LossScaleOptimizer", "MultiOptimizer", "Muon", "Nadam", "Optimizer", "OptimizerMap", "RMSprop",
    "ScheduleFreeAdamW", "deserialize", "get", "schedules", "serialize",
]  # fmt: skip


def __getattr__(name: str) -> object:
    from corten.identifiers import no_attribute

    raise no_attribute(__name__, name)
