"""Under which conditions the programs run: instruction sets, threads, ways to start a process."""

import functools
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import warnings
from pathlib import Path

from tests.reproducibility import programs

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden.json")
#: What `CORTEN_ISA` can ask for; nothing takes the widest there is, with what lies beside it.
SETS = ("scalar", "avx2", "avx512", "neon", "")
WAYS = ("fork", "spawn", "forkserver")


def output_of(*arguments: str, **environment: str) -> str:
    """What a fresh interpreter prints.

    Raises:
        RuntimeError: It failed; the message is what it wrote.
    """
    result = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    if result.returncode:
        raise RuntimeError(result.stderr)
    return result.stdout


@functools.cache
def features(isa: str) -> dict:
    """What is used where `isa` is asked for."""
    program = "import json; from corten import _core; print(json.dumps(_core.cpu_features()))"
    return json.loads(output_of("-c", program, CORTEN_ISA=isa))


def is_there(isa: str) -> bool:
    """Whether this CPU has an instruction set."""
    return features(isa)["isa"] == isa if isa else True


def label(isa: str, sixteen_bits: bool) -> str:
    """Under which name hashes are stored: the instruction set, and what else multiplies 16-bit numbers."""
    used = features(isa)
    extensions = [name for name in ("avx512_bf16", "amx_bf16") if sixteen_bits and used[name]]
    return "+".join([used["isa"], *extensions])


def machine() -> str:
    """What hashes depend on besides instructions: the functions of the C library."""
    return " ".join([platform.system(), platform.machine(), *platform.libc_ver()])


@functools.cache
def hashes(threads: int = 1, isa: str = "", number: int = 0) -> dict[str, str]:
    """Runs every program in a fresh interpreter; `number` tells repeated runs apart."""
    return json.loads(
        output_of("-m", "tests.reproducibility.programs", CORTEN_NUM_THREADS=str(threads), CORTEN_ISA=isa)
    )


def hashes_from_child(way: str, threads: int = 2) -> dict[str, str]:
    """Runs every program in a process that `multiprocessing` started from this one."""
    context = multiprocessing.get_context(way)
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=programs.send_all, args=(its, threads))
    with warnings.catch_warnings():
        # Python warns of any fork beside threads; that this one works is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    its.close()
    try:
        return mine.recv()
    finally:
        process.join()
        process.close()
        mine.close()


def stored() -> dict:
    """The stored hashes: machine, program, label."""
    return json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}


def store() -> list[str]:
    """Runs every program with each instruction set of this machine and stores the hashes; gives the names."""
    kept = stored()
    mine = kept.setdefault(machine(), {})
    done = [isa for isa in SETS if is_there(isa)]
    for isa in done:
        for name, value in hashes(1, isa).items():
            mine.setdefault(name, {})[label(isa, name in programs.SIXTEEN_BITS)] = value
    GOLDEN.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return [label(isa, True) for isa in done]
