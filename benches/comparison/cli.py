"""The command line of the comparison."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from . import chart, machine, page, results, rounds, table, workloads
from .adapters import FRAMEWORKS

ROOT = Path(__file__).parents[2]
QUICK = {"rounds": 1, "seconds": 0.05}
THOROUGH = {"rounds": 3, "seconds": 0.4}


def arguments() -> argparse.ArgumentParser:
    """Every option with what it does."""
    parser = argparse.ArgumentParser(
        prog="compare.py", description="Measures Corten and its peers on the same workloads, interleaved."
    )
    parser.add_argument(
        "--quick", action="store_true", help="one short round: whether everything runs, no more"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="PREFIX", help="workloads or families")
    parser.add_argument("--frameworks", nargs="+", metavar="NAME", help=f"of {', '.join(FRAMEWORKS)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often everything is measured; 3")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of one measurement; 0.4")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of every framework; all cores")
    parser.add_argument("--timeout", type=float, default=900, metavar="S", help="longest wait for one answer")
    parser.add_argument(
        "--peers-python", default=sys.executable, metavar="PATH", help="the peers' interpreter"
    )
    parser.add_argument(
        "--corten-python", default=sys.executable, metavar="PATH", help="Corten's interpreter"
    )
    parser.add_argument(
        "--ceiling",
        type=Path,
        default=ROOT / "target" / "ceiling",
        metavar="PATH",
        help="the ceiling program",
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="writes every sample there")
    parser.add_argument("--chart", type=Path, metavar="PATH", help="draws the ratios there, as PNG")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="PATH",
        help="writes the tables there; in a file with the marks of benches/README.md, between them",
    )
    parser.add_argument(
        "--from",
        dest="saved",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="no run: what --json wrote, in parts",
    )
    return parser


def settings(options: argparse.Namespace) -> rounds.Settings:
    """What the options ask for.

    Raises:
        ValueError: They ask for something there is not.
    """
    unknown = [name for name in options.frameworks or [] if name not in FRAMEWORKS]
    if unknown:
        raise ValueError(f"unknown framework {unknown[0]!r}; known: {', '.join(FRAMEWORKS)}")
    for name in ("rounds", "seconds", "threads"):
        if getattr(options, name) is not None and getattr(options, name) <= 0:
            raise ValueError(f"--{name} must be above 0; got {getattr(options, name)}")
    usual = QUICK if options.quick else THOROUGH
    return rounds.Settings(
        workloads=workloads.select(options.only),
        frameworks=list(dict.fromkeys(options.frameworks or FRAMEWORKS)),
        rounds=options.rounds or int(usual["rounds"]),
        seconds=options.seconds or usual["seconds"],
        threads=options.threads or machine.cores(),
        timeout=options.timeout,
        corten_python=options.corten_python,
        peers_python=options.peers_python,
        ceiling=options.ceiling,
    )


def main(given: Sequence[str] | None = None) -> int:
    """Measures, or reads what was measured; prints and writes what the options say."""
    parser = arguments()
    options = parser.parse_args(given)
    try:
        if options.saved:
            parts = [json.loads(path.read_text(encoding="utf-8")) for path in options.saved]
            for part in parts:
                results.check({**part, "summary": []})  # it is made anew
            document = results.merged(parts)
        else:
            document = rounds.run(settings(options))
            results.check(document)
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(table.report(document))
        if options.markdown:
            page.put(options.markdown, "results", table.report(document, table.markdown))
        if options.chart:
            chart.draw(document, options.chart)
    except (OSError, ValueError, ImportError) as error:
        parser.error(str(error))
    return 0
