"""Confusion matrices and intersection over union."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from corten import config, ops
from corten.losses.loss import as_dtype
from corten.metrics.metric import Metric


def confusion_matrix(
    y_true: Any,
    y_pred: Any,
    num_classes: int,
    sample_weight: Any = None,
    dtype: str = "int32",
    ignore_class: int | None = None,
) -> Any:
    """How often class `i` (row) was predicted as class `j` (column); classes outside the range are left out.

    Args:
        y_true: Class numbers, any shape.
        y_pred: Class numbers, same shape.
        num_classes: Rows and columns.
        sample_weight: Weights of that shape, or of its leading axes.
        dtype: Dtype of the counts.
        ignore_class: Targets of this class are left out.

    Example:
        >>> confusion_matrix([0, 1, 1], [0, 1, 0], num_classes=2).tolist()
        [[1, 0], [1, 1]]
    """
    truth, guess = as_dtype(y_true, None), as_dtype(y_pred, None)
    shape = truth.shape
    truth = ops.reshape(ops.cast(truth, "int32"), (-1,))
    guess = ops.reshape(ops.cast(guess, "int32"), (-1,))
    valid = ops.logical_and(
        ops.logical_and(ops.greater_equal(truth, 0), ops.less(truth, num_classes)),
        ops.logical_and(ops.greater_equal(guess, 0), ops.less(guess, num_classes)),
    )
    if ignore_class is not None:
        valid = ops.logical_and(valid, ops.not_equal(truth, ignore_class))
    counts = ops.cast(valid, dtype)
    if sample_weight is not None:
        weight = as_dtype(sample_weight, None)
        if len(weight.shape) < len(shape):
            weight = ops.reshape(weight, (*weight.shape, *([1] * (len(shape) - len(weight.shape)))))
        weight = ops.reshape(ops.broadcast_to(weight, shape), (-1,))
        counts = counts * ops.cast(weight, dtype)
    cells = ops.where(valid, truth * num_classes + guess, 0)
    return ops.reshape(
        ops.segment_sum(counts, cells, num_segments=num_classes**2), (num_classes, num_classes)
    )


class _ClassCounts(Metric):
    """Base of the metrics that keep a confusion matrix."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name, dtype="int32" if dtype in (None, "int") else dtype)
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_dtype(y_true, None), as_dtype(y_pred, None)
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        if sample_weight is not None and "int" in self._dtype:
            sample_weight = as_dtype(sample_weight, None)
            if config.is_float_dtype(sample_weight.dtype):
                warnings.warn(
                    f"{type(self).__name__}: the weights are weight: float, the metric counts in int;"
                    " casting them"
                    " cuts off fractions. Make the metric with dtype='float32' to count weights exactly.",
                    stacklevel=2,
                )
        counts = confusion_matrix(
            y_true, y_pred, self.num_classes, sample_weight, dtype=self._dtype, ignore_class=self.ignore_class
        )
        self.total_cm.assign(self.total_cm._value + counts)


