"""Rooms stay small: over 400 lines one thinks, over 800 one splits."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIMIT = 800
# A longer file needs a reason here.
EXCEPTIONS: dict[str, str] = {
    "python/corten/_core.pyi": "generated",
}


def sources() -> list[Path]:
    folders = ("rust", "python", "tests", "benches", "examples", "scripts")
    found = (
        p for folder in folders for suffix in ("*.rs", "*.py", "*.pyi") for p in (ROOT / folder).rglob(suffix)
    )
    return sorted(found)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_short(path):
    name = str(path.relative_to(ROOT))
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert name in EXCEPTIONS or lines <= LIMIT, f"{name} has {lines} lines: split it"


def test_exceptions_exist():
    assert [name for name in EXCEPTIONS if not (ROOT / name).exists()] == []
