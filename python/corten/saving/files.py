"""Writing files so that a crash leaves the old one or the new one, and the `.corten` archive."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import zipfile

FORMAT = "corten"
FORMAT_VERSION = 1
MAX_JSON = 256 * 1024 * 1024

_MEMBERS = (
    "metadata.json",
    "config.json",
    "weights.safetensors",
    "optimizer.safetensors",
    "training.safetensors",
)


class MissingFileError(FileNotFoundError, ValueError):
    """There is no such file: an error of files as elsewhere in Python, and of values as in Keras."""


class UnknownArgumentError(TypeError, ValueError):
    """There is no such argument: an error of types as elsewhere in Python, and of values as in Keras."""


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file under a temporary name beside it and move it into place.

    Args:
        path: Where the file goes.
        write: Called with the open temporary file.

    Raises:
        OSError: The folder does not exist or cannot be written.
    """
    import tempfile

    path = Path(os.path.realpath(path))  # A link stays; what it leads to is replaced.
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(f"Cannot write {str(path)!r}: the folder {str(folder)!r} does not exist.")
    if path.is_dir():
        raise IsADirectoryError(f"Cannot write {str(path)!r}: it is a folder.")
    if path.exists() and not path.is_file():
        raise OSError(f"Cannot write {str(path)!r}: it is no regular file.")
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=folder)
    except OSError as error:
        raise type(error)(error.errno, f"Cannot write {str(path)!r}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode_for(path))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes as `write_atomically` does.

    Args:
        path: Where the file goes.
        data: What it holds.
    """
    write_atomically(path, lambda file: file.write(data))


def _mode_for(path: Path) -> int:
    """Return the permissions a plain `open` would give (mkstemp's are the owner's only)."""
    with contextlib.suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    """Write a `.corten` file.

    Args:
        path: Where the file goes.
        members: Contents by member name, without `metadata.json`.
    """
    import hashlib
    import zipfile

    from corten import __version__

    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "corten_version": __version__,
        "members": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in members.items()
        },
    }
    contents = {"metadata.json": json.dumps(metadata, indent=1).encode(), **members}

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, data in contents.items():
                # A fixed date: the same model gives the same file.
                info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                info.external_attr = 0o644 << 16
                archive.writestr(info, data)

    write_atomically(path, write)


def read_archive(path: Path) -> dict[str, bytes]:
    """Return the members of a `.corten` file after checking sizes and checksums.

    Raises:
        ValueError: The file is no `.corten` file, is damaged, or is of a newer format.
    """
    import hashlib
    import zipfile

    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise ValueError(f"{path}: is a folder, not a Corten model file.") from None
    damaged = f"{path}: not a complete Corten model file; it is truncated or damaged"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            contents = _checked_members(archive, len(data), str(path))
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{damaged} ({error}).") from None
    if "metadata.json" not in contents:
        raise ValueError(f"{path}: is a zip file but not a Corten model (no metadata.json).")
    metadata = parse_json(contents.pop("metadata.json"), f"{path}: metadata.json")
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: is a zip file but not a Corten model.")
    version = metadata.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ValueError(
            f"{path}: has format version {version!r}; this Corten reads up to {FORMAT_VERSION}. "
            f"It was written by Corten {metadata.get('corten_version')!r}: update Corten."
        )
    listed = metadata.get("members")
    if not isinstance(listed, dict) or set(listed) != set(contents):
        raise ValueError(f"{damaged} (its parts are not those it lists).")
    for name, content in contents.items():
        entry = listed[name]
        digest = hashlib.sha256(content).hexdigest()
        if not isinstance(entry, dict) or entry.get("sha256") != digest:
            raise ValueError(f"{damaged} (the checksum of {name} does not match).")
    return contents


def _checked_members(archive: zipfile.ZipFile, size: int, path: str) -> dict[str, bytes]:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        raise ValueError(f"{path}: a part occurs twice.")
    if "config.json" in names and "model.weights.h5" in names:
        raise ValueError(
            f"{path}: is a Keras `.keras` file, which this version does not read; load it in Keras "
            "and hand the weights over with `model.save_weights('x.weights.h5')`."
        )
    import zipfile

    total = 0
    for info in infos:
        if info.filename not in _MEMBERS:
            raise ValueError(f"{path}: has a part {info.filename!r} that no Corten model has.")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise ValueError(f"{path}: part {info.filename!r} is compressed, which is not allowed.")
        total += info.file_size
    if total > size:
        raise ValueError(f"{path}: its parts claim {total} bytes but the file has {size}.")
    return {info.filename: archive.read(info) for info in infos}


def parse_json(data: bytes, source: str) -> Any:
    """Return parsed JSON of bounded size.

    Raises:
        ValueError: It is too large or not JSON.
    """
    if len(data) > MAX_JSON:
        raise ValueError(f"{source}: {len(data)} bytes are more than the limit of {MAX_JSON}.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source}: not valid JSON ({error}).") from None
