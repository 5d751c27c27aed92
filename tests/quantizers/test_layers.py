"""Quantized layers against NumPy (the same numbers as Keras 3.15 gives), files, gradients and messages."""

import numpy as np
import pytest

import corten
from corten import layers, models, ops, quantizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6)).astype("float32")
KERNEL = RNG.normal(size=(6, 4)).astype("float32")
TABLE = RNG.normal(size=(5, 6)).astype("float32")
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def dense(**options):
    layer = layers.Dense(4, use_bias=False, **options)
    layer.build((None, 6))
    layer._kernel.assign(KERNEL)
    return layer


def integers_of(x, axis, largest=127, smallest=-127):
    scale = largest / (np.abs(x).max(axis, keepdims=True) + 1e-7)
    return np.clip(np.round(x * scale), smallest, largest), scale


def test_int8_dense_multiplies_integers():
    layer = dense()
    layer.quantize("int8")
    kernel, scale = integers_of(KERNEL, 0)
    np.testing.assert_array_equal(layer.kernel, kernel)
    np.testing.assert_allclose(layer.kernel_scale, scale[0], rtol=1e-6)
    x, input_scale = integers_of(X, -1)
    np.testing.assert_allclose(layer(X), (x @ kernel) / (input_scale * scale), **CLOSE)
    assert layer.dtype_policy.name == "int8_from_float32"
    assert [w.dtype for w in layer.weights] == ["int8", "float32"]


def test_int8_of_weights_alone():
    layer = dense()
    layer.quantize(config=quantizers.Int8QuantizationConfig(activation_quantizer=None))
    kernel, scale = integers_of(KERNEL, 0)
    np.testing.assert_allclose(layer(X), X @ (kernel / scale), **CLOSE)


@pytest.mark.parametrize("block_size", [None, -1])
def test_int4_dense_by_channel(block_size):
    layer = dense()
    layer.quantize("int4", config=quantizers.Int4QuantizationConfig(block_size=block_size))
    kernel, scale = integers_of(KERNEL, 0, 7, -8)
    np.testing.assert_array_equal(layer.kernel, kernel)
    np.testing.assert_allclose(layer(X), X @ (kernel / scale), **CLOSE)
    assert layer._kernel.shape == (6, 2)
    assert layer.dtype_policy.name == "int4/-1_from_float32"


def test_int4_dense_with_quantized_inputs():
    layer = dense()
    config = quantizers.Int4QuantizationConfig(
        activation_quantizer=quantizers.AbsMaxQuantizer(), block_size=None
    )
    layer.quantize(config=config)
    kernel, scale = integers_of(KERNEL, 0, 7, -8)
    x, input_scale = integers_of(X, -1)
    np.testing.assert_allclose(layer(X), (x @ kernel) / (input_scale * scale), **CLOSE)


@pytest.mark.parametrize("block_size", [4, 128])
def test_int4_dense_by_group(block_size):
    layer = dense()
    layer.quantize("int4", config=quantizers.Int4QuantizationConfig(block_size=block_size))
    groups = np.arange(6) // block_size
    np.testing.assert_array_equal(layer.g_idx, groups)
    scale, zero = np.asarray(layer.kernel_scale), np.asarray(layer.kernel_zero).astype("float32")
    kernel = (np.asarray(layer.kernel) - zero[groups]) * scale[groups]
    np.testing.assert_allclose(layer(X), X @ kernel, **CLOSE)
    assert np.abs(kernel - KERNEL).max() <= scale.max() * 0.51


EQUATIONS = [
    ("ab,bcd->acd", (2, 3), (None, 5)),
    ("btd,ndh->btnh", (None, 2, 8), (None, 3, 4)),
    ("btnh,nhd->btd", (None, 8), (None, 3, 2, 4)),
    ("...x,xy->...y", (7,), (None, 3, 5)),
    ("abc,acd->abd", (3, 6), (2, 3, 4)),
    ("ab,ab->a", (), (2, 4)),
    ("a,b->ab", (4,), (None,)),
    ("abcde,afce->acdbf", (2, 4, 8, 16), (1, 8, 2, 4, 32)),
]


