"""The program: random jobs, one after another, and a look at what is held now and then."""

import contextlib
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tests.soak.jobs import JOBS, Job
from tests.soak.watch import Holdings, drift, hold

import corten

#: Megabytes of memory that a run may seem to gain.
ALLOWED_DRIFT = 5.0


class Failed(Exception):
    """A job gave a wrong result; the message says how to run it again."""


@dataclass
class Report:
    """What a run did, and what was held meanwhile."""

    seed: int
    jobs: Counter = field(default_factory=Counter)
    seen: list[Holdings] = field(default_factory=list)

    def __str__(self) -> str:
        first, last = self.seen[0], self.seen[-1]
        residents = [one.resident for one in self.seen]
        lines = [
            f"seed {self.seed}: {sum(self.jobs.values())} jobs in {last.seconds - first.seconds:.0f} s after "
            f"warm-up, {len(self.seen)} looks",
            "jobs: " + ", ".join(f"{name} {count}" for name, count in sorted(self.jobs.items())),
            f"resident: first {first.resident:.1f} MB, last {last.resident:.1f} MB, "
            f"lowest {min(residents):.1f}, highest {max(residents):.1f}; drift {drift(self.seen):+.2f} MB",
        ]
        for name in ("descriptors", "threads", "python_threads", "tensors", "objects"):
            lines.append(f"{name}: first {getattr(first, name)}, last {getattr(last, name)}")
        return "\n".join(lines)

    def left_behind(self) -> list[str]:
        """What there is more of at the end than at the start: nothing, if all is well."""
        first, last = self.seen[0], self.seen[-1]
        left = [
            f"{name} {getattr(last, name) - getattr(first, name):+}"
            for name in ("descriptors", "python_threads", "tensors")
            if getattr(last, name) > getattr(first, name)
        ]
        if drift(self.seen) > ALLOWED_DRIFT:
            left.append(f"{drift(self.seen):+.2f} MB of memory")
        return left


def run_job(job: Job, seed: int, number: int, folder: Path) -> None:
    """Runs one job from a seed of its own.

    Raises:
        Failed: It did not do what it should.
    """
    generator = np.random.default_rng([seed, number])
    corten.utils.set_random_seed(int(generator.integers(2**31)))
    place = folder / "job"
    place.mkdir()
    try:
        job(generator, place)
    except Exception as error:
        # The trace holds the job's frames, and these its models.
        text = "".join(traceback.format_exception(error))
        raise Failed(
            f"{text}\njob {number} ({job.__name__}) of seed {seed}; again: "
            f"python -m tests.soak --seed {seed} --only {number}"
        ) from None
    finally:
        shutil.rmtree(place)
        corten.config.set_floatx("float32")


def chosen(seed: int, number: int) -> Job:
    """The job of a number. The first ones are all there are, twice."""
    warm = [job for job in JOBS for _ in range(2)]
    if number < len(warm):
        return warm[number]
    return random.Random(f"{seed} {number}").choice(JOBS)


def soak(seconds: float, seed: int, say: Callable[[str], None] = lambda text: None) -> Report:
    """Works for some time and gives what was seen from the end of the warm-up on.

    The warm-up is the first fifth of the time, ten minutes at most: what layers, ops and modules keep once
    they have been used belongs to no job.

    Args:
        seconds: How long.
        seed: What is done is a function of it, and of nothing else.
        say: Gets a line at every look.

    Raises:
        Failed: A job gave a wrong result.
    """
    report = Report(seed)
    start, number = time.monotonic(), 0
    warm_until = start + min(seconds / 5, 600)
    look_every = max(1.0, seconds / 120)
    next_look = warm_until
    with tempfile.TemporaryDirectory() as folder, same_threads():
        while True:
            job = chosen(seed, number)
            run_job(job, seed, number, Path(folder))
            number += 1
            now = time.monotonic()
            if now >= warm_until:
                report.jobs[job.__name__] += 1
            if now >= next_look:
                next_look = now + look_every
                report.seen.append(hold(now - start))
                say(f"{number} jobs: {report.seen[-1]}")
            if now >= start + seconds:
                return report


@contextlib.contextmanager
def same_threads():
    """Gives the engine the number of threads back that it had, whatever jobs do."""
    threads = corten.num_threads()
    try:
        yield
    finally:
        corten.set_num_threads(threads)
