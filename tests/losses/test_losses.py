"""Every loss against its formula in float64 NumPy: values, weights, reductions, gradients, configs."""

import math

import numpy as np
import pytest

import corten
from corten import losses, ops

EPSILON = 1e-7
RNG = np.random.default_rng(0)
PREDICTIONS = RNG.normal(size=(6, 4))
TARGETS = RNG.normal(size=(6, 4))
SCORES = RNG.normal(size=(6, 4)) * 2.0
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
LABELS = RNG.integers(0, 4, size=6)
ONE_HOT = np.eye(4)[LABELS]
CHANCES = 1.0 / (1.0 + np.exp(-SCORES))
YES = RNG.integers(0, 2, size=(6, 4)).astype("float64")


def clipped(p):
    return np.clip(p, EPSILON, 1.0 - EPSILON)


def binary(y, p):
    p = clipped(p)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def smooth(y, amount, classes):
    return y * (1 - amount) + amount / classes


def signs(y):
    return 2 * y - 1


def picked(p):
    return np.take_along_axis(p, LABELS[:, None], -1)[:, 0]


POSITIVE = np.abs(PREDICTIONS) + 0.1
COUNTS = np.abs(TARGETS) + 0.1
# class, arguments, targets, predictions, values per sample
CASES = [
    ("MeanSquaredError", {}, TARGETS, PREDICTIONS, lambda: ((TARGETS - PREDICTIONS) ** 2).mean(-1)),
    ("MeanAbsoluteError", {}, TARGETS, PREDICTIONS, lambda: np.abs(TARGETS - PREDICTIONS).mean(-1)),
    (
        "MeanAbsolutePercentageError",
        {},
        TARGETS,
        PREDICTIONS,
        lambda: 100 * np.abs((TARGETS - PREDICTIONS) / TARGETS).mean(-1),
    ),
    (
        "MeanSquaredLogarithmicError",
        {},
        COUNTS,
        POSITIVE,
        lambda: ((np.log1p(COUNTS) - np.log1p(POSITIVE)) ** 2).mean(-1),
    ),
    (
        "Huber",
        {"delta": 0.7},
        TARGETS,
        PREDICTIONS,
        lambda: np.where(
            np.abs(TARGETS - PREDICTIONS) <= 0.7,
            0.5 * (TARGETS - PREDICTIONS) ** 2,
            0.7 * np.abs(TARGETS - PREDICTIONS) - 0.245,
        ).mean(-1),
    ),
    ("LogCosh", {}, TARGETS, PREDICTIONS, lambda: np.log(np.cosh(TARGETS - PREDICTIONS)).mean(-1)),
    ("CosineSimilarity", {}, TARGETS, PREDICTIONS, lambda: -(unit(TARGETS) * unit(PREDICTIONS)).sum(-1)),
    (
        "KLDivergence",
        {},
        PROBABILITIES[::-1].copy(),
        PROBABILITIES,
        lambda: (PROBABILITIES[::-1] * np.log(PROBABILITIES[::-1] / PROBABILITIES)).sum(-1),
    ),
    ("Poisson", {}, COUNTS, POSITIVE, lambda: (POSITIVE - COUNTS * np.log(POSITIVE + EPSILON)).mean(-1)),
    ("Hinge", {}, YES, PREDICTIONS, lambda: np.maximum(1 - signs(YES) * PREDICTIONS, 0).mean(-1)),
    (
        "SquaredHinge",
        {},
        YES,
        PREDICTIONS,
        lambda: (np.maximum(1 - signs(YES) * PREDICTIONS, 0) ** 2).mean(-1),
    ),
    (
        "CategoricalHinge",
        {},
        ONE_HOT,
        PREDICTIONS,
        lambda: np.maximum(((1 - ONE_HOT) * PREDICTIONS).max(-1) - (ONE_HOT * PREDICTIONS).sum(-1) + 1, 0),
    ),
    ("BinaryCrossentropy", {}, YES, CHANCES, lambda: binary(YES, CHANCES).mean(-1)),
    ("BinaryCrossentropy", {"from_logits": True}, YES, SCORES, lambda: binary(YES, CHANCES).mean(-1)),
    (
        "BinaryCrossentropy",
        {"label_smoothing": 0.2},
        YES,
        CHANCES,
        lambda: binary(smooth(YES, 0.2, 2), CHANCES).mean(-1),
    ),
    (
        "BinaryFocalCrossentropy",
        {"gamma": 1.5, "apply_class_balancing": True, "alpha": 0.3},
        YES,
        CHANCES,
        lambda: (
            (YES * 0.3 + (1 - YES) * 0.7)
            * (1 - (YES * CHANCES + (1 - YES) * (1 - CHANCES))) ** 1.5
            * binary(YES, CHANCES)
        ).mean(-1),
    ),
    ("CategoricalCrossentropy", {}, ONE_HOT, PROBABILITIES, lambda: -np.log(picked(PROBABILITIES))),
    (
        "CategoricalCrossentropy",
        {"from_logits": True},
        ONE_HOT,
        SCORES,
        lambda: -np.log(picked(PROBABILITIES)),
    ),
    (
        "CategoricalCrossentropy",
        {"label_smoothing": 0.1},
        ONE_HOT,
        PROBABILITIES,
        lambda: -(smooth(ONE_HOT, 0.1, 4) * np.log(PROBABILITIES)).sum(-1),
    ),
    (
        "CategoricalFocalCrossentropy",
        {"alpha": 0.4, "gamma": 1.5},
        ONE_HOT,
        PROBABILITIES,
        lambda: 0.4 * (1 - picked(PROBABILITIES)) ** 1.5 * -np.log(picked(PROBABILITIES)),
    ),
    ("SparseCategoricalCrossentropy", {}, LABELS, PROBABILITIES, lambda: -np.log(picked(PROBABILITIES))),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        LABELS,
        SCORES,
        lambda: -np.log(picked(PROBABILITIES)),
    ),
    (
        "CategoricalGeneralizedCrossEntropy",
        {"q": 0.3},
        LABELS,
        PROBABILITIES,
        lambda: (1 - picked(PROBABILITIES) ** 0.3) / 0.3,
    ),
    (
        "Dice",
        {"axis": -1},
        YES,
        CHANCES,
        lambda: 1 - 2 * (YES * CHANCES).sum(-1) / (YES.sum(-1) + CHANCES.sum(-1) + EPSILON),
    ),
    (
        "Tversky",
        {"alpha": 0.3, "beta": 0.7, "axis": -1},
        YES,
        CHANCES,
        lambda: (
            1
            - (YES * CHANCES).sum(-1)
            / (
                (YES * CHANCES).sum(-1)
                + 0.3 * (YES * (1 - CHANCES)).sum(-1)
                + 0.7 * ((1 - YES) * CHANCES).sum(-1)
                + EPSILON
            )
        ),
    ),
]
IDS = [f"{name}-{'-'.join(settings) or 'default'}" for name, settings, *_ in CASES]


