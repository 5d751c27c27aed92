"""Batches from arrays that are all in memory: NumPy, tensors, data frames, lists and dicts of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

import numpy as np

from corten import _core
from corten.training.adapters.adapter import Batch, DataAdapter
from corten.training.adapters.conversion import (
    Data,
    Tensor,
    column_names,
    flatten,
    is_sum_finite,
    map_leaves,
    to_array,
    warn_if_not_finite,
)
from corten.training.adapters.weights import class_weights_of

# Up to this size the whole data is put into the epoch's order at once: one gather and then views
# are quicker than a gather per batch. Above it the copy would cost more memory than it saves time.
_REORDER_AT_ONCE_BYTES = 32 << 20
#: What is one array for sure.
SINGLE = (np.ndarray, Tensor)


def check_lengths(leaves: list[tuple[str, Any]], caller: str) -> int:
    """Gives the number of samples all arrays share.

    Raises:
        ValueError: An array is a single number, is empty, or the sizes differ.
    """
    if len(leaves) == 2:
        first, second = leaves[0][1], leaves[1][1]
        if first.ndim and second.ndim and 0 < first.shape[0] == second.shape[0]:
            return int(first.shape[0])
    sizes: list[tuple[str, int]] = []
    for name, leaf in leaves:
        if len(leaf.shape) == 0:
            raise ValueError(
                f"{caller}: {name} is a single number; expected an array with one row per sample"
            )
        sizes.append((name, int(leaf.shape[0])))
    if not sizes:
        raise ValueError(f"{caller}: there is no data")
    count = sizes[0][1]
    if any(size != count for _, size in sizes):
        listed = ", ".join(f"{name} has {size}" for name, size in sizes)
        raise ValueError(
            f"{caller}: all arrays must have the same number of samples (first dimension): {listed}"
        )
    if count == 0:
        raise ValueError(f"{caller}: {sizes[0][0]} has no samples; its shape is {tuple(leaves[0][1].shape)}")
    return count


def check_batch_size(batch_size: Any, caller: str) -> int:
    """Gives the batch size as an int.

    Raises:
        ValueError: It is not a whole number of at least 1.
    """
    if type(batch_size) is int and batch_size > 0:
        return batch_size
    whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if not whole or batch_size < 1:
        raise ValueError(f"{caller}: batch_size must be a whole number of at least 1; got {batch_size!r}")
    return int(batch_size)


def check_shuffle(shuffle: bool | str, caller: str) -> None:
    """Checks that a text that says how to shuffle is 'batch'.

    Raises:
        ValueError: It is another one.
    """
    if isinstance(shuffle, str) and shuffle != "batch":
        raise ValueError(f"{caller}: shuffle must be True, False or 'batch'; got {shuffle!r}")


def permutation(count: int) -> np.ndarray:
    """Draws an order of `count` samples from the global random generator.

    Every draw takes the next key of the counter-based generator, so the orders depend on the seed
    and on nothing else.
    """
    from corten.random import draw_key

    seed, stream = draw_key(None)
    return order_of(_core.random("bits", (count,), "uint32", seed, stream, device="cpu").numpy())


def order_of(keys: np.ndarray) -> np.ndarray:
    """Gives the order that sorts uint32 keys; equal ones stay in theirs.

    Example:
        >>> order_of(np.array([7, 5, 7, 1], np.uint32)).tolist()
        [3, 1, 0, 2]
    """
    if len(keys) >= 2**31:
        return np.argsort(keys, kind="stable")
    # Key and place in one number: sorting numbers takes a tenth of the time of a stable sort of places.
    places = keys.astype(np.uint64)
    places <<= np.uint64(32)
    places |= np.arange(len(keys), dtype=np.uint64)
    places.sort()
    return places.astype(np.uint32).view(np.int32)


class ArrayAdapter(DataAdapter):
    """Cuts arrays into batches.

    Args:
        x: Inputs.
        y: Targets or None.
        sample_weight: One weight per sample, or None.
        batch_size: Rows per batch; the last batch may be smaller.
        shuffle: Draw a new order for every pass; 'batch' keeps the samples of a batch together.
        class_weight: Weight per class index.
        caller: Method named by error messages.
        check_values: Warn about NaN and infinity.
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
        check_values: bool = False,
    ) -> None:
        batch_size = check_batch_size(32 if batch_size is None else batch_size, caller)
        check_shuffle(shuffle, caller)
        single = type(x) in SINGLE and type(y) in SINGLE and sample_weight is None is class_weight
        if single:
            # The common case, without the search for arrays in lists and dicts.
            leaves = [("x", to_array(x, "x")), ("y", to_array(y, "y"))]
        else:
            arrays = [map_leaves(to_array, part, name) for part, name in named(x, y, sample_weight)]
            leaves = [leaf for part, name in named(*arrays) for leaf in flatten(part, name)]
        self.num_samples: int = check_lengths(leaves, caller)
        if single:
            tensors = [_as_tensor(leaf, "") for _, leaf in leaves]
            self.arrays: Batch = (tensors[0], tensors[1], None)
        else:
            if class_weight is not None:
                if sample_weight is not None:
                    raise ValueError(f"{caller}: give sample_weight or class_weight, not both")
                arrays[2] = class_weights_of(arrays[1], class_weight)
            self.arrays = tuple(map_leaves(_as_tensor, part, "data") for part in arrays)
            tensors = [leaf for part in self.arrays for _, leaf in flatten(part, "")]
        if check_values:
            for (name, leaf), tensor in zip(leaves, tensors, strict=False):
                if type(tensor) is Tensor and not is_sum_finite(tensor):
                    columns = {label: column_names(column) for label, column in flatten(x, "x")}
                    warn_if_not_finite(leaf, name, columns.get(name))
        self.batch_size = batch_size
        self.num_batches: int = -(-self.num_samples // batch_size)
        self._shuffle = shuffle
        self.has_text = any(type(tensor) is not Tensor for tensor in tensors)
        self._bytes = sum([tensor.nbytes for tensor in tensors])

    def first_batch(self) -> Batch:
        return self._slice(self.arrays, 0, self.batch_size)

    def one_pass(self) -> tuple[Batch, Tensor | None]:
        """Draws the order of a pass: gives arrays, and the order of their rows where that is not theirs."""
        if not self._shuffle or self.batch_size >= self.num_samples:
            return self.arrays, None
        order = _core.tensor(permutation(self.num_samples))
        if self._bytes > _REORDER_AT_ONCE_BYTES:
            return self.arrays, order
        return self._take(order), None

    def cut(self, arrays: Batch, order: Tensor | None, start: int) -> Batch:
        """Gives the batch that starts at a row of what `one_pass` gave."""
        stop = start + self.batch_size
        return self._slice(arrays, start, stop) if order is None else self._take(order[start:stop])

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        size, count = self.batch_size, self.num_samples
        if size >= count:
            # One batch: the order of samples within it does not matter, unless weights are drawn.
            return iter((self.arrays,)[skip:])
        if self._shuffle == "batch":
            starts = [int(index) * size for index in permutation(self.num_batches)[skip:]]
            return (self._slice(self.arrays, start, start + size) for start in starts)
        source, order = self.one_pass()
        rows = range(skip * size, count, size)
        if order is not None:
            return (self._take(order[start : start + size]) for start in rows)
        x, y, weight = source
        if type(x) is Tensor and weight is None and (y is None or type(y) is Tensor):
            return (
                (x[start : start + size], None if y is None else y[start : start + size], None)
                for start in rows
            )
        return (self._slice(source, start, start + size) for start in rows)

    @staticmethod
    def _slice(source: tuple[Any, ...], start: int, stop: int) -> Batch:
        x, y, weight = (map_leaves(lambda leaf, _: leaf[start:stop], part, "") for part in source)
        return x, y, weight

    def _take(self, order: Tensor) -> Batch:
        rows = np.asarray(order) if self.has_text else None

        def taken(leaf: Any, _: str) -> Any:
            return leaf[order if type(leaf) is Tensor else rows]

        x, y, weight = (map_leaves(taken, part, "") for part in self.arrays)
        return x, y, weight


def in_rows(adapter: DataAdapter) -> TypeGuard[ArrayAdapter]:
    """Whether a pass takes the rows of arrays one after the other, as `ArrayAdapter.one_pass` gives them."""
    return type(adapter) is ArrayAdapter and adapter._shuffle != "batch" and not adapter.has_text


def _as_tensor(leaf: Any, _: str) -> Any:
    return leaf if type(leaf) is Tensor or leaf.dtype.kind == "O" else _core.tensor(leaf)


def named(x: Data, y: Data, weight: Data) -> list[tuple[Data, str]]:
    """Gives each part of the data with what messages call it."""
    return [(x, "x"), (y, "y"), (weight, "sample_weight")]


def split_arrays(x: Data, y: Data, weight: Data, fraction: float, caller: str = "fit") -> tuple[Batch, Batch]:
    """Cuts the last `fraction` of the samples off for validation, as Keras does (before shuffling).

    Raises:
        ValueError: The fraction is not between 0 and 1, or leaves one side empty.
    """
    if not isinstance(fraction, int | float | np.number) or not 0.0 < float(fraction) < 1.0:
        raise ValueError(f"{caller}: validation_split must be at least 0 and below 1; got {fraction!r}")
    # Late: that module needs this one.
    from corten.training.adapters.lazy_rows import to_rows

    arrays = [map_leaves(to_rows, part, name) for part, name in named(x, y, weight)]
    leaves = [leaf for part, name in named(*arrays) for leaf in flatten(part, name)]
    count = check_lengths(leaves, caller)
    cut = int(count * (1.0 - float(fraction)))
    if cut in (0, count):
        raise ValueError(
            f"{caller}: validation_split={fraction} of {count} samples leaves {cut} to train on and "
            f"{count - cut} to validate; change validation_split or give more data"
        )
    first, second = (
        tuple(map_leaves(lambda leaf, _, part=part: leaf[part], array, "") for array in arrays)
        for part in (slice(None, cut), slice(cut, None))
    )
    return first, second
