"""Metrics between numbers."""

from __future__ import annotations

import math
import warnings
from typing import Any

from corten import ops
from corten.losses.loss import as_dtype, squeeze_or_expand_to_same_rank
from corten.losses.regression import (
    cosine_similarity as negative_cosine,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from corten.metrics.metric import Metric
from corten.metrics.reduction import Mean, MeanMetricWrapper


class MeanSquaredError(MeanMetricWrapper):
    """Mean of squared errors.

    Example:
        >>> round(float(MeanSquaredError()([[0.0], [2.0]], [[1.0], [0.0]])), 4)
        2.5
    """

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype=dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of absolute errors.

    Example:
        >>> round(float(MeanAbsoluteError()([[0.0], [2.0]], [[1.0], [0.0]])), 4)
        1.5
    """

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype=dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean of errors relative to the target, in percent.

    Example:
        >>> round(float(MeanAbsolutePercentageError()([[2.0]], [[1.0]])), 4)
        50.0
    """

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_percentage_error, name, dtype=dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean of squared differences of `log(1 + y)`.

    Example:
        >>> round(float(MeanSquaredLogarithmicError()([[3.0]], [[3.0]])), 4)
        0.0
    """

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_logarithmic_error, name, dtype=dtype)


class LogCoshError(MeanMetricWrapper):
    """Mean of the logarithm of the hyperbolic cosine of the error.

    Example:
        >>> round(float(LogCoshError()([[1.0]], [[1.0]])), 4)
        0.0
    """

    def __init__(self, name: str = "logcosh", dtype: Any = None) -> None:
        super().__init__(log_cosh, name, dtype=dtype)


class RootMeanSquaredError(Mean):
    """Root of the mean of squared errors.

    Example:
        >>> round(float(RootMeanSquaredError()([[0.0], [2.0]], [[1.0], [0.0]])), 4)
        1.5811
    """

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(  # type: ignore[override]  # targets and predictions instead of values
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        y_pred = as_dtype(y_pred, self._dtype)
        y_true, y_pred = squeeze_or_expand_to_same_rank(as_dtype(y_true, self._dtype), y_pred)
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self) -> Any:
        return ops.sqrt(super().result())


class CosineSimilarity(MeanMetricWrapper):
    """Cosine of the angle between target and prediction (not negated, unlike the loss).

    Example:
        >>> round(float(CosineSimilarity()([[0.0, 1.0]], [[0.0, 5.0]])), 4)
        1.0
    """

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(cosine_similarity, name, dtype=dtype, axis=axis)
        self.axis = axis


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Cosine of the angle between the vectors along `axis`.

    Example:
        >>> cosine_similarity([[1.0, 0.0]], [[2.0, 0.0]]).tolist()
        [1.0]
    """
    return -negative_cosine(y_true, y_pred, axis=axis)


class R2Score(Metric):
    """Share of the targets' variance that the predictions explain; 1 is perfect, 0 is the mean.

    Args:
        class_aggregation: How outputs combine: 'uniform_average', 'variance_weighted_average' or
            `None` for one score per output.
        num_regressors: Number of inputs, for the adjusted score; 0 for the plain one.
        name: Name of the metric.
        dtype: See `Metric`.

    Example:
        >>> metric = R2Score()
        >>> metric.update_state([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
        >>> round(float(metric.result()), 4)
        0.5714
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        known = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in known:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {known}; got"
                f" {class_aggregation!r}."
            )
        if num_regressors < 0:
            raise ValueError(
                f"Invalid value for argument `num_regressors`. Expected a value >= 0; got {num_regressors}."
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), dtype="int32", name="num_samples")
        self._built = False

    def _build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). Got"
                f" y_pred.shape={tuple(y_pred_shape)} and y_true.shape={tuple(y_true_shape)}."
            )
        if y_pred_shape[-1] is None or y_true_shape[-1] is None:
            raise ValueError("R2Score expects 2D inputs with a known output_dim.")
        size = (y_pred_shape[-1],)
        self.squared_sum = self.add_variable(size, name="squared_sum")
        self.sum = self.add_variable(size, name="sum")
        self.total_mse = self.add_variable(size, name="residual")
        self.count = self.add_variable(size, name="count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_dtype(y_true, self._dtype), as_dtype(y_pred, self._dtype)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        weight = as_dtype(1.0 if sample_weight is None else sample_weight, self._dtype)
        if len(weight.shape) == 1:
            weight = ops.expand_dims(weight, 1)
        weight = ops.broadcast_to(weight, y_true.shape)
        weighted = y_true * weight
        self.sum.assign(self.sum._value + ops.sum(weighted, axis=0))
        self.squared_sum.assign(self.squared_sum._value + ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign(self.total_mse._value + ops.sum(ops.square(y_true - y_pred) * weight, axis=0))
        self.count.assign(self.count._value + ops.sum(weight, axis=0))
        # Every output counts as a sample, as in Keras.
        self.num_samples.assign(self.num_samples._value + math.prod(y_true.shape))

    def result(self) -> Any:
        mean = self.sum._value / self.count._value
        total = self.squared_sum._value - self.sum._value * mean
        score = 1.0 - self.total_mse._value / total
        score = ops.where(ops.isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.sum(score * total) / ops.sum(total)
        if self.num_regressors:
            samples = int(self.num_samples._value)
            if self.num_regressors >= samples - 1:
                warnings.warn(
                    f"R2Score: {self.num_regressors} regressors leave no degrees of freedom with"
                    f" {samples} samples;"
                    " giving the plain score.",
                    stacklevel=2,
                )
            else:
                score = 1.0 - (1.0 - score) * (samples - 1.0) / (samples - self.num_regressors - 1.0)
        return score

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