@pytest.mark.parametrize(("equation", "output", "shape"), EQUATIONS)
@pytest.mark.parametrize("mode", ["int8", "int4", "int4/4", "float8"])
def test_einsum_dense_stays_near_the_float_product(equation, output, shape, mode):
    layer = layers.EinsumDense(equation, output)
    layer.build(shape)
    x = RNG.uniform(-1, 1, [2 if size is None else size for size in shape]).astype("float32")
    expected = np.asarray(layer(x))
    config = quantizers.Int4QuantizationConfig(block_size=4 if "/" in mode else None)
    layer.quantize(mode.partition("/")[0], config=config if "int4" in mode else None)
    tolerance = {"int8": 0.03, "float8": 0.1}.get(mode, 0.2)
    found = np.asarray(layer(x))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def test_int8_einsum_scales_lie_as_in_keras():
    for equation, output, shape, expected in (
        ("btd,ndh->btnh", (None, 2, 8), (None, 3, 4), (1, 1, 2, 8)),
        ("btnh,nhd->btd", (None, 8), (None, 3, 2, 4), (1, 1, 8)),
        ("abc,acd->abd", (3, 6), (5, 3, 4), (5, 1, 6)),
        ("abcde,afce->acdbf", (2, 4, 8, 16), (1, 8, 2, 4, 32), (1, 2, 1, 1, 16)),
    ):
        layer = layers.EinsumDense(equation, output, dtype="int8_from_float32")
        layer.build(shape)
        assert layer.kernel_scale.shape == expected


def test_embedding_int8_and_int4():
    ids = np.array([[0, 3]])
    layer = layers.Embedding(5, 6)
    layer.build()
    layer._embeddings.assign(TABLE)
    layer.quantize("int8")
    table, scale = integers_of(TABLE, -1)
    np.testing.assert_allclose(layer(ids), (table / scale)[ids], **CLOSE)
    layer = layers.Embedding(5, 6)
    layer.build()
    layer._embeddings.assign(TABLE)
    layer.quantize("int4", config=quantizers.Int4QuantizationConfig(block_size=4))
    groups = np.arange(6) // 4
    scale, zero = np.asarray(layer.embeddings_scale), np.asarray(layer.embeddings_zero).astype("float32")
    table = (np.asarray(layer.embeddings) - zero[:, groups]) * scale[:, groups]
    np.testing.assert_allclose(layer(ids), table[ids], **CLOSE)
    with pytest.raises(IndexError, match="below input_dim=5"):
        layer(np.array([5]))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("mode", ["int8", "int4", "int4/4"])
def test_reversible_embedding_scores(tied, mode):
    layer = layers.ReversibleEmbedding(5, 6, tie_weights=tied)
    layer.build()
    layer._embeddings.assign(TABLE)
    if not tied:
        layer.reverse_embeddings.assign(TABLE.T)
    config = quantizers.Int4QuantizationConfig(block_size=4 if "/" in mode else None)
    layer.quantize(mode.partition("/")[0], config=config if "int4" in mode else None)
    vectors = RNG.normal(size=(2, 6)).astype("float32")
    scores = np.asarray(layer(vectors, reverse=True))
    if mode == "int8":
        table, scale = integers_of(TABLE, -1)
        x, input_scale = integers_of(vectors, -1)
        np.testing.assert_allclose(scores, (x @ table.T) / (input_scale * scale.T), **CLOSE)
    else:
        np.testing.assert_allclose(scores, vectors @ np.asarray(layer(np.arange(5))).T, **CLOSE)


def test_gradients_are_those_of_the_float_product():
    layer = dense()
    layer.quantize("int8")
    kernel, scale = integers_of(KERNEL, 0)
    x = ops.convert_to_tensor(X)
    weights = RNG.normal(size=(3, 4)).astype("float32")
    gradient = corten.grad(lambda t: ops.sum(layer(t) * weights))(x)
    np.testing.assert_allclose(gradient, weights @ (kernel / scale).T, **CLOSE)


MODES = {
    "int8": None,
    "int4": None,
    "int4/4": quantizers.Int4QuantizationConfig(block_size=4),
    "int4/-1": quantizers.Int4QuantizationConfig(block_size=-1),
    "float8": None,
}


