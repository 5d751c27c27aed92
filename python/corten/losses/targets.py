"""Checks of targets against predictions: where tutorials go wrong, the message names the fix."""

from __future__ import annotations

from typing import Any

import numpy as np


def _describe(y_true: Any) -> tuple[str, int | None]:
    """What the labels are in words, and how many classes they seem to have."""
    dtype = getattr(y_true, "dtype", None)
    try:
        values = np.asarray(y_true)
    except Exception:  # a symbolic or meta tensor has no values to look at
        return f"{dtype}", None
    if values.size == 0:
        return "an empty array", None
    low, high = values.min(), values.max()
    if values.dtype.kind in "iub" or bool(np.all(values == np.round(values))):
        return f"integers {int(low)} to {int(high)}", int(high) + 1 if low >= 0 else None
    return f"values {low:.4g} to {high:.4g}", None


def _shapes_differ(a: Any, b: Any) -> bool:
    """Whether two shapes cannot be equal; unknown sizes match anything."""
    if len(a) != len(b):
        return True
    return any(x is not None and y is not None and x != y for x, y in zip(a, b, strict=True))


def check_same_shape(name: str, y_true: Any, y_pred: Any) -> None:
    """Raises unless targets and predictions have one shape.

    Raises:
        ValueError: They have not.

    Example:
        >>> import numpy as np
        >>> check_same_shape("binary_crossentropy", np.zeros((2, 1)), np.zeros((2, 1)))
    """
    shape_true, shape_pred = (
        np.shape(y_true) if not hasattr(y_true, "shape") else tuple(y_true.shape),
        y_pred.shape,
    )
    if not _shapes_differ(shape_true, shape_pred):
        return
    words, _ = _describe(y_true)
    hint = ""
    if (
        len(shape_pred) >= 2
        and (shape_pred[-1] or 0) > 1
        and shape_true in (shape_pred[:-1], (*shape_pred[:-1], 1))
    ):
        hint = (
            f" For one label among {shape_pred[-1]} classes use loss='sparse_categorical_crossentropy' and a"
            " softmax output; for one yes/no answer end the model with `Dense(1, activation='sigmoid')`."
        )
    raise ValueError(
        f"{name}: targets and predictions must have the same shape; got targets {tuple(shape_true)} ({words})"
        f" and predictions {tuple(shape_pred)}.{hint}"
    )


def check_categorical(name: str, y_true: Any, y_pred: Any) -> None:
    """Raises if the targets are not one row of class probabilities per prediction.

    Raises:
        ValueError: The shapes differ; for class numbers the message shows both fixes.

    Example:
        >>> import numpy as np
        >>> check_categorical("categorical_crossentropy", np.array([[3], [1]]), np.zeros((2, 10)))
        Traceback (most recent call last):
        ...
        ValueError: categorical_crossentropy: ... y = corten.utils.to_categorical(y, 10).
    """
    shape_true = tuple(y_true.shape) if hasattr(y_true, "shape") else np.shape(y_true)
    shape_pred = tuple(y_pred.shape)
    if not shape_pred:
        raise ValueError(f"{name}: predictions need an axis of classes; got a scalar.")
    if not _shapes_differ(shape_true, shape_pred):
        return
    words, found = _describe(y_true)
    classes = shape_pred[-1]
    message = (
        f"{name}: targets and predictions must have the same shape; got targets {shape_true} ({words})"
        f" and predictions {shape_pred}."
    )
    if words.startswith("integers") and not _shapes_differ(
        shape_true, (*shape_pred[:-1], 1)[: len(shape_true)]
    ):
        count = max(found or 0, classes or 0)
        message += (
            " The targets are class numbers. Either compile with"
            f" loss='sparse_{name.removeprefix('sparse_')}'"
            if name == "categorical_crossentropy"
            else " The targets are class numbers. Either use loss='sparse_categorical_crossentropy'"
        )
        message += f", or make them one-hot: y = corten.utils.to_categorical(y, {count})."
        if found and classes and found > classes:
            message += f" The model's last layer also needs {found} units; it has {classes}."
    elif len(shape_true) == len(shape_pred) and shape_true[:-1] == shape_pred[:-1]:
        message += (
            f" For targets of {shape_true[-1]} classes the model's last layer needs {shape_true[-1]} units."
        )
    raise ValueError(message)


def check_sparse(name: str, y_true: Any, y_pred: Any, axis: int) -> None:
    """Raises if the targets are not one class number per prediction.

    Raises:
        ValueError: The shapes do not fit; for one-hot targets the message shows the fix.

    Example:
        >>> import numpy as np
        >>> check_sparse("sparse_categorical_crossentropy", np.eye(3), np.zeros((3, 3)), -1)
        Traceback (most recent call last):
        ...
        ValueError: sparse_categorical_crossentropy: ... use loss='categorical_crossentropy'...
    """
    shape_true, shape_pred = tuple(y_true.shape), tuple(y_pred.shape)
    if not shape_pred:
        raise ValueError(f"{name}: predictions need an axis of classes; got a scalar.")
    where = axis % len(shape_pred)
    wanted = shape_pred[:where] + shape_pred[where + 1 :]
    if not _shapes_differ(shape_true, wanted):
        return
    words, _ = _describe(y_true)
    hint = ""
    if not _shapes_differ(shape_true, shape_pred):
        hint = (
            " The targets have one value per class, as one-hot labels have: use"
            " loss='categorical_crossentropy',"
            " or class numbers y = y.argmax(axis=-1)."
        )
    raise ValueError(
        f"{name}: targets must have the predictions' shape without the class axis, {wanted}; got targets"
        f" {shape_true} ({words}) and predictions {shape_pred}.{hint}"
    )


def check_label_range(name: str, y_true: Any, classes: int, ignore_class: int | None = None) -> None:
    """Raises if a class number is negative or not below the number of classes.

    Raises:
        ValueError: Some label has no class; the message says which and what to change.

    Example:
        >>> check_label_range("sparse_categorical_crossentropy", [1, 2, 10], 10)
        Traceback (most recent call last):
        ...
        ValueError: sparse_categorical_crossentropy: labels must lie in 0..9...
    """
    values = np.asarray(y_true)
    if ignore_class is not None:
        values = values[values != ignore_class]
    if values.size == 0:
        return
    low, high = values.min(), values.max()
    if low >= 0 and high < classes and np.isfinite(high):
        return
    if low == 1 and high == classes:
        hint = "The labels start at 1: subtract one, y = y - 1."
    elif low >= 0 and np.isfinite(high):
        hint = f"Give the model's last layer {int(high) + 1} units, or correct the labels."
    else:
        hint = "Negative labels that mean 'unlabelled' need SparseCategoricalCrossentropy(ignore_class=...)."
    raise ValueError(
        f"{name}: labels must lie in 0..{classes - 1}, because the model predicts {classes} classes;"
        f" got labels from {low:g} to {high:g}. {hint}"
    )
