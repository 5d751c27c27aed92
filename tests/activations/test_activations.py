"""Activations against NumPy, on every dtype of float, with their names and configs."""

import math

import numpy as np
import pytest

from corten import activations

X = np.linspace(-4.0, 4.0, 41).reshape(1, 41)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


ERF = np.vectorize(math.erf)
FORMULAS = {
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "exponential": np.exp,
    "gelu": lambda x: 0.5 * x * (1 + ERF(x / math.sqrt(2))),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -softplus(-x),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, 0.25 * (x + 1) ** 2)),
    "sparse_sigmoid": lambda x: np.clip(0.5 * (x + 1), 0, 1),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values(name):
    function = activations.get(name)
    np.testing.assert_allclose(np.asarray(function(X)), FORMULAS[name](X), rtol=1e-9, atol=1e-12)
    assert np.asarray(function(X.astype("float32"))).dtype == np.float32
    assert activations.serialize(function) == name
    assert activations.deserialize(name) is function


def test_relu_arguments():
    for slope, top, threshold in [
        (0.1, None, 0.0),
        (0.0, 3.0, 0.0),
        (0.0, None, 1.0),
        (0.2, 2.0, 1.0),
        (0.0, 6.0, 0.0),
    ]:
        got = activations.relu(X, negative_slope=slope, max_value=top, threshold=threshold).numpy()
        above = X if top is None else np.minimum(X, top)
        wanted = np.where(threshold < X, above, slope * (X - threshold))
        at = np.abs(X - threshold) > 1e-9
        np.testing.assert_allclose(got[at], wanted[at], atol=1e-12)


def test_glu_threshold_and_sparsemax():
    halves = X[:, :40]
    np.testing.assert_allclose(activations.glu(halves).numpy(), halves[:, :20] * sigmoid(halves[:, 20:]))
    np.testing.assert_array_equal(activations.threshold(X, 1.0, -7.0).numpy(), np.where(X > 1.0, X, -7.0))
    scores = np.random.default_rng(0).normal(size=(5, 7)) * 2
    for row, got in zip(scores, activations.sparsemax(scores).numpy(), strict=True):
        # The projection onto the simplex subtracts one number and cuts at zero.
        ordered = np.sort(row)[::-1]
        support = np.flatnonzero(1 + np.arange(1, 8) * ordered > ordered.cumsum())[-1]
        shift = (ordered[: support + 1].sum() - 1) / (support + 1)
        np.testing.assert_allclose(got, np.maximum(row - shift, 0), atol=1e-9)


def test_names():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu

    def double(x):
        return 2 * x

    assert activations.get(double) is double
    with pytest.raises(ValueError, match=r"Unknown activation: 'rleu'\. Did you mean 'relu'"):
        activations.get("rleu")
