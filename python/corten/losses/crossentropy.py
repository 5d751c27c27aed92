"""Losses between probability distributions: cross-entropies, focal forms, divergence, Poisson."""

from __future__ import annotations

from typing import Any

from corten import config, ops
from corten.losses.loss import FunctionLoss, as_dtype
from corten.losses.regression import pair
from corten.losses.targets import check_categorical, check_label_range, check_same_shape, check_sparse
from corten.ops.indexing import from_the_start


def _smooth(y_true: Any, amount: float, classes: int) -> Any:
    """Moves `amount` of the probability from the label to all classes alike."""
    return y_true * (1.0 - amount) + amount / classes if amount else y_true


def _checked_smoothing(label_smoothing: float) -> float:
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"`label_smoothing` is a share between 0 and 1; got {label_smoothing}.")
    return label_smoothing


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """`sum(y_true * log(y_true / y_pred))` over the last axis.

    Example:
        >>> kl_divergence([[0.5, 0.5]], [[0.5, 0.5]]).tolist()
        [0.0]
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = ops.clip(y_true, config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """`mean(y_pred - y_true * log(y_pred))` over the last axis: for counts.

    Example:
        >>> print(poisson([[1.0]], [[1.0]]).numpy().round(4))
        [1.]
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """`-sum(y_true * log(y_pred))` with one-hot (or soft) targets.

    Args:
        y_true: Target probabilities of the shape of `y_pred`.
        y_pred: Probabilities, or scores if `from_logits`.
        from_logits: Whether `y_pred` has not been through softmax.
        label_smoothing: Share of the target probability spread over all classes.
        axis: The axis of the classes.

    Example:
        >>> print(categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4))
        [0.6931]
    """
    y_pred = _float(y_pred)
    y_true = as_dtype(y_true, None)
    check_categorical("categorical_crossentropy", y_true, y_pred)
    y_true = _smooth(as_dtype(y_true, y_pred.dtype), label_smoothing, y_pred.shape[axis])
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """Cross-entropy with class numbers as targets.

    Args:
        y_true: Class numbers, of the shape of `y_pred` without the class axis (or with size 1 there).
        y_pred: Probabilities, or scores if `from_logits`.
        from_logits: Whether `y_pred` has not been through softmax.
        ignore_class: Samples with this label have zero loss, such as -1 for 'unlabelled'.
        axis: The axis of the classes.

    Example:
        >>> print(sparse_categorical_crossentropy([1], [[0.5, 0.5]]).numpy().round(4))
        [0.6931]
    """
    return _sparse(y_true, y_pred, from_logits, ignore_class, axis)[0]


