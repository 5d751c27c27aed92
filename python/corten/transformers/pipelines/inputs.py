"""What pipelines may be called with: one input, several of them, and streams of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


class KeyDataset:
    """One column of a data set whose rows are dicts, for pipelines.

    Args:
        dataset: Anything whose items are dicts: a list, a Hugging Face data set, a Corten data set.
        key: The name of the column.

    Example:
        >>> from corten.transformers import KeyDataset
        >>> rows = [{"text": "good", "label": 1}, {"text": "bad", "label": 0}]
        >>> list(KeyDataset(rows, "text"))
        ['good', 'bad']
    """

    def __init__(self, dataset: Any, key: str) -> None:
        self.dataset = dataset
        self.key = key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> Any:
        return self._of(self.dataset[i])

    def __iter__(self) -> Iterator[Any]:
        return map(self._of, iter(self.dataset))

    def _of(self, row: Any) -> Any:
        return _value(type(self).__name__, row, self.key)


class KeyPairDataset(KeyDataset):
    """Two columns of a data set whose rows are dicts, as the pairs that text classification takes.

    Args:
        dataset: Anything whose items are dicts.
        key1: The name of the column with first texts.
        key2: The name of the column with second texts.

    Example:
        >>> from corten.transformers import KeyPairDataset
        >>> list(KeyPairDataset([{"a": "It rains.", "b": "It is wet."}], "a", "b"))
        [{'text': 'It rains.', 'text_pair': 'It is wet.'}]
    """

    def __init__(self, dataset: Any, key1: str, key2: str) -> None:
        super().__init__(dataset, key1)
        self.key2 = key2

    def _of(self, row: Any) -> Any:
        who = type(self).__name__
        return {"text": _value(who, row, self.key), "text_pair": _value(who, row, self.key2)}


def _value(who: str, row: Any, key: str) -> Any:
    if not isinstance(row, Mapping):
        raise TypeError(f"{who}: rows must be dicts; got {type(row).__name__}.")
    if key not in row:
        raise KeyError(f"{who}: there is no column {key!r}; a row has {', '.join(map(str, row))}.")
    return row[key]


def plain(value: Any) -> Any:
    """Return an input with `str` in place of NumPy's texts, within lists and dicts too."""
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return plain(value.item())
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


def is_column(value: Any) -> bool:
    """Whether a value is an array of texts or a column of a table, which counts as a list."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    # A column of pandas or polars has values and a dtype, and is no mapping.
    return hasattr(value, "to_list") and hasattr(value, "dtype") and not hasattr(value, "columns")


def is_stream(value: Any) -> bool:
    """Whether a value gives inputs one after another: a data set, a generator, an iterator."""
    if isinstance(value, (str, bytes, list, tuple, Mapping, np.ndarray)):
        return False
    return hasattr(value, "__iter__") or hasattr(value, "__getitem__")


def check_no_table(who: str, value: Any) -> None:
    """Refuse tables, of which a pipeline cannot tell which column is meant.

    Raises:
        TypeError: The value is a data frame.
    """
    if hasattr(value, "columns") and hasattr(value, "dtypes"):
        names = ", ".join(map(str, list(value.columns)[:8]))
        raise TypeError(
            f"{who}: a table has several columns ({names}); give the one that holds the texts, as in "
            "`pipe(frame['text'])`."
        )


def items_of(stream: Any, is_single: Callable[[Any], bool]) -> Iterator[Any]:
    """Give the inputs of a stream one by one.

    Elements of labelled data sets, `(text, label)`, give their text; arrays of texts, as batches have them,
    give each.

    Args:
        stream: A data set, a generator or an iterator.
        is_single: Tells whether a list is one input, as a conversation is.
    """
    if hasattr(stream, "__iter__"):
        elements = iter(stream)
    else:
        elements = (stream[number] for number in range(len(stream)))
    labelled = hasattr(stream, "element_spec")
    for element in elements:
        if labelled and isinstance(element, tuple):
            element = element[0]
        if isinstance(element, np.ndarray) and element.ndim > 0:
            for one in element.reshape(-1).tolist():
                yield plain(one)
        elif isinstance(element, list) and not is_single(element):
            for one in element:
                yield plain(one)
        else:
            yield plain(element)
