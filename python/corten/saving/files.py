"""The `.corten` archive, and what every format needs: files written as a whole, JSON of bounded size."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from corten.saving.atomic import atomic_file, write_atomically, write_bytes

if TYPE_CHECKING:
    import zipfile

__all__ = ["atomic_file", "write_archive", "write_atomically", "write_bytes"]

FORMAT = "corten"
FORMAT_VERSION = 1
MAX_JSON = 256 * 1024 * 1024
MAX_JSON_PARTS = 1_000_000

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

    from corten.saving.zip_files import ZIP_ERRORS, check_entries

    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise ValueError(f"{path}: is a folder, not a Corten model file.") from None
    damaged = f"{path}: not a complete Corten model file; it is truncated or damaged"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_entries(archive, len(data), growth=1)
            contents = _checked_members(archive, str(path))
    except ZIP_ERRORS as error:
        raise ValueError(f"{damaged} ({error}).") from None
    if "metadata.json" not in contents:
        raise ValueError(f"{path}: is a zip file but not a Corten model (no metadata.json).")
    metadata = parse_json(contents.pop("metadata.json"), f"{path}: metadata.json")
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: is a zip file but not a Corten model.")
    version = metadata.get("format_version")
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
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


def _checked_members(archive: zipfile.ZipFile, path: str) -> dict[str, bytes]:
    import zipfile

    from corten.saving.zip_files import read_part

    infos = archive.infolist()
    names = [info.filename for info in infos]
    if "config.json" in names and "model.weights.h5" in names:
        raise ValueError(f"{path}: is a Keras `.keras` file; give it that ending")
    for info in infos:
        if info.filename not in _MEMBERS:
            raise ValueError(f"{path}: has a part {info.filename!r} that no Corten model has")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise ValueError(f"{path}: part {info.filename!r} is compressed, which is not allowed")
    return {info.filename: read_part(archive, info) for info in infos}


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of the names and values of a JSON object.

    Raises:
        ValueError: A name occurs twice: readers would differ in which value they take.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def parse_json(data: bytes, source: str) -> Any:
    """Return parsed JSON of bounded size.

    Raises:
        ValueError: It is too large, not JSON, or has a name twice in one object.
    """
    if len(data) > MAX_JSON:
        raise ValueError(f"{source}: {len(data)} bytes are more than the limit of {MAX_JSON}.")
    # An object of two bytes takes two hundred in memory.
    if data.count(b"{") + data.count(b"[") > MAX_JSON_PARTS:
        raise ValueError(f"{source}: has more than {MAX_JSON_PARTS} lists and objects; refused.")
    try:
        return json.loads(data, object_pairs_hook=without_duplicates)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source}: not valid JSON ({error}).") from None
