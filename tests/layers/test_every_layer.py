"""What holds for every layer on each device: shapes, gradients, configs, weights, precision, files, steps."""

import json

import numpy as np
import pytest
from layer_cases import CASES, Case

import corten
from corten import layers, ops

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
on_each_device = pytest.mark.usefixtures("device")


def data(case: Case, dtype: str = "float32") -> list[np.ndarray]:
    """Inputs of the case; spread ones differ by at least 0.01 from each other and from 0."""
    rng = np.random.default_rng(sum(map(ord, case.name)))
    if case.integers:
        return [rng.integers(0, case.integers, shape) for shape in case.shapes]
    if not case.spread:
        return [rng.normal(size=shape).astype(dtype) for shape in case.shapes]
    count = sum(int(np.prod(shape)) for shape in case.shapes)
    values = (rng.permutation(count) - count / 2 + 0.3) * (4.0 / count)
    parts = np.split(values, np.cumsum([int(np.prod(shape)) for shape in case.shapes])[:-1])
    return [part.reshape(shape).astype(dtype) for part, shape in zip(parts, case.shapes, strict=True)]


def call(case: Case, layer, inputs):
    x = list(inputs) if isinstance(case.input_shape, list) else inputs[0]
    return case.call(layer, x) if case.call else layer(x)


def build(case: Case, **kwargs):
    """The layer, built, with its input and output."""
    layer = case.make(**kwargs)
    inputs = data(case, kwargs.get("dtype", "float32") if kwargs.get("dtype") == "float64" else "float32")
    return layer, inputs, call(case, layer, inputs)


def model_of(case: Case, layer) -> corten.Model:
    dtype = "int32" if case.integers else None
    inputs = [corten.Input(shape=shape[1:], dtype=dtype) for shape in case.shapes]
    outputs = call(case, layer, inputs)
    return corten.Model(inputs if len(inputs) > 1 else inputs[0], outputs)


def differentiable(inputs):
    """Tensors that record what is done with them."""
    return [corten.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]


@on_each_device
@by_name
def test_shape_is_the_same_with_and_without_values(case):
    layer, _, output = build(case)
    assert tuple(output.shape) == tuple(case.output_shape)
    assert output.dtype == "float32"
    assert layer.built
    free = [None] if case.free_batch else [case.shapes[0][0]]
    dtype = "int32" if case.integers else "float32"
    symbols = [corten.KerasTensor((*free, *shape[1:]), dtype) for shape in case.shapes]
    symbolic = call(case, case.make(), symbols)
    assert tuple(symbolic.shape) == (*free, *case.output_shape[1:])
    assert symbolic.dtype == output.dtype


@on_each_device
@by_name
def test_weights_have_keras_shapes_and_order(case):
    layer, _, _ = build(case)
    shapes = [tuple(weight.shape) for weight in layer.weights]
    if case.name == "SpectralNormalization":
        assert sorted(shapes) == sorted(case.weights)
    else:
        assert shapes == case.weights


@on_each_device
@by_name
def test_compute_output_shape(case):
    layer, _, _ = build(case)
    if case.call is None:
        shape = case.input_shape if isinstance(case.input_shape, list) else tuple(case.input_shape)
        assert tuple(layer.compute_output_shape(shape)) == tuple(case.output_shape)


@on_each_device
@by_name
def test_config_round_trip(case):
    layer, _, _ = build(case)
    config = layer.get_config()
    stored = json.loads(json.dumps(layers.serialize(layer)))
    twin = layers.deserialize(stored)
    assert type(twin) is type(layer)
    assert json.dumps(layers.serialize(twin)["config"]) == json.dumps(layers.serialize(layer)["config"])
    again = type(layer).from_config(config)
    assert json.dumps(layers.serialize(again)["config"]) == json.dumps(stored["config"])
    assert again.name == layer.name


@on_each_device
@by_name
def test_weights_carry_over(case):
    layer, inputs, output = build(case)
    twin = layers.deserialize(layers.serialize(layer))
    call(case, twin, inputs)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(call(case, twin, inputs).numpy(), output.numpy())


