"""Whole models written to `.h5` files, laid out as Keras 3 lays them out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import corten
from corten import layers

FOLDER = Path(__file__).parent
NAMES = ["dense", "two_inputs", "nested", "recurrent", "attention", "convolution"]


def without_what_is_new(config: Any) -> Any:
    """Class names and layer names, and how layers are connected."""
    if isinstance(config, list):
        return [without_what_is_new(item) for item in config]
    if not isinstance(config, dict):
        return config
    inner = config["config"]
    return {
        "class_name": config["class_name"],
        "name": config.get("name"),
        "inner": inner.get("name"),
        # Calls of functions keep the module: without it `Add` would be the layer.
        "keys": sorted(set(config) - {"module", "registered_name"}),
        "layers": without_what_is_new(inner.get("layers")),
    }


def once(name: str) -> str:
    return re.sub("(forward_|backward_)+", r"\1", name)


def contents(path: Path) -> dict[str, Any]:
    """Datasets' shapes and the lists of names.

    Bidirectional names a layer that it is given again, so a name that was read has its prefix twice.
    """
    found: dict[str, Any] = {}

    def visit(name: str, member: Any) -> None:
        if isinstance(member, h5py.Dataset):
            found[once(name)] = (member.shape, str(member.dtype))
        for attribute in ("layer_names", "weight_names"):
            if attribute in member.attrs:
                found[f"{name}@{attribute}"] = [once(str(item)) for item in member.attrs[attribute]]

    with h5py.File(path) as file:
        file.visititems(visit)
        found["config"] = without_what_is_new(json.loads(file.attrs["model_config"]))
        found["attributes"] = sorted(file.attrs)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_is_that_of_keras(name: str, tmp_path: Path) -> None:
    model = corten.models.load_model(FOLDER / f"{name}.h5")
    model.save(tmp_path / "model.h5")
    written, expected = contents(tmp_path / "model.h5"), contents(FOLDER / f"{name}.h5")
    assert written == expected


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    model = corten.models.load_model(FOLDER / f"{name}.h5")
    corten.models.save_model(model, tmp_path / "model.hdf5")
    again = corten.models.load_model(tmp_path / "model.hdf5")
    with np.load(FOLDER / f"{name}.npz") as arrays:
        inputs = [arrays[key] for key in arrays if key.startswith("input")]
    x = inputs if len(inputs) > 1 else inputs[0]
    outputs = [each.predict(x, verbose=0) for each in (model, again)]
    if not isinstance(outputs[0], list):
        outputs = [[output] for output in outputs]
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_array_equal(one, other)


def trained() -> Any:
    model = corten.Sequential([corten.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile(corten.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(np.ones((8, 4), "float32"), np.zeros((8, 1), "float32"), epochs=2, verbose=0)
    return model


def test_training_goes_on(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path / "model.h5")
    again = corten.models.load_model(tmp_path / "model.h5")
    for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    x, y = np.ones((8, 4), "float32"), np.zeros((8, 1), "float32")
    histories = [each.fit(x, y, epochs=2, shuffle=False, verbose=0).history for each in (model, again)]
    assert histories[0] == histories[1]
    with h5py.File(tmp_path / "model.h5") as file:
        # Keras finds losses by their full names only.
        assert json.loads(file.attrs["training_config"])["loss"] == "mean_squared_error"
    model.save(tmp_path / "plain.h5", include_optimizer=False)
    assert corten.models.load_model(tmp_path / "plain.h5").optimizer is None


@corten.saving.register_keras_serializable("hdf5_tests")
class Scaled(layers.Layer):
    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        self.shift = self.add_weight(shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale + self.shift


def test_layers_of_ones_own_and_functions_between_layers(tmp_path: Path) -> None:
    inputs = corten.Input((3,))
    model = corten.Model(inputs, corten.ops.add(Scaled()(inputs), inputs))
    model.layers[1].set_weights([np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])])
    model.save(tmp_path / "model.h5")
    again = corten.models.load_model(tmp_path / "model.h5")
    np.testing.assert_array_equal(again.predict(np.ones((1, 3), "float32"), verbose=0), [[6.0, 8.0, 10.0]])
    with h5py.File(tmp_path / "model.h5") as file:
        config = json.loads(file.attrs["model_config"])["config"]
    assert [layer["class_name"] for layer in config["layers"]] == ["InputLayer", "hdf5_tests>Scaled", "Add"]


@corten.saving.register_keras_serializable("hdf5_tests")
class WithTemperature(corten.Sequential):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.temperature = self.add_weight(shape=(), initializer="ones", name="temperature")


def test_a_models_own_weights(tmp_path: Path) -> None:
    model = WithTemperature([corten.Input((2,)), layers.Dense(1)])
    model.temperature.assign(7.0)
    model.save(tmp_path / "model.h5")
    again = corten.models.load_model(tmp_path / "model.h5")
    assert type(again) is WithTemperature
    assert float(again.temperature) == 7.0


def test_models_that_the_format_cannot_hold(tmp_path: Path) -> None:
    class Own(corten.Model):
        def call(self, inputs: Any) -> Any:
            return inputs

    for model, message in (
        (Own(), "Sequential and Functional models; got Own"),
        (corten.Sequential([layers.Dense(1)]), "is not built"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            model.save(tmp_path / "model.h5")
        assert not (tmp_path / "model.h5").exists()
    with pytest.raises(ValueError, match=r"save_weights\('model\.weights\.h5'\)"):
        trained().save(tmp_path / "model.weights.h5")


def test_many_names_and_half_precision(tmp_path: Path) -> None:
    from corten.saving import legacy_writer
    from corten.saving.legacy_reader import LegacyModel

    with h5py.File(tmp_path / "names.h5", "w") as file:
        names = [f"layer_{index}" for index in range(4500)]
        for name in names:
            group = file.create_group(name)
            legacy_writer._write_arrays(group, ["same", "same"], [np.zeros(1), np.ones(1)])
        legacy_writer._write_names(file, "layer_names", names)
    stored = LegacyModel(tmp_path / "names.h5")
    assert [name for name, _ in stored.layers] == names
    assert [array.tolist() for array in stored.layers[-1][1]] == [[0.0], [1.0]]
    model = corten.Sequential([corten.Input((2,)), layers.Dense(1, dtype="bfloat16")])
    model.save(tmp_path / "half.h5")
    again = corten.models.load_model(tmp_path / "half.h5")
    np.testing.assert_array_equal(
        np.asarray(again.layers[0].kernel.numpy(), "float32"),
        np.asarray(model.layers[0].kernel.numpy(), "float32"),
    )
