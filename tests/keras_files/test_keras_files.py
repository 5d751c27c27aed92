"""Files that Keras wrote are read, files for Keras are written, and nothing in a file is run or followed."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import corten
from corten import layers

FOLDER = Path(__file__).parent
NAMES = ["dense", "two_inputs", "nested", "recurrent", "attention", "convolution"]


def reference(name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return (
            [arrays[key] for key in arrays if key.startswith("input")],
            [arrays[key] for key in arrays if key.startswith("output")],
        )


def check(model: Any, name: str) -> None:
    inputs, expected = reference(name)
    found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    for one, other in zip(found if isinstance(found, list) else [found], expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("name", NAMES)
def test_models_of_keras_3(name: str, ending: str) -> None:
    check(corten.models.load_model(FOLDER / f"{name}{ending}"), name)


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5"])
def test_weights_of_keras_3(ending: str) -> None:
    model = corten.models.clone_model(corten.models.load_model(FOLDER / "dense.keras"))
    model.load_weights(FOLDER / f"dense{ending}")
    check(model, "dense")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_training_goes_on(ending: str) -> None:
    model = corten.models.load_model(FOLDER / f"dense{ending}")
    assert isinstance(model.optimizer, corten.optimizers.Adam)
    assert int(model.optimizer.iterations) == 2
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert np.abs(model.optimizer.variables[2].numpy()).max() > 0
    x = np.ones((8, 4), "float32")
    history = model.fit(x, np.zeros((8, 2), "float32"), epochs=2, verbose=0).history
    assert set(history) == {"loss", "mae"}
    assert corten.models.load_model(FOLDER / f"dense{ending}", compile=False).optimizer is None


@pytest.mark.parametrize("name", NAMES)
def test_written_as_keras_writes_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    corten.models.load_model(FOLDER / f"{name}.keras").save(path)
    check(corten.models.load_model(path), name)
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
        config = archive.read("config.json").decode()
        assert "corten" not in config
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            written: dict[str, tuple[int, ...]] = {}
            file.visititems(
                lambda path, member: (
                    written.update({path: member.shape}) if hasattr(member, "shape") else None
                )
            )
    with (
        zipfile.ZipFile(FOLDER / f"{name}.keras") as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file,
    ):
        expected: dict[str, tuple[int, ...]] = {}
        file.visititems(
            lambda path, member: expected.update({path: member.shape}) if hasattr(member, "shape") else None
        )
    keep = {path: shape for path, shape in expected.items() if "seed_generator" not in path}
    assert {path: shape for path, shape in written.items() if "seed_generator" not in path} == keep


def test_a_function_that_keras_has_no_class_for_is_warned_about(tmp_path: Path) -> None:
    inputs = corten.Input((3,))
    model = corten.Model(inputs, corten.ops.sum(inputs, axis=1))
    with pytest.warns(UserWarning, match=r"ops\.sum"):
        model.save(tmp_path / "model.keras")
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(
        corten.models.load_model(tmp_path / "model.keras").predict(x, verbose=0), [3.0, 3.0]
    )


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    model = corten.models.load_model(FOLDER / "dense.keras")
    model.save(tmp_path / "one.keras")
    model.save(tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()


# -- Keras 2 --------------------------------------------------------------------------------------------


def write_keras_2(
    path: Path, config: Any, weights: dict[str, dict[str, np.ndarray]], training: Any = None
) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = np.bytes_("2.4.0")
        file.attrs["model_config"] = np.bytes_(json.dumps(config))
        if training:
            file.attrs["training_config"] = np.bytes_(json.dumps(training))
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [np.bytes_(name) for name in weights]
        for name, arrays in weights.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [np.bytes_(weight) for weight in arrays]
            for weight, values in arrays.items():
                group.create_dataset(weight, data=values)


RNG = np.random.default_rng(1)
KERNEL, BIAS = RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=3).astype("float32")


def dense_2(name: str, units: int, **more: Any) -> dict[str, Any]:
    return {
        "class_name": "Dense",
        "config": {
            "name": name,
            "trainable": True,
            "dtype": "float32",
            "units": units,
            "activation": "tanh",
            "use_bias": True,
            "kernel_initializer": {
                "class_name": "VarianceScaling",
                "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
            },
            "bias_initializer": {"class_name": "Zeros", "config": {}},
            "kernel_regularizer": None,
            "bias_regularizer": None,
            "activity_regularizer": None,
            "kernel_constraint": None,
            "bias_constraint": None,
            **more,
        },
    }


WEIGHTS = {"dense_1": {"dense_1/kernel:0": KERNEL, "dense_1/bias:0": BIAS}}
TRAINING = {
    "loss": "mse",
    "metrics": ["mae"],
    "weighted_metrics": None,
    "loss_weights": None,
    "optimizer_config": {
        "class_name": "Adam",
        "config": {"name": "Adam", "lr": 0.5, "decay": 0.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    },
}


@pytest.mark.parametrize("as_list", [False, True])
def test_a_sequential_of_keras_2(as_list: bool, tmp_path: Path) -> None:
    stack = [dense_2("dense_1", 3, batch_input_shape=[None, 4])]
    config = {
        "class_name": "Sequential",
        "config": stack if as_list else {"name": "sequential_1", "layers": stack},
    }
    write_keras_2(tmp_path / "old.h5", config, WEIGHTS, TRAINING)
    model = corten.models.load_model(tmp_path / "old.h5")
    x = RNG.normal(size=(2, 4)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), np.tanh(x @ KERNEL + BIAS), rtol=1e-5)
    assert float(model.optimizer.learning_rate) == 0.5
    assert set(model.evaluate(x, np.ones((2, 3)), verbose=0, return_dict=True)) == {"loss", "mae"}


def test_a_functional_of_keras_2(tmp_path: Path) -> None:
    start = {
        "batch_input_shape": [None, 4],
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": "input_1",
    }
    config = {
        "class_name": "Model",
        "config": {
            "name": "model_1",
            "layers": [
                {"class_name": "InputLayer", "name": "input_1", "config": start, "inbound_nodes": []},
                {**dense_2("dense_1", 3), "name": "dense_1", "inbound_nodes": [[["input_1", 0, 0, {}]]]},
                {
                    "class_name": "Add",
                    "name": "add_1",
                    "config": {"name": "add_1", "trainable": True, "dtype": "float32"},
                    "inbound_nodes": [[["dense_1", 0, 0, {}], ["dense_1", 0, 0, {}]]],
                },
            ],
            "input_layers": [["input_1", 0, 0]],
            "output_layers": [["add_1", 0, 0]],
        },
    }
    write_keras_2(tmp_path / "old.hdf5", config, {"input_1": {}, **WEIGHTS, "add_1": {}})
    x = RNG.normal(size=(2, 4)).astype("float32")
    found = corten.models.load_model(tmp_path / "old.hdf5").predict(x, verbose=0)
    np.testing.assert_allclose(found, 2 * np.tanh(x @ KERNEL + BIAS), rtol=1e-5)


def test_weights_of_keras_2_by_place(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense_7"]
        group = file.create_group("dense_7")
        group.attrs["weight_names"] = [b"dense_7/kernel:0", b"dense_7/bias:0"]
        group.create_dataset("dense_7/kernel:0", data=KERNEL)
        group.create_dataset("dense_7/bias:0", data=BIAS)
    model = corten.Sequential([corten.Input((4,)), layers.Dense(3)])
    model.load_weights(path)
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), KERNEL)
    with pytest.raises(ValueError, match=r"holds weights and no model"):
        corten.models.load_model(path)
    other = corten.Sequential([corten.Input((4,)), layers.Dense(5)])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"layer 'dense_7'.*\(4, 3\), \(3,\).*\(4, 5\), \(5,\)"):
        other.load_weights(path)
    for one, value in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, value)


# -- what must not happen -------------------------------------------------------------------------------


def changed(path: Path, **members: Any) -> Path:
    """A copy of dense.keras with other members."""
    with zipfile.ZipFile(FOLDER / "dense.keras") as archive:
        contents: dict[str, Any] = {name: archive.read(name) for name in archive.namelist()}
    contents.update({name.replace("__", "."): data for name, data in members.items()})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            if data is not None:
                archive.writestr(name, data)
    return path


def config_of_one(layer: dict[str, Any]) -> bytes:
    start = {
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 4], "name": "x"},
        "module": "keras.layers",
    }
    inner = {"name": "s", "layers": [start, layer]}
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": inner}).encode()


def test_code_is_refused(tmp_path: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": code}}
    path = changed(tmp_path / "model.keras", config__json=config_of_one(layer))
    with pytest.raises((ValueError, TypeError), match="code of a lambda"):
        corten.models.load_model(path)


@pytest.mark.parametrize("module", ["os", "keras.src.utils.file_utils", "builtins", "corten.saving.files"])
def test_nothing_is_imported_by_name(module: str, tmp_path: Path) -> None:
    layer = {"module": module, "class_name": "system", "config": {"command": "true"}, "registered_name": None}
    path = changed(tmp_path / "model.keras", config__json=config_of_one(layer))
    with pytest.raises(TypeError, match="Could not locate class 'system'"):
        corten.models.load_model(path)


def test_damaged_archives(tmp_path: Path) -> None:
    whole = (FOLDER / "dense.keras").read_bytes()
    path = tmp_path / "model.keras"
    for data in (b"", b"PK", whole[:2000], whole[:-30]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"model\.keras"):
            corten.models.load_model(path)
    with pytest.raises(ValueError, match=r"has no config\.json"):
        corten.models.load_model(changed(path, config__json=None))
    with pytest.raises(ValueError, match=r"config\.json"):
        corten.models.load_model(changed(path, config__json=b"{"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config_of_one({}))
        archive.writestr("model.weights.h5", b"no HDF5")
    with pytest.raises(ValueError, match=r"model\.weights\.h5"):
        corten.models.load_model(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = changed(tmp_path / "model.keras", config__json=b" " * (1 << 28))
    with pytest.raises(ValueError, match="unpack to"):
        corten.models.load_model(path)


@pytest.mark.parametrize("kind", ["external", "soft", "virtual", "outside"])
def test_links_are_not_followed(kind: str, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.zeros((4, 3), "float32")
    path = tmp_path / "model.h5"
    write_keras_2(path, {"class_name": "Sequential", "config": {"name": "s", "layers": []}}, WEIGHTS)
    with h5py.File(path, "a") as file:
        group = file["model_weights/dense_1/dense_1"]
        del group["kernel:0"]
        if kind == "external":
            group["kernel:0"] = h5py.ExternalLink(str(other), "secret")
        elif kind == "soft":
            group["kernel:0"] = h5py.SoftLink("/model_weights/dense_1/dense_1/bias:0")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((4, 3), "float32")
            layout[:] = h5py.VirtualSource(str(other), "secret", (4, 3))
            group.create_virtual_dataset("kernel:0", layout)
        else:
            group.create_dataset("kernel:0", (4, 3), "float32", external=[(str(other), 0, 48)])
    model = corten.Sequential([corten.Input((4,)), layers.Dense(3)])
    with pytest.raises(ValueError, match=r"is a link|refers to another file"):
        model.load_weights(path)
