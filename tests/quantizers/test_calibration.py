"""GPTQ and AWQ: against definitions, against plain rounding, and through whole models."""

import numpy as np
import pytest

import corten
from corten import layers, models, ops, quantizers

RNG = np.random.default_rng(0)


def correlated(samples, features):
    """Inputs as layers get them: correlated."""
    mix = RNG.normal(size=(features, features))
    return (RNG.normal(size=(samples, features)) @ mix).astype("float32")


def output_error(weights, integers, scale, zero, groups, x, inputs=1.0):
    found = np.asarray(quantizers.dequantize_with_sz_map(integers, scale, zero, groups)) / inputs
    return float(np.mean((x @ (found - weights).T) ** 2))


def plain_rounding(weights, x, group_size=-1):
    scale, zero, top = quantizers.compute_quantization_parameters(
        weights, bits=4, per_channel=True, group_size=group_size
    )
    groups = np.arange(weights.shape[1]) // (weights.shape[1] if group_size == -1 else group_size)
    integers = quantizers.quantize_with_sz_map(weights, scale, zero, groups, top)
    return output_error(weights, integers, scale, zero, groups, x)


@pytest.mark.parametrize("activation_order", [False, True])
@pytest.mark.parametrize("group_size", [-1, 8, 5])
@pytest.mark.parametrize("blocksize", [4, 128])
def test_gptq_changes_outputs_less_than_plain_rounding(activation_order, group_size, blocksize):
    weights = RNG.normal(size=(12, 24)).astype("float32")
    x = correlated(400, 24)
    hessian = x.T @ x / len(x)
    hessian += 0.01 * np.mean(np.diag(hessian)) * np.eye(24)
    integers, scale, zero, groups = quantizers.gptq_quantize_matrix(
        weights,
        np.linalg.inv(hessian),
        blocksize=blocksize,
        group_size=group_size,
        activation_order=activation_order,
    )
    assert scale.shape == (12, -(-24 // (24 if group_size == -1 else group_size)))
    found = output_error(weights, integers, scale, zero, groups, x)
    assert found < 0.8 * plain_rounding(weights, x, group_size)


def test_gptq_does_not_depend_on_the_blocks():
    weights = RNG.normal(size=(6, 20)).astype("float32")
    x = correlated(200, 20)
    inverse = np.linalg.inv(x.T @ x / 200 + 0.1 * np.eye(20))
    results = [
        quantizers.gptq_quantize_matrix(weights, inverse, blocksize=size, group_size=6) for size in (1, 7, 64)
    ]
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-6)


def test_gptq_of_independent_inputs_is_plain_rounding():
    weights = RNG.normal(size=(6, 20)).astype("float32")
    integers, scale, zero, groups = quantizers.gptq_quantize_matrix(weights, np.eye(20))
    expected = quantizers.quantize_with_sz_map(weights, scale, zero, groups, 15.0)
    np.testing.assert_array_equal(integers, expected)


@pytest.mark.parametrize("group_size", [-1, 8])
def test_awq_changes_outputs_less_than_plain_rounding(group_size):
    weights = RNG.normal(size=(16, 24)).astype("float32")
    # A few inputs are far larger than the others: what AWQ is for.
    x = RNG.normal(size=(400, 24)).astype("float32") * np.where(np.arange(24) % 8 == 0, 20.0, 0.5)
    integers, scale, zero, scales, groups = quantizers.awq_quantize_matrix(
        weights, np.abs(x).max(0), group_size=group_size
    )
    found = output_error(weights, integers, scale, zero, groups, x, scales)
    assert found < 0.5 * plain_rounding(weights, x, group_size)


@pytest.mark.parametrize(
    ("equation", "output", "shape"),
    [
        ("btd,dnh->btnh", (None, 2, 3), (2, 3, 8)),
        ("btnh,nhd->btd", (None, 5), (2, 3, 2, 4)),
        ("btd,ndh->btnh", (None, 2, 8), (2, 3, 4)),
    ],
)
@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_einsum_layers(equation, output, shape, mode):
    layer = layers.EinsumDense(equation, output)
    layer.build((None, *shape[1:]))
    x = RNG.normal(size=(64, *shape[1:])).astype("float32")
    expected = np.asarray(layer(x))
    if mode == "gptq":
        config = quantizers.GPTQConfig(None, None, weight_bits=8, group_size=-1)
        layer.quantize(config=config)
        solver = quantizers.GPTQ(layer, config)
        solver.update_hessian_with_batch(x)
        rows = solver.rows
        flat = x.reshape(-1, rows)
        np.testing.assert_allclose(solver.hessian, 2 * flat.T @ flat / len(flat), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)
        solver.quantize_and_correct_layer()
        tolerance = 0.05
    else:
        config = quantizers.AWQConfig(None, None, group_size=-1)
        layer.quantize(config=config)
        solver = quantizers.AWQ(layer, config)
        solver.update_activation_magnitudes(x)
        solver.quantize_layer()
        tolerance = 0.5
    assert np.abs(np.asarray(layer(x)) - expected).max() < tolerance
    assert [w.dtype for w in layer.weights if w.name == "kernel"] == ["uint8"]


def token_model():
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.attention = layers.MultiHeadAttention(2, 8)
            self.wide = layers.Dense(32, activation="relu")
            self.narrow = layers.Dense(16)

        def call(self, x):
            x = x + self.attention(x, x)
            return x + self.narrow(self.wide(x))

    corten.utils.set_random_seed(0)
    return models.Sequential(
        [
            layers.Input((12,), dtype="int32"),
            layers.Embedding(50, 16),
            Block(name="first"),
            Block(name="second"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(5),
        ]
    )


def options(mode, **more):
    texts = ["".join(chr(97 + i) for i in RNG.integers(0, 26, 60)) for _ in range(4)]
    kind = quantizers.GPTQConfig if mode == "gptq" else quantizers.AWQConfig
    return kind(
        texts, lambda text: [ord(c) % 50 for c in text], num_samples=20, sequence_length=12, **more
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("gptq", {}),
        ("gptq", {"weight_bits": 8, "symmetric": True}),
        ("gptq", {"group_size": 8, "activation_order": True}),
        ("awq", {"group_size": 8}),
    ],
)
def test_whole_models(mode, more, tmp_path):
    model = token_model()
    x = RNG.integers(0, 50, (8, 12))
    before = model.predict(x, verbose=0)
    model.quantize(config=options(mode, **more))
    after = model.predict(x, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.2 * np.abs(before).max() + 0.05
    block = model.get_layer("second")
    for layer in (block.wide, block.narrow, block.attention._query_dense):
        assert layer.quantization_mode == mode
        assert "_kernel" not in vars(layer)
        assert "call" not in vars(layer)
    assert model.layers[-1].quantization_mode is None
    model.save_weights(tmp_path / "model.safetensors")
    other = token_model()
    config = block.wide.quantization_config
    for name in ("first", "second"):
        for layer in other.get_layer(name)._flatten_layers():
            if isinstance(layer, (layers.Dense, layers.EinsumDense)):
                layer.quantize(config=config)
    other.load_weights(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(other.predict(x, verbose=0), after)


def test_filters_and_given_blocks():
    model = token_model()
    structure = {"pre_block_layers": model.layers[:1], "sequential_blocks": [model.get_layer("first")]}
    model.quantize(config=options("gptq", quantization_layer_structure=structure), filters="^dense")
    first, second = model.get_layer("first"), model.get_layer("second")
    assert first.wide.is_gptq_calibrated
    assert not first.attention._query_dense._is_quantized
    assert not second.wide._is_quantized


def test_data_of_floats_runs_as_it_is(tmp_path):
    pytest.importorskip("h5py")
    model = models.Sequential([layers.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3)])
    x = RNG.normal(size=(40, 6)).astype("float32")
    before = model.predict(x, verbose=0)
    structure = {"pre_block_layers": [], "sequential_blocks": model.layers}
    config = quantizers.GPTQConfig(x, None, weight_bits=8, quantization_layer_structure=structure)
    model.quantize(config=config)
    after = model.predict(x, verbose=0)
    np.testing.assert_allclose(after, before, atol=0.05)
    assert model.layers[0].quantization_config.dataset is None
    for ending in (".corten", ".keras"):
        model.save(tmp_path / f"model{ending}")
        again = models.load_model(tmp_path / f"model{ending}")
        np.testing.assert_array_equal(again.predict(x, verbose=0), after)
        assert again.layers[0].is_gptq_calibrated


def test_data_may_be_a_generator():
    kernels = []
    x = RNG.normal(size=(40, 6)).astype("float32")
    for data in (x, (row for row in x)):
        corten.utils.set_random_seed(0)
        model = models.Sequential([layers.Input((6,)), layers.Dense(3)])
        structure = {"pre_block_layers": [], "sequential_blocks": model.layers}
        model.quantize(config=quantizers.GPTQConfig(data, None, quantization_layer_structure=structure))
        kernels.append(np.asarray(model.layers[0].kernel))
    np.testing.assert_array_equal(*kernels)


def test_dataloader_cuts_sequences():
    cut = quantizers.get_dataloader
    texts = ["abcdef", "ghij"]
    tokens = cut(lambda text: [ord(c) - 97 for c in text], 4, texts, 3, strategy="linspace")
    assert tokens[:, 0].tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert (tokens.shape, tokens.dtype) == ((3, 1, 4), "int32")
    with_ends = cut(lambda text: [ord(c) - 97 for c in text], 11, texts, 1, strategy="linspace", eos_id=99)
    assert with_ends[0, 0].tolist() == [*range(6), 99, *range(6, 10)]
    assert cut(None, 5, [[1, 2]], 1)[0, 0].shape == (5,)
    one, two = (cut(None, 3, [range(50)], 4, strategy="random", seed=seed) for seed in (1, 1))
    np.testing.assert_array_equal(one, two)


def test_messages():
    with pytest.raises(TypeError, match=r"must be an iterable.*Got type: str"):
        quantizers.get_dataloader(None, 3, "wikitext")
    with pytest.raises(ValueError, match="dataset is empty"):
        quantizers.get_dataloader(None, 3, [])
    with pytest.raises(TypeError, match="Unsupported layer type: Embedding"):
        quantizers.GPTQ(layers.Embedding(3, 2))
    layer = layers.Dense(3)
    layer.build((None, 4))
    solver = quantizers.GPTQ(layer)
    for wrong, message in (
        (None, "cannot be None"),
        (np.ones((0, 4)), "empty"),
        (np.ones((2, 5)), "do not match"),
    ):
        with pytest.raises(ValueError, match=message):
            solver.update_hessian_with_batch(wrong)
    with pytest.raises(ValueError, match="no float weights to round"):
        solver.quantize_and_correct_layer()
    layer.quantize(config=quantizers.GPTQConfig(None, None))
    with pytest.raises(ValueError, match="between `quantize` and calibration"):
        layer.save_own_variables({})
    fresh = layers.Dense(3)
    fresh.build((None, 4))
    with pytest.raises(ValueError, match="Implicitly enabling GPTQ"):
        fresh.dtype_policy = "gptq/4/128_from_float32"
    assert fresh.dtype_policy.name == "float32"
    with pytest.raises(ValueError, match="lora cannot be enabled on a layer quantized with gptq"):
        layer.enable_lora(2)
    plain = models.Sequential([layers.Input((6,)), layers.Dense(3)])
    with pytest.raises(ValueError, match="valid quantization structure"):
        plain.quantize(config=options("awq"))
    with pytest.raises(ValueError, match="`dataset` is needed"):
        token_model().quantize(config=quantizers.GPTQConfig(None, None))


def test_gradients_pass_through_calibrated_layers():
    layer = layers.Dense(3)
    layer.build((None, 4))
    config = quantizers.GPTQConfig(None, None, weight_bits=8, group_size=-1)
    layer.quantize(config=config)
    solver = quantizers.GPTQ(layer, config)
    x = RNG.normal(size=(20, 4)).astype("float32")
    solver.update_hessian_with_batch(x)
    solver.quantize_and_correct_layer()
    gradient = corten.grad(lambda t: ops.sum(layer(t)))(ops.convert_to_tensor(x))
    np.testing.assert_allclose(
        gradient,
        np.asarray(layer(np.eye(4, dtype="float32"))).sum(1)[None] * np.ones((20, 1)),
        rtol=1e-4,
        atol=1e-5,
    )
