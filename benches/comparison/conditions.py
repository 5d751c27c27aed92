"""Under what conditions Corten stays quick: what is expected of each, what was measured, whether it held.

A peer, where one is installed, is measured in the same way, to compare with: nothing is expected of it.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import machine, page, table
from .process import Worker

TRAINING = ["train_mlp_b128", "train_cnn_b32", "train_lstm_b32_t64", "train_minilm_b8_s128_f32"]
SCALING = ["train_wide_b128", "train_cnn_b32", "train_minilm_b8_s128_f32"]
SAME_BITS = [*TRAINING, "train_minilm_b8_s128_bf16"]
COLD = ["first_step_mlp_b128", "first_step_cnn_b32", "first_step_minilm_b8"]
SOAKED = "train_mlp_b128"
PEER = "torch"
SLOWDOWN, SPEEDUP, COLD_FACTOR = 1.6, 1.7, 3.0
DRIFT = 2.0  # MB that 10,000 steps may add: pages the allocator and Python move about in


@dataclass
class Finding:
    """One line of the report; `held` is None where nothing is expected."""

    what: str
    expected: str
    measured: str
    held: bool | None = None


@dataclass
class Conditions:
    """How often, how long and with what is measured."""

    rounds: int
    seconds: float
    steps: int
    threads: int
    corten_python: str
    peers_python: str

    def worker(self, framework: str, threads: int | None = None) -> Worker:
        """A new process."""
        python = self.corten_python if framework == "corten" else self.peers_python
        return Worker(framework, python, threads or self.threads, timeout=900)

    def time(self, worker: Worker, workload: str) -> float:
        """Milliseconds a step."""
        return float(asked(worker, "measure", workload=workload, seconds=self.seconds)["ms"])


class UnmeasuredError(Exception):
    """A process could not give its measurement, and says why."""


def asked(worker: Worker, do: str, **request: Any) -> dict[str, Any]:
    """The answer of a process.

    Raises:
        UnmeasuredError: It has none.
    """
    reply = worker.ask(do, **request)
    if "error" in reply or "not_offered" in reply:
        reason = reply.get("error") or reply["not_offered"]
        raise UnmeasuredError(f"{worker.framework}, {request.get('workload', do)}: {reason}")
    return reply


@contextmanager
def neighbour() -> Iterator[None]:
    """A process that keeps one core busy: the last one this process may run on."""
    pin = "import os; os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})\n"
    code = (pin if hasattr(os, "sched_setaffinity") else "") + "while True: pass"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def change(before: list[float], after: list[float], factor: float) -> str:
    """What became of a time, by the quietest rounds: a busy machine adds what is not asked about."""
    apart = any(max(rounds) > table.APART * min(rounds) for rounds in (before, after))
    noise = "; rounds far apart, measure again" if apart else ""
    return f"{table.number(min(before))} -> {table.number(min(after))} ms, {factor:.2f} times{noise}"


def busy_core(run: Conditions, framework: str) -> list[Finding]:
    """Training steps while another process keeps one of the cores busy, by turns with quiet."""
    found = []
    with closing(run.worker(framework)) as worker:
        for workload in TRAINING:
            quiet, busy = [], []
            for _ in range(run.rounds):
                quiet.append(run.time(worker, workload))
                with neighbour():
                    busy.append(run.time(worker, workload))
            alone, beside = min(quiet), min(busy)
            times = change(quiet, busy, beside / alone)
            found.append(
                judged(
                    f"one core taken: {workload}",
                    framework,
                    f"at most {SLOWDOWN} times",
                    times,
                    beside <= SLOWDOWN * alone,
                )
            )
    return found


def scaling(run: Conditions, framework: str) -> list[Finding]:
    """Two threads against one, by turns."""
    found = []
    with closing(run.worker(framework, 1)) as single, closing(run.worker(framework, 2)) as double:
        for workload in SCALING:
            one, two = [], []
            for _ in range(run.rounds):
                one.append(run.time(single, workload))
                two.append(run.time(double, workload))
            slow, fast = min(one), min(two)
            times = change(one, two, slow / fast)
            what, expected = f"1 -> 2 threads: {workload}", f"at least {SPEEDUP} times"
            found.append(judged(what, framework, expected, times, slow >= SPEEDUP * fast))
    return found


def same_bits(run: Conditions) -> list[Finding]:
    """Weights after an epoch on one thread and on two."""
    found = []
    with closing(run.worker("corten", 1)) as single, closing(run.worker("corten", 2)) as double:
        for workload in SAME_BITS:
            digests = {asked(worker, "digest", workload=workload)["digest"] for worker in (single, double)}
            equal = len(digests) == 1
            measured = "byte-equal" if equal else "different"
            found.append(Finding(f"weights on 1 and 2 threads: {workload}", "byte-equal", measured, equal))
    return found


def peak(run: Conditions, framework: str) -> float:
    """Most memory an encoder's training takes beyond what importing the framework took, MB."""
    with closing(run.worker(framework)) as worker:
        before = asked(worker, "memory")["peak"]
        asked(worker, "measure", workload="train_minilm_b8_s128_f32", seconds=run.seconds)
        return float(asked(worker, "memory")["peak"] - before)


