"""Where the files of these tests go."""

import os
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def disk():
    """A folder in memory where there is one: thousands of syncs are waited for here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)
