"""Batches from what must not be loaded as a whole: memory-mapped files, HDF5 datasets, sparse matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from corten import _core
from corten.training.adapters.adapter import Batch, DataAdapter
from corten.training.adapters.arrays import (
    check_batch_size,
    check_lengths,
    check_shuffle,
    named,
    permutation,
)
from corten.training.adapters.conversion import Data, Tensor, flatten, map_leaves, to_array, to_tensors
from corten.training.adapters.weights import class_weights_of

# Files up to this size are read at once: that costs little memory, and the engine then runs many
# steps without Python in between.
_SMALL_BYTES = 16 << 20


def is_sparse(value: Any) -> bool:
    """True for SciPy's sparse matrices and arrays.

    Example:
        >>> is_sparse(np.zeros((2, 2)))
        False
    """
    return hasattr(value, "tocsr") and hasattr(value, "nnz")


def is_lazy(value: Any) -> bool:
    """True for an array whose rows are read or made when they are needed.

    Example:
        >>> is_lazy(np.zeros(3))
        False
    """
    if type(value) is np.ndarray or type(value) is Tensor:
        return False
    if isinstance(value, np.memmap):
        return value.filename is not None and value.nbytes > _SMALL_BYTES
    return is_sparse(value) or isinstance(value, HDF5Rows) or _is_hdf5(value)


class HDF5Rows:
    """Consecutive rows of an HDF5 dataset: cutting it reads nothing, unlike cutting the dataset.

    Args:
        dataset: The dataset.
        rows: Which of its rows; all if None.

    Example:
        >>> rows = HDF5Rows(np.arange(10))[2:6]
        >>> rows.shape, rows.read(slice(0, 2)).tolist(), rows.read(np.array([3, 0])).tolist()
        ((4,), [2, 3], [5, 2])
    """

    def __init__(self, dataset: Any, rows: range | None = None) -> None:
        self._dataset = dataset
        self._rows = range(dataset.shape[0]) if rows is None else rows
        self.shape: tuple[int, ...] = (len(self._rows), *dataset.shape[1:])
        self.ndim = len(self.shape)
        self.dtype = dataset.dtype

    def __getitem__(self, part: slice) -> HDF5Rows:
        return HDF5Rows(self._dataset, self._rows[part])

    def read(self, rows: Any) -> np.ndarray:
        """Reads rows, given as for `take_rows`."""
        if isinstance(rows, slice):
            chosen = self._rows[rows]
            found: np.ndarray = self._dataset[chosen.start : chosen.stop]
            return found
        # HDF5 reads rows in ascending order only.
        ascending, places = np.unique(rows, return_inverse=True)
        values: np.ndarray = self._dataset[ascending + self._rows.start]
        return values[places]


def _is_hdf5(value: Any) -> bool:
    return type(value).__module__.startswith("h5py.") and hasattr(value, "chunks")


def to_rows(value: Any, name: str) -> Any:
    """Gives an array whose rows can be taken: lazy ones as they are, others as `to_array` does.

    Raises:
        TypeError: The values are no numbers.
    """
    if not is_lazy(value):
        return to_array(value, name)
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold numbers; got a {type(value).__name__} of dtype {value.dtype}")
    if is_sparse(value):
        if value.ndim != 2:
            raise ValueError(f"{name}: a sparse array must have 2 dimensions; got {value.ndim}")
        # The format whose rows can be taken; other ones are brought there once.
        return value.tocsr()
    return HDF5Rows(value) if _is_hdf5(value) and value.ndim else value


def take_rows(value: Any, rows: Any) -> Any:
    """Takes rows of what `to_rows` gave, as a dense array.

    Args:
        value: The array.
        rows: A slice, or whole numbers in any order.

    Example:
        >>> take_rows(np.arange(5), np.array([4, 0])).tolist()
        [4, 0]
    """
    if is_sparse(value):
        return value[rows].toarray()
    if isinstance(value, HDF5Rows):
        return value.read(rows)
    if isinstance(rows, slice):
        return value[rows]
    if type(value) is Tensor:
        return value[_core.tensor(rows)]
    return value[rows]


class LazyRowsAdapter(DataAdapter):
    """Takes the rows of every batch when it is due; orders and results are those of arrays in memory.

    Args:
        x: Inputs.
        y: Targets or None.
        sample_weight: One weight per sample, or None.
        batch_size: Rows per batch; the last batch may be smaller.
        shuffle: Draw a new order for every pass; 'batch' keeps the samples of a batch together.
        class_weight: Weight per class index.
        caller: Method named by error messages.
    """

    def __init__(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        *,
        batch_size: int | None = None,
        shuffle: bool | str = False,
        class_weight: dict[int, float] | None = None,
        caller: str = "fit",
    ) -> None:
        self._batch_size = check_batch_size(32 if batch_size is None else batch_size, caller)
        check_shuffle(shuffle, caller)
        if class_weight is not None and sample_weight is not None:
            raise ValueError(f"{caller}: give sample_weight or class_weight, not both")
        self._parts = [map_leaves(to_rows, part, name) for part, name in named(x, y, sample_weight)]
        leaves = [leaf for part, name in named(*self._parts) for leaf in flatten(part, name)]
        self.num_samples: int = check_lengths(leaves, caller)
        self.num_batches: int = -(-self.num_samples // self._batch_size)
        self._shuffle = shuffle
        self._class_weight = class_weight

    @property
    def whole_targets(self) -> Any:
        """All targets where they are in memory, else None."""
        targets = self._parts[1]
        if targets is None or any(is_lazy(leaf) for _, leaf in flatten(targets, "y")):
            return None
        return to_tensors(targets, "y")

    def first_batch(self) -> Batch:
        return self._take(slice(0, self._batch_size))

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        size, count = self._batch_size, self.num_samples
        if self._shuffle == "batch" and size < count:
            starts = [int(index) * size for index in permutation(self.num_batches)]
        else:
            starts = list(range(0, count, size))
        order = permutation(count) if self._shuffle is True and size < count else None
        return (
            self._take(slice(start, start + size) if order is None else order[start : start + size])
            for start in starts[skip:]
        )

    def _take(self, rows: Any) -> Batch:
        x, y, weight = (
            to_tensors(map_leaves(lambda leaf, _: take_rows(leaf, rows), part, ""), name)
            for part, name in named(*self._parts)
        )
        if self._class_weight is not None:
            weight = class_weights_of(y, self._class_weight)
        return x, y, weight
