"""Reshaping, resizing, merging, activation layers and noise: values, options and messages."""

import numpy as np
import pytest

import corten
from corten import layers, ops

RNG = np.random.default_rng(4)
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def f32(*values):
    return np.array(values, "float32")


def test_activation_layers():
    x = f32(-2.0, -0.5, 0.0, 0.5, 3.0)
    np.testing.assert_allclose(layers.ReLU(threshold=1.0, max_value=2.0)(x).numpy(), [0, 0, 0, 0, 2])
    np.testing.assert_allclose(layers.ReLU(negative_slope=0.5)(x).numpy(), [-1, -0.25, 0, 0.5, 3])
    np.testing.assert_allclose(layers.LeakyReLU()(x).numpy(), [-0.6, -0.15, 0, 0.5, 3], **CLOSE)
    np.testing.assert_allclose(layers.ELU(2.0)(x).numpy(), np.where(x > 0, x, 2 * np.expm1(x)), **CLOSE)
    prelu = layers.PReLU(alpha_initializer=corten.initializers.Constant(0.25))
    np.testing.assert_allclose(prelu(x[None]).numpy()[0], np.where(x > 0, x, 0.25 * x), **CLOSE)
    for options in ({"max_value": -1}, {"negative_slope": -1}, {"threshold": -1}):
        with pytest.raises(ValueError, match="ReLU"):
            layers.ReLU(**options)


def test_softmax_masks():
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    mask = np.array([1, 1, 0, 1], bool)
    y = layers.Softmax()(x, mask=mask).numpy()
    assert (y[..., 2] == 0).all()
    np.testing.assert_allclose(y.sum(-1), 1, **CLOSE)
    nothing = layers.Softmax()(x, mask=np.zeros(4, bool)).numpy()
    assert (nothing == 0).all()
    both = layers.Softmax(axis=(1, 2))(x).numpy()
    np.testing.assert_allclose(both.sum((1, 2)), 1, **CLOSE)
    with pytest.raises(ValueError, match="broadcastable"):
        layers.Softmax()(x, mask=np.ones((5,), bool))


def test_dropout_values():
    x = np.ones((200, 50), "float32")
    layer = layers.Dropout(0.25, seed=7)
    y = layer(x, training=True).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    assert not np.array_equal(y, layer(x, training=True).numpy())
    again = layers.Dropout(0.25, seed=7)(x, training=True).numpy()
    np.testing.assert_array_equal(y, again)
    np.testing.assert_array_equal(layer(x).numpy(), x)
    assert not layers.Dropout(1.0)(x, training=True).numpy().any()


def test_dropout_noise_shape_drops_rows():
    y = layers.Dropout(0.5, noise_shape=(None, 1), seed=1)(np.ones((40, 6), "float32"), training=True).numpy()
    assert ((y == y[:, :1]).all(axis=1)).all()
    assert len(np.unique(y)) == 2


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.SpatialDropout1D(0.5, seed=1), (8, 5, 6)),
        (layers.SpatialDropout2D(0.5, seed=1), (8, 3, 4, 6)),
        (layers.SpatialDropout2D(0.5, "channels_first", seed=1), (8, 6, 3, 4)),
        (layers.SpatialDropout3D(0.5, seed=1), (4, 2, 3, 2, 6)),
    ],
)
def test_spatial_dropout_drops_whole_channels(layer, shape):
    y = layer(np.ones(shape, "float32"), training=True).numpy()
    y = y if layer.data_format == "channels_last" else np.moveaxis(y, 1, -1)
    flat = y.reshape(shape[0], -1, 6)
    assert (flat == flat[:, :1]).all()
    assert set(np.unique(flat)) == {0.0, 2.0}


def test_noise_statistics():
    x = np.full((300, 100), 2.0, "float32")
    noisy = layers.GaussianNoise(0.5, seed=1)(x, training=True).numpy()
    assert abs(noisy.mean() - 2) < 0.02
    assert abs(noisy.std() - 0.5) < 0.02
    scaled = layers.GaussianDropout(0.2, seed=1)(x, training=True).numpy()
    assert abs(scaled.mean() - 2) < 0.02
    assert abs(scaled.std() - 2 * 0.5) < 0.02
    normal = RNG.normal(size=(300, 100)).astype("float32")
    kept = layers.AlphaDropout(0.3, seed=1)(normal, training=True).numpy()
    assert abs(kept.mean()) < 0.03
    assert abs(kept.std() - 1) < 0.03


