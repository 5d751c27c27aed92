"""What holds for all tests: the ones that take longest come first, so that others run beside them."""

import os
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
#: The GPU that tests with a `device` run on beside the CPU, such as "gpu:0".
TEST_DEVICE = os.environ.get("CORTEN_TEST_DEVICE", "")


@pytest.fixture(params=["cpu", *([TEST_DEVICE] if TEST_DEVICE else [])])
def device(request):
    """The device that a test makes its tensors on: the CPU, and the one of CORTEN_TEST_DEVICE."""
    import corten

    with corten.device(request.param):
        yield request.param


@pytest.fixture
def gpu():
    """The name of the GPU to test; without one the test is skipped."""
    if not TEST_DEVICE:
        pytest.skip("needs CORTEN_TEST_DEVICE=gpu:0 and a build with a GPU backend: `make wheel-gpu`")
    return TEST_DEVICE


@pytest.fixture
def float16_gpu(gpu):
    """A GPU that has float16, as the device of the test; with another one the test is skipped."""
    import corten

    usable = [adapter for adapter in corten._core.adapters() if adapter["refusal"] is None]
    adapter = usable[int(gpu.partition(":")[2])]
    if not adapter["float16"]:
        pytest.skip(f"{adapter['name']} has no float16")
    with corten.device(gpu):
        yield gpu


def _place(item: pytest.Item) -> int:
    """Which of the long ones the test belongs to, by number; one more than the last for all others."""
    name = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
    return next((i for i, long in enumerate(LONG) if f"{name}/".startswith(f"{long}/")), len(LONG))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts them so; the order of all others stays."""
    items.sort(key=_place)
