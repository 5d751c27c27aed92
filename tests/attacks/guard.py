"""Watching what reading a file does: to other files, to the network, to memory, and for how long."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: What a reader may take beside ten times the size of what it reads.
ALLOWANCE = 96 << 20
#: Address space may be taken without being used; more than this is an allocation that a file has declared.
ADDRESSES = 512 << 20

_RUNS = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen"}
_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "urllib.Request"}
_CHANGES = {
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
}
# Where a reader may look without having been told to: Python's and the machine's own files.
_LIBRARIES = tuple(
    os.path.realpath(place) for place in (sys.prefix, sys.base_prefix, *sys.path, "/proc", "/sys", "/usr/lib")
    if place
)  # fmt: skip


class _Watch:
    """The hook that Python calls for events; it cannot be taken off, so it is switched."""

    folder: str | None = None
    seen: list[str]
    installed = False

    @classmethod
    def event(cls, event: str, arguments: tuple[Any, ...]) -> None:
        if cls.folder is None:
            return
        if event in _RUNS or event in _NETWORK:
            cls.seen.append(f"{event} {arguments!r}"[:200])
            raise PermissionError(f"{event} while a file is read")
        if event == "open":
            path, mode, flags = arguments
            cls._opened(path, mode, flags)
        elif event in _CHANGES:
            path = arguments[0]
            if isinstance(path, (str, bytes)) and not cls._inside(path):
                cls.seen.append(f"{event} {arguments!r}"[:200])

    @classmethod
    def _inside(cls, path: str | bytes) -> bool:
        place = os.path.abspath(os.fsdecode(path))
        return place == cls.folder or place.startswith(f"{cls.folder}/")

    @classmethod
    def _opened(cls, path: Any, mode: Any, flags: Any) -> None:
        if not isinstance(path, (str, bytes)) or cls._inside(path):
            return
        place = os.path.realpath(os.fsdecode(path))
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) if isinstance(flags, int) else False
        if writes or not place.startswith(_LIBRARIES):
            cls.seen.append(f"open {place} {mode!r}")
            raise PermissionError(f"{place} opened while a file is read")


class Outcome:
    """What reading came to.

    Attributes:
        error: What was raised, or None.
        seconds: Processor time.
        memory: Bytes that were added to the process at the peak.
        events: What was done besides: programs run, connections made, files opened elsewhere.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.seconds = 0.0
        self.memory = 0
        self.events: list[str] = []


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


@contextlib.contextmanager
def _limited(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = _status("VmSize") + 10 * size + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def watch(folder: Path, size: int, read: Callable[[], Any]) -> Outcome:
    """Reads, and says what came of it.

    Args:
        folder: The only one in which files may be opened and written.
        size: Bytes of what is read; the limits go by it.
        read: Does it.
    """
    if not _Watch.installed:
        _Watch.installed = True
        sys.addaudithook(_Watch.event)
    outcome = Outcome()
    _Watch.seen = outcome.events
    linux = sys.platform == "linux"
    if linux:
        Path("/proc/self/clear_refs").write_text("5")  # The peak starts anew.
    before = _status("VmRSS") if linux else 0
    gc.freeze()  # What the tests before it have left is not the reader's to go through.
    start = time.process_time()
    _Watch.folder = os.path.abspath(folder)
    try:
        with _limited(size) if linux else contextlib.nullcontext():
            read()
    except Exception as error:
        outcome.error = error
    finally:
        _Watch.folder = None
        outcome.seconds = time.process_time() - start
        gc.unfreeze()
    if linux:
        outcome.memory = _status("VmHWM") - before
    return outcome
