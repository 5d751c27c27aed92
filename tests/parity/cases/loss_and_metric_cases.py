"""Losses and metrics, with sample weights, masks of weights, reductions and logits."""

# fmt: off

from __future__ import annotations

from typing import Any

from tests.parity.cases import Case

S = (4, 5)
REAL = (S, S)
PROBABILITY = ((S, "binary"), (S, "uniform"))
LOGITS = ((S, "binary"), S)
CLASSES = ((S, "one_hot"), (S, "probabilities"))
CLASS_LOGITS = ((S, "one_hot"), S)
SPARSE = (((4,), "below 5"), (S, "probabilities"))
SPARSE_LOGITS = (((4,), "below 5"), S)
POSITIVE = ((S, "positive"), (S, "positive"))
SIGNS = ((S, "signs"), S)
ROWS = ((4,), "uniform")

#: Class, inputs, configurations.
_LOSSES: list[tuple[str, Any, list[dict[str, Any]]]] = [
    ("MeanSquaredError", REAL, [{}]),
    ("MeanAbsoluteError", REAL, [{}]),
    ("MeanAbsolutePercentageError", POSITIVE, [{}]),
    ("MeanSquaredLogarithmicError", POSITIVE, [{}]),
    ("CosineSimilarity", REAL, [{}, {"axis": 0}]),
    ("Huber", REAL, [{}, {"delta": 0.4}]),
    ("LogCosh", REAL, [{}]),
    ("Poisson", POSITIVE, [{}]),
    ("KLDivergence", CLASSES, [{}]),
    ("KLDivergence soft", ((S, "probabilities"), (S, "probabilities")), [{}]),
    ("Hinge", SIGNS, [{}]),
    ("SquaredHinge", SIGNS, [{}]),
    ("CategoricalHinge", CLASS_LOGITS, [{}]),
    ("BinaryCrossentropy", PROBABILITY, [{}, {"label_smoothing": 0.2}]),
    ("BinaryCrossentropy logits", LOGITS, [{"from_logits": True}, {"from_logits": True, "label_smoothing": 0.1}]),
    ("BinaryFocalCrossentropy", PROBABILITY, [{}, {"apply_class_balancing": True, "gamma": 1.5, "alpha": 0.4}]),
    ("BinaryFocalCrossentropy logits", LOGITS, [{"from_logits": True}]),
    ("CategoricalCrossentropy", CLASSES, [{}, {"label_smoothing": 0.2}]),
    ("CategoricalCrossentropy logits", CLASS_LOGITS, [{"from_logits": True}]),
    ("CategoricalFocalCrossentropy", CLASSES, [{}, {"alpha": 0.4, "gamma": 1.0}]),
    ("CategoricalFocalCrossentropy logits", CLASS_LOGITS, [{"from_logits": True}]),
    ("SparseCategoricalCrossentropy", SPARSE, [{}]),
    ("SparseCategoricalCrossentropy logits", SPARSE_LOGITS, [{"from_logits": True}, {"from_logits": True, "ignore_class": 2}]),
    ("CategoricalGeneralizedCrossEntropy", SPARSE, [{}, {"q": 0.8}]),
    ("Dice", PROBABILITY, [{}, {"axis": (1,)}]),
    ("Tversky", PROBABILITY, [{}, {"alpha": 0.3, "beta": 0.7}, {"axis": (1,)}]),
]


def _weights(inputs: Any, name: str) -> list[tuple[str, dict[str, Any]]]:
    weights = [("", {}), ("weighted", {"sample_weight": ROWS})]
    return weights if name.split()[0] not in ("Dice", "Tversky") else weights[:1]


LOSSES = [
    *[
        Case(f"{name} {options} {reduction} {label}", lambda K, n=name.split()[0], o=options, r=reduction: getattr(K.losses, n)(reduction=r, **o), inputs, extra=extra)
        for name, inputs, configurations in _LOSSES
        for options in configurations
        for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", None)
        for label, extra in _weights(inputs, name)
        if not (extra and "axis" in options)
    ],
    Case("CTC", lambda K: K.losses.CTC(), (((2, 3), "below 4"), (2, 8, 5)), tolerance=1e-4),
    Case("Circle", lambda K: K.losses.Circle(gamma=8.0), (((6,), "below 3"), (6, 4)), tolerance=1e-4),
    Case("Circle margin", lambda K: K.losses.Circle(gamma=4.0, margin=0.2, reduction="sum"), (((6,), "below 3"), (6, 4)), tolerance=1e-4),
]

BINARY = ((12,), "binary"), ((12,), "uniform")
WEIGHT = ((12,), "uniform")
LABELS = ((12,), "below 3"), ((12,), "below 3")
ROWS_OF = {"sample_weight": ROWS}

