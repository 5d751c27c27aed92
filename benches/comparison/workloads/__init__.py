"""What is measured: names, sizes, the arithmetic and the traffic they need. One file a family."""

from . import attention, convolution, elementwise, inference, matmul, optimizers, training
from .workload import Workload, matching

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
    """The workloads that `--only` names, as `matching` finds them."""
    return matching(WORKLOADS, prefixes)
