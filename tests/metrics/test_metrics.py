"""Every metric against NumPy: over batches, weighted, reset, restored."""

import numpy as np
import pytest

import corten
from corten import metrics, ops

RNG = np.random.default_rng(1)
TARGETS, PREDICTIONS = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 3))
WEIGHTS = np.linspace(0.5, 2.0, 12)
SCORES = RNG.normal(size=(12, 5))
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
LABELS = RNG.integers(0, 5, size=12)
ONE_HOT = np.eye(5)[LABELS]
CHANCES = RNG.uniform(size=(12, 3))
YES = RNG.integers(0, 2, size=(12, 3))
GUESS = PROBABILITIES.argmax(-1)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def pearson(a, b):
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)])


def concordance(a, b):
    shared = ((a - a.mean(-1, keepdims=True)) * (b - b.mean(-1, keepdims=True))).mean(-1)
    return 2 * shared / (a.var(-1) + b.var(-1) + (a.mean(-1) - b.mean(-1)) ** 2)


def top(k):
    return np.array([LABELS[i] in np.argsort(-PROBABILITIES[i])[:k] for i in range(12)], "float64")


def entropy(y, p):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


# Means of one value per sample: class, arguments, targets, predictions, values
MEANS = [
    ("MeanSquaredError", {}, TARGETS, PREDICTIONS, ((TARGETS - PREDICTIONS) ** 2).mean(-1)),
    ("MeanAbsoluteError", {}, TARGETS, PREDICTIONS, np.abs(TARGETS - PREDICTIONS).mean(-1)),
    (
        "MeanAbsolutePercentageError",
        {},
        TARGETS,
        PREDICTIONS,
        100 * np.abs(1 - PREDICTIONS / TARGETS).mean(-1),
    ),
    (
        "MeanSquaredLogarithmicError",
        {},
        np.abs(TARGETS),
        np.abs(PREDICTIONS),
        ((np.log1p(np.abs(TARGETS)) - np.log1p(np.abs(PREDICTIONS))) ** 2).mean(-1),
    ),
    ("LogCoshError", {}, TARGETS, PREDICTIONS, np.log(np.cosh(TARGETS - PREDICTIONS)).mean(-1)),
    ("CosineSimilarity", {}, TARGETS, PREDICTIONS, (unit(TARGETS) * unit(PREDICTIONS)).sum(-1)),
    ("PearsonCorrelation", {}, TARGETS, PREDICTIONS, pearson(TARGETS, PREDICTIONS)),
    ("ConcordanceCorrelation", {}, TARGETS, PREDICTIONS, concordance(TARGETS, PREDICTIONS)),
    ("KLDivergence", {}, ONE_HOT, PROBABILITIES, -np.log(PROBABILITIES[np.arange(12), LABELS])),
    ("Poisson", {}, np.abs(TARGETS), CHANCES, (CHANCES - np.abs(TARGETS) * np.log(CHANCES)).mean(-1)),
    ("BinaryCrossentropy", {}, YES, CHANCES, entropy(YES, CHANCES).mean(-1)),
    ("CategoricalCrossentropy", {}, ONE_HOT, PROBABILITIES, -np.log(PROBABILITIES[np.arange(12), LABELS])),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        LABELS,
        SCORES,
        -np.log(PROBABILITIES[np.arange(12), LABELS]),
    ),
    ("Hinge", {}, YES, PREDICTIONS, np.maximum(1 - (2 * YES - 1) * PREDICTIONS, 0).mean(-1)),
    ("SquaredHinge", {}, YES, PREDICTIONS, (np.maximum(1 - (2 * YES - 1) * PREDICTIONS, 0) ** 2).mean(-1)),
    (
        "CategoricalHinge",
        {},
        ONE_HOT,
        SCORES,
        np.maximum(((1 - ONE_HOT) * SCORES).max(-1) - (ONE_HOT * SCORES).sum(-1) + 1, 0),
    ),
    ("Accuracy", {}, LABELS[:, None], GUESS[:, None], (LABELS == GUESS) * 1.0),
    ("BinaryAccuracy", {"threshold": 0.4}, YES, CHANCES, ((CHANCES > 0.4) == YES).mean(-1)),
    ("CategoricalAccuracy", {}, ONE_HOT, PROBABILITIES, (LABELS == GUESS) * 1.0),
    ("SparseCategoricalAccuracy", {}, LABELS, PROBABILITIES, (LABELS == GUESS) * 1.0),
    ("SparseCategoricalAccuracy", {}, LABELS[:, None], PROBABILITIES, (LABELS == GUESS) * 1.0),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT, PROBABILITIES, top(2)),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, LABELS, PROBABILITIES, top(3)),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        LABELS,
        np.argsort(-PROBABILITIES, -1),
        top(2),
    ),
]
IDS = [f"{case[0]}-{'-'.join(case[1]) or 'default'}-{i}" for i, case in enumerate(MEANS)]


