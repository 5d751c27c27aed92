"""Normalization layers against NumPy; moving averages, masks, frozen layers."""

import numpy as np
import pytest

import corten
from corten import layers

RNG = np.random.default_rng(3)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def normalized(x, axes, epsilon=1e-3):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


@pytest.mark.parametrize(("shape", "axis"), [((8, 3), -1), ((4, 5, 6, 3), -1), ((4, 3, 5), 1)])
def test_batch_normalization(shape, axis):
    x = RNG.normal(2.0, 3.0, size=shape).astype("float32")
    layer = layers.BatchNormalization(axis=axis, momentum=0.9)
    axes = tuple(i for i in range(len(shape)) if i != axis % len(shape))
    np.testing.assert_allclose(layer(x, training=True).numpy(), normalized(x, axes), **CLOSE)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * x.mean(axes), **CLOSE)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * x.var(axes), **CLOSE)
    mean, variance = 0.1 * x.mean(axes, keepdims=True), 0.9 + 0.1 * x.var(axes, keepdims=True)
    np.testing.assert_allclose(layer(x).numpy(), (x - mean) / np.sqrt(variance + 1e-3), **CLOSE)


def test_batch_normalization_scale_and_offset():
    x = RNG.normal(size=(6, 3)).astype("float32")
    layer = layers.BatchNormalization()
    layer(x)
    gamma, beta = RNG.normal(size=3).astype("float32"), RNG.normal(size=3).astype("float32")
    layer.set_weights([gamma, beta, np.zeros(3), np.ones(3)])
    np.testing.assert_allclose(layer(x, training=True).numpy(), normalized(x, 0) * gamma + beta, **CLOSE)


def test_frozen_batch_normalization_keeps_its_averages():
    x = RNG.normal(size=(6, 3)).astype("float32")
    layer = layers.BatchNormalization()
    layer.trainable = False
    np.testing.assert_allclose(layer(x, training=True).numpy(), x / np.sqrt(1 + 1e-3), **CLOSE)
    assert not layer.moving_mean.numpy().any()


def test_batch_normalization_ignores_masked_steps():
    x = RNG.normal(size=(2, 4, 3)).astype("float32")
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
    layer = layers.BatchNormalization(momentum=0.0)
    layer(x, training=True, mask=mask)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x[mask].mean(0), **CLOSE)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x[mask].var(0), **CLOSE)


def test_batch_normalization_training_gradient():
    x = RNG.normal(size=(5, 3))
    weights = RNG.normal(size=(5, 3))
    for axis in (-1, 1):
        layer = layers.BatchNormalization(axis=axis, dtype="float64")

        def loss(value, layer=layer):
            return (layer(value, training=True) * corten.tensor(weights)).sum()

        tensor = corten.tensor(x, requires_grad=True)
        loss(tensor).backward()
        moved = x.copy()
        moved[2, 1] += 1e-5
        up = float(loss(corten.tensor(moved)))
        moved[2, 1] -= 2e-5
        slope = (up - float(loss(corten.tensor(moved)))) / 2e-5
        np.testing.assert_allclose(tensor.grad.numpy()[2, 1], slope, rtol=1e-5, atol=1e-8)


def test_symbolic_call_leaves_the_averages():
    layer = layers.BatchNormalization()
    layer(corten.KerasTensor((None, 3)), training=True)
    assert not layer.moving_mean.numpy().any()
    assert (layer.moving_variance.numpy() == 1).all()


@pytest.mark.parametrize("axis", [-1, 1, [1, 2], [2, 3]])
def test_layer_normalization(axis):
    x = RNG.normal(size=(2, 3, 4, 5)).astype("float32")
    axes = tuple(axis) if isinstance(axis, list) else axis
    np.testing.assert_allclose(layers.LayerNormalization(axis)(x).numpy(), normalized(x, axes), **CLOSE)