def _sparse(
    y_true: Any, y_pred: Any, from_logits: bool, ignore_class: int | None, axis: int
) -> tuple[Any, Any]:
    """The losses, and which samples are not ignored."""
    y_pred = _float(y_pred)
    y_true = as_dtype(y_true, None)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis)
    check_sparse("sparse_categorical_crossentropy", y_true, y_pred, axis)
    if y_true.dtype not in ("int32", "int64"):
        y_true = ops.cast(y_true, "int32")
    valid = None
    if ignore_class is not None:
        valid = ops.not_equal(y_true, ignore_class)
        y_true = ops.where(valid, y_true, 0)
    try:
        # Indexing would read -1 as the last class; with logits the kernel refuses it itself.
        labels = y_true if from_logits else from_the_start(y_true)
        values = ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=from_logits, axis=axis)
    except IndexError:
        check_label_range("sparse_categorical_crossentropy", y_true, y_pred.shape[axis])
        raise
    return (values, None) if valid is None else (ops.where(valid, values, 0.0), valid)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Mean over `axis` of the cross-entropy of independent yes/no predictions.

    Args:
        y_true: Targets 0 or 1, or probabilities, of the shape of `y_pred`.
        y_pred: Probabilities, or scores if `from_logits`.
        from_logits: Whether `y_pred` has not been through the sigmoid.
        label_smoothing: Moves targets towards one half.
        axis: The axis to average over.

    Example:
        >>> print(binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4))
        [0.6931]
    """
    y_pred = _float(y_pred)
    check_same_shape("binary_crossentropy", y_true, y_pred)
    y_true = _smooth(as_dtype(y_true, y_pred.dtype), label_smoothing, 2)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Binary cross-entropy times `(1 - p)^gamma`, `p` the probability of the truth: easy samples count less.

    Args:
        y_true: Targets 0 or 1.
        y_pred: Probabilities, or scores if `from_logits`.
        apply_class_balancing: Weigh ones by `alpha` and zeros by `1 - alpha`.
        alpha: Weight of the ones.
        gamma: Focus; 0 gives plain cross-entropy.
        from_logits: Whether `y_pred` has not been through the sigmoid.
        label_smoothing: Moves targets towards one half.
        axis: The axis to average over.

    Example:
        >>> print(binary_focal_crossentropy([[1.0]], [[0.5]], gamma=2.0).numpy().round(4))
        [0.1733]
    """
    y_pred = _float(y_pred)
    check_same_shape("binary_focal_crossentropy", y_true, y_pred)
    y_true = _smooth(as_dtype(y_true, y_pred.dtype), label_smoothing, 2)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    truth = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = ops.power(1.0 - truth, gamma) * ops.binary_crossentropy(y_true, y_pred, from_logits=False)
    if apply_class_balancing:
        values = values * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(values, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Categorical cross-entropy times `alpha * (1 - p)^gamma`.

    Args:
        y_true: One-hot targets.
        y_pred: Probabilities, or scores if `from_logits`.
        alpha: Weight, one for all classes or one per class.
        gamma: Focus; 0 gives weighted cross-entropy.
        from_logits: Whether `y_pred` has not been through softmax.
        label_smoothing: Share of the target probability spread over all classes.
        axis: The axis of the classes.

    Example:
        >>> print(categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4))
        [0.0433]
    """
    y_pred = _float(y_pred)
    check_categorical("categorical_focal_crossentropy", y_true, y_pred)
    y_true = _smooth(as_dtype(y_true, y_pred.dtype), label_smoothing, y_pred.shape[axis])
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    share = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    share = ops.clip(share, config.epsilon(), 1.0 - config.epsilon())
    weight = ops.power(1.0 - share, gamma) * (
        alpha if isinstance(alpha, (int, float)) else as_dtype(alpha, share.dtype)
    )
    return ops.sum(weight * -y_true * ops.log(share), axis=axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """`(1 - p^q) / q`, `p` the probability of the true class: robust to wrong labels.

    Args:
        y_true: Class numbers.
        y_pred: Probabilities with one more axis.
        q: Between 0 (cross-entropy) and 1 (absolute error).

    Example:
        >>> categorical_generalized_cross_entropy([0], [[0.25, 0.75]], q=0.5).tolist()
        [1.0]
    """
    y_pred = _float(y_pred)
    labels = as_dtype(y_true, None)
    if len(labels.shape) == len(y_pred.shape) and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    check_sparse("categorical_generalized_cross_entropy", labels, y_pred, -1)
    one_hot = ops.one_hot(ops.cast(labels, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
    truth = ops.sum(y_pred * one_hot, axis=-1)
    return (1.0 - ops.power(truth, q)) / q


def ctc(y_true: Any, y_pred: Any) -> Any:
    """Connectionist temporal classification: the labels without their positions in time.

    Args:
        y_true: Class numbers `(batch, labels)`, padded with 0, which is also the blank.
        y_pred: Scores `(batch, time, classes)`.

    Example:
        >>> print(ctc([[1]], [[[0.0, 0.0]]]).numpy().round(4))
        [0.6931]
    """
    y_pred = _float(y_pred)
    labels = ops.cast(as_dtype(y_true, None), "int32")
    if len(labels.shape) != 2 or len(y_pred.shape) != 3:
        raise ValueError(
            "ctc: expected labels (batch, labels) and scores (batch, time, classes);"
            f" got {tuple(labels.shape)} and {tuple(y_pred.shape)}."
        )
    batch, steps = y_pred.shape[0], y_pred.shape[1]
    lengths = ops.sum(ops.cast(ops.not_equal(labels, 0), "int32"), axis=-1)
    return ops.ctc_loss(labels, y_pred, lengths, ops.full((batch,), steps, dtype="int32"), mask_index=0)


def _float(y_pred: Any) -> Any:
    y_pred = as_dtype(y_pred, None)
    return y_pred if config.is_float_dtype(y_pred.dtype) else ops.cast(y_pred, config.floatx())


class KLDivergence(FunctionLoss):
    """Kullback-Leibler divergence, 'kld'.

    Example:
        >>> float(KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]]))
        0.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(kl_divergence, reduction=reduction, name=name, dtype=dtype)


