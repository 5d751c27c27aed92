"""Losses that shape an embedding space."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.losses.loss import FunctionLoss, as_dtype

# Stands for minus infinity in a log-sum-exp, but keeps its gradient finite in every float type.
_FAR = -3.0e4


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Any:
    """Circle loss: pulls embeddings of a class together, pushes others apart, the farther off the harder.

    Args:
        y_true: Integer labels, `(n,)`.
        y_pred: Embeddings of unit length, `(n, d)`.
        ref_labels: Labels to compare with; `None` means the batch itself.
        ref_embeddings: Embeddings to compare with.
        remove_diagonal: Do not compare a sample with itself.
        gamma: Scale of the similarities.
        margin: How strict the decision boundary is.

    Example:
        >>> circle([0, 1], [[1.0, 0.0], [0.0, 1.0]]).tolist()
        [0.0, 0.0]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = ops.reshape(ops.cast(ops.convert_to_tensor(y_true), "int32"), (-1, 1))
    if ref_embeddings is None:
        ref_embeddings = y_pred
    ref_embeddings = as_dtype(ref_embeddings, y_pred.dtype)
    others = labels if ref_labels is None else ops.cast(ops.convert_to_tensor(ref_labels), "int32")
    others = ops.reshape(others, (1, -1))

    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(ref_embeddings)), 0.0)
    positive = ops.equal(labels, others)
    negative = ops.logical_not(positive)
    if remove_diagonal:
        itself = ops.eye(positive.shape[0], positive.shape[1], dtype="bool")
        positive = ops.logical_and(positive, ops.logical_not(itself))

    # Pairs far from their optimum weigh more; the weights are part of the function, as in the paper.
    pull = -gamma * ops.maximum(margin + distance, 0.0) * (margin - distance)
    push = gamma * ops.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance)
    pull = ops.logsumexp(ops.where(positive, pull, _FAR), axis=1)
    push = ops.logsumexp(ops.where(negative, push, _FAR), axis=1)
    return ops.softplus(pull + push)


class Circle(FunctionLoss):
    """Circle loss on unit embeddings with integer labels; samples with zero loss do not count in the mean.

    Args:
        gamma: Scale of the similarities.
        margin: How strict the decision boundary is.
        remove_diagonal: Do not compare a sample with itself.
        reduction: See `Loss`.
        name: Name of the loss.
        dtype: See `Loss`.

    Example:
        >>> float(Circle()([0, 1], [[1.0, 0.0], [0.0, 1.0]]))
        0.0
    """

    _casts_targets = False

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            circle,
            reduction=reduction,
            name=name,
            dtype=dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )
        self.gamma = gamma
        self.margin = margin
        self.remove_diagonal = remove_diagonal

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return circle(y_true, y_pred, **self._arguments)

    def _values_and_mask(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        values = self.call(y_true, y_pred)
        return values, ops.greater(values, 0.0)