@pytest.mark.parametrize(("name", "settings", "targets", "predictions", "values"), CASES, ids=IDS)
class TestEveryLoss:
    def loss(self, name, settings, **shared):
        return getattr(losses, name)(**settings, dtype="float64", **shared)

    def test_value_per_sample(self, name, settings, targets, predictions, values):
        got = self.loss(name, settings, reduction=None)(targets, predictions)
        assert got.dtype == "float64"
        np.testing.assert_allclose(got.numpy(), values(), rtol=1e-5, atol=1e-9)

    def test_reductions_and_weights(self, name, settings, targets, predictions, values):
        each, weights = values(), np.linspace(0.0, 2.0, 6)
        for reduction, wanted in (
            ("sum", (each * weights).sum()),
            ("sum_over_batch_size", (each * weights).mean()),
            ("mean", (each * weights).mean()),
            ("mean_with_sample_weight", (each * weights).sum() / weights.sum()),
        ):
            got = self.loss(name, settings, reduction=reduction)(targets, predictions, sample_weight=weights)
            np.testing.assert_allclose(float(got), wanted, rtol=1e-5)
        np.testing.assert_allclose(
            float(self.loss(name, settings)(targets, predictions)), each.mean(), rtol=1e-5
        )

    def test_gradient(self, name, settings, targets, predictions, values):
        loss = self.loss(name, settings)
        variable = corten.Variable(predictions, dtype="float64")
        analytic = corten.grad(lambda p: loss(targets, p))(variable.value).numpy()
        step = 1e-6
        for index in [(0, 0), (2, 3), (5, 1)]:
            up, down = predictions.copy(), predictions.copy()
            up[index] += step
            down[index] -= step
            numeric = (float(loss(targets, up)) - float(loss(targets, down))) / (2 * step)
            assert analytic[index] == pytest.approx(numeric, rel=1e-4, abs=1e-7)

    def test_mask(self, name, settings, targets, predictions, values):
        from corten._state import set_mask

        kept = np.array([True, False, True, True, False, True])
        tensor = ops.convert_to_tensor(predictions)
        set_mask(tensor, ops.convert_to_tensor(kept))
        got = self.loss(name, settings)(targets, tensor)
        np.testing.assert_allclose(float(got), values()[kept].mean(), rtol=1e-5)

    def test_round_trip(self, name, settings, targets, predictions, values):
        loss = self.loss(name, settings)
        again = losses.deserialize(losses.serialize(loss))
        assert again.get_config() == loss.get_config()
        assert float(again(targets, predictions)) == float(loss(targets, predictions))


