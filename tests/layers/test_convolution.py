"""Convolutions and pooling against NumPy, in both data formats, and their error messages."""

import numpy as np
import pytest
from numpy_references import convolution, pooling, same_padding, transposed_convolution

import corten
from corten import layers

RNG = np.random.default_rng(0)
RTOL = {"rtol": 1e-4, "atol": 1e-5}


def randomize(layer):
    layer.set_weights([RNG.normal(size=w.shape).astype("float32") for w in layer.get_weights()])


@pytest.mark.parametrize(
    ("make", "shape", "options"),
    [
        (layers.Conv1D, (2, 9, 4), {"kernel_size": 3}),
        (layers.Conv1D, (2, 9, 4), {"kernel_size": 4, "strides": 2, "padding": "same"}),
        (layers.Conv1D, (2, 9, 4), {"kernel_size": 3, "dilation_rate": 2, "padding": "causal"}),
        (layers.Conv2D, (2, 7, 6, 4), {"kernel_size": (3, 2)}),
        (layers.Conv2D, (2, 7, 6, 4), {"kernel_size": 3, "strides": 2, "padding": "same"}),
        (layers.Conv2D, (2, 7, 6, 4), {"kernel_size": 2, "dilation_rate": (2, 3), "groups": 2}),
        (layers.Conv3D, (1, 4, 5, 4, 2), {"kernel_size": 2, "strides": (1, 2, 1)}),
    ],
)
def test_convolution(make, shape, options):
    x = RNG.normal(size=shape).astype("float32")
    layer = make(6, activation="tanh", **options)
    layer(x)
    randomize(layer)
    kernel, bias = layer.get_weights()
    expected = np.tanh(
        convolution(x, kernel, layer.strides, layer.padding, layer.dilation_rate, layer.groups) + bias
    )
    np.testing.assert_allclose(layer(x).numpy(), expected, **RTOL)
    first = make(6, activation="tanh", data_format="channels_first", **options)
    first(np.moveaxis(x, -1, 1))
    first.set_weights([kernel, bias])
    np.testing.assert_allclose(first(np.moveaxis(x, -1, 1)).numpy(), np.moveaxis(expected, -1, 1), **RTOL)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel_size", "strides"), [((3, 3), (2, 2)), ((2, 3), (1, 1)), ((2, 2), (3, 3))])
def test_transposed_convolution(kernel_size, strides, padding):
    x = RNG.normal(size=(2, 4, 3, 5)).astype("float32")
    layer = layers.Conv2DTranspose(2, kernel_size, strides, padding)
    layer(x)
    randomize(layer)
    kernel, bias = layer.get_weights()
    expected = transposed_convolution(x, kernel, strides, padding) + bias
    np.testing.assert_allclose(layer(x).numpy(), expected, **RTOL)


def test_output_padding_sets_the_size():
    x = np.ones((1, 5, 5, 1), "float32")
    assert layers.Conv2DTranspose(1, 3, 2, "same", output_padding=0)(x).shape == (1, 9, 9, 1)
    assert layers.Conv2DTranspose(1, 3, 2, "same", output_padding=1)(x).shape == (1, 10, 10, 1)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_and_separable(multiplier):
    x = RNG.normal(size=(2, 6, 5, 3)).astype("float32")
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=multiplier, padding="same", use_bias=False)
    depthwise(x)
    randomize(depthwise)
    kernel = depthwise.get_weights()[0]
    # Channel c of the input gives channels c * multiplier ... of the output.
    grouped = kernel.reshape(3, 3, 1, 3 * multiplier)
    expected = convolution(x, grouped, (1, 1), "same", (1, 1), groups=3)
    np.testing.assert_allclose(depthwise(x).numpy(), expected, **RTOL)
    separable = layers.SeparableConv2D(4, 3, depth_multiplier=multiplier, padding="same")
    separable(x)
    randomize(separable)
    deep, point, bias = separable.get_weights()
    deep = convolution(x, deep.reshape(3, 3, 1, 3 * multiplier), (1, 1), "same", (1, 1), groups=3)
    np.testing.assert_allclose(separable(x).numpy(), deep @ point[0, 0] + bias, **RTOL)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("shape", "window", "strides"),
    [((2, 7, 3), (3,), (2,)), ((2, 7, 6, 3), (3, 2), (2, 2)), ((1, 4, 5, 4, 2), (2, 2, 2), (1, 2, 2))],
)
def test_pooling(kind, padding, shape, window, strides):
    x = RNG.normal(size=shape).astype("float32")
    name = ("Max" if kind == "max" else "Average") + f"Pooling{len(window)}D"
    expected = pooling(x, window, strides, padding, kind)
    layer = getattr(layers, name)(window, strides, padding)
    np.testing.assert_allclose(layer(x).numpy(), expected, **RTOL)
    first = getattr(layers, name)(window, strides, padding, data_format="channels_first")
    np.testing.assert_allclose(first(np.moveaxis(x, -1, 1)).numpy(), np.moveaxis(expected, -1, 1), **RTOL)


