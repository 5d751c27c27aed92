"""Two minutes of mixed random work: every result is checked, and nothing is left behind."""

import time

import pytest
from tests.soak.program import soak
from tests.soak.watch import STATUS, drift

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="reads Linux's /proc")


@pytest.mark.timeout(300)
def test_two_minutes_leave_nothing_behind():
    report = soak(120, seed=int(time.time()))
    print(report)
    first, last = report.seen[0], report.seen[-1]
    assert drift(report.seen) <= 5, f"{report}"
    assert last.descriptors <= first.descriptors, f"{report}"
    assert last.python_threads <= first.python_threads, f"{report}"
    assert last.tensors <= first.tensors, f"{report}"
