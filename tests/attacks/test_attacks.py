"""Every attack file is refused with an error that says what is wrong, before it has done anything."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.guard import ALLOWANCE, watch
from tests.attacks.make_attack_files import ATTACKS, make_all
from tests.attacks.models import DENSE, WRITERS, sequential
from tests.attacks.readers import READERS
from tests.attacks.table import CANARY, Attack

import corten

_OUTSIDE = Path("/tmp/corten-attack-canary")


@pytest.fixture(scope="module", autouse=True)
def _modules_are_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Reads good files first, so that no module is loaded while a reader is watched."""
    folder = tmp_path_factory.mktemp("good")
    for kind, write in WRITERS.items():
        model = corten.models.load_model(write(folder / f"model.{kind}", sequential(DENSE)))
        assert model.layers[-1].kernel.numpy().tolist() == [[1.0, 1.0]] * 4
    for attack in {attack.reader: attack for attack in ATTACKS}.values():
        place = folder / attack.reader
        place.mkdir()
        _read(attack, attack.make(place))


def _size(path: Path) -> int:
    files = path.parent.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def _read(attack: Attack, path: Path) -> Any:
    reader = READERS[attack.reader.removesuffix(" memory")]

    def read() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader(path)

    return watch(path.parent, _size(path), read)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_attack_fails(attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = attack.make(inner)
    size = _size(path)
    monkeypatch.chdir(inner)
    outcome = _read(attack, path)
    assert not outcome.events
    assert not any((folder / CANARY).exists() for folder in (inner, tmp_path, inner.parent.parent))
    assert not _OUTSIDE.exists()
    assert outcome.memory < 10 * size + ALLOWANCE
    assert outcome.seconds < 1
    if attack.reader.endswith(" memory"):
        # Nothing is wrong with the file but what it may make a careless reader allocate.
        assert outcome.error is None
        return
    assert isinstance(outcome.error, (ValueError, TypeError)), repr(outcome.error)
    message = str(outcome.error)
    assert len(message) < 4000
    if attack.reader != "json":
        assert path.name in message or path.parent.name in message, message


def test_there_is_a_file_for_each(tmp_path: Path) -> None:
    few = [attack.name for attack in ATTACKS]
    assert len(few) == len(set(few))
    assert {attack.reader.removesuffix(" memory") for attack in ATTACKS} <= set(READERS)
    assert callable(make_all)