def test_same_padding_reference():
    assert same_padding(5, 3, 2) == (1, 1)
    assert same_padding(6, 3, 2) == (0, 1)


def test_adaptive_pooling_windows_overlap():
    x = np.arange(5, dtype="float32").reshape(1, 5, 1)
    assert layers.AdaptiveAveragePooling1D(3)(x).numpy().ravel().tolist() == [0.5, 2.0, 3.5]
    assert layers.AdaptiveMaxPooling1D(3)(x).numpy().ravel().tolist() == [1.0, 3.0, 4.0]


def test_masked_global_average():
    x = np.array([[[1.0, 2.0], [3.0, 4.0], [50.0, 60.0]]], "float32")
    mask = np.array([[True, True, False]])
    assert layers.GlobalAveragePooling1D()(x, mask=mask).numpy().tolist() == [[2.0, 3.0]]
    first = layers.GlobalAveragePooling1D(data_format="channels_first", keepdims=True)
    assert first(np.moveaxis(x, 2, 1), mask=mask).numpy().tolist() == [[[2.0], [3.0]]]


def test_a_batch_of_sequences_of_images():
    x = RNG.normal(size=(2, 3, 6, 6, 1)).astype("float32")
    layer = layers.Conv2D(2, 3)
    y = layer(x).numpy()
    assert y.shape == (2, 3, 4, 4, 2)
    np.testing.assert_allclose(y[:, 1], layer(x[:, 1]).numpy(), **RTOL)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2D(0, 3), "filters=0"),
        (lambda: layers.Conv2D(4, (1, 0)), "kernel_size"),
        (lambda: layers.Conv2D(4, 3, strides=(1, 0)), "strides"),
        (lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2), "dilation_rate"),
        (lambda: layers.Conv2D(5, 3, groups=2), "groups=2, filters=5"),
        (lambda: layers.Conv2D(4, 3, groups=0), "groups=0"),
        (lambda: layers.Conv2D(4, 3, padding="sane"), "Did you mean 'same'"),
        (lambda: layers.Conv2D(4, 3, padding="causal"), "Conv1D"),
        (lambda: layers.Conv2D(4, 3, data_format="channel_last"), "channels_last"),
        (lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=2), "output_padding"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier=0"),
        (lambda: layers.MaxPooling2D(0), "pool_size"),
        (lambda: layers.AdaptiveMaxPooling2D((2, 0)), "output_size"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bad_inputs():
    gray = np.ones((8, 28, 28), "float32")
    with pytest.raises(ValueError, match=r"\(batch, height, width, channels\)|ndim"):
        layers.Conv2D(4, 3)(gray)
    with pytest.raises(ValueError, match="divisible by `groups`"):
        layers.Conv2D(4, 3, groups=2)(np.ones((1, 8, 8, 3), "float32"))
    with pytest.raises(ValueError, match="zero or negative"):
        layers.Conv2D(4, 9)(np.ones((1, 8, 8, 3), "float32"))
    with pytest.raises(ValueError, match="zero or negative"):
        layers.MaxPooling2D(9)(np.ones((1, 8, 8, 3), "float32"))
    with pytest.raises(ValueError, match="must be known"):
        layers.Conv2D(4, 3)(corten.KerasTensor((None, 8, 8, None)))
