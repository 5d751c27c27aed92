"""Getting files: from a local folder, a mirror or their address, always checked against a checksum."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def home_folder() -> Path:
    """The folder for Corten's files: `CORTEN_HOME`, or `~/.corten`.

    Example:
        >>> home_folder().name in (".corten", Path(os.environ.get("CORTEN_HOME", ".corten")).name)
        True
    """
    chosen = os.environ.get("CORTEN_HOME")
    return Path(chosen).expanduser() if chosen else Path("~/.corten").expanduser()


def file_digest(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """Gives the checksum of a file as hexadecimal digits.

    Args:
        path: The file.
        algorithm: 'sha256' or 'md5'.
    """
    import hashlib

    digest = hashlib.new(algorithm, usedforsecurity=False)
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_matches(path: str | os.PathLike[str], file_hash: str, hash_algorithm: str = "auto") -> bool:
    """Whether a file has the checksum; its length tells which kind it is."""
    algorithm = hash_algorithm
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    return file_digest(path, algorithm) == file_hash.lower()


def download(url: str, target: Path, *, show: bool = True) -> None:
    """Downloads `url` to `target`; the file appears only when it is complete.

    Raises:
        OSError: No network, no such file, or the connection broke.
    """
    import urllib.request

    if not url.startswith(("https://", "http://", "file://")):
        raise ValueError(f"cannot download {url!r}: the address must begin with https://, http:// or file://")
    from corten.saving.files import atomic_file

    target.parent.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(url, timeout=30) as response, atomic_file(target) as file:
        length = int(response.headers.get("Content-Length") or 0)
        _copy(response, file, length, f"Downloading {url}" if show else "")


def _copy(source: Any, target: Any, length: int, title: str) -> None:
    from corten.training.progress import Progbar, write

    bar = Progbar(length or None, unit_name="byte") if title and sys.stdout is not None else None
    if title:
        write(f"{title}\n")
    done = 0
    while block := source.read(1 << 16):
        target.write(block)
        done += len(block)
        if bar is not None and bar.is_due():
            bar.update(done, finalize=False)
    if length and done != length:
        raise OSError(f"the connection broke after {done} of {length} bytes")


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Gives the path of a file that is downloaded when it is not there yet.

    Args:
        fname: Name of the file in the cache; the end of `origin` if None. An absolute path is used as it is.
        origin: Address.
        untar: Old name of `extract`.
        md5_hash: Old name of `file_hash`.
        file_hash: Checksum, SHA-256 or MD5.
        cache_subdir: Folder inside the cache.
        hash_algorithm: 'auto', 'sha256' or 'md5'.
        extract: Unpack a tar or zip archive and give the folder; only plain files inside it are written.
        archive_format: Accepted for Keras's sake; the file itself tells.
        cache_dir: The cache; `CORTEN_HOME` or `~/.corten` if None.
        force_download: Download although the file is there.

    Raises:
        ValueError: The checksum is wrong, or no origin is given.
        OSError: The download failed.
    """
    if fname is None:
        if origin is None:
            raise ValueError("get_file: give fname or origin")
        fname = origin.rsplit("/", 1)[-1].split("?", 1)[0]
        if fname in {"", ".", ".."}:
            raise ValueError(f"get_file: {origin!r} does not end in the name of a file; give fname")
    file_hash = file_hash or md5_hash
    folder = Path(cache_dir).expanduser() if cache_dir is not None else home_folder()
    target = Path(fname)
    if not target.is_absolute():
        target = folder / cache_subdir / target
    missing = force_download or not target.exists()
    if not missing and file_hash and not hash_matches(target, file_hash, hash_algorithm):
        missing = True
    if missing:
        if origin is None:
            raise ValueError(
                f"get_file: {str(target)!r} is not there and no origin to download it from is given"
            )
        download(origin, target)
        if file_hash and not hash_matches(target, file_hash, hash_algorithm):
            target.unlink(missing_ok=True)
            raise ValueError(
                f"get_file: Incomplete or corrupted file: what {origin} gave does not have the checksum "
                f"{file_hash}; the file was removed."
            )
    if extract or untar:
        return str(extract_archive(target))
    return str(target)


def extract_archive(archive: Path) -> Path:
    """Unpacks an archive into a folder beside it and gives that folder.

    Raises:
        ValueError: It is no tar or zip file or a damaged one, it holds links, devices or paths that lead out
            of the folder, or it unpacks to far more than it has.
    """
    from corten.saving import atomic
    from corten.utils.archives import unpack

    folder = archive.with_name(f"{archive.name}_extracted")
    if folder.is_dir():
        return folder
    with atomic.temporary_folder(folder) as partial:
        unpack(archive, partial)
        with atomic.named(folder):
            os.replace(partial, folder)
    return folder
