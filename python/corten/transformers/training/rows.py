"""The rows of data sets of any kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]
# Names that labels have in data sets of rows, and what models call them.
_LABELS = {"label": "labels", "label_ids": "labels"}


class Rows(ABC):
    """Rows that can be taken in any order."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, indices: Sequence[int]) -> list[Row]:
        """Gives some rows as dicts."""

    def arrays(self, indices: Sequence[int], keep: frozenset[str] | None) -> dict[str, Any] | None:
        """Gives some rows as a batch of arrays where nothing has to be joined; None elsewhere."""
        return None

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """The names of the columns, of the first row where rows may differ."""

    @property
    @abstractmethod
    def source(self) -> Any:
        """What the user gave."""

    def column(self, name: str) -> list[Any] | None:
        """Gives the values of a column; None where it is not there."""
        rows = self.take(range(len(self)))
        return [row[name] for row in rows] if rows and name in rows[0] else None


class ColumnRows(Rows):
    """Rows of a table: a dict of columns, a `BatchEncoding`, a data frame.

    Args:
        columns: Arrays or lists, as long as one another.
        source: What the user gave.
        who: Its name in messages.

    Raises:
        ValueError: The columns differ in length.

    Example:
        >>> rows = ColumnRows({"x": np.arange(3), "y": [4, 5, 6]}, None, "data")
        >>> [(int(row["x"]), int(row["y"])) for row in rows.take([2, 0])]
        [(2, 6), (0, 4)]
    """

    def __init__(self, columns: Mapping[str, Any], source: Any, who: str) -> None:
        self._source = source
        self._columns: dict[str, Any] = {}
        lengths = {}
        for name, values in columns.items():
            held = (
                values.numpy() if hasattr(values, "numpy") and not isinstance(values, np.ndarray) else values
            )
            if isinstance(held, list | tuple):
                held = _as_array(held)
            if (
                isinstance(held, str)
                or not hasattr(held, "__len__")
                or (np.ndim(held) == 0 and not len(held))
            ):
                raise ValueError(
                    f"{who}: column {name!r} must hold a value for each row; got {type(values).__name__}"
                )
            self._columns[str(name)] = held
            lengths[str(name)] = len(held)
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{who}: the columns differ in length: {lengths}")
        self._length = next(iter(lengths.values()), 0)

    def __len__(self) -> int:
        return self._length

    def take(self, indices: Sequence[int]) -> list[Row]:
        columns = self._columns
        return [{name: values[index] for name, values in columns.items()} for index in indices]

    def arrays(self, indices: Sequence[int], keep: frozenset[str] | None) -> dict[str, Any] | None:
        found = {}
        chosen = np.asarray(indices)
        for name, values in self._columns.items():
            if keep is not None and _LABELS.get(name, name) not in keep:
                continue
            if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
                return None
            found[_LABELS.get(name, name)] = values[chosen]
        return found

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    @property
    def source(self) -> Any:
        return self._source

    def column(self, name: str) -> list[Any] | None:
        return list(self._columns[name]) if name in self._columns else None


def _as_array(values: Any) -> Any:
    """A list as an array where its parts are numbers of one shape; else as it is."""
    first = values[0] if len(values) else None
    if isinstance(first, list | tuple) and any(
        not isinstance(value, list | tuple) or len(value) != len(first) for value in values
    ):
        return list(values)
    if isinstance(first, np.ndarray) and any(np.shape(value) != first.shape for value in values):
        return list(values)
    try:
        array = np.asarray(values)
    except ValueError:
        return list(values)
    return array if array.dtype.kind in "biuf" else list(values)


class ItemRows(Rows):
    """Rows of anything with a length and items: a list of dicts, a data set of Hugging Face's kind.

    Args:
        items: The rows: dicts, `BatchEncoding`s, or pairs of a dict and a label.
        who: Its name in messages.
    """

    def __init__(self, items: Any, who: str) -> None:
        self._items = items
        self._who = who

    def __len__(self) -> int:
        return len(self._items)

    def take(self, indices: Sequence[int]) -> list[Row]:
        fetch = getattr(self._items, "__getitems__", None)
        chosen = [int(index) for index in indices]
        found = fetch(chosen) if fetch is not None else [self._items[index] for index in chosen]
        return [as_row(item, self._who) for item in found]

    @property
    def columns(self) -> list[str]:
        return list(self.take([0])[0]) if len(self) else []

    @property
    def source(self) -> Any:
        return self._items

    def column(self, name: str) -> list[Any] | None:
        if name in (getattr(self._items, "column_names", None) or ()):
            return list(self._items[name])
        return super().column(name)


