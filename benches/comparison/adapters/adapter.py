"""What the adapters have in common."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..workloads import Workload


@dataclass
class Prepared:
    """Work that is ready to be timed.

    Attributes:
        call: Does it once and returns when it is done.
        units: How many of what is measured one call does: steps of a `fit`.
        model: The model at work, if there is one to ask for its weights.
    """

    call: Callable[[], object]
    units: int = 1
    model: Any = None


class NotOfferedError(Exception):
    """The framework has no way of its own to do this workload."""


class Adapter:
    """A framework: a method named as a workload's `kind` prepares it; without one it is not offered."""

    packages: tuple[str, ...] = ()

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.rng = np.random.default_rng(0)

    def versions(self) -> dict[str, str]:
        """Versions of the packages at work."""
        return {package: importlib.metadata.version(package) for package in self.packages}

    def offers(self, workload: Workload) -> bool:
        """Whether there is a method for it."""
        return hasattr(self, workload.kind)

    def prepare(self, workload: Workload) -> Prepared:
        """Sets up data, parameters and models.

        Raises:
            NotOfferedError: There is no way of this framework's own.
        """
        if not self.offers(workload):
            raise NotOfferedError(workload.kind)
        prepared = getattr(self, workload.kind)(**workload.sizes)
        return prepared if isinstance(prepared, Prepared) else Prepared(prepared)

    def digest(self, workload: Workload) -> str:
        """What the weights are after an epoch of a training workload, from one seed.

        Raises:
            NotOfferedError: The framework is not asked for equal bits.
        """
        raise NotOfferedError("equal bits are not asked of it")

    def normal(self, *shape: int) -> Any:
        """Normal float32 numbers, as a NumPy array."""
        return self.rng.standard_normal(shape, dtype=np.float32)

    def labels(self, count: int, classes: int = 10) -> Any:
        """Class numbers, as a NumPy array."""
        return self.rng.integers(classes, size=(count,))
