"""What a search may choose from."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class Parameter:
    """Base of what can be searched: turns a number drawn from 0 to 1 into a value."""

    def value_at(self, place: float) -> Any:
        """Gives the value at a place.

        Args:
            place: From 0 up to, but not including, 1.
        """
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """Gives the parameter as plain values, to compare it with that of a stored search."""
        return {"kind": type(self).__name__, **vars(self)}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"


class Float(Parameter):
    """A number between two limits.

    Args:
        low: Lower limit.
        high: Upper limit.
        log: Draw evenly on a logarithmic scale, as fits learning rates.

    Raises:
        ValueError: The limits are in the wrong order, or `log` meets a limit of 0 or less.

    Example:
        >>> Float(1e-4, 1e-2, log=True).value_at(0.5)
        0.001
    """

    def __init__(self, low: float, high: float, log: bool = False) -> None:
        _check_limits("Float", low, high, log)
        self.low = float(low)
        self.high = float(high)
        self.log = bool(log)

    def value_at(self, place: float) -> float:
        if not self.log:
            return self.low + place * (self.high - self.low)
        start, stop = math.log(self.low), math.log(self.high)
        # Twelve digits: logarithms must not decide the last bits of a setting.
        return min(max(float(f"{math.exp(start + place * (stop - start)):.12g}"), self.low), self.high)


class Int(Parameter):
    """A whole number between two limits, both included.

    Args:
        low: Lower limit.
        high: Upper limit.
        step: Distance between values, counted from `low`; must be 1 with `log`.
        log: Draw evenly on a logarithmic scale.

    Raises:
        ValueError: The limits are in the wrong order, or `step` is below 1.

    Example:
        >>> [Int(8, 32, step=8).value_at(place) for place in (0.0, 0.3, 0.99)]
        [8, 16, 32]
    """

    def __init__(self, low: int, high: int, step: int = 1, log: bool = False) -> None:
        _check_limits("Int", low, high, log)
        for name, value in (("low", low), ("high", high), ("step", step)):
            if int(value) != value:
                raise ValueError(f"Int: {name} must be a whole number; got {value!r}")
        if step < 1 or (log and step != 1):
            raise ValueError(f"Int: step must be at least 1, and 1 with log=True; got {step!r}")
        self.low = int(low)
        self.high = int(high)
        self.step = int(step)
        self.log = bool(log)

    def value_at(self, place: float) -> int:
        if not self.log:
            count = (self.high - self.low) // self.step + 1
            return self.low + self.step * min(int(place * count), count - 1)
        # Half a step on both sides gives the limits their full share.
        start, stop = math.log(self.low - 0.5), math.log(self.high + 0.5)
        return min(max(round(math.exp(start + place * (stop - start))), self.low), self.high)


class Choice(Parameter):
    """One of several values, each as likely as the others.

    Args:
        values: Numbers, texts, booleans or None.

    Raises:
        ValueError: There are none, or one of them cannot be written to a file of results.

    Example:
        >>> Choice(["relu", "tanh"]).value_at(0.7)
        'tanh'
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = list(values)
        if not self.values:
            raise ValueError("Choice: there must be at least one value")
        for value in self.values:
            if not isinstance(value, str | int | float | bool | type(None)):
                raise ValueError(
                    f"Choice: values must be numbers, texts, booleans or None, so that results can be "
                    f"stored; got {value!r}. Choose a name, and look it up in the model function."
                )

    def value_at(self, place: float) -> Any:
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]


class Boolean(Parameter):
    """True or False.

    Example:
        >>> Boolean().value_at(0.2), Boolean().value_at(0.8)
        (False, True)
    """

    def value_at(self, place: float) -> bool:
        return place >= 0.5


def _check_limits(kind: str, low: Any, high: Any, log: bool) -> None:
    if not low <= high:
        raise ValueError(f"{kind}: low must not be above high; got low={low!r}, high={high!r}")
    if log and low <= 0:
        raise ValueError(f"{kind}: log=True needs limits above 0; got low={low!r}")


def check_space(space: Any) -> dict[str, Parameter]:
    """Gives the search space as a dict.

    Raises:
        TypeError: It is none, or an entry is not a parameter.
    """
    if not isinstance(space, Mapping) or not space:
        raise TypeError(f"space must be a dict of names and parameters (Int, Float, ...); got {space!r}")
    for name, parameter in space.items():
        if not isinstance(name, str) or not isinstance(parameter, Parameter):
            raise TypeError(
                f"space[{name!r}] must be an Int, Float, Choice or Boolean of corten.tuner; got "
                f"{parameter!r}. A value that is not searched belongs into the model function."
            )
    return dict(space)


def draw(space: dict[str, Parameter], seed: int, number: int) -> dict[str, Any]:
    """Draws the settings of a trial: a function of seed, trial number and name alone.

    Args:
        space: Name to parameter.
        seed: The seed of the search.
        number: The number of the trial.

    Example:
        >>> space = {"units": Int(1, 100), "deep": Boolean()}
        >>> draw(space, 0, 5)["units"] == draw({"units": Int(1, 100)}, 0, 5)["units"]
        True
    """
    values = {}
    for name, parameter in space.items():
        key = np.array([seed % 2**64, number << 32 | zlib.crc32(name.encode())], dtype=np.uint64)
        values[name] = parameter.value_at(float(np.random.Generator(np.random.Philox(key=key)).random()))
    return values
