"""Losses of single outputs, of structures of outputs, and several for one output."""

import numpy as np
import pytest

import corten
from corten import layers

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y1 = X.sum(1, keepdims=True)
Y2 = X.prod(1, keepdims=True)


def make_model(arrange):
    x = corten.Input((3,))
    corten.utils.set_random_seed(1)
    return corten.Model(x, arrange(layers.Dense(1, name="y1")(x), layers.Dense(1, name="y2")(x)))


def loss_of(model, loss, y, loss_weights=None, **kwargs):
    model.compile("sgd", loss, loss_weights=loss_weights)
    return model.evaluate(X, y, verbose=0, return_dict=True, **kwargs)


def difference(y_true, y_pred):
    """The absolute difference of sums over both outputs, per sample."""
    assert type(y_true) is type(y_pred) is tuple
    total = (y_true[0] - y_pred[0]) + (y_true[1] - y_pred[1])
    return corten.ops.abs(total)[:, 0]


def test_a_loss_of_both_outputs_and_one_of_each():
    model = make_model(lambda a, b: (a, b))
    first, second = model.predict(X, verbose=0)
    whole = np.abs((Y1 - first) + (Y2 - second)).mean()
    mse, mae = np.square(Y1 - first).mean(), np.abs(Y2 - second).mean()
    got = loss_of(model, [difference, ("mse", "mae")], (Y1, Y2))
    assert got == pytest.approx(
        {"loss": whole + mse + mae, "y1_loss": mse, "y2_loss": mae, "y1_y2_loss": whole}, rel=1e-5
    )
    weighted = loss_of(model, [difference, ("mse", "mae")], (Y1, Y2), [2.0, (3.0, 0.5)])
    assert weighted["loss"] == pytest.approx(2 * whole + 3 * mse + 0.5 * mae, rel=1e-5)


def test_a_loss_of_both_outputs_takes_sample_weights():
    model = make_model(lambda a, b: (a, b))
    first, second = model.predict(X, verbose=0)
    weights = np.arange(8, dtype="float32")
    expected = (np.abs((Y1 - first) + (Y2 - second))[:, 0] * weights).mean()
    got = loss_of(model, [difference, (None, None)], (Y1, Y2), sample_weight=weights)
    assert got["loss"] == pytest.approx(expected, rel=1e-5)
    model.compile("sgd", [difference, (None, None)])
    with pytest.raises(ValueError, match="takes one sample_weight"):
        model.evaluate(X, (Y1, Y2), sample_weight=(weights, weights.copy()), verbose=0)


def test_training_lowers_a_loss_of_both_outputs():
    model = make_model(lambda a, b: (a, b))
    model.compile(corten.optimizers.SGD(0.05), [difference, ("mse", None)])
    losses = model.fit(X, (Y1, Y2), epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_several_losses_of_one_output_are_summed():
    model = make_model(lambda a, b: [a, b])
    first, second = model.predict(X, verbose=0)
    mse, both = np.square(Y1 - first).mean(), np.square(Y2 - second).mean() + np.abs(Y2 - second).mean()
    got = loss_of(model, ["mse", ["mse", "mae"]], [Y1, Y2])
    assert got == pytest.approx({"loss": mse + both, "y1_loss": mse, "y2_loss": both}, rel=1e-5)
    assert loss_of(model, ["mse", ["mse", "mae"]], [Y1, Y2], [1.0, 2.0])["loss"] == pytest.approx(
        mse + 2 * both, rel=1e-5
    )


def test_losses_of_parts_of_a_nested_output():
    model = make_model(lambda a, b: {"pair": (a, b), "one": a})
    first, second = model.predict(X, verbose=0)["pair"]
    whole, mse = np.abs((Y1 - first) + (Y2 - second)).mean(), np.square(Y1 - first).mean()
    y = {"pair": (Y1, Y2), "one": Y1}
    got = loss_of(model, {"pair": [difference, (None, "mae")], "one": ["mse"]}, y)
    assert got == pytest.approx(
        {
            "loss": whole + mse + np.abs(Y2 - second).mean(),
            "pair_loss": whole,
            "pair/y2_loss": np.abs(Y2 - second).mean(),
            "one_loss": mse,
        },
        rel=1e-5,
    )
    assert set(loss_of(model, {"pair": difference, "one": "mse"}, y)) == {"loss", "pair_loss", "one_loss"}


@pytest.mark.parametrize(
    ("arrange", "loss", "error", "message"),
    [
        (lambda a, b: [a, b], {"y3": "mse"}, ValueError, "Expected keys: 'y1', 'y2'"),
        (lambda a, b: {"u": a, "v": b}, {"w": "mse"}, KeyError, "'w' in the `loss` argument"),
        (lambda a, b: [a, b], ["mse"], ValueError, "1 entries for a model with 2 outputs"),
        (lambda a, b: (a, b), ["mse", ("mse", "mae", "mae")], ValueError, "3 entries for a model"),
    ],
)
def test_arrangements_that_do_not_fit(arrange, loss, error, message):
    model = make_model(arrange)
    model.compile("sgd", loss)
    with pytest.raises(error, match=message):
        model.fit(X, [Y1, Y2], verbose=0)


def test_none_for_an_optional_input():
    class Plus(layers.Layer):
        def call(self, x, other=None):
            return x if other is None else x + other

    x, other = corten.Input((2,), name="x"), corten.Input((2,), name="other", optional=True)
    model = corten.Model({"x": x, "other": other}, Plus()(x, other))
    model.compile("sgd", "mse")
    data = np.ones((4, 2), "float32")
    assert model.evaluate({"x": data, "other": None}, data, verbose=0) == 0.0
    assert model.evaluate({"x": data, "other": data}, data, verbose=0) == 1.0
    np.testing.assert_array_equal(model.predict({"x": data, "other": None}, verbose=0), data)
    with pytest.raises(ValueError, match=r"'x' of the model .* is not optional"):
        model.fit({"x": None, "other": data}, data, verbose=0)


def test_two_variables_of_one_path():
    model = corten.Sequential([corten.Input((2,)), layers.Dense(2, name="one")])
    inner = corten.Sequential([corten.Input((2,)), layers.Dense(2, name="one")], name=model.name)

    class Both(corten.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = model, inner

        def call(self, x):
            return self.second(self.first(x))

    both = Both()
    both(X[:, :2])
    with pytest.raises(ValueError, match="variable path is found twice"):
        both.get_state_tree()
