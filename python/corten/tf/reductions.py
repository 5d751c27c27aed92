"""Statistics that `tf.math` has beside the functions in `tf` itself."""

from __future__ import annotations

from typing import Any

from corten import ops


def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Gives the standard deviation over axes."""
    return ops.std(input_tensor, axis=axis, keepdims=keepdims)


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """Gives the variance over axes."""
    return ops.var(input_tensor, axis=axis, keepdims=keepdims)


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: int | None = None,
    weights: Any = None,
    dtype: Any = "int32",
    **_: Any,
) -> Any:
    """Counts pairs of true class (row) and predicted class (column).

    Example:
        >>> confusion_matrix([0, 1, 1], [0, 1, 0]).tolist()
        [[1, 0], [1, 1]]
    """
    labels, predictions = ops.cast(labels, "int32"), ops.cast(predictions, "int32")
    if num_classes is None:
        num_classes = int(max(ops.max(labels).item(), ops.max(predictions).item())) + 1
    rows = ops.one_hot(labels, num_classes, dtype="float32")
    if weights is not None:
        rows = rows * ops.expand_dims(ops.cast(weights, "float32"), -1)
    columns = ops.one_hot(predictions, num_classes, dtype="float32")
    return ops.cast(ops.matmul(ops.transpose(rows), columns), dtype)
