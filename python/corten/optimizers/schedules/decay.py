"""Learning-rate schedules: exponential, stepwise, polynomial, inverse-time and cosine decay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from corten.optimizers.schedules.schedule import FormulaSchedule, number


class ExponentialDecay(FormulaSchedule):
    """`initial * rate^(step / decay_steps)`.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Steps after which the rate has been multiplied by `decay_rate` once.
        decay_rate: Factor per `decay_steps`.
        staircase: Whether the rate drops in steps instead of smoothly.
        name: Name of the schedule.

    Example:
        >>> round(float(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)), 4)
        0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate)
        self.decay_steps = _positive("ExponentialDecay", "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, step: float) -> float:
        periods = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (
            math.floor(periods) if self.staircase else periods
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class PiecewiseConstantDecay(FormulaSchedule):
    """One rate up to and including each boundary, another one after it.

    Args:
        boundaries: Steps in increasing order.
        values: Rates, one more than boundaries.
        name: Name of the schedule.

    Example:
        >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
        >>> [round(float(schedule(step)), 4) for step in (100, 101, 201)]
        [0.1, 0.01, 0.001]
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "PiecewiseConstantDecay: there is one value more than boundaries; got"
                f" {len(boundaries)} boundaries and {len(values)} values."
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def rate(self, step: float) -> float:
        for boundary, value in zip(self.boundaries, self.values, strict=False):
            if step <= boundary:
                return number(value)
        return number(self.values[-1])

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(FormulaSchedule):
    """From the initial to the end rate along a power of the remaining share of steps.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Steps until the end rate.
        end_learning_rate: Rate after that.
        power: 1 for a straight line.
        cycle: Whether the decay starts again, over ever more steps, instead of staying at the end.
        name: Name of the schedule.

    Example:
        >>> round(float(PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)(5)), 4)
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate)
        self.decay_steps = _positive("PolynomialDecay", "decay_steps", decay_steps)
        self.end_learning_rate = number(end_learning_rate)
        self.power = power
        self.cycle = cycle
        self.name = name

    def rate(self, step: float) -> float:
        steps = float(self.decay_steps)
        if self.cycle:
            steps *= 1.0 if step == 0 else math.ceil(step / self.decay_steps)
        else:
            step = min(step, steps)
        span = self.initial_learning_rate - self.end_learning_rate
        return float(span * (1.0 - step / steps) ** self.power + self.end_learning_rate)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class InverseTimeDecay(FormulaSchedule):
    """`initial / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Unit of time.
        decay_rate: How fast the rate falls.
        staircase: Whether the rate drops in steps instead of smoothly.
        name: Name of the schedule.

    Example:
        >>> round(float(InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(10)), 4)
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate)
        self.decay_steps = _positive("InverseTimeDecay", "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, step: float) -> float:
        periods = step / self.decay_steps
        return self.initial_learning_rate / (
            1.0 + self.decay_rate * (math.floor(periods) if self.staircase else periods)
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class CosineDecay(FormulaSchedule):
    """Half a cosine from the initial rate down, after an optional linear warm-up.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Steps of the decay, after the warm-up.
        alpha: Share of the rate that remains at the end.
        name: Name of the schedule.
        warmup_target: Rate that the warm-up rises to; `None` for no warm-up.
        warmup_steps: Steps of the warm-up.

    Example:
        >>> schedule = CosineDecay(0.0, decay_steps=10, warmup_target=0.1, warmup_steps=10)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 15, 20)]
        [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate)
        self.decay_steps = _positive("CosineDecay", "decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def rate(self, step: float) -> float:
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step <= self.warmup_steps and self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            step -= self.warmup_steps
            top = self.warmup_target
        share = min(step, self.decay_steps) / self.decay_steps
        decay = 0.5 * (1.0 + math.cos(math.pi * share))
        return top * ((1.0 - self.alpha) * decay + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(FormulaSchedule):
    """Cosine decays one after another, each longer and lower than the last.

    Args:
        initial_learning_rate: Rate at step 0.
        first_decay_steps: Steps of the first decay.
        t_mul: How many times longer each decay is than the one before.
        m_mul: How many times higher it starts.
        alpha: Share of the rate that remains at the end of a decay.
        name: Name of the schedule.

    Example:
        >>> schedule = CosineDecayRestarts(1.0, first_decay_steps=10)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 20)]
        [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate)
        self.first_decay_steps = _positive("CosineDecayRestarts", "first_decay_steps", first_decay_steps)
        self._t_mul = t_mul
        self._m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def rate(self, step: float) -> float:
        done = step / self.first_decay_steps
        if self._t_mul == 1.0:
            restarts = math.floor(done)
            share = done - restarts
        else:
            # Lengths grow geometrically: n decays take (t^n - 1) / (t - 1) first lengths.
            restarts = math.floor(math.log(1.0 - done * (1.0 - self._t_mul)) / math.log(self._t_mul) + 1e-9)
            before = (1.0 - self._t_mul**restarts) / (1.0 - self._t_mul)
            share = (done - before) / self._t_mul**restarts
        decay = 0.5 * self._m_mul**restarts * (1.0 + math.cos(math.pi * share))
        return self.initial_learning_rate * ((1.0 - self.alpha) * decay + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self._t_mul,
            "m_mul": self._m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


def _positive(schedule: str, name: str, value: Any) -> Any:
    if value <= 0:
        raise ValueError(f"{schedule}: `{name}` must be greater than 0; got {name}={value}.")
    return value
