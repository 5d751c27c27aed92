"""The losses that models compute from `labels`: means over what is not ignored."""

from __future__ import annotations

from typing import Any

from corten import _core, ops

#: The label of tokens that take no part in the loss.
IGNORED = -100


def cross_entropy(owner: str, logits: Any, labels: Any) -> Any:
    """Return the mean cross-entropy over the labels that are not -100; 0 if all are.

    Args:
        owner: The model's class, for messages.
        logits: `(..., classes)`.
        labels: Class numbers, `(...)`.

    Raises:
        ValueError: The shapes do not fit, or a label is no class.

    Example:
        >>> import numpy as np
        >>> from corten.transformers.loss_functions import cross_entropy
        >>> round(float(cross_entropy("Model", np.zeros((2, 4), "float32"), np.array([3, -100]))), 4)
        1.3863
    """
    logits = ops.convert_to_tensor(logits)
    labels = ops.convert_to_tensor(labels)
    classes = logits.shape[-1]
    if len(labels.shape) == len(logits.shape) and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    if tuple(labels.shape) != tuple(logits.shape[:-1]):
        raise ValueError(
            f"{owner}: labels must have the shape {tuple(logits.shape[:-1])}, one for each row of logits; "
            f"got {tuple(labels.shape)}."
        )
    if str(labels.dtype) not in ("int32", "int64"):
        labels = ops.cast(labels, "int32")
    counted = ops.not_equal(labels, IGNORED)
    if logits.dtype in ("float16", "bfloat16"):
        logits = ops.cast(logits, "float32")
    try:
        each = _core.sparse_cross_entropy(logits, ops.where(counted, labels, ops.zeros_like(labels)))
    except (IndexError, ValueError) as error:
        raise label_error(owner, labels, classes) from error
    weights = ops.cast(counted, each.dtype)
    return ops.divide(ops.sum(ops.multiply(each, weights)), ops.maximum(ops.sum(weights), 1.0))


def check_classes(owner: str, config: Any, labels: Any) -> None:
    """Refuse labels that are no classes of a configuration.

    Args:
        owner: The model's class, for messages.
        config: The configuration.
        labels: Labels of a classifier; those of a regression and of several labels at once are left alone.

    Raises:
        ValueError: A label is no class.
    """
    kind = config.problem_type
    if kind not in (None, "single_label_classification") or (kind is None and config.num_labels == 1):
        return
    check_range(owner, labels, config.num_labels)


def check_range(owner: str, labels: Any, classes: int) -> None:
    """Refuse whole numbers that are no class and not -100.

    Args:
        owner: The model's class, for messages.
        labels: The labels.
        classes: The number of classes.

    Raises:
        ValueError: A label is no class.
    """
    if not hasattr(labels, "shape") or "int" not in str(labels.dtype) or 0 in labels.shape:
        return
    lowest, highest = int(ops.min(labels)), int(ops.max(labels))
    if highest >= classes or (lowest < 0 and lowest != IGNORED):
        raise label_error(owner, labels, classes)


def label_error(owner: str, labels: Any, classes: int) -> ValueError:
    """Return the error of a label that is no class."""
    import numpy as np

    found = np.unique(np.asarray(labels))
    wrong = [int(label) for label in found if label != IGNORED and not 0 <= label < classes]
    return ValueError(
        f"{owner}: labels must be 0 to {classes - 1} (or {IGNORED} to be ignored), as the model has "
        f"{classes} classes; "
        f"got {wrong[:5]}. Pass `num_labels={max([*wrong, 0]) + 1}` when the model is made, or number the "
        "labels from 0."
    )


def mean_squared_error(owner: str, logits: Any, labels: Any) -> Any:
    """Return the mean squared difference.

    Args:
        owner: The model's class, for messages.
        logits: `(batch, values)`.
        labels: As many numbers.

    Raises:
        ValueError: The numbers of values differ.
    """
    logits = ops.convert_to_tensor(logits)
    labels = ops.cast(ops.convert_to_tensor(labels), logits.dtype)
    if len(labels.shape) == len(logits.shape) - 1 and logits.shape[-1] == 1:
        labels = ops.expand_dims(labels, -1)
    if tuple(labels.shape) != tuple(logits.shape):
        raise ValueError(
            f"{owner}: for a regression labels must have the shape {tuple(logits.shape)}; got "
            f"{tuple(labels.shape)}."
        )
    return ops.mean(ops.square(ops.subtract(logits, labels)))


def binary_cross_entropy(owner: str, logits: Any, labels: Any) -> Any:
    """Return the mean binary cross-entropy of several labels that may hold at once.

    Args:
        owner: The model's class, for messages.
        logits: `(batch, labels)`.
        labels: 0 or 1, `(batch, labels)`.

    Raises:
        ValueError: The shapes differ.
    """
    logits = ops.convert_to_tensor(logits)
    labels = ops.cast(ops.convert_to_tensor(labels), logits.dtype)
    if tuple(labels.shape) != tuple(logits.shape):
        raise ValueError(
            f"{owner}: for several labels at once they must have the shape {tuple(logits.shape)} and be 0 or "
            f"1; got {tuple(labels.shape)}."
        )
    return ops.mean(ops.binary_crossentropy(labels, logits, from_logits=True))


def sequence_classification(owner: str, config: Any, logits: Any, labels: Any) -> Any:
    """Return the loss of a classifier of texts, of the kind that the configuration or the labels tell.

    Args:
        owner: The model's class, for messages.
        config: The model's configuration.
        logits: `(batch, labels)`.
        labels: Class numbers `(batch,)`; floats for a regression (one label) or several labels at once.

    Raises:
        ValueError: The labels do not fit.
    """
    kind = config.problem_type
    if kind is None:
        if config.num_labels == 1:
            kind = "regression"
        else:
            whole = str(getattr(labels, "dtype", "int64")).startswith(("int", "uint"))
            kind = "single_label_classification" if whole else "multi_label_classification"
    if kind == "regression":
        return mean_squared_error(owner, logits, labels)
    if kind == "single_label_classification":
        return cross_entropy(owner, logits, labels)
    if kind == "multi_label_classification":
        return binary_cross_entropy(owner, logits, labels)
    raise ValueError(
        f"{owner}: `problem_type` must be 'regression', 'single_label_classification' or "
        f"'multi_label_classification'; got {kind!r}."
    )
