"""How samples are taken: both frameworks take turns, so that clocks and neighbours are the same for both."""

import gc
import statistics
import time
from typing import Any

from .with_corten import Prepared

WARM_CALLS = 5
SAMPLES = 20
SECONDS = 0.02  # a sample is about so long: several calls that are waited for once
MOST_CALLS = 256


def timed(prepared: Prepared, calls: int) -> float:
    """Seconds a unit takes, over so many calls that are waited for together."""
    start = time.perf_counter()
    for _ in range(calls):
        prepared.call()
    prepared.finish()
    return (time.perf_counter() - start) / calls / prepared.units


def warmed(prepared: Prepared) -> tuple[float, int]:
    """Seconds of the first call, and how many calls make a sample."""
    first = timed(prepared, 1) * prepared.units
    shortest = min(timed(prepared, 1) for _ in range(WARM_CALLS - 1)) * prepared.units
    return first, max(1, min(MOST_CALLS, round(SECONDS / max(shortest, 1e-9))))


def measure(work: dict[str, Prepared], samples: int = SAMPLES) -> dict[str, dict[str, Any]]:
    """Samples of all in turn, another one first each time.

    Returns:
        For each: the samples in ms, their median and quartiles, the ms of the first call, and the median of
        the ms that the device itself spent on a call; None if it has no clock.
    """
    firsts: dict[str, float] = {}
    calls: dict[str, int] = {}
    for name, prepared in work.items():
        firsts[name], calls[name] = warmed(prepared)
    taken: dict[str, list[float]] = {name: [] for name in work}
    names = list(work)
    gc.collect()
    for turn in range(samples):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            taken[name].append(timed(work[name], calls[name]) * 1e3)
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(samples):
        for name, prepared in work.items():
            if prepared.start_clock:
                spent[name].append(on_device(prepared) * 1e3)
    return {
        name: {
            **summary(each),
            "first_ms": firsts[name] * 1e3,
            "calls": calls[name],
            "device_ms": statistics.median(spent[name]) if spent[name] else None,
        }
        for name, each in taken.items()
    }


def on_device(prepared: Prepared) -> float:
    """Seconds a unit takes by the clock of the device, in one call."""
    assert prepared.start_clock, "a clock"
    prepared.start_clock()
    prepared.call()
    return prepared.stop_clock() / prepared.units


def summary(samples: list[float]) -> dict[str, Any]:
    """Median, quartiles and all samples."""
    lower, _, upper = (
        statistics.quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else samples * 3
    )
    return {"ms": statistics.median(samples), "lower": lower, "upper": upper, "samples": samples}
