"""Measures Corten and its peers on the same workloads. `--help` lists the options; README.md explains."""

import sys

from comparison.cli import main

if __name__ == "__main__":
    sys.exit(main())
