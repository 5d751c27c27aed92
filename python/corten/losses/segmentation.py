"""Overlap losses for segmentation masks."""

from __future__ import annotations

from typing import Any

from corten import config, ops
from corten.losses.loss import FunctionLoss
from corten.losses.regression import pair


def dice(y_true: Any, y_pred: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """`1 - 2 |A B| / (|A| + |B|)`, summed over `axis` (all axes for `None`).

    Example:
        >>> round(float(dice([[1.0, 0.0]], [[1.0, 0.0]])), 4)
        0.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (total + config.epsilon())


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: int | tuple[int, ...] | None = None
) -> Any:
    """`dice` with weights: `alpha` for what the prediction misses, `beta` for what it adds.

    Example:
        >>> round(float(tversky([[1.0, 0.0]], [[1.0, 0.0]])), 4)
        0.0
    """
    y_true, y_pred = pair(y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    added = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    return 1.0 - overlap / (overlap + alpha * missed + beta * added + config.epsilon())


class Dice(FunctionLoss):
    """One minus the Dice overlap of two masks.

    Args:
        axis: Axes to sum over; `None` compares everything at once.
        reduction: See `Loss`.
        name: Name of the loss.
        dtype: See `Loss`.

    Example:
        >>> round(float(Dice()([[1.0, 1.0]], [[1.0, 0.0]])), 4)
        0.3333
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: int | tuple[int, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction=reduction, name=name, dtype=dtype, axis=_axes(axis))
        self.axis = _axes(axis)


class Tversky(FunctionLoss):
    """One minus the Tversky index: Dice with different prices for misses and false alarms.

    Args:
        alpha: Price of what the prediction misses.
        beta: Price of what the prediction adds.
        reduction: See `Loss`.
        name: Name of the loss.
        axis: Axes to sum over; `None` compares everything at once.
        dtype: See `Loss`.

    Example:
        >>> round(float(Tversky(alpha=1.0, beta=0.0)([[1.0, 1.0]], [[1.0, 0.0]])), 4)
        0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: int | tuple[int, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            tversky, reduction=reduction, name=name, dtype=dtype, alpha=alpha, beta=beta, axis=_axes(axis)
        )
        self.alpha = alpha
        self.beta = beta
        self.axis = _axes(axis)


def _axes(axis: Any) -> Any:
    """A config read from JSON has lists where a tuple was."""
    return tuple(axis) if isinstance(axis, list) else axis
