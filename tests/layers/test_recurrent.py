"""Recurrent layers against NumPy; masks, states, directions, dropout, wrappers."""

import numpy as np
import pytest
from numpy_references import gru, lstm, simple_rnn

import corten
from corten import layers, ops

RNG = np.random.default_rng(1)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
X = RNG.normal(size=(3, 6, 4)).astype("float32")


def randomize(layer):
    layer(X)
    layer.set_weights([RNG.normal(size=w.shape).astype("float32") * 0.5 for w in layer.get_weights()])
    return layer


def reference(layer, x):
    weights = layer.get_weights()
    if isinstance(layer, layers.LSTM):
        return lstm(x, *weights)[0]
    if isinstance(layer, layers.GRU):
        return gru(x, *weights, reset_after=layer.reset_after)
    return simple_rnn(x, *weights)


MAKERS = {
    "SimpleRNN": lambda **k: layers.SimpleRNN(5, **k),
    "LSTM": lambda **k: layers.LSTM(5, **k),
    "GRU": lambda **k: layers.GRU(5, **k),
    "GRU before": lambda **k: layers.GRU(5, reset_after=False, **k),
}
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


@every
def test_values(make):
    layer = randomize(make(return_sequences=True))
    np.testing.assert_allclose(layer(X).numpy(), reference(layer, X), **CLOSE)


@every
def test_last_output_and_backwards(make):
    layer = randomize(make())
    expected = reference(layer, X)
    np.testing.assert_allclose(layer(X).numpy(), expected[:, -1], **CLOSE)
    back = randomize(make(go_backwards=True, return_sequences=True))
    np.testing.assert_allclose(back(X).numpy(), reference(back, X[:, ::-1]), **CLOSE)


@every
def test_loop_and_fused_agree(make):
    layer = randomize(make(return_sequences=True))
    mask = np.ones(X.shape[:2], bool)
    np.testing.assert_allclose(layer(X, mask=mask).numpy(), layer(X).numpy(), **CLOSE)


@every
def test_masked_steps_are_skipped(make):
    layer = randomize(make(return_sequences=True, return_state=True))
    mask = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0]], bool)
    outputs, *states = (y.numpy() for y in layer(X, mask=mask))
    for row in range(3):
        kept = np.flatnonzero(mask[row])
        expected = reference(layer, X[row : row + 1, kept])[0]
        np.testing.assert_allclose(outputs[row, kept], expected, **CLOSE)
        np.testing.assert_allclose(states[0][row], expected[-1], **CLOSE)
    # A masked step repeats the output before it; the first ones are zero.
    np.testing.assert_array_equal(outputs[0, 4], outputs[0, 3])
    np.testing.assert_array_equal(outputs[2, 0], np.zeros(5))


def test_zero_output_for_mask():
    layer = layers.RNN(layers.SimpleRNNCell(5), return_sequences=True, zero_output_for_mask=True)
    mask = np.ones((3, 6), bool)
    mask[:, 4:] = False
    y = layer(X, mask=mask).numpy()
    assert (y[:, 4:] == 0).all()
    assert (y[:, :4] != 0).any()


@every
def test_initial_state_continues_a_sequence(make):
    layer = randomize(make(return_sequences=True, return_state=True))
    whole = layer(X)[0].numpy()
    _, *states = layer(X[:, :3])
    rest = layer(X[:, 3:], initial_state=states)[0].numpy()
    np.testing.assert_allclose(rest, whole[:, 3:], **CLOSE)


@every
def test_stateful(make):
    stateful = make(stateful=True, return_sequences=True)
    plain = make(return_sequences=True)
    plain(X)
    first = stateful(X[:, :3]).numpy()
    plain.set_weights([w.numpy() for w in stateful.trainable_weights])
    second = stateful(X[:, 3:]).numpy()
    np.testing.assert_allclose(np.concatenate([first, second], 1), plain(X).numpy(), **CLOSE)
    stateful.reset_state()
    np.testing.assert_allclose(stateful(X[:, :3]).numpy(), first, **CLOSE)


def test_stateful_keeps_its_batch_size():
    layer = layers.GRU(4, stateful=True)
    layer(X)
    with pytest.raises(ValueError, match="batch size of 2 instead of 3"):
        layer(X[:2])


def test_stateful_needs_a_batch_size():
    with pytest.raises(ValueError, match="batch_shape"):
        layers.LSTM(4, stateful=True)(corten.KerasTensor((None, 5, 3)))


def test_unit_forget_bias():
    layer = layers.LSTM(3)
    layer(X)
    np.testing.assert_array_equal(layer.get_weights()[2], [0] * 3 + [1] * 3 + [0] * 6)
    plain = layers.LSTM(3, unit_forget_bias=False)
    plain(X)
    assert not plain.get_weights()[2].any()


@every
@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_acts_in_training_only(make, option):
    layer = make(**{option: 0.5, "seed": 3})
    np.testing.assert_array_equal(layer(X).numpy(), layer(X).numpy())
    first, second = layer(X, training=True).numpy(), layer(X, training=True).numpy()
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, layer(X).numpy())


def test_input_dropout_uses_one_mask_for_all_steps():
    layer = layers.LSTM(4, dropout=0.5, seed=3, return_sequences=True)
    same = np.broadcast_to(X[:, :1], X.shape)
    projected = layer(same, training=True)
    assert projected.shape == (3, 6, 4)
    cell = layers.SimpleRNNCell(4, dropout=0.5, seed=1)
    states = cell.get_initial_state(3)
    one = cell(X[:, 0], states, training=True)[0].numpy()
    np.testing.assert_array_equal(one, cell(X[:, 0], states, training=True)[0].numpy())
    cell.reset_dropout_masks()
    assert not np.array_equal(one, cell(X[:, 0], states, training=True)[0].numpy())


