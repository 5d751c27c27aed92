"""Losses between numbers: squared, absolute and relative errors, Huber, log-cosh, cosine."""

from __future__ import annotations

import math
from typing import Any

from corten import config, ops
from corten.losses.loss import FunctionLoss, as_dtype, squeeze_or_expand_to_same_rank


def pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both as tensors of the prediction's dtype and of one rank."""
    y_pred = as_dtype(y_pred, None)
    if not config.is_float_dtype(y_pred.dtype):
        y_pred = ops.cast(y_pred, config.floatx())
    return squeeze_or_expand_to_same_rank(as_dtype(y_true, y_pred.dtype), y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """`mean((y_true - y_pred)^2)` over the last axis.

    Example:
        >>> mean_squared_error([[0.0, 2.0]], [[1.0, 0.0]]).tolist()
        [2.5]
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """`mean(|y_true - y_pred|)` over the last axis.

    Example:
        >>> mean_absolute_error([[0.0, 2.0]], [[1.0, 0.0]]).tolist()
        [1.5]
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """`100 * mean(|y_true - y_pred| / |y_true|)` over the last axis.

    Example:
        >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).tolist()
        [25.0]
    """
    y_true, y_pred = pair(y_true, y_pred)
    relative = ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), config.epsilon()))
    return 100.0 * ops.mean(relative, axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """`mean((log(1 + y_true) - log(1 + y_pred))^2)` over the last axis; negative values count as zero.

    Example:
        >>> round(mean_squared_logarithmic_error([[0.0]], [[1.0]]).tolist()[0], 4)
        0.4805
    """
    y_true, y_pred = pair(y_true, y_pred)
    low = config.epsilon()
    gap = ops.log1p(ops.maximum(y_true, low)) - ops.log1p(ops.maximum(y_pred, low))
    return ops.mean(ops.square(gap), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Quadratic for errors up to `delta`, linear beyond.

    Example:
        >>> huber([[0.0, 0.0]], [[1.0, 3.0]]).tolist()
        [1.5]
    """
    y_true, y_pred = pair(y_true, y_pred)
    error = ops.abs(y_pred - y_true)
    return ops.mean(
        ops.where(error <= delta, 0.5 * ops.square(error), delta * error - 0.5 * delta * delta), axis=-1
    )


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """`mean(log(cosh(y_pred - y_true)))`: nearly quadratic for small errors, linear for large ones.

    Example:
        >>> round(log_cosh([[0.0]], [[1.0]]).tolist()[0], 4)
        0.4338
    """
    y_true, y_pred = pair(y_true, y_pred)
    error = y_pred - y_true
    # log(cosh(x)) written so that large x do not overflow.
    return ops.mean(error + ops.softplus(-2.0 * error) - math.log(2.0), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between the vectors: -1 for one direction, 1 for opposite ones.

    Example:
        >>> cosine_similarity([[1.0, 0.0]], [[2.0, 0.0]]).tolist()
        [-1.0]
    """
    y_true, y_pred = pair(y_true, y_pred)
    return -ops.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


def unit(x: Any, axis: int) -> Any:
    """`x` divided by its Euclidean norm along `axis`; zero vectors stay zero."""
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, 1e-12))


class MeanSquaredError(FunctionLoss):
    """Mean of squared errors, 'mse'.

    Example:
        >>> float(MeanSquaredError()([[0.0], [2.0]], [[1.0], [0.0]]))
        2.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction=reduction, name=name, dtype=dtype)


class MeanAbsoluteError(FunctionLoss):
    """Mean of absolute errors, 'mae'.

    Example:
        >>> float(MeanAbsoluteError()([[0.0], [2.0]], [[1.0], [0.0]]))
        1.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction=reduction, name=name, dtype=dtype)


class MeanAbsolutePercentageError(FunctionLoss):
    """Mean of errors relative to the target, in percent, 'mape'.

    Example:
        >>> float(MeanAbsolutePercentageError()([[2.0]], [[1.0]]))
        50.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction=reduction, name=name, dtype=dtype)


class MeanSquaredLogarithmicError(FunctionLoss):
    """Mean of squared differences of `log(1 + y)`, 'msle'.

    Example:
        >>> float(MeanSquaredLogarithmicError()([[3.0]], [[3.0]]))
        0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction=reduction, name=name, dtype=dtype)


class CosineSimilarity(FunctionLoss):
    """Minus the cosine between target and prediction.

    Example:
        >>> float(CosineSimilarity()([[0.0, 1.0]], [[0.0, 5.0]]))
        -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction=reduction, name=name, dtype=dtype, axis=axis)


class Huber(FunctionLoss):
    """Quadratic for errors up to `delta`, linear beyond: outliers pull less.

    Example:
        >>> float(Huber(delta=1.0)([[0.0]], [[3.0]]))
        2.5
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction=reduction, name=name, dtype=dtype, delta=delta)
        self.delta = delta

    def get_config(self) -> dict[str, Any]:
        settings = super().get_config()
        # Keras writes no `delta`; leaving out the default keeps equal losses' configs equal.
        if self.delta == 1.0:
            del settings["delta"]
        return settings


class LogCosh(FunctionLoss):
    """Logarithm of the hyperbolic cosine of the error.

    Example:
        >>> float(LogCosh()([[1.0]], [[1.0]]))
        0.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(log_cosh, reduction=reduction, name=name, dtype=dtype)
