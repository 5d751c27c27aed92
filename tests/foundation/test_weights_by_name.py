"""`load_weights(by_name=True)`."""

from __future__ import annotations

import numpy as np
import pytest

import corten
from corten import layers


def network(*names_and_units):
    stack = [layers.Dense(units, name=name) for name, units in names_and_units]
    return corten.Sequential([corten.Input((5,)), *stack])


@pytest.fixture(params=["w.safetensors", "m.corten"])
def saved(request, tmp_path):
    model = network(("a", 3), ("b", 4))
    path = tmp_path / request.param
    (model.save if path.suffix == ".corten" else model.save_weights)(path)
    return model, path


def test_layers_find_their_weights_wherever_they_are(saved):
    model, path = saved
    other = network(("a", 3), ("new", 3), ("b", 4))
    untouched = other.get_layer("new").get_weights()[0]
    other.load_weights(path, by_name=True)
    for name in "ab":
        for mine, given in zip(
            other.get_layer(name).get_weights(), model.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, given)
    np.testing.assert_array_equal(other.get_layer("new").get_weights()[0], untouched)


def test_a_shape_that_does_not_fit_leaves_all_as_it_was(saved):
    _, path = saved
    other = network(("a", 3), ("b", 7))
    before = other.get_weights()
    with pytest.raises(ValueError, match="layer 'b'"):
        other.load_weights(path, by_name=True)
    for old, new in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.warns(UserWarning, match="Skipping layer 'b'"):
        other.load_weights(path, by_name=True, skip_mismatch=True)
    assert not np.array_equal(before[0], other.get_weights()[0])


def test_no_name_in_common(saved):
    _, path = saved
    with pytest.raises(ValueError, match="no layer of the model has a name"):
        network(("x", 3)).load_weights(path, by_name=True)


def test_formats_without_names(tmp_path):
    pytest.importorskip("h5py")
    model = network(("a", 3))
    model.save_weights(tmp_path / "w.npz")
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "w.weights.json")
    for name in ("w.npz", "m.keras", "w.weights.json"):
        with pytest.raises(ValueError, match="holds no layer names"):
            model.load_weights(tmp_path / name, by_name=True)


def test_unknown_arguments_are_refused(tmp_path):
    with pytest.raises(TypeError):
        network(("a", 3)).load_weights(tmp_path / "w.npz", by_nmae=True)
