"""Files of arrays by path: `.npz` and HDF5."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from corten.saving import integrity, safetensors

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
        if suffix == ".npz":
            return _read_npz(path)
        return read_h5(path)
    except (OSError, ValueError, EOFError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path}: cannot be read; truncated or damaged? ({error})") from None
    except Exception as error:
        if type(error).__name__ in {"BadZipFile", "error"}:
            raise ValueError(f"{path}: cannot be read; truncated or damaged? ({error})") from None
        raise


def _read_npz(path: Path) -> dict[str, Any]:
    """Read what `numpy.savez` wrote, allocating no more than the file holds."""
    import zipfile

    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        comment = archive.comment.decode("ascii", "replace")
        if comment.startswith(_NPZ_COMMENT):
            integrity.check_version(comment.removeprefix(_NPZ_COMMENT), "it")
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError(f"part {info.filename!r} is compressed; use `numpy.savez`")
            content = archive.read(info)
            file = io.BytesIO(content)
            version = np.lib.format.read_magic(file)
            if version not in {(1, 0), (2, 0)}:
                raise ValueError(f"part {info.filename!r} has an unknown version {version}")
            read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            shape, fortran_order, dtype = read(file)
            begin = file.tell()
            size = dtype.itemsize
            for length in shape:
                size *= length
            if dtype.kind not in "biuf" or size != len(content) - begin:
                raise ValueError(f"part {info.filename!r} is no complete array of numbers")
            array = np.frombuffer(content, dtype, offset=begin)
            order: Any = "F" if fortran_order else "C"
            arrays[info.filename.removesuffix(".npy")] = array.reshape(shape, order=order)
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


def checked_array(member: Any, name: str, h5py: Any) -> Any:
    """The numbers of a dataset that lies in the file and is as large as it says."""
    if not isinstance(member, h5py.Dataset):
        raise ValueError(f"{name} is no array")
    if member.is_virtual or member.external:
        raise ValueError(f"{name} is virtual or external: it refers to another file")
    if member.dtype.kind not in "biuf" or member.nbytes > member.id.get_storage_size():
        raise ValueError(f"{name} claims more than the file holds")
    return member[()]


def read_h5(source: Any) -> dict[str, Any]:
    """Gives the arrays of an HDF5 file by path.

    Raises:
        ValueError: It has a link, or an array is not in the file.
    """
    h5py = import_h5py()
    arrays: dict[str, Any] = {}
    with h5py.File(source, "r") as file:

        def visit(group: Any, prefix: str, depth: int) -> None:
            if depth > 64:
                raise ValueError("its groups are nested too deeply")
            for name in group:
                # Links to other files or places are never followed.
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ValueError(f"{prefix}{name} is a link ({type(link).__name__})")
                member = group[name]
                if isinstance(member, h5py.Group):
                    visit(member, f"{prefix}{name}/", depth + 1)
                else:
                    arrays[f"{prefix}{name}"] = checked_array(member, f"{prefix}{name}", h5py)

        visit(file, "", 0)
        integrity.check_h5(file, arrays)
    return arrays
