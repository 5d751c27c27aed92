"""Fuzzes parsers: `python -m tests.fuzz --parser all --inputs 1000000 --seed 0`.

Prints one line for each parser: how many inputs, how many of them were refused with a documented error, what
went wrong (undocumented errors, more than a second, more than ten times the memory, crashes) and how long it
took. Inputs come from seed and number; `--replay NUMBER` reads a single one and shows its error.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz.parsers import PARSERS
from tests.fuzz.runner import Result, make, run


def line_of(result: Result) -> str:
    """A result in one line."""
    kinds = Counter(finding.kind for finding in result.findings)
    found = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common()) or "none"
    rate = result.inputs / max(result.seconds, 1e-9)
    return (
        f"{result.parser}: {result.inputs} inputs, {result.refused} refused, findings: {found}; "
        f"{result.seconds:.0f} s, {rate:.0f}/s"
    )


def main() -> int:
    """Runs what the command line asks for."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--parser", default="all", help=f"all, or of: {', '.join(PARSERS)} (with commas)")
    options.add_argument("--inputs", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--start", type=int, default=0, help="the number of the first input")
    options.add_argument("--replay", type=int, help="read this input alone, and let its error show")
    options.add_argument("--show", type=int, default=3, help="findings to show for each parser")
    chosen = options.parse_args()
    names = list(PARSERS) if chosen.parser == "all" else chosen.parser.split(",")
    if chosen.replay is not None:
        parser = PARSERS[names[0]]
        data = make(parser, chosen.seed, chosen.replay)
        path = Path(tempfile.mkdtemp()) / parser.file
        path.write_bytes(data)
        print(f"{path}: {data[:2000]!r}")
        parser.read(path)
        return 0
    failed = 0
    for name in names:
        result = run(name, chosen.inputs, chosen.seed, chosen.start)
        print(line_of(result), flush=True)
        failed += bool(result.findings)
        for finding in result.findings[: chosen.show]:
            print(f"  {finding.number}: {finding.kind}: {finding.detail}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
