"""Checksums and format versions of files of weights.

Each format keeps its own rules, so that other readers take the files: the checksum and the version are
metadata of safetensors, attributes of HDF5, and the comment of a `.npz` (whose parts have checksums
anyway). Files without them, of other writers, are read as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from corten.saving import safetensors
from corten.saving.hdf5_heaps import TextHeaps, is_text

#: The version of the formats of weights that this Corten writes, and the newest that it reads.
WEIGHTS_VERSION = 1
#: The attributes of HDF5 files that hold the version and the checksum.
H5_ATTRIBUTES = ("corten_format_version", "corten_sha256")
_FORMAT = "corten"
_EMPTY = "0" * 64


def check_version(version: Any, source: str) -> None:
    """Refuses what a newer Corten wrote.

    Args:
        version: The version in the file.
        source: What to call the file in messages.

    Raises:
        ValueError: It is newer than this Corten, or no version.
    """
    number = (
        int(version) if isinstance(version, str) and version.isdecimal() and len(version) < 9 else version
    )
    if not isinstance(number, (int, np.integer)) or number < 1:
        raise ValueError(f"{source}: is damaged: its format version is {version!r}.")
    if number > WEIGHTS_VERSION:
        raise ValueError(
            f"{source}: has format version {number}; this Corten reads up to {WEIGHTS_VERSION}: update "
            "Corten."
        )


def digest_of(arrays: Mapping[str, Any]) -> str:
    """Gives the SHA-256 of arrays with their names, shapes and dtypes.

    Args:
        arrays: NumPy arrays by name; the order does not matter.

    Example:
        >>> digest_of({"a": np.zeros(2)}) == digest_of({"a": np.zeros((2, 1))})
        False
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        kind = array.dtype.newbyteorder("<")
        digest.update(json.dumps([name, kind.str, list(np.shape(arrays[name]))]).encode())
        digest.update(array.astype(kind, copy=False).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def dump_safetensors(arrays: Mapping[str, Any], metadata: dict[str, str]) -> bytes:
    """Gives a safetensors file whose metadata has a format version and a checksum of the whole file.

    Args:
        arrays: Arrays by name.
        metadata: What else the metadata has.
    """
    own = {"format": _FORMAT, "format_version": str(WEIGHTS_VERSION), "sha256": _EMPTY}
    data = safetensors.dump(arrays, {**own, **metadata})
    place = data.index(_entry(_EMPTY)) + len(_entry("")) - 1
    # The checksum is that of the file with zeros in its place.
    return b"".join([data[:place], hashlib.sha256(data).hexdigest().encode(), data[place + 64 :]])


def check_safetensors(data: bytes, source: str) -> None:
    """Compares a safetensors file that Corten wrote with its checksum.

    Args:
        data: The file.
        source: What to call it in messages.

    Raises:
        ValueError: It does not fit, or a newer Corten wrote the file.
    """
    metadata = safetensors.metadata(data, source)
    stored = metadata.get("sha256")
    if metadata.get("format") != _FORMAT and stored is None:
        return
    check_version(metadata.get("format_version"), source)
    place = -1 if stored is None else data.find(_entry(stored))
    if stored is None or len(stored) != 64 or place < 0:
        raise ValueError(f"{source}: is damaged: it has lost its checksum.")
    place += len(_entry("")) - 1
    view = memoryview(data)
    digest = hashlib.sha256(view[:place])
    digest.update(_EMPTY.encode())
    digest.update(view[place + 64 :])
    if digest.hexdigest() != stored:
        raise ValueError(f"{source}: is damaged: its checksum does not match.")


def _entry(digest: str) -> bytes:
    return f'"sha256":"{digest}"'.encode()


def describe_h5(file: Any, arrays: Mapping[str, Any]) -> None:
    """Gives an HDF5 file the attributes that `check_h5` reads.

    Args:
        file: The open file.
        arrays: What it holds.
    """
    for name, value in zip(H5_ATTRIBUTES, (WEIGHTS_VERSION, digest_of(arrays)), strict=True):
        file.attrs[name] = value


def check_h5(file: Any, arrays: Mapping[str, Any], heaps: TextHeaps) -> None:
    """Compares the arrays of an HDF5 file that Corten wrote with their checksum.

    Args:
        file: The open file.
        arrays: What was read from it.
        heaps: Where the texts of its attributes lie.

    Raises:
        ValueError: They do not fit, or a newer Corten wrote the file.
    """
    there = [name for name in H5_ATTRIBUTES if name in file.attrs]
    if not there:
        return
    for name in there:
        attribute = file.attrs.get_id(name)
        if attribute.shape != () or not (attribute.dtype.kind in "iu" or is_text(attribute)):
            raise ValueError(f"{name} is neither a number nor a text")
    heaps.check()
    version, stored = (file.attrs.get(name) for name in H5_ATTRIBUTES)
    check_version(version, "it")
    if stored != digest_of(arrays):
        raise ValueError("its checksum does not match")