class StreamedRows:
    """Rows, or whole batches, of what can only be walked through: a `corten.data.Dataset`, an iterable.

    Args:
        source: The iterable; a pass over it starts with `iter`. Or a `PyDataset`, whose items are batches.
        who: Its name in messages.
    """

    def __init__(self, source: Any, who: str) -> None:
        from corten.utils.py_dataset import PyDataset

        self.source = source
        self._who = who
        self._first: Row | None = None
        self._of_batches = isinstance(source, PyDataset)

    def first(self) -> Row:
        """Gives the first row to look at.

        Raises:
            ValueError: There is none.
        """
        if self._first is None:
            self._first = next(self.walk(), None)
        if self._first is None:
            raise ValueError(f"{self._who}: has no rows")
        return self._first

    @property
    def is_batched(self) -> bool:
        """Whether its elements are batches: ids have two axes, or everything has a first axis alike."""
        from corten.data.dataset import Dataset

        if self._of_batches:
            return True
        row = self.first()
        for name in ("input_ids", "inputs_embeds", "pixel_values"):
            if name in row:
                return np.ndim(row[name]) == {"input_ids": 2, "inputs_embeds": 3, "pixel_values": 4}[name]
        sizes = {np.shape(value)[:1] for value in row.values()}
        return isinstance(self.source, Dataset) and len(sizes) == 1 and sizes != {()}

    @property
    def count(self) -> int | None:
        """How many elements there are, where that is known."""
        if self._of_batches:
            return int(self.source.num_batches)
        cardinality = getattr(self.source, "cardinality", None)
        if callable(cardinality):
            known = int(cardinality())
            return known if known >= 0 else None
        try:
            return len(self.source)
        except TypeError:
            return None

    @property
    def columns(self) -> list[str]:
        """The names of the first row's columns."""
        return list(self.first())

    def walk(self) -> Iterator[Row]:
        """Starts a pass."""
        source = self.source
        for item in map(source.__getitem__, range(source.num_batches)) if self._of_batches else source:
            yield as_row(item, self._who)


def as_row(item: Any, who: str) -> Row:
    """Gives a row, or a batch, as a dict.

    Args:
        item: A dict, or a pair of a dict (or array) and labels.
        who: Name of the data in messages.

    Raises:
        TypeError: It is something else.

    Example:
        >>> as_row(({"x": 1}, 2), "data")
        {'x': 1, 'labels': 2}
    """
    if isinstance(item, Mapping):
        return dict(item)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Mapping):
        return {**item[0], "labels": item[1]}
    if hasattr(item, "data") and isinstance(item.data, Mapping):
        return dict(item.data)
    shown = f"a {type(item).__name__}"
    if isinstance(item, str):
        shown = f"the text {item[:40]!r}; tokenize it first: tokenizer(texts, truncation=True)"
    raise TypeError(f"{who}: rows must be dicts, such as {{'input_ids': [...], 'labels': 1}}; got {shown}")


def rows_of(data: Any, who: str) -> Rows | StreamedRows:
    """Gives the rows of a data set of any kind.

    Args:
        data: A list of dicts, a dict of columns, a `BatchEncoding`, a pair of one and labels, a data frame, a
            data set with a length and items, a `corten.data.Dataset` or another iterable of rows.
        who: Name of the data in messages.

    Raises:
        TypeError: It is nothing of that.
        ValueError: It is empty, or its columns differ in length.

    Example:
        >>> len(rows_of({"input_ids": [[1, 2], [3, 4]], "labels": [0, 1]}, "train_dataset"))
        2
    """
    from corten.data.dataset import Dataset
    from corten.utils.py_dataset import PyDataset

    found: Rows | StreamedRows
    if isinstance(data, Rows | StreamedRows):
        return data
    if isinstance(data, str | bytes):
        raise TypeError(
            f"{who}: expected rows; got the text {data[:40]!r}. Load and tokenize the data first."
        )
    if isinstance(data, Mapping) or isinstance(getattr(data, "data", None), Mapping):
        found = ColumnRows(data if isinstance(data, Mapping) else data.data, data, who)
    elif isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], Mapping):
        found = ColumnRows({**data[0], "labels": data[1]}, data, who)
    elif hasattr(data, "iloc") and hasattr(data, "columns"):
        found = ColumnRows({str(name): data[name].tolist() for name in data.columns}, data, who)
    elif hasattr(data, "get_columns") and hasattr(data, "columns"):
        found = ColumnRows({column.name: column.to_list() for column in data.get_columns()}, data, who)
    elif isinstance(data, Dataset | PyDataset):
        found = StreamedRows(data, who)
    elif hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        found = ItemRows(data, who)
    elif hasattr(data, "__iter__"):
        if hasattr(data, "__next__"):
            raise TypeError(
                f"{who}: a {type(data).__name__} can be walked through once; give a list of its rows, or an "
                "object whose __iter__ starts anew"
            )
        found = StreamedRows(data, who)
    else:
        raise TypeError(
            f"{who}: expected a list of dicts, a dict of columns, a data set or an iterable of rows; got a "
            f"{type(data).__name__}"
        )
    if isinstance(found, Rows) and not len(found):
        raise ValueError(f"{who}: has no rows")
    return found


def stack(rows: Sequence[Row], who: str = "data") -> dict[str, Any]:
    """Joins rows into a batch of arrays: `label` and `label_ids` become `labels`; text and None are left out.

    Args:
        rows: Dicts of numbers, lists or arrays, with the same keys.
        who: Name of the data in messages.

    Raises:
        ValueError: Rows differ in length or lack a column.

    Example:
        >>> stack([{"x": [1, 2], "label": 0}, {"x": [3, 4], "label": 1}])["labels"]
        array([0, 1])
    """
    batch: dict[str, Any] = {}
    for name, first in rows[0].items():
        if first is None or isinstance(first, str | bytes):
            continue
        try:
            values = [np.asarray(row[name]) for row in rows]
        except KeyError:
            raise ValueError(f"{who}: some rows have no {name!r}") from None
        shapes = {value.shape for value in values}
        if len(shapes) > 1:
            lengths = sorted({value.shape[0] if value.shape else 0 for value in values})
            raise ValueError(
                f"{who}: rows of one batch differ in the length of {name!r} ({lengths[0]} to {lengths[-1]}). "
                "Give the Trainer the tokenizer (processing_class=tokenizer), which fills them up, or "
                "tokenize with padding=True."
            )
        array = np.stack(values)
        if array.dtype.kind not in "biuf":
            continue
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        batch[_LABELS.get(name, name)] = array
    return batch
