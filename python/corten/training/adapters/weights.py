"""Class weights, as weights of the samples that have the class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from corten import _core
from corten.config import floatx
from corten.training.adapters.conversion import Tensor, is_structure


def check_class_weight(class_weight: Any) -> dict[int, float]:
    """Gives the mapping with plain keys and values.

    Raises:
        ValueError: It is not a mapping of class index to weight.
    """
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"class_weight must be a dict of class index to weight, such as {{0: 1.0, 1: 5.0}}; got "
            f"{class_weight!r}"
        )
    checked: dict[int, float] = {}
    for label, weight in class_weight.items():
        if not isinstance(label, int | np.integer) or label < 0:
            raise ValueError(f"class_weight: a key is a class index (0, 1, ...); got {label!r}")
        checked[int(label)] = float(weight)
    return checked


def class_weights_of(y: Any, class_weight: dict[int, float]) -> Tensor:
    """Gives one weight for every sample of `y`, whose labels are whole numbers or one-hot rows.

    A class that has no entry weighs 1.

    Raises:
        ValueError: There are several targets, or none.
    """
    if y is None:
        raise ValueError("class_weight needs targets; the data has no y")
    if is_structure(y):
        raise ValueError(
            "class_weight works with one output. For several outputs pass sample_weight with one entry per "
            "output."
        )
    labels = y.numpy() if hasattr(y, "numpy") else np.asarray(y)
    if labels.ndim > 1:
        labels = labels.argmax(axis=-1) if labels.shape[-1] > 1 else labels[..., 0]
    labels = np.round(labels).astype(np.int64)
    largest = max(int(labels.max(initial=0)), *class_weight)
    table = np.ones(largest + 1, dtype=floatx())
    for label, weight in class_weight.items():
        table[label] = weight
    return _core.tensor(table[labels])
