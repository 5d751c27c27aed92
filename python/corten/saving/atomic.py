"""Writing files as a whole: a crash, a full disk or a second writer leaves the old file or the new one.

A file is written under a temporary name in its own folder, synced to the disk and renamed over the old one;
then the folder is synced. Writers hold a lock on their temporary file, which tells what a killed process left
behind from what another one is writing at the moment: the next save to that path removes the former.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

SUFFIX = ".tmp"
# File systems that cannot sync a folder say so with one of these.
_NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS})
_LONGEST_NAME = 180


class _Output(io.RawIOBase):
    """The temporary file; remembers why it could not be written, whatever callers make of that error."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            return os.write(self._handle, data)
        except OSError as error:
            self.failure = error
            raise

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return os.lseek(self._handle, offset, whence)

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._handle)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that takes the place of `path` when the block ends, and only if it ends without an error.

    Args:
        path: Where the file goes; a link stays and what it leads to is replaced.

    Yields:
        The open temporary file. It may be written and positioned, not read.

    Raises:
        OSError: The file could not be written; the message names the path and the cause, and what was at
            `path` is unchanged. One case is different and says so: the file is complete and in place, but the
            folder could not be synced, so that a power failure might bring the old one back.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "greeting.txt"
        >>> with atomic_file(path) as file:
        ...     size = file.write(b"hello")
        ...     path.exists()
        False
        >>> path.read_bytes()
        b'hello'
    """
    with named(path):
        path = _target(path)
        folder = open_folder(path.parent)
    try:
        remove_abandoned(path)
        with named(path):
            handle, temporary = _create(path)
        yield from _written(path, handle, temporary)
        with named(path, "Wrote {}, but could not sync its folder, so a power failure might undo that"):
            sync_folder(folder)
    finally:
        close_quietly(folder)


def _written(path: Path, handle: int, temporary: Path) -> Iterator[BinaryIO]:
    output = _Output(handle)
    file = io.BufferedWriter(output)
    finishing = False
    try:
        yield file
        finishing = True
        file.flush()
        if output.failure is not None:
            raise output.failure
        os.fsync(handle)
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))
        if os.name != "posix":
            file.close()  # Windows does not rename open files; elsewhere the lock must outlive the name.
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        with contextlib.suppress(OSError, ValueError):
            file.close()
        failure = output.failure or (error if finishing and isinstance(error, OSError) else None)
        if failure is not None and isinstance(error, Exception):
            raise _error(path, failure) from None
        raise
    with contextlib.suppress(OSError):
        file.close()  # It is synced: nothing that could fail here is left to write.


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Writes a file under a temporary name beside it and moves it into place.

    Args:
        path: Where the file goes.
        write: Called with the open temporary file.

    Raises:
        OSError: As for `atomic_file`.
    """
    with atomic_file(path) as file:
        write(file)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes bytes as `write_atomically` does.

    Args:
        path: Where the file goes.
        data: What it holds.
    """
    write_atomically(path, lambda file: file.write(data))


@contextlib.contextmanager
def named(path: Path, what: str = "Cannot write {}") -> Iterator[None]:
    """Turns errors of the operating system into ones that name the file that was to be written.

    Args:
        path: The file.
        what: The beginning of the message.

    Raises:
        OSError: In place of another one, and of its class.
    """
    try:
        yield
    except OSError as error:
        raise _error(path, error, what) from None


def _error(path: Path, error: OSError, what: str = "Cannot write {}") -> OSError:
    message = f"{what.format(repr(str(path)))}: {error.strerror or error}"
    # With a number the constructor chooses the class: PermissionError, FileNotFoundError, ...
    return OSError(message) if error.errno is None else OSError(error.errno, message)


def _target(path: Path) -> Path:
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"the folder {str(path.parent)!r} does not exist")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if path.exists():
        if not path.is_file():
            raise OSError(errno.EINVAL, "it is no regular file")
        if not os.access(path, os.W_OK):  # A rename would get past it.
            raise PermissionError(errno.EACCES, "the file is read-only")
    return path


# ---- temporary names ---------------------------------------------------------------------------------------


def temporary_name(path: Path) -> Path:
    """Gives a name beside `path` that nothing has.

    Args:
        path: What will be written.
    """
    return path.with_name(f"{_begin(path)}{secrets.token_hex(8)}{SUFFIX}")


def _begin(path: Path) -> str:
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        import hashlib

        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}."


def _create(path: Path) -> tuple[int, Path]:
    """Makes an empty temporary file, locked, with the permissions a plain `open` would give."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)  # What only its owner may read never has a wider mode.
    except FileNotFoundError:
        mode = 0o666
    while True:
        temporary = temporary_name(path)
        handle = os.open(temporary, flags | getattr(os, "O_NOFOLLOW", 0), mode)
        try:
            if locked_in_time(handle, temporary):
                return handle, temporary
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            close_quietly(handle)
            raise
        close_quietly(handle)


