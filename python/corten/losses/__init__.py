"""Losses: what training makes small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from corten.identifiers import Table, serialize_object
from corten.losses.crossentropy import (
    CTC,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    ctc,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from corten.losses.loss import (
    FunctionLoss,
    Loss,
    reduce_weighted_values,
    squeeze_or_expand_to_same_rank,
)
from corten.losses.margin import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    convert_binary_labels_to_hinge,
    hinge,
    squared_hinge,
)
from corten.losses.metric_learning import Circle, circle
from corten.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from corten.losses.segmentation import Dice, Tversky, dice, tversky

# Keras's name for a loss made of a function.
LossFunctionWrapper = FunctionLoss

# The short names of `keras.losses`.
bce = BCE = binary_crossentropy
kld = KLD = kl_divergence
mae = MAE = mean_absolute_error
mse = MSE = mean_squared_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error

_CLASSES = (
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy, CategoricalHinge, Circle, CosineSimilarity, CTC, Dice,
    FunctionLoss, Hinge, Huber, KLDivergence, LogCosh, Loss, MeanAbsoluteError,
    MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
    SparseCategoricalCrossentropy, SquaredHinge, Tversky,
)  # fmt: skip
_FUNCTIONS = (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy,
    categorical_focal_crossentropy, categorical_generalized_cross_entropy, categorical_hinge, circle,
    cosine_similarity, ctc, dice, hinge, huber, kl_divergence, log_cosh, mean_absolute_error,
    mean_absolute_percentage_error, mean_squared_error, mean_squared_logarithmic_error, poisson,
    sparse_categorical_crossentropy, squared_hinge, tversky,
)  # fmt: skip
_SHORT = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
}
_TABLE = Table(
    "loss",
    "corten.losses",
    {
        **{item.__name__: item for item in (*_CLASSES, *_FUNCTIONS)},
        **_SHORT,
        **{name.upper(): function for name, function in _SHORT.items()},
        "LossFunctionWrapper": FunctionLoss,
        "huber_loss": huber,
        "logcosh": log_cosh,
        "kullback_leibler_divergence": kl_divergence,
    },
)


def serialize(loss: Any) -> Any:
    """Gives the config of a loss object, or the name of a built-in loss function.

    Example:
        >>> serialize(mean_squared_error)
        'mean_squared_error'
        >>> serialize(Huber(delta=2.0))["config"]["delta"]
        2.0
    """
    name = getattr(loss, "__name__", None)
    if isinstance(name, str) and _TABLE.objects.get(name) is loss:
        return name
    return serialize_object(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Rebuilds a loss from its config or name.

    Example:
        >>> deserialize("mse") is mean_squared_error
        True
    """
    return _TABLE.deserialize(name, custom_objects)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Resolves a name, config, class, object or callable; `None` stays `None`.

    Example:
        >>> get("mse") is mean_squared_error
        True
        >>> get("categorical_crossentrpy")
        Traceback (most recent call last):
        ...
        ValueError: Unknown loss: 'categorical_crossentrpy'. Did you mean 'categorical_crossentropy'? ...
    """
    found: Callable[..., Any] | None = _TABLE.get(identifier)
    return found


__all__ = [
    "CTC", "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "CategoricalHinge", "Circle",
    "CosineSimilarity", "Dice", "FunctionLoss", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss",
    "LossFunctionWrapper", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "SparseCategoricalCrossentropy", "SquaredHinge", "Tversky",
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_generalized_cross_entropy", "categorical_hinge",
    "circle", "convert_binary_labels_to_hinge", "cosine_similarity", "ctc", "deserialize", "dice", "get",
    "hinge", "huber", "kl_divergence", "log_cosh", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "poisson",
    "reduce_weighted_values", "serialize", "sparse_categorical_crossentropy", "squared_hinge",
    "squeeze_or_expand_to_same_rank", "tversky",
]  # fmt: skip


def __getattr__(name: str) -> object:
    from corten.identifiers import no_attribute

    raise no_attribute(__name__, name)
