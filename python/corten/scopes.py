"""`device` and `SymbolicScope`: where things happen, and whether there are values."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def device(device_name: str) -> Iterator[None]:
    """Context that says where tensors are made and ops run: on the CPU, which is the only device.

    So it changes nothing; it is there for programs that name their device.

    Args:
        device_name: `'cpu'` or `'cpu:0'`.

    Raises:
        ValueError: It is another device, or no device at all.

    Example:
        >>> import corten
        >>> with corten.device("cpu:0"):
        ...     x = corten.ops.ones((2,))
        >>> with corten.device("gpu:0"):
        ...     pass
        Traceback (most recent call last):
        ...
        ValueError: device: there is no 'gpu:0'; Corten runs on the CPU: use 'cpu' or leave `device` out.
    """
    if not isinstance(device_name, str):
        raise ValueError(
            f"device: expected the name of a device, such as 'cpu:0'; got {device_name!r} "
            f"({type(device_name).__name__})."
        )
    if device_name.lower() not in ("cpu", "cpu:0"):
        raise ValueError(
            f"device: there is no {device_name!r}; Corten runs on the CPU: use 'cpu' or leave `device` out."
        )
    yield


class _Symbolic(threading.local):
    depth = 0


_symbolic = _Symbolic()


class SymbolicScope:
    """Context that marks code as run for its shapes: `in_symbolic_scope` is true inside.

    Corten finds shapes by running code without values and needs no scope for that. This one is for
    functions of yours that do something else where only shapes are asked for.

    Example:
        >>> import corten
        >>> from corten.scopes import in_symbolic_scope
        >>> with corten.SymbolicScope():
        ...     in_symbolic_scope()
        True
    """

    def __enter__(self) -> SymbolicScope:
        _symbolic.depth += 1
        return self

    def __exit__(self, *exc: object) -> None:
        _symbolic.depth -= 1


def in_symbolic_scope() -> bool:
    """Return whether a `SymbolicScope` is open in this thread, or shapes are being inferred.

    Example:
        >>> in_symbolic_scope()
        False
    """
    from corten._state import state

    return _symbolic.depth > 0 or state.probing > 0
