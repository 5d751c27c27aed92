"""Checking that a file can be written, before hours of training depend on it."""

from __future__ import annotations

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
