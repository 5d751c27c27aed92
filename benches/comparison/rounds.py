"""The comparison itself: every round starts every framework and lets them take turns at each workload."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import machine
from .adapters import FRAMEWORKS
from .process import Worker
from .results import SCHEMA, summarized
from .workloads import Workload

PAUSE = 0.1  # seconds in which the threads of whoever was measured last go to sleep


@dataclass
class Settings:
    """What is measured, how often and with what."""

    workloads: list[Workload]
    frameworks: list[str]
    rounds: int
    seconds: float
    threads: int
    timeout: float
    corten_python: str
    peers_python: str
    ceiling: Path | None = None

    def python(self, framework: str) -> str:
        """The interpreter a framework lives in."""
        return self.corten_python if framework == "corten" else self.peers_python


def told(text: str) -> None:
    """Progress, beside the results."""
    print(text, file=sys.stderr, flush=True)


class Round:
    """The processes of one round. One that has died is started again for the next workload."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.workers = {framework: self.started(framework) for framework in settings.frameworks}
        self.offered = {name: worker.ready.get("offered", []) for name, worker in self.workers.items()}

    def started(self, framework: str) -> Worker:
        """A new process."""
        settings = self.settings
        return Worker(framework, settings.python(framework), settings.threads, settings.timeout)

    def measure(self, framework: str, workload: Workload) -> dict[str, Any] | None:
        """One sample, an error, or None where the framework does not take part."""
        if workload.name not in self.offered[framework]:
            return None
        worker = self.workers[framework]
        if not worker.usable:
            worker.close()
            worker = self.workers[framework] = self.started(framework)
        time.sleep(PAUSE)
        reply = worker.ask("measure", workload=workload.name, seconds=self.settings.seconds)
        return None if "not_offered" in reply else reply

    def close(self) -> None:
        """Ends all processes."""
        for worker in self.workers.values():
            worker.close()


def run(settings: Settings, report: Callable[[str], None] = told) -> dict[str, Any]:
    """Measures everything and gives the results as the document that is written to the JSON file."""
    samples: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    ceilings: list[dict[str, Any]] = []
    frameworks: dict[str, Any] = {}
    begin = datetime.now(UTC)
    for number in range(settings.rounds):
        report(f"round {number + 1} of {settings.rounds}")
        ceilings.append(machine.ceilings(settings.ceiling, settings.threads))
        turn = Round(settings)
        try:
            for framework, worker in turn.workers.items():
                frameworks.setdefault(framework, standing(worker.ready))
                if not number and "versions" not in worker.ready:
                    report(f"  {framework}: {worker.ready.get('missing') or worker.ready.get('error')}")
            for place, workload in enumerate(settings.workloads):
                # Nobody is always the first, or always after the same one.
                shift = (number + place) % len(settings.frameworks)
                order = settings.frameworks[shift:] + settings.frameworks[:shift]
                said = []
                for framework in order:
                    reply = turn.measure(framework, workload)
                    if reply is None:
                        continue
                    entry = {"workload": workload.name, "framework": framework, "round": number + 1}
                    if "error" in reply:
                        errors.append({**entry, "error": reply["error"]})
                        said.append(f"{framework} failed")
                    else:
                        samples.append({**entry, **reply})
                        said.append(f"{framework} {reply['ms']:.4g}")
                report(f"  {workload.name:32} {', '.join(said) or 'nobody takes part'}")
        finally:
            turn.close()
    return document(settings, begin, frameworks, machine.best(ceilings), samples, errors)


def standing(ready: dict[str, Any]) -> dict[str, Any]:
    """What is known of a framework: its versions, or why it is missing."""
    if "versions" in ready:
        return {"status": "measured", "versions": ready["versions"], "python": ready["python"]}
    return {"status": "missing", "reason": ready.get("missing") or ready.get("error")}


def document(
    settings: Settings,
    begin: datetime,
    frameworks: dict[str, Any],
    ceilings: dict[str, Any],
    samples: Sequence[dict[str, Any]],
    errors: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Everything there is to know about a run."""
    known = {
        "schema": SCHEMA,
        "date": begin.isoformat(timespec="seconds"),
        "machine": machine.described(),
        "settings": {
            "rounds": settings.rounds,
            "seconds": settings.seconds,
            "threads": settings.threads,
        },
        "frameworks": {name: frameworks[name] for name in FRAMEWORKS if name in frameworks},
        "ceilings": ceilings,
        "workloads": [
            {
                "name": workload.name,
                "family": workload.family,
                "flops": workload.flops,
                "bytes": workload.bytes,
                "ceiling": workload.ceiling,
            }
            for workload in settings.workloads
        ],
        "samples": list(samples),
        "errors": list(errors),
    }
    return {**known, "summary": summarized(known)}
