"""Counts, precision and recall at thresholds, and one of them at a given value of another."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.metrics.metric import Metric
from corten.metrics.thresholds import (
    NEGATIVE_INFINITY,
    check_num_thresholds,
    confusion_counts,
    parse_init_thresholds,
)

_COUNTS = {"true_positives": 0, "false_positives": 1, "true_negatives": 2, "false_negatives": 3}


class _ConfusionCount(Metric):
    """One of the four counts."""

    _which = "true_positives"

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parse_init_thresholds(thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        counts = confusion_counts(y_true, y_pred, self.thresholds, self._dtype, sample_weight)
        self.accumulator.assign(self.accumulator._value + counts[_COUNTS[self._which]])

    def result(self) -> Any:
        counts = self.accumulator._value
        return counts[0] if len(self.thresholds) == 1 else counts

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_ConfusionCount):
    """How many positives were found.

    Example:
        >>> float(TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
        2.0
    """

    _which = "true_positives"


class FalsePositives(_ConfusionCount):
    """How many negatives were called positive.

    Example:
        >>> float(FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1]))
        2.0
    """

    _which = "false_positives"


class TrueNegatives(_ConfusionCount):
    """How many negatives were left alone.

    Example:
        >>> float(TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0]))
        2.0
    """

    _which = "true_negatives"


class FalseNegatives(_ConfusionCount):
    """How many positives were missed.

    Example:
        >>> float(FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0]))
        2.0
    """

    _which = "false_negatives"


class _Ratio(Metric):
    """True positives over themselves plus one kind of error."""

    _other = "false_positives"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = parse_init_thresholds(
            thresholds, default_threshold=0.5 if top_k is None else NEGATIVE_INFINITY
        )
        self.true_positives = self.add_variable((len(self.thresholds),), name="true_positives")
        setattr(self, self._other, self.add_variable((len(self.thresholds),), name=self._other))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        counts = confusion_counts(
            y_true,
            y_pred,
            self.thresholds,
            self._dtype,
            sample_weight,
            top_k=self.top_k,
            class_id=self.class_id,
        )
        other = getattr(self, self._other)
        self.true_positives.assign(self.true_positives._value + counts[0])
        other.assign(other._value + counts[_COUNTS[self._other]])

    def result(self) -> Any:
        hits = self.true_positives._value
        ratio = ops.divide_no_nan(hits, hits + getattr(self, self._other)._value)
        return ratio[0] if len(self.thresholds) == 1 else ratio

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Ratio):
    """Share of the predicted positives that are true.

    Args:
        thresholds: What counts as positive, 0.5 by default; a list gives a list of results.
        top_k: Only the k largest scores of each row can be positive.
        class_id: Look at this class only.
        name: Name of the metric.
        dtype: See `Metric`.

    Example:
        >>> round(float(Precision()([0, 1, 1, 1], [1, 0, 1, 1])), 4)
        0.6667
    """

    _other = "false_positives"


class Recall(_Ratio):
    """Share of the true positives that were predicted.

    Args:
        thresholds: What counts as positive, 0.5 by default; a list gives a list of results.
        top_k: Only the k largest scores of each row can be positive.
        class_id: Look at this class only.
        name: Name of the metric.
        dtype: See `Metric`.

    Example:
        >>> round(float(Recall()([0, 1, 1, 1], [1, 0, 1, 1])), 4)
        0.6667
    """

    _other = "false_negatives"


class SensitivitySpecificityBase(Metric):
    """Base of the metrics that give one rate where another reaches a value."""

    _argument = "value"

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise ValueError(f"`{self._argument}` must be in the range [0, 1]. Got {self._argument}={value}.")
        check_num_thresholds(num_thresholds, least=1)
        self.value = value
        self.class_id = class_id
        if num_thresholds == 1:
            self.thresholds = [0.5]
        else:
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
            self.thresholds = [0.0, *inner, 1.0]
        self.num_thresholds = num_thresholds
        size = (num_thresholds,)
        self.true_positives = self.add_variable(size, name="true_positives")
        self.false_positives = self.add_variable(size, name="false_positives")
        self.true_negatives = self.add_variable(size, name="true_negatives")
        self.false_negatives = self.add_variable(size, name="false_negatives")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        counts = confusion_counts(
            y_true, y_pred, self.thresholds, self._dtype, sample_weight, class_id=self.class_id
        )
        for name, count in zip(_COUNTS, counts, strict=True):
            variable = getattr(self, name)
            variable.assign(variable._value + count)

    def _rate(self, hits: str, misses: str) -> Any:
        found = getattr(self, hits)._value
        return ops.divide_no_nan(found, found + getattr(self, misses)._value)

    def _best(self, constrained: Any, wanted: Any) -> Any:
        """The largest `wanted` among the thresholds where `constrained` reaches the value; 0 if none does."""
        allowed = ops.greater_equal(constrained, self.value)
        return ops.max(ops.where(allowed, wanted, 0.0))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            self._argument: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }


class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """The best sensitivity (recall) among the thresholds with at least this specificity.

    Args:
        specificity: Share of the negatives that must be left alone.
        num_thresholds: How many thresholds are tried.
        class_id: Look at this class only.
        name: Name of the metric.
        dtype: See `Metric`.

    Example:
        >>> float(SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    _argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Any:
        return self._best(
            self._rate("true_negatives", "false_positives"), self._rate("true_positives", "false_negatives")
        )


class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """The best specificity among the thresholds with at least this sensitivity (recall).

    Args:
        sensitivity: Share of the positives that must be found.
        num_thresholds: How many thresholds are tried.
        class_id: Look at this class only.
        name: Name of the metric.
        dtype: See `Metric`.

    Example:
        >>> round(float(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
        0.6667
    """

    _argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Any:
        return self._best(
            self._rate("true_positives", "false_negatives"), self._rate("true_negatives", "false_positives")
        )


class PrecisionAtRecall(SensitivitySpecificityBase):
    """The best precision among the thresholds with at least this recall.

    Args:
        recall: Share of the positives that must be found.
        num_thresholds: How many thresholds are tried.
        class_id: Look at this class only.
        name: Name of the metric.
        dtype: See `Metric`.

    Example:
        >>> float(PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    _argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Any:
        return self._best(
            self._rate("true_positives", "false_negatives"), self._rate("true_positives", "false_positives")
        )


class RecallAtPrecision(SensitivitySpecificityBase):
    """The best recall among the thresholds with at least this precision.

    Args:
        precision: Share of the predicted positives that must be true.
        num_thresholds: How many thresholds are tried.
        class_id: Look at this class only.
        name: Name of the metric.
        dtype: See `Metric`.

    Example:
        >>> float(RecallAtPrecision(0.8)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
        0.5
    """

    _argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Any:
        return self._best(
            self._rate("true_positives", "false_positives"), self._rate("true_positives", "false_negatives")
        )
