"""Counts the `unsafe` of the engine and finds what has no reason beside it.

`python scripts/unsafe_inventory.py` writes `rust/UNSAFE.md`; `--check` only says whether it is up to date
and whether every `unsafe` has its `SAFETY:` comment or `# Safety` section. Needs nothing but Python.
"""

import argparse
import dataclasses
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "rust" / "UNSAFE.md"
# Where ARCHITECTURE.md lets it live.
ROOMS = (
    "rust/cpu/",
    "rust/wgpu/src/cache.rs",
    "rust/wgpu/src/kernel.rs",
    "rust/wgpu/src/product/cooperative.rs",
    "rust/python/src/array.rs",
    "rust/python/src/dlpack.rs",
    "rust/python/src/funnel.rs",
)
KINDS = ("block", "fn", "impl", "type")
WORD = re.compile(r"\bunsafe\b")
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
TRAIT_METHOD = re.compile(r"\s*(unsafe )?impl\b.*\bfor\b")
# How many lines of attributes, signature and documentation may lie between a reason and its `unsafe`.
REACH = 12


@dataclasses.dataclass(frozen=True)
class Found:
    """One `unsafe`.

    Args:
        path: The file, from the repository's root.
        line: Counted from 1.
        kind: One of `KINDS`; `type` is the type of a function pointer, which needs no reason.
        has_reason: Whether a comment says why it is sound, or what the caller must see to.
    """

    path: str
    line: int
    kind: str
    has_reason: bool


def _kind(before: str, rest: str) -> str:
    if rest.startswith("impl"):
        return "impl"
    if rest.startswith(("fn", "extern", "trait")):
        return "type" if re.search(r"[:<(]\s*$", before) else "fn"
    return "block"


def _says_why(line: str) -> bool:
    return "SAFETY" in line or "# Safety" in line


def _header(lines: list[str], at: int) -> int | None:
    """The line of the item around line `at`, found by its indentation."""
    depth = len(lines[at]) - len(lines[at].lstrip())
    for i in range(at - 1, -1, -1):
        text = lines[i]
        if text.strip() and len(text) - len(text.lstrip()) < depth and text.rstrip().endswith("{"):
            return i
    return None


def has_reason(lines: list[str], at: int, kind: str) -> bool:
    """Whether an `unsafe` has its reason beside it, or around it where the item around it binds it.

    Args:
        lines: The file.
        at: The number of its line, from 0.
        kind: One of `KINDS`.

    Returns:
        True too for the type of a function pointer, which needs none.
    """
    if kind == "type" or any(_says_why(line) for line in lines[max(0, at - REACH) : at + 1]):
        return True
    if kind != "fn":
        return False
    header = _header(lines, at)
    while header is not None:
        # A method of a trait is bound by what the trait says, an item of a macro by what the macro says.
        documented = any(_says_why(line) for line in lines[max(0, header - REACH) : header + 1])
        if documented or TRAIT_METHOD.match(lines[header]):
            return True
        header = _header(lines, header)
    return False


def inventory() -> list[Found]:
    """Every `unsafe` of the Rust sources, file by file.

    Returns:
        One entry for each word `unsafe` outside comments and strings.

    Examples:
        >>> all(one.kind in KINDS for one in inventory())
        True
    """
    found = []
    for path in sorted((ROOT / "rust").rglob("*.rs")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for i, line in enumerate(lines):
            code = QUOTED.sub('""', line).split("//")[0]
            for match in WORD.finditer(code):
                kind = _kind(code[: match.start()], code[match.end() :].lstrip())
                name = str(path.relative_to(ROOT))
                found.append(Found(name, i + 1, kind, has_reason(lines, i, kind)))
    return found


def page(found: list[Found]) -> str:
    """The inventory as Markdown.

    Args:
        found: What `inventory()` gave.

    Returns:
        The text of `rust/UNSAFE.md`.
    """
    counts = Counter((one.path, one.kind) for one in found)
    lines = [
        "# Where the engine is unsafe",
        "",
        "Written by `scripts/unsafe_inventory.py`; a test compares it with the sources, and fails where an",
        "`unsafe` has no `SAFETY:` comment (or `# Safety` section) or lies where ARCHITECTURE.md does",
        "not name. In the tests the kernels of `rust/cpu` run on memory beside pages without access",
        "(`rust/cpu/src/guarded`).",
        "",
        "| file | blocks | functions | impls | types of functions |",
        "|---|---:|---:|---:|---:|",
    ]
    for path in sorted({one.path for one in found}):
        lines.append(f"| `{path}` | " + " | ".join(str(counts[path, kind]) for kind in KINDS) + " |")
    totals = Counter(one.kind for one in found)
    lines.append("| **all** | " + " | ".join(f"**{totals[kind]}**" for kind in KINDS) + " |")
    return "\n".join(lines) + "\n"


def problems(found: list[Found]) -> list[str]:
    """What is wrong, one sentence each.

    Args:
        found: What `inventory()` gave.

    Returns:
        A list that is empty where all is well.
    """
    wrong = [
        f"{one.path}:{one.line}: an unsafe {one.kind} without a SAFETY comment"
        for one in found
        if not one.has_reason
    ]
    strangers = sorted({one.path for one in found if not one.path.startswith(ROOMS)})
    wrong += [f"{path}: unsafe lives in kernels and FFI only (ARCHITECTURE.md)" for path in strangers]
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page(found):
        wrong.append("rust/UNSAFE.md is out of date: run scripts/unsafe_inventory.py")
    return wrong


def main() -> int:
    """Writes or checks the page; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where something is wrong")
    arguments = parser.parse_args()
    found = inventory()
    if not arguments.check:
        PAGE.write_text(page(found), encoding="utf-8")
    wrong = problems(found)
    sys.stdout.write("\n".join(wrong) + ("\n" if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
