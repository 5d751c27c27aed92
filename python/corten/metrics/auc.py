"""Area under the ROC, precision-recall or precision-recall-gain curve."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from corten import config, ops
from corten.losses.loss import as_dtype
from corten.metrics.metric import Metric
from corten.metrics.thresholds import check_num_thresholds, confusion_counts


class AUCCurve(Enum):
    """Which curve the area lies under.

    Example:
        >>> AUCCurve("PR").name
        'PR'
    """

    ROC = "ROC"
    PR = "PR"
    PRGAIN = "PRGAIN"


class AUCSummationMethod(Enum):
    """How the area is summed: trapezoids, or rectangles above or below the curve.

    Example:
        >>> AUCSummationMethod("majoring").name
        'MAJORING'
    """

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"


class AUC(Metric):
    """Area under a curve drawn through many thresholds.

    Args:
        num_thresholds: How many thresholds, two of them just outside [0, 1].
        curve: 'ROC', 'PR' or 'PRGAIN'.
        summation_method: 'interpolation', 'majoring' or 'minoring'.
        name: Name of the metric.
        dtype: See `Metric`.
        thresholds: Thresholds between 0 and 1, instead of evenly spaced ones.
        multi_label: Whether columns are labels with a curve each, whose areas are averaged.
        num_labels: Number of labels, to make the state before the first batch.
        label_weights: Weight of each label.
        from_logits: Whether predictions have not been through the sigmoid.

    Example:
        >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
        0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str | AUCCurve = "ROC",
        summation_method: str | AUCSummationMethod = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        if not isinstance(curve, AUCCurve) and curve not in [known.value for known in AUCCurve]:
            raise ValueError(
                f'Invalid AUC curve value: "{curve}". Expected values are'
                f" {[known.value for known in AUCCurve]}"
            )
        methods = [known.value for known in AUCSummationMethod]
        if not isinstance(summation_method, AUCSummationMethod) and summation_method not in methods:
            raise ValueError(
                f'Invalid AUC summation method value: "{summation_method}". Expected values are {methods}'
            )
        self._init_from_thresholds = thresholds is not None
        if thresholds is not None:
            inner = sorted(thresholds)
            if any(not 0 <= value <= 1 for value in inner):
                raise ValueError(f"AUC: `thresholds` must lie in [0, 1]; got {list(thresholds)}.")
            num_thresholds = len(inner) + 2
        else:
            check_num_thresholds(num_thresholds, least=2)
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        super().__init__(name=name, dtype=dtype)
        self.num_thresholds = num_thresholds
        # The outer two lie just beyond all scores, so that the curve reaches both corners.
        self._thresholds = [-config.epsilon(), *inner, 1.0 + config.epsilon()]
        self.curve = AUCCurve(curve)
        self.summation_method = AUCSummationMethod(summation_method)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else list(label_weights)
        self._from_logits = from_logits
        self._built = False
        if multi_label:
            if num_labels:
                self._build((None, num_labels))
        else:
            if num_labels:
                raise ValueError("`num_labels` is needed only when `multi_label` is True.")
            self._build(None)

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, with the outer two as 0 and 1."""
        return [0.0, *self._thresholds[1:-1], 1.0]

    def _build(self, shape: Any) -> None:
        size: tuple[int, ...] = (self.num_thresholds,)
        if self.multi_label:
            if len(shape) != 2:
                raise ValueError(
                    f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(shape)}."
                )
            self._num_labels = shape[1]
            size = (self.num_thresholds, shape[1])
        self.true_positives = self.add_variable(size, name="true_positives")
        self.false_positives = self.add_variable(size, name="false_positives")
        self.true_negatives = self.add_variable(size, name="true_negatives")
        self.false_negatives = self.add_variable(size, name="false_negatives")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_dtype(y_pred, self._dtype)
        if not self._built:
            self._build(tuple(y_pred.shape))
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred)
        counts = confusion_counts(
            y_true,
            y_pred,
            self._thresholds,
            self._dtype,
            sample_weight,
            multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
            soft_labels=True,
        )
        variables = (self.true_positives, self.false_positives, self.true_negatives, self.false_negatives)
        for variable, count in zip(variables, counts, strict=True):
            variable.assign(variable._value + count)

    def result(self) -> Any:
        true, false = self.true_positives._value, self.false_positives._value
        missed, rejected = self.false_negatives._value, self.true_negatives._value
        if self.curve is AUCCurve.PR and self.summation_method is AUCSummationMethod.INTERPOLATION:
            return self._averaged(self._interpolated_precision_recall(true, false, missed))
        recall = ops.divide_no_nan(true, true + missed)
        if self.curve is AUCCurve.ROC:
            x, y = ops.divide_no_nan(false, false + rejected), recall
        elif self.curve is AUCCurve.PR:
            x, y = recall, ops.divide_no_nan(true, true + false)
        else:
            ratio = ops.divide_no_nan(true + missed, false + rejected)
            # As in Keras, recall gains at or below the baseline of "all positive" count as zero,
            # precision gains below it are negative, and no prediction at all counts as one.
            y = 1.0 - ratio * ops.divide_no_nan(false, true)
            x = 1.0 - ratio * ops.divide_no_nan(missed, true)
            nothing = ops.equal(true, 0)
            y = ops.where(nothing, 1.0, y)
            x = ops.where(nothing, 0.0, ops.maximum(x, 0.0))
        if self.summation_method is AUCSummationMethod.INTERPOLATION:
            heights = (y[:-1] + y[1:]) / 2.0
        elif self.summation_method is AUCSummationMethod.MINORING:
            heights = ops.minimum(y[:-1], y[1:])
        else:
            heights = ops.maximum(y[:-1], y[1:])
        return self._averaged((x[:-1] - x[1:]) * heights)

    def _averaged(self, pieces: Any) -> Any:
        """The area from its pieces; over labels, the (weighted) mean of the areas."""
        if not self.multi_label:
            return ops.sum(pieces)
        areas = ops.sum(pieces, axis=0)
        if self.label_weights is None:
            return ops.mean(areas)
        weights = as_dtype(self.label_weights, areas.dtype)
        return ops.divide_no_nan(ops.sum(areas * weights), ops.sum(weights))

    def _interpolated_precision_recall(self, true: Any, false: Any, missed: Any) -> Any:
        """Areas between neighbouring thresholds when hits grow linearly with the predicted positives.

        Precision is then not linear in recall; the integral has a logarithm (Davis and Goadrich, 2006).
        """
        gained = true[:-1] - true[1:]
        predicted = true + false
        widened = predicted[:-1] - predicted[1:]
        slope = ops.divide_no_nan(gained, ops.maximum(widened, 0.0))
        intercept = true[1:] - slope * predicted[1:]
        both = ops.logical_and(ops.greater(predicted[:-1], 0), ops.greater(predicted[1:], 0))
        growth = ops.where(both, ops.divide_no_nan(predicted[:-1], ops.maximum(predicted[1:], 0.0)), 1.0)
        area = slope * (gained + intercept * ops.log(growth))
        return ops.divide_no_nan(area, ops.maximum(true[1:] + missed[1:], 0.0))

    def get_config(self) -> dict[str, Any]:
        settings = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve.value,
            "summation_method": self.summation_method.value,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._init_from_thresholds:
            settings["thresholds"] = self._thresholds[1:-1]
        return settings
