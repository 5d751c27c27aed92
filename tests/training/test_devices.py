"""Training on a GPU: what the CPU gives, the same bits twice, and no copies inside of steps."""

import numpy as np
import pytest

import corten
from corten import layers


def mlp():
    x = np.random.default_rng(0).normal(size=(96, 12)).astype("float32")
    model = corten.Sequential(
        [
            corten.Input((12,)),
            layers.Dense(24, activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(16, activation="gelu"),
            layers.Dense(3),
        ]
    )
    return model, x, corten.losses.SparseCategoricalCrossentropy(from_logits=True)


def cnn():
    x = np.random.default_rng(0).normal(size=(96, 10, 10, 2)).astype("float32")
    model = corten.Sequential(
        [
            corten.Input((10, 10, 2)),
            layers.Conv2D(6, 3, activation="relu", padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, strides=2, activation="silu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    return model, x, corten.losses.SparseCategoricalCrossentropy(from_logits=True)


def lstm():
    x = np.random.default_rng(0).normal(size=(96, 7, 5)).astype("float32")
    model = corten.Sequential(
        [
            corten.Input((7, 5)),
            layers.LSTM(8, return_sequences=True),
            layers.GRU(6),
            layers.Dense(3),
        ]
    )
    return model, x, corten.losses.SparseCategoricalCrossentropy(from_logits=True)


def transformer():
    x = np.random.default_rng(0).integers(0, 20, size=(96, 6)).astype("int32")
    tokens = corten.Input((6,), dtype="int32")
    h = layers.Embedding(20, 16)(tokens)
    for _ in range(2):
        # The gradient of a bias of the keys is zero but for rounding, of which AdamW makes whole steps.
        a = layers.MultiHeadAttention(num_heads=2, key_dim=8, use_bias=False)(
            layers.LayerNormalization()(h), h, use_causal_mask=True
        )
        h = layers.Add()([h, a])
        f = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(h))
        h = layers.Add()([h, layers.Dense(16)(f)])
    logits = layers.Dense(3)(layers.GlobalAveragePooling1D()(h))
    model = corten.Model(tokens, logits)
    return model, x, corten.losses.SparseCategoricalCrossentropy(from_logits=True)


MODELS = {
    "mlp": (mlp, "sgd"),
    "cnn": (cnn, "adam"),
    "lstm": (lstm, "rmsprop"),
    "transformer": (transformer, "adamw"),
}


def trained(name, device, steps, **kwargs):
    """The weights and the losses after so many steps."""
    make, optimizer = MODELS[name]
    with corten.device(device):
        corten.utils.set_random_seed(7)
        model, x, loss = make()
        y = np.random.default_rng(1).integers(0, 3, size=len(x)).astype("int64")
        model.compile(optimizer, loss, metrics=["accuracy"], **kwargs)
        epochs = -(-steps // 4)
        history = model.fit(x[: 24 * min(steps, 4)], y[: 24 * min(steps, 4)], 24, epochs, verbose=0)
        assert {weight.device for weight in model.weights} == {device}
        return model, [weight.numpy() for weight in model.weights], history.history


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize("name", MODELS)
def test_training_is_that_of_the_cpu(name, steps, gpu):
    _, expected, history = trained(name, "cpu", steps)
    _, found, other = trained(name, gpu, steps)
    for got, wanted in zip(found, expected, strict=True):
        error = np.linalg.norm((got - wanted).astype(np.float64)) / max(np.linalg.norm(wanted), 1e-3)
        assert error <= 1e-4
    np.testing.assert_allclose(other["loss"], history["loss"], rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_training_in_mixed_float16_is_that_of_the_cpu(name, float16_gpu):
    policy = corten.config.dtype_policy()
    corten.config.set_dtype_policy("mixed_float16")
    try:
        _, expected, history = trained(name, "cpu", 8)
        model, found, other = trained(name, float16_gpu, 8)
    finally:
        corten.config.set_dtype_policy(policy)
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    for got, wanted in zip(found, expected, strict=True):
        error = np.linalg.norm((got - wanted).astype(np.float64)) / max(np.linalg.norm(wanted), 1e-1)
        assert error <= 2e-2
    np.testing.assert_allclose(other["loss"], history["loss"], rtol=1e-2)


@pytest.mark.parametrize("name", MODELS)
def test_training_gives_the_same_bits_twice(name, gpu):
    _, first, _ = trained(name, gpu, 8)
    _, second, _ = trained(name, gpu, 8)
    assert [one.tobytes() for one in first] == [one.tobytes() for one in second]


@pytest.mark.parametrize("name", MODELS)
def test_captured_steps_are_those_of_python(name, gpu):
    model, captured, _ = trained(name, gpu, 20)
    assert model._training_state.capture.refusal is None
    assert model._training_state.capture.replayed > 0
    _, stepped, _ = trained(name, gpu, 20, run_eagerly=True)
    assert [one.tobytes() for one in captured] == [one.tobytes() for one in stepped]


@pytest.mark.parametrize("name", MODELS)
def test_no_copies_inside_of_steps(name, gpu):
    make, optimizer = MODELS[name]

    def copies(count):
        with corten.device(gpu):
            model, x, loss = make()
            y = np.random.default_rng(1).integers(0, 3, size=len(x)).astype("int64")
            model.compile(optimizer, loss)
            rows = 8 * count
            model.fit(x[:rows], y[:rows], 8, 3, verbose=0)
            before = corten.config.device_statistics(gpu)
            model.fit(x[:rows], y[:rows], 8, 1, verbose=0)
            after = corten.config.device_statistics(gpu)
        return [after[name] - before[name] for name in ("uploads", "downloads")]

    # Whatever a call of `fit` copies before and after its steps, twice as many steps copy no more.
    assert copies(6) == copies(12)


def digits_mlp():
    model = corten.Sequential([corten.Input((784,)), layers.Dense(128, activation="relu"), layers.Dense(10)])
    model.compile(
        corten.optimizers.SGD(0.01),
        corten.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model, (784,), 64


def digits_cnn():
    model = corten.Sequential(
        [
            corten.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, (28, 28, 1), 16


@pytest.mark.parametrize(("make", "most"), [(digits_mlp, 10), (digits_cnn, 60)])
def test_dispatches_of_a_step(make, most, gpu):
    steps = 8
    with corten.device(gpu):
        model, shape, batch = make()
        rows = np.random.default_rng(0)
        x = rows.normal(size=(2 * steps * batch, *shape)).astype("float32")
        y = rows.integers(0, 10, size=len(x))
        # Steps are captured, and their shaders joined, when they have come several times.
        model.fit(x[: steps * batch], y[: steps * batch], batch, 2, verbose=0)

        def counts(steps):
            before = corten.config.device_statistics(gpu)
            model.fit(x[: steps * batch], y[: steps * batch], batch, 1, verbose=0)
            after = corten.config.device_statistics(gpu)
            return [after[name] - before[name] for name in ("dispatches", "uploads", "downloads")]

        once, twice = counts(steps), counts(2 * steps)
    dispatches, uploads, downloads = [(b - a) / steps for a, b in zip(once, twice, strict=True)]
    assert (uploads, downloads) == (0, 0)
    assert 0 < dispatches <= most


def test_data_goes_to_where_the_model_is(gpu):
    with corten.device(gpu):
        model, x, loss = mlp()
        model.compile("adam", loss)
    y = corten.tensor(np.random.default_rng(1).integers(0, 3, size=len(x)))
    assert (y.device, y.dtype) == ("cpu", "int64")
    model.fit(corten.tensor(x), y, epochs=1, verbose=0)
    assert model.predict(corten.tensor(x), verbose=0).shape == (96, 3)


def test_model_moves_to_the_gpu_and_back(gpu):
    model, x, loss = mlp()
    y = np.random.default_rng(1).integers(0, 3, size=len(x))
    model.compile("adam", loss, metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0)
    before = model.predict(x, verbose=0)
    assert model.to(gpu) is model
    assert {weight.device for weight in model.weights} == {gpu}
    np.testing.assert_allclose(model.predict(x, verbose=0), before, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model(x).numpy(), before, rtol=1e-4, atol=1e-5)
    model.fit(x, y, epochs=3, verbose=0)
    assert {weight.device for weight in model.weights} == {gpu}
    after = model.evaluate(x, y, verbose=0)
    model.to("cpu")
    assert {weight.device for weight in model.weights} == {"cpu"}
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), after, rtol=1e-4)
    model.fit(x, y, epochs=1, verbose=0)
    # The step count and the learning rate never left the CPU.
    assert model.optimizer.iterations.device == "cpu"
    assert int(model.optimizer.iterations) == 18
