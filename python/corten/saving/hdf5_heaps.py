"""The texts of variable length in HDF5 files, looked at before HDF5's library reads them.

Attributes have the lengths of such texts and their places in "global heap collections". The library believes
both: it takes as much memory as a length says, and never comes back from a heap with a wrong size.
Source: HDF5 File Format Specification, sections III.E and IV.A.2.m.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np

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

    def check(self, file: Any) -> None:
        """Sees that texts can be read.

        Args:
            file: The file as h5py has opened it.

        Raises:
            ValueError: A heap contradicts itself, or an attribute has longer texts than the file.
        """
        if self._checked:
            return
        sizes = file.id.get_create_plist().get_sizes()
        if sizes != (8, 8):
            raise ValueError(f"its places and lengths have {sizes} bytes; only HDF5 files with 8 are read")
        if isinstance(self._source, bytes):
            self._check(self._source)
        else:
            with (
                self._source.open("rb") as opened,
                mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
            ):
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