@on_each_device
@by_name
def test_model_file_round_trip(case, tmp_path):
    layer = case.make()
    model = model_of(case, layer)
    inputs = data(case)
    inputs = inputs if len(inputs) > 1 else inputs[0]
    expected = model.predict(inputs, verbose=0)
    model.save(tmp_path / "model.corten")
    again = corten.models.load_model(tmp_path / "model.corten")
    np.testing.assert_array_equal(again.predict(inputs, verbose=0), expected)


@pytest.mark.parametrize("case", [c for c in CASES if c.gradient], ids=lambda case: case.name)
def test_gradients_are_the_slopes(case):
    layer = case.make(dtype="float64")
    values = data(case, "float64")
    weights = np.random.default_rng(5).normal(size=case.output_shape)

    def loss_of(inputs):
        return ops.sum(ops.multiply(call(case, layer, inputs), corten.tensor(weights)))

    call(case, layer, values)
    inputs = differentiable(values)
    loss = loss_of(inputs)
    assert loss.dtype == "float64"
    loss.backward()
    rng = np.random.default_rng(6)
    step = 1e-5
    for index, (tensor, value) in enumerate(zip(inputs, values, strict=True)):
        for position in rng.choice(value.size, min(3, value.size), replace=False):
            slopes = []
            for sign in (1, -1):
                moved = [v.copy() for v in values]
                moved[index].reshape(-1)[position] += sign * step
                slopes.append(float(loss_of([corten.tensor(v) for v in moved])))
            slope = (slopes[0] - slopes[1]) / (2 * step)
            np.testing.assert_allclose(tensor.grad.numpy().reshape(-1)[position], slope, rtol=1e-5, atol=1e-7)
    for variable in layer.trainable_variables:
        start = variable.numpy().astype("float64")
        gradient = variable.value.grad.numpy()
        for position in rng.choice(start.size, min(3, start.size), replace=False):
            slopes = []
            for sign in (1, -1):
                moved = start.copy()
                moved.reshape(-1)[position] += sign * step
                variable.assign(moved)
                slopes.append(float(loss_of([corten.tensor(v) for v in values])))
            variable.assign(start)
            slope = (slopes[0] - slopes[1]) / (2 * step)
            np.testing.assert_allclose(gradient.reshape(-1)[position], slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", [c for c in CASES if c.mixed], ids=lambda case: case.name)
def test_mixed_precision(case, device, request):
    if device != "cpu":
        request.getfixturevalue("float16_gpu")
    narrow = "bfloat16" if device == "cpu" else "float16"
    layer, _, output = build(case, dtype=f"mixed_{narrow}")
    assert output.dtype == narrow
    assert {str(weight.dtype) for weight in layer.weights} <= {"float32"}
    plain = case.make()
    call(case, plain, data(case))
    plain.set_weights(layer.get_weights())
    expected = call(case, plain, data(case)).numpy()
    got = ops.cast(output, "float32").numpy()
    np.testing.assert_allclose(got, expected, atol=0.06 * max(1.0, float(np.abs(expected).max())))


@on_each_device
@pytest.mark.filterwarnings("ignore:.*no trainable weights")
@pytest.mark.parametrize("case", [c for c in CASES if c.fit], ids=lambda case: case.name)
def test_one_training_step(case):
    layer = case.make()
    model = model_of(case, layer)
    model.compile(optimizer="sgd", loss="mse")
    inputs = data(case)
    before = [weight.copy() for weight in layer.get_weights()]
    target = np.full(case.output_shape, 3.0, "float32")
    history = model.fit(
        inputs if len(inputs) > 1 else inputs[0], target, batch_size=len(target), epochs=1, verbose=0
    )
    assert np.isfinite(history.history["loss"]).all()
    after = layer.get_weights()
    trainable = layer.trainable_weights
    assert all(np.isfinite(weight).all() for weight in after)
    if trainable:
        assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_every_layer_has_a_case():
    declared = {type(case.make()).__name__ for case in CASES}
    classes = {
        value.__name__
        for value in vars(layers).values()
        if isinstance(value, type) and issubclass(value, layers.Layer)
    }
    # Bases and inputs, cells (run inside RNN), Lambda, whose function is never stored, and layers of text
    # (test_preprocessing.py).
    elsewhere = {
        "Layer", "Wrapper", "InputLayer", "Lambda",
        "LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells", "StringLookup", "TextVectorization",
    }  # fmt: skip
    assert classes - declared - elsewhere == set()
