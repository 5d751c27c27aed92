"""A short run of `trainer_kill_and_resume.py`."""

import pytest
from tests.transformers.trainer_kill_and_resume import KINDS, run


@pytest.mark.parametrize("kind", KINDS)
def test_killed_trainings_end_with_the_bits_of_whole_ones(kind):
    killed, trainings = run(kind, kills=2, seed=4)
    assert killed == 2
    assert trainings >= 1