def test_group_normalization():
    x = RNG.normal(size=(2, 3, 4, 6)).astype("float32")
    grouped = x.reshape(2, 3, 4, 3, 2)
    expected = normalized(grouped, (1, 2, 4)).reshape(x.shape)
    np.testing.assert_allclose(layers.GroupNormalization(3)(x).numpy(), expected, **CLOSE)
    first = layers.GroupNormalization(3, axis=1)(np.moveaxis(x, -1, 1)).numpy()
    np.testing.assert_allclose(first, np.moveaxis(expected, -1, 1), **CLOSE)
    instance = layers.GroupNormalization(-1)(x).numpy()
    np.testing.assert_allclose(instance, normalized(x, (1, 2)), **CLOSE)


def test_rms_and_unit_normalization():
    x = RNG.normal(size=(3, 5)).astype("float32")
    rms = np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layers.RMSNormalization()(x).numpy(), x / rms, **CLOSE)
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    np.testing.assert_allclose(layers.UnitNormalization()(x).numpy(), x / norm, **CLOSE)


def test_spectral_normalization_reaches_norm_one():
    layer = layers.SpectralNormalization(layers.Dense(4), power_iterations=20)
    x = RNG.normal(size=(2, 6)).astype("float32")
    layer(x)
    layer.kernel.assign(RNG.normal(size=(6, 4)) * 3)
    layer(x, training=True)
    assert np.linalg.svd(layer.kernel.numpy())[1][0] == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "shape", "error"),
    [
        (lambda: layers.GroupNormalization(4), (2, 6), ValueError),
        (lambda: layers.GroupNormalization(8), (2, 6), ValueError),
        (lambda: layers.GroupNormalization(0), (2, 6), ValueError),
        (lambda: layers.LayerNormalization(axis="last"), (2, 6), TypeError),
        (lambda: layers.BatchNormalization(axis=3), (2, 6), ValueError),
        (lambda: layers.UnitNormalization(axis=None), (2, 6), TypeError),
        (lambda: layers.SpectralNormalization(layers.Flatten()), (2, 6), ValueError),
    ],
)
def test_bad_arguments(make, shape, error):
    with pytest.raises(error):
        make()(np.ones(shape, "float32"))


def test_batch_renormalization():
    x = RNG.normal(1.0, 2.0, size=(6, 3)).astype("float32")
    layer = layers.BatchNormalization(renorm=True, renorm_momentum=0.8, momentum=0.5, epsilon=1e-3)
    layer(x)
    layer.renorm_mean.assign([0.5, 0.0, -0.5])
    layer.renorm_stddev.assign([1.0, 2.0, 0.5])
    mean, deviation = x.mean(0), np.sqrt(x.var(0) + 1e-3)
    known_mean, known = np.array([0.5, 0.0, -0.5]), np.array([1.0, 2.0, 0.5])
    expected = (x - mean) / deviation * (deviation / known) + (mean - known_mean) / known
    np.testing.assert_allclose(layer(x, training=True).numpy(), expected, **CLOSE)
    np.testing.assert_allclose(layer.renorm_mean.numpy(), 0.8 * known_mean + 0.2 * mean, **CLOSE)
    np.testing.assert_allclose(layer.moving_stddev.numpy(), 0.5 + 0.5 * deviation, **CLOSE)
    np.testing.assert_allclose(layer.moving_variance.numpy(), (0.5 + 0.5 * deviation) ** 2 - 1e-3, **CLOSE)
    with pytest.raises(ValueError, match="invalid keys"):
        layers.BatchNormalization(renorm=True, renorm_clipping={"max": 1.0})


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
def test_rms_scaling_divides_by_the_root_of_the_variance_as_in_keras():
    # Values of Keras 3.15: LayerNormalization(rms_scaling=True) on arange.
    rows = layers.LayerNormalization(rms_scaling=True)(np.arange(5, dtype="float32")[None])
    np.testing.assert_allclose(rows, [[0.0, 0.70693004, 1.4138601, 2.12079, 2.8277202]], rtol=1e-6)
    blocks = layers.LayerNormalization(axis=(1, 2), rms_scaling=True)
    found = blocks(np.arange(12, dtype="float32").reshape(2, 2, 3))
    np.testing.assert_allclose(
        np.ravel(found)[:6], [0.0, 0.5854397, 1.1708794, 1.756319, 2.3417587, 2.9271984], rtol=1e-6
    )
    assert [weight.shape for weight in blocks.weights] == [(2, 3)]
