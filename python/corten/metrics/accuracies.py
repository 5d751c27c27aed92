"""How often predictions hit."""

from __future__ import annotations

from typing import Any

from corten import config, ops
from corten.losses.loss import as_dtype, squeeze_or_expand_to_same_rank
from corten.metrics.reduction import MeanMetricWrapper


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where both are equal.

    Example:
        >>> accuracy([[1, 2]], [[1, 3]]).tolist()
        [[1.0, 0.0]]
    """
    y_pred = as_dtype(y_pred, None)
    y_true, y_pred = squeeze_or_expand_to_same_rank(as_dtype(y_true, y_pred.dtype), y_pred)
    return ops.cast(ops.equal(y_true, y_pred), config.floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where a probability is on the right side of `threshold`.

    Example:
        >>> binary_accuracy([[1.0, 0.0]], [[0.8, 0.6]]).tolist()
        [[1.0, 0.0]]
    """
    y_true, y_pred = squeeze_or_expand_to_same_rank(as_dtype(y_true, None), as_dtype(y_pred, None))
    if y_true.dtype == "bool":
        y_true = ops.cast(y_true, "int32")
    guess = ops.cast(ops.greater(y_pred, threshold), y_true.dtype)
    return ops.cast(ops.equal(y_true, guess), config.floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest prediction is the class of the one-hot target.

    Example:
        >>> categorical_accuracy([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]]).tolist()
        [1.0, 0.0]
    """
    truth = ops.argmax(as_dtype(y_true, None), axis=-1)
    guess = ops.argmax(as_dtype(y_pred, None), axis=-1)
    return ops.cast(ops.equal(truth, guess), config.floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest prediction is the class number.

    Example:
        >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]]).tolist()
        [1.0, 0.0]
    """
    y_pred = as_dtype(y_pred, None)
    y_true = as_dtype(y_true, None)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    guess = ops.argmax(y_pred, axis=-1)
    if guess.dtype != y_true.dtype:
        guess = ops.cast(guess, y_true.dtype)
    return ops.cast(ops.equal(y_true, guess), config.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class of the one-hot target is among the `k` largest predictions.

    Example:
        >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.1, 0.5, 0.4]], k=2).tolist()
        [1.0]
    """
    return sparse_top_k_categorical_accuracy(ops.argmax(as_dtype(y_true, None), axis=-1), y_pred, k=k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """1 where the class number is among the `k` largest predictions.

    Args:
        y_true: Class numbers.
        y_pred: Scores, or with `from_sorted_ids` class numbers from best to worst.
        k: How many predictions count.
        from_sorted_ids: Whether `y_pred` holds sorted class numbers.

    Example:
        >>> sparse_top_k_categorical_accuracy([2], [[0.1, 0.5, 0.4]], k=2).tolist()
        [1.0]
    """
    y_pred = as_dtype(y_pred, None)
    y_true = as_dtype(y_true, None)
    shape = tuple(y_pred.shape)
    if len(y_true.shape) == len(shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    truth = ops.cast(y_true, "int32")
    if from_sorted_ids:
        best = ops.cast(y_pred[..., :k], "int32")
        hits = ops.any(ops.equal(ops.expand_dims(truth, -1), best), axis=-1)
    else:
        # Rank of the true class without sorting; ties count in its favour, NaN never.
        own = ops.take_along_axis(y_pred, ops.expand_dims(truth, -1), axis=-1)
        better = ops.sum(ops.cast(ops.greater(y_pred, own), "int32"), axis=-1)
        known = ops.isfinite(ops.squeeze(own, -1))
        hits = ops.logical_and(ops.less(better, k), known)
    return ops.cast(hits, config.floatx())


class Accuracy(MeanMetricWrapper):
    """How often predictions equal the targets.

    Example:
        >>> float(Accuracy()([[1], [2], [3], [4]], [[0], [2], [3], [4]]))
        0.75
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}


class BinaryAccuracy(MeanMetricWrapper):
    """How often probabilities are on the right side of `threshold`.

    Example:
        >>> float(BinaryAccuracy()([[1], [1], [0], [0]], [[0.98], [1.0], [0.0], [0.6]]))
        0.75
    """

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(
                "Invalid value for argument `threshold`. Expected a value in interval (0, 1). Got"
                f" {threshold}."
            )
        super().__init__(binary_accuracy, name, dtype=dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is the one-hot target's class.

    Example:
        >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]]))
        0.5
    """

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype=dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is the class number.

    Example:
        >>> float(SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.2, 0.8]]))
        0.5
    """

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype=dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the one-hot target's class is among the `k` largest predictions.

    Example:
        >>> float(TopKCategoricalAccuracy(k=2)([[0, 0, 1]], [[0.1, 0.5, 0.4]]))
        1.0
    """

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype=dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class number is among the `k` largest predictions.

    Example:
        >>> float(SparseTopKCategoricalAccuracy(k=2)([2], [[0.1, 0.5, 0.4]]))
        1.0
    """

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype=dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids
