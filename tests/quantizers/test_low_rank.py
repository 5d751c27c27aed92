"""LoRA: a frozen weight with a trained product of thin matrices beside it."""

import numpy as np
import pytest

import corten
from corten import layers, models

RNG = np.random.default_rng(0)

CASES = {
    "dense": (lambda: layers.Dense(4), (5,), "kernel"),
    "einsum": (lambda: layers.EinsumDense("ab,bcd->acd", (2, 3), bias_axes="d"), (5,), "kernel"),
    "conv1d": (lambda: layers.Conv1D(4, 3), (8, 5), "kernel"),
    "conv2d": (lambda: layers.Conv2D(4, 3, groups=2), (8, 8, 6), "kernel"),
    "conv3d": (lambda: layers.Conv3D(4, 2), (4, 4, 4, 2), "kernel"),
    "embedding": (lambda: layers.Embedding(9, 6), (5,), "embeddings"),
}


def data(name, shape):
    if name == "embedding":
        return RNG.integers(0, 9, (16, *shape))
    return RNG.normal(size=(16, *shape)).astype("float32")


@pytest.mark.parametrize("name", CASES)
def test_product_is_trained_and_saved_as_part_of_the_weight(name, tmp_path):
    make, shape, weight = CASES[name]
    layer = make()
    x = data(name, shape)
    model = models.Sequential([layers.Input(shape, dtype="int32" if name == "embedding" else None), layer])
    before = model.predict(x, verbose=0)
    trained = len(layer.trainable_weights)
    layer.enable_lora(2, lora_alpha=3.0)
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (trained + 1, 1)
    # Nothing is added at first.
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
    frozen = np.asarray(getattr(layer, f"_{weight}"))
    model.compile("sgd", "mse")
    model.fit(x, np.ones_like(before), epochs=2, verbose=0)
    a, b = (getattr(layer, f"lora_{weight}_{letter}").numpy() for letter in "ab")
    assert a.shape == (*frozen.shape[:-1], 2)
    assert b.shape == (2, frozen.shape[-1])
    assert np.abs(b).max() > 0
    np.testing.assert_array_equal(getattr(layer, f"_{weight}"), frozen)
    np.testing.assert_allclose(getattr(layer, weight), frozen + 1.5 * (a @ b), rtol=1e-5, atol=1e-6)
    after = model.predict(x, verbose=0)
    assert np.abs(after - before).max() > 0
    # A file has the sum: a layer without the product reads it too.
    model.save_weights(tmp_path / "merged.safetensors")
    plain = models.Sequential([layers.Input(shape, dtype="int32" if name == "embedding" else None), make()])
    plain.load_weights(tmp_path / "merged.safetensors")
    np.testing.assert_allclose(plain.predict(x, verbose=0), after, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "whole.corten")
    whole = models.load_model(tmp_path / "whole.corten")
    again = whole.layers[-1]
    assert (again.lora_enabled, again.lora_rank, again.lora_alpha) == (True, 2, 3.0)
    np.testing.assert_allclose(whole.predict(x, verbose=0), after, rtol=1e-4, atol=1e-5)
    # What was read can be trained on.
    whole.fit(x, np.ones_like(before), epochs=1, verbose=0)
    assert np.abs(getattr(again, f"lora_{weight}_b").numpy()).max() > 0


def test_names_and_rank_argument():
    class Outer(models.Model):
        def __init__(self):
            super().__init__(name="outer")
            self.inner = layers.Dense(4, name="inner")

        def call(self, x):
            return self.inner(x)

    model = Outer()
    model(np.ones((2, 3), "float32"))
    model.inner.enable_lora(2)
    assert model.inner.lora_kernel_a.path == "outer/inner/lora_kernel_a"
    layer = layers.Dense(4, lora_rank=2)
    layer.build((None, 3))
    assert layer.lora_enabled
    assert layer.get_config()["lora_alpha"] == 2


