"""Some thousands of spoiled inputs for each parser: all are read or refused, quickly and in little memory.

`python -m tests.fuzz --inputs 1000000` is the long run.
"""

from __future__ import annotations

import sys
from random import Random

import pytest
from tests.fuzz.__main__ import line_of
from tests.fuzz.mutators import json_bytes, spoil, spoil_json
from tests.fuzz.parsers import PARSERS
from tests.fuzz.runner import make, run

# How many are read in about a second each.
_INPUTS = {
    "safetensors": 1200, "corten": 60, "keras": 80, "h5": 60, "sharded": 150, "config": 80, "npz": 250,
    "pickled": 1500, "idx": 1500, "csv": 1200, "image": 200, "text": 600, "sound": 400, "vocabulary": 1200,
    "archive": 500, "cache": 700, "trials": 1000,
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and measures memory by Linux's means")
@pytest.mark.parametrize("name", list(PARSERS))
def test_spoiled_inputs(name: str) -> None:
    result = run(name, _INPUTS[name], seed=1)
    assert not result.findings, result.findings[:5]
    assert name in line_of(result)
    # Some inputs must come through, or the parsers behind the containers are not reached.
    assert result.refused < result.inputs


@pytest.mark.parametrize("name", list(PARSERS))
def test_inputs_can_be_made_again(name: str) -> None:
    parser = PARSERS[name]
    if name not in {"npz", "corten", "keras", "idx", "archive"}:  # Zip and gzip note the time.
        assert make(parser, 3, 17) == make(parser, 3, 17)
    assert len({make(parser, 0, number) for number in range(5)}) > 1


def test_mutators_leave_their_seed_as_it_is() -> None:
    seed = {"a": [1, {"b": "text"}], "c": None}
    before = json_bytes(seed)
    changed = {json_bytes(spoil_json(seed, [seed], Random(number))) for number in range(50)}
    assert json_bytes(seed) == before
    assert len(changed) > 20
    assert len({spoil(before, [before], Random(number)) for number in range(50)}) > 20
