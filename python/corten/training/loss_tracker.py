"""The running mean of a loss."""

from __future__ import annotations

from typing import Any

from corten import _core

Tensor = _core.Tensor


class LossTracker:
    """Mean of a scalar over the batches of an epoch, weighted by batch size.

    It has the methods of `corten.metrics.Mean`, but keeps its state as plain tensors: it is updated
    in every training step, where each call counts.

    Example:
        >>> tracker = LossTracker("loss")
        >>> tracker.update_state(_core.tensor(1.0), 3)
        >>> tracker.update_state(_core.tensor(5.0), 1)
        >>> float(tracker.result())
        2.0
    """

    def __init__(self, name: str = "loss") -> None:
        self.name = name
        self._total: Any = 0.0
        self._count: float = 0.0

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds a value that stands for `sample_weight` samples."""
        weight = 1.0 if sample_weight is None else float(sample_weight)
        if type(values) is Tensor and values.requires_grad:
            values = values.detach()
        self._total = values * weight + self._total
        self._count += weight

    def result(self) -> Tensor:
        """Gives the mean so far; 0 before the first value."""
        total = self._total if type(self._total) is Tensor else _core.tensor(float(self._total))
        return total / self._count if self._count else total

    def reset_state(self) -> None:
        """Starts anew."""
        self._total = 0.0
        self._count = 0.0

    def get_config(self) -> dict[str, Any]:
        """Gives the arguments that rebuild it."""
        return {"name": self.name}

    @property
    def variables(self) -> list[Any]:
        """Empty: the state is not part of a model file."""
        return []
