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


def set_limit(limit: int | None) -> None:
    """Set how many bytes tensors may take together; an op that would need more raises `MemoryError`.

    Before it is called, the environment variable `CORTEN_MEMORY_LIMIT` says it. Memory of NumPy and of Python
    is not counted.

    Args:
        limit: Bytes, at least 1; None for no limit.

    Example:
        >>> import corten
        >>> corten.memory.set_limit(8 << 30)
        >>> corten.memory.limit()
        8589934592
        >>> corten.memory.set_limit(None)
    """
    _core.set_memory_limit(limit)


def limit() -> int | None:
    """Return the bytes that tensors may take together; None where there is no limit.

    Example:
        >>> import corten
        >>> corten.memory.set_limit(None)
        >>> corten.memory.limit() is None
        True
    """
    return _core.memory_limit()


def empty_cache() -> None:
    """Give kept memory back to the system.

    Example:
        >>> import corten
        >>> corten.memory.empty_cache()
    """
    _core.empty_cache()
