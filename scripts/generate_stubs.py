"""Writes python/corten/_core.pyi, the types of the extension module, from the module itself.

The module is built once more with its type information (cargo feature `stubs`), which maturin reads.

Usage:
    python scripts/generate_stubs.py           # write the file
    python scripts/generate_stubs.py --check   # fail if the file is not what would be written
"""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "python" / "corten" / "_core.pyi"

# Operators give NotImplemented to Python itself only, which the generated type cannot say.
OPERATORS = """
add and eq floordiv ge gt le lshift lt matmul mod mul ne or pow rshift sub truediv xor
radd rand rfloordiv rlshift rmatmul rmod rmul ror rpow rrshift rsub rtruediv rxor
"""

# Exceptions made by a macro are not among the types that maturin reads.
EXCEPTIONS = """class ShapeError(ValueError):
    \"\"\"
    Shapes that do not go together.
    \"\"\"

class NonFiniteError(FloatingPointError):
    \"\"\"
    NaN or infinity in a result, while checks are on.
    \"\"\"

    op: str
    gradient_of: str | None
    phase: str
    place: str | None
    parameter: int | None
    operands: list[dict[str, Any]]
    result: dict[str, Any]
    hint: str
    epoch: int | None
    step: int
    batch_file: Any

"""

HEADER = "# Written by scripts/generate_stubs.py from the built module; do not edit.\n"


def tool(name: str) -> str:
    """The path of a console script of this environment."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def generate() -> str:
    """Builds the module and gives the text of its stub file."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--profile", "dev", "--features", "stubs", "--out", folder]
        build = [tool("maturin"), "generate-stubs", *options]
        result = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
        if result.returncode:
            raise SystemExit(f"{' '.join(build)} failed:\n{result.stdout}{result.stderr}")
        found = sorted(Path(folder).rglob("_core.pyi"))
        if not found:
            raise SystemExit("maturin wrote no _core.pyi")
        text = found[0].read_text()
    # What stands for all other names is last.
    end = text.index("def __getattr__(")
    text = text[:end] + EXCEPTIONS + text[end:]
    for name in OPERATORS.split():
        text = re.sub(rf"(def __{name}__\(.*\)) -> Any: \.\.\.", r"\1 -> Tensor: ...", text)
    text = text.replace("def __int__(self, /) -> Any:", "def __int__(self, /) -> int:")
    text = text.replace("def __index__(self, /) -> Any:", "def __index__(self, /) -> int:")
    text = re.sub(r"(?m)^( *def .*\*[a-z]+)(?=[,)])", r"\1: Any", text)
    # Python 3.11 has the type but no name for it.
    text = text.replace("from types import CapsuleType\n", "").replace("CapsuleType", "Any")
    # Comparison with anything is allowed by Python and gives a tensor, which `object` does not declare.
    for name in ("eq", "ne"):
        text = re.sub(rf"(def __{name}__\(.*: \.\.\.)", r"\1  # type: ignore[override]", text)
    shaped = subprocess.run(
        [tool("ruff"), "format", "--stdin-filename", str(STUB), "-"],
        cwd=ROOT,
        input=HEADER + text,
        capture_output=True,
        text=True,
        check=True,
    )
    return shaped.stdout


def main() -> int:
    """Writes or compares; gives the exit status."""
    text = generate()
    if "--check" not in sys.argv[1:]:
        STUB.write_text(text)
        print(f"wrote {STUB.relative_to(ROOT)}: {len(text.splitlines())} lines")
        return 0
    current = STUB.read_text() if STUB.exists() else ""
    difference = list(
        difflib.unified_diff(current.splitlines(True), text.splitlines(True), "committed", "generated")
    )
    if not difference:
        return 0
    sys.stdout.writelines(difference)
    print(f"{STUB.relative_to(ROOT)} is out of date; run `make stubs`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
