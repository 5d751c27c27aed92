"""`device` and `SymbolicScope`: where things happen, and whether there are values."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from corten import _core


class _Scopes(threading.local):
    """What the open `device` scopes of a thread put back, outermost first."""

    def __init__(self) -> None:
        self.before: list[str | None] = []


_scopes = _Scopes()


class device(str, contextlib.ContextDecorator):
    """The name of a device, and the context in which new tensors are made on it.

    Operations compute where their operands are; what they make from nothing (`ops.zeros`, `ops.arange`,
    random numbers, variables, tensors of NumPy arrays and lists) is made on the device of the innermost scope
    of its thread, else on `corten.config.get_default_device()`. It is a string, so that it can be given
    wherever a device is asked for: `tensor.to(device("gpu"))`.

    Args:
        device_name: `'cpu'`, `'gpu'` or `'gpu:0'` for the first GPU, `'gpu:1'` for the next. TensorFlow's
            `'/GPU:0'` and `'/device:GPU:0'` are understood.

    Raises:
        ValueError: There is no device of that name in this build of Corten.
        RuntimeError: The GPU cannot be used; the message says why.

    Example:
        >>> import corten
        >>> with corten.device("cpu:0"):
        ...     x = corten.ops.ones((2,))
        >>> x.device
        'cpu'
        >>> corten.device("/CPU:0")
        'cpu'
    """

    __slots__ = ()

    def __new__(cls, device_name: str) -> device:
        if not isinstance(device_name, str):
            raise ValueError(
                f"device: expected the name of a device, such as 'cpu:0'; got {device_name!r} "
                f"({type(device_name).__name__})."
            )
        return str.__new__(cls, _core.open_device(device_name))

    def __enter__(self) -> device:
        _scopes.before.append(_core.set_device_scope(str(self)))
        return self

    def __exit__(self, *exception: Any) -> None:
        _core.set_device_scope(_scopes.before.pop())


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
