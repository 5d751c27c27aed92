"""The base of learning-rate schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten import config, ops


class LearningRateSchedule:
    """A learning rate that depends on the step: `schedule(step)`.

    A subclass writes `__call__(self, step)`; `step` counts from 0 and is a variable or tensor, so
    write the formula with operators or `corten.ops`. For saving also write `get_config`.

    Example:
        >>> class Halving(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 1.0 / 2.0 ** ops.cast(step, "float32")
        >>> float(Halving()(ops.convert_to_tensor(3)))
        0.125
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define `__call__(self, step)`.")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        raise NotImplementedError(f"{type(self).__name__} must define `get_config` to be saved.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Makes an equal schedule from `get_config`'s dict."""
        return cls(**config)


class FormulaSchedule(LearningRateSchedule):
    """Base of the built-in schedules: plain arithmetic on the step, without tensors.

    An optimizer asks for `rate(step)` once per step, so this must cost next to nothing.

    Example:
        >>> class Constant(FormulaSchedule):
        ...     def rate(self, step):
        ...         return 0.5
        >>> float(Constant()(7))
        0.5
    """

    def rate(self, step: float) -> float:
        """The learning rate at that step."""
        raise NotImplementedError(f"{type(self).__name__} does not define `rate(self, step)`.")

    def __call__(self, step: Any) -> Any:
        return ops.convert_to_tensor(self.rate(float(step)), dtype=config.floatx())


def fast_rate(schedule: Any) -> Callable[[float], float] | None:
    """The schedule's `rate` if nobody overrode `__call__` above it.

    Example:
        >>> fast_rate(LearningRateSchedule()) is None
        True
    """
    if isinstance(schedule, FormulaSchedule) and type(schedule).__call__ is FormulaSchedule.__call__:
        return schedule.rate
    return None


def number(value: Any) -> float:
    """A schedule's setting as a Python float; variables and tensors give their current value.

    Example:
        >>> number(3)
        3.0
    """
    return float(value)
