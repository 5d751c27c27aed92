"""Attention layers against NumPy: masks, causality, scores, gates, further axes."""

import numpy as np
import pytest
from numpy_references import attention, sigmoid, softmax

import corten
from corten import layers

RNG = np.random.default_rng(5)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
QUERY = RNG.normal(size=(2, 4, 6)).astype("float32")
VALUE = RNG.normal(size=(2, 5, 6)).astype("float32")
TRIANGLE = np.tril(np.ones((4, 5), bool))[None]


def heads(x, dense):
    kernel, bias = (w.numpy() for w in dense.weights)
    return np.einsum("btd,dnh->btnh", x, kernel) + bias


def expected(layer, query, value, mask=None, repeat=1):
    q = heads(query, layer._query_dense)
    k, v = heads(value, layer._key_dense), heads(value, layer._value_dense)
    k, v = np.repeat(k, repeat, 2), np.repeat(v, repeat, 2)
    mixed, weights = attention(q, k, v, None if mask is None else mask[:, None])
    if layer._gate_dense is not None:
        mixed = mixed * sigmoid(heads(query, layer._gate_dense))
    kernel, bias = (w.numpy() for w in layer._output_dense.weights)
    return np.einsum("btnh,nhd->btd", mixed, kernel) + bias, weights


MULTI = {
    "plain": lambda: (layers.MultiHeadAttention(2, 3), 1),
    "value_dim": lambda: (layers.MultiHeadAttention(2, 3, value_dim=4), 1),
    "gate": lambda: (layers.MultiHeadAttention(2, 3, use_gate=True), 1),
    "grouped": lambda: (layers.GroupQueryAttention(3, 4, 2), 2),
    "grouped gate": lambda: (layers.GroupQueryAttention(3, 4, 1, use_gate=True), 4),
}


@pytest.mark.parametrize("make", MULTI.values(), ids=MULTI.keys())
@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("masking", ["none", "causal", "value", "attention", "all"])
def test_projected_attention(make, masking, scores):
    layer, repeat = make()
    layer.build(QUERY.shape, VALUE.shape)
    layer.set_weights([RNG.normal(size=w.shape) * 0.5 for w in layer.get_weights()])
    value_mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    given = RNG.random((2, 4, 5)) > 0.3
    given[..., 0] = True
    mask = np.ones((2, 4, 5), bool)
    options = {}
    if masking in ("causal", "all"):
        options["use_causal_mask"] = True
        mask &= TRIANGLE
    if masking in ("value", "all"):
        options["value_mask"] = value_mask
        mask &= value_mask[:, None]
    if masking in ("attention", "all"):
        options["attention_mask"] = given
        mask &= given
    y = layer(QUERY, VALUE, return_attention_scores=scores, **options)
    want, weights = expected(layer, QUERY, VALUE, mask, repeat)
    np.testing.assert_allclose((y[0] if scores else y).numpy(), want, **CLOSE)
    if scores:
        np.testing.assert_allclose(y[1].numpy(), weights, **CLOSE)


def test_sliding_window():
    layer = layers.MultiHeadAttention(2, 3, sliding_window=2)
    _, scores = layer(QUERY, QUERY, return_attention_scores=True)
    steps = np.arange(4)
    near = np.abs(steps[:, None] - steps) < 2
    assert ((scores.numpy() > 0) == near).all()


def test_attention_over_one_of_two_axes():
    x = RNG.normal(size=(2, 3, 4, 6)).astype("float32")
    layer = layers.MultiHeadAttention(2, 3, attention_axes=2)
    y = layer(x, x).numpy()
    plain = layers.MultiHeadAttention(2, 3)
    plain(x[:, 0], x[:, 0])
    plain.set_weights(layer.get_weights())
    for row in range(3):
        np.testing.assert_allclose(y[:, row], plain(x[:, row], x[:, row]).numpy(), **CLOSE)
    whole = layers.MultiHeadAttention(2, 3)
    z, scores = whole(x, x, return_attention_scores=True)
    assert scores.shape == (2, 2, 3, 4, 3, 4)
    plain.set_weights(whole.get_weights())
    flat = x.reshape(2, 12, 6)
    np.testing.assert_allclose(z.numpy().reshape(2, 12, 6), plain(flat, flat).numpy(), **CLOSE)


def test_output_shape_and_dropout():
    assert layers.MultiHeadAttention(2, 3, output_shape=7)(QUERY, VALUE).shape == (2, 4, 7)
    assert layers.MultiHeadAttention(2, 3, output_shape=(7, 2))(QUERY, VALUE).shape == (2, 4, 7, 2)
    layer = layers.MultiHeadAttention(2, 3, dropout=0.5, seed=1)
    still = layer(QUERY, VALUE).numpy()
    np.testing.assert_array_equal(still, layer(QUERY, VALUE).numpy())
    assert not np.allclose(still, layer(QUERY, VALUE, training=True).numpy())


