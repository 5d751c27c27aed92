"""The conditions under which objects are made from configurations that come from files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from corten._state import state
from corten.saving.serialization import only_registered

# What a wrong configuration makes code stumble over that expects a right one.
_STUMBLES = (
    AttributeError, LookupError, ArithmeticError, RecursionError, AssertionError, NotImplementedError,
)  # fmt: skip
# A model may be larger than its file: stored in half precision, with an optimizer of three slots whose
# state was left out.
_TIMES_THE_FILE = 10
_SLACK = 64 << 20


@contextlib.contextmanager
def objects_from_file(source: str, weights: Mapping[str, Any] | None) -> Iterator[list[Any]]:
    """Context in which objects are made from a configuration that a file holds.

    Only registered classes and Corten's own are found, no path in the configuration is opened, and
    variables may take no more memory than fits the weights beside the configuration.

    Args:
        source: What to call the configuration in messages.
        weights: The arrays of the file; None if it has none, and the memory of the machine is the limit.

    Yields:
        What `make_late_values` is to be given when the weights are assigned.

    Raises:
        ValueError: The configuration does not fit together, or wants more memory than the file is for.
    """
    previous = state.variable_room, state.variable_room_of, state.late_values
    late: list[Any] = []
    if weights is None:
        room = _memory_of_the_machine()
    else:
        room = _SLACK + _TIMES_THE_FILE * sum(array.nbytes for array in weights.values())
    state.variable_room, state.variable_room_of = room, source
    state.late_values = None if weights is None else late
    try:
        with only_registered():
            yield late
    except _STUMBLES as error:
        detail = str(error)[:300]
        raise ValueError(
            f"{source}: the configuration is broken: {type(error).__name__}: {detail}. Was the file made by "
            "another program, or changed since?"
        ) from error
    except (TypeError, ValueError) as error:
        # Errors with a class of their own say themselves what they are about.
        if weights is None or type(error) not in {TypeError, ValueError} or source in str(error):
            raise
        raise type(error)(f"{source}: {error}") from error
    finally:
        state.variable_room, state.variable_room_of, state.late_values = previous


def make_late_values(late: list[Any]) -> None:
    """Gives the variables for which the file had no values those of their initializers.

    Args:
        late: What `objects_from_file` gave.
    """
    for variable, initializer, value in late:
        if variable._value is value:
            variable.assign(initializer(variable.shape, dtype=variable.dtype))


def _memory_of_the_machine() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 1 << 40
