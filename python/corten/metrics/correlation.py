"""Correlation between targets and predictions."""

from __future__ import annotations

from typing import Any

from corten import config, ops
from corten.losses.regression import pair
from corten.metrics.reduction import MeanMetricWrapper


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Linear correlation along `axis`, from -1 to 1.

    Example:
        >>> print(pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]).numpy().round(4))
        [1.]
    """
    y_true, y_pred = pair(y_true, y_pred)
    true = y_true - ops.mean(y_true, axis=axis, keepdims=True)
    pred = y_pred - ops.mean(y_pred, axis=axis, keepdims=True)
    spread = ops.sum(ops.square(true), axis=axis) * ops.sum(ops.square(pred), axis=axis)
    return ops.sum(true * pred, axis=axis) / (ops.sqrt(spread) + config.epsilon())


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Agreement along `axis`: correlation that also counts shifts and scales against the prediction.

    Example:
        >>> print(concordance_correlation([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]]).numpy().round(4))
        [1.]
    """
    y_true, y_pred = pair(y_true, y_pred)
    mean_true = ops.mean(y_true, axis=axis, keepdims=True)
    mean_pred = ops.mean(y_pred, axis=axis, keepdims=True)
    true, pred = y_true - mean_true, y_pred - mean_pred
    shared = ops.mean(true * pred, axis=axis)
    spread = ops.mean(ops.square(true), axis=axis) + ops.mean(ops.square(pred), axis=axis)
    shift = ops.squeeze(ops.square(mean_true - mean_pred), axis)
    return 2.0 * shared / (spread + shift + config.epsilon())


class PearsonCorrelation(MeanMetricWrapper):
    """Mean linear correlation.

    Example:
        >>> round(float(PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])), 4)
        1.0
    """

    def __init__(self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, dtype=dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean concordance correlation.

    Example:
        >>> round(float(ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])), 4)
        1.0
    """

    def __init__(self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, dtype=dtype, axis=axis)
        self.axis = axis
