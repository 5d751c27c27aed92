"""Memory of this process, as the system counts it."""

import mmap
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
    """Milliseconds a MB of fresh memory costs at its first write: the system finds and clears the pages.

    The least of several: what is allowed for memory should be no more than it must cost.
    """
    import numpy as np

    costs = []
    for _ in range(5):
        with mmap.mmap(-1, 16 << 20) as fresh:
            array = np.frombuffer(fresh, np.uint8)
            times = []
            for value in (1, 2):
                start = time.perf_counter()
                array.fill(value)
                times.append(time.perf_counter() - start)
            costs.append((times[0] - times[1]) * 1e3 / (array.nbytes / MEGA))
            del array  # the mapping cannot be closed while it is looked at
    return max(0.0, min(costs))
