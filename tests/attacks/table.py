"""The table of attacks, which the modules beside this one fill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

#: The file that a successful attack makes, in the folder of the attack; readers must never make it.
CANARY = "canary"


class Attack(NamedTuple):
    """A file made to harm whoever reads it.

    Attributes:
        name: What it tries.
        reader: Who is to read it, a name in `test_attacks.READERS`.
        make: Writes it into a folder and returns its path.
    """

    name: str
    reader: str
    make: Callable[[Path], Path]


ATTACKS: list[Attack] = []


def attack(name: str, reader: str) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    """Puts a function that writes an attack file into the table."""

    def register(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        ATTACKS.append(Attack(name, reader, make))
        return make

    return register
