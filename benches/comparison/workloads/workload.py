"""One workload, as data."""

from dataclasses import dataclass, field
from typing import Any, Literal

MILLION = 4096 * 1024  # elements of a "4M" array
F32 = 4  # bytes


@dataclass(frozen=True)
class Workload:
    """A named piece of work, the same for every framework.

    Attributes:
        name: What tables and `--only` call it.
        family: The group it belongs to.
        kind: The method of an adapter that prepares it.
        sizes: What that method is called with.
        flops: Arithmetic the definition needs, not what an algorithm spends; None where it is not the point.
        bytes: Memory the definition must read and write once, or None.
        ceiling: What bounds it: the machine's multiply-adds, copies or reads; None where overhead does.
        cold: Whether the first call is the measurement.
    """

    name: str
    family: str
    kind: str
    sizes: dict[str, Any] = field(default_factory=dict)
    flops: float | None = None
    bytes: float | None = None
    ceiling: Literal["fma", "copy", "read"] | None = None
    cold: bool = False
