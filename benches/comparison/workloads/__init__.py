"""What is measured: names, sizes, the arithmetic and the traffic they need. One file a family."""

from . import attention, convolution, elementwise, inference, matmul, optimizers, training
from .workload import Workload

__all__ = ["WORKLOADS", "Workload", "find", "select"]

# The cold step comes first: it means something only before anything else has warmed its process.
WORKLOADS: list[Workload] = [
    *training.COLD,
    *matmul.WORKLOADS,
    *convolution.WORKLOADS,
    *elementwise.WORKLOADS,
    *attention.WORKLOADS,
    *optimizers.WORKLOADS,
    *training.WORKLOADS,
    *inference.WORKLOADS,
]


def find(name: str) -> Workload:
    """The workload of this name."""
    for workload in [*WORKLOADS, *training.CONDITIONS]:
        if workload.name == name:
            return workload
    raise KeyError(name)


def select(prefixes: list[str]) -> list[Workload]:
    """Workloads whose name or family starts with one of the prefixes; all of them if there is none.

    Raises:
        ValueError: A prefix fits nothing.
    """
    for prefix in prefixes:
        if not any(w.name.startswith(prefix) or w.family.startswith(prefix) for w in WORKLOADS):
            families = ", ".join(dict.fromkeys(w.family for w in WORKLOADS))
            raise ValueError(f"no workload or family starts with {prefix!r}; families: {families}")
    wanted = tuple(prefixes) or ("",)
    return [w for w in WORKLOADS if w.name.startswith(wanted) or w.family.startswith(wanted)]
