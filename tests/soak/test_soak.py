"""Two minutes of mixed random work: every result is checked, and nothing is left behind."""

import os
import subprocess
import sys

import pytest
from tests.soak.watch import STATUS

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="reads Linux's /proc")


@pytest.mark.timeout(300)
def test_two_minutes_leave_nothing_behind():
    # A process of its own: what other tests left in pieces would be filled again, and look like a leak. One
    # arena: which of its heaps the C library gives a thread is chance, and each keeps pages for itself.
    command = [sys.executable, "-m", "tests.soak", "--minutes", "2", "--seed", "5"]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr}"
