"""Where batches come from: one adapter per kind of source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from corten.training.adapters.adapter import Batch, DataAdapter, unpack
from corten.training.adapters.arrays import SINGLE, ArrayAdapter, split_arrays
from corten.training.adapters.conversion import Data, flatten, is_value_list
from corten.training.adapters.epochs import EpochIterator
from corten.training.adapters.iterables import IterableAdapter, PyDatasetAdapter, standardize
from corten.training.adapters.lazy_rows import LazyRowsAdapter, is_lazy
from corten.training.adapters.weights import check_class_weight

__all__ = [
    "ArrayAdapter",
    "Batch",
    "Data",
    "DataAdapter",
    "EpochIterator",
    "IterableAdapter",
    "LazyRowsAdapter",
    "PyDatasetAdapter",
    "choose_adapter",
    "is_array_data",
    "split_arrays",
    "standardize",
    "unpack",
]


def is_array_data(x: Any) -> bool:
    """True when `x` is arrays in memory (also several, in a list or dict), not a source of batches.

    Example:
        >>> is_array_data([1.0, 2.0]), is_array_data(iter([1.0, 2.0]))
        (True, False)
    """
    if isinstance(x, list | tuple | Mapping):
        return True
    return hasattr(x, "shape") or hasattr(x, "__array__") or hasattr(x, "to_numpy") or is_value_list(x)


def _is_in_memory(x: Any, caller: str) -> bool:
    """True for arrays of any kind, False for what may be a source of batches."""
    from corten.utils.py_dataset import PyDataset

    if x is None:
        raise ValueError(f"{caller}: x is None; pass the data")
    if isinstance(x, str | bytes):
        raise TypeError(f"{caller}: x is text ({x!r}); expected an array of numbers or a source of batches")
    return is_array_data(x) and not isinstance(x, PyDataset)


def _any_lazy(*parts: Any) -> bool:
    """True when one of the arrays must not be loaded as a whole."""
    return any(is_lazy(leaf) for part in parts if type(part) not in SINGLE for _, leaf in flatten(part, ""))


def choose_adapter(
    x: Data,
    y: Data = None,
    sample_weight: Data = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: Any = None,
    caller: str = "fit",
    check_values: bool = False,
) -> DataAdapter:
    """Finds the adapter for what the user passed as data.

    Raises:
        ValueError: Arguments that do not go with this kind of data.
        TypeError: Nothing that gives batches.
    """
    if class_weight is not None:
        class_weight = check_class_weight(class_weight)
    if type(x) in SINGLE or _is_in_memory(x, caller):
        if _any_lazy(x, y, sample_weight):
            return LazyRowsAdapter(
                x,
                y,
                sample_weight,
                batch_size=batch_size,
                shuffle=shuffle,
                class_weight=class_weight,
                caller=caller,
            )
        return ArrayAdapter(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            class_weight=class_weight,
            caller=caller,
            check_values=check_values,
        )
    kind = type(x).__name__
    if y is not None:
        raise ValueError(f"{caller}: x is a {kind}, which must give (x, y) batches itself; do not pass y")
    if sample_weight is not None:
        raise ValueError(
            f"{caller}: x is a {kind}, which must give (x, y, sample_weight) batches itself; do not pass "
            "sample_weight"
        )
    from corten.utils.py_dataset import PyDataset

    if isinstance(x, PyDataset):
        return PyDatasetAdapter(x, shuffle=shuffle, class_weight=class_weight)
    if isinstance(x, Iterable):
        return IterableAdapter(x, class_weight=class_weight)
    raise TypeError(
        f"{caller}: x must be an array, a list or dict of arrays, a PyDataset, a corten.data.Dataset, a "
        "generator or "
        f"another iterable of batches; got {kind}"
    )
