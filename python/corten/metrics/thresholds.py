"""True and false positives and negatives at many thresholds, from one pass over the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import ops
from corten.losses.loss import as_dtype, squeeze_or_expand_to_same_rank

# They are a list of floats; a configuration from a file could ask for any number.
_MOST_THRESHOLDS = 1_000_000
# Below every prediction: with `top_k` and no threshold, the k largest count as positive.
NEGATIVE_INFINITY = -1e10


def check_num_thresholds(num_thresholds: Any, least: int) -> None:
    """Refuses numbers of thresholds that are too small or too large.

    Raises:
        ValueError: The number is missing, below `least` or above a million.

    Example:
        >>> check_num_thresholds(200, least=2)
    """
    if num_thresholds is None or num_thresholds < least:
        raise ValueError(f"Argument `num_thresholds` must be an integer > {least - 1}. Got {num_thresholds}.")
    if num_thresholds > _MOST_THRESHOLDS:
        raise ValueError(
            f"Argument `num_thresholds` must be at most {_MOST_THRESHOLDS}. Got {num_thresholds}."
        )


def parse_init_thresholds(thresholds: Any, default_threshold: float = 0.5) -> list[float]:
    """Thresholds as a checked list.

    Raises:
        ValueError: Some threshold is not between 0 and 1.

    Example:
        >>> parse_init_thresholds(None), parse_init_thresholds(0.3)
        ([0.5], [0.3])
    """
    if thresholds is not None:
        given = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
        wrong = [value for value in given if value is None or value < 0 or value > 1]
        if wrong:
            raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    if thresholds is None:
        return [default_threshold]
    return list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]


def broadcast_weights(weight: Any, shape: Sequence[int], dtype: str) -> Any:
    """Weights of the leading axes, spread over `shape`."""
    weight = as_dtype(weight, dtype)
    rank = len(weight.shape)
    if rank > len(shape) and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
        rank -= 1
    if rank < len(shape):
        weight = ops.reshape(weight, (*weight.shape, *([1] * (len(shape) - rank))))
    return ops.broadcast_to(weight, shape)


def confusion_counts(
    y_true: Any,
    y_pred: Any,
    thresholds: Sequence[float],
    dtype: str,
    sample_weight: Any = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: Any = None,
    soft_labels: bool = False,
) -> tuple[Any, Any, Any, Any]:
    """True positives, false positives, true negatives, false negatives per threshold.

    Each prediction falls between two thresholds; one histogram per label value and its running
    sum from the top give the counts at all thresholds, whatever their number.

    Args:
        y_true: Targets 0 or 1.
        y_pred: Scores of that shape; above a threshold means positive.
        thresholds: The thresholds.
        dtype: What to count in.
        sample_weight: Weights of the leading axes.
        top_k: Only the k largest scores of each row can be positive.
        class_id: Look at this column only.
        multi_label: Count each column for itself: results are `(thresholds, columns)`.
        label_weights: Weight per column.
        soft_labels: Let a target of 0.3 count as 0.3 true and 0.7 false instead of true.

    Example:
        >>> counts = confusion_counts([0, 1, 1], [0.2, 0.4, 0.9], [0.5], "float32")
        >>> [count.tolist() for count in counts]
        [[1.0], [0.0], [1.0], [1.0]]
    """
    y_pred = as_dtype(y_pred, dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(as_dtype(y_true, None), y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"Targets and predictions must have the same shape; got y_true {tuple(y_true.shape)} and y_pred"
            f" {tuple(y_pred.shape)}. For class numbers make them one-hot: corten.utils.to_categorical(y)."
        )
    y_true = as_dtype(y_true, dtype) if soft_labels else ops.cast(ops.not_equal(y_true, 0), dtype)
    if top_k is not None:
        y_pred = _keep_top_k(y_pred, top_k)
    if class_id is not None:
        if len(y_pred.shape) == 1:
            raise ValueError(
                "When class_id is provided, y_pred must be a 2D array with shape (num_samples, num_classes),"
                f" found shape: {tuple(y_pred.shape)}"
            )
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
        if sample_weight is not None:
            sample_weight = as_dtype(sample_weight, dtype)
            if len(sample_weight.shape) > 1 and sample_weight.shape[-1] > 1:
                sample_weight = sample_weight[..., class_id]
    shape = tuple(y_pred.shape)
    weight = None if sample_weight is None else broadcast_weights(sample_weight, shape, dtype)
    if label_weights is not None:
        per_label = ops.broadcast_to(as_dtype(label_weights, dtype), shape)
        weight = per_label if weight is None else weight * per_label
    positive = y_true if weight is None else y_true * weight
    negative = 1.0 - y_true if weight is None else (1.0 - y_true) * weight

    order = np.argsort(np.asarray(thresholds, dtype="float64"), kind="stable")
    ordered = ops.convert_to_tensor(
        np.asarray(thresholds, dtype=dtype if dtype != "bfloat16" else "float32")[order]
    )
    count = len(order)
    labels = shape[-1] if multi_label and len(shape) > 1 else 1
    # How many thresholds lie strictly below each score: it is positive at exactly those.
    below = ops.searchsorted(ordered, ops.reshape(as_dtype(y_pred, ordered.dtype), (-1,)), side="left")
    cells = ops.cast(below, "int32")
    if labels > 1:
        column = ops.tile(ops.arange(labels, dtype="int32"), (cells.shape[0] // labels,))
        cells = cells * labels + column

    def at_thresholds(amounts: Any) -> tuple[Any, Any]:
        bins = ops.segment_sum(ops.reshape(amounts, (-1,)), cells, num_segments=(count + 1) * labels)
        bins = ops.reshape(bins, (count + 1, labels))
        passed = ops.flip(ops.cumsum(ops.flip(bins, axis=0), axis=0), axis=0)
        total = passed[0]
        return passed[1:], total

    true_positives, all_positives = at_thresholds(positive)
    false_positives, all_negatives = at_thresholds(negative)
    results: tuple[Any, ...] = (
        true_positives,
        false_positives,
        all_negatives - false_positives,
        all_positives - true_positives,
    )
    if list(order) != list(range(count)):
        back = ops.convert_to_tensor(np.argsort(order, kind="stable").astype("int32"))
        results = tuple(ops.take(result, back, axis=0) for result in results)
    if not multi_label:
        results = tuple(ops.reshape(result, (count,)) for result in results)
    return results[0], results[1], results[2], results[3]


def _keep_top_k(y_pred: Any, k: int) -> Any:
    """Scores outside each row's k largest become hopeless; of equal ones the first win."""
    _, best = ops.top_k(y_pred, k, sorted=False)
    kept = ops.sum(ops.one_hot(best, y_pred.shape[-1], axis=-1), axis=-2)
    return ops.where(ops.greater(kept, 0), y_pred, NEGATIVE_INFINITY)
