"""Metrics: what training is watched with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from corten.identifiers import Table, serialize_object
from corten.losses.crossentropy import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from corten.losses.margin import categorical_hinge, hinge, squared_hinge
from corten.losses.regression import (
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from corten.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from corten.metrics.auc import AUC, AUCCurve, AUCSummationMethod
from corten.metrics.class_counts import (
    BinaryIoU,
    ConfusionMatrix,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    confusion_matrix,
)
from corten.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from corten.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from corten.metrics.f_score import F1Score, FBetaScore
from corten.metrics.margin import CategoricalHinge, Hinge, SquaredHinge
from corten.metrics.metric import Metric
from corten.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from corten.metrics.reduction import Mean, MeanMetricWrapper, Sum, reduce_to_samplewise_values
from corten.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    R2Score,
    RootMeanSquaredError,
    cosine_similarity,
)

# The short names of `keras.metrics`.
bce = BCE = binary_crossentropy
kld = KLD = kl_divergence
mae = MAE = mean_absolute_error
mse = MSE = mean_squared_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error

_CLASSES = (
    AUC, Accuracy, BinaryAccuracy, BinaryCrossentropy, BinaryIoU, CategoricalAccuracy,
    CategoricalCrossentropy, CategoricalHinge, ConcordanceCorrelation, ConfusionMatrix, CosineSimilarity,
    F1Score, FBetaScore, FalseNegatives, FalsePositives, Hinge, IoU, KLDivergence, LogCoshError, Mean,
    MeanAbsoluteError, MeanAbsolutePercentageError, MeanIoU, MeanMetricWrapper, MeanSquaredError,
    MeanSquaredLogarithmicError, Metric, OneHotIoU, OneHotMeanIoU, PearsonCorrelation, Poisson, Precision,
    PrecisionAtRecall, R2Score, Recall, RecallAtPrecision, RootMeanSquaredError, SensitivityAtSpecificity,
    SparseCategoricalAccuracy, SparseCategoricalCrossentropy, SparseTopKCategoricalAccuracy,
    SpecificityAtSensitivity, SquaredHinge, Sum, TopKCategoricalAccuracy, TrueNegatives, TruePositives,
)  # fmt: skip
_FUNCTIONS = (
    accuracy, binary_accuracy, binary_crossentropy, binary_focal_crossentropy, categorical_accuracy,
    categorical_crossentropy, categorical_focal_crossentropy, categorical_hinge, concordance_correlation,
    confusion_matrix, cosine_similarity, hinge, huber, kl_divergence, log_cosh, mean_absolute_error,
    mean_absolute_percentage_error, mean_squared_error, mean_squared_logarithmic_error,
    pearson_correlation, poisson, sparse_categorical_accuracy, sparse_categorical_crossentropy,
    sparse_top_k_categorical_accuracy, squared_hinge, top_k_categorical_accuracy,
)  # fmt: skip
_SHORT = {
    "acc": Accuracy,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "mae": MeanAbsoluteError,
    "mse": MeanSquaredError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "rmse": RootMeanSquaredError,
}


def _named() -> dict[str, Any]:
    """A name leads to the class; snake_case names of functions without one lead to the function."""
    from corten.naming import to_snake_case

    # First the names that to_snake_case would spell badly ('io_u'): messages show the first of each.
    table: dict[str, Any] = {
        "fbeta_score": FBetaScore,
        "iou": IoU,
        "mean_iou": MeanIoU,
        "binary_iou": BinaryIoU,
        "one_hot_iou": OneHotIoU,
        "one_hot_mean_iou": OneHotMeanIoU,
        "kl_divergence": KLDivergence,
        "log_cosh": LogCoshError,
    }
    for cls in _CLASSES:
        table[cls.__name__] = cls
        table.setdefault(to_snake_case(cls.__name__), cls)
    table |= _SHORT | {name.upper(): cls for name, cls in _SHORT.items()}
    table |= {"logcosh": LogCoshError, "kullback_leibler_divergence": KLDivergence}
    for function in _FUNCTIONS:
        table.setdefault(function.__name__, function)
    return table


_TABLE = Table("metric", "corten.metrics", _named())


def serialize(metric: Any) -> Any:
    """Gives the config of a metric.

    Example:
        >>> serialize(Mean(name="loss"))["config"]["name"]
        'loss'
    """
    return serialize_object(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Rebuilds a metric from its config.

    Example:
        >>> deserialize({"class_name": "Mean", "config": {"name": "loss"}}).name
        'loss'
    """
    return _TABLE.deserialize(config, custom_objects)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Resolves a name, config, class, object or callable; `None` stays `None`.

    Example:
        >>> type(get("mse")).__name__
        'MeanSquaredError'
        >>> get("binary_acuracy")
        Traceback (most recent call last):
        ...
        ValueError: Unknown metric: 'binary_acuracy'. Did you mean 'binary_accuracy'? Known names: ...
    """
    found: Callable[..., Any] | None = _TABLE.get(identifier)
    return found


__all__ = [
    "AUC", "AUCCurve", "AUCSummationMethod", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy",
    "BinaryIoU", "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge",
    "ConcordanceCorrelation", "ConfusionMatrix", "CosineSimilarity", "F1Score", "FBetaScore",
    "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence", "LogCoshError", "Mean",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper",
    "MeanSquaredError", "MeanSquaredLogarithmicError", "Metric", "OneHotIoU", "OneHotMeanIoU",
    "PearsonCorrelation", "Poisson", "Precision", "PrecisionAtRecall", "R2Score", "Recall",
    "RecallAtPrecision", "RootMeanSquaredError", "SensitivityAtSpecificity", "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity",
    "SquaredHinge", "Sum", "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives", "accuracy",
    "binary_accuracy", "binary_crossentropy", "binary_focal_crossentropy", "categorical_accuracy",
    "categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge",
    "concordance_correlation", "confusion_matrix", "cosine_similarity", "deserialize", "get", "hinge",
    "huber", "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_error", "mean_squared_logarithmic_error", "pearson_correlation", "poisson",
    "reduce_to_samplewise_values", "serialize", "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy", "squared_hinge",
    "top_k_categorical_accuracy",
]  # fmt: skip


def __getattr__(name: str) -> object:
    from corten.identifiers import no_attribute

    raise no_attribute(__name__, name)
