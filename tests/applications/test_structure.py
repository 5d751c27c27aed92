"""Networks have the layers and weights of Keras's, so that published files of weights fit."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.applications import cases

import corten
from corten import initializers

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def fresh_names():
    corten.utils.clear_session()


@pytest.fixture
def no_random_numbers(monkeypatch):
    """Weights are zeros: drawing hundreds of millions of numbers would take most of the time."""
    for name in ("GlorotUniform", "VarianceScaling"):
        kind = getattr(initializers, name)
        monkeypatch.setattr(
            kind, "__call__", lambda self, shape, dtype=None, **_: corten.ops.zeros(shape, dtype or "float32")
        )


@pytest.mark.parametrize("name", sorted(cases.STRUCTURES))
def test_layers_and_weights_are_those_of_keras(name, no_random_numbers):
    network, arguments = cases.STRUCTURES[name]
    model = getattr(corten.applications, network)(weights=None, **arguments)
    assert cases.structure(model) == GOLDEN["structures"][name]


@pytest.mark.parametrize("name", sorted(cases.VALUES))
def test_outputs_are_those_of_keras(name, no_random_numbers):
    network, arguments = cases.VALUES[name]
    model = getattr(corten.applications, network)(weights=None, **arguments)
    cases.fill(model)
    found = np.array(cases.sample(model.predict(cases.pictures(model), verbose=0)))
    expected = np.array(GOLDEN["values"][name])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