@pytest.mark.parametrize(("name", "settings", "targets", "predictions", "values"), MEANS, ids=IDS)
class TestMeans:
    def metric(self, name, settings):
        return getattr(metrics, name)(dtype="float64", **settings)

    def test_over_batches(self, name, settings, targets, predictions, values):
        metric = self.metric(name, settings)
        for rows in (slice(0, 5), slice(5, 6), slice(6, 12)):
            metric.update_state(targets[rows], predictions[rows])
        assert float(metric.result()) == pytest.approx(values.mean(), rel=1e-5, abs=1e-7)
        metric.reset_state()
        assert float(metric.result()) == 0.0
        assert float(metric(targets, predictions)) == pytest.approx(values.mean(), rel=1e-5, abs=1e-7)

    def test_weighted(self, name, settings, targets, predictions, values):
        metric = self.metric(name, settings)
        for rows in (slice(0, 5), slice(5, 12)):
            metric.update_state(targets[rows], predictions[rows], sample_weight=WEIGHTS[rows])
        assert float(metric.result()) == pytest.approx(
            np.average(values, weights=WEIGHTS), rel=1e-5, abs=1e-7
        )

    def test_round_trip(self, name, settings, targets, predictions, values):
        metric = self.metric(name, settings)
        again = metrics.deserialize(metrics.serialize(metric))
        assert again.get_config() == metric.get_config()
        assert float(again(targets, predictions)) == float(metric(targets, predictions))


def test_mean_and_sum_of_anything():
    mean, total = metrics.Mean(dtype="float64"), metrics.Sum(dtype="float64")
    for values in (3.0, [1.0, 5.0], TARGETS, TARGETS.reshape(2, 6, 3)):
        mean.update_state(values)
        total.update_state(values)
    per_sample = [3.0, 1.0, 5.0, *TARGETS.mean(-1), *TARGETS.reshape(2, 18).mean(-1)]
    assert float(mean.result()) == pytest.approx(np.mean(per_sample))
    assert float(total.result()) == pytest.approx(9.0 + 2 * TARGETS.sum())
    mean.reset_state()
    mean.update_state([1.0, 3.0], sample_weight=[3.0, 1.0])
    assert float(mean.result()) == 1.5


def test_root_mean_square_and_r2():
    metric = metrics.RootMeanSquaredError(dtype="float64")
    for rows in (slice(0, 5), slice(5, 12)):
        metric.update_state(TARGETS[rows], PREDICTIONS[rows])
    assert float(metric.result()) == pytest.approx(np.sqrt(((TARGETS - PREDICTIONS) ** 2).mean()))
    score = 1 - ((TARGETS - PREDICTIONS) ** 2).sum(0) / ((TARGETS - TARGETS.mean(0)) ** 2).sum(0)
    for aggregation, wanted in ((None, score), ("uniform_average", score.mean())):
        metric = metrics.R2Score(class_aggregation=aggregation, dtype="float64")
        for rows in (slice(0, 5), slice(5, 12)):
            metric.update_state(TARGETS[rows], PREDICTIONS[rows])
        np.testing.assert_allclose(metric.result().numpy(), wanted, rtol=1e-9)
    with pytest.raises(ValueError, match="2D inputs"):
        metrics.R2Score().update_state([1.0], [1.0])


def test_masked_steps_do_not_count():
    from corten._state import set_mask

    predictions = ops.convert_to_tensor(PROBABILITIES.reshape(2, 6, 5))
    kept = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]], bool)
    set_mask(predictions, ops.convert_to_tensor(kept))
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state(LABELS.reshape(2, 6), predictions)
    hits = (LABELS == GUESS).reshape(2, 6)
    # Each row is a sample: its mean over kept steps, weighted by how many it kept.
    wanted = (hits * kept).mean(-1).sum() / kept.mean(-1).sum()
    assert float(metric.result()) == pytest.approx(wanted, rel=1e-6)


def test_stateless_methods_leave_the_state():
    metric = metrics.Mean()
    metric.update_state([2.0, 4.0])
    state = metric.stateless_update_state([v.value for v in metric.variables], [9.0])
    assert [float(v) for v in state] == [15.0, 3.0]
    assert float(metric.result()) == 3.0
    assert float(metric.stateless_result(state)) == 5.0
    assert [float(v) for v in metric.stateless_reset_state()] == [0.0, 0.0]
    assert float(metric.result()) == 3.0
    with pytest.raises(ValueError, match="one value per metric variable"):
        metric.stateless_update_state([0.0], [1.0])


def test_own_metric_with_parts():
    class Ratio(metrics.Metric):
        def __init__(self, name="ratio", dtype=None):
            super().__init__(name=name, dtype=dtype)
            self.parts = {"hits": metrics.Sum(name="hits"), "all": [metrics.Sum(name="all")]}
            self.bias = self.add_weight(name="bias")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.parts["hits"].update_state(ops.cast(ops.equal(y_true, y_pred), "float32"))
            self.parts["all"][0].update_state(ops.ones((len(y_true),)))

        def result(self):
            return self.parts["hits"].result() / self.parts["all"][0].result() + self.bias

    metric = Ratio()
    assert len(metric.variables) == 3
    assert float(metric(np.array([1, 2]), np.array([1, 3]))) == 0.5
    metric.reset_state()
    assert all(float(v.value) == 0.0 for v in metric.variables)


def test_names():
    assert isinstance(metrics.get("acc"), metrics.Accuracy)
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("sparse_categorical_accuracy"), metrics.SparseCategoricalAccuracy)
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert isinstance(metrics.get("auc"), metrics.AUC)
    assert isinstance(metrics.get("f1_score"), metrics.F1Score)
    assert metrics.get(None) is None
    assert callable(metrics.hinge)
    assert callable(metrics.confusion_matrix)
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        metrics.get("acuracy")
    assert metrics.get(metrics.mean_squared_error) is metrics.mean_squared_error


def test_dtype_follows_floatx():
    assert metrics.Mean().dtype == corten.config.floatx()
    metric = metrics.Mean(dtype="float16")
    metric.update_state([1.0, 2.0])
    assert metric.result().dtype == "float16"
    with pytest.raises(AttributeError):
        metric.dtype = "float32"