class Poisson(FunctionLoss):
    """Negative log-likelihood of counts, up to a constant.

    Example:
        >>> round(float(Poisson()([[1.0]], [[1.0]])), 4)
        1.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(poisson, reduction=reduction, name=name, dtype=dtype)


class BinaryCrossentropy(FunctionLoss):
    """Cross-entropy of yes/no predictions, 'bce'.

    Args:
        from_logits: Whether predictions have not been through the sigmoid.
        label_smoothing: Moves targets towards one half.
        axis: The axis to average over.
        reduction: See `Loss`.
        name: Name of the loss.
        dtype: See `Loss`.

    Example:
        >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=_checked_smoothing(label_smoothing),
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class BinaryFocalCrossentropy(FunctionLoss):
    """Binary cross-entropy that counts easy samples less.

    Args:
        apply_class_balancing: Weigh ones by `alpha` and zeros by `1 - alpha`.
        alpha: Weight of the ones.
        gamma: Focus.
        from_logits: Whether predictions have not been through the sigmoid.
        label_smoothing: Moves targets towards one half.
        axis: The axis to average over.
        reduction: See `Loss`.
        name: Name of the loss.
        dtype: See `Loss`.

    Example:
        >>> round(float(BinaryFocalCrossentropy()([[1.0]], [[0.5]])), 4)
        0.1733
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=_checked_smoothing(label_smoothing),
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma


class CategoricalCrossentropy(FunctionLoss):
    """Cross-entropy with one-hot targets.

    Args:
        from_logits: Whether predictions have not been through softmax.
        label_smoothing: Share of the target probability spread over all classes.
        axis: The axis of the classes.
        reduction: See `Loss`.
        name: Name of the loss.
        dtype: See `Loss`.

    Example:
        >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    # Integer targets stay integers until the shapes are checked: the message can then name the labels.
    _casts_targets = False

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=_checked_smoothing(label_smoothing),
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class CategoricalFocalCrossentropy(FunctionLoss):
    """Categorical cross-entropy that counts easy samples less.

    Args:
        alpha: Weight, one for all classes or one per class.
        gamma: Focus.
        from_logits: Whether predictions have not been through softmax.
        label_smoothing: Share of the target probability spread over all classes.
        axis: The axis of the classes.
        reduction: See `Loss`.
        name: Name of the loss.
        dtype: See `Loss`.

    Example:
        >>> round(float(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.0433
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=_checked_smoothing(label_smoothing),
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self.alpha = alpha
        self.gamma = gamma


class SparseCategoricalCrossentropy(FunctionLoss):
    """Cross-entropy with class numbers as targets.

    Args:
        from_logits: Whether predictions have not been through softmax.
        ignore_class: Samples with this label count nothing, not even in the mean.
        reduction: See `Loss`.
        axis: The axis of the classes.
        name: Name of the loss.
        dtype: See `Loss`.

    Example:
        >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    # Class numbers above 2^24 would not survive a trip through float32.
    _casts_targets = False

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._values_and_mask(y_true, y_pred)[0]

    def _values_and_mask(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        return _sparse(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)


class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """`(1 - p^q) / q` with class numbers as targets: robust to wrong labels.

    Args:
        q: Between 0 (cross-entropy) and 1 (absolute error), both excluded.
        reduction: See `Loss`.
        name: Name of the loss.
        dtype: See `Loss`.

    Example:
        >>> float(CategoricalGeneralizedCrossEntropy(q=0.5)([0], [[0.25, 0.75]]))
        1.0
    """

    _casts_targets = False

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy: `q` must lie between 0 and 1; got {q}.")
        super().__init__(
            categorical_generalized_cross_entropy, reduction=reduction, name=name, dtype=dtype, q=q
        )
        self.q = q

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(y_true, y_pred, q=self.q)


class CTC(FunctionLoss):
    """Connectionist temporal classification, for labels without positions in time.

    Example:
        >>> round(float(CTC()([[1]], [[[0.0, 0.0]]])), 4)
        0.6931
    """

    _casts_targets = False

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "ctc", dtype: Any = None
    ) -> None:
        super().__init__(ctc, reduction=reduction, name=name, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ctc(y_true, y_pred)
