"""Metrics between probability distributions."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from corten.losses.loss import as_dtype, squeeze_or_expand_to_same_rank
from corten.metrics.reduction import MeanMetricWrapper


class KLDivergence(MeanMetricWrapper):
    """Kullback-Leibler divergence between targets and predictions.

    Example:
        >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]])), 4)
        0.0
    """

    def __init__(self, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(kl_divergence, name, dtype=dtype)


class Poisson(MeanMetricWrapper):
    """Negative log-likelihood of counts, up to a constant.

    Example:
        >>> round(float(Poisson()([[1.0]], [[1.0]])), 4)
        1.0
    """

    def __init__(self, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(poisson, name, dtype=dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """Cross-entropy of yes/no predictions.

    Example:
        >>> round(float(BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            binary_crossentropy, name, dtype=dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper):
    """Cross-entropy with one-hot targets.

    Example:
        >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Cross-entropy with class numbers as targets.

    Args:
        name: Name of the metric.
        dtype: See `Metric`.
        from_logits: Whether predictions have not been through softmax.
        ignore_class: Samples with this label add nothing; as in Keras, they still count in an
            unweighted mean and do not in a weighted one.
        axis: The axis of the classes.

    Example:
        >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            name,
            dtype=dtype,
            from_logits=from_logits,
            axis=axis,
            ignore_class=ignore_class,
        )
        self.from_logits = from_logits
        self.axis = axis
        self.ignore_class = ignore_class

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        if sample_weight is not None and self.ignore_class is not None:
            labels = as_dtype(y_true, None)
            counted = ops.cast(ops.not_equal(labels, self.ignore_class), self._dtype)
            counted, weight = squeeze_or_expand_to_same_rank(counted, as_dtype(sample_weight, self._dtype))
            sample_weight = counted * weight
        super().update_state(y_true, y_pred, sample_weight)
