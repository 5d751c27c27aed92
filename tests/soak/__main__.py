"""Runs the soak from the command line."""

import argparse
import sys
import time

import numpy as np
from tests.soak.program import Failed, chosen, run_job, soak

import corten


def main() -> int:
    """Works as long as asked and prints what was held; the exit status says whether all was well."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="default: from the clock; it is printed")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run one job of the seed again")
    arguments = parser.parse_args()
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    print(f"seed {seed}, corten {corten.__version__}, numpy {np.__version__}, {corten.num_threads()} threads")
    try:
        if arguments.only is not None:
            import tempfile
            from pathlib import Path

            with tempfile.TemporaryDirectory() as folder:
                run_job(chosen(seed, arguments.only), seed, arguments.only, Path(folder))
            return 0
        report = soak(arguments.minutes * 60, seed, lambda line: print(line, flush=True))
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(report)
    left = report.left_behind()
    if left:
        print(f"left behind: {', '.join(left)}", file=sys.stderr)
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
