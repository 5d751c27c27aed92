"""Batches from things that give batches: generators, `PyDataset`s, `corten.data.Dataset`s, loaders."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from corten.training.adapters.adapter import Batch, DataAdapter, unpack
from corten.training.adapters.conversion import flatten, to_tensors
from corten.training.adapters.weights import class_weights_of


def standardize(batch: Any, class_weight: dict[int, float] | None = None, same_length: bool = True) -> Batch:
    """Gives a batch of a user's source as tensors `(x, y, sample_weight)`.

    Raises:
        ValueError: The parts differ in length, and `same_length` forbids that.
    """
    x, y, weight = unpack(batch)
    x = to_tensors(x, "x")
    y = to_tensors(y, "y")
    weight = to_tensors(weight, "sample_weight")
    leaves = [*flatten(x, "x"), *flatten(y, "y"), *flatten(weight, "sample_weight")]
    sizes = {leaf.shape[0] if leaf.shape else 0 for _, leaf in leaves}
    if same_length and len(sizes) > 1:
        listed = ", ".join(f"{name} has shape {tuple(leaf.shape)}" for name, leaf in leaves)
        hint = "" if all(leaf.shape for _, leaf in leaves) else " Are these single samples? Add `.batch(32)`."
        raise ValueError(f"All parts of a batch must have the same number of samples: {listed}.{hint}")
    if class_weight is not None:
        of_class = class_weights_of(y, class_weight)
        weight = of_class if weight is None else weight * of_class
    return x, y, weight


class IterableAdapter(DataAdapter):
    """Takes batches from any iterable of `x`, `(x, y)` or `(x, y, sample_weight)`.

    Args:
        source: The iterable. An iterator (a generator) can be walked once; anything else is
            started anew for every pass.
        class_weight: Weight per class index.
    """

    def __init__(self, source: Iterable[Any], *, class_weight: dict[int, float] | None = None) -> None:
        self.source = source
        self.draws_skipped = True
        self._class_weight = class_weight
        self._pending: Iterator[Any] | None = None
        self.restartable = not isinstance(source, Iterator)
        self.num_batches = None if isinstance(source, Iterator) else _length_of(source)

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        after = getattr(self.source, "iterate_after", None)
        if skip and self._pending is None and after is not None:
            raw = after(skip)
        else:
            raw = self._pending if self._pending is not None else iter(self.source)
            self._pending = None
            if skip:
                next(itertools.islice(raw, skip, skip), None)
        return (standardize(batch, self._class_weight, self.same_length) for batch in raw)

    def forget_first(self) -> None:
        if self.restartable:
            self._pending = None

    def first_batch(self) -> Batch | None:
        iterator = self._pending if self._pending is not None else iter(self.source)
        try:
            first = next(iterator)
        except StopIteration:
            return None
        self._pending = itertools.chain((first,), iterator)
        return standardize(first, self._class_weight, self.same_length)


def _length_of(source: Any) -> int | None:
    """The number of batches, where the source knows it."""
    cardinality = getattr(source, "cardinality", None)
    if callable(cardinality):
        count = int(cardinality())
        return count if count >= 0 else None
    try:
        return len(source)
    except TypeError:
        return None


class PyDatasetAdapter(DataAdapter):
    """Takes batches from a `PyDataset` by index, on worker threads when it asks for some.

    Args:
        dataset: The data set.
        shuffle: Draw the order of the batches anew for every pass.
        class_weight: Weight per class index.
    """

    def __init__(
        self, dataset: Any, *, shuffle: bool | str = False, class_weight: dict[int, float] | None = None
    ) -> None:
        self.source = self._dataset = dataset
        self._shuffle = bool(shuffle)
        self._class_weight = class_weight
        count = dataset.num_batches
        self.num_batches = None if count is None else int(count)
        if self.num_batches == 0:
            raise ValueError(
                f"{type(dataset).__name__} has no batches: its __len__ gives 0. It must give the number of "
                "batches."
            )

    def first_batch(self) -> Batch:
        return standardize(self._dataset[0], self._class_weight, self.same_length)

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        indices: Iterable[int]
        if self.num_batches is None:
            indices = itertools.count(skip)
        elif self._shuffle:
            from corten.training.adapters.arrays import permutation

            indices = permutation(self.num_batches)[skip:].tolist()
        else:
            indices = range(skip, self.num_batches)
        workers = int(getattr(self._dataset, "workers", 1) or 1)
        fetch: Callable[[int], Any] = self._dataset.__getitem__
        if workers > 1:
            ahead = max(int(getattr(self._dataset, "max_queue_size", 10) or 1), 1)
            raw = _fetch_on_threads(fetch, indices, workers, ahead)
        else:
            raw = map(fetch, indices)
        return (standardize(batch, self._class_weight, self.same_length) for batch in raw)

    def on_epoch_begin(self) -> None:
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._dataset.on_epoch_end()


def _fetch_on_threads(
    fetch: Callable[[int], Any], indices: Iterable[int], workers: int, ahead: int
) -> Iterator[Any]:
    """Fetches up to `ahead` batches in advance and gives them in order."""
    from concurrent.futures import Future, ThreadPoolExecutor

    from corten.data.stages import end_pool

    remaining = iter(indices)
    waiting: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="corten-data")
    try:
        for index in itertools.islice(remaining, ahead):
            waiting.append(pool.submit(fetch, index))
        while waiting:
            yield waiting.popleft().result()
            for index in itertools.islice(remaining, 1):
                waiting.append(pool.submit(fetch, index))
    finally:
        end_pool(pool, waiting)
