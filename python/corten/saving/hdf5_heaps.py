"""The heaps of HDF5 files, looked at before HDF5's library reads them.

Attributes have the lengths of texts of variable length and their places in "global heap collections". The
library believes both: it takes as much memory as a length says, and never comes back from a heap with a wrong
size. Nor does it from a "local heap", which holds the names in a group, whose free space leads in a circle.
Source: HDF5 File Format Specification, sections II, III.D, III.E and IV.A.2.m.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# What a file begins with.
_FILE = b"\x89HDF\r\n\x1a\n"
# Where superblocks, by version, have the sizes of places and lengths, and the place that others add to.
_SUPERBLOCKS = {0: (13, 24), 1: (13, 28), 2: (9, 12), 3: (9, 12)}
# The signature and version of a heap of names; behind them and three bytes of padding its size, the place of
# its free space in it, and its own place in the file.
_NAMES = b"HEAP\0"
# Of each free piece: eight bytes of the place of the next, or 1, and eight of its size.
_PIECE = 16
# A signature, the version, three bytes of padding and eight of the size.
_SIGNATURE = b"GCOL\x01"
_HEADER = 16
# Of each object: its number, references, padding, and eight bytes of its size.
_OBJECT = 16
# So many times the bytes of a file may all texts of its attributes have together.
_MOST_GROWTH = 10
# The class of types of variable length.
_VARIABLE = 9
# Of each text: four bytes of its length, eight of its heap's place and four of its number there.
_PLACE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])


def check_names(source: Path | bytes) -> None:
    """Sees that the library can look up names in a file, before it opens the file.

    Args:
        source: The path or the bytes of the file.

    Raises:
        ValueError: It is no HDF5 file, or one with sizes that nobody writes, or a heap is damaged.
    """
    with _bytes_of(source) as data:
        sizes, base = _SUPERBLOCKS.get(data[8] if len(data) > 8 else -1, (0, 0))
        if data[:8] != _FILE or not sizes:
            raise ValueError("it does not begin as an HDF5 file does")
        if data[sizes : sizes + 2] != b"\x08\x08" or _number(data, base, 8) != 0:
            raise ValueError("its places and lengths have other than 8 bytes, or do not count from its begin")
        if data[8] < 2 and data[base + 24 : base + 32] != b"\xff" * 8:
            # The library takes as much memory as the notes of a driver say they need.
            raise ValueError("it has notes of a driver, as files in several parts have")
        place = data.find(_NAMES)
        while place >= 0:
            _check_free_space(data, place)
            place = data.find(_NAMES, place + 1)


def _check_free_space(data: Any, place: int) -> None:
    """Steps from free piece to free piece as the library does, and sees that this ends."""
    size, piece, start = (_number(data, place + 8 + 8 * number, 8) for number in range(3))
    # What would reach beyond the file is refused by the library, or is no heap.
    steps = size // _PIECE if size <= len(data) else 0
    while piece != 1 and piece + _PIECE <= size:
        steps -= 1
        if steps < 0:
            raise ValueError(f"a heap of names is damaged (at byte {place})")
        piece = _number(data, start + piece, 8)


@contextlib.contextmanager
def _bytes_of(source: Path | bytes) -> Iterator[Any]:
    if isinstance(source, bytes) or source.stat().st_size == 0:
        yield source if isinstance(source, bytes) else b""
        return
    with source.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


class TextHeaps:
    """The texts of variable length of an HDF5 file, which are looked at once, before the first is read.

    Args:
        source: The path or the bytes of the file.
        attributes: Names of the attributes that are to be read; digits may follow them.
    """

    def __init__(self, source: Path | bytes, attributes: tuple[str, ...]) -> None:
        self._source = source
        self._attributes = attributes
        self._checked = False

    def check(self) -> None:
        """Sees that texts can be read.

        Raises:
            ValueError: A heap contradicts itself, or an attribute has longer texts than the file.
        """
        if not self._checked:
            with _bytes_of(self._source) as data:
                self._check(data)
        self._checked = True

    def _check(self, data: Any) -> None:
        _check_heaps(data)
        total = 0
        for attribute in self._attributes:
            name = attribute.encode()
            place = data.find(name)
            while place >= 0:
                total += _text_bytes(data, place, len(name))
                place = data.find(name, place + len(name))
        # Several attributes may be old copies of one, but not many.
        if total > _MOST_GROWTH * len(data):
            raise ValueError(f"its attributes claim texts of {total} bytes")


def _check_heaps(data: Any) -> None:
    end = 0
    place = data.find(_SIGNATURE)
    while place >= 0:
        size = _number(data, place + 8, 8)
        # What would reach beyond the file is refused by the library, or is no heap.
        if size <= len(data) - place:
            if place < end:
                raise ValueError(f"its heaps of texts overlap (at byte {place})")
            end = place + size
            _check_objects(data, place + _HEADER, end)
        place = data.find(_SIGNATURE, place + 1)


def _check_objects(data: Any, place: int, end: int) -> None:
    """Steps from object to object as the library does, and sees that each step leads on."""
    while end - place >= _OBJECT:
        size = _number(data, place + 8, 8)
        # Object 0 is free space, which counts its own header.
        free = data[place : place + 2] == b"\0\0"
        step = size if free else _OBJECT + (size + 7) // 8 * 8
        if not _OBJECT <= step <= end - place:
            raise ValueError(f"a heap of texts is damaged (at byte {place})")
        place += step


def _text_bytes(data: Any, place: int, length: int) -> int:
    """Adds up the lengths of the texts of an attribute, if one of a name of this length is at this place."""
    while data[place + length : place + length + 1].isdigit():
        length += 1
    for version, header in ((1, 8), (2, 8), (3, 9)):
        start = place - header
        if start < 0 or data[start] != version:
            continue
        name, kind, space = (_number(data, start + 2 + 2 * number, 2) for number in range(3))
        if name <= length:
            continue  # A text that has this name in it, but no attribute of it.
        if version == 1:
            name, kind, space = (-(-size // 8) * 8 for size in (name, kind, space))
        elif data[start + 1] & 3:
            raise ValueError(f"type or shape of an attribute lie elsewhere (at byte {place})")
        kind_place = place + name
        if kind_place >= len(data) or data[kind_place] & 15 != _VARIABLE:
            continue
        count = _elements(data, kind_place + kind)
        first = kind_place + kind + space
        # What the file has no bytes for, the library refuses.
        count = min(count, max(0, len(data) - first) // _PLACE.itemsize)
        places = np.frombuffer(data[first : first + count * _PLACE.itemsize], _PLACE)
        total = int(places["length"].sum(dtype=np.uint64))
        if total > len(data):
            raise ValueError(f"an attribute claims texts of {total} bytes (at byte {place})")
        return total
    return 0


def _elements(data: Any, place: int) -> int:
    """How many elements a dataspace has; no attribute that is read has more than one axis."""
    if data[place + 1 : place + 2] == b"\0":
        return 1
    return _number(data, place + (8 if data[place : place + 1] == b"\1" else 4), 8)


def _number(data: Any, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "little")


def is_text(attribute: Any) -> bool:
    """Whether an attribute, as h5py's `get_id` gives it, holds texts and nothing else."""
    import h5py

    return h5py.check_string_dtype(attribute.dtype) is not None
