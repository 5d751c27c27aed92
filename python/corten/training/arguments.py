"""What `fit` and `predict` do with their arguments and results, away from the loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.training.adapters import is_array_data, split_arrays
from corten.utils.py_dataset import PyDataset


def check_count(value: Any, name: str, smallest: int) -> int:
    """Gives a whole number of at least `smallest`.

    Raises:
        ValueError: It is none.
    """
    if type(value) is int and value >= smallest:
        return value
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < smallest:
        raise ValueError(f"fit: {name} must be a whole number of at least {smallest}; got {value!r}")
    return int(value)


def check_validation_freq(validation_freq: Any) -> Any:
    """Gives the frequency as a whole number or the set of epochs, counted from 1."""
    if type(validation_freq) is int and validation_freq >= 1:
        return validation_freq
    if isinstance(validation_freq, int | np.integer) and not isinstance(validation_freq, bool):
        if validation_freq >= 1:
            return int(validation_freq)
    elif isinstance(validation_freq, list | tuple | set | range | np.ndarray):
        return {int(epoch) for epoch in validation_freq}
    raise ValueError(
        "fit: validation_freq must be a whole number of at least 1 or a list of epochs; got "
        f"{validation_freq!r}"
    )


def is_due(epoch: int, validation_freq: Any) -> bool:
    """Whether to validate after this epoch (counted from 0)."""
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq


def split_off_validation(
    x: Any, y: Any, sample_weight: Any, validation_split: Any, validation_data: Any
) -> tuple[Any, Any, Any, Any]:
    """Applies `validation_split`; data given as `validation_data` comes first, as in Keras."""
    if not validation_split:
        return x, y, sample_weight, validation_data
    if not is_array_data(x) or isinstance(x, PyDataset):
        raise ValueError(
            f"fit: validation_split works with arrays; x is a {type(x).__name__}. Pass validation_data "
            "instead."
        )
    train, held_out = split_arrays(x, y, sample_weight, validation_split)
    if validation_data is not None:
        return x, y, sample_weight, validation_data
    return train[0], train[1], train[2], held_out
