"""The command line of the measurement on GPUs."""

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import corten
from corten import _core

from ..comparison import machine
from . import report, sweep, timing
from .with_corten import OnDevice
from .workloads import Workload, select

#: The exit code where there is no GPU to measure on.
NOTHING_TO_MEASURE = 3
TOLERANCE = 2e-3
#: A dry run tries one tile in so many.
TILES_APART = 9


class NoGpuError(Exception):
    """There is nothing here that numbers could be taken of."""


def arguments() -> argparse.ArgumentParser:
    """Every option with what it does."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.gpu",
        description="Measures Corten on the GPU of this machine, beside PyTorch where it finds the GPU too.",
    )
    parser.add_argument("--device", default="gpu:0", metavar="NAME", help="the GPU; gpu:0")
    parser.add_argument("--only", nargs="+", default=[], metavar="PREFIX", help="workloads or families")
    parser.add_argument(
        "--samples", type=int, default=timing.SAMPLES, metavar="N", help="of each workload; 20"
    )
    parser.add_argument("--no-peer", action="store_true", help="Corten alone")
    parser.add_argument(
        "--sweep", action="store_true", help="also measures every tile on every kind of product"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="writes every sample there")
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="writes the tables there")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="does all of it once at tiny sizes and compares it with the CPU, on any adapter; no times",
    )
    return parser


def adapter(device: str, dry: bool) -> dict[str, Any]:
    """What is known of the GPU.

    Raises:
        NoGpuError: There is none, or it is a program on the CPU, which is no GPU to measure.
    """
    if not _core.has_gpu_backend():
        raise NoGpuError("this build of Corten has no GPU backend: `make wheel-gpu` builds one that has")
    try:
        name = _core.open_device(device)
    except RuntimeError as error:
        raise NoGpuError(str(error)) from None
    usable = [one for one in _core.adapters() if one["refusal"] is None]
    found = dict(usable[int(name.partition(":")[2])])
    if found["kind"] == "software" and not dry:
        raise NoGpuError(
            f"{found['name']} is a driver that computes on the CPU: times of it say nothing about a GPU. "
            "Run this on a machine with one, or with --dry-run to see whether all of it works"
        )
    return found


def agreement(workload: Workload, device: str) -> str:
    """Does a workload at its tiny size on the GPU and on the CPU; gives what is wrong, or nothing."""
    found, expected = (OnDevice(place).prepare(workload, dry=True).values() for place in (device, "cpu"))
    for got, wanted in zip(found, expected, strict=True):
        scale = max(1.0, float(np.abs(wanted).max()))
        error = float(np.abs(got - wanted).max()) / scale
        if not error <= TOLERANCE:
            return f"wrong: {error:.1e} apart from the CPU, of {scale:.3g}"
    return ""


def peer(options: argparse.Namespace) -> tuple[Any, dict[str, str]]:
    """PyTorch on its GPU, and what it is; or None, and why."""
    if options.no_peer:
        return None, {"missing": "not asked for"}
    try:
        from . import with_torch
    except ImportError as error:
        return None, {"missing": str(error)}
    place = with_torch.device()
    if place is None:
        return None, {"missing": "PyTorch finds no GPU"}
    torch = with_torch.Torch(place)
    return torch, torch.described()


def measured(workload: Workload, device: str, torch: Any, samples: int) -> dict[str, Any]:
    """One line of the table."""
    work = {"corten": OnDevice(device).prepare(workload)}
    if torch is not None and torch.can(workload):
        work["torch"] = torch.prepare(workload)
    times = timing.measure(work, samples)
    ours, theirs = times["corten"], times.get("torch")
    work.clear()
    corten.memory.empty_cache(device)
    return {
        "workload": workload.name,
        "family": workload.family,
        "flops": workload.flops,
        "bytes": workload.bytes,
        "bars": workload.bars,
        "corten": ours,
        "torch": theirs,
        **report.compared(ours, theirs),
    }


def say(text: str) -> None:
    """Tells how far it is."""
    print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for; what fails is told and left out."""
    workloads = select(options.only)
    if options.samples < timing.SAMPLES:
        raise ValueError(f"--samples must be at least {timing.SAMPLES}; got {options.samples}")
    gpu = adapter(options.device, options.dry_run)
    torch, about = (None, {"missing": "a dry run"}) if options.dry_run else peer(options)
    document: dict[str, Any] = {
        "adapter": gpu,
        "machine": machine.described(),
        "date": datetime.date.today().isoformat(),
        "corten": corten.__version__,
        "torch": about,
        "samples": options.samples,
        "results": [],
        "tiles": [],
        "errors": [],
    }
    tried: dict[str, str] = {}
    for workload in workloads:
        try:
            # Many workloads are the same at their tiny size.
            same = f"{workload.kind} {workload.dry}"
            if same not in tried:
                tried[same] = agreement(workload, options.device)
            wrong = tried[same]
            if not wrong and not options.dry_run:
                document["results"].append(measured(workload, options.device, torch, options.samples))
        # PyTorch's errors of memory are RuntimeErrors too.
        except (MemoryError, RuntimeError, NotImplementedError) as error:
            wrong = f"{type(error).__name__}: {error}"
            corten.config.reset_device(options.device)
        if wrong:
            document["errors"].append({"workload": workload.name, "error": wrong})
        say(f"{workload.name}: {wrong or 'done'}")
    if options.sweep:
        wrong_tiles = sweep.check(options.device, TILES_APART if options.dry_run else 1)
        document["errors"] += [{"workload": f"tile {one}", "error": "wrong"} for one in wrong_tiles]
        if not options.dry_run:
            document["tiles"] = sweep.sweep(options.device, say)
    document["memory_peak"] = corten.memory.stats(options.device)["peak"]
    return document


def main(given: Sequence[str] | None = None) -> int:
    """Measures; prints and writes what the options say. 1 if something was wrong, 3 if there is no GPU."""
    parser = arguments()
    options = parser.parse_args(given)
    try:
        document = run(options)
        if options.dry_run:
            print(f"{options.device}: everything was done once; no times are taken in a dry run")
        else:
            print(report.text(document))
            for path, content in (
                (options.json, json.dumps(document, indent=1) + "\n"),
                (options.markdown, report.text(document)),
            ):
                if path:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(content, encoding="utf-8")
    except NoGpuError as error:
        print(f"{parser.prog}: no numbers: {error}", file=sys.stderr)
        return NOTHING_TO_MEASURE
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return 1 if document["errors"] else 0