def test_function_names_and_aliases():
    for short, function in (
        ("mse", losses.mean_squared_error),
        ("MAE", losses.mean_absolute_error),
        ("bce", losses.binary_crossentropy),
        ("kld", losses.kl_divergence),
        ("mape", losses.mean_absolute_percentage_error),
        ("msle", losses.mean_squared_logarithmic_error),
    ):
        assert losses.get(short) is function
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert losses.get(None) is None
    assert losses.get(losses.deserialize(losses.serialize(losses.huber))) is losses.huber


def test_columns_meet_vectors():
    """`(n,)` against `(n, 1)` is the same data, not an outer difference."""
    column = np.arange(4.0)[:, None]
    assert float(losses.MeanSquaredError()(np.arange(4.0), column)) == 0.0
    assert float(losses.MeanSquaredError()(column, np.arange(4.0))) == 0.0
    assert float(losses.SparseCategoricalCrossentropy()(LABELS[:, None], PROBABILITIES)) == pytest.approx(
        float(losses.SparseCategoricalCrossentropy()(LABELS, PROBABILITIES))
    )


def test_ignored_class_leaves_the_mean():
    labels = LABELS.copy()
    labels[:2] = -1
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    wanted = -np.log(picked(PROBABILITIES))[2:].mean()
    assert float(loss(labels, PROBABILITIES)) == pytest.approx(wanted, rel=1e-5)


def test_large_logits_are_exact():
    assert float(losses.BinaryCrossentropy(from_logits=True)([[1.0]], [[-200.0]])) == pytest.approx(200.0)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss([0], [[0.0, 500.0]])) == pytest.approx(500.0)


def test_certain_mistakes_are_clipped():
    """Probability 0 for the truth costs -log(1e-7), not infinity."""
    wanted = -math.log(1e-7)
    assert float(losses.SparseCategoricalCrossentropy()([0], [[0.0, 1.0]])) == pytest.approx(wanted, rel=1e-4)
    assert float(losses.CategoricalCrossentropy()([[1.0, 0.0]], [[0.0, 1.0]])) == pytest.approx(
        wanted, rel=1e-4
    )


def test_ctc_counts_alignments():
    """With even scores every path has one probability: 7 of 3^4 spell 1, 2, 1."""
    assert float(losses.CTC()([[1, 2, 1, 0]], np.zeros((1, 4, 3)))) == pytest.approx(
        -math.log(7 / 81), rel=1e-5
    )


def test_circle_ignores_satisfied_samples():
    embeddings = unit(np.array([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.2]]))
    each = losses.Circle(reduction=None)([0, 0, 1], embeddings).numpy()
    mean = float(losses.Circle()([0, 0, 1], embeddings))
    assert mean == pytest.approx(each[each > 0].mean() if (each > 0).any() else 0.0, rel=1e-5)


def test_own_loss_classes_and_functions():
    class Quartic(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** 4

    assert float(Quartic()(np.zeros(2), np.array([1.0, 2.0]))) == 8.5
    wrapped = losses.FunctionLoss(lambda y_true, y_pred, power: ops.abs(y_true - y_pred) ** power, power=3)
    assert float(wrapped(np.zeros((2, 1)), np.array([[1.0], [2.0]]))) == 4.5
    with pytest.raises(NotImplementedError, match="call"):
        losses.Loss()([1.0], [1.0])


def test_structures():
    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.abs(y_true["a"] - y_pred["a"]) + ops.abs(y_true["b"] - y_pred["b"])

    value = Both()({"a": np.zeros(2), "b": np.zeros(2)}, {"a": np.ones(2), "b": np.full(2, 2.0)})
    assert float(value) == 3.0
