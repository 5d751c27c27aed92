"""Memory of this process, as the system counts it."""

import os
import re
import sys
import time
from pathlib import Path

MEGA = 1e6


def peak() -> float:
    """Most memory this process has had, MB.

    Where the system says it, that of this program alone: `ru_maxrss` remembers what was there before `exec`.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) * 1024 / MEGA
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGA


def resident() -> float:
    """Memory this process has now, MB; where the system does not say it, the most it has had."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return peak()
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEGA


def page_cost() -> float:
    """Milliseconds a MB of fresh memory costs when first written to: the system finds and clears the pages."""
    import numpy as np

    fresh = np.empty(32 << 20, np.uint8)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        fresh.fill(1)
        times.append(time.perf_counter() - start)
    return max(0.0, times[0] - times[1]) * 1e3 / (fresh.nbytes / MEGA)
