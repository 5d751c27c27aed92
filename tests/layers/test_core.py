"""Dense, EinsumDense, Embedding, Activation, Lambda, Masking, Wrapper."""

import numpy as np
import pytest

import corten
from corten import layers, ops

RNG = np.random.default_rng(2)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh", "gelu", "silu", "softplus", "elu"])
def test_dense_is_the_activation_of_the_product(activation):
    x = RNG.normal(size=(4, 3, 5)).astype("float32")
    layer = layers.Dense(6, activation)
    y = layer(x)
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.get_weights()])
    y = layer(x)
    kernel, bias = layer.get_weights()
    expected = corten.activations.get(activation)(corten.tensor(x @ kernel + bias))
    np.testing.assert_allclose(y.numpy(), expected.numpy(), **CLOSE)


def test_dense_messages():
    with pytest.raises(ValueError, match="`units` must be a positive integer; got units=0"):
        layers.Dense(0)
    with pytest.raises(ValueError, match="positive integer"):
        layers.Dense("64")
    with pytest.raises(ValueError, match="lora_rank"):
        layers.Dense(3, lora_rank=0)
    layer = layers.Dense(3)
    layer(np.ones((2, 4), "float32"))
    with pytest.raises(ValueError, match="incompatible with the layer"):
        layer(np.ones((2, 5), "float32"))
    flat = layers.Dense(3)
    flat(np.ones((2, 12), "float32"))
    with pytest.raises(ValueError, match=r"layers.Flatten\(\)"):
        flat(np.ones((2, 4, 3), "float32"))
    with pytest.raises(ValueError, match="must be known"):
        layers.Dense(3)(corten.KerasTensor((None, None)))
    with pytest.raises(ValueError, match="relu"):
        layers.Dense(3, "rleu")


def test_dense_regularizers_and_constraints():
    layer = layers.Dense(2, kernel_regularizer="l2", bias_constraint="non_neg", activity_regularizer="l1")
    x = np.ones((2, 3), "float32")
    y = layer(x)
    kernel = layer.get_weights()[0]
    losses = [float(loss) for loss in layer.losses]
    expected = [0.01 * np.abs(y.numpy()).sum(), 0.01 * np.square(kernel).sum()]
    assert len(losses) == 2
    np.testing.assert_allclose(sorted(losses), sorted(expected), rtol=0.6)
    assert layer.bias.constraint is not None


@pytest.mark.parametrize(
    ("equation", "bias_axes", "shape", "output_shape", "kernel", "bias", "out"),
    [
        ("ab,b->a", None, (2, 32), (), (32,), None, (2,)),
        ("ab,bc->ac", None, (2, 32), 64, (32, 64), None, (2, 64)),
        ("abc,cde->abde", "d", (2, 1, 2), (1, 3, 4), (2, 3, 4), (3, 1), (2, 1, 3, 4)),
        ("abc,cde->abde", "be", (2, 7, 2), (7, 3, 4), (2, 3, 4), (7, 1, 4), (2, 7, 3, 4)),
        ("...x,xy->...y", "y", (2, 3, 32), 64, (32, 64), (64,), (2, 3, 64)),
        ("bc...,cde->bde...", "d", (2, 1, 2), (3, 4), (1, 3, 4), (3, 1, 1), (2, 3, 4, 2)),
    ],
)
def test_einsum_dense_shapes(equation, bias_axes, shape, output_shape, kernel, bias, out):
    layer = layers.EinsumDense(equation, output_shape, bias_axes=bias_axes)
    x = RNG.normal(size=shape).astype("float32")
    y = layer(x).numpy()
    assert tuple(layer.kernel.shape) == kernel
    assert (tuple(layer.bias.shape) if layer.bias is not None else None) == bias
    assert y.shape == out
    np.testing.assert_allclose(y, np.einsum(equation, x, layer.kernel.numpy()), **CLOSE)


@pytest.mark.parametrize("equation", ["ab->a", "a.b,bc->ac", "ab,bc,cd->ad", "...b,bc->c"])
def test_einsum_dense_bad_equation(equation):
    with pytest.raises(ValueError, match="equation"):
        layers.EinsumDense(equation, 3)


def test_embedding():
    layer = layers.Embedding(5, 3, mask_zero=True)
    ids = np.array([[1, 0, 4]])
    table = layer(ids).numpy()
    np.testing.assert_array_equal(table[0], layer.get_weights()[0][[1, 0, 4]])
    assert layer.compute_mask(ids).numpy().tolist() == [[True, False, True]]
    given = RNG.normal(size=(5, 3)).astype("float32")
    np.testing.assert_array_equal(layers.Embedding(5, 3, weights=[given])(ids).numpy()[0], given[[1, 0, 4]])
    # Repeated ids add up in the gradient.
    layer(np.array([2, 2, 1])).sum().backward()
    assert layer.embeddings.value.grad.numpy()[:, 0].tolist() == [0.0, 1.0, 2.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="`input_dim` must be a positive integer"):
        layers.Embedding(0, 3)
    with pytest.raises(IndexError, match=r"below input_dim=5.*largest id plus one"):
        layer(np.array([7]))


