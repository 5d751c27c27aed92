"""A cache of elements in a file: plain arrays, never code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from corten.data.structure import leaves
from corten.saving import npy_files

_MAGIC = b"CORTEN-CACHE-1\n"


class DiskCache:
    """Keeps the elements of the first complete pass in a file.

    Args:
        source: Starts a pass of what is kept.
        path: The file. Where it exists it is read, whatever the source is.
    """

    def __init__(self, source: Callable[[], Iterator[Any]], path: Any) -> None:
        self._source = source
        self._path = Path(path)

    def elements(self) -> Iterator[Any]:
        """Starts a pass."""
        if self._path.exists():
            yield from self._read()
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        try:
            with open(draft, "wb") as file:
                file.write(_MAGIC)
                for element in self._source():
                    _write(file, element)
                    yield element
            # A pass that was left early never comes here, so the file is always whole.
            os.replace(draft, self._path)
        finally:
            draft.unlink(missing_ok=True)

    def _read(self) -> Iterator[Any]:
        with open(self._path, "rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ValueError(
                    f"Dataset.cache: {self._path} is no cache of Corten's; take another file name"
                )
            size = self._path.stat().st_size
            while line := file.readline():
                try:
                    element = _build(json.loads(line), lambda: _read_array(file, size - file.tell()))
                except (ValueError, TypeError, KeyError, RecursionError) as error:
                    raise ValueError(f"Dataset.cache: {self._path} is damaged ({error}); delete it") from None
                yield element


def _read_array(file: BinaryIO, left: int) -> np.ndarray:
    """The next array of the file, which has so many bytes left."""
    place = file.tell()
    start = file.read(min(left, 1 << 14))
    shape, _, dtype, begin = npy_files.parse_header(start, "an element")
    size = dtype.itemsize
    for length in shape:
        size *= length
    if size > left - begin:
        raise ValueError(f"an element of {size} bytes is cut off")
    file.seek(place)
    return npy_files.parse(file.read(begin + size), "an element", kinds="biufcSU").copy()


def _write(file: BinaryIO, element: Any) -> None:
    file.write(json.dumps(_plan(element)).encode() + b"\n")
    for leaf in leaves(element):
        array = np.asarray(leaf.numpy() if hasattr(leaf, "numpy") else leaf)
        if array.dtype.kind == "O":
            # Text becomes an array of fixed width; other objects have no safe form in a file.
            if not all(isinstance(item, str) for item in array.flat):
                raise ValueError(
                    "Dataset.cache: elements for a file must be numbers or text; got Python objects"
                )
            array = array.astype(str)
        np.lib.format.write_array(file, array, allow_pickle=False)


def _plan(element: Any) -> Any:
    if isinstance(element, dict):
        return {"keys": list(element), "items": [_plan(item) for item in element.values()]}
    if isinstance(element, tuple):
        return [_plan(item) for item in element]
    return None


def _build(plan: Any, read: Callable[[], Any]) -> Any:
    if isinstance(plan, dict):
        return {key: _build(item, read) for key, item in zip(plan["keys"], plan["items"], strict=True)}
    if isinstance(plan, list):
        return tuple(_build(item, read) for item in plan)
    return read()
