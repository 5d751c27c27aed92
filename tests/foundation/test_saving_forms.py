"""Folders, several files, parts of models, and the editor of weights."""

import json

import numpy as np
import pytest

import corten
from corten import layers
from corten.saving import KerasFileEditor, files

pytest.importorskip("h5py")


def make_model(*units, seed=0):
    corten.utils.set_random_seed(seed)
    return corten.Sequential([corten.Input((3,)), *(layers.Dense(size) for size in units)])


def same_weights(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_a_folder_in_place_of_a_file(tmp_path):
    model = make_model(4, 2)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.save(tmp_path / "folder", zipped=False)
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        "config.json",
        "metadata.json",
        "model.weights.h5",
    ]
    loaded = corten.saving.load_model(tmp_path / "folder")
    assert same_weights(model, loaded)
    assert int(loaded.optimizer.iterations) == 1
    with pytest.raises(ValueError, match=r"should not end in `.keras`"):
        model.save(tmp_path / "model.keras", zipped=False)
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "folder", zipped=False, overwrite=False)
    (tmp_path / "folder" / "config.json").unlink()
    with pytest.raises(ValueError, match=r"is a folder, not a Corten model file .*no config\.json"):
        corten.saving.load_model(tmp_path / "folder")


@pytest.mark.parametrize("size", [None, 1, 440 / 2**30])
def test_weights_in_several_files(tmp_path, size):
    model, other = make_model(8, 12, 2), make_model(8, 12, 2, seed=1)
    path = tmp_path / "some.weights.json"
    model.save_weights(path, max_shard_size=size)
    shards = sorted(tmp_path.glob("some_*.weights.h5"))
    assert len(shards) == (1 if size is None or size == 1 else 3)
    listed = json.loads(path.read_text())
    assert listed["metadata"]["total_size"] == 4 * model.count_params()
    assert set(listed["weight_map"]) == {"/layers/dense/vars", "/layers/dense_1/vars", "/layers/dense_2/vars"}
    other.load_weights(path)
    assert same_weights(model, other)
    assert KerasFileEditor(path).compare(model)["status"] == "success"


def test_lists_of_files_that_are_wrong(tmp_path):
    model = make_model(8)
    path = tmp_path / "some.weights.json"
    with pytest.raises(ValueError, match="more than max_shard_size"):
        model.save_weights(path, max_shard_size=10 / 2**30)
    with pytest.raises(ValueError, match=r"must end in `.weights.json`"):
        model.save_weights(tmp_path / "some.weights.h5", max_shard_size=1)
    model.save_weights(path, max_shard_size=1)
    for names, message in ([["../x.weights.h5"], "no name of"], [["x.weights.h5"], "not beside it"]):
        path.write_text(json.dumps({"metadata": {}, "weight_map": {"/layers/dense/vars": names}}))
        with pytest.raises(ValueError, match=message):
            model.load_weights(path)
    path.write_text("{}")
    with pytest.raises(ValueError, match="no `weight_map`"):
        model.load_weights(path)


@pytest.mark.parametrize("name", ["x.weights.h5", "x.safetensors", "x.npz"])
def test_layers_to_skip(tmp_path, name):
    model, other = make_model(4, 2), make_model(4, 2, seed=1)
    before = other.layers[0].get_weights()
    model.save_weights(tmp_path / name)
    other.load_weights(tmp_path / name, objects_to_skip=[other.layers[0]])
    assert np.array_equal(other.layers[0].get_weights()[0], before[0])
    assert np.array_equal(other.layers[1].get_weights()[0], model.layers[1].get_weights()[0])
    model.save_weights(tmp_path / name, objects_to_skip=[model.layers[1]])
    third = make_model(4, 2, seed=2)
    with pytest.raises(ValueError, match="has no weights in the file"):
        third.load_weights(tmp_path / name)
    third.load_weights(tmp_path / name, objects_to_skip=[third.layers[1]])
    assert np.array_equal(third.layers[0].get_weights()[0], model.layers[0].get_weights()[0])


