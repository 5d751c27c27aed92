"""Checking that a file can be written, before hours of training depend on it; adding lines to one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def check_writable(path: str | os.PathLike[str], who: str) -> Path:
    """Makes the folder of `path` and checks that a file can be written there.

    Raises:
        OSError: It cannot; the message names the callback, the path and the reason.
    """
    target = Path(path)
    folder = target.parent
    reason = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            reason = "it is a folder"
        elif not os.access(folder, os.W_OK):
            reason = f"no permission to write in {folder}"
        elif target.exists() and not os.access(target, os.W_OK):
            reason = "the file is read-only"
        else:
            # Permissions do not tell everything: file systems may be full, read-only or no place for files.
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise OSError(
            f"{who}: cannot write {str(target)!r}: {reason}. Training has not started; give another path."
        )
    return target


def append_bytes(path: str | os.PathLike[str], data: bytes | memoryview, who: str, flags: int = 0) -> None:
    """Adds bytes at the end of a file: all of them, or after an error none.

    Args:
        path: The file; it is made if need be.
        data: The bytes.
        who: Who writes, for the message.
        flags: More flags of `os.open`, such as `os.O_TRUNC`.

    Raises:
        OSError: They cannot be written; the message names the file.
    """
    flags |= os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    rest = memoryview(data)
    try:
        # Open only while it is written: a training that breaks off leaves no open file.
        handle = os.open(path, flags, 0o666)
        try:
            length = os.fstat(handle).st_size
            try:
                while rest:
                    rest = rest[os.write(handle, rest) :]
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(handle, length)  # No half line.
                raise
        finally:
            os.close(handle)
    except OSError as error:
        raise type(error)(error.errno, f"{who}: cannot write {os.fspath(path)!r}: {error.strerror}") from None