@pytest.mark.parametrize("mode", ["int8", "int4"])
@pytest.mark.parametrize("first", ["quantize", "enable_lora"])
def test_product_beside_integers(mode, first, tmp_path):
    for make, shape in (
        (lambda: layers.Dense(4), (5,)),
        (lambda: layers.EinsumDense("ab,bcd->acd", (2, 3)), (5,)),
        (lambda: layers.Embedding(9, 6), (5,)),
    ):
        layer = make()
        table = isinstance(layer, layers.Embedding)
        x = data("embedding" if table else "", shape)
        model = models.Sequential([layers.Input(shape, dtype="int32" if table else None), layer])
        if first == "quantize":
            layer.quantize(mode)
        layer.enable_lora(2)
        if first == "enable_lora":
            layer.quantize(mode)
        before = model.predict(x, verbose=0)
        model.compile("sgd", "mse")
        model.fit(x, np.ones_like(before), epochs=2, verbose=0)
        after = model.predict(x, verbose=0)
        assert np.abs(after - before).max() > 0
        model.save_weights(tmp_path / "merged.safetensors")
        other = models.Sequential([layers.Input(shape, dtype="int32" if table else None), make()])
        other.quantize(mode)
        other.load_weights(tmp_path / "merged.safetensors")
        # Rounded anew with the product in it.
        step = 0.05 if mode == "int8" else 0.6
        assert np.abs(other.predict(x, verbose=0) - after).max() < step


def test_attention_projections_take_it():
    attention = layers.MultiHeadAttention(2, 3)
    x = RNG.normal(size=(4, 5, 6)).astype("float32")
    before = np.asarray(attention(x, x))
    attention._query_dense.enable_lora(2)
    np.testing.assert_array_equal(attention(x, x), before)
    attention._query_dense.lora_kernel_b.assign(np.ones((2, 3)))
    assert np.abs(np.asarray(attention(x, x)) - before).max() > 0


def test_messages():
    with pytest.raises(ValueError, match="isn't yet built"):
        layers.Dense(3).enable_lora(2)
    with pytest.raises(ValueError, match="incompatible with kernel constraints"):
        layers.Dense(3, kernel_constraint="max_norm").enable_lora(2)
    with pytest.raises(ValueError, match="incompatible with embedding constraints"):
        layers.Embedding(3, 2, embeddings_constraint="max_norm").enable_lora(2)
    layer = layers.Conv2D(2, 1)
    layer.build((None, 3, 3, 2))
    with pytest.raises(ValueError, match="`rank` must be a positive integer"):
        layer.enable_lora(0)
    layer.enable_lora(1)
    with pytest.raises(ValueError, match="already enabled"):
        layer.enable_lora(1)
    with pytest.raises(AttributeError, match="must build the layer before accessing `kernel`"):
        _ = layers.Dense(3).kernel


def test_training_is_still_captured():
    model = models.Sequential([layers.Input((5,)), layers.Dense(4, lora_rank=2)])
    model.compile("sgd", "mse")
    x = RNG.normal(size=(64, 5)).astype("float32")
    model.fit(x, x[:, :4], batch_size=8, epochs=2, verbose=0)
    assert model._training_state.capture.replayed > 0


@pytest.mark.parametrize("mode", [None, "int8", "int4"])
def test_captured_steps_have_the_bits_of_eager_ones(mode):
    x = RNG.normal(size=(64, 5)).astype("float32")
    results = []
    for eager in (False, True):
        corten.utils.set_random_seed(1)
        model = models.Sequential([layers.Input((5,)), layers.Dense(6, activation="relu"), layers.Dense(3)])
        if mode:
            model.quantize(mode)
        for layer in model.layers:
            layer.enable_lora(2)
        model.compile("adam", "mse", run_eagerly=eager)
        model.fit(x, x[:, :3], batch_size=8, epochs=3, verbose=0)
        results.append(model.get_weights())
        assert eager or model._training_state.capture.replayed > 0
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_weight_stays_frozen():
    layer = layers.Dense(3)
    model = models.Sequential([layers.Input((5,)), layer])
    layer.enable_lora(2)
    model.trainable = False
    assert not model.trainable_variables
    model.trainable = True
    assert [v.name for v in model.trainable_variables] == ["bias", "lora_kernel_a", "lora_kernel_b"]
