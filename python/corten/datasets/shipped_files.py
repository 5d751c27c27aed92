"""Reading the data sets inside the wheel."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def read_shipped(name: str) -> dict[str, np.ndarray]:
    """Gives the arrays of a shipped file by name."""
    source = resources.files("corten.datasets") / "shipped" / f"{name}.npz"
    with source.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def load_split(name: str, test_split: float, seed: int) -> Split:
    """Gives a shipped table, mixed and split into parts for training and testing.

    Raises:
        ValueError: `test_split` is not at least 0 and below 1.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"{name}.load_data: test_split must be at least 0 and below 1; got {test_split!r}")
    arrays = read_shipped(name)
    return split_rows(arrays["x"], arrays["y"], test_split, seed)


def split_rows(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> Split:
    """Mixes rows with a generator of its own and cuts the last `test_split` off to test on."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(x))
    cut = len(x) - round(len(x) * test_split)
    train, test = order[:cut], order[cut:]
    return (x[train], y[train]), (x[test], y[test])


def names(name: str, key: str) -> list[str]:
    """Gives the names of features or classes of a shipped table."""
    found: Any = read_shipped(name)[key]
    return [str(item) for item in found]
