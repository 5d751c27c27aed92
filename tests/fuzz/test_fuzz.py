"""Some thousands of spoiled inputs for each parser: all are read or refused, quickly and in little memory.

`python -m tests.fuzz --inputs 1000000` is the long run.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
from pathlib import Path
from random import Random

import pytest
from tests.fuzz import runner
from tests.fuzz.__main__ import line_of
from tests.fuzz.mutators import json_bytes, spoil, spoil_json
from tests.fuzz.parsers import PARSERS, Parser
from tests.fuzz.runner import make, run

# How many are read in about a second each.
_INPUTS = {
    "safetensors": 1200, "corten": 60, "keras": 80, "h5": 60, "sharded": 150, "config": 80, "npz": 250,
    "pickled": 1500, "idx": 1500, "csv": 1200, "image": 200, "text": 600, "sound": 400, "vocabulary": 1200,
    "archive": 500, "cache": 700, "trials": 1000, "tokenizer": 700, "tokenizer config": 300,
    "sentencepiece": 500,
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and measures memory by Linux's means")
@pytest.mark.parametrize("name", list(PARSERS))
def test_spoiled_inputs(name: str) -> None:
    result = run(name, _INPUTS[name], seed=1)
    assert not result.findings, result.findings[:5]
    assert name in line_of(result)
    # Some inputs must come through, or the parsers behind the containers are not reached.
    assert result.refused < result.inputs


def _behave(path: Path) -> None:
    number = int(path.read_bytes())
    if number == 3:
        with mmap.mmap(-1, 40 << 20) as memory:  # Nothing that the process has already.
            memory.write(bytes(40 << 20))
    elif number == 21:
        while True:
            pass
    elif number == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    elif number in {7, 22, 50}:
        raise KeyError(number)
    elif number % 2:
        raise ValueError("as documented")


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and measures memory by Linux's means")
def test_each_finding_is_that_of_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {Random((1 << 40) + number).random(): number for number in range(-20, 60)}
    parser = Parser("p", "p", lambda random: b"%d" % numbers[random.random()], _behave, allowance=16 << 20)
    monkeypatch.setitem(PARSERS, "p", parser)
    monkeypatch.setattr(runner, "MOST_SECONDS", 1.0)
    result = run("p", 60, seed=1)
    assert [(finding.number, finding.kind) for finding in result.findings] == [
        (3, "memory"), (7, "KeyError"), (21, "too long"), (22, "KeyError"), (40, "signal 9"),
        (50, "KeyError"),
    ]  # fmt: skip
    assert result.refused == len([number for number in range(1, 60, 2) if number not in {3, 7, 21}])


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