@pytest.mark.parametrize("rate", [-0.1, 1.5, "half", True])
def test_bad_rates(rate):
    for make in (layers.Dropout, layers.AlphaDropout, layers.GaussianDropout, layers.SpatialDropout1D):
        with pytest.raises(ValueError, match="`rate`"):
            make(rate)
    with pytest.raises(ValueError, match="noise_shape"):
        layers.Dropout(0.5, noise_shape=(1, 0))


def test_reshaping_values():
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_array_equal(layers.Flatten()(x).numpy(), x.reshape(2, 12))
    first = layers.Flatten("channels_first")(np.moveaxis(x, -1, 1)).numpy()
    np.testing.assert_array_equal(first, x.reshape(2, 12))
    np.testing.assert_array_equal(layers.Reshape((-1, 2))(x).numpy(), x.reshape(2, 6, 2))
    np.testing.assert_array_equal(layers.Permute((2, 1))(x).numpy(), x.transpose(0, 2, 1))
    np.testing.assert_array_equal(layers.RepeatVector(2)(x[:, 0]).numpy(), np.stack([x[:, 0]] * 2, 1))
    assert layers.Reshape((2, 6))(corten.KerasTensor((None, 3, 4))).shape == (None, 2, 6)
    assert layers.Reshape((2, 6))(corten.KerasTensor((None, None, 4))).shape == (None, 2, 6)
    assert layers.Reshape((-1, 6))(corten.KerasTensor((None, None, 4))).shape == (None, None, 6)
    with pytest.raises(ValueError, match="number of values"):
        layers.Reshape((2, 5))(corten.KerasTensor((None, 3, 4)))
    assert layers.Flatten()(corten.KerasTensor((None, None, 4))).shape == (None, None)
    assert layers.Flatten()(np.ones((3,), "float32")).shape == (3, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: layers.Reshape((5, 5))(x), "number of values"),
        (lambda x: layers.Reshape((-1, -1))(x), "at most one"),
        (lambda x: layers.Reshape((-2, 3))(x), "non-negative integer"),
        (lambda x: layers.Permute((1, 3))(x), "consecutive"),
        (lambda x: layers.RepeatVector(0)(x), "positive"),
        (lambda x: layers.Cropping1D((2, 2))(x), "smaller than"),
        (lambda x: layers.Cropping2D((1, 2, 3))(x), "cropping"),
        (lambda x: layers.ZeroPadding1D(-1)(x), "padding"),
        (lambda x: layers.UpSampling1D(0)(x), "positive"),
        (lambda x: layers.UpSampling2D(2, interpolation="bilinar")(x), "Did you mean 'bilinear'"),
    ],
)
def test_reshaping_messages(make, message):
    with pytest.raises(ValueError, match=message):
        make(np.ones((2, 3, 4), "float32"))


def test_resizing_values():
    x = RNG.normal(size=(2, 5, 6, 3)).astype("float32")
    np.testing.assert_array_equal(layers.Cropping2D(((1, 2), (0, 3)))(x).numpy(), x[:, 1:3, 0:3])
    padded = layers.ZeroPadding2D(((1, 0), (2, 3)))(x).numpy()
    np.testing.assert_array_equal(padded, np.pad(x, [(0, 0), (1, 0), (2, 3), (0, 0)]))
    doubled = x.repeat(2, 1).repeat(3, 2)
    np.testing.assert_array_equal(layers.UpSampling2D((2, 3))(x).numpy(), doubled)
    first = layers.UpSampling2D((2, 3), "channels_first")(np.moveaxis(x, -1, 1)).numpy()
    np.testing.assert_array_equal(first, np.moveaxis(doubled, -1, 1))
    ramp = f32(0, 1).reshape(1, 1, 2, 1)
    smooth = layers.UpSampling2D((1, 2), interpolation="bilinear")(ramp).numpy().ravel()
    np.testing.assert_allclose(smooth, [0, 0.25, 0.75, 1], **CLOSE)
    for method in ("bicubic", "lanczos3", "lanczos5"):
        flat = layers.UpSampling2D(2, interpolation=method)(np.ones((1, 4, 4, 1), "float32")).numpy()
        np.testing.assert_allclose(flat, 1.0, **CLOSE)


