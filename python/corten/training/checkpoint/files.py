"""The files of checkpoints: numbered, whole or not there, verified when they are read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import warnings
from pathlib import Path
from typing import Any

from corten.saving import safetensors
from corten.saving.files import parse_json, write_bytes

FORMAT = "corten-checkpoint"
FORMAT_VERSION = 1

_NAME = re.compile(r"checkpoint-(\d{1,18})\.safetensors")
# What a process that was killed while it wrote has left.
_DRAFT = re.compile(r"\.checkpoint-\d{1,18}\.safetensors\..*\.tmp")


class DamagedError(ValueError):
    """The file of a checkpoint is not what was written."""


def dump_checkpoint(state: Any, arrays: dict[str, Any]) -> bytes:
    """Gives a checkpoint as bytes: safetensors, whose header also holds the state and a checksum of all.

    Args:
        state: JSON.
        arrays: NumPy arrays by name.

    Raises:
        ValueError: An array is of a dtype that safetensors does not have.

    Example:
        >>> import numpy as np
        >>> data = dump_checkpoint({"step": 3}, {"weight": np.ones(2, "float32")})
        >>> parse_checkpoint(data, "data")
        ({'step': 3}, {'weight': array([1., 1.], dtype=float32)})
    """
    from corten import __version__

    described = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "corten_version": __version__,
        "state": json.dumps(state),
    }
    data = bytearray(safetensors.dump(arrays, {**described, "sha256": "0" * 64}))
    # The checksum is of the file with zeros in the place of the checksum.
    place = _place_of_checksum(data)
    data[place : place + 64] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def write_checkpoint(path: Path, state: Any, arrays: dict[str, Any]) -> None:
    """Writes a checkpoint to a file; arguments as for `dump_checkpoint`.

    Raises:
        OSError: It cannot be written; what was there before stays.
        ValueError: An array is of a dtype that safetensors does not have.
    """
    write_bytes(path, dump_checkpoint(state, arrays))


def _place_of_checksum(data: bytes | bytearray) -> int:
    """Where the 64 digits of the checksum are. Text of the state has its quotes escaped, and cannot match."""
    found = data.find(b'"sha256":"', 0, 8 + int.from_bytes(data[:8], "little"))
    return found + len(b'"sha256":"') if found >= 0 else -1


def read_checkpoint(path: Path) -> tuple[Any, dict[str, Any]]:
    """Reads a checkpoint and verifies it.

    Returns:
        The state and the arrays, as `write_checkpoint` was given them.

    Raises:
        DamagedError: The file is truncated or changed, or no checkpoint.
        ValueError: It is of a newer format.
        OSError: It cannot be read.
    """
    return parse_checkpoint(path.read_bytes(), str(path))


def parse_checkpoint(data: bytes, source: str) -> tuple[Any, dict[str, Any]]:
    """Gives the state and the arrays of what `dump_checkpoint` made.

    Args:
        data: The bytes.
        source: What to call them in messages.

    Raises:
        DamagedError: They are truncated or changed, or no checkpoint.
        ValueError: They are of a newer format.
    """
    try:
        described = safetensors.metadata(data, source)
    except ValueError as error:
        raise DamagedError(str(error)) from None
    if described.get("format") != FORMAT:
        raise DamagedError(f"{source}: is no checkpoint of Corten's.")
    place = _place_of_checksum(data)
    digest = hashlib.sha256(data[:place])
    digest.update(b"0" * 64)
    digest.update(memoryview(data)[place + 64 :])
    if place < 0 or data[place : place + 64] != digest.hexdigest().encode():
        raise DamagedError(f"{source}: the checksum does not match; the file is truncated or damaged.")
    version = described.get("format_version", "")
    if not version.isdecimal() or int(version) > FORMAT_VERSION:
        raise ValueError(
            f"{source}: has format version {version!r}; this Corten reads up to {FORMAT_VERSION}. "
            f"It was written by Corten {described.get('corten_version')!r}: update Corten."
        )
    try:
        arrays = safetensors.parse(data, source)
        return parse_json(described.get("state", "").encode(), source), arrays
    except ValueError as error:
        raise DamagedError(str(error)) from None


class CheckpointFolder:
    """A folder of numbered checkpoints of one training.

    Args:
        path: The folder; it is made when the first checkpoint is written.
        keep: How many of them stay.

    Example:
        >>> import tempfile
        >>> folder = CheckpointFolder(Path(tempfile.mkdtemp()), keep=2)
        >>> for step in range(3):
        ...     _ = folder.write({"step": step}, {})
        >>> [path.name for path in folder.paths()]
        ['checkpoint-00000002.safetensors', 'checkpoint-00000003.safetensors']
        >>> folder.newest()[0]
        {'step': 2}
    """

    def __init__(self, path: Path, keep: int = 2) -> None:
        self.path = path
        self.keep = keep
        self._damaged: set[Path] = set()

    def paths(self) -> list[Path]:
        """Gives the files, oldest first."""
        if not self.path.is_dir():
            return []
        found = [(int(m[1]), path) for path in self.path.iterdir() if (m := _NAME.fullmatch(path.name))]
        return [path for _, path in sorted(found)]

    def newest(self) -> tuple[Any, dict[str, Any]] | None:
        """Reads the newest checkpoint that is whole; None where there is no file.

        Raises:
            ValueError: All are damaged, or the newest is of a newer format.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                found = read_checkpoint(path)
            except DamagedError as error:
                self._damaged.add(path)
                reason = error
                continue
            if self._damaged:
                warnings.warn(
                    f"The newest checkpoint is damaged ({reason}); training goes on from {path.name!r}, "
                    "which was written before it.",
                    UserWarning,
                    stacklevel=4,
                )
            return found
        if paths:
            raise ValueError(
                f"All checkpoints in {str(self.path)!r} are damaged ({reason}). Delete the folder to train "
                "from the beginning."
            )
        return None

    def write(self, state: Any, arrays: dict[str, Any]) -> Path:
        """Writes the next checkpoint, then removes those before the last `keep` whole ones.

        Raises:
            OSError: It cannot be written; the others stay.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        paths = self.paths()
        last = _NAME.fullmatch(paths[-1].name) if paths else None
        path = self.path / f"checkpoint-{int(last[1]) + 1 if last else 1:08d}.safetensors"
        write_checkpoint(path, state, arrays)
        # Only now: the new one is whole and on the disk.
        whole = [known for known in paths if known not in self._damaged]
        for old in (*whole[: max(len(whole) + 1 - self.keep, 0)], *self._damaged):
            with contextlib.suppress(OSError):
                old.unlink()
        self._damaged.clear()
        return path

    def remove_drafts(self) -> None:
        """Removes files that were not finished when their writer was killed."""
        for path in self._drafts():
            with contextlib.suppress(OSError):
                path.unlink()

    def _drafts(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        return [path for path in self.path.iterdir() if _DRAFT.fullmatch(path.name)]

    def remove(self) -> None:
        """Removes all checkpoints, and the folder where nothing else is in it."""
        for path in (*self.paths(), *self._drafts()):
            path.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()