def stack():
    return models.Sequential(
        [
            layers.Input((7,), dtype="int32"),
            layers.Embedding(9, 6),
            layers.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de"),
            layers.Reshape((7, 10)),
            layers.Dense(3, activation="relu"),
        ]
    )


@pytest.mark.filterwarnings("ignore:Layer Embedding does not:UserWarning")
@pytest.mark.parametrize("ending", [".corten", ".keras"])
@pytest.mark.parametrize("mode", MODES)
def test_files_give_the_same_bits(mode, ending, tmp_path):
    if ending == ".keras":
        pytest.importorskip("h5py")
    model = stack()
    filters = "dense" if mode == "float8" else None
    model.quantize(mode.partition("/")[0], config=MODES[mode], filters=filters)
    x = RNG.integers(0, 9, (4, 7))
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / f"model{ending}")
    again = models.load_model(tmp_path / f"model{ending}")
    np.testing.assert_array_equal(again.predict(x, verbose=0), expected)
    assert again.layers[-1]._is_quantized
    model.save_weights(tmp_path / "model.safetensors")
    other = stack()
    other.quantize(mode.partition("/")[0], config=MODES[mode], filters=filters)
    other.load_weights(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)


@pytest.mark.parametrize("mode", ["int8", "int4/4", "float8"])
def test_weights_of_quantized_attention_are_loaded_after_quantizing(mode, tmp_path):
    def make():
        inputs = corten.Input((5, 6))
        model = models.Model(inputs, layers.MultiHeadAttention(2, 3)(inputs, inputs))
        model.quantize(mode.partition("/")[0], config=MODES[mode])
        return model

    model, other = make(), make()
    x = RNG.normal(size=(2, 5, 6)).astype("float32")
    expected = model.predict(x, verbose=0)
    model.save_weights(tmp_path / "model.safetensors")
    assert np.abs(other.predict(x, verbose=0) - expected).max() > 0
    other.load_weights(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)


def test_model_quantizes_what_filters_let_through():
    model = stack()
    with pytest.warns(UserWarning, match="Embedding|Invalid quantization mode"):
        model.quantize("float8")
    assert [layer._is_quantized for layer in model.layers] == [False, True, False, True]
    model = stack()
    model.quantize("int8", filters=["embedding", "^dense"])
    assert [layer._is_quantized for layer in model.layers] == [True, False, False, True]
    assert sum(w.size * {"int8": 1, "float32": 4}[w.dtype] for w in model.layers[0].weights) == 9 * 6 + 9 * 4


def test_setting_a_policy_quantizes():
    layer = dense()
    layer.dtype_policy = "int4/2_from_float32"
    assert layer.kernel_scale.shape == (3, 4)
    assert layer.quantization_config.block_size == 2


def test_mixed_precision_computes_in_bfloat16():
    layer = layers.Dense(4, dtype="mixed_bfloat16")
    layer.build((None, 6))
    expected = np.asarray(ops.cast(layer(X), "float32"))
    layer.quantize("int8")
    assert layer.dtype_policy.name == "int8_from_mixed_bfloat16"
    assert layer(X).dtype == "bfloat16"
    np.testing.assert_allclose(ops.cast(layer(X), "float32"), expected, atol=0.05)