class ConfusionMatrix(_ClassCounts):
    """The matrix of true (rows) against predicted (columns) classes.

    Args:
        num_classes: Number of classes.
        name: Name of the metric.
        dtype: Dtype of the counts; float to count fractional weights.
        ignore_class: Targets of this class are left out.
        sparse_y_true: Whether targets are class numbers rather than one-hot.
        sparse_y_pred: Whether predictions are class numbers; `False` takes the largest probability,
            or of a single unit whether it is above one half. One-dimensional predictions of whole
            numbers are class numbers in any case.
        axis: The axis of the classes where one-hot.

    Example:
        >>> metric = ConfusionMatrix(num_classes=2)
        >>> metric.update_state([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
        >>> metric.result().tolist()
        [[1, 0], [1, 1]]
    """

    def __init__(
        self,
        num_classes: int,
        name: str = "confusion_matrix",
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true = as_dtype(y_true, None)
        if self.sparse_y_true and not self.sparse_y_pred:
            rank = len(as_dtype(y_pred, None).shape)
            # `(n, 1)` label columns are common in files.
            if len(y_true.shape) == rank and y_true.shape[self.axis] == 1:
                y_true = ops.squeeze(y_true, self.axis)
        if not self.sparse_y_pred:
            y_pred = self._scores(as_dtype(y_pred, None))
        super().update_state(y_true, y_pred, sample_weight)

    def _scores(self, y_pred: Any) -> Any:
        """Scores per class, also where there are class numbers or the probability of one of two classes."""
        flat = len(y_pred.shape) == 1
        if not flat and y_pred.shape[self.axis] != 1:
            return y_pred
        classes = y_pred if flat else ops.squeeze(y_pred, self.axis)
        if config.is_float_dtype(y_pred.dtype) and self.num_classes == 2:
            classes = ops.greater(classes, 0.5)
        return ops.one_hot(ops.cast(classes, "int32"), self.num_classes, axis=self.axis)

    def result(self) -> Any:
        return self.total_cm._value

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class IoU(_ClassCounts):
    """Mean over the target classes of intersection over union.

    Args:
        num_classes: Number of classes.
        target_class_ids: Classes to average over; those that never occur do not count.
        name: Name of the metric.
        dtype: Dtype of the counts, int by default.
        ignore_class: Targets of this class are left out.
        sparse_y_true: Whether targets are class numbers rather than one-hot.
        sparse_y_pred: Whether predictions are class numbers rather than scores.
        axis: The axis of the classes where one-hot.

    Example:
        >>> metric = IoU(num_classes=2, target_class_ids=[0])
        >>> metric.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        >>> round(float(metric.result()), 4)
        0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"Target class id {max(target_class_ids)} is out of range, which is [0, {num_classes})."
            )
        self.target_class_ids = list(target_class_ids)

    def result(self) -> Any:
        counts = ops.cast(self.total_cm._value, config.floatx())
        hits = ops.diagonal(counts)
        union = ops.sum(counts, axis=0) + ops.sum(counts, axis=1) - hits
        chosen = ops.convert_to_tensor(self.target_class_ids, dtype="int32")
        hits, union = ops.take(hits, chosen, axis=0), ops.take(union, chosen, axis=0)
        present = ops.sum(ops.cast(ops.greater(union, 0), config.floatx()))
        return ops.divide_no_nan(ops.sum(ops.divide_no_nan(hits, union)), present)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class BinaryIoU(IoU):
    """`IoU` of probabilities cut at a threshold.

    Args:
        target_class_ids: 0, 1 or both.
        threshold: Probabilities from here on are class 1.
        name: Name of the metric.
        dtype: Dtype of the counts.

    Example:
        >>> metric = BinaryIoU(threshold=0.3)
        >>> metric.update_state([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
        >>> round(float(metric.result()), 4)
        0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        guess = ops.cast(ops.greater_equal(as_dtype(y_pred, None), self.threshold), "int32")
        super().update_state(y_true, guess, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
        }


class MeanIoU(IoU):
    """`IoU` over all classes.

    Args:
        num_classes: Number of classes.
        name: Name of the metric.
        dtype: Dtype of the counts.
        ignore_class: Targets of this class are left out.
        sparse_y_true: Whether targets are class numbers rather than one-hot.
        sparse_y_pred: Whether predictions are class numbers rather than scores.
        axis: The axis of the classes where one-hot.

    Example:
        >>> metric = MeanIoU(num_classes=2)
        >>> metric.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        >>> round(float(metric.result()), 4)
        0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes,
            list(range(num_classes)),
            name,
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
        )

    def get_config(self) -> dict[str, Any]:
        settings = super().get_config()
        del settings["target_class_ids"]
        return settings


class OneHotIoU(IoU):
    """`IoU` with one-hot targets.

    Args:
        num_classes: Number of classes.
        target_class_ids: Classes to average over.
        name: Name of the metric.
        dtype: Dtype of the counts.
        ignore_class: Targets of this class are left out.
        sparse_y_pred: Whether predictions are class numbers rather than scores.
        axis: The axis of the classes.

    Example:
        >>> metric = OneHotIoU(num_classes=2, target_class_ids=[0, 1])
        >>> metric.update_state([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]])
        >>> float(metric.result())
        1.0
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        settings = super().get_config()
        del settings["sparse_y_true"]
        return settings


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` with one-hot targets.

    Args:
        num_classes: Number of classes.
        name: Name of the metric.
        dtype: Dtype of the counts.
        ignore_class: Targets of this class are left out.
        sparse_y_pred: Whether predictions are class numbers rather than scores.
        axis: The axis of the classes.

    Example:
        >>> metric = OneHotMeanIoU(num_classes=2)
        >>> metric.update_state([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]])
        >>> float(metric.result())
        1.0
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        settings = super().get_config()
        del settings["sparse_y_true"]
        return settings