_METRICS: list[tuple[str, Any, dict[str, Any], Any]] = [
    ("Mean", (S,), {}, ROWS), ("Sum", (S,), {}, ROWS),
    ("Accuracy", LABELS, {}, WEIGHT),
    ("BinaryAccuracy", PROBABILITY, {}, ROWS), ("BinaryAccuracy", PROBABILITY, {"threshold": 0.3}, ROWS),
    ("CategoricalAccuracy", CLASSES, {}, ROWS), ("SparseCategoricalAccuracy", SPARSE, {}, ROWS),
    ("TopKCategoricalAccuracy", CLASSES, {"k": 2}, ROWS), ("SparseTopKCategoricalAccuracy", SPARSE, {"k": 3}, ROWS),
    ("BinaryCrossentropy", PROBABILITY, {}, ROWS), ("BinaryCrossentropy", LOGITS, {"from_logits": True, "label_smoothing": 0.1}, ROWS),
    ("CategoricalCrossentropy", CLASSES, {}, ROWS), ("CategoricalCrossentropy", CLASS_LOGITS, {"from_logits": True}, ROWS),
    ("SparseCategoricalCrossentropy", SPARSE, {}, ROWS), ("SparseCategoricalCrossentropy", SPARSE_LOGITS, {"from_logits": True}, ROWS),
    ("KLDivergence", CLASSES, {}, ROWS), ("Poisson", POSITIVE, {}, ROWS), ("LogCoshError", REAL, {}, ROWS), ("CosineSimilarity", REAL, {}, ROWS),
    ("MeanAbsoluteError", REAL, {}, ROWS), ("MeanAbsolutePercentageError", POSITIVE, {}, ROWS), ("MeanSquaredError", REAL, {}, ROWS),
    ("MeanSquaredLogarithmicError", POSITIVE, {}, ROWS), ("RootMeanSquaredError", REAL, {}, ROWS),
    ("Hinge", SIGNS, {}, ROWS), ("SquaredHinge", SIGNS, {}, ROWS), ("CategoricalHinge", CLASS_LOGITS, {}, ROWS),
    ("R2Score", REAL, {}, ROWS), ("R2Score", REAL, {"class_aggregation": None}, ROWS), ("R2Score", REAL, {"class_aggregation": "variance_weighted_average"}, ROWS),
    ("PearsonCorrelation", REAL, {}, ROWS), ("ConcordanceCorrelation", REAL, {}, ROWS), ("PearsonCorrelation", REAL, {"axis": 0}, None),
    ("F1Score", CLASSES, {}, ROWS), ("F1Score", CLASSES, {"average": "macro"}, ROWS), ("FBetaScore", CLASSES, {"beta": 0.5, "average": "weighted"}, ROWS),
    ("FBetaScore", PROBABILITY, {"beta": 2.0, "threshold": 0.4, "average": "micro"}, ROWS),
    *[(name, BINARY, options, WEIGHT) for name in ("FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives") for options in ({}, {"thresholds": [0.2, 0.6]})],
    *[(name, BINARY, options, WEIGHT) for name in ("Precision", "Recall") for options in ({}, {"thresholds": [0.2, 0.6]})],
    *[(name, CLASSES, options, None) for name in ("Precision", "Recall") for options in ({"top_k": 2}, {"class_id": 1}, {"top_k": 2, "class_id": 0})],
    ("PrecisionAtRecall", BINARY, {"recall": 0.6}, WEIGHT), ("RecallAtPrecision", BINARY, {"precision": 0.5}, WEIGHT),
    ("SensitivityAtSpecificity", BINARY, {"specificity": 0.5}, WEIGHT), ("SpecificityAtSensitivity", BINARY, {"sensitivity": 0.5, "num_thresholds": 50}, WEIGHT),
    *[("AUC", BINARY, {"curve": curve, "summation_method": method}, WEIGHT) for curve in ("ROC", "PR", "PRGAIN") for method in ("interpolation", "majoring", "minoring")],
    ("AUC", PROBABILITY, {"multi_label": True, "num_labels": 5}, ROWS), ("AUC", BINARY, {"thresholds": [0.25, 0.5, 0.75]}, WEIGHT),
    ("BinaryIoU", BINARY, {"threshold": 0.4, "dtype": "float32"}, WEIGHT), ("IoU", LABELS, {"num_classes": 3, "target_class_ids": [0, 2], "dtype": "float32"}, WEIGHT), ("MeanIoU", LABELS, {"num_classes": 3, "dtype": "float32"}, WEIGHT),
    ("MeanIoU", LABELS, {"num_classes": 3, "ignore_class": 1}, None),
    ("OneHotIoU", CLASSES, {"num_classes": 5, "target_class_ids": [1], "dtype": "float32"}, ROWS), ("OneHotMeanIoU", CLASSES, {"num_classes": 5, "dtype": "float32"}, ROWS),
]

METRICS = [
    Case(f"{name} {options} {'weighted' if extra else ''}", lambda K, n=name, o=options: getattr(K.metrics, n)(**o), inputs, extra=extra, tolerance=2e-5)
    for name, inputs, options, weight in _METRICS
    for extra in ([{}, {"sample_weight": weight}] if weight else [{}])
]
METRICS.append(Case("MeanMetricWrapper", lambda K: K.metrics.MeanMetricWrapper(lambda a, b: abs(a - b)), REAL))
