"""One workload, as data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

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


class Named(Protocol):
    """What has a name and belongs to a family."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> str: ...


AnyNamed = TypeVar("AnyNamed", bound=Named)


def matching(workloads: Sequence[AnyNamed], prefixes: Sequence[str]) -> list[AnyNamed]:
    """Workloads whose name or family starts with one of the prefixes; all of them if there is none.

    Raises:
        ValueError: A prefix fits nothing.
    """
    for prefix in prefixes:
        if not any(w.name.startswith(prefix) or w.family.startswith(prefix) for w in workloads):
            families = ", ".join(dict.fromkeys(w.family for w in workloads))
            raise ValueError(f"no workload or family starts with {prefix!r}; families: {families}")
    wanted = tuple(prefixes) or ("",)
    return [w for w in workloads if w.name.startswith(wanted) or w.family.startswith(wanted)]
