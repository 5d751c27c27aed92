"""Checks what Corten is built from: licences, sources, known vulnerabilities.

    python scripts/audit.py            # all: needs cargo-deny and pip-audit, which ask the network
    python scripts/audit.py --offline  # licences and sources of crates: Cargo.lock and `cargo metadata`

`deny.toml` says what is allowed.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REGISTRY = "registry+"


def read(name: str) -> dict[str, Any]:
    """A TOML file of the repository."""
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met with licences of a set.

    Args:
        expression: As in `Cargo.toml`: names joined by `OR` (or `/`), `AND`, `WITH` and parentheses.
        allowed: Names of licences, with their exceptions.

    Raises:
        ValueError: The expression cannot be read.
    """
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either() -> bool:
        met = both()
        while words and words[0] == "OR":
            words.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while words and words[0] == "AND":
            words.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        if not words or words[0] in {")", "OR", "AND", "WITH"}:
            raise ValueError(f"no licence expression: {expression!r}")
        word = words.pop(0)
        if word == "(":
            met = either()
            if not words or words.pop(0) != ")":
                raise ValueError(f"no licence expression: {expression!r}")
            return met
        if len(words) > 1 and words[0] == "WITH":
            word = f"{word} WITH {words[1]}"
            del words[:2]
        return word in allowed

    met = either()
    if words:
        raise ValueError(f"no licence expression: {expression!r}")
    return met


def bad_licences() -> list[str]:
    """Crates whose licence `deny.toml` does not allow."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"cargo metadata failed: {result.stderr.strip()}")
    allowed = set(read("deny.toml")["licenses"]["allow"])
    return [
        f"{crate['name']} {crate['version']}: licence {crate['license']}"
        for crate in json.loads(result.stdout)["packages"]
        if not is_allowed(crate["license"] or "none", allowed)
    ]


def bad_sources() -> list[str]:
    """Crates of `Cargo.lock` from elsewhere than an allowed registry, without a checksum, or banned."""
    rules = read("deny.toml")
    registries = {REGISTRY + address for address in rules["sources"]["allow-registry"]}
    # By whom each banned crate may be used all the same.
    banned = {rule["crate"]: set(rule.get("wrappers", ())) for rule in rules["bans"]["deny"]}
    problems = []
    for crate in read("Cargo.lock")["package"]:
        name = f"{crate['name']} {crate['version']}"
        source = crate.get("source")
        if source is None and not crate["name"].startswith("corten-"):
            problems.append(f"{name}: is of no registry")
        if source is not None and (source not in registries or "checksum" not in crate):
            problems.append(f"{name}: comes from {source}, checksum {crate.get('checksum')}")
        if crate["name"] in banned and not banned[crate["name"]]:
            problems.append(f"{name}: is banned")
        for used in {one.split()[0] for one in crate.get("dependencies", ())} & banned.keys():
            if crate["name"] not in banned[used]:
                problems.append(f"{name}: uses {used}, which is banned")
    return problems


def python_requirements() -> list[str]:
    """What users install along with Corten: its dependencies, and those of its extras."""
    project = read("pyproject.toml")["project"]
    extras = project["optional-dependencies"]
    wanted = [one for name, listed in extras.items() if name not in {"dev", "docs"} for one in listed]
    return sorted({*project["dependencies"], *wanted})


def tools() -> list[str]:
    """Runs cargo-deny and pip-audit; gives what failed or is missing."""
    problems = []
    if shutil.which("cargo-deny"):
        # Advisories by themselves: only they ask the network, and the rest is checked without it.
        for checks in (["bans", "licenses", "sources"], ["advisories"]):
            command = ["cargo", "deny", "--locked", "check", *checks]
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                problems.append(f"cargo deny check {' '.join(checks)}: see above")
    else:
        problems.append("cargo-deny is missing: install it with `cargo install --locked cargo-deny`")
    if subprocess.run(
        [sys.executable, "-c", "import pip_audit"], capture_output=True, check=False
    ).returncode:
        problems.append(f"pip-audit is missing: install it with `{sys.executable} -m pip install pip-audit`")
        return problems
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requirements.txt"
        path.write_text("\n".join(python_requirements()) + "\n")
        # Strict: else a package that the index tells nothing about passes.
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--strict",
            "--progress-spinner",
            "off",
            "-r",
            str(path),
        ]
        if subprocess.run(command, check=False).returncode:
            problems.append("pip-audit: see above")
    return problems


def main() -> int:
    """Prints what is wrong; the exit status says whether anything is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--offline", action="store_true", help="leave out what asks the network")
    arguments = parser.parse_args()
    problems = [*bad_sources(), *bad_licences(), *([] if arguments.offline else tools())]
    print("\n".join(problems) or "licences, sources and advisories: nothing found")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
