"""Files that every version of Corten has written are read, with the same numbers in them."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.golden.make_golden import TEXT, X, quantized, trained, words

import corten

FOLDERS = sorted(path for path in Path(__file__).parent.iterdir() if (path / "expected.json").is_file())
NEEDS_H5PY = {"model.keras", "model.h5", "model.weights.h5", "shards.weights.json"}

folders = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


def expected(folder, name):
    return json.loads((folder / "expected.json").read_text())[name]


def skip_without_h5py(name):
    if name in NEEDS_H5PY and importlib.util.find_spec("h5py") is None:
        pytest.skip("needs h5py")


def same_weights(found, folder):
    for one, other in zip(found, expected(folder, "weights"), strict=True):
        np.testing.assert_array_equal(one, np.asarray(other, one.dtype))


@folders
@pytest.mark.parametrize("name", ["model.corten", "model.keras", "model.h5"])
def test_whole_models(folder, name):
    skip_without_h5py(name)
    model = corten.saving.load_model(folder / name)
    same_weights(model.get_weights(), folder)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected(folder, "model"), rtol=1e-6, atol=1e-6)
    assert int(model.optimizer.iterations) == 3
    for variable, stored in zip(model.optimizer.variables, expected(folder, "optimizer"), strict=True):
        np.testing.assert_array_equal(np.asarray(variable), np.asarray(stored, variable.dtype))
    model.train_on_batch(X, X[:, :2])


@folders
@pytest.mark.parametrize(
    "name",
    [
        "model.weights.safetensors",
        "model.weights.npz",
        "model.weights.h5",
        "shards.weights.json",
        "model.corten",
        "model.keras",
    ],
)
def test_weights(folder, name):
    skip_without_h5py(name)
    model = trained()
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape))
    model.load_weights(folder / name)
    same_weights(model.get_weights(), folder)


@folders
@pytest.mark.parametrize(("name", "data"), [("words", TEXT), ("quantized", X)])
def test_vocabularies_and_integers(folder, name, data):
    model = corten.saving.load_model(folder / f"{name}.corten")
    np.testing.assert_allclose(model.predict(data, verbose=0), expected(folder, name), rtol=1e-5, atol=1e-6)
    made = {"words": words, "quantized": quantized}[name]()
    made.load_weights(folder / f"{name}.corten")
    np.testing.assert_allclose(made.predict(data, verbose=0), expected(folder, name), rtol=1e-5, atol=1e-6)


@folders
def test_state_of_training_and_cached_elements(folder, tmp_path):
    from corten.training.checkpoint.files import read_checkpoint

    state, arrays = read_checkpoint(folder / "checkpoint.safetensors")
    assert state == {"step": 3}
    same_weights([arrays[str(index)] for index in range(len(arrays))], folder)
    shutil.copy(folder / "elements.cache", tmp_path / "elements")
    elements = list(corten.data.Dataset.range(0).cache(str(tmp_path / "elements")).as_numpy_iterator())
    np.testing.assert_array_equal(np.stack(elements), X)


def test_this_version_has_its_files():
    assert corten.__version__ in {folder.name for folder in FOLDERS}
    assert sum(path.stat().st_size for path in FOLDERS[-1].iterdir()) < 300_000
