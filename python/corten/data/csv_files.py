"""Tables in CSV files, as columns of numbers and text."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from corten.config import floatx
from corten.identifiers import suggestion
from corten.text_arrays import text_array


def read_csv(
    file: Any,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    *,
    dtypes: Mapping[str, Any] | None = None,
    delimiter: str = ",",
    na_value: str = "",
    encoding: str = "utf-8",
) -> Any:
    r"""Reads a CSV file whose first line has the names of the columns.

    A column of whole numbers becomes int64, one of numbers the default float (what is missing is NaN),
    any other one text.

    Args:
        file: Path of the file. It is read into memory as a whole.
        columns: The columns to read, in this order; all if None.
        label: The column to give apart, as the target.
        dtypes: Name of a column to its dtype, where that is to be fixed; `str` is text.
        delimiter: What is between values.
        na_value: What stands for a missing value, beside nothing at all.
        encoding: Encoding of the file.

    Returns:
        A dict of name to array of shape `(rows,)`; with `label` the pair of it and the label's array.
        `Dataset.from_tensor_slices` and `fit` of a model with named inputs take it as it is.

    Raises:
        ValueError: A column is not there, a row has more or fewer values than there are names, or a
            value does not fit the dtype. The message names file, line and column.

    Example:
        >>> import os, tempfile
        >>> from corten.data import read_csv
        >>> path = os.path.join(tempfile.mkdtemp(), "people.csv")
        >>> with open(path, "w") as file:
        ...     _ = file.write("age,city,paid\n31,Rome,1.5\n40,Bonn,\n")
        >>> features, paid = read_csv(path, label="paid")
        >>> features["age"].tolist(), features["city"].tolist(), paid.tolist()
        ([31, 40], ['Rome', 'Bonn'], [1.5, nan])
    """
    path = Path(file)
    try:
        return _read(path, columns, label, dtypes, delimiter, na_value, encoding)
    except (csv.Error, UnicodeError) as error:
        raise ValueError(f"read_csv: {path} is no table of text in {encoding} ({error})") from None


def _read(
    path: Path,
    columns: Sequence[str] | None,
    label: str | None,
    dtypes: Mapping[str, Any] | None,
    delimiter: str,
    na_value: str,
    encoding: str,
) -> Any:
    with open(path, newline="", encoding=encoding) as stream:
        reader = csv.reader(stream, delimiter=delimiter)
        names = next(reader, None)
        if not names:
            raise ValueError(f"read_csv: {path} is empty; its first line must have the names of the columns")
        names = [name.strip().removeprefix("\ufeff") for name in names]
        wanted = _wanted(path, names, columns, label, dtypes)
        rows = _rows(path, reader, names)
        first = next(rows, None)  # Refused, if it is wrong, before lists are made for its columns.
        position = {name: place for place, name in enumerate(names)}
        places = [position[name] for name in wanted]
        values: list[list[str]] = [[] for _ in wanted]
        lines: list[int] = []
        for line, row in rows if first is None else chain([first], rows):
            lines.append(line)
            for column, place in zip(values, places, strict=True):
                column.append(row[place].strip())
    table = {}
    for name, column in zip(wanted, values, strict=True):
        dtype = None if dtypes is None else dtypes.get(name)
        table[name] = _column(column, dtype, na_value, lambda index, name=name: (path, lines[index], name))
    if label is None:
        return table
    target = table.pop(label)
    return table, target


def _rows(path: Path, reader: Any, names: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with its line, after a check of its length."""
    for row in reader:
        if not row:
            continue
        if len(row) != len(names):
            raise ValueError(
                f"read_csv: {path}, line {reader.line_num}: it has {len(row)} values, and there are "
                f"{len(names)} columns ({', '.join(names[:8])}{', ...' if len(names) > 8 else ''}); "
                "check quotes and delimiter"
            )
        yield reader.line_num, row


def _wanted(path: Path, names: list[str], columns: Any, label: str | None, dtypes: Any) -> list[str]:
    known = set(names)
    if len(known) < len(names):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(
            f"read_csv: {path} has more than one column {twice[0][:100]!r}; their names must differ"
        )
    if isinstance(columns, str):
        raise TypeError(f"read_csv: columns must be a list of names; got the text {columns!r}")
    wanted = list(names if columns is None else columns)
    asked = [] if columns is None else wanted
    for name in [*asked, *([label] if label is not None else []), *(dtypes or {})]:
        if name not in known:
            hint = suggestion(name, names)
            shown = f"{names[:100]}{' and more' if len(names) > 100 else ''}"
            raise ValueError(f"read_csv: {path} has no column {name!r}; it has {shown}.{hint}")
    if label is not None and label not in wanted:
        wanted.append(label)
    return wanted


def _column(texts: list[str], dtype: Any, na_value: str, where: Any) -> np.ndarray:
    missing = [not text or text == na_value for text in texts]
    if dtype is None:
        return _guessed(texts, missing)
    if np.dtype(dtype).kind in "US":
        return text_array(texts)
    kind = np.dtype(dtype)
    if kind.kind not in "fiub":
        raise ValueError(f"read_csv: the dtype of a column must be one of numbers, or str; got {dtype!r}")
    result = np.empty(len(texts), dtype=kind)
    for index, (text, is_missing) in enumerate(zip(texts, missing, strict=True)):
        try:
            if is_missing and kind.kind != "f":
                raise ValueError
            value = np.nan if is_missing else float(text) if kind.kind == "f" else int(text)
            result[index] = value
        except (ValueError, OverflowError):
            path, line, name = where(index)
            given = "a missing value" if is_missing else repr(text[:100])
            raise ValueError(
                f"read_csv: {path}, line {line}, column {name!r}: {given} is no {kind} number"
            ) from None
    return result


def _guessed(texts: list[str], missing: list[bool]) -> np.ndarray:
    if not any(missing):
        try:
            return np.array([int(text) for text in texts], dtype=np.int64)
        except (ValueError, OverflowError):
            pass
    if texts and not all(missing):
        try:
            numbers = [np.nan if gone else float(text) for text, gone in zip(texts, missing, strict=True)]
        except ValueError:
            return text_array(texts)
        return np.array(numbers, dtype=floatx())
    return text_array(texts)
