"""Margin losses for labels -1 and 1 (0 and 1 are understood)."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.losses.loss import FunctionLoss
from corten.losses.regression import pair


def convert_binary_labels_to_hinge(y_true: Any) -> Any:
    """Labels 0 and 1 become -1 and 1; anything else stays.

    Example:
        >>> convert_binary_labels_to_hinge(ops.convert_to_tensor([0.0, 1.0])).tolist()
        [-1.0, 1.0]
    """
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - y_true * y_pred, 0))` over the last axis.

    Example:
        >>> hinge([[1.0, -1.0]], [[0.5, 0.5]]).tolist()
        [1.0]
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = convert_binary_labels_to_hinge(y_true)
    return ops.mean(ops.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - y_true * y_pred, 0)^2)` over the last axis.

    Example:
        >>> squared_hinge([[1.0, -1.0]], [[0.5, 0.5]]).tolist()
        [1.25]
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = convert_binary_labels_to_hinge(y_true)
    return ops.mean(ops.square(ops.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """One minus the true class's score plus the best other score, at least zero; one-hot targets.

    Example:
        >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.25]]).tolist()
        [1.25]
    """
    y_true, y_pred = pair(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


class Hinge(FunctionLoss):
    """Linear penalty for scores on the wrong side of the margin.

    Example:
        >>> float(Hinge()([[1.0]], [[0.5]]))
        0.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(hinge, reduction=reduction, name=name, dtype=dtype)


class SquaredHinge(FunctionLoss):
    """Squared penalty for scores on the wrong side of the margin.

    Example:
        >>> float(SquaredHinge()([[1.0]], [[0.5]]))
        0.25
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(squared_hinge, reduction=reduction, name=name, dtype=dtype)


class CategoricalHinge(FunctionLoss):
    """Margin between the true class and the best other one; one-hot targets.

    Example:
        >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
        1.25
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_hinge, reduction=reduction, name=name, dtype=dtype)
