"""The heaps of texts in HDF5 files, looked at before HDF5's library reads them.

Texts of variable length lie in "global heap collections". The library believes what these say of themselves:
one wrong size, and it never comes back. Source: HDF5 File Format Specification, section III.E.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

# A signature, the version, three bytes of padding and eight of the size.
_SIGNATURE = b"GCOL\x01"
_HEADER = 16
# Of each object: its number, references, padding, and eight bytes of its size.
_OBJECT = 16


class TextHeaps:
    """The global heap collections of an HDF5 file, which are looked at once, when first asked for.

    Args:
        source: The path or the bytes of the file.
    """

    def __init__(self, source: Path | bytes) -> None:
        self._source = source
        self._largest: int | None = None

    def check(self, file: Any) -> int:
        """Gives the bytes of the largest collection, no smaller than any text of variable length.

        Args:
            file: The file as h5py has opened it.

        Raises:
            ValueError: A collection contradicts itself.
        """
        if self._largest is None:
            length = file.id.get_create_plist().get_sizes()[1]
            if length != 8:
                raise ValueError(f"its lengths have {length} bytes; only HDF5 files with 8 are read")
            if isinstance(self._source, bytes):
                self._largest = _checked(self._source)
            else:
                with (
                    self._source.open("rb") as opened,
                    mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
                ):
                    self._largest = _checked(data)
        return self._largest


def _checked(data: Any) -> int:
    largest, end = 0, 0
    place = data.find(_SIGNATURE)
    while place >= 0:
        size = _number(data, place + 8)
        # What would reach beyond the file is refused by the library, or is no collection.
        if size <= len(data) - place:
            if place < end:
                raise ValueError(f"its heaps of texts overlap (at byte {place})")
            end = place + size
            _check_objects(data, place + _HEADER, end)
            largest = max(largest, size)
        place = data.find(_SIGNATURE, place + 1)
    return largest


def _check_objects(data: Any, place: int, end: int) -> None:
    """Steps from object to object as the library does, and sees that each step leads on."""
    while end - place >= _OBJECT:
        size = _number(data, place + 8)
        # Object 0 is free space, which counts its own header.
        free = data[place : place + 2] == b"\0\0"
        step = size if free else _OBJECT + (size + 7) // 8 * 8
        if not _OBJECT <= step <= end - place:
            raise ValueError(f"a heap of texts is damaged (at byte {place})")
        place += step


def _number(data: Any, place: int) -> int:
    return int.from_bytes(data[place : place + 8], "little")
