"""What the numbers were measured on."""

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

# What kernels are chosen by.
TOLD = (
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_bf16",
)
TOLD_ARM = ("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2")


def cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def described() -> dict[str, Any]:
    """Processor, cores, instruction sets, memory and system."""
    fields: dict[str, str] = {}
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().split("\n\n")[0].splitlines():
            name, _, value = line.partition(":")
            fields[name.strip()] = value.strip()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    return {
        "cpu": fields.get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": cores(),
        "flags": [flag for flag in (*TOLD, *TOLD_ARM) if flag in flags],
        "memory_gb": memory,
        "system": f"{platform.system()} {platform.release()}",
    }


def ceilings(program: Path | None, threads: int) -> dict[str, Any]:
    """What the machine can do at most, by the program that measures it, or why that is not known."""
    if program is None or not program.exists():
        name = program.name if program else "no program"
        return {"missing": f"{name}: not built; `make target/ceiling` does it"}
    try:
        done = subprocess.run(
            [program, str(threads)], capture_output=True, text=True, timeout=120, check=True
        )
        measured: dict[str, Any] = json.loads(done.stdout)
        return measured
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {"missing": f"{program}: {error}"}


def best(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """The highest of several measurements of the ceilings: more than what was reached once is possible."""
    there = [ceiling for ceiling in measured if "missing" not in ceiling]
    if not there:
        return measured[-1]
    return {name: max(ceiling[name] for ceiling in there) for name in there[0]}
