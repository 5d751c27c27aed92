"""Files of arrays by path: `.npz` and HDF5."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from corten.saving import integrity, npy_files, safetensors, zip_files
from corten.saving.hdf5_heaps import TextHeaps, check_names

_NPZ_COMMENT = "corten weights "


def weights_format(path: Path) -> str:
    """The ending of a format of weights.

    Raises:
        ValueError: The name has another one.
    """
    if path.suffix in {".safetensors", ".npz"}:
        return path.suffix
    if path.name.endswith((".weights.h5", ".h5", ".hdf5")):
        return ".h5"
    raise ValueError(
        f"The file name of weights must end in `.safetensors`, `.npz` or `.weights.h5`; got {path.name!r}."
    )


def read_weights(path: Path) -> dict[str, Any]:
    """Gives the arrays of an `.npz` or HDF5 file by path.

    Raises:
        ValueError: The file is damaged or of another format.
    """
    suffix = weights_format(path)
    try:
        return _read_npz(path) if suffix == ".npz" else read_h5(path)
    except (*H5_ERRORS, *zip_files.ZIP_ERRORS) as error:
        raise ValueError(f"{path}: cannot be read; truncated or damaged? ({error})") from None


def _read_npz(path: Path) -> dict[str, Any]:
    """Read what `numpy.savez` wrote, allocating no more than the file holds."""
    import zipfile

    data = path.read_bytes()
    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        zip_files.check_entries(archive, len(data), growth=1)
        comment = archive.comment.decode("ascii", "replace")
        if comment.startswith(_NPZ_COMMENT):
            integrity.check_version(comment.removeprefix(_NPZ_COMMENT), "it")
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError(f"part {info.filename!r} is compressed; use `numpy.savez`")
            name = info.filename
            array = npy_files.parse(zip_files.read_part(archive, info), f"part {name!r}")
            if name.removesuffix(".npy") in arrays:
                raise ValueError(f"part {name!r} occurs twice")
            arrays[name.removesuffix(".npy")] = array
    return arrays


def npz_bytes(arrays: dict[str, Any]) -> bytes:
    """Makes what `numpy.savez` does, with the format's version as its comment; bfloat16 becomes float32."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = f"{_NPZ_COMMENT}{integrity.WEIGHTS_VERSION}".encode()
        for name, array in _plain(arrays).items():
            part = io.BytesIO()
            np.lib.format.write_array(part, array, allow_pickle=False)
            # A fixed date: the same weights give the same file.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0)), part.getvalue())
    return buffer.getvalue()


def _plain(arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.to_float32() if isinstance(value, safetensors.Bfloat16) else np.asarray(value)
        for name, value in arrays.items()
    }


def import_h5py() -> Any:
    """Gives the module h5py.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError(
            "Reading and writing `.weights.h5` needs h5py: `pip install corten[h5]`. The "
            "`.weights.safetensors` format needs nothing."
        ) from None
    return h5py


def h5_bytes(arrays: dict[str, Any]) -> bytes:
    """Makes an HDF5 file of arrays by path; bfloat16 becomes float32."""
    buffer = io.BytesIO()
    plain = _plain(arrays)
    with import_h5py().File(buffer, "w") as file:
        for name, value in plain.items():
            file.create_dataset(name, data=value)
        integrity.describe_h5(file, plain)
    return buffer.getvalue()


class H5Reader:
    """Takes arrays out of an HDF5 file, no more bytes than the file has, each array once.

    Args:
        size: The bytes of the file.
    """

    def __init__(self, size: int) -> None:
        self._h5py = import_h5py()
        self._size = size
        self._left = size
        self._seen: set[int] = set()

    def once(self, member: Any, name: str) -> None:
        """Notes that a group or dataset was met.

        Raises:
            ValueError: It was met before, under another name: so files make cycles and much out of little.
        """
        address = self._h5py.h5o.get_info(member.id).addr
        if address in self._seen:
            raise ValueError(f"{name} is another name of an object that was met before")
        self._seen.add(address)

    def array(self, member: Any, name: str) -> Any:
        """The numbers of a dataset that lies in the file and is as large as it says.

        Raises:
            ValueError: It is no array of numbers, refers to another file, or claims more than there is.
        """
        if not isinstance(member, self._h5py.Dataset):
            raise ValueError(f"{name} is no array")
        self.once(member, name)
        if member.is_virtual or member.external:
            raise ValueError(f"{name} is virtual or external: it refers to another file")
        if member.id.get_create_plist().get_nfilters():
            raise ValueError(f"{name} is packed by a filter; write it without compression")
        if member.shape is None or member.dtype.kind not in "biuf":
            raise ValueError(f"{name} holds no numbers")
        chunk = member.dtype.itemsize
        for length in member.chunks or ():
            chunk *= length
        if member.nbytes > min(member.id.get_storage_size(), self._left) or chunk > self._size:
            raise ValueError(f"{name} claims more than the file holds")
        self._left -= member.nbytes
        return member[()]


def hard_link(group: Any, name: str) -> bool:
    """Whether a group has a member of this name that lies in the file; links elsewhere are not opened.

    Raises:
        ValueError: It is a link to another file or place.
    """
    link = group.get(name, getlink=True)
    if link is None:
        return False
    if not isinstance(link, import_h5py().HardLink):
        raise ValueError(f"{name} is a link ({type(link).__name__})")
    return True


#: What h5py raises for files that are damaged or made to be.
H5_ERRORS = (
    OSError, ValueError, LookupError, RuntimeError, TypeError, NotImplementedError, EOFError, ArithmeticError,
    MemoryError,
)  # fmt: skip


def open_h5(source: Path | bytes) -> Any:
    """Opens an HDF5 file to read it.

    Args:
        source: The path or the bytes of the file.

    Raises:
        ValueError: It is no HDF5 file, or its names cannot be looked up.
    """
    check_names(source)
    return import_h5py().File(io.BytesIO(source) if isinstance(source, bytes) else source, "r")


def read_h5(source: Path | bytes) -> dict[str, Any]:
    """Gives the arrays of an HDF5 file by path.

    Args:
        source: The path or the bytes of the file.

    Raises:
        ValueError: It has a link, or an array is not in the file.
    """
    h5py = import_h5py()
    reader = H5Reader(len(source) if isinstance(source, bytes) else source.stat().st_size)
    arrays: dict[str, Any] = {}
    with open_h5(source) as file:

        def visit(group: Any, prefix: str, depth: int) -> None:
            if depth > 64:
                raise ValueError("its groups are nested too deeply")
            reader.once(group, prefix or "the root")
            for name in group:
                if not hard_link(group, name):
                    raise ValueError(f"{prefix}{name} is not there")
                member = group[name]
                if isinstance(member, h5py.Group):
                    visit(member, f"{prefix}{name}/", depth + 1)
                else:
                    arrays[f"{prefix}{name}"] = reader.array(member, f"{prefix}{name}")

        visit(file, "", 0)
        integrity.check_h5(file, arrays, TextHeaps(source, integrity.H5_ATTRIBUTES))
    return arrays
