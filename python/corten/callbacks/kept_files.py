"""Keeping the last files of a series and removing those before them."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path


def keep_last(kept: list[str], path: str, count: int) -> list[str]:
    """Removes files of a series that are older than the last `count`, once the newest has been read back.

    Args:
        kept: The files so far, oldest first.
        path: The newest; it has just been written.
        count: How many are to stay.

    Returns:
        The files that stay. A newest file that cannot be read does not count as one: it stays on the disk,
        and so do all others, with a warning.
    """
    older = [name for name in kept if os.path.abspath(name) != os.path.abspath(path)]
    surplus = older[: max(len(older) + 1 - count, 0)]
    if surplus:
        from corten.saving.model_io import verify_file

        try:
            verify_file(Path(path))
        except (OSError, ValueError) as error:
            warnings.warn(
                "ModelCheckpoint: what was just saved cannot be read back, so no older file is removed: "
                f"{error}",
                UserWarning,
                stacklevel=2,
            )
            return older
    for name in surplus:
        with contextlib.suppress(OSError):
            os.unlink(name)
    return [*older[len(surplus) :], path]
