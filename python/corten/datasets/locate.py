"""Finding the files of larger data sets: a local folder, a mirror, the well-known address."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from corten.utils.file_utils import download, hash_matches, home_folder

GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


@dataclass(frozen=True)
class Source:
    """A file of a data set.

    Attributes:
        file: Its name, also on a mirror.
        url: Its well-known address.
        digest: SHA-256 (or MD5) of its content.
        folder: Folder below the data folder in which it is kept.
        content_digest: SHA-256 of what a gzip file holds. Distributions pack it anew, which changes
            the file but not the content.
    """

    file: str
    url: str
    digest: str
    folder: str = ""
    content_digest: str = ""

    def matches(self, path: Path) -> bool:
        """Whether a file is this one."""
        if hash_matches(path, self.digest):
            return True
        if not self.content_digest:
            return False
        import gzip
        import hashlib

        digest = hashlib.sha256()
        try:
            with gzip.open(path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except (OSError, EOFError):
            return False
        return digest.hexdigest() == self.content_digest


def local_folders() -> list[Path]:
    """The folders that are searched: Corten's own, Keras's, and that of Debian's data packages."""
    return [
        home_folder() / "datasets",
        Path("~/.keras/datasets").expanduser(),
        Path("/usr/share/datasets"),
    ]


def find_local(name: str, folder: str = "") -> Path | None:
    """Gives a file from one of the local folders, or None."""
    for base in local_folders():
        for candidate in (base / folder / name, base / name):
            if candidate.is_file():
                return candidate
    return None


def dataset_mirror() -> str | None:
    """The mirror: the environment variable `CORTEN_DATASET_MIRROR` or `corten.config.set_dataset_mirror`."""
    from corten import config

    chosen = os.environ.get("CORTEN_DATASET_MIRROR") or config.dataset_mirror()
    return str(chosen) if chosen else None


def locate(source: Source, dataset: str) -> Path:
    """Gives the path of a file, downloading it if need be; its checksum is always verified.

    Args:
        source: The file.
        dataset: Name of the data set for messages.

    Raises:
        OSError: It is nowhere to be had; the message names the ways out.
        ValueError: What was found or downloaded has the wrong checksum.
    """
    found = find_local(source.file, source.folder)
    if found is not None:
        if source.matches(found):
            return found
        raise ValueError(
            f"corten.datasets.{dataset}: {str(found)!r} does not have the checksum {source.digest}; it is "
            "damaged or "
            f"another file. Delete it, or pass `path=` to load it nevertheless."
        )
    target = home_folder() / "datasets" / source.folder / source.file
    mirror = dataset_mirror()
    addresses = [f"{mirror.rstrip('/')}/{source.file}"] if mirror else []
    addresses.append(source.url)
    problems: list[str] = []
    for address in addresses:
        if Path(address).is_file():
            # A mirror may be a folder, for example on a shared disk.
            address = Path(address).resolve().as_uri()
        try:
            download(address, target)
        except (OSError, ValueError) as error:
            problems.append(f"{address}: {error}")
            continue
        if source.matches(target):
            return target
        target.unlink(missing_ok=True)
        problems.append(f"{address}: the checksum is wrong, the file was removed")
    raise OSError(_ways_out(source, dataset, problems))


def _ways_out(source: Source, dataset: str, problems: list[str]) -> str:
    tried = "; ".join(problems)
    return (
        f"corten.datasets.{dataset}: the file {source.file} is not on this machine and could not be "
        f"downloaded ({tried}).\n"
        "Three ways out:\n"
        f"  1. Copy {source.file} (from {source.url}) into {home_folder() / 'datasets' / source.folder}, "
        "or pass its place: load_data(path='...').\n"
        "  2. Name a mirror that has it: corten.config.set_dataset_mirror('https://...' or a folder), "
        "or the environment variable CORTEN_DATASET_MIRROR.\n"
        "  3. Use data that comes with Corten: corten.datasets.mnist_sample, digits, iris, breast_cancer or "
        "wine."
    )


def given_path(path: str | os.PathLike[str] | None, default: str) -> Path | None:
    """Gives the user's own `path` if it is one; the default name means: search.

    Raises:
        FileNotFoundError: The path leads nowhere.
    """
    if path is None or os.fspath(path) == default:
        return None
    chosen = Path(path).expanduser()
    if chosen.exists():
        return chosen
    local = find_local(os.fspath(path))
    if local is not None:
        return local
    searched = ", ".join(str(folder) for folder in local_folders())
    raise FileNotFoundError(f"no file {os.fspath(path)!r}, neither as a path nor in {searched}")
