"""What a running call tells the code below it: the training flag, casting, probing, masks.

Everything here is per thread, except the two `seen_*` flags, which only ever go from False to True
and let the common case skip work.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.variable import Variable


class CallState(threading.local):
    """The per-thread state. Class attributes are the defaults of a fresh thread."""

    entry: Any = None
    """The outermost layer being called."""
    training: bool | None = None
    """The flag that inner layers inherit."""
    context: Mapping[str, Any] = MappingProxyType({})
    """Further call arguments that inner layers inherit, by name."""
    autocast: str | None = None
    """The float dtype that variables show themselves in (mixed precision)."""
    probing: int = 0
    """The size that stands for an unknown dimension while shapes are inferred, else 0."""
    value_dependent: bool = False
    """Whether a size was met, while shapes are inferred, that depends on values."""
    meta_variables: bool = False
    """Create variables without storage (shape inference of an unbuilt layer)."""
    accessed: dict[Variable, Any] | None = None
    """Where variables note that they were read or assigned, with the value they had."""
    draws: list[tuple[Any, int, int]] | None = None
    """Where random generators note the keys they give, while a step is traced."""
    tapes: tuple[Any, ...] = ()
    """The open gradient tapes, outermost first."""
    remat_scopes: tuple[Any, ...] = ()
    """The open `RematScope`s, outermost first."""
    variable_room: int | None = None
    """Bytes that variables made from a file's configuration may still take; None outside of loading."""
    variable_room_of: str = ""
    """What to call that file in messages."""
    late_values: list[tuple[Variable, Any, Any]] | None = None
    """Variables, their costly initializers, which wait while a file is loaded, and what they hold so long."""
    held: int = 0
    """How many blocks in which Ctrl-C waits are open."""
    waiting: Any = None
    """What is to be done after them."""
    hooked: bool = False
    """Whether `autocast` or `accessed` is set: one check on the path of every variable read."""

    def update_hooked(self) -> None:
        """Recompute `hooked` after a change of what it summarizes."""
        self.hooked = self.autocast is not None or self.accessed is not None


state = CallState()


class _Uninterrupted:
    """What `uninterrupted` is. One object serves all threads and depths: `state.held` counts for it."""

    def __enter__(self) -> None:
        state.held += 1

    def __exit__(self, *exception: object) -> None:
        state.held -= 1
        if state.waiting is not None and not state.held:
            run, state.waiting = state.waiting, None
            run()


#: `with uninterrupted:` makes Ctrl-C wait until the block is over (where `training.interrupts` watches it).
uninterrupted = _Uninterrupted()


class Seen:
    """Flags that stay False in programs that never use the feature."""

    masks = False
    losses = False
    #: Whether a GPU was named; the engine sets it.
    devices = False


class Checks:
    """Whether `corten.debug.enable_nan_checks` is in force."""

    on = False


class Structure:
    """Of which layers and variables the layers consist, as far as attributes tell.

    `mark` is another object after every change of any layer: what was found under one mark holds
    as long as it is the same.
    """

    mark = object()

    @classmethod
    def change(cls) -> None:
        """Says that something was added, removed, frozen or unfrozen."""
        cls.mark = object()


# Keyed by id, because `==` of tensors is element by element. The weak reference removes the entry.
_mask_table: dict[int, tuple[weakref.ref[Any], Any]] = {}


def get_mask(tensor: Any) -> Any:
    """Return the mask that belongs to a tensor, or None."""
    if not Seen.masks:
        return None
    entry = _mask_table.get(id(tensor))
    return None if entry is None or entry[0]() is not tensor else entry[1]


def set_mask(tensor: Any, mask: Any) -> None:
    """Attach a mask to a tensor (None takes it off)."""
    if mask is not None:
        Seen.masks = True
    elif not Seen.masks:
        return
    key = id(tensor)
    if mask is None:
        _mask_table.pop(key, None)
        return
    try:
        reference = weakref.ref(tensor, lambda _: _mask_table.pop(key, None))
    except TypeError:
        return  # No weak references (a NumPy scalar): it cannot carry a mask.
    _mask_table[key] = (reference, mask)


@contextmanager
def autocast_scope(dtype: str | None) -> Iterator[None]:
    """Show float variables in `dtype` inside the block (None: as they are)."""
    previous = state.autocast
    state.autocast = dtype
    state.update_hooked()
    try:
        yield
    finally:
        state.autocast = previous
        state.update_hooked()


@contextmanager
def record_access() -> Iterator[dict[Variable, Any]]:
    """Collect the variables used inside the block, each with the value it had before."""
    previous = state.accessed
    accessed: dict[Variable, Any] = {}
    state.accessed = accessed
    state.update_hooked()
    try:
        yield accessed
    finally:
        state.accessed = previous
        state.update_hooked()
        if previous is not None:
            for variable, value in accessed.items():
                previous.setdefault(variable, value)


@contextmanager
def meta_variable_scope() -> Iterator[None]:
    """Create variables inside the block without storage."""
    previous = state.meta_variables
    state.meta_variables = True
    try:
        yield
    finally:
        state.meta_variables = previous