def peak_memory(run: Conditions) -> list[Finding]:
    """The encoder's peak against the peer's."""
    own = peak(run, "corten")
    what = "peak memory of training the encoder, beyond the import"
    try:
        peer = peak(run, PEER)
    except UnmeasuredError as error:
        return [Finding(what, f"not above {PEER}'s", f"{own:.0f} MB; {PEER} not measured: {error}")]
    return [Finding(what, f"not above {PEER}'s", f"{own:.0f} MB; {PEER} {peer:.0f} MB", own <= peer)]


def flat_memory(run: Conditions) -> list[Finding]:
    """Memory before and after many steps."""
    with closing(run.worker("corten")) as worker:
        reply = asked(worker, "soak", workload=SOAKED, steps=run.steps)
    grown = reply["grown"]
    what, expected = f"memory over {reply['steps']:,} steps: {SOAKED}", f"at most +{DRIFT:g} MB"
    return [Finding(what, expected, f"{grown:+.2f} MB", grown <= DRIFT)]


def cold_start(run: Conditions, framework: str) -> list[Finding]:
    """The first step of a model in a fresh process, against its later ones and the memory it had to get."""
    found = []
    for workload in COLD:
        with closing(run.worker(framework)) as worker:
            reply = asked(worker, "first", workload=workload, seconds=run.seconds)
        allocation = reply["grown"] * reply["page_cost"]
        limit = COLD_FACTOR * reply["ms"] + allocation
        measured = (
            f"{table.number(reply['cold'])} ms; {table.number(reply['ms'])} ms warm, "
            f"{reply['grown']:.0f} MB for {table.number(allocation)} ms"
        )
        expected = f"{COLD_FACTOR:g} warm + memory"
        found.append(judged(f"first step: {workload}", framework, expected, measured, reply["cold"] <= limit))
    return found


def judged(what: str, framework: str, expected: str, measured: str, held: bool) -> Finding:
    """A finding; of a peer nothing is expected."""
    if framework == "corten":
        return Finding(what, expected, measured, held)
    return Finding(f"{what}, {framework}", table.DASH, measured)


CONDITIONS: dict[str, list[Callable[[Conditions], list[Finding]]]] = {
    "busy": [lambda run: busy_core(run, "corten"), lambda run: busy_core(run, PEER)],
    "scaling": [lambda run: scaling(run, "corten"), lambda run: scaling(run, PEER)],
    "bits": [same_bits],
    "peak": [peak_memory],
    "flat": [flat_memory],
    "cold": [lambda run: cold_start(run, "corten"), lambda run: cold_start(run, PEER)],
}


def measured(run: Conditions, names: Sequence[str]) -> list[Finding]:
    """All findings; what could not be measured is one too."""
    found = []
    for name in names:
        for condition in CONDITIONS[name]:
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                found += condition(run)
            except UnmeasuredError as error:
                found.append(Finding(f"{name}: not measured", table.DASH, str(error)))
    return found


def rows(found: Sequence[Finding]) -> tuple[list[str], list[list[str]]]:
    """The report as a table."""
    word = {True: "yes", False: "NO", None: table.DASH}
    lines = [[each.what, each.expected, each.measured, word[each.held]] for each in found]
    return ["condition", "expected", "measured", "held"], lines


def main(given: Sequence[str] | None = None) -> int:
    """Measures what the command line names, or everything."""
    parser = argparse.ArgumentParser(prog="conditions.py", description="Measures how Corten bears up.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CONDITIONS))
    parser.add_argument("--quick", action="store_true", help="one short round and few steps")
    parser.add_argument("--threads", type=int, default=machine.cores(), metavar="N", help="all cores")
    parser.add_argument(
        "--peers-python", default=sys.executable, metavar="PATH", help="the peer's interpreter"
    )
    parser.add_argument(
        "--corten-python", default=sys.executable, metavar="PATH", help="Corten's interpreter"
    )
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="writes the table there as well")
    options = parser.parse_args(given)
    for name in options.names:
        if name not in CONDITIONS:
            parser.error(f"unknown condition {name!r}; known: {', '.join(CONDITIONS)}")
    run = Conditions(
        rounds=1 if options.quick else 3,
        seconds=0.05 if options.quick else 0.5,
        steps=1000 if options.quick else 10_000,
        threads=options.threads,
        corten_python=options.corten_python,
        peers_python=options.peers_python,
    )
    report = rows(measured(run, options.names or list(CONDITIONS)))
    print(table.plain(*report))
    if options.markdown:
        try:
            page.put(options.markdown, "conditions", table.markdown(*report))
        except (OSError, ValueError) as error:
            parser.error(str(error))
    return 0
