"""Memory that the engine keeps for later tensors."""

from __future__ import annotations

from corten import _core

# What GPUs were given; the engine answers for the CPU.
_limits: dict[str, int | None] = {}


def stats(device: str | None = None) -> dict[str, int]:
    """Return how many bytes are in use, are kept for reuse, and were in use at most.

    Args:
        device: Of which device, such as `'gpu:0'`; None is the CPU.

    Example:
        >>> import corten
        >>> all(count >= 0 for count in corten.memory.stats().values())
        True
        >>> sorted(corten.memory.stats("cpu"))
        ['allocated', 'cached', 'peak']
    """
    found = dict(_core.device_statistics("cpu" if device is None else device))
    return {name: found[name] for name in ("allocated", "cached", "peak")}


def set_limit(limit: int | None, device: str | None = None) -> None:
    """Set how many bytes tensors may take together; an op that would need more raises `MemoryError`.

    Before it is called, the environment variable `CORTEN_MEMORY_LIMIT` says it for the CPU. Memory of NumPy
    and of Python is not counted. On a GPU memory that is kept for reuse counts; it is given back before an op
    fails.

    Args:
        limit: Bytes, at least 1; None for no limit.
        device: Of which device, such as `'gpu:0'`; None is the CPU.

    Example:
        >>> import corten
        >>> corten.memory.set_limit(8 << 30)
        >>> corten.memory.limit()
        8589934592
        >>> corten.memory.set_limit(None)
    """
    _core.set_memory_limit(limit, device)
    if device is not None:
        _limits[_core.open_device(device)] = limit


def limit(device: str | None = None) -> int | None:
    """Return the bytes that tensors may take together; None where there is no limit.

    Args:
        device: Of which device, such as `'gpu:0'`; None is the CPU.

    Example:
        >>> import corten
        >>> corten.memory.set_limit(None)
        >>> corten.memory.limit() is None
        True
    """
    name = "cpu" if device is None else _core.open_device(device)
    return _core.memory_limit() if name == "cpu" else _limits.get(name)


def empty_cache(device: str | None = None) -> None:
    """Give kept memory back to the system.

    Args:
        device: Of which device, such as `'gpu:0'`; None is the CPU.

    Example:
        >>> import corten
        >>> corten.memory.empty_cache()
    """
    _core.empty_cache(device)