def test_float8_training_moves_scales():
    layer = layers.Dense(3)
    model = models.Sequential([layers.Input((6,)), layer])
    model.quantize("float8")
    model.compile(corten.optimizers.SGD(0.1), "mse")
    y = RNG.normal(size=(32, 3)).astype("float32")
    x = RNG.normal(size=(32, 6)).astype("float32")
    kernel = np.asarray(layer.kernel)
    model.fit(x, y, batch_size=32, epochs=2, verbose=0, shuffle=False)
    # The first step fills the history, the second makes a scale of it.
    assert layer.inputs_amax_history.numpy()[0] == pytest.approx(np.abs(x).max())
    assert float(layer.inputs_scale) == pytest.approx(np.abs(x).max() / 448, rel=1e-6)
    assert float(layer.kernel_scale) == pytest.approx(np.abs(kernel).max() / 448, rel=1e-6)
    assert float(layer.outputs_grad_scale) != 1.0
    losses = model.fit(x, x[:, :3] * 2 - 1, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


def test_messages():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="isn't yet built"):
        layer.quantize("int8")
    with pytest.raises(ValueError, match="Invalid quantization mode"):
        layer.quantize("int7")
    layer.build((None, 2))
    layer.quantize("int8")
    with pytest.raises(ValueError, match="is already quantized with dtype_policy='int8_from_float32'"):
        layer.quantize("int4")

    class Mine(layers.Dense):
        pass

    layer = Mine(3)
    layer.build((None, 2))
    with pytest.raises(NotImplementedError, match="Layer Mine does not have a `quantize` method"):
        layer.quantize("int8")
    layer.quantize("int8", type_check=False)
    half = layers.Dense(3, dtype="mixed_float16")
    half.build((None, 2))
    with pytest.raises(ValueError, match="doesn't work well with compute_dtype='float16'"):
        half.quantize("int8")
    assert (half._is_quantized, half.kernel.dtype) == (False, "float32")
    table = layers.Embedding(3, 2)
    table.build()
    with pytest.raises(NotImplementedError, match=r"Expected one of \('int8', 'int4'\)"):
        table.quantize("float8")
    scaled = layers.BatchNormalization()
    scaled.build((None, 2))
    with pytest.raises(NotImplementedError, match="BatchNormalization does not have a `quantize`"):
        scaled.quantize("int8")
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):
        stack().quantize("int8", filter="x")
    with pytest.raises(ValueError, match="isn't yet built"):
        models.Sequential([layers.Dense(3)]).quantize("int8")
    with pytest.raises(ValueError, match="expected 3 variables, but received 1"):
        layer.load_own_variables({"0": np.zeros((2, 3))})


def test_compiled_models_stay_compiled(tmp_path):
    x = RNG.normal(size=(32, 6)).astype("float32")
    model = models.Sequential([layers.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(x, x[:, :2], epochs=2, verbose=0)
    before = model.evaluate(x, x[:, :2], verbose=0)
    model.quantize("int8")
    assert model.evaluate(x, x[:, :2], verbose=0) == pytest.approx(before, rel=0.1)
    # The biases are left to be trained.
    model.fit(x, x[:, :2], verbose=0)
    model.save(tmp_path / "model.corten")
    with pytest.warns(UserWarning, match="state is that of other variables"):
        again = models.load_model(tmp_path / "model.corten")
    assert again.evaluate(x, x[:, :2], verbose=0) == model.evaluate(x, x[:, :2], verbose=0)
    again.fit(x, x[:, :2], verbose=0)


def test_an_optimizer_of_other_variables_is_left_out(tmp_path):
    x = RNG.normal(size=(32, 6)).astype("float32")
    model = models.Sequential([layers.Input((6,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(x, x[:, :2], verbose=0)
    model.layers[0].enable_lora(1)
    model.save(tmp_path / "model.corten")
    with pytest.warns(UserWarning, match="state is that of other variables"):
        again = models.load_model(tmp_path / "model.corten")
    again.fit(x, x[:, :2], verbose=0)


def test_layers_before_a_quantized_one_are_trained():
    first, second = layers.Dense(6, activation="relu"), layers.Dense(3)
    model = models.Sequential([layers.Input((6,)), first, second])
    second.quantize("int8")
    model.compile("sgd", "mse")
    before = first.get_weights()[0]
    model.fit(X, X[:, :3], epochs=2, verbose=0)
    assert np.abs(first.get_weights()[0] - before).max() > 1e-4


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_a_model_with_quantized_attention_is_loaded_whole(tmp_path, mode):
    inputs = corten.Input((4, 16))
    x = layers.MultiHeadAttention(2, 8, use_gate=True, name="first")(inputs, inputs)
    x = layers.GroupQueryAttention(4, 4, 2, name="second")(x, x)
    model = corten.Model(inputs, layers.Dense(3)(x))
    model.quantize(mode)
    data = np.random.default_rng(0).normal(size=(2, 4, 16)).astype("float32")
    expected = model.predict(data, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = corten.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(data, verbose=0), expected)
    assert loaded.get_layer("first").query_dense.quantization_mode == mode
    assert loaded.get_layer("first").quantization_mode is None
