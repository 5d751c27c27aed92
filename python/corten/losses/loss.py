"""The base of all losses, and how values per sample become one number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from corten import config, naming, ops, tree
from corten._state import get_mask

_REDUCTIONS = (None, "none", "sum", "mean", "sum_over_batch_size", "mean_with_sample_weight")


def resolve_dtype(dtype: Any) -> str:
    """The dtype a loss or metric computes in: a dtype, a `DTypePolicy`, or `floatx()` for `None`.

    Example:
        >>> resolve_dtype(None), resolve_dtype("float16")
        ('float32', 'float16')
    """
    compute = getattr(dtype, "compute_dtype", None)
    if compute is not None:
        return str(compute)
    if isinstance(dtype, str) and dtype.startswith("mixed_"):
        return dtype.removeprefix("mixed_")
    return config.standardize_dtype(dtype)


class Loss:
    """Compares targets and predictions: `loss(y_true, y_pred)` gives a number to minimize.

    A subclass writes `call(y_true, y_pred)`, which gives one value per sample; this class weights,
    masks and reduces them.

    Args:
        name: Name of the loss.
        reduction: 'sum_over_batch_size' or 'mean' (their mean), 'mean_with_sample_weight' (their sum
            over the sum of the weights), 'sum', or 'none' / `None` to keep the values.
        dtype: What to compute in, a dtype or a `DTypePolicy`; `None` means `config.floatx()`.

    Example:
        >>> class Cubic(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return ops.abs(y_true - y_pred) ** 3
        >>> float(Cubic()([0.0, 0.0], [1.0, 2.0]))
        4.5
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction`: {reduction!r}. Use one of"
                f" {', '.join(repr(known) for known in _REDUCTIONS)}."
            )
        self.name = name or naming.auto_name(type(self).__name__)
        self.reduction = reduction
        self._dtype = resolve_dtype(dtype)
        self._dtype_argument = dtype

    @property
    def dtype(self) -> str:
        """The dtype the loss computes in."""
        return self._dtype

    # Whether `y_true` is cast to the loss's dtype; integer class numbers stay integers.
    _casts_targets = True

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        mask = get_mask(y_pred)
        dtype = self._dtype
        if isinstance(y_pred, (dict, list, tuple)) or isinstance(y_true, (dict, list, tuple)):
            y_pred = tree.map_structure(lambda x: as_dtype(x, dtype), _leaf_lists(y_pred))
            y_true = tree.map_structure(
                lambda x: as_dtype(x, dtype if self._casts_targets else None), _leaf_lists(y_true)
            )
        else:
            y_pred = as_dtype(y_pred, dtype)
            y_true = as_dtype(y_true, dtype if self._casts_targets else None)
        values, own_mask = self._values_and_mask(y_true, y_pred)
        if own_mask is not None:
            mask = own_mask if mask is None else ops.logical_and(mask, own_mask)
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, dtype)

    def _values_and_mask(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """`call`, and which of its values count (`None` for all)."""
        return self.call(y_true, y_pred), None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value per sample; written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} does not define `call(self, y_true, y_pred)`.")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        settings: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        if self._dtype_argument is not None:
            settings["dtype"] = self._dtype
        return settings

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Makes an equal loss from `get_config`'s dict."""
        return cls(**config)


class FunctionLoss(Loss):
    """A loss made of a function `(y_true, y_pred, **arguments) -> values`.

    Args:
        fn: The function.
        reduction: See `Loss`.
        name: Name of the loss.
        dtype: See `Loss`.
        **arguments: Passed to every call of the function.

    Example:
        >>> loss = FunctionLoss(lambda y_true, y_pred: ops.abs(y_true - y_pred), name="gap")
        >>> float(loss([[1.0]], [[3.0]]))
        2.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **arguments: Any,
    ) -> None:
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        self.fn = fn
        self._arguments = arguments

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if hasattr(y_true, "shape") and hasattr(y_pred, "shape"):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._arguments)

    def get_config(self) -> dict[str, Any]:
        settings = {**super().get_config(), **self._arguments}
        if type(self) is FunctionLoss:
            from corten.losses import serialize

            settings["fn"] = serialize(self.fn)
        return settings

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        if isinstance(config.get("fn"), (dict, str)):
            from corten.losses import deserialize

            config = {**config, "fn": deserialize(config["fn"])}
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._arguments.items())
        return f"<{type(self).__name__}({arguments})>"


def _leaf_lists(values: Any) -> Any:
    """Plain nested lists of numbers count as one array, not as a structure of scalars."""
    if isinstance(values, (list, tuple)) and not _holds_tensors(values):
        return ops.convert_to_tensor(values)
    return values


def _holds_tensors(values: Any) -> bool:
    if isinstance(values, dict):
        return True
    if isinstance(values, (list, tuple)):
        return any(_holds_tensors(value) for value in values)
    return hasattr(values, "shape")


def as_dtype(x: Any, dtype: str | None) -> Any:
    """`x` as a tensor of that dtype; `None` keeps its own."""
    own = getattr(x, "dtype", None)
    if own is None or not isinstance(own, str):
        x = ops.convert_to_tensor(x)
        own = x.dtype
    return x if dtype is None or own == dtype else ops.cast(x, dtype)


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Makes `(n,)` and `(n, 1)` agree: a vector gains an axis, of higher ranks the longer loses its last.

    Example:
        >>> a, b = squeeze_or_expand_to_same_rank(ops.ones((3,)), ops.ones((3, 1)))
        >>> a.shape, b.shape
        ((3, 1), (3, 1))
    """
    rank_1, rank_2 = len(x1.shape), len(x2.shape)
    if rank_1 == rank_2 + 1 and x1.shape[-1] == 1:
        if rank_2 == 1 and expand_rank_1:
            x2 = ops.expand_dims(x2, -1)
        else:
            x1 = ops.squeeze(x1, -1)
    elif rank_2 == rank_1 + 1 and x2.shape[-1] == 1:
        if rank_1 == 1 and expand_rank_1:
            x1 = ops.expand_dims(x1, -1)
        else:
            x2 = ops.squeeze(x2, -1)
    return x1, x2


def reduce_values(
    values: Any, sample_weight: Any = None, reduction: str | None = "sum_over_batch_size"
) -> Any:
    """Turns weighted values into the loss.

    Example:
        >>> float(reduce_values(ops.convert_to_tensor([1.0, 3.0])))
        2.0
    """
    shape = tuple(values.shape)
    if reduction in (None, "none") or shape in ((), (0,)):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(ops.sum(values), ops.cast(ops.sum(sample_weight), values.dtype))
    if 0 in shape:
        return ops.sum(values)
    return ops.mean(values)


def apply_mask(sample_weight: Any, mask: Any, dtype: str, reduction: str | None) -> Any:
    """Folds a mask into the weights, scaled so that a mean counts the kept values only."""
    if mask is None:
        return sample_weight
    mask = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        total = math.prod(tuple(mask.shape)) if None not in tuple(mask.shape) else ops.size(mask)
        mask = mask * (total / (ops.sum(mask) + config.epsilon()))
    if sample_weight is None:
        return mask
    mask, sample_weight = squeeze_or_expand_to_same_rank(mask, ops.cast(sample_weight, dtype))
    return sample_weight * mask


def reduce_weighted_values(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: str | None = None,
) -> Any:
    """Weights, masks and reduces the values of the samples.

    Example:
        >>> values = ops.convert_to_tensor([1.0, 3.0])
        >>> float(reduce_weighted_values(values, sample_weight=[1.0, 0.0], reduction="sum"))
        1.0
    """
    values = as_dtype(values, dtype or config.floatx())
    if sample_weight is None and mask is None:
        return reduce_values(values, None, reduction)
    if sample_weight is not None:
        sample_weight = as_dtype(sample_weight, values.dtype)
    sample_weight = apply_mask(sample_weight, mask, values.dtype, reduction)
    values, sample_weight = squeeze_or_expand_to_same_rank(values, as_dtype(sample_weight, values.dtype))
    rank = len(sample_weight.shape)
    if 0 < rank < len(values.shape) and tuple(sample_weight.shape) == tuple(values.shape[:rank]):
        # Weights name the leading axes: `(batch,)` weighs whole rows of `(batch, steps)`.
        sample_weight = ops.reshape(
            sample_weight, (*sample_weight.shape, *([1] * (len(values.shape) - rank)))
        )
    return reduce_values(values * sample_weight, sample_weight, reduction)
