"""What a process holds: memory, descriptors, threads, tensors."""

import ctypes
import gc
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import corten

STATUS = Path("/proc/self/status")
#: Seconds that threads have to end, on a machine that is busy.
PATIENCE = 10.0


@dataclass(frozen=True)
class Holdings:
    """What is held once everything that was dropped is collected."""

    seconds: float
    resident: float
    """Megabytes, without pages of files, which the system takes back and reads again as it likes."""
    descriptors: int
    threads: int
    """Threads of the system, the engine's included."""
    python_threads: int
    tensors: int
    """Bytes of tensors that are alive."""
    objects: int
    """Objects that Python's collector knows."""


def working() -> list[str]:
    """The threads of data sets that have not ended yet: one that prefetches looks up ten times a second."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("corten-")]


def hold(seconds: float) -> Holdings:
    """Waits for threads that were told to end, collects garbage, empties caches and looks.

    Freed pages that the C library keeps go back to the system first: they are no leak, and how many there are
    depends on the order of the work.
    """
    patience = time.monotonic() + PATIENCE
    while working() and time.monotonic() < patience:
        time.sleep(0.02)
    gc.collect()
    corten.memory.empty_cache()
    if hasattr(C_LIBRARY, "malloc_trim"):
        C_LIBRARY.malloc_trim(0)
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return Holdings(
        seconds=round(seconds, 1),
        resident=int(fields["RssAnon"].split()[0]) / 1024,
        descriptors=len(os.listdir("/proc/self/fd")),
        threads=int(fields["Threads"]),
        python_threads=threading.active_count(),
        tensors=corten.memory.stats()["allocated"],
        objects=len(gc.get_objects()),
    )


C_LIBRARY = ctypes.CDLL(None)


def middle(values: list[float]) -> float:
    """The median."""
    return sorted(values)[len(values) // 2]


def drift(seen: list[Holdings], of: str = "resident") -> float:
    """How much more is held in the last fifth than in the first, by medians."""
    part = max(1, len(seen) // 5)
    return middle([getattr(one, of) for one in seen[-part:]]) - middle(
        [getattr(one, of) for one in seen[:part]]
    )
