"""Reductions that skip NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.ops import reduction
from corten.ops._common import (
    FLOATS,
    Axis,
    Tensor,
    TensorLike,
    as_float,
    as_tensor,
    dtype_name,
)
from corten.ops.dispatch import op


def _without_nan(x: TensorLike, value: float) -> tuple[Tensor, Tensor | None]:
    """Replaces NaN; gives also where it was, None for dtypes that have none."""
    x = as_tensor(x)
    if x.dtype not in FLOATS:
        return x, None
    invalid = _core.unary("isnan", x)
    return _core.where(invalid, value, x), invalid


def _all_invalid(result: Tensor, invalid: Tensor | None, axis: Axis, keepdims: bool) -> Tensor:
    if invalid is None:
        return result
    return _core.where(_core.reduce("all", invalid, axis, keepdims), math.nan, result)


@op
def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum over axes in which NaN counts as 0.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A tensor; dtypes as for `sum`.

    Example:
        >>> float(corten.ops.nansum([1.0, float("nan")]))
        1.0
    """
    return reduction.sum(_without_nan(x, 0.0)[0], axis, keepdims)


@op
def nanprod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Product over axes in which NaN counts as 1.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A tensor; dtypes as for `prod`.

    Example:
        >>> float(corten.ops.nanprod([3.0, float("nan")]))
        3.0
    """
    return reduction.prod(_without_nan(x, 1.0)[0], axis, keepdims)


@op
def nanmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest element over axes, NaN aside; NaN if there is nothing else.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A tensor of the dtype of `x`.

    Example:
        >>> float(corten.ops.nanmax([1.0, float("nan")]))
        1.0
    """
    x, invalid = _without_nan(x, -math.inf)
    return _all_invalid(reduction.max(x, axis, keepdims), invalid, axis, keepdims)


@op
def nanmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest element over axes, NaN aside; NaN if there is nothing else.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A tensor of the dtype of `x`.

    Example:
        >>> float(corten.ops.nanmin([1.0, float("nan")]))
        1.0
    """
    x, invalid = _without_nan(x, math.inf)
    return _all_invalid(reduction.min(x, axis, keepdims), invalid, axis, keepdims)


def _valid_count(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    valid = _core.unary("bitwise_not", _core.unary("isnan", x))
    return _core.reduce("sum", _core.cast(valid, x.dtype), axis, keepdims)


@op
def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean over axes of what is not NaN; NaN if there is nothing else.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.nanmean([1.0, float("nan"), 3.0]))
        2.0
    """
    x = as_float(x)
    total = _core.reduce("sum", _without_nan(x, 0.0)[0], axis, keepdims)
    return _core.binary("divide", total, _valid_count(x, axis, keepdims))


@op
def nanvar(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance over axes of what is not NaN; NaN if there is nothing else.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.nanvar([1.0, float("nan"), 3.0]))
        1.0
    """
    x = as_float(x)
    clean, invalid = _without_nan(x, 0.0)
    assert invalid is not None  # x is a float tensor
    count = _valid_count(x, axis, True)
    center = _core.binary("divide", _core.reduce("sum", clean, axis, True), count)
    distance = _core.where(invalid, 0.0, _core.binary("subtract", clean, center))
    total = _core.reduce("sum", _core.unary("square", distance), axis, keepdims)
    return _core.binary("divide", total, _valid_count(x, axis, keepdims))


@op
def nanstd(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation over axes of what is not NaN; NaN if there is nothing else.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.nanstd([1.0, float("nan"), 3.0]))
        1.0
    """
    return _core.unary("sqrt", nanvar(x, axis, keepdims))


@op
def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the first largest element that is not NaN; -1 where there is nothing else.

    Args:
        x: A tensor.
        axis: The axis to search; None searches the flattened tensor.
        keepdims: Whether the axis stays, with size 1.

    Returns:
        An int32 tensor.

    Example:
        >>> int(corten.ops.nanargmax([1.0, float("nan"), 3.0]))
        2
    """
    x, invalid = _without_nan(x, -math.inf)
    place = reduction.argmax(x, axis, keepdims)
    return place if invalid is None else _core.where(_core.reduce("all", invalid, axis, keepdims), -1, place)


@op
def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the first smallest element that is not NaN; -1 where there is nothing else.

    Args:
        x: A tensor.
        axis: The axis to search; None searches the flattened tensor.
        keepdims: Whether the axis stays, with size 1.

    Returns:
        An int32 tensor.

    Example:
        >>> int(corten.ops.nanargmin([1.0, float("nan"), 3.0]))
        0
    """
    x, invalid = _without_nan(x, math.inf)
    place = reduction.argmin(x, axis, keepdims)
    return place if invalid is None else _core.where(_core.reduce("all", invalid, axis, keepdims), -1, place)


def _along_one(name: str, scan: Any, x: Tensor, axis: int | Sequence[int] | None, dtype: Any) -> Tensor:
    """Runs along an axis that may come as a tuple of one; an empty one leaves everything as it is."""
    if isinstance(axis, (tuple, list)):
        if len(axis) > 1:
            raise ValueError(f"{name}: one axis is needed; got axis={tuple(axis)}")
        if not axis:
            return x if dtype is None else as_tensor(x, dtype_name(dtype))
        axis = axis[0]
    return scan(x, axis, dtype)


@op
def nancumsum(x: TensorLike, axis: int | Sequence[int] | None = None, dtype: Any = None) -> Tensor:
    """Running sum in which NaN counts as 0.

    Args:
        x: A tensor.
        axis: The axis, also as a tuple of one; None runs over the flattened tensor.
        dtype: The dtype to compute in.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.nancumsum([1.0, float("nan"), 3.0]).tolist()
        [1.0, 1.0, 4.0]
    """
    return _along_one("nancumsum", reduction.cumsum, _without_nan(x, 0.0)[0], axis, dtype)


@op
def nancumprod(x: TensorLike, axis: int | Sequence[int] | None = None, dtype: Any = None) -> Tensor:
    """Running product in which NaN counts as 1.

    Args:
        x: A tensor.
        axis: The axis, also as a tuple of one; None runs over the flattened tensor.
        dtype: The dtype to compute in.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.nancumprod([2.0, float("nan"), 3.0]).tolist()
        [2.0, 2.0, 6.0]
    """
    return _along_one("nancumprod", reduction.cumprod, _without_nan(x, 1.0)[0], axis, dtype)