def test_merging_values():
    a, b = RNG.normal(size=(2, 3)).astype("float32"), RNG.normal(size=(2, 3)).astype("float32")
    expected = {
        "add": a + b, "subtract": a - b, "multiply": a * b, "average": (a + b) / 2,
        "maximum": np.maximum(a, b), "minimum": np.minimum(a, b), "concatenate": np.concatenate([a, b], -1),
    }  # fmt: skip
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(layers, name)([a, b]).numpy(), value, **CLOSE)
        np.testing.assert_allclose(getattr(layers, name.title())()([a, b]).numpy(), value, **CLOSE)
    np.testing.assert_allclose(layers.dot([a, b], axes=1).numpy(), (a * b).sum(1, keepdims=True), **CLOSE)
    unit = layers.dot([a, b], axes=-1, normalize=True).numpy()[:, 0]
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(unit, (a * b).sum(1) / norms, **CLOSE)
    m, n = RNG.normal(size=(2, 4, 3)).astype("float32"), RNG.normal(size=(2, 5, 3)).astype("float32")
    np.testing.assert_allclose(layers.Dot(axes=2)([m, n]).numpy(), m @ n.transpose(0, 2, 1), **CLOSE)


def test_merging_masks():
    ids = np.array([[1, 0, 2]])
    embedding = layers.Embedding(4, 2, mask_zero=True)
    plain = np.ones((1, 3, 2), "float32")
    masked = embedding(ids)
    layer = layers.Concatenate(axis=1)
    joined = layer.compute_mask([masked, masked], [embedding.compute_mask(ids), None])
    assert joined.numpy().tolist() == [[True, False, True, True, True, True]]
    assert layers.Add().compute_mask([masked, plain], [embedding.compute_mask(ids), None]) is None
    other = embedding(np.array([[0, 0, 2]]))
    added = layers.Add().compute_mask(
        [masked, other], [embedding.compute_mask(ids), embedding.compute_mask(np.array([[0, 0, 2]]))]
    )
    assert added.numpy().tolist() == [[True, False, True]]


def test_merging_leaves_masked_steps_out():
    masking = layers.Masking()
    a = masking(f32(0, 0, 1, 2, 0, 0, 3, 4).reshape(1, 4, 2))
    b = f32(0, 0, 0, 0, 1, 2, 3, 4).reshape(1, 4, 2)
    assert layers.Multiply()([a, b]).numpy().tolist() == [[[0, 0], [0, 0], [1, 2], [9, 16]]]
    both = layers.Multiply()([a, masking(b)]).numpy()
    assert both.tolist() == [[[0, 0], [1, 2], [1, 2], [9, 16]]]
    assert layers.Minimum()([a, masking(b)]).numpy().tolist() == [[[0, 0], [1, 2], [1, 2], [3, 4]]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a: layers.Add()(a), "list of inputs"),
        (lambda a: layers.Add()([a, np.ones((2, 4), "float32")]), "broadcast"),
        (lambda a: layers.Subtract()([a, a, a]), "exactly 2"),
        (lambda a: layers.Concatenate(axis=1)([a, np.ones((3, 3), "float32")]), "matching shapes"),
        (lambda a: layers.Concatenate(axis=4)([a, a]), "out of range"),
        (lambda a: layers.Dot(axes=1)([a, np.ones((2, 4), "float32")]), "Incompatible input shapes"),
    ],
)
def test_merging_messages(make, message):
    with pytest.raises(ValueError, match=message):
        make(np.ones((2, 3), "float32"))


def test_activity_regularization():
    layer = layers.ActivityRegularization(l1=0.1, l2=0.01)
    layer(ops.convert_to_tensor(f32(1.0, -2.0).reshape(1, 2)))
    assert float(sum(float(loss) for loss in layer.losses)) == pytest.approx(0.3 + 0.05, rel=1e-5)
