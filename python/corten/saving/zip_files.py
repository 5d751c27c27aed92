"""What every zip file must be like before a part of it is unpacked."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from typing import Any

#: What the module zipfile raises for files that are damaged or made to be.
ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError,
    LookupError, OverflowError, ValueError,
)  # fmt: skip
# A local header is 30 bytes and the name.
_LOCAL_HEADER = 30


def check_entries(archive: zipfile.ZipFile, size: int, growth: int, slack: int = 1 << 20) -> None:
    """Checks what a zip file says of its parts, before one is unpacked.

    Args:
        archive: The open file.
        size: Its bytes.
        growth: All parts together may have so many times its size.
        slack: And so many bytes more.

    Raises:
        ValueError: A name occurs twice or leads elsewhere, a part is a link or encrypted, parts lie over
            one another, or they are larger than such a file should hold.
    """
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) != len(entries):
        raise ValueError("two parts have one name")
    total = 0
    for entry in entries:
        check_name(entry.filename)
        # What zipfile read before it cut the name at a NUL or changed its slashes.
        if "\0" in entry.orig_filename:
            raise ValueError(f"the part {entry.filename!r} has a NUL in its name")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ValueError(f"the part {entry.filename!r} is a link")
        if entry.flag_bits & 1:
            raise ValueError(f"the part {entry.filename!r} is encrypted")
        total += entry.file_size
    _check_places(archive, entries)
    if total > growth * size + slack:
        raise ValueError(f"its parts unpack to {total} bytes from {size}; such a file is made to fill memory")


def check_name(name: str) -> None:
    """Checks that the name of a part is one inside the archive.

    Raises:
        ValueError: It is absolute, goes up, or has a drive letter.
    """
    parts = name.replace("\\", "/").split("/")
    if not name or parts[0] == "" or ".." in parts or parts[0][1:2] == ":":
        raise ValueError(f"the part {name!r} leads out of the archive")


def _check_places(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise ValueError(f"the part {entry.filename!r} lies over another one")
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size
    start: Any = getattr(archive, "start_dir", None)
    if start is not None and end > start:
        raise ValueError("a part lies over the list of parts")


def read_part(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Unpacks a part, no more than it says it has.

    Raises:
        ValueError: It is not as long as it says.
    """
    with archive.open(entry) as member:
        data = member.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise ValueError(f"{entry.filename} is not as long as it says")
    return data
