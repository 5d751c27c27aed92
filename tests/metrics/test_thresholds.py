"""Counts at thresholds, the metrics made of them, and confusion matrices, against plain loops."""

import numpy as np
import pytest

from corten import metrics

RNG = np.random.default_rng(2)
YES = RNG.integers(0, 2, size=(40, 3))
CHANCES = np.round(RNG.uniform(size=(40, 3)), 2)
WEIGHTS = RNG.uniform(0.5, 2.0, size=40)
THRESHOLDS = [0.5, 0.1, 0.9, 0.0]


def counts(yes, chances, threshold, weights=None):
    """(tp, fp, tn, fn) by definition; comparisons in float32, as the metrics make them."""
    guess = chances.astype("float32") > np.float32(threshold)
    weights = np.ones(yes.shape) if weights is None else np.broadcast_to(weights[:, None], yes.shape)
    yes = yes.astype(bool)
    return [(weights * cells).sum() for cells in (guess & yes, guess & ~yes, ~guess & ~yes, ~guess & yes)]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("name", "which"),
    [("TruePositives", 0), ("FalsePositives", 1), ("TrueNegatives", 2), ("FalseNegatives", 3)],
)
def test_counts(name, which, weights):
    metric = getattr(metrics, name)(thresholds=THRESHOLDS)
    for rows in (slice(0, 15), slice(15, 40)):
        metric.update_state(YES[rows], CHANCES[rows], None if weights is None else weights[rows])
    wanted = [counts(YES, CHANCES, threshold, weights)[which] for threshold in THRESHOLDS]
    np.testing.assert_allclose(metric.result().numpy(), wanted, rtol=1e-5)
    single = getattr(metrics, name)()
    single.update_state(YES, CHANCES, weights)
    assert single.result().shape == ()
    assert float(single.result()) == pytest.approx(counts(YES, CHANCES, 0.5, weights)[which], rel=1e-5)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_precision_and_recall(weights):
    precision, recall = metrics.Precision(thresholds=THRESHOLDS), metrics.Recall(thresholds=THRESHOLDS)
    for metric in (precision, recall):
        metric.update_state(YES, CHANCES, weights)
    tables = np.array([counts(YES, CHANCES, threshold, weights) for threshold in THRESHOLDS])
    np.testing.assert_allclose(
        precision.result().numpy(), tables[:, 0] / (tables[:, 0] + tables[:, 1]), rtol=1e-5
    )
    np.testing.assert_allclose(
        recall.result().numpy(), tables[:, 0] / (tables[:, 0] + tables[:, 3]), rtol=1e-5
    )


def test_one_class_and_top_k():
    metric = metrics.Precision(class_id=1)
    metric.update_state(YES, CHANCES)
    tp, fp, *_ = counts(YES[:, 1:2], CHANCES[:, 1:2], 0.5)
    assert float(metric.result()) == pytest.approx(tp / (tp + fp))
    metric = metrics.Recall(top_k=1)
    metric.update_state(YES, CHANCES)
    hits = YES[np.arange(40), CHANCES.argmax(-1)].sum()
    assert float(metric.result()) == pytest.approx(hits / YES.sum())


def rank_area(yes, chances):
    """Area under the ROC curve: the chance that a positive is ranked above a negative."""
    above = chances[yes == 1][:, None] - chances[yes == 0][None, :]
    return (above > 0).mean() + 0.5 * (above == 0).mean()


def test_area_under_roc():
    # Thresholds between all scores make the curve exact.
    metric = metrics.AUC(thresholds=list(np.arange(0.005, 1.0, 0.01)))
    metric.update_state(YES.ravel(), CHANCES.ravel())
    assert float(metric.result()) == pytest.approx(rank_area(YES.ravel(), CHANCES.ravel()), abs=1e-5)
    metric = metrics.AUC(thresholds=list(np.arange(0.005, 1.0, 0.01)), multi_label=True)
    for rows in (slice(0, 20), slice(20, 40)):
        metric.update_state(YES[rows], CHANCES[rows])
    wanted = np.mean([rank_area(YES[:, i], CHANCES[:, i]) for i in range(3)])
    assert float(metric.result()) == pytest.approx(wanted, abs=1e-5)
    logits = metrics.AUC(from_logits=True)
    plain = metrics.AUC()
    safe = np.clip(CHANCES, 0.01, 0.99)
    logits.update_state(YES, np.log(safe / (1 - safe)))
    plain.update_state(YES, safe)
    assert float(logits.result()) == pytest.approx(float(plain.result()), abs=2e-2)


