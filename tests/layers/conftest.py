"""Makes `layer_cases` and `numpy_references` importable and starts every test from the same seed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def same_seed():
    import corten

    corten.utils.set_random_seed(1234)
