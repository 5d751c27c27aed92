"""Small helpers for arrays of labels and features."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import _core

Tensor = _core.Tensor


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Turns class indices into one-hot rows.

    Args:
        x: Whole numbers from 0; of shape `(n,)` or `(n, 1)`, or any shape.
        num_classes: Length of a row; the largest index plus one if None.

    Returns:
        An array (a tensor for a tensor) of floats with one more axis. A last axis of 1 is dropped first.

    Raises:
        ValueError: An index is negative, not whole, or not below `num_classes`.

    Example:
        >>> to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])
    """
    is_tensor = type(x) is Tensor
    labels = x.numpy() if is_tensor else np.asarray(x)
    if labels.dtype.kind == "f":
        if not np.all(labels == np.floor(labels)):
            raise ValueError("to_categorical: x must hold whole class indices; it has fractions")
    elif labels.dtype.kind not in "iub":
        raise ValueError(
            f"to_categorical: x must hold whole class indices; got dtype {labels.dtype}. "
            "For text use `np.unique(x, return_inverse=True)[1]` first."
        )
    labels = labels.astype(np.int64)
    shape = labels.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    labels = labels.reshape(-1)
    if num_classes is None:
        if labels.size == 0:
            raise ValueError("to_categorical: x is empty; pass num_classes")
        num_classes = int(labels.max()) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"to_categorical: class indices must be 0 to {num_classes - 1} (num_classes={num_classes}); "
            f"x holds {labels.min()} to {labels.max()}"
        )
    result = np.zeros((labels.size, num_classes), dtype=np.float64)
    result[np.arange(labels.size), labels] = 1
    result = result.reshape((*shape, num_classes))
    return _core.tensor(result.astype(np.float32)) if is_tensor else result


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Divides vectors by their length.

    Args:
        x: Array or tensor.
        axis: Axis along which a vector lies.
        order: Of the norm: 1, 2, ...

    Returns:
        A NumPy array, or a tensor for a tensor. Zero vectors stay zero.

    Example:
        >>> normalize(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: order must be an integer of at least 1; got {order!r}")
    is_tensor = type(x) is Tensor
    values = x.numpy() if is_tensor else np.asarray(x)
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    norm = np.linalg.norm(np.atleast_1d(values), order, axis, keepdims=True)
    result = values / np.where(norm == 0, 1, norm)
    return _core.tensor(result) if is_tensor else result
