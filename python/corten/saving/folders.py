"""Replacing a folder of files as a whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from corten.saving import atomic

# How often a folder may be replaced while it is read.
_TRIES = 100


def write_folder(path: Path, members: dict[str, bytes]) -> None:
    """Writes a folder of files; whoever looks finds all of the old files there or all of the new ones.

    The new folder is made under a temporary name and then changes places with the old one (Linux and macOS do
    that in one step; elsewhere the old one is renamed first, and renamed back if the second step fails).

    Args:
        path: The folder; those above it are made.
        members: What its files hold, by name.

    Raises:
        FileExistsError: There is something else in the folder, which would be lost.
        OSError: It cannot be written; what was there is unchanged.
    """
    path = Path(os.path.realpath(path))
    with atomic.named(path):
        _refuse_others(path, members)

    def write(folder: Path) -> None:
        for name, data in members.items():
            atomic.write_bytes(folder / name, data)

    put_folder(path, write)


def put_folder(path: Path, write: Callable[[Path], None]) -> None:
    """Replaces a folder with all that is in it, as `write_folder` does.

    Args:
        path: The folder; those above it are made.
        write: Writes what it is to hold into a folder of another name.

    Raises:
        OSError: It cannot be written; what was there is unchanged.
    """
    path = Path(os.path.realpath(path))
    with atomic.named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        parent = atomic.open_folder(path.parent)
    try:
        with atomic.temporary_folder(path) as temporary:  # What it holds at last are the old files.
            write(temporary)
            with atomic.named(path):
                if path.exists():
                    os.chmod(temporary, path.stat().st_mode & 0o7777)
                _put_in_place(temporary, path)
        with atomic.named(
            path, "Wrote {}, but could not sync its folder, so a power failure might undo that"
        ):
            atomic.sync_folder(parent)
    finally:
        atomic.close_quietly(parent)


def _refuse_others(path: Path, members: dict[str, bytes]) -> None:
    if path.is_dir():
        others = sorted(entry.name for entry in path.iterdir() if entry.name not in members or entry.is_dir())
        if others:
            raise FileExistsError(
                errno.EEXIST,
                f"it is a folder with other things in it ({', '.join(others[:4])}); take a new one",
            )
    elif path.exists():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file, not a folder")


def _put_in_place(temporary: Path, path: Path) -> None:
    if not path.exists():
        os.replace(temporary, path)
    elif not exchange(temporary, path):
        aside = path.with_name(f".{path.name}.replaced-{os.getpid()}")
        os.replace(path, aside)
        try:
            os.replace(temporary, path)
        except BaseException:
            os.replace(aside, path)
            raise
        atomic.remove_tree(aside)


def read_folder(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Reads files of a folder, all of the old ones or all of the new ones where it is replaced meanwhile.

    Args:
        path: The folder.
        names: Names of the files.

    Raises:
        FileNotFoundError: One is not there; `filename` is its name.
    """
    for _ in range(_TRIES):
        handle = atomic.open_folder(path)
        try:
            contents = {name: _read(path, name, handle) for name in names}
        except FileNotFoundError:
            if handle is None or _still_there(path, handle):
                raise
        else:
            return contents
        finally:
            atomic.close_quietly(handle)
    raise OSError(f"{path}: is replaced all the time; it cannot be read.")


def _read(path: Path, name: str, folder: int | None) -> bytes:
    if folder is None or os.open not in os.supports_dir_fd:
        try:
            return (path / name).read_bytes()
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, "No such file", name) from None
    # What the descriptor leads to stays the same folder, whatever its name leads to by now.
    with open(name, "rb", opener=lambda part, flags: os.open(part, flags, dir_fd=folder)) as file:
        return file.read()


def _still_there(path: Path, handle: int) -> bool:
    return os.path.samestat(os.fstat(handle), os.stat(path))


def exchange(one: Path, other: Path) -> bool:
    """Lets two files or folders change names in one step.

    Args:
        one: The first.
        other: The second.

    Returns:
        False if the system cannot do that.

    Raises:
        OSError: It can, and refuses.
    """
    import ctypes

    if os.name != "posix":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(library, "renameat2"):  # Linux: AT_FDCWD twice, RENAME_EXCHANGE
        status = library.renameat2(-100, names[0], -100, names[1], 2)
    elif hasattr(library, "renamex_np"):  # macOS: RENAME_SWAP
        status = library.renamex_np(*names, 2)
    else:
        return False
    if status == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}:
        return False
    raise OSError(number, os.strerror(number))
