"""Runs the tests of the kernels under programs that watch memory: Valgrind, AddressSanitizer, Miri.

    python scripts/check_memory.py valgrind  # the AVX2 path; half an hour and more
    python scripts/check_memory.py address   # every instruction set; needs a nightly toolchain with rust-src
    python scripts/check_memory.py miri      # what has no intrinsics; needs a nightly toolchain with Miri

Under the first two every tensor has memory of its own with exactly its bytes (`CORTEN_GUARD_PAGES=heap`), so
that one byte too far is seen. Valgrind also tells where a decision depends on bytes that nobody wrote. One
line for each part says how many tests ran; the exit status is not zero if any failed or anything was found.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from check_kernels import instruction_sets

ROOT = Path(__file__).parents[1]
TARGET = "x86_64-unknown-linux-gnu"
# Errors of memory end a test program with this status.
FOUND = 99
# These start processes of their own, or ask about memory that is handed out another way here.
ELSEWHERE = (
    "guarded::kernels_stay",
    "memory::guard",
    "memo::tests::memory_is_counted",
    "memory::tests::blocks_are_aligned",
    "memory::tests::foreign_memory",
)
# Millions of numbers through functions and products: hours under Valgrind, and no memory that the sweeps do
# not touch.
NUMBERS = (
    "math::tests::activations",
    "math::tests::error_functions",
    "math::tests::exponentials",
    "math::tests::functions_over",
    "math::tests::trigonometry",
    "matmul::tests::several_passes",
    "matmul::tests::sixteen_bits",
    "matmul::tiles::tests::integers_of",
)


@dataclass
class Part:
    """One run of a test program: what it is called, which tests, and in which environment."""

    name: str
    arguments: list[str]
    variables: dict[str, str] = field(default_factory=dict)


def skipping(*names: str) -> list[str]:
    """The options that leave tests out."""
    return [word for name in names for word in ("--skip", name)]


def program(command: list[str], variables: dict[str, str]) -> Path:
    """Builds the tests of `corten-cpu` and says where they are.

    Args:
        command: How Cargo is called, up to `test`.
        variables: What is added to the environment.
    """
    command = [*command, "--locked", "-p", "corten-cpu", "--lib", "--no-run", "--message-format=json"]
    built = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, check=True
    )
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith(b"{")]
    return next(Path(message["executable"]) for message in messages if message.get("executable"))


def succeeds(command: list[str], part: Part) -> bool:
    """Runs one part, prints its line, and says whether all is well."""
    environment = {**os.environ, "CORTEN_NUM_THREADS": "1", **part.variables}
    begun = time.monotonic()
    done = subprocess.run(
        [*command, *part.arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    counts = [int(number) for number in re.findall(r"test result: \w+\. (\d+) passed", done.stdout)]
    cases = [int(number) for number in re.findall(r"^cases \w+ (\d+)", done.stdout, re.MULTILINE)]
    errors = [int(number) for number in re.findall(r"ERROR SUMMARY: (\d+) errors", done.stdout)]
    line = f"{part.name}: exit {done.returncode}, {sum(counts)} tests"
    line += f", {sum(cases)} cases" if cases else ""
    line += f", {sum(errors)} errors of memory" if errors else ""
    sys.stdout.write(f"{line}, {time.monotonic() - begun:.0f} s\n")
    if done.returncode or not sum(counts):
        sys.stdout.write(done.stdout[-8000:])
    sys.stdout.flush()
    return done.returncode == 0 and sum(counts) > 0


def run(command: list[str], parts: list[Part]) -> bool:
    """Runs all parts, also after one that failed."""
    well = [succeeds(command, part) for part in parts]
    return all(well)


def valgrind() -> bool:
    """The AVX2 path under Memcheck. Valgrind has no AVX-512, and says so to programs that ask the CPU."""
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is missing: install it (Debian: apt-get install valgrind)")
    tests = str(program(["cargo", "test"], {}))
    command = ["valgrind", f"--error-exitcode={FOUND}", tests, "--test-threads=1"]
    heap = {"CORTEN_GUARD_PAGES": "heap", "CORTEN_GUARD_TAILS": "some"}
    plain, wide = {"CORTEN_ISA": "scalar", **heap}, {"CORTEN_ISA": "avx2", **heap}
    swept = ["--ignored", "--nocapture"]
    # Valgrind takes `vcmpneq_oqps` for its unordered twin, so that log(NaN) is a number there: the
    # conformance suite compares values, and runs with instructions of which none is wrong.
    parts = [
        Part("valgrind avx2, tests", skipping(*ELSEWHERE, *NUMBERS), wide),
        Part("valgrind avx2, sweeps", [*swept, "guarded::", *skipping("conformance")], wide),
        Part("valgrind scalar, conformance", [*swept, "guarded::conformance"], plain),
    ]
    return run(command, parts)


def address() -> bool:
    """Every instruction set under AddressSanitizer."""
    # The standard library is not built again: what it does for kernels is inlined into them.
    flags = {"RUSTFLAGS": "-Zsanitizer=address"}
    command = [str(program(["cargo", "+nightly", "test", "--target", TARGET], flags)), "--test-threads=2"]
    parts = []
    for isa in instruction_sets():
        heap = {"CORTEN_ISA": isa, "CORTEN_GUARD_PAGES": "heap", "CORTEN_GUARD_TAILS": "some"}
        # A request that is too large fails there as it does elsewhere.
        heap |= {"ASAN_OPTIONS": "allocator_may_return_null=1"}
        name = f"address {isa or 'all'}"
        parts += [
            Part(f"{name}, tests", skipping(*ELSEWHERE), heap),
            Part(f"{name}, sweeps", ["--ignored", "--nocapture", "guarded::"], heap),
        ]
    return run(command, parts)


def miri() -> bool:
    """What needs no intrinsics: the contract, and of the CPU's crate memory, threads and strides."""
    flags = {"MIRIFLAGS": "-Zmiri-disable-isolation -Zmiri-permissive-provenance -Zmiri-ignore-leaks"}
    command = ["cargo", "+nightly", "miri", "test", "--locked", "-p"]
    # Miri knows no mappings and no fork, and ends where memory does; it does know bytes that nobody wrote.
    flags |= {"CORTEN_GUARD_PAGES": "heap"}
    beyond = skipping(*ELSEWHERE, "blocks_of_any_size", "every_chunk", "forked_child", "impossible_request")
    names = ["memory::", "memo::", "parallel::", "strided::", "fork::"]
    parts = [
        Part("miri corten-core", ["corten-core"], flags),
        Part(
            "miri corten-cpu",
            ["corten-cpu", "--lib", "--", *names, *beyond],
            {**flags, "CORTEN_NUM_THREADS": "2"},
        ),
    ]
    return run(command, parts)


def main() -> int:
    """Runs one watcher; gives the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    watchers = {"valgrind": valgrind, "address": address, "miri": miri}
    parser.add_argument("watcher", choices=watchers)
    return int(not watchers[parser.parse_args().watcher]())


if __name__ == "__main__":
    sys.exit(main())
