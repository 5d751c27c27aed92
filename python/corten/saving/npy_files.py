"""The header of NumPy's `.npy` format, read without evaluating it.

NumPy reads the header as a Python literal. Here it must have the form in which NumPy writes it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
_HEADER = re.compile(
    r"\{'descr': '([<>|=]?[a-zA-Z]\d{0,9})', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18},?)?)\),? *\}? *,? *\}? *\n?"
)


def parse_header(data: bytes | memoryview, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Reads the header of an array.

    Args:
        data: What an `.npy` file holds.
        name: What to call it in messages.

    Returns:
        Shape, whether the first axis is the one whose elements are neighbours, dtype, and where the elements
        begin.

    Raises:
        ValueError: It is no array, or has fields of several kinds.
    """
    start = bytes(data[:12])
    if len(start) < 10 or start[:6] != _MAGIC or start[6] not in {1, 2, 3}:
        raise ValueError(f"{name} is no array of NumPy's")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(start[8 : 8 + width], "little")
    begin = 8 + width + length
    if length > _LONGEST_HEADER or begin > len(data):
        raise ValueError(f"{name} has a header of {length} bytes; it is cut off or damaged")
    match = _HEADER.fullmatch(bytes(data[8 + width : begin]).decode("latin-1"))
    if match is None:
        raise ValueError(f"{name} has a header that says no simple dtype and shape")
    shape = tuple(int(size) for size in match[3].split(",") if size.strip())
    try:
        dtype = np.dtype(match[1])
    except TypeError:
        raise ValueError(f"{name} has an unknown dtype {match[1]!r}") from None
    if len(shape) > 64:
        raise ValueError(f"{name} has {len(shape)} axes")
    return shape, match[2] == "True", dtype, begin


def parse(data: bytes | memoryview, name: str, kinds: str = "biuf") -> np.ndarray[Any, Any]:
    """Gives the array that an `.npy` file holds, without copying.

    Args:
        data: The content.
        name: What to call it in messages.
        kinds: NumPy's letters for the kinds of dtype that are taken.

    Raises:
        ValueError: It is no array of these kinds, or not as long as it says.
    """
    shape, fortran, dtype, begin = parse_header(data, name)
    count = 1
    for length in shape:
        count *= length
    if dtype.kind not in kinds or count * dtype.itemsize != len(data) - begin:
        raise ValueError(f"{name} is no complete array of numbers (dtype {dtype}, shape {shape})")
    if count == 0 or dtype.itemsize == 0:
        return np.empty(shape, dtype)
    flat = np.frombuffer(data, dtype, offset=begin)
    check_letters(flat, name)
    return flat.reshape(shape, order="F" if fortran else "C")


def check_letters(array: np.ndarray[Any, Any], name: str) -> None:
    """Checks that an array of text holds letters that there are: Python stumbles over others later.

    Raises:
        ValueError: It holds others.
    """
    if array.dtype.kind == "U" and array.dtype.itemsize:
        order = array.dtype.byteorder.replace("|", "=")
        if array.view(f"{order}u4").max(initial=0) > 0x10FFFF:
            raise ValueError(f"{name} holds text with letters that there are not")
