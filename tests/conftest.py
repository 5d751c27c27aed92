"""What holds for all tests: the ones that take longest come first, so that others run beside them."""

from pathlib import Path

import pytest

#: Files and folders that `make test`, which runs several at once, should begin with.
LONG = (
    "soak",
    "test_docstrings.py",
    "examples",
    "training/test_memory.py",
    "training/test_kill_and_resume.py",
    "transformers/test_trainer_kill_and_resume.py",
)
ROOT = Path(__file__).parent


def _place(item: pytest.Item) -> int:
    """Which of the long ones the test belongs to, by number; one more than the last for all others."""
    name = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
    return next((i for i, long in enumerate(LONG) if f"{name}/".startswith(f"{long}/")), len(LONG))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts them so; the order of all others stays."""
    items.sort(key=_place)
