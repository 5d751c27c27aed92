"""A cache of elements in a file: plain arrays, never code."""

from __future__ import annotations

import io
import json
import math
import os
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from corten.data.structure import leaves
from corten.saving import npy_files

_NAME = b"CORTEN-CACHE-"
_VERSION = 2
# Of a line that describes an element: a damaged file may have lines without an end.
_LONGEST_LINE = 1 << 24


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
        from corten.saving.files import atomic_file

        self._path.parent.mkdir(parents=True, exist_ok=True)
        count = 0
        # A pass that is left early leaves this block by an exception, so the file is always whole.
        with atomic_file(self._path) as file:
            file.write(_NAME + b"%d\n" % _VERSION)
            for element in self._source():
                _write(file, element)
                count += 1
                yield element
            file.write(json.dumps({"count": count}).encode() + b"\n")

    def _read(self) -> Iterator[Any]:
        with open(self._path, "rb") as file:
            if file.read(len(_NAME)) != _NAME:
                raise ValueError(
                    f"Dataset.cache: {self._path} is no cache of Corten's; take another file name"
                )
            version = file.readline(16).strip()
            if version != b"%d" % _VERSION:
                raise ValueError(
                    f"Dataset.cache: {self._path} has format version {version.decode(errors='replace')!r}; "
                    f"this Corten reads {_VERSION}. Delete the file, or update Corten"
                )
            yield from self._records(file)

    def _records(self, file: BinaryIO) -> Iterator[Any]:
        count = 0
        size = os.fstat(file.fileno()).st_size
        while True:
            try:
                line = file.readline(_LONGEST_LINE)
                record = json.loads(line)
                if not line.endswith(b"\n"):
                    raise ValueError("a line has no end")
                if "count" in record:
                    if record["count"] != count or file.read(1):
                        raise ValueError("elements are missing")
                    return
                length = record["bytes"]
                if type(length) is not int or not 0 <= length <= size:
                    raise ValueError(f"an element has {length!r} bytes, the file {size}")
                content = file.read(length)
                if zlib.crc32(content, zlib.crc32(_text(record["plan"]))) != record["crc32"]:
                    raise ValueError("the checksum does not match")
                element = _build(record["plan"], partial(_next_array, io.BytesIO(content)))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(
                    f"Dataset.cache: {self._path} is truncated or damaged after {count} elements ({error}); "
                    "delete the file, and the next pass writes it anew"
                ) from None
            count += 1
            yield element


def _next_array(file: io.BytesIO) -> np.ndarray:
    place = file.tell()
    data = file.getbuffer()[place:]
    shape, _, dtype, begin = npy_files.parse_header(data, "an element")
    size = begin + dtype.itemsize * math.prod(shape)
    file.seek(place + size)
    return npy_files.parse(data[:size], "an element", kinds="biufcSU").copy()


def _write(file: BinaryIO, element: Any) -> None:
    content = io.BytesIO()
    for leaf in leaves(element):
        array = np.asarray(leaf.numpy() if hasattr(leaf, "numpy") else leaf)
        if array.dtype.kind == "O":
            # Text becomes an array of fixed width; other objects have no safe form in a file.
            if not all(isinstance(item, str) for item in array.flat):
                raise ValueError(
                    "Dataset.cache: elements for a file must be numbers or text; got Python objects"
                )
            array = array.astype(str)
        np.lib.format.write_array(content, array, allow_pickle=False)
    data, plan = content.getvalue(), _plan(element)
    record = {"plan": plan, "bytes": len(data), "crc32": zlib.crc32(data, zlib.crc32(_text(plan)))}
    file.write(_text(record) + b"\n")
    file.write(data)


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


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
