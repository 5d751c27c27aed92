"""Corten has Keras's public names, with their parameters and defaults, save what is listed."""

import json

import pytest
from scripts import keras_parity


@pytest.fixture(scope="module")
def comparison():
    return keras_parity.Comparison()


def test_every_name_and_parameter_is_there_or_listed(comparison):
    assert comparison.problems() == []


def test_the_page_is_up_to_date(comparison):
    written = keras_parity.PAGE.read_text(encoding="utf-8")
    assert written == comparison.page(), "run scripts/keras_parity.py"


def test_keras_names_are_many_and_complete():
    names = keras_parity.keras_names()
    assert keras_parity.keras_version() == "3.15.1"
    assert len(names) > 1600
    assert names["layers.Dense"][1][:2] == [["units"], ["activation", "None"]]
    assert names["ops.numpy.add"] == names["ops.add"]
    assert "Model.fit" in names


def test_defaults_that_mean_the_same():
    same = keras_parity.same_default
    assert same("1", "1.0")
    assert same("2", "(2, 2)")
    assert same("'same'", "'same'")
    assert not same("2", "(2, 3)")
    assert not same("None", "0")
    assert not same(None, "None")
    assert not same("0.9", "0.99")


def changed(monkeypatch, **entries):
    """The comparison when Keras had these entries instead."""
    names = {**keras_parity.keras_names(), **entries}
    monkeypatch.setattr(keras_parity, "keras_names", lambda: names)
    return keras_parity.Comparison().problems()


def test_what_is_wrong_is_found(monkeypatch):
    dense = json.loads(json.dumps(keras_parity.keras_names()["layers.Dense"]))
    dense[1][1] = ["activation", "'relu'"]
    dense[1][2] = ["shiny", "True"]
    problems = changed(monkeypatch, **{"layers.Dense": dense, "layers.Never": ["class", []]})
    assert any("layers.Dense: activation is None, in Keras 'relu'" in problem for problem in problems)
    assert any("layers.Dense: shiny is not there" in problem for problem in problems)
    assert any("layers.Never: not there" in problem for problem in problems)


def test_another_order_is_found(monkeypatch):
    kind, parameters = keras_parity.keras_names()["layers.Dropout"]
    problems = changed(monkeypatch, **{"layers.Dropout": [kind, parameters[::-1]]})
    assert any("layers.Dropout: order" in problem for problem in problems)


def test_a_name_that_is_there_may_not_be_listed_as_absent(monkeypatch):
    monkeypatch.setitem(keras_parity.ABSENT, "layers.Dense", "planned")
    monkeypatch.setitem(keras_parity.ABSENT, "layers.Nothing", "planned")
    monkeypatch.setitem(keras_parity.DIFFERENT, "layers.Dense: units", "planned")
    problems = keras_parity.Comparison().problems()
    assert any("layers.Dense: listed as absent" in problem for problem in problems)
    assert any(
        "layers.Nothing: listed as absent, but Keras has no such name" in problem for problem in problems
    )
    assert any("layers.Dense: units: listed as different" in problem for problem in problems)


def test_names_to_come_are_taken_out_once_they_are_there(monkeypatch, tmp_path):
    for file in ("keras_api.json", "names_to_come.txt"):
        (tmp_path / file).write_text(
            (keras_parity.PARITY / file).read_text(encoding="utf-8"), encoding="utf-8"
        )
    before = keras_parity.names_to_come()
    monkeypatch.setattr(keras_parity, "PARITY", tmp_path)
    (tmp_path / "names_to_come.txt").write_text("\n".join(["layers.Dense", *before]), encoding="utf-8")
    assert any(
        "layers.Dense: listed as absent" in problem for problem in keras_parity.Comparison().problems()
    )
    keras_parity.tighten()
    assert keras_parity.names_to_come() == before