def test_area_bounds():
    """Rectangles above and below the curve enclose the trapezoids; a perfect ranking has area one."""
    for curve in ("ROC", "PR"):
        low, middle, high = (
            float(metrics.AUC(20, curve, method)(YES, CHANCES))
            for method in ("minoring", "interpolation", "majoring")
        )
        assert low <= middle <= high
        assert float(metrics.AUC(curve=curve)(YES, YES)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "constrained", "wanted"),
    [
        ("SensitivityAtSpecificity", 0.4, "specificity", "recall"),
        ("SpecificityAtSensitivity", 0.6, "recall", "specificity"),
        ("PrecisionAtRecall", 0.6, "recall", "precision"),
        ("RecallAtPrecision", 0.5, "precision", "recall"),
    ],
)
def test_one_rate_at_another(name, value, constrained, wanted):
    metric = getattr(metrics, name)(value, num_thresholds=50)
    metric.update_state(YES, CHANCES)
    best = 0.0
    for threshold in metric.thresholds:
        tp, fp, tn, fn = counts(YES, CHANCES, threshold)
        rates = {
            "recall": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "precision": tp / (tp + fp) if tp + fp else 0.0,
        }
        if rates[constrained] >= value:
            best = max(best, rates[wanted])
    assert float(metric.result()) == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
def test_f_scores(beta, average):
    metric = metrics.FBetaScore(average=average, beta=beta, threshold=0.4)
    for rows in (slice(0, 15), slice(15, 40)):
        metric.update_state(YES[rows], CHANCES[rows])
    columns = [[0, 1, 2]] if average == "micro" else [[0], [1], [2]]
    tables = np.array([counts(YES[:, c], CHANCES[:, c], 0.4) for c in columns])
    tp, fp, _, fn = tables.T
    score = (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)
    if average == "weighted":
        score = (score * (tp + fn)).sum() / (tp + fn).sum()
    elif average is not None:
        score = score.mean()
    np.testing.assert_allclose(metric.result().numpy(), score, rtol=1e-4)


def test_confusion_matrix():
    truth = RNG.integers(0, 4, size=50)
    scores = RNG.normal(size=(50, 4))
    guess = scores.argmax(-1)
    wanted = np.zeros((4, 4), int)
    np.add.at(wanted, (truth, guess), 1)
    metric = metrics.ConfusionMatrix(num_classes=4)
    metric.update_state(truth[:20, None], scores[:20])
    metric.update_state(truth[20:], scores[20:])
    assert metric.result().dtype == "int32"
    np.testing.assert_array_equal(metric.result().numpy(), wanted)
    np.testing.assert_array_equal(metrics.confusion_matrix(truth, guess, 4).numpy(), wanted)
    weights = RNG.uniform(size=50)
    weighted = metrics.ConfusionMatrix(4, dtype="float32", sparse_y_pred=True)
    weighted.update_state(truth, guess, weights)
    wanted = np.zeros((4, 4))
    np.add.at(wanted, (truth, guess), weights)
    np.testing.assert_allclose(weighted.result().numpy(), wanted, rtol=1e-5)
    again = metrics.deserialize(metrics.serialize(metric))
    assert again.get_config() == metric.get_config()


def test_intersection_over_union():
    truth, guess = RNG.integers(0, 3, size=60), RNG.integers(0, 3, size=60)
    each = [((truth == c) & (guess == c)).sum() / ((truth == c) | (guess == c)).sum() for c in range(3)]
    assert float(metrics.MeanIoU(3)(truth, guess)) == pytest.approx(np.mean(each), rel=1e-5)
    assert float(metrics.IoU(3, [0, 2])(truth, guess)) == pytest.approx(np.mean([each[0], each[2]]), rel=1e-5)
    one_hot = metrics.OneHotMeanIoU(3)(np.eye(3)[truth], np.eye(3)[guess])
    assert float(one_hot) == pytest.approx(np.mean(each), rel=1e-5)
    # Class 9 does not exist and class 1 is ignored: neither counts.
    kept = truth != 1
    ignoring = metrics.MeanIoU(3, ignore_class=1)
    ignoring.update_state(np.append(truth, 9), np.append(guess, 0))
    each = [
        ((truth == c) & (guess == c))[kept].sum() / ((truth == c) | (guess == c))[kept].sum()
        for c in range(3)
    ]
    assert float(ignoring.result()) == pytest.approx(np.mean(each), rel=1e-5)
    with pytest.raises(ValueError, match="out of range"):
        metrics.IoU(2, [2])
    with pytest.warns(UserWarning, match="cuts off fractions"):
        metrics.MeanIoU(3).update_state(truth, guess, WEIGHTS[[0] * 60])


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="to_categorical"):
        metrics.AUC().update_state([1, 0, 2], np.full((3, 3), 0.5))
    with pytest.raises(ValueError, match="rank 2"):
        metrics.AUC(multi_label=True).update_state([1, 0], [0.5, 0.5])
    with pytest.raises(ValueError, match="class_id"):
        metrics.Precision(class_id=1).update_state([1, 0], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"Threshold values must be in \[0, 1\]"):
        metrics.Precision(thresholds=[0.5, 1.5])