def locked_in_time(handle: int, temporary: Path) -> bool:
    """Locks a temporary file or folder; False if another writer just took it for an abandoned one.

    Args:
        handle: Its descriptor.
        temporary: Its name.
    """
    # Shared, as HDF5 locks what it reads: a file has its final name a moment before it is unlocked.
    lock(handle, shared=True)
    try:
        return os.path.samestat(os.fstat(handle), os.stat(temporary))
    except FileNotFoundError:
        return False


def lock(handle: int, wait: bool = True, shared: bool = False) -> bool:
    """Locks an open file or folder for this process, where the system can.

    Args:
        handle: The descriptor.
        wait: Whether to wait for another process to end its lock.
        shared: Whether others may have a shared lock too.

    Returns:
        Whether it is locked. Closing the descriptor, or the end of the process, unlocks it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
    except OSError:  # Somebody has it, or the file system (a network's) has no locks.
        return False
    return True


def remove_abandoned(path: Path, names: str | None = None) -> None:
    """Removes temporary files and folders that killed processes left when they wrote `path`.

    Args:
        path: What they wrote.
        names: A regular expression for other names in the same folder, in place of `path`'s own.
    """
    begin = re.escape(_begin(path)) if names is None else rf"\.{names}\."
    pattern = re.compile(begin + r"[0-9a-f]{16}" + re.escape(SUFFIX))
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and not entry.is_symlink():
                _remove_if_abandoned(path.with_name(entry.name))


def _remove_if_abandoned(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(temporary, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            if lock(handle, wait=False):
                if temporary.is_dir():
                    remove_tree(temporary)
                else:
                    os.unlink(temporary)
        finally:
            close_quietly(handle)


# ---- folders -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Makes a folder beside `path` that is gone when the block ends, unless it was renamed.

    Args:
        path: What the folder will become.

    Yields:
        The folder. If the process is killed, the next one that writes `path` removes it.

    Raises:
        OSError: It cannot be made; the message names `path`.
    """
    remove_abandoned(path)
    with named(path):
        temporary, handle = _make_folder(path)
    try:
        yield temporary
    finally:
        remove_tree(temporary)
        close_quietly(handle)


def remove_tree(folder: Path) -> None:
    """Removes a folder of Corten's making with all that is in it, as far as that is possible.

    Args:
        folder: The folder; where links lead stays.
    """
    with contextlib.suppress(OSError):
        for entry in list(folder.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                remove_tree(entry)
            else:
                os.unlink(entry)
        os.rmdir(folder)


def _make_folder(path: Path) -> tuple[Path, int | None]:
    while True:
        temporary = temporary_name(path)
        os.mkdir(temporary)
        try:
            handle = open_folder(temporary)
            if handle is None or locked_in_time(handle, temporary):
                return temporary, handle
        except FileNotFoundError:
            continue  # Another writer took it for an abandoned one before it was locked.
        except BaseException:
            remove_tree(temporary)
            raise
        close_quietly(handle)


def open_folder(folder: Path) -> int | None:
    """Opens a folder to sync or lock it; None where that cannot be done.

    Args:
        folder: The folder.
    """
    if os.name != "posix":
        return None
    try:
        return os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except PermissionError:
        return None  # It may be written, but not read.


def sync_folder(handle: int | None) -> None:
    """Makes the names in a folder durable.

    Args:
        handle: What `open_folder` gave.

    Raises:
        OSError: The disk reported an error.
    """
    if handle is None:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise


def close_quietly(handle: int | None) -> None:
    """Closes a descriptor that nothing was written to.

    Args:
        handle: The descriptor, or None.
    """
    if handle is not None:
        with contextlib.suppress(OSError):
            os.close(handle)
