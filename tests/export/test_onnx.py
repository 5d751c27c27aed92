"""ONNX files give in onnxruntime what the model gives, for other sizes than those of the export too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import corten
from corten import layers, ops

RNG = np.random.default_rng(0)


def floats(*shape: int) -> Callable[[int], np.ndarray]:
    return lambda batch: RNG.normal(size=(batch, *shape)).astype("float32")


def ids(*shape: int) -> Callable[[int], np.ndarray]:
    return lambda batch: RNG.integers(10, size=(batch, *shape)).astype("int32")


def stack(shape: tuple[int | None, ...], *parts: Any, dtype: str = "float32") -> Any:
    return corten.Sequential([corten.Input(shape, dtype=dtype), *parts])


def scramble(model: Any) -> None:
    """Weights that are neither zero nor one, so that none can be left out unseen."""
    for variable in model.variables:
        if variable.dtype == "float32":
            values = RNG.uniform(0.2, 1.0, variable.shape) * np.where(
                "variance" in variable.path, 1, RNG.choice([-1, 1])
            )
            variable.assign(values.astype("float32"))


def run(path: Path, *inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {given.name: x for given, x in zip(session.get_inputs(), inputs, strict=True)})


def check(model: Any, path: Path, *makers: Callable[[int], np.ndarray], **arguments: Any) -> onnx.ModelProto:
    scramble(model)
    model.export(path, verbose=False, **arguments)
    for batch in (1, 4):
        inputs = [make(batch) for make in makers]
        expected = corten.tree.flatten(model(inputs if len(inputs) > 1 else inputs[0], training=False))
        found = run(path, *inputs)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            other = np.asarray(other)
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)
    return onnx.load(path)


def transformer() -> Any:
    tokens = corten.Input((None,), dtype="int32")
    x = layers.Embedding(10, 8, mask_zero=True)(tokens)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True))
    x = layers.LayerNormalization()(x + layers.Dense(8)(layers.Dense(16, "gelu")(x)))
    return corten.Model(tokens, layers.GlobalAveragePooling1D()(x))


def attention(layer: Any) -> Any:
    query, value = corten.Input((None, 6)), corten.Input((None, 6))
    return corten.Model([query, value], layer([query, value]))


def grouped() -> Any:
    query, value = corten.Input((4, 6)), corten.Input((5, 6))
    return corten.Model([query, value], layers.GroupQueryAttention(3, 4, 2)(query, value))


def recurrent(layer: Any) -> Any:
    inputs = corten.Input((None, 3))
    return corten.Model(inputs, layer(inputs))


MODELS: dict[str, tuple[Callable[[], Any], list[Callable[[int], np.ndarray]]]] = {
    "dense": (
        lambda: stack(
            (8,), layers.Dense(16, "relu"), layers.Dropout(0.3), layers.BatchNormalization(), layers.Dense(3)
        ),
        [floats(8)],
    ),
    "convolutions": (
        lambda: stack(
            (14, 14, 1),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="gelu"),
            layers.AveragePooling2D(2, padding="same"),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ),
        [floats(14, 14, 1)],
    ),
    "images of any size": (
        lambda: stack(
            (None, None, 3),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 3),
            layers.GlobalAveragePooling2D(),
        ),
        [floats(33, 47, 3)],
    ),
    "other windows": (
        lambda: stack(
            (16, 16, 4),
            layers.DepthwiseConv2D(3),
            layers.SeparableConv2D(6, 3),
            layers.UpSampling2D(2),
            layers.ZeroPadding2D(1),
            layers.Cropping2D(2),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
            layers.Conv2DTranspose(2, 3, strides=2),
            layers.AdaptiveAveragePooling2D(3),
        ),
        [floats(16, 16, 4)],
    ),
    "grouped and dilated": (
        lambda: stack(
            (20, 4), layers.Conv1D(8, 3, padding="causal", dilation_rate=2, groups=2), layers.PReLU()
        ),
        [floats(20, 4)],
    ),
    "norms": (
        lambda: stack(
            (8, 8, 4),
            layers.GroupNormalization(2),
            layers.LayerNormalization(axis=[1, 2, 3]),
            layers.RMSNormalization(),
            layers.UnitNormalization(),
        ),
        [floats(8, 8, 4)],
    ),
    "reshapes": (
        lambda: stack(
            (7, 3),
            layers.Permute((2, 1)),
            layers.Reshape((21,)),
            layers.RepeatVector(3),
            layers.TimeDistributed(layers.Dense(2)),
        ),
        [floats(7, 3)],
    ),
    "einsum": (
        lambda: stack((7, 3), layers.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")),
        [floats(7, 3)],
    ),
    "lstm": (lambda: recurrent(layers.LSTM(4, return_state=True, return_sequences=True)), [floats(5, 3)]),
    "backwards": (lambda: recurrent(layers.LSTM(4, go_backwards=True, return_state=True)), [floats(5, 3)]),
    "gru": (lambda: recurrent(layers.Bidirectional(layers.GRU(4))), [floats(6, 3)]),
    "simple rnn": (lambda: stack((7, 3), layers.SimpleRNN(4)), [floats(7, 3)]),
    "masked rnn": (
        lambda: stack((7,), layers.Embedding(10, 4, mask_zero=True), layers.LSTM(4), dtype="int32"),
        [ids(7)],
    ),
    "convolutional lstm": (
        lambda: stack((4, 6, 6, 2), layers.ConvLSTM2D(3, 3, padding="same")),
        [floats(4, 6, 6, 2)],
    ),
    "transformer": (transformer, [ids(9)]),
    "attention": (lambda: attention(layers.Attention()), [floats(4, 6), floats(5, 6)]),
    "additive attention": (lambda: attention(layers.AdditiveAttention()), [floats(4, 6), floats(5, 6)]),
    "grouped queries": (grouped, [floats(4, 6), floats(5, 6)]),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model(name: str, tmp_path: Path) -> None:
    make, inputs = MODELS[name]
    check(make(), tmp_path / "model.onnx", *inputs)


ACTIVATIONS = (
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear "
    "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign "
    "sparse_plus sparse_sigmoid sparsemax squareplus tanh tanh_shrink threshold"
)


@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_an_activation(name: str, tmp_path: Path) -> None:
    function = getattr(corten.activations, name)
    arguments = (0.3, 0.1) if name == "threshold" else ()
    model = stack((6,), layers.Activation(lambda x: function(x, *arguments)))
    check(model, tmp_path / "model.onnx", floats(6))


OPS: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda x: (x**2 - 3 * x) / (1 + x * x) // 0.25 % 0.7,
    "logarithms": lambda x: ops.log1p(x * x) + ops.log2(x * x + 1) + ops.logaddexp(x, 2 * x),
    "functions": lambda x: ops.expm1(x) + ops.trunc(3 * x) + ops.hypot(x, 2.0) + ops.rsqrt(x * x + 1),
    "integers": lambda x: ops.cast(x * 5, "int32") // 3 + ops.cast(x * 5, "int32") % 3,
    "logic": lambda x: (x > 0) & ~(x > 1) | ops.isfinite(x),
    "choice": lambda x: ops.where(ops.any(x > 1, axis=-1, keepdims=True), x, -x),
    "slices": lambda x: ops.concatenate([x[:, ::-1], x[:, 1:-1], x[:, -2:], x[:, ::2], x[-1:] + x[:, :1]], 1),
    "order": lambda x: [*ops.top_k(x, 2), ops.sort(x, axis=0), ops.argmax(x, -1)],
    "sums": lambda x: ops.cumsum(x, 1) + ops.flip(ops.cumsum(ops.flip(x, 1), 1), 1),
    "shapes": lambda x: ops.reshape(x, (-1, 2)) + ops.arange(x.shape[0] * 3, dtype="float32")[:, None],
    "padding": lambda x: ops.pad(x, [(0, 0), (1, 2)], constant_values=3.0),
    "picks": lambda x: ops.take_along_axis(x, ops.argsort(x, -1), -1) + ops.take(x, [[0, -1]], 1)[:, 0, :1],
    "an array": lambda x: x + np.arange(6, dtype="float32"),
    "whole batch": lambda x: x - ops.mean(x, axis=0),
}


class Own(corten.Model):
    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


SIGNATURE = [layers.InputSpec(shape=(None, 6), dtype="float32")]


@pytest.mark.parametrize("name", OPS)
def test_ops_in_a_model_of_ones_own(name: str, tmp_path: Path) -> None:
    check(Own(OPS[name]), tmp_path / "model.onnx", floats(6), input_signature=SIGNATURE)


def test_names_and_open_sizes(tmp_path: Path) -> None:
    first, second = corten.Input((4,), name="size"), corten.Input((None, 5), name="series")
    x = layers.Concatenate()([first, layers.GlobalAveragePooling1D()(second)])
    model = corten.Model(
        [first, second], [layers.Dense(2, name="label")(x), layers.Dense(1, name="price")(x)]
    )
    graph = check(model, tmp_path / "model.onnx", floats(4), floats(3, 5)).graph
    assert [given.name for given in graph.input] == ["size", "series"]
    assert [result.name for result in graph.output] == ["label", "price"]
    sizes = [size.dim_param or size.dim_value for size in graph.input[1].type.tensor_type.shape.dim]
    assert sizes == ["batch", "series_1", 5]
    assert {weight.name for weight in graph.initializer} >= {"label/kernel", "label/bias", "price/kernel"}


def test_results_that_are_one_or_an_argument(tmp_path: Path) -> None:
    inputs = corten.Input((4,), name="x")
    hidden = layers.Dense(3, name="hidden")(inputs)
    check(corten.Model(inputs, [hidden, inputs, hidden]), tmp_path / "model.onnx", floats(4))


def test_a_fixed_size_is_written_as_such(tmp_path: Path) -> None:
    model = Own(lambda x: ops.reshape(x, (x.shape[0] * 2, 3)) * float(x.shape[0]))
    with pytest.raises(NotImplementedError, match="a number depends on the sizes"):
        model.export(tmp_path / "model.onnx", input_signature=SIGNATURE)
    signature = [layers.InputSpec(shape=(4, 6), dtype="float32")]
    model.export(tmp_path / "model.onnx", verbose=False, input_signature=signature)
    x = floats(6)(4)
    np.testing.assert_allclose(run(tmp_path / "model.onnx", x)[0], x.reshape(8, 3) * 4, rtol=1e-6)


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    dense = stack((3,), layers.Dense(2))
    with pytest.raises(ValueError, match="only 'onnx' is written"):
        dense.export(tmp_path / "model", format="tf_saved_model")
    with pytest.raises(ValueError, match="only 'onnx' is written"):
        dense.export(tmp_path / "model")
    with pytest.raises(ValueError, match="has no Input"):
        Own(lambda x: x).export(path)
    with pytest.raises(NotImplementedError, match="'erfinv'"):
        Own(ops.erfinv).export(path, input_signature=SIGNATURE)
    with pytest.raises(NotImplementedError, match="random"):
        Own(lambda x: x + corten.random.normal((6,))).export(path, input_signature=SIGNATURE)
    with pytest.raises(ValueError, match="a value was read"):
        Own(lambda x: x if float(x[0, 0]) > 1 else -x).export(path, input_signature=SIGNATURE)
    assert list(tmp_path.iterdir()) == []


def test_what_went_before_is_kept_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    stack((3,), layers.Dense(2)).export(path, verbose=False)
    before = path.read_bytes()
    with pytest.raises(NotImplementedError):
        Own(ops.erfinv).export(path, input_signature=SIGNATURE)
    assert path.read_bytes() == before


def test_training_goes_on_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = stack((3,), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1))
    model.compile("sgd", "mse")
    x = floats(3)(8)
    model.fit(x, x[:, :1], verbose=0)
    before = [variable.numpy() for variable in model.variables]
    model.export(tmp_path / "model.onnx")
    assert "model.onnx" in capsys.readouterr().out
    for variable, values in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), values)
    model.fit(x, x[:, :1], verbose=0)
