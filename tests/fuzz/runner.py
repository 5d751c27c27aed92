"""Runs a parser on many spoiled inputs in a process of its own, and tells what went wrong."""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import shutil
import signal
import struct
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.parsers import PARSERS, Parser

#: Processor seconds that one input may take.
MOST_SECONDS = 1.0
_ADDRESSES = 1 << 30
# A process that does not come to its next input for so long is ended.
_HANGS = 60.0
# So many findings of one kind are written down; all are counted.
_EXAMPLES = 20


class Finding(NamedTuple):
    """An input that was not read as it should be.

    Attributes:
        number: Which input it was.
        kind: What happened, such as the name of an error.
        detail: More on it.
    """

    number: int
    kind: str
    detail: str


class Result(NamedTuple):
    """What came of a run.

    Attributes:
        parser: The parser's name.
        inputs: How many inputs were read.
        refused: How many of them raised a documented error.
        findings: What was not as it should be.
        seconds: How long it took.
    """

    parser: str
    inputs: int
    refused: int
    findings: list[Finding]
    seconds: float


class _TooLong(BaseException):
    pass


def make(parser: Parser, seed: int, number: int) -> bytes:
    """Makes an input: the same for the same seed and number."""
    return parser.make(Random((seed << 40) + number))


class _Meter:
    """What the process has taken, asked once for each input: that costs as much as reading a small file."""

    def __init__(self) -> None:
        self._last = resource.getrusage(resource.RUSAGE_SELF)

    def step(self) -> tuple[float, int]:
        """Processor seconds and bytes of the peak that have been added since the last step."""
        before, after = self._last, resource.getrusage(resource.RUSAGE_SELF)
        self._last = after
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return seconds, 1024 * (after.ru_maxrss - before.ru_maxrss)


def check(parser: Parser, data: bytes, path: Path, meter: _Meter) -> tuple[bool, str, str]:
    """Reads one input.

    Returns:
        Whether it was refused as it should be, the kind of finding ('' if there is none), and a detail.
    """
    path.write_bytes(data)
    kind, detail, refused = "", "", False
    try:
        parser.read(path)
    except parser.documented:
        refused = True
    except _TooLong:
        kind = "too long"
    except Exception as error:
        kind, detail = type(error).__name__, _place_of(error)
    seconds, memory = meter.step()
    if not kind and seconds > MOST_SECONDS:
        kind, detail = "too long", f"{seconds:.1f} s"
    elif not kind and memory > 10 * len(data) + parser.allowance:
        kind, detail = "memory", f"{memory >> 20} MB"
    return refused, kind, detail


def _place_of(error: BaseException) -> str:
    trace = error.__traceback__
    last = ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "/corten/" in name:
            last = f"{Path(name).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{str(error)[:120]!r} in {last}"


def run(name: str, inputs: int, seed: int = 0, start: int = 0) -> Result:
    """Reads many inputs.

    Args:
        name: The parser, a key of `PARSERS`.
        inputs: How many.
        seed: Makes other inputs.
        start: The number of the first.
    """
    began = time.monotonic()
    shared = mmap.mmap(-1, 16)
    folder = tempfile.mkdtemp(prefix="corten-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    findings: list[Finding] = []
    number, refused, end = start, 0, start + inputs
    try:
        while number < end:
            number, done, found = _one_process(PARSERS[name], number, end, seed, Path(folder), shared)
            refused += done
            findings += found
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shared.close()
    return Result(name, inputs, refused, findings, time.monotonic() - began)


def _one_process(
    parser: Parser, start: int, end: int, seed: int, folder: Path, shared: Any
) -> tuple[int, int, list[Finding]]:
    """Reads inputs until the process ends; gives the next number, how many were refused, and findings."""
    shared[:16] = struct.pack("<qq", start, 0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 1
        try:
            _work(parser, start, end, seed, folder, shared, writer)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    ended = _wait(child, shared)
    with os.fdopen(reader, "rb") as pipe:
        lines = pipe.read().decode("utf-8", "replace").splitlines()
    findings = []
    for line in lines:
        number_text, kind, detail = line.split("\t", 2)
        findings.append(Finding(int(number_text), kind, detail))
    number, refused = struct.unpack("<qq", shared[:16])
    if ended:
        findings.append(Finding(number, ended, "the process ended"))
        number += 1
    return number, refused, findings


def _wait(child: int, shared: Any) -> str:
    """Waits for a process; gives how it ended if that was not in order."""
    last, since = b"", time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if os.WIFSIGNALED(status):
                return f"signal {os.WTERMSIG(status)}"
            return "" if os.WEXITSTATUS(status) == 0 else "exit"
        if shared[:16] != last:
            last, since = shared[:16], time.monotonic()
        elif time.monotonic() - since > _HANGS:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hang"
        time.sleep(0.02)


def _work(parser: Parser, start: int, end: int, seed: int, folder: Path, shared: Any, pipe: int) -> None:
    def too_long(_: int, __: Any) -> None:
        raise _TooLong

    signal.signal(signal.SIGVTALRM, too_long)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    place = folder / parser.name
    place.mkdir(exist_ok=True)
    path = place / parser.file
    meter = _Meter()
    for number in range(20):  # Loads what is loaded at first use.
        with contextlib.suppress(Exception):
            check(parser, make(parser, seed, -1 - number), path, meter)
    _limit(parser.allowance)
    # The peak starts anew: what the parent has left behind must not hide that of an input.
    Path("/proc/self/clear_refs").write_text("5")
    meter.step()
    refused, told = 0, 0
    for number in range(start, end):
        shared[:16] = struct.pack("<qq", number, refused)
        data = make(parser, seed, number)
        signal.setitimer(signal.ITIMER_VIRTUAL, 3 * MOST_SECONDS)
        try:
            was_refused, kind, detail = check(parser, data, path, meter)
        except _TooLong:
            was_refused, kind, detail = False, "too long", ""
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        refused += was_refused
        if kind and told < _EXAMPLES * 50:
            told += 1
            os.write(pipe, f"{number}\t{kind}\t{' '.join(detail.split())}\n".encode())
        if kind == "memory":
            # The peak stays: what comes after is measured by another process.
            shared[:16] = struct.pack("<qq", number + 1, refused)
            return
    shared[:16] = struct.pack("<qq", end, refused)


def _limit(allowance: int) -> None:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    most = used + allowance + _ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
