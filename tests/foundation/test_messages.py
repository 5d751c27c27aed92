"""What a beginner reads after a slip of the pen."""

import numpy as np
import pytest

import corten
import corten.tf as tf
from corten import Input, Model, Sequential, layers


def test_saving_under_the_wrong_ending(tmp_path):
    model = Sequential([Input((2,)), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"model.save_weights\('x.weights.h5'\)"):
        model.save(tmp_path / "x.weights.h5")
    with pytest.raises(ValueError, match=r"model.save\('x.corten'\)"):
        model.save(tmp_path / "x.foo")
    model.save(tmp_path / "model-0.25")


def test_model_without_outputs():
    with pytest.raises(TypeError, match="`outputs` are missing"):
        Model(inputs=Input((2,)))


@pytest.mark.parametrize(
    ("module", "wrong", "right"),
    [
        (corten.layers, "Dens", "Dense"),
        (corten.losses, "MeanSquareError", "MeanSquaredError"),
        (corten.metrics, "Recal", "Recall"),
        (corten.optimizers, "Adma", "Adam"),
        (corten.ops, "relue", "relu"),
    ],
)
def test_misspelled_names(module, wrong, right):
    with pytest.raises(AttributeError, match=f"Did you mean '{right}'"):
        getattr(module, wrong)
    assert not hasattr(module, "_nothing")


def test_dict_for_a_layer_of_one_tensor():
    with pytest.raises(ValueError, match=r"takes one tensor; it received a dict with keys \['a'\]"):
        layers.Dense(3)({"a": np.ones((2, 2), "float32")})


def test_warning_counts_infinities_apart():
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.array([[np.nan, 1], [np.inf, 1]], "float32")
    with pytest.warns(UserWarning, match="2 NaN or infinite values"):
        model.fit(x, np.ones((2, 1), "float32"), verbose=0)


def test_integers_out_of_range():
    with pytest.raises(OverflowError, match="300 out of bounds for uint8"):
        corten.ops.convert_to_tensor([300], dtype="uint8")
    assert corten.ops.convert_to_tensor([255], dtype="uint8").tolist() == [255]
    assert corten.ops.convert_to_tensor(np.array([300]), dtype="uint8").tolist() == [44]


def test_short_names():
    assert corten.losses.mse is corten.losses.MSE is corten.losses.mean_squared_error
    for name in ("bce", "kld", "mae", "mape", "msle"):
        assert getattr(corten.metrics, name) is getattr(corten.losses, name.upper())


def test_tf_functions():
    x = tf.constant([[3.0, 4.0], [2.0, 1.0]])
    assert tf.norm(x[0]) == 5.0
    assert tf.norm(x, axis=1, keepdims=True).shape == (2, 1)
    assert tf.norm(x, keepdims=True).shape == (1, 1)
    assert tf.sort(x, direction="DESCENDING").tolist() == [[4.0, 3.0], [2.0, 1.0]]
    assert tf.argsort(x).tolist() == [[0, 1], [1, 0]]
    assert tf.map_fn(lambda row: row * 2, x).tolist() == [[6.0, 8.0], [4.0, 2.0]]