@pytest.mark.parametrize("kind", [layers.MultiHeadAttention, layers.GroupedQueryAttention])
@pytest.mark.parametrize("causal", [False, True])
def test_dropout_is_that_of_the_scores(kind, causal):
    sizes = (3, 4, 2) if kind is layers.GroupedQueryAttention else (4, 3)
    mask = np.ones((2, 4, 4), bool)
    mask[1, :, 3] = False
    layer = kind(*sizes, dropout=0.5, seed=1)
    layer(QUERY, QUERY)
    start = layer.seed_generator.state.numpy()
    results = []
    for with_scores in (False, True):
        # The same random numbers each time.
        layer.seed_generator.state.assign(start)
        found = layer(
            QUERY,
            QUERY,
            attention_mask=mask,
            use_causal_mask=causal,
            return_attention_scores=with_scores,
            training=True,
        )
        results.append(found[0] if with_scores else found)
    np.testing.assert_allclose(*results, **CLOSE)


def test_a_captured_step_drops_as_an_eager_one():
    results = []
    for eager in (False, True):
        corten.utils.set_random_seed(3)
        inputs = corten.Input((4, 5))
        outputs = layers.Dense(1)(layers.MultiHeadAttention(2, 3, dropout=0.5)(inputs, inputs))
        model = corten.Model(inputs, outputs)
        model.compile("sgd", "mse", run_eagerly=eager)
        x = np.random.default_rng(1).normal(size=(12, 4, 5)).astype("float32")
        losses = model.fit(x, x[..., :1], batch_size=2, epochs=3, shuffle=False, verbose=0).history["loss"]
        results.append((losses, [weights.tobytes() for weights in model.get_weights()]))
    assert results[0] == results[1]


def test_projections_differ():
    layer = layers.MultiHeadAttention(2, 3)
    layer(QUERY, QUERY)
    assert not np.allclose(layer._query_dense.kernel.numpy(), layer._key_dense.kernel.numpy())
    assert [dense.name for dense in (layer._query_dense, layer._output_dense)] == [
        "query",
        "attention_output",
    ]


@pytest.mark.parametrize("mode", ["dot", "concat", "additive"])
def test_attention(mode):
    layer = (
        layers.AdditiveAttention()
        if mode == "additive"
        else layers.Attention(use_scale=True, score_mode=mode)
    )
    layer([QUERY, VALUE])
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.get_weights()])
    weights = layer.get_weights()
    total = QUERY[:, :, None] + VALUE[:, None]
    scores = {
        "dot": lambda: QUERY @ VALUE.transpose(0, 2, 1) * weights[0],
        "concat": lambda: np.tanh(total * weights[0]).sum(-1) * weights[1],
        "additive": lambda: (np.tanh(total) * weights[0]).sum(-1),
    }[mode]()
    value_mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    query_mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)
    allowed = TRIANGLE & value_mask[:, None]
    want = softmax(np.where(allowed, scores, -1e9))
    y, got = layer(
        [QUERY, VALUE], mask=[query_mask, value_mask], return_attention_scores=True, use_causal_mask=True
    )
    np.testing.assert_allclose(got.numpy(), want, **CLOSE)
    np.testing.assert_allclose(y.numpy(), want @ VALUE * query_mask[..., None], **CLOSE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.MultiHeadAttention(0, 3), "`num_heads`"),
        (lambda: layers.MultiHeadAttention(2, -1), "`key_dim`"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window"),
        (lambda: layers.MultiHeadAttention(2, 3, output_shape="x"), "Invalid `output_shape`"),
        (lambda: layers.MultiHeadAttention(2, 3)(QUERY, VALUE, VALUE[:, :3]), "must be equal"),
        (lambda: layers.GroupQueryAttention(3, 5, 2), "divisible"),
        (lambda: layers.Attention(score_mode="dots"), "Invalid value.*Did you mean 'dot'"),
        (lambda: layers.Attention()(QUERY), "must be called on a list"),
        (lambda: layers.Attention()([QUERY]), "length 2 or 3"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_flash_attention_can_be_switched_off():
    layer = layers.MultiHeadAttention(2, 3)
    plain = layers.MultiHeadAttention(2, 3, flash_attention=False)
    fused = layer(QUERY, VALUE).numpy()
    plain(QUERY, VALUE)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(plain(QUERY, VALUE).numpy(), fused, **CLOSE)
    with pytest.raises(ValueError, match="Returning attention scores"):
        layers.MultiHeadAttention(2, 3, flash_attention=True)(QUERY, VALUE, return_attention_scores=True)
    with pytest.raises(ValueError, match="Dropout"):
        layers.MultiHeadAttention(2, 3, flash_attention=True, dropout=0.1)
