"""Means and sums over batches, and metrics made of a function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from corten import ops
from corten._state import get_mask
from corten.losses.loss import apply_mask, as_dtype, squeeze_or_expand_to_same_rank
from corten.metrics.metric import Metric


def reduce_to_samplewise_values(
    values: Any, sample_weight: Any, reduce_fn: Callable[..., Any], dtype: str
) -> tuple[Any, Any]:
    """One (weighted) value per sample, and the samples' weights.

    Args:
        values: `(batch, ...)`.
        sample_weight: Weights of the leading axes of `values`, or `None`.
        reduce_fn: `ops.mean` or `ops.sum`, for the other axes.
        dtype: What to compute in.

    Example:
        >>> values, weights = reduce_to_samplewise_values([[1.0, 3.0]], [2.0], ops.mean, "float32")
        >>> values.tolist(), weights.tolist()
        ([4.0], [2.0])
    """
    mask = get_mask(values)
    values = as_dtype(values, dtype)
    if sample_weight is not None or mask is not None:
        if sample_weight is not None:
            sample_weight = as_dtype(sample_weight, dtype)
        sample_weight = apply_mask(sample_weight, mask, dtype, "sum")
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        rank, weight_rank = len(values.shape), len(sample_weight.shape)
        if rank > weight_rank:
            values = reduce_fn(values, axis=tuple(range(weight_rank, rank)))
        sample_weight = ops.broadcast_to(sample_weight, values.shape)
        values = values * sample_weight
        if weight_rank > 1:
            sample_weight = reduce_fn(sample_weight, axis=tuple(range(1, weight_rank)))
    if len(values.shape) > 1:
        values = reduce_fn(values, axis=tuple(range(1, len(values.shape))))
    return values, sample_weight


class Sum(Metric):
    """The (weighted) sum of values.

    Example:
        >>> metric = Sum()
        >>> metric.update_state([1.0, 3.0, 5.0])
        >>> float(metric.result())
        9.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = reduce_to_samplewise_values(values, sample_weight, ops.sum, self._dtype)
        self.total.assign(self.total._value + ops.sum(values))

    def result(self) -> Any:
        return ops.cast(self.total._value, self._dtype)


class Mean(Metric):
    """The (weighted) mean of values.

    Example:
        >>> metric = Mean()
        >>> metric.update_state([1.0, 3.0])
        >>> metric.update_state([8.0])
        >>> float(metric.result())
        4.0
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        if sample_weight is None and get_mask(values) is None:
            values = as_dtype(values, self._dtype)
            shape = values.shape
            total = ops.sum(values) if shape else values
            if len(shape) > 1:
                total = total / max(1, math.prod(shape[1:]))
            self.total.assign(self.total._value + total)
            self.count.assign(self.count._value + (shape[0] if shape else 1))
            return
        values, weights = reduce_to_samplewise_values(values, sample_weight, ops.mean, self._dtype)
        self.total.assign(self.total._value + ops.sum(values))
        self.count.assign(self.count._value + ops.sum(weights))

    def result(self) -> Any:
        return ops.divide_no_nan(self.total._value, self.count._value)


class MeanMetricWrapper(Mean):
    """The mean of a function of targets and predictions.

    Args:
        fn: `(y_true, y_pred, **kwargs) -> values`.
        name: Name of the metric.
        dtype: See `Metric`.
        **kwargs: Passed to every call of the function.

    Example:
        >>> metric = MeanMetricWrapper(lambda y_true, y_pred: ops.abs(y_true - y_pred), name="gap")
        >>> metric.update_state(ops.convert_to_tensor([1.0]), ops.convert_to_tensor([3.0]))
        >>> float(metric.result())
        2.0
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name or str(getattr(fn, "__name__", "mean_metric_wrapper")), dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(  # type: ignore[override]  # targets and predictions instead of values
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        mask = get_mask(y_pred)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            # Padding counts neither in the sum nor in the count, weighted or not.
            if sample_weight is not None:
                sample_weight = as_dtype(sample_weight, self._dtype)
            sample_weight = apply_mask(sample_weight, mask, self._dtype, "sum")
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        settings = {**super().get_config(), **self._fn_kwargs}
        if type(self) is MeanMetricWrapper:
            from corten.identifiers import serialize_object

            settings["fn"] = serialize_object(self._fn)
        return settings

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        if isinstance(config.get("fn"), (dict, str)):
            from corten.metrics import deserialize

            config = {**config, "fn": deserialize(config["fn"])}
        return cls(**config)
