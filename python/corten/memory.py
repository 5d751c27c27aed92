"""Memory that the engine keeps for later tensors."""

from __future__ import annotations

from corten import _core


def stats() -> dict[str, int]:
    """Return how many bytes are in use and how many are kept for reuse.

    Example:
        >>> import corten
        >>> all(count >= 0 for count in corten.memory.stats().values())
        True
    """
    return dict(_core.memory_stats())


def empty_cache() -> None:
    """Give kept memory back to the system.

    Example:
        >>> import corten
        >>> corten.memory.empty_cache()
    """
    _core.empty_cache()
