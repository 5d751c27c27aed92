"""Reading the file formats of well-known data sets, without running anything that is in the file."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

# Types of the IDX format by their code.
_IDX_TYPES = {8: np.uint8, 9: np.int8, 11: np.int16, 12: np.int32, 13: np.float32, 14: np.float64}
_RECONSTRUCT_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file; arrays of lists are read without running pickled code.

    Raises:
        ValueError: The file is damaged, or an array holds anything but numbers, text and lists of them.
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as bundle:
            for name in bundle.namelist():
                with bundle.open(name) as file:
                    arrays[name.removesuffix(".npy")] = _read_npy(io.BytesIO(file.read()), name)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is no complete .npz file: {error}") from error
    return arrays


def _read_npy(file: io.BytesIO, name: str) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    if not dtype.hasobject:
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    values = SafeUnpickler(file, name).load()
    if not isinstance(values, np.ndarray) or values.shape != shape or fortran:
        raise ValueError(f"the array {name!r} does not hold what its header says")
    return values


class SafeUnpickler(pickle.Unpickler):
    """Reads pickled numbers, text, lists, dicts and plain NumPy arrays; refuses everything else.

    Such a file can name any function for the reader to call. Here only the few names that NumPy
    arrays and bytes need are known, and the one that makes the array only makes empty ones (its content
    comes after, and NumPy checks that against the size).

    Args:
        file: The pickled data.
        name: How messages call it.
        encoding: How text written by Python 2 is read.
    """

    def __init__(self, file: BinaryIO | io.BytesIO, name: str, encoding: str = "ASCII") -> None:
        super().__init__(file, encoding=encoding)
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        """Gives one of the allowed names."""
        if module in _RECONSTRUCT_MODULES and name == "_reconstruct":
            return _empty_array
        if module == "numpy" and name == "ndarray":
            return np.ndarray
        if module == "numpy" and name == "dtype":
            return _plain_dtype
        if module == "_codecs" and name == "encode":
            return _latin1_bytes
        raise ValueError(
            f"{self._name} asks for {module}.{name}, which plain data does not need; refused, as it could "
            "run code"
        )

    def persistent_load(self, pid: Any) -> Any:
        """Refuses references to things outside the file."""
        raise ValueError(f"{self._name} refers to something outside the file ({pid!r}); refused")


def _empty_array(kind: type, shape: tuple[int, ...], typecode: Any) -> np.ndarray:
    if kind is not np.ndarray or tuple(shape) != (0,):
        raise ValueError("a pickled array must start as an empty plain array; refused")
    return np.ndarray((0,), dtype=np.int8)


def _latin1_bytes(text: Any, encoding: Any) -> bytes:
    """How Python 3 writes bytes in the old protocol: as text of the same codes."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise ValueError("pickled bytes must be given as latin1 text; refused")
    return text.encode("latin1")


def _plain_dtype(text: Any, *flags: Any) -> np.dtype:
    name = text.decode("ascii") if isinstance(text, bytes) else text
    if not isinstance(name, str) or name.strip("<>|=")[:1] not in {"i", "u", "f", "b", "O", "S", "U"}:
        raise ValueError(f"a pickled array has the dtype {name!r}; refused")
    # A copy: what follows in the file sets its state, and the shared ones must stay as they are.
    return np.dtype(name, copy=True)


def read_cifar_batch(path: Path, label_key: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads one file of CIFAR: images as `(n, 32, 32, 3)` and labels as `(n, 1)`.

    Raises:
        ValueError: The file is not in this format.
    """
    with path.open("rb") as file:
        content = SafeUnpickler(file, path.name, encoding="bytes").load()
    images, labels = content[b"data"], content[label_key.encode()]
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != 3072:
        raise ValueError(f"{path.name} is no CIFAR file: its images do not have 3 x 32 x 32 values")
    pixels = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pixels, dtype=np.uint8), np.array(labels, dtype=np.uint8).reshape(-1, 1)


def read_idx(path: Path) -> np.ndarray:
    """Reads a file of the IDX format (as MNIST was first published), packed by gzip or not.

    Raises:
        ValueError: The file is damaged or in another format.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if packed else path.open("rb") as stream:
        try:
            content = stream.read()
        except (EOFError, gzip.BadGzipFile) as error:
            raise ValueError(f"{path.name} is damaged: {error}") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise ValueError(f"{path.name} is no IDX file")
    dtype = np.dtype(_IDX_TYPES[content[2]]).newbyteorder(">")
    rank = content[3]
    header = 4 + 4 * rank
    if len(content) < header:
        raise ValueError(f"{path.name} is damaged: its header is cut off")
    shape = struct.unpack(f">{rank}I", content[4:header])
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(content) - header != size:
        raise ValueError(f"{path.name} is damaged: {len(content) - header} bytes of data, {size} expected")
    return np.frombuffer(content, dtype, offset=header).reshape(shape).astype(dtype.newbyteorder("="))
