"""Measures how Corten bears up: busy cores, more threads, memory, cold starts. `--help` lists the options."""

import sys

from comparison.conditions import main

if __name__ == "__main__":
    sys.exit(main())
