"""Layers with bias and activation in their product: values, gradients, weights that are kept ready."""

import gc

import numpy as np
import pytest

import corten
from corten import layers, memory, ops

RNG = np.random.default_rng(11)
ACTIVATIONS = [None, "relu", "sigmoid", "tanh", "gelu", "silu"]


def random(*shape):
    return RNG.normal(size=shape).astype("float32")


def gradients(call, *arrays):
    """The value and the gradients of a sum of squares."""
    results = corten.value_and_grad(
        lambda *x: ops.sum(ops.square(call(*x))), argnums=tuple(range(len(arrays)))
    )(*map(corten.tensor, arrays))
    return [results[0].numpy(), *(one.numpy() for one in results[1])]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("rows", "units"), [(1, 7), (6, 1), (5, 33), (70, 20)])
def test_dense_is_its_parts(activation, rows, units):
    x, w, b = random(rows, 9), random(9, units), random(units)
    function = corten.activations.get(activation)
    name = activation or "linear"
    fused = gradients(lambda x, w, b: ops.linear(x, w, b, name), x, w, b)
    assert_same(fused, gradients(lambda x, w, b: function(ops.add(ops.matmul(x, w), b)), x, w, b))
    layer = layers.Dense(units, activation)
    layer.build((None, 9))
    layer.set_weights([w, b])
    np.testing.assert_array_equal(layer(x).numpy(), ops.linear(x, w, b, name).numpy())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((2, 9, 8, 3), (3, 3, 3, 5), {"padding": "same"}),
        ((2, 9, 8, 4), (3, 2, 2, 6), {"strides": 2}),
        ((3, 7, 7, 20), (1, 1, 20, 1), {}),
        ((2, 12, 3), (3, 3, 4), {"padding": "causal", "dilation_rate": 2}),
        ((2, 3, 9, 8), (3, 3, 3, 5), {"data_format": "channels_first"}),
    ],
)
def test_a_convolution_is_its_parts(activation, shape, kernel, options):
    x, w, b = random(*shape), random(*kernel), random(kernel[-1])
    function = corten.activations.get(activation)
    name = activation or "linear"
    first = options.get("data_format") == "channels_first"

    def parts(x, w, b):
        return function(ops.add(ops.conv(x, w, **options), ops.reshape(b, (-1, 1, 1)) if first else b))

    fused = gradients(lambda x, w, b: ops.conv_bias(x, w, b, name, **options), x, w, b)
    assert_same(fused, gradients(parts, x, w, b))


def test_second_derivatives():
    x, w, b = random(3, 4), random(4, 2), random(2)
    for activation in ("tanh", "gelu"):
        function = corten.activations.get(activation)

        def curvature(call):
            slope = corten.grad(lambda x, call=call: ops.sum(call(x)))
            return corten.grad(lambda x: ops.sum(ops.square(slope(x))))(corten.tensor(x)).numpy()

        np.testing.assert_allclose(
            curvature(lambda x, name=activation: ops.linear(x, w, b, name)),
            curvature(lambda x, function=function: function(ops.add(ops.matmul(x, w), b))),
            rtol=1e-3,
            atol=1e-4,
        )


@pytest.mark.parametrize(
    ("equation", "shape", "output", "bias_axes", "fused"),
    [
        ("abc,cde->abde", (2, 5, 6), (None, 3, 4), "de", True),
        ("abcd,cde->abe", (2, 5, 3, 4), (None, 7), "e", True),
        ("...x,xy->...y", (2, 5, 6), (7,), "y", True),
        ("abc,cde->abde", (2, 5, 6), (None, 3, 4), "e", False),
        ("abc,acd->abd", (2, 5, 6), (5, 4), "d", False),
        ("abc,bc->ab", (2, 5, 6), (5,), "b", False),
    ],
)
def test_einsum_dense_is_a_product_where_it_can_be(equation, shape, output, bias_axes, fused):
    layer = layers.EinsumDense(equation, output, activation="tanh", bias_axes=bias_axes)
    layer.build(shape)
    assert bool(layer._summed_axes) == fused
    layer.bias.assign(random(*layer.bias.shape))
    x = random(*shape)
    parts = ops.tanh(ops.add(ops.einsum(equation, x, layer.kernel), layer.bias))
    np.testing.assert_allclose(layer(x).numpy(), parts.numpy(), rtol=1e-5, atol=1e-5)


def test_a_changed_convolution_is_called():
    class Doubled(layers.Conv1D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, ops.multiply(kernel, 2.0))

    plain, doubled = layers.Conv1D(4, 3), Doubled(4, 3)
    x = random(2, 8, 3)
    plain(x), doubled(x)
    doubled.set_weights(plain.get_weights())
    np.testing.assert_allclose(doubled(x).numpy(), 2 * plain(x).numpy(), rtol=1e-5, atol=1e-6)


def wide_model():
    model = corten.Sequential([corten.Input((300,)), layers.Dense(512, "relu"), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_weights_that_are_kept_ready_follow_changes():
    model = wide_model()
    x, y = random(40, 300), np.arange(40) % 3

    def check():
        copy = wide_model()
        copy.set_weights(model.get_weights())
        for rows in (1, 5, 40):
            expected = copy.predict(x[:rows], verbose=0)
            for _ in range(3):
                np.testing.assert_array_equal(model.predict(x[:rows], verbose=0), expected)

    check()
    model.fit(x, y, verbose=0)
    check()
    model.layers[0].kernel.assign(ops.multiply(model.layers[0].kernel, 0.5))
    check()
    model.set_weights([random(*weight.shape) for weight in model.get_weights()])
    check()


def test_weights_that_share_memory_are_kept_apart():
    both, x, bias = (
        corten.tensor(random(2, 300, 512)),
        corten.tensor(random(4, 300)),
        corten.tensor(random(512)),
    )
    kernels = ops.unstack(both)
    expected = [ops.add(ops.matmul(x, kernel), bias).numpy() for kernel in kernels]
    for _ in range(3):
        for kernel, want in zip(kernels, expected, strict=True):
            np.testing.assert_allclose(ops.linear(x, kernel, bias).numpy(), want, rtol=1e-5, atol=1e-4)


def test_kept_weights_are_counted_and_freed():
    gc.collect()
    before = memory.stats()["allocated"]
    kernel, bias, x = (
        corten.tensor(random(300, 512)),
        corten.tensor(random(512)),
        corten.tensor(random(4, 300)),
    )
    counted = []
    for _ in range(3):
        ops.linear(x, kernel, bias, "relu")
        counted.append(memory.stats()["allocated"] - before)
    assert counted[1] == counted[2] >= counted[0] + 4 * 300 * 512
    del kernel, bias, x
    assert memory.stats()["allocated"] - before < 4 * 300 * 512
