"""Runs the op table with each instruction set of this CPU, and on memory beside pages without access.

`python scripts/check_kernels.py` runs `tests/ops` once for each instruction set, as `CORTEN_ISA` forces it.
`--guard` builds the engine with its feature `guard-pages` first, and runs them twice more for each: every
tensor ends at a page without access (`CORTEN_GUARD_PAGES=end`), or begins right after one (`begin`). A kernel
that reads or writes one byte too far ends the process. Give other tests, and options of pytest, after `--`.
Needs Linux for `--guard`, and the development tools of `pyproject.toml`.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMES = ("scalar", "avx2", "avx512", "neon")


def instruction_sets() -> list[str]:
    """The names for `CORTEN_ISA` on this CPU.

    Returns:
        From plain to wide; an empty name stands for all that there is, where tiles (AMX) come on top.
    """
    from corten import _core

    used = _core.cpu_features()
    names = ["scalar", *(name for name in NAMES[1:] if used.get(name))]
    return [*names, ""] if used.get("amx_bf16") or used.get("amx_int8") else names


def guarded_package(profile: str) -> Path:
    """Builds the engine with guarded memory and lays the package around it.

    Args:
        profile: Cargo's profile: ``'dev'`` checks overflows too, ``'release'`` is what users get.

    Returns:
        The folder to put into `PYTHONPATH`.
    """
    command = [
        "cargo",
        "build",
        "--locked",
        "--profile",
        profile,
        "-p",
        "corten-python",
        "--features",
        "guard-pages",
    ]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYO3_BUILD_EXTENSION_MODULE": "1"}, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    library = target / ("debug" if profile == "dev" else profile) / "lib_core.so"
    folder = target / "guarded"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "python", folder, ignore=shutil.ignore_patterns("_core*.so", "__pycache__"))
    shutil.copy(library, folder / "corten" / "_core.abi3.so")
    return folder


def main() -> int:
    """Runs all; gives the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--isa", action="append", help="only this instruction set; may be repeated")
    parser.add_argument("--guard", action="store_true", help="on guarded memory too")
    parser.add_argument(
        "--profile", default="release", choices=("dev", "release"), help="what --guard builds"
    )
    parser.add_argument("tests", nargs="*", default=["tests/ops"], help="what pytest runs; default tests/ops")
    arguments = parser.parse_args()
    runs: list[tuple[str, dict[str, str]]] = [("", {})]
    if arguments.guard:
        path = str(guarded_package(arguments.profile))
        runs += [(side, {"CORTEN_GUARD_PAGES": side, "PYTHONPATH": path}) for side in ("begin", "end")]
    failed = False
    for isa in arguments.isa or instruction_sets():
        for side, variables in runs:
            environment = {**os.environ, "CORTEN_ISA": isa, **variables}
            command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *arguments.tests]
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            failed |= done.returncode != 0
            last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
            sys.stdout.write(f"{isa or 'all'} {side or 'unguarded'}: exit {done.returncode}: {last}\n")
            if done.returncode:
                sys.stdout.write(done.stdout[-4000:] + done.stderr[-4000:])
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