def test_custom_cell():
    class Counter(layers.Layer):
        state_size = 1

        def call(self, inputs, states):
            total = ops.add(states[0], ops.sum(inputs, axis=-1, keepdims=True))
            return total, [total]

    y = layers.RNN(Counter(), return_sequences=True)(X).numpy()
    np.testing.assert_allclose(y[..., 0], X.sum(-1).cumsum(1), **CLOSE)


def test_stacked_cells_are_stacked_layers():
    stack = layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], return_sequences=True, return_state=True)
    outputs = stack(X)
    assert [y.shape for y in outputs[:1]] == [(3, 6, 3)]
    weights = stack.get_weights()
    first, second = layers.LSTM(4, return_sequences=True), layers.GRU(3, return_sequences=True)
    second(first(X))
    first.set_weights(weights[:3])
    second.set_weights(weights[3:])
    np.testing.assert_allclose(second(first(X)).numpy(), outputs[0].numpy(), **CLOSE)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional(mode):
    layer = layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode=mode)
    y = layer(X)
    weights = layer.get_weights()
    forward = lstm(X, *weights[:3])[0]
    backward = lstm(X[:, ::-1], *weights[3:])[0][:, ::-1]
    if mode is None:
        np.testing.assert_allclose(y[0].numpy(), forward, **CLOSE)
        np.testing.assert_allclose(y[1].numpy(), backward, **CLOSE)
        return
    expected = {
        "concat": np.concatenate([forward, backward], -1),
        "sum": forward + backward,
        "mul": forward * backward,
        "ave": (forward + backward) / 2,
    }[mode]
    np.testing.assert_allclose(y.numpy(), expected, **CLOSE)


def test_bidirectional_states_and_names():
    layer = layers.Bidirectional(layers.LSTM(4, return_state=True, name="memory"))
    assert layer.forward_layer.name == "forward_memory"
    assert layer.backward_layer.name == "backward_memory"
    y = layer(X)
    assert [tuple(part.shape) for part in y] == [(3, 8), (3, 4), (3, 4), (3, 4), (3, 4)]
    again = layer(X, initial_state=list(y[1:]))
    assert not np.array_equal(again[0].numpy(), y[0].numpy())


def test_names_of_bidirectional_layers_stay_when_their_config_is_read():
    own = layers.Bidirectional(layers.LSTM(4, name="memory"))
    given = layers.Bidirectional(
        layers.LSTM(4, name="memory"), backward_layer=layers.LSTM(4, go_backwards=True, name="other")
    )
    # Keras writes the names with the prefix, and both layers always.
    keras = {**own.get_config(), "backward_layer": layers.serialize(own.backward_layer)}
    assert keras["layer"]["config"]["name"] == "forward_memory"
    assert keras["backward_layer"]["config"]["name"] == "backward_memory"
    for config, backward in (
        (own.get_config(), "backward_memory"),
        (given.get_config(), "backward_other"),
        (keras, "backward_memory"),
    ):
        for _ in range(2):
            again = layers.Bidirectional.from_config(config)
            assert again.forward_layer.name == "forward_memory"
            assert again.backward_layer.name == backward
            config = again.get_config()


def test_time_distributed_is_the_layer_at_every_step():
    inner = layers.Conv1D(2, 2)
    x = RNG.normal(size=(2, 3, 5, 4)).astype("float32")
    y = layers.TimeDistributed(inner)(x).numpy()
    np.testing.assert_allclose(y[:, 1], inner(x[:, 1]).numpy(), **CLOSE)


def test_embedding_mask_reaches_the_recurrent_layer():
    ids = np.array([[1, 2, 0, 0], [3, 1, 2, 4]])
    model = corten.Sequential([corten.Input((None,)), layers.Embedding(5, 3, mask_zero=True), layers.LSTM(4)])
    y = model(ids).numpy()
    short = model(ids[:1, :2]).numpy()
    np.testing.assert_allclose(y[0], short[0], **CLOSE)


def test_convolutional_lstm_of_single_pixels_is_an_lstm():
    layer = layers.ConvLSTM2D(5, 1, return_sequences=True)
    images = X[:, :, None, None, :]
    y = layer(images).numpy()[:, :, 0, 0]
    kernel, recurrent, bias = layer.get_weights()
    np.testing.assert_allclose(y, lstm(X, kernel[0, 0], recurrent[0, 0], bias)[0], **CLOSE)
    first = layers.ConvLSTM2D(5, 1, return_sequences=True, data_format="channels_first", stateful=True)
    first(np.moveaxis(images, -1, 2))
    for variable, value in zip(first.trainable_weights, (kernel, recurrent, bias), strict=True):
        variable.assign(value)
    first.reset_state()
    z = first(np.moveaxis(images, -1, 2)).numpy()
    np.testing.assert_allclose(z[..., 0, 0], y, **CLOSE)


def test_bad_arguments():
    with pytest.raises(ValueError, match="`units` must be a positive integer"):
        layers.LSTM(0)
    with pytest.raises(ValueError, match="state_size"):
        layers.RNN(layers.Dense(3))
    with pytest.raises(ValueError, match=r"return_sequences=True|ndim"):
        layers.LSTM(4)(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match="merge_mode"):
        layers.Bidirectional(layers.LSTM(4), merge_mode="add")
    with pytest.raises(ValueError, match="recurrent layer"):
        layers.Bidirectional(layers.Dense(4))


@pytest.mark.parametrize("layer", [layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D])
def test_conv_lstm_refuses_strides_with_dilation(layer):
    message = rf"{layer.__name__}: Specifying `strides > 1` is not compatible with `dilation_rate > 1`"
    with pytest.raises(ValueError, match=message):
        layer(1, 1, strides=2, dilation_rate=3)
