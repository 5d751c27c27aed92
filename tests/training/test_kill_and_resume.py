"""A short run of `kill_and_resume.py`, which kills a hundred times for each model."""

import pytest
from kill_and_resume import MODELS, run


@pytest.mark.parametrize("name", MODELS)
def test_killed_trainings_end_with_the_bits_of_whole_ones(name):
    killed, trainings, _ = run(name, kills=2, seed=4)
    assert killed == 2
    assert trainings >= 1
