"""Measures Corten on the GPU of this machine. `--help` lists the options; benches/README.md explains."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
