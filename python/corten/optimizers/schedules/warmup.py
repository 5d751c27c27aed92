"""Learning rates that rise from nothing and then fall, as language models are trained with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from corten.optimizers.schedules.schedule import FormulaSchedule, number

_SHAPES = ("linear", "cosine", "1-sqrt")


class WarmupSchedule(FormulaSchedule):
    """The schedules that Hugging Face's `get_scheduler` knows by name, with the same values.

    The rate rises in a line from 0 to `learning_rate` during the warm-up, then falls as `kind` says until
    `num_training_steps`. With t the part of the steps after the warm-up that is done, in [0, 1]:

    - `'linear'`: 1 - t.
    - `'cosine'`: (1 + cos(2 pi num_cycles t)) / 2; `num_cycles` is 0.5.
    - `'cosine_with_restarts'`: `num_cycles` (1) falling half waves, one after the other.
    - `'polynomial'`: (1 - t) ** `power` (1.0), down to `lr_end` (1e-7).
    - `'constant'`: no warm-up; `'constant_with_warmup'`: 1.
    - `'inverse_sqrt'`: one over the root of the step over `timescale` (the warm-up's steps, or 10,000).
    - `'cosine_with_min_lr'`: cosine down to `min_lr`, or `min_lr_rate` times the rate.
    - `'cosine_warmup_with_min_lr'`: as before; the warm-up begins at `warmup_lr_rate` times the rate.
    - `'warmup_stable_decay'`: constant, then falling in the last `num_decay_steps` to `min_lr_ratio` (0.0)
      times the rate. `warmup_type` ('linear') and `decay_type` ('cosine') are 'linear', 'cosine' or '1-sqrt'.

    Args:
        kind: The schedule's name.
        learning_rate: The rate at the end of the warm-up.
        num_warmup_steps: Steps of the warm-up.
        num_training_steps: All steps of the training; the kinds that do not end do not need it.
        name: Name of the schedule.
        **settings: What `kind` takes besides, as said above.

    Raises:
        ValueError: There is no such kind, it needs a number that was not given, or knows no such setting.

    Source: https://huggingface.co/docs/transformers/main_classes/optimizer_schedules

    Example:
        >>> schedule = WarmupSchedule("linear", 0.1, num_warmup_steps=2, num_training_steps=6)
        >>> [round(schedule.rate(step), 3) for step in range(7)]
        [0.0, 0.05, 0.1, 0.075, 0.05, 0.025, 0.0]
    """

    def __init__(
        self,
        kind: str,
        learning_rate: float,
        num_warmup_steps: int | None = None,
        num_training_steps: int | None = None,
        name: str = "WarmupSchedule",
        **settings: Any,
    ) -> None:
        kind = str(getattr(kind, "value", kind))
        if kind not in KINDS:
            raise ValueError(
                f"WarmupSchedule: there is no schedule {kind!r}; there are {', '.join(sorted(KINDS))}"
            )
        self.kind = kind
        self.learning_rate = number(learning_rate)
        self.num_warmup_steps = _count("num_warmup_steps", num_warmup_steps, kind not in _WITHOUT_WARMUP)
        needed = kind not in _ENDLESS and settings.get("num_stable_steps") is None
        self.num_training_steps = _count("num_training_steps", num_training_steps, needed)
        self.name = name
        known = _SETTINGS[kind]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            takes = ", ".join(sorted(known)) or "no settings"
            raise ValueError(
                f"WarmupSchedule: {kind!r} does not know {', '.join(unknown)} (lr_scheduler_kwargs); it "
                f"takes {takes}"
            )
        self.settings = {**known, **settings}
        self._check_settings()

    def _check_settings(self) -> None:
        settings = self.settings
        if "min_lr" in settings:
            given = [settings["min_lr"], settings["min_lr_rate"]]
            if sum(value is not None for value in given) != 1:
                raise ValueError(
                    f"WarmupSchedule: {self.kind!r} needs one of min_lr and min_lr_rate "
                    f"(lr_scheduler_kwargs); got min_lr={given[0]}, min_lr_rate={given[1]}"
                )
        if self.kind == "polynomial" and settings["lr_end"] >= self.learning_rate:
            raise ValueError(
                f"WarmupSchedule: lr_end ({settings['lr_end']}) must be below the learning rate "
                f"({self.learning_rate})"
            )
        if self.kind == "warmup_stable_decay":
            settings["num_decay_steps"] = _count("num_decay_steps", settings["num_decay_steps"], True)
            for key in ("warmup_type", "decay_type"):
                if settings[key] not in _SHAPES:
                    raise ValueError(
                        f"WarmupSchedule: {key} must be one of {', '.join(_SHAPES)}; got {settings[key]!r}"
                    )

    def rate(self, step: float) -> float:
        return self.learning_rate * KINDS[self.kind](self, step)

    def get_config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "learning_rate": self.learning_rate,
            "num_warmup_steps": self.num_warmup_steps,
            "num_training_steps": self.num_training_steps,
            "name": self.name,
            **self.settings,
        }

    # -- parts of the formulas ------------------------------------------------------------------------

    def _warms_up(self, step: float) -> bool:
        return step < self.num_warmup_steps

    def _rise(self, step: float) -> float:
        return step / max(1, self.num_warmup_steps)

    def _done(self, step: float) -> float:
        """Which part of the steps after the warm-up is done."""
        return (step - self.num_warmup_steps) / max(1, self.num_training_steps - self.num_warmup_steps)

    def _lowest(self) -> float:
        rate, lowest = self.settings["min_lr_rate"], self.settings["min_lr"]
        return float(rate) if rate is not None else float(lowest) / self.learning_rate


def _count(name: str, value: Any, needed: bool) -> int:
    if value is None:
        if needed:
            raise ValueError(f"WarmupSchedule: the schedule needs {name}")
        return 0
    if isinstance(value, bool) or int(value) != value or value < 0:
        raise ValueError(f"WarmupSchedule: {name} must be a whole number of at least 0; got {value!r}")
    return int(value)


def _wave(cycles: float, done: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * cycles * 2.0 * done))


def _linear(schedule: WarmupSchedule, step: float) -> float:
    return schedule._rise(step) if schedule._warms_up(step) else max(0.0, 1.0 - schedule._done(step))


def _cosine(schedule: WarmupSchedule, step: float) -> float:
    if schedule._warms_up(step):
        return schedule._rise(step)
    return max(0.0, _wave(schedule.settings["num_cycles"], schedule._done(step)))


def _cosine_with_restarts(schedule: WarmupSchedule, step: float) -> float:
    if schedule._warms_up(step):
        return schedule._rise(step)
    done = schedule._done(step)
    return 0.0 if done >= 1.0 else max(0.0, _wave(0.5, schedule.settings["num_cycles"] * done % 1.0))


def _polynomial(schedule: WarmupSchedule, step: float) -> float:
    if schedule._warms_up(step):
        return schedule._rise(step)
    end = schedule.settings["lr_end"] / schedule.learning_rate
    left = max(0.0, 1.0 - schedule._done(step))
    return float((1.0 - end) * left ** schedule.settings["power"] + end)


def _constant(schedule: WarmupSchedule, step: float) -> float:
    return schedule._rise(step) if schedule._warms_up(step) else 1.0


def _inverse_sqrt(schedule: WarmupSchedule, step: float) -> float:
    if schedule._warms_up(step):
        return schedule._rise(step)
    timescale = schedule.settings["timescale"] or schedule.num_warmup_steps or 10_000
    return float(1.0 / math.sqrt((step + timescale - schedule.num_warmup_steps) / timescale))


def _cosine_with_min_lr(schedule: WarmupSchedule, step: float) -> float:
    if schedule._warms_up(step):
        return schedule._rise(step)
    lowest = schedule._lowest()
    wave = _wave(schedule.settings["num_cycles"], schedule._done(step))
    return max(0.0, wave * (1.0 - lowest) + lowest)


def _cosine_warmup_with_min_lr(schedule: WarmupSchedule, step: float) -> float:
    warmup, first = schedule.num_warmup_steps, schedule.settings["warmup_lr_rate"]
    if schedule._warms_up(step):
        # The warm-up reaches the rate with its last step here, not after it.
        if first is None:
            return (step + 1.0) / max(1.0, warmup)
        return float(first + (1.0 - first) * step / max(1, warmup - 1))
    lowest = schedule._lowest()
    wave = _wave(schedule.settings["num_cycles"], schedule._done(step + 1.0))
    return max(0.0, wave * (1.0 - lowest) + lowest)


def _risen(shape: str, part: float) -> float:
    """How far a warm-up of some shape has come, where a part of its steps is done."""
    if shape == "linear":
        return part
    return 0.5 * (1.0 - math.cos(math.pi * part)) if shape == "cosine" else 1.0 - math.sqrt(1.0 - part)


def _fallen(shape: str, part: float, cycles: float) -> float:
    """What is left in a decay of some shape, where a part of its steps is done."""
    if shape == "linear":
        return 1.0 - part
    return _wave(cycles, part) if shape == "cosine" else 1.0 - math.sqrt(part)


def _warmup_stable_decay(schedule: WarmupSchedule, step: float) -> float:
    settings, warmup = schedule.settings, schedule.num_warmup_steps
    lowest, decay = settings["min_lr_ratio"], settings["num_decay_steps"]
    stable = settings["num_stable_steps"]
    if stable is None:
        stable = schedule.num_training_steps - warmup - decay
    if step < warmup:
        risen = _risen(settings["warmup_type"], step / max(1, warmup))
        return max(0.0, risen * (1.0 - lowest) + lowest)
    if step < warmup + stable:
        return 1.0
    if step < warmup + stable + decay:
        part = (step - warmup - stable) / max(1, decay)
        left = _fallen(settings["decay_type"], part, settings["num_cycles"])
        return max(0.0, left * (1.0 - lowest) + lowest)
    return float(lowest)


#: The factor of the learning rate at a step, by the name of the schedule.
KINDS: dict[str, Callable[[WarmupSchedule, float], float]] = {
    "linear": _linear,
    "cosine": _cosine,
    "cosine_with_restarts": _cosine_with_restarts,
    "polynomial": _polynomial,
    "constant": lambda schedule, step: 1.0,
    "constant_with_warmup": _constant,
    "inverse_sqrt": _inverse_sqrt,
    "cosine_with_min_lr": _cosine_with_min_lr,
    "cosine_warmup_with_min_lr": _cosine_warmup_with_min_lr,
    "warmup_stable_decay": _warmup_stable_decay,
}
_WITHOUT_WARMUP = frozenset({"constant"})
_ENDLESS = frozenset({"constant", "constant_with_warmup", "inverse_sqrt"})
_LOWEST = {"num_cycles": 0.5, "min_lr": None, "min_lr_rate": None}
_SETTINGS: dict[str, dict[str, Any]] = {
    "linear": {},
    "cosine": {"num_cycles": 0.5},
    "cosine_with_restarts": {"num_cycles": 1},
    "polynomial": {"lr_end": 1e-7, "power": 1.0},
    "constant": {},
    "constant_with_warmup": {},
    "inverse_sqrt": {"timescale": None},
    "cosine_with_min_lr": _LOWEST,
    "cosine_warmup_with_min_lr": {**_LOWEST, "warmup_lr_rate": None},
    "warmup_stable_decay": {
        "num_decay_steps": None,
        "num_stable_steps": None,
        "warmup_type": "linear",
        "decay_type": "cosine",
        "min_lr_ratio": 0.0,
        "num_cycles": 0.5,
    },
}