def test_arguments_and_names_that_are_wrong(tmp_path):
    model = make_model(2)
    with pytest.raises(ValueError, match="`save_format` argument is deprecated"):
        model.save(tmp_path / "a.corten", save_format="h5")
    for call in (model.save, model.save_weights):
        with pytest.raises(ValueError, match=r"not supported: \['other'\]"):
            call(tmp_path / "a.corten", other=1)
    with pytest.raises(ValueError, match=r"not supported: \['other'\]"):
        model.load_weights(tmp_path / "a.weights.h5", other=1)
    with pytest.raises(ValueError, match="Invalid filepath extension"):
        model.save(tmp_path / "a.png")
    for error in (ValueError, FileNotFoundError):
        with pytest.raises(error, match="File not found"):
            corten.saving.load_model(tmp_path / "a.keras")
        with pytest.raises(error, match="File format not supported"):
            corten.saving.load_model(tmp_path / "a.pickle")


def test_editing_until_the_file_fits_another_model(tmp_path, capsys):
    model, target = make_model(3, 3), make_model(3, 3, 3, seed=1)
    model.save(tmp_path / "model.keras")
    editor = KerasFileEditor(tmp_path / "model.keras")
    assert editor.compare(model) == {"status": "success", "error_count": 0, "match_count": 4}
    assert editor.compare(target) == {"status": "error", "error_count": 1, "match_count": 4}
    kernel, bias = np.arange(9.0, dtype="float32").reshape(3, 3), np.ones(3, "float32")
    editor.add_object("layers/new", {"0": kernel})
    editor.rename_object("new", "dense_2")
    assert editor.compare(target)["error_count"] == 1
    assert "layers/dense_2/1: not in the file" in capsys.readouterr().out
    editor.add_weights("dense_2", {"1": np.zeros(7)})
    assert editor.compare(target)["error_count"] == 1
    editor.delete_weight("layers/dense_2", "1")
    editor.add_weights("dense_2", {"1": bias})
    assert editor.compare(target)["status"] == "success"
    for name in ("x.weights.h5", "x.safetensors"):
        editor.save(tmp_path / name)
        target.load_weights(tmp_path / name)
        assert np.array_equal(target.layers[2].kernel, kernel)
        assert np.array_equal(target.layers[0].kernel, model.layers[0].kernel)
    editor.delete_object("dense_2")
    assert editor.compare(model)["status"] == "success"
    editor.summary()
    assert "layers/dense_1\n    0: (3, 3) float32\n    1: (3,) float32\n" in capsys.readouterr().out


def test_edits_that_cannot_be_done(tmp_path):
    make_model(3, 3).save_weights(tmp_path / "x.weights.h5")
    editor = KerasFileEditor(tmp_path / "x.weights.h5")
    for edit, message in (
        (lambda: editor.delete_object("dense_7"), "no object 'dense_7'"),
        (lambda: editor.rename_object("dense", "dense_1"), "there is a 'layers/dense_1' already"),
        (lambda: editor.add_object("layers/dense", {"0": [1.0]}), "use `add_weights`"),
        (lambda: editor.add_weights("dense", {"0": [1.0]}), "has weights named"),
        (lambda: editor.add_object("layers/other", {"0": "text"}), "no arrays of numbers"),
        (lambda: editor.add_object("layers/other", [1.0]), "must be a dict of arrays"),
        (lambda: editor.delete_weight("dense", "5"), "has no weight '5'"),
        (lambda: editor.save(tmp_path / "x.txt"), "must end in"),
    ):
        with pytest.raises(ValueError, match=message):
            edit()
    with pytest.raises(FileNotFoundError, match="File not found"):
        KerasFileEditor(tmp_path / "y.weights.h5")
    files.write_archive(tmp_path / "x.corten", {"config.json": b"{}"})
    with pytest.raises(ValueError, match=r"it has no weights\.safetensors"):
        KerasFileEditor(tmp_path / "x.corten")


def test_a_layers_own_loading_is_called_without_weights_of_its_own(tmp_path):
    class Around(corten.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = corten.layers.Dense(1)
            self.loaded = 0

        def call(self, inputs):
            return self.dense(inputs)

        def load_own_variables(self, store):
            assert not store
            self.loaded += 1

    model = corten.Sequential([corten.Input((1,)), Around()])
    model.save(tmp_path / "model.corten")
    again = corten.models.load_model(tmp_path / "model.corten", custom_objects={"Around": Around})
    assert again.layers[0].loaded == 1
