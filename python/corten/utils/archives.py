"""Unpacking tar and zip archives that may come from anywhere."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from corten.saving.atomic import atomic_file, named
from corten.saving.zip_files import ZIP_ERRORS, check_entries, check_name

# Files in an archive may have so many times its size, and these bytes more. Text packs to a tenth; what packs
# to a hundredth is made to fill disks.
_GROWTH = 100
_SLACK = 64 << 20
# No header is longer; the contents of files are read in smaller pieces.
_LONGEST_READ = 1 << 20
_PACKINGS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open),
)  # fmt: skip


class _Bounded:
    """What an archive unpacks to, up to a limit."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream = stream
        self._left = most

    def read(self, size: int) -> bytes:
        """Gives the next bytes.

        Raises:
            ValueError: There are more than an archive of this size should have.
        """
        data: bytes = self._stream.read(min(size, _LONGEST_READ))
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("it unpacks to more than a hundred times its size; it is made to fill disks")
        return data


class _ShortHeaders(tarfile.TarInfo):
    """A member whose name is not read where it says it is longer than a megabyte."""

    def _proc_member(self, tarfile_: Any) -> Any:
        if self.size < 0:
            raise ValueError(f"the entry {self.name!r} has a negative size; refused")
        if not (self.isreg() or self.isdir()) and self.size > _LONGEST_READ:
            raise ValueError(f"the header of the entry {self.name!r} says it has {self.size} bytes; refused")
        return super()._proc_member(tarfile_)  # type: ignore[misc]


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks the plain files of an archive.

    Args:
        archive: The tar or zip file; the content tells which.
        folder: An empty folder.

    Raises:
        ValueError: It is neither or damaged, or something in it is no plain file inside the folder.
        OSError: The folder cannot be written.
    """
    with archive.open("rb") as file:
        start = file.read(6)
    try:
        if start[:2] == b"PK" and zipfile.is_zipfile(archive):
            _unpack_zip(archive, folder)
            return
        opener = next((opener for magic, opener in _PACKINGS if start.startswith(magic)), None)
        with opener(archive, "rb") if opener is not None else archive.open("rb") as stream:
            _unpack_tar(stream, folder, _GROWTH * archive.stat().st_size + _SLACK)
    except tarfile.ReadError as error:
        raise ValueError(
            f"{archive.name} is neither a tar nor a zip archive, or a damaged one ({error})"
        ) from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ValueError(f"{archive.name}: has two entries for one place ({error.strerror})") from None
    except (*ZIP_ERRORS, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # The disk is full, or the folder cannot be written.
        raise ValueError(f"{archive.name}: {error}") from None


def _unpack_tar(stream: Any, folder: Path, most: int) -> None:
    bounded: Any = _Bounded(stream, most)
    # As a stream: nothing is sought, so that no header leads backwards.
    with tarfile.open(fileobj=bounded, mode="r|", bufsize=1 << 16, tarinfo=_ShortHeaders) as tar:
        for member in tar:
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise ValueError(f"the entry {member.name!r} is a link or device; refused")
            if member.size > most:
                raise ValueError(f"the entry {member.name!r} says it has {member.size} bytes; refused")
            source = tar.extractfile(member)
            if source is None:
                raise ValueError(f"the entry {member.name!r} is no file")
            _write_inside(folder, member.name, source, member.size)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as bundle:
        check_entries(bundle, archive.stat().st_size, _GROWTH, _SLACK)
        for information in bundle.infolist():
            if not information.is_dir():
                with bundle.open(information) as source:
                    _write_inside(folder, information.filename, source, information.file_size)


def _write_inside(folder: Path, name: str, source: Any, size: int) -> None:
    try:
        check_name(name)
        inside = (folder / name).resolve().is_relative_to(folder.resolve())
    except ValueError:
        inside = False
    if not inside:
        raise ValueError(f"the archive entry {name!r} leads out of its folder; refused")
    target = folder / name
    with named(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise FileExistsError(errno.EEXIST, "the second would replace the first")
    with atomic_file(target) as file:
        _copy(source, file, name, size)


def _copy(source: Any, target: BinaryIO, name: str, size: int) -> None:
    done = 0
    while block := source.read(1 << 16):
        done += len(block)
        if done > size:
            break
        target.write(block)
    if done != size:
        raise ValueError(f"the archive entry {name!r} is not as long as it says")
