"""How one sample is taken."""

import gc
import statistics
import time
from collections.abc import Callable

from .adapters.adapter import Prepared

SHORTEST = 50e-6  # seconds: shorter calls are timed several at a time, so that the clock costs nothing
WARM_CALLS = 3
FEWEST = 3


def timed(call: Callable[[], object], times: int) -> float:
    """Seconds a call takes, over so many."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def sample(prepared: Prepared, seconds: float) -> dict[str, float]:
    """Calls until so many seconds are over: at least three times, unless one call alone is longer than that.

    Returns:
        Median, fastest and quartiles of the calls, in ms a unit; `calls`: how many were timed.
    """
    durations: list[float] = []
    start = time.perf_counter()
    while len(durations) < WARM_CALLS and (not durations or time.perf_counter() - start < seconds):
        durations.append(timed(prepared.call, 1))
    group = max(1, int(SHORTEST / max(min(durations), 1e-9)))
    gc.collect()
    start, durations = time.perf_counter(), []
    while (
        not durations
        or (elapsed := time.perf_counter() - start) < seconds
        or (len(durations) < FEWEST and elapsed < FEWEST * seconds)
    ):
        durations.append(timed(prepared.call, group))
    return {**summary(durations, prepared.units), "calls": len(durations) * group}


def summary(durations: list[float], units: int) -> dict[str, float]:
    """Seconds of calls as milliseconds of a unit: median, fastest and quartiles."""
    each = sorted(duration / units * 1e3 for duration in durations)
    lower, _, upper = statistics.quantiles(each, n=4, method="inclusive") if len(each) > 1 else each * 3
    return {"ms": statistics.median(each), "fastest": each[0], "lower": lower, "upper": upper}


def first_call(prepared: Prepared) -> dict[str, float]:
    """The very first call of freshly made work: one sample, there is no second."""
    return {**summary([timed(prepared.call, 1)], prepared.units), "calls": 1}
