"""Batches of rows: which rows, in which order, joined by a collator."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from corten.transformers.training.rows import Row, Rows, StreamedRows, stack

# Rows of like length are looked for among so many batches' rows.
_BATCHES_AT_ONCE = 50


def random_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """Gives an order of rows that depends on the seed and the epoch alone.

    Example:
        >>> random_order(5, seed=1, epoch=0).tolist() == random_order(5, seed=1, epoch=0).tolist()
        True
    """
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)


def length_grouped_order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Gives a random order in which rows of like length follow one another.

    The rows are shuffled, and each stretch of 50 batches is sorted by length. The longest row of all comes
    first, so that memory that does not suffice shows at once.

    Example:
        >>> order = length_grouped_order([1, 9, 2, 8], batch_size=2, seed=0, epoch=0)
        >>> order.tolist()
        [1, 3, 2, 0]
    """
    order = random_order(len(lengths), seed, epoch)
    sizes = np.asarray(lengths)
    stretch = batch_size * _BATCHES_AT_ONCE
    parts = [order[start : start + stretch] for start in range(0, len(order), stretch)]
    parts = [part[np.argsort(-sizes[part], kind="stable")] for part in parts]
    longest = int(np.argmax([sizes[part[0]] for part in parts]))
    parts[0][0], parts[longest][0] = parts[longest][0], parts[0][0]
    return np.concatenate(parts)


class Batches:
    """Walks through rows in batches; what `get_train_dataloader` and its like give.

    Args:
        rows: The rows.
        batch_size: Rows per batch.
        collator: Makes a batch of a list of rows; None joins arrays.
        order: Gives the order of the rows of an epoch; None for the order they have.
        drop_last: Leave out a last batch that is not full.
        keep: Names of the columns that the model takes; None for all.
        who: Name of the data in messages.

    Attributes:
        batch_size: Rows per batch.
        dataset: The data as the user gave it.

    Example:
        >>> from corten.transformers.training.rows import rows_of
        >>> batches = Batches(rows_of({"x": [1, 2, 3], "y": [4, 5, 6]}, "data"), batch_size=2)
        >>> len(batches), [batch["x"].tolist() for batch in batches]
        (2, [[1, 2], [3]])
    """

    def __init__(
        self,
        rows: Rows | StreamedRows,
        batch_size: int,
        collator: Callable[[list[Any]], Any] | None = None,
        order: Callable[[int], np.ndarray] | None = None,
        drop_last: bool = False,
        keep: frozenset[str] | None = None,
        who: str = "data",
    ) -> None:
        self._rows = rows
        self.batch_size = batch_size
        self._collator = collator
        self._order = order
        self._drop_last = drop_last
        self._keep = keep
        self._who = who

    @property
    def dataset(self) -> Any:
        """The data as the user gave it."""
        return self._rows.source

    @property
    def collator(self) -> Any:
        """What makes batches of rows."""
        return self._collator

    @property
    def is_streamed(self) -> bool:
        """Whether the data can only be walked through."""
        return isinstance(self._rows, StreamedRows)

    @property
    def num_batches(self) -> int | None:
        """How many batches a pass has; None where that is not known."""
        rows = self._rows
        if isinstance(rows, Rows):
            count: int | None = len(rows)
        else:
            count = rows.count
            if rows.is_batched:
                return count
        if count is None:
            return None
        return count // self.batch_size if self._drop_last else math.ceil(count / self.batch_size)

    @property
    def num_examples(self) -> int | None:
        """How many rows there are; None where that is not known."""
        rows = self._rows
        if isinstance(rows, Rows):
            return len(rows)
        return None if rows.is_batched else rows.count

    def __len__(self) -> int:
        count = self.num_batches
        if count is None:
            raise TypeError(f"{self._who}: the number of its rows is not known")
        return count

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.batches(0)

    def batches(self, epoch: int, skip: int = 0) -> Iterator[dict[str, Any]]:
        """Starts the pass of an epoch.

        Args:
            epoch: Its number, which decides the order.
            skip: Batches to leave out at the start. Those of rows that can be taken in any order are not
                made.
        """
        rows = self._rows
        if isinstance(rows, StreamedRows):
            if hasattr(rows.source, "set_epoch"):
                rows.source.set_epoch(epoch)
            walk = rows.walk()
            # At once, and not with the first batch: what the source draws belongs before what comes then.
            left_out = skip if rows.is_batched else skip * self.batch_size
            next(itertools.islice(walk, left_out, left_out), None)
            return self._streamed(rows.is_batched, walk)
        return self._in_order(rows, epoch, skip)

    def _in_order(self, rows: Rows, epoch: int, skip: int) -> Iterator[dict[str, Any]]:
        order = np.arange(len(rows)) if self._order is None else self._order(epoch)
        size = self.batch_size
        for start in range(skip * size, len(order), size):
            chosen = order[start : start + size]
            if len(chosen) < size and self._drop_last:
                return
            indices = chosen.tolist()
            batch = rows.arrays(indices, self._keep) if self._collator is None else None
            if batch is None:
                batch = self._collate([self._kept(row) for row in rows.take(indices)])
            yield batch

    def _streamed(self, is_batched: bool, walk: Iterator[Row]) -> Iterator[dict[str, Any]]:
        if is_batched:
            for batch in walk:
                yield {name: _as_array(value) for name, value in self._kept(batch).items()}
            return
        while group := list(itertools.islice(walk, self.batch_size)):
            if len(group) < self.batch_size and self._drop_last:
                return
            yield self._collate([self._kept(row) for row in group])

    def _kept(self, row: Row) -> Row:
        keep = self._keep
        if keep is None:
            return row
        return {name: value for name, value in row.items() if name in keep or name in _LABEL_NAMES}

    def _collate(self, rows: list[Row]) -> dict[str, Any]:
        if self._collator is None:
            return stack(rows, self._who)
        batch = self._collator(rows)
        if not isinstance(batch, Mapping):
            batch = getattr(batch, "data", batch)
        if not isinstance(batch, Mapping):
            raise TypeError(
                f"{self._who}: the data collator must give a dict of arrays; got a {type(batch).__name__}"
            )
        return {name: _as_array(value) for name, value in batch.items()}


_LABEL_NAMES = frozenset({"label", "label_ids"})


def _as_array(value: Any) -> Any:
    if isinstance(value, list | tuple):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32)
    return value
