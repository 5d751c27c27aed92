"""Reading the file formats of well-known data sets, without running anything that is in the file."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from corten.datasets.pickled import SafeUnpickler
from corten.saving import npy_files
from corten.saving.zip_files import ZIP_ERRORS, check_entries, read_part

# Types of the IDX format by their code.
_IDX_TYPES = {8: np.uint8, 9: np.int8, 11: np.int16, 12: np.int32, 13: np.float32, 14: np.float64}
# What a packed file may hold: so many times its size, and these bytes.
_GROWTH = 10
_SLACK = 64 << 20


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file; arrays of lists are read without running pickled code.

    Raises:
        ValueError: The file is damaged, unpacks to far more than it has, or an array holds anything but
            numbers, text and lists of them.
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as bundle:
            check_entries(bundle, path.stat().st_size, _GROWTH, _SLACK)
            for entry in bundle.infolist():
                name = entry.filename
                arrays[name.removesuffix(".npy")] = _read_npy(read_part(bundle, entry), f"array {name!r}")
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is no complete .npz file: {error}") from error
    except FileNotFoundError:
        raise
    except ZIP_ERRORS as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    return arrays


def _read_npy(data: bytes, name: str) -> np.ndarray:
    shape, fortran, dtype, begin = npy_files.parse_header(data, name)
    if not dtype.hasobject:
        return npy_files.parse(data, name, kinds="biufSU").copy()
    values = SafeUnpickler(io.BytesIO(data[begin:]), name).load()
    if not isinstance(values, np.ndarray) or values.shape != shape or fortran:
        raise ValueError(f"the {name} does not hold what its header says")
    return values


def read_cifar_batch(path: Path, label_key: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads one file of CIFAR: images as `(n, 32, 32, 3)` and labels as `(n, 1)`.

    Raises:
        ValueError: The file is not in this format.
    """
    with path.open("rb") as file:
        content = SafeUnpickler(file, path.name, encoding="bytes").load()
    key = label_key.encode()
    if not isinstance(content, dict) or b"data" not in content or key not in content:
        raise ValueError(f"{path.name} is no CIFAR file: it has no images or no labels")
    images, labels = content[b"data"], content[key]
    if not isinstance(labels, (list, np.ndarray)) or len(labels) != len(images):
        raise ValueError(f"{path.name} is no CIFAR file: it has not one label for each image")
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != 3072:
        raise ValueError(f"{path.name} is no CIFAR file: its images do not have 3 x 32 x 32 values")
    pixels = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pixels, dtype=np.uint8), np.array(labels, dtype=np.uint8).reshape(-1, 1)


def read_idx(path: Path) -> np.ndarray:
    """Reads a file of the IDX format (as MNIST was first published), packed by gzip or not.

    Raises:
        ValueError: The file is damaged or in another format.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    most = _GROWTH * size + _SLACK if packed else size
    with gzip.open(path, "rb") if packed else path.open("rb") as stream:
        try:
            start = stream.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _IDX_TYPES:
                raise ValueError(f"{path.name} is no IDX file")
            dtype = np.dtype(_IDX_TYPES[start[2]]).newbyteorder(">")
            sizes = stream.read(4 * start[3])
            if len(sizes) < 4 * start[3]:
                raise ValueError(f"{path.name} is damaged: its header is cut off")
            shape = struct.unpack(f">{start[3]}I", sizes)
            expected = dtype.itemsize
            for length in shape:
                expected *= length
            if expected > most or len(shape) > 32:
                raise ValueError(
                    f"{path.name} is damaged: it says it has the shape {shape[:8]}, {expected} bytes, and "
                    f"the file has {size}"
                )
            content = stream.read(expected + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path.name} is damaged: {error}") from error
    if len(content) != expected:
        raise ValueError(f"{path.name} is damaged: {len(content)} bytes of data, {expected} expected")
    if not expected:
        return np.empty(shape, dtype.newbyteorder("="))
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
