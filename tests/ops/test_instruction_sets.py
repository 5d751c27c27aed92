"""The op table with narrower instruction sets than this CPU's.

`scripts/check_kernels.py` runs all of `tests/ops` with each of them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from corten import _core

ROOT = Path(__file__).parents[2]
NARROWER = [name for name in ("scalar", "avx2", "neon") if name == "scalar" or _core.cpu_features().get(name)]


@pytest.mark.parametrize("isa", NARROWER)
def test_values_with(isa):
    if _core.cpu_features()["isa"] == isa:
        pytest.skip(f"{isa} is what all other tests use here")
    # Children find the package where this process found it.
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "tests/ops/test_forward.py",
    ]
    done = subprocess.run(
        [*command, "-k", "test_value and contiguous"],
        cwd=ROOT,
        env={**os.environ, "CORTEN_ISA": isa, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
