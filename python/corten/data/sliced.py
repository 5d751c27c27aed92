"""Rows of arrays as a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from corten.data.dataset import Dataset
from corten.data.stages import PassGenerators
from corten.data.structure import map_structure


class SlicedDataset(Dataset):
    """The rows of arrays. It knows them all, so batches and full shuffles need no row-by-row work.

    Args:
        table: Arrays.
        count: Number of rows.
        order: Gives the order of the rows of a pass; None is their own.
    """

    def __init__(self, table: Any, count: int, order: Callable[[], np.ndarray] | None = None) -> None:
        super().__init__(self._rows, count, skipper=self._rows)
        self._table = table
        self._order = order

    def _rows(self, skip: int = 0) -> Iterator[Any]:
        order = range(self._cardinality) if self._order is None else self._order().tolist()
        table = self._table
        return (map_structure(lambda leaf, index=index: leaf[index], table) for index in order[skip:])

    def _batches(self, size: int, drop_remainder: bool, skip: int = 0) -> Iterator[Any]:
        order = None if self._order is None else self._order()
        stop = self._cardinality - self._cardinality % size if drop_remainder else self._cardinality

        def batch(start: int) -> Any:
            rows = slice(start, start + size) if order is None else order[start : start + size]
            return map_structure(lambda leaf: leaf[rows], self._table)

        return map(batch, range(skip * size, stop, size))

    def _shuffled_rows(self, size: int, generators: PassGenerators) -> Dataset | None:
        if size < self._cardinality or self._order is not None:
            return None
        count = self._cardinality
        return SlicedDataset(self._table, count, lambda: generators.next().permutation(count))
