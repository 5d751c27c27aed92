"""What is read from configurations that are unusual or wrong."""

import numpy as np
import pytest

import corten
from corten import layers, saving


def test_a_layer_as_an_activation_keeps_its_settings(tmp_path):
    model = corten.Sequential(
        [corten.Input((4,)), layers.Dense(3, activation=layers.LeakyReLU(negative_slope=0.15, name="leaky"))]
    )
    model.save(tmp_path / "model.corten")
    loaded = saving.load_model(tmp_path / "model.corten")
    activation = loaded.layers[0].activation
    assert isinstance(activation, layers.LeakyReLU)
    assert (activation.negative_slope, activation.name) == (0.15, "leaky")
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_model_with_its_own_compile_is_not_compiled_on_loading(tmp_path):
    @saving.register_keras_serializable("test_saved_objects")
    class Own(corten.Sequential):
        def compile(self, rate, **kwargs):
            super().compile(corten.optimizers.SGD(rate), "mse", **kwargs)

    model = Own([corten.Input((2,)), layers.Dense(1)])
    model.compile(0.5)
    model.save(tmp_path / "model.corten")
    with pytest.warns(UserWarning, match="`compile\\(\\)` was not called as part of model loading"):
        loaded = saving.load_model(tmp_path / "model.corten")
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"class_name": "Dense", "config": [1]}, TypeError, "Expected 'config' to be a dict"),
        ({"class_name": "function", "config": [1]}, TypeError, "Expected 'config' to be a non-null str"),
        (
            {
                "class_name": "Dense",
                "module": "keras.layers",
                "registered_name": "subprocess.Popen",
                "config": {"units": 1},
            },
            ValueError,
            "'subprocess.Popen' resolved to a Keras built-in",
        ),
        (
            {"class_name": "Sequential", "module": "keras", "config": {"name": "s", "layers": [{}]}},
            ValueError,
            "Expected a dictionary containing a 'config' key",
        ),
    ],
)
def test_configurations_that_are_wrong(config, error, message):
    with pytest.raises(error, match=message):
        saving.deserialize_keras_object(config)


def test_a_registered_function_without_its_package():
    @saving.register_keras_serializable(package="test_saved_objects")
    def squared_here(x):
        return x**2

    config = {
        "module": "builtins",
        "class_name": "function",
        "config": "squared_here",
        "registered_name": "function",
    }
    assert saving.deserialize_keras_object(config) is squared_here


def test_a_class_without_from_config(tmp_path):
    @saving.register_keras_serializable(package="test_saved_objects")
    class Factor:
        def __call__(self, x):
            return x * 2

        def get_config(self):
            return {}

    model = corten.Sequential([corten.Input((2,)), layers.Dense(1, activation=Factor())])
    model.save(tmp_path / "model.corten")
    with pytest.raises(TypeError, match="Unable to reconstruct an instance of 'Factor'"):
        saving.load_model(tmp_path / "model.corten")


def test_a_class_in_place_of_an_object(tmp_path):
    model = corten.Sequential([corten.Input((2,)), layers.Dense(1)])
    model.compile("sgd", corten.losses.Huber)
    model.save(tmp_path / "m.corten")
    assert corten.models.load_model(tmp_path / "m.corten").loss is corten.losses.Huber


def test_objects_that_from_config_forgets_are_named(tmp_path):
    @corten.saving.register_keras_serializable(package="forgets")
    class Around(corten.layers.Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def call(self, x):
            return self.inner(x)

        def get_config(self):
            return {**super().get_config(), "inner": corten.saving.serialize_keras_object(self.inner)}

    inputs = corten.Input((3,))
    model = corten.Model(inputs, Around(corten.layers.Dense(2), name="around")(inputs))
    model.save(tmp_path / "model.keras")
    with pytest.raises(TypeError, match=r"'around' .*holds inner: make sure .* are explicitly deserialized"):
        corten.saving.load_model(tmp_path / "model.keras")
