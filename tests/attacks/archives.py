"""Attacks by archives that `get_file(..., extract=True)` unpacks."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from tests.attacks.table import attack


def _member(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"x", **fields: Any) -> Any:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    for field, value in fields.items():
        setattr(info, field, value)
    return info, io.BytesIO(data)


TAR: dict[str, list[Any]] = {
    "a name that goes up": [_member("../canary")],
    "a name that goes up inside": [_member("a/../../canary")],
    "an absolute name": [_member("/tmp/corten-attack-canary")],
    "a symbolic link": [_member("link", tarfile.SYMTYPE, linkname="/etc/passwd")],
    "a symbolic link to a folder, and a file in it": [
        _member("link", tarfile.SYMTYPE, linkname="/tmp"),
        _member("link/corten-attack-canary"),
    ],
    "a hard link": [_member("link", tarfile.LNKTYPE, linkname="../../../etc/passwd")],
    "a device": [_member("device", tarfile.CHRTYPE, devmajor=1, devminor=5)],
    "a block device": [_member("device", tarfile.BLKTYPE, devmajor=8, devminor=0)],
    "a pipe": [_member("pipe", tarfile.FIFOTYPE)],
    "a file in place of a folder": [_member("a"), _member("a/b")],
    "one name twice": [_member("a"), _member("a")],
}

for _label, _members in TAR.items():

    def _tar(folder: Path, members: Any = _members) -> Path:
        path = folder / "data.tar"
        with tarfile.open(path, "w") as archive:
            for info, data in members:
                data.seek(0)
                archive.addfile(info, data if info.isreg() else None)
        return path

    attack(f"tar: {_label}", "archive")(_tar)


def _header(size: bytes, kind: bytes = b"0", name: bytes = b"a") -> bytes:
    """A block that describes a member, with any size."""
    block = bytearray(tarfile.TarInfo(name.decode()).tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@attack("tar: a member of a negative size", "archive")
def _negative(folder: Path) -> Path:
    path = folder / "data.tar"
    size = b"\xff" * 10 + b"\xfc\x00"  # -1024: the next header is this one again.
    path.write_bytes(_header(b"00000000001\0") + bytes(512) + _header(size) + bytes(2048))
    return path


@attack("tar: a member of 2**60 bytes", "archive")
def _huge(folder: Path) -> Path:
    path = folder / "data.tar"
    path.write_bytes(_header(b"\x80" + (1 << 60).to_bytes(11, "big")) + bytes(2048))
    return path


@attack("tar: a sparse file of 2**40 bytes", "archive")
def _sparse(folder: Path) -> Path:
    path = folder / "data.tar"
    block = bytearray(_header(b"00000000000\0", b"S"))
    block[257:265] = b"ustar  \0"
    block[386:410] = b"00000000000\0" * 2
    block[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path.write_bytes(bytes(block) + bytes(2048))
    return path


@attack("tar.gz: a member that unpacks to a thousand times its size", "archive")
def _bomb(folder: Path) -> Path:
    path = folder / "data.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(_header(b"%011o\0" % (1 << 28)))
        file.write(bytes(1 << 28))
        file.write(bytes(1024))
    return path


@attack("tar.gz: a name of 200 MB", "archive")
def _long_name(folder: Path) -> Path:
    path = folder / "data.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(_header(b"%011o\0" % (200 << 20), b"L", b"././@LongLink"))
        file.write(b"a" * (200 << 20))
        file.write(bytes(1024))
    return path


@attack("tar.gz: cut off", "archive")
def _cut(folder: Path) -> Path:
    path = folder / "data.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info, data = _member("a", data=bytes(range(256)) * 300)
        archive.addfile(info, data)
    path.write_bytes(path.read_bytes()[:300])
    return path


def _zip(folder: Path, name: str, data: bytes = b"x", mode: int = 0o644, packed: bool = False) -> Path:
    path = folder / "data.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        archive.writestr("first.txt", "good")
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        archive.writestr(info, data)
    return path


ZIP: dict[str, tuple[Any, ...]] = {
    "a name that goes up": ("../canary",),
    "an absolute name": ("/tmp/corten-attack-canary",),
    "a name with a drive": ("C:/canary",),
    "a symbolic link": ("link", b"/etc/passwd", stat.S_IFLNK | 0o777),
    "a part that unpacks to a thousand times its size": ("zeros", bytes(1 << 28), 0o644, True),
}
for _label, _arguments in ZIP.items():

    def _as_zip(folder: Path, arguments: Any = _arguments) -> Path:
        return _zip(folder, *arguments)

    attack(f"archive zip: {_label}", "archive")(_as_zip)


@attack("archive zip: a thousand parts that are one piece of data", "archive")
def _overlapping(folder: Path) -> Path:
    path = folder / "data.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", bytes(1 << 20))
    data = path.read_bytes()
    place = data.index(b"PK\x01\x02")
    entry = data[place : data.index(b"PK\x05\x06")]
    entries = b"".join(entry[:46] + b"%04d" % number for number in range(1000))
    entries = entries.replace(entry[:46], entry[:28] + b"\x04\x00" + entry[30:46])
    end = bytearray(data[data.index(b"PK\x05\x06") :])
    end[8:12] = (1000).to_bytes(2, "little") * 2
    end[12:16] = len(entries).to_bytes(4, "little")
    path.write_bytes(data[:place] + entries + bytes(end))
    return path


@attack("archive: neither tar nor zip", "archive")
def _neither(folder: Path) -> Path:
    (folder / "data.bin").write_bytes(b"#!/bin/sh\ntouch canary\n")
    return folder / "data.bin"
