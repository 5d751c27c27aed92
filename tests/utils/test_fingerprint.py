"""`fingerprint`: equal for equal models, and different for every single difference."""

import subprocess
import sys

import numpy as np
import pytest

import corten
from corten import layers
from corten.utils import fingerprint

PARTS = ("structure", "weights", "optimizer", "seeds")
x = np.random.default_rng(0).random((16, 4)).astype("float32")
y = x.sum(axis=1, keepdims=True)


def make(units=6, rate=0.2, seed=None, name=None, optimizer="adam"):
    corten.utils.set_random_seed(3)
    inputs = corten.Input((4,))
    h = layers.Dense(units, "relu", name=name)(inputs)
    h = layers.Dropout(rate, seed=seed)(h)
    h = layers.Concatenate()([h, inputs])
    model = corten.Model(inputs, layers.Dense(1)(h))
    if optimizer is not None:
        model.compile(optimizer, "mse")
    return model


def of(model):
    return {part: fingerprint(model, part) for part in PARTS}


def different(one, other):
    first, second = of(one), of(other)
    return {part for part in PARTS if first[part] != second[part]}


def test_a_hash_of_sixteen_digits():
    text = fingerprint(make())
    assert len(text) == 16
    int(text, 16)


def test_names_and_layers_made_before_do_not_matter():
    one = make()
    layers.Dense(3)
    other = make(name="relu")  # which is a setting elsewhere
    assert one.layers[1].name != other.layers[1].name
    assert of(one) == of(other)


def test_other_settings_are_another_structure():
    assert different(make(), make(rate=0.3)) == {"structure"}
    assert different(make(units=6), make(units=7)) == {"structure", "weights"}
    frozen = make()
    frozen.layers[1].trainable = False
    assert "structure" in different(make(), frozen)


def test_the_same_layers_wired_otherwise_are_another_structure():
    def wired(first):
        corten.utils.set_random_seed(3)
        inputs = corten.Input((4,))
        h = layers.Dense(4, "relu")(inputs)
        return corten.Model(inputs, layers.Subtract()([h, inputs] if first else [inputs, h]))

    assert different(wired(True), wired(False)) == {"structure"}


def test_one_bit_of_one_weight():
    one, other = make(), make()
    weights = other.get_weights()
    weights[-1].view("uint32")[0] ^= 1
    other.set_weights(weights)
    assert different(one, other) == {"weights"}
    assert fingerprint(one, ["structure", "seeds"]) == fingerprint(other, ["structure", "seeds"])
    assert fingerprint(one) != fingerprint(other)


def test_seeds_and_how_far_random_streams_are():
    assert different(make(seed=4), make(seed=5)) == {"seeds"}
    one, other = make(seed=5), make(seed=5)
    assert of(one) == of(other)
    other(x, training=True)
    assert different(one, other) == {"seeds"}


def test_settings_and_state_of_the_optimizer():
    assert different(make(), make(optimizer="sgd")) == {"optimizer"}
    assert different(make(), make(optimizer=None)) == {"optimizer"}
    one, other = make(), make()
    one.fit(x, y, epochs=2, verbose=0)
    other.fit(x, y, epochs=2, verbose=0)
    assert of(one) == of(other)
    other.optimizer.learning_rate = 0.5
    assert different(one, other) == {"optimizer"}


@pytest.mark.parametrize("ending", [".corten", ".keras"])
def test_a_file_gives_it_back(tmp_path, ending):
    model = make(seed=5)
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / f"model{ending}")
    assert of(corten.models.load_model(tmp_path / f"model{ending}")) == of(model)


def test_every_dtype_and_a_class_without_settings():
    class Own(corten.Model):
        def __init__(self, function):
            super().__init__()
            self.blocks = [layers.Dense(3, dtype="bfloat16"), layers.Dense(2, dtype="float64")]
            self.function = function

        def call(self, inputs):
            return self.blocks[1](self.function(self.blocks[0](inputs)))

    def own():
        corten.utils.set_random_seed(1)
        model = Own(lambda value: value)
        model(x)
        return model

    one, other = own(), own()
    assert of(one) == of(other)
    other.blocks[0].kernel.assign(other.blocks[0].kernel * 2)
    assert different(one, other) == {"weights"}


def test_another_process_agrees():
    program = (
        "import corten; from corten import layers; corten.utils.set_random_seed(3);"
        "m = corten.Sequential([corten.Input((4,)), layers.Dense(3), layers.Dropout(0.1)]);"
        "m.compile('adam', 'mse');"
        "print(corten.utils.fingerprint(m))"
    )
    runs = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_what_is_refused():
    with pytest.raises(
        ValueError, match="parts are some of structure, weights, optimizer, seeds; got 'names'"
    ):
        fingerprint(make(), "names")
    with pytest.raises(ValueError, match="parts are some of"):
        fingerprint(make(), [])
    with pytest.raises(TypeError, match="a model or a layer; got str"):
        fingerprint("model")
    with pytest.raises(ValueError, match="has no weights yet"):
        fingerprint(corten.Sequential([layers.Dense(2)]))
