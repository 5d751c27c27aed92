"""F-scores: harmonic means of precision and recall per class."""

from __future__ import annotations

from typing import Any

from corten import config, ops
from corten.losses.loss import as_dtype
from corten.metrics.metric import Metric


class FBetaScore(Metric):
    """`(1 + beta^2) * precision * recall / (beta^2 * precision + recall)` of one-hot or multi-label targets.

    Args:
        average: `None` for one score per class, 'micro' (over all decisions), 'macro' (mean of the
            classes) or 'weighted' (mean weighted by how often each class is true).
        beta: Weight of recall over precision.
        threshold: What counts as yes; `None` takes the largest prediction of each row.
        name: Name of the metric.
        dtype: See `Metric`.

    Example:
        >>> metric = FBetaScore(beta=2.0, threshold=0.5)
        >>> metric.update_state([[1, 1], [1, 0]], [[0.2, 0.6], [0.6, 0.6]])
        >>> print(metric.result().numpy().round(4))
        [0.5556 0.8333]
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}."
                f" Received: average={average}"
            )
        if not isinstance(beta, float):
            raise ValueError(
                "Invalid `beta` argument value. It should be a Python float."
                f" Received: beta={beta} of type '{type(beta)}'"
            )
        if beta <= 0.0:
            raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None:
            if not isinstance(threshold, float):
                raise ValueError(
                    "Invalid `threshold` argument value. It should be a Python float."
                    f" Received: threshold={threshold} of type '{type(threshold)}'"
                )
            if threshold > 1.0 or threshold <= 0.0:
                raise ValueError(
                    "Invalid `threshold` argument value. It should verify 0 < threshold <= 1."
                    f" Received: threshold={threshold}"
                )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). Received input shapes:"
                f" y_pred.shape={tuple(y_pred_shape)} and y_true.shape={tuple(y_true_shape)}."
            )
        if y_pred_shape[-1] is None or y_true_shape[-1] is None:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim), with output_dim"
                " fully defined"
                f" (not None). Received input shapes: y_pred.shape={tuple(y_pred_shape)} and"
                f" y_true.shape={tuple(y_true_shape)}."
            )
        size = () if self.average == "micro" else (y_pred_shape[-1],)
        self.true_positives = self.add_variable(size, name="true_positives")
        self.false_positives = self.add_variable(size, name="false_positives")
        self.false_negatives = self.add_variable(size, name="false_negatives")
        self.intermediate_weights = self.add_variable(size, name="intermediate_weights")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_dtype(y_true, self._dtype), as_dtype(y_pred, self._dtype)
        if len(y_true.shape) == 1 and len(y_pred.shape) == 2 and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)  # Labels of one sigmoid unit, as they are usually kept.
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            # The largest of each row, ties included, as long as it is not zero.
            largest = ops.max(y_pred, axis=-1, keepdims=True)
            decided = ops.logical_and(ops.greater_equal(y_pred, largest), ops.greater(ops.abs(y_pred), 1e-9))
        else:
            decided = ops.greater(y_pred, self.threshold)
        guess = ops.cast(decided, self._dtype)
        weight: Any = None
        if sample_weight is not None:
            weight = as_dtype(sample_weight, self._dtype)
            weight = ops.expand_dims(weight, -1) if len(weight.shape) == 1 else weight

        def add(variable: Any, counts: Any) -> None:
            counts = counts if weight is None else counts * weight
            variable.assign(variable._value + ops.sum(counts, axis=self.axis))

        add(self.true_positives, guess * y_true)
        add(self.false_positives, guess * (1.0 - y_true))
        add(self.false_negatives, (1.0 - guess) * y_true)
        add(self.intermediate_weights, y_true)

    def result(self) -> Any:
        true = self.true_positives._value
        epsilon = config.epsilon()
        precision = ops.divide(true, true + self.false_positives._value + epsilon)
        recall = ops.divide(true, true + self.false_negatives._value + epsilon)
        square = self.beta**2
        score = precision * recall * (1.0 + square) / (precision * square + recall + epsilon)
        if self.average == "weighted":
            weights = self.intermediate_weights._value
            return ops.sum(score * weights / (ops.sum(weights) + epsilon))
        return score if self.average is None else ops.mean(score)

    def reset_state(self) -> None:
        if self._built:
            super().reset_state()

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta": self.beta,
            "average": self.average,
            "threshold": self.threshold,
        }


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall; see `FBetaScore`.

    Example:
        >>> metric = F1Score(threshold=0.5)
        >>> metric.update_state([[1, 1], [1, 0]], [[0.2, 0.6], [0.6, 0.6]])
        >>> print(metric.result().numpy().round(4))
        [0.6667 0.6667]
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        settings = super().get_config()
        del settings["beta"]
        return settings