def test_reversible_embedding():
    layer = layers.ReversibleEmbedding(6, 3, logit_soft_cap=2.0)
    vectors = layer(np.array([[1, 2]]))
    scores = layer(vectors, reverse=True).numpy()
    expected = vectors.numpy() @ layer.embeddings.numpy().T
    np.testing.assert_allclose(scores, np.tanh(expected / 2) * 2, **CLOSE)


def double(x):
    return ops.multiply(x, 2)


def test_lambda():
    layer = layers.Lambda(lambda x, factor: x * factor, arguments={"factor": 3})
    assert layer(np.array([1.0, 2.0], "float32")).tolist() == [3.0, 6.0]
    with pytest.raises(ValueError, match="never stores code"):
        layer.get_config()
    with pytest.raises(TypeError, match="callable"):
        layers.Lambda(3)
    named = layers.Lambda(double)
    config = layers.serialize(named)
    with corten.saving.custom_object_scope({"double": double}):
        assert layers.deserialize(config)(np.array([2.0], "float32")).tolist() == [4.0]
    symbolic = layers.Lambda(lambda x: x[:, :2])(corten.KerasTensor((None, 5)))
    assert symbolic.shape == (None, 2)


def test_masking():
    x = np.array([[[1.0, 0.0], [9.0, 9.0], [9.0, 1.0]]], "float32")
    layer = layers.Masking(mask_value=9.0)
    assert layer.compute_mask(x).numpy().tolist() == [[True, False, True]]
    np.testing.assert_array_equal(layer(x).numpy()[0, 1], [0.0, 0.0])


def test_wrapper():
    wrapper = layers.Wrapper(layers.Dense(2))
    wrapper.build((None, 3))
    assert [w.shape for w in wrapper.weights] == [(3, 2), (2,)]
    with pytest.raises((TypeError, ValueError), match="layer"):
        layers.Wrapper("Dense")


def test_get():
    layer = layers.Dense(2)
    assert layers.get(layer) is layer
    assert layers.get(None) is None
    assert layers.get(layers.serialize(layer)).units == 2
    with pytest.raises(ValueError, match="Did you mean 'Flatten'"):
        layers.get("Flaten")
    for name in ("Convolution2D", "MaxPool2D", "AvgPool3D", "GlobalAvgPool1D", "SeparableConvolution1D"):
        assert hasattr(layers, name)


def test_layers_built_inside_a_model_get_values():
    class Model(corten.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Model()
    model(corten.KerasTensor((None, 4)))
    assert model.dense.kernel.numpy().any()


def test_layers_are_operations():
    assert issubclass(layers.Layer, corten.Operation)
    layer = layers.Dense(2, name="own")
    assert isinstance(layer, corten.Operation)
    assert layer.get_config()["units"] == 2
    assert repr(layer) == "<Dense name=own, built=False>"


def test_a_layer_without_call_has_no_output_shape():
    with pytest.raises(NotImplementedError, match="does not have a `compute_output_shape` method"):
        layers.Layer().compute_output_shape((2, 3))


def test_symbolic_masks():
    first, second = corten.Input((3, 2)), corten.Input((3, 2))
    assert corten.backend.get_keras_mask(first) is None
    joined = layers.Concatenate(axis=1)([layers.Masking()(first), second])
    joined = layers.Dropout(0.5)(joined)  # Passes the mask on.
    mask = corten.backend.get_keras_mask(joined)
    assert corten.backend.get_keras_mask(joined) is mask
    assert (mask.shape, mask.dtype) == ((None, 6), "bool")
    model = corten.Model([first, second], mask)
    x = np.array([[[0, 0], [1, 2], [0, 0]]], "float32")
    assert model([x, x]).tolist() == [[False, True, False, True, True, True]]
    assert corten.backend.get_keras_mask(layers.Dense(1)(second)) is None
    tokens = corten.Input((4,), dtype="int32")
    embedded = layers.Embedding(5, 2, mask_zero=True)(tokens)
    whole, state = layers.LSTM(3, return_sequences=True, return_state=True)(embedded)[:2]
    assert corten.backend.get_keras_mask(state) is None
    model = corten.Model(tokens, corten.backend.get_keras_mask(whole))
    assert model(np.array([[1, 0, 2, 0]])).tolist() == [[True, False, True, False]]
