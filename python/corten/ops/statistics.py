"""Quantiles, reductions that skip NaN, correlation."""

from __future__ import annotations

import builtins
import math

from corten import _core
from corten.ops._common import (
    Axis,
    Tensor,
    TensorLike,
    as_float,
    as_tensor,
    axes_of,
    promoted_float,
    widest_float,
)
from corten.ops.dispatch import op

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _sorted_together(name: str, x: Tensor, axis: Axis) -> tuple[Tensor, tuple[int, ...], tuple[int, ...]]:
    """Sorts over the reduced axes, merged into one at the end; gives the shapes without and with them."""
    axes = axes_of(name, axis, x.ndim)
    kept = [i for i in builtins.range(x.ndim) if i not in axes]
    flat = _core.reshape(
        _core.transpose(x, [*kept, *axes]), (*(x.shape[i] for i in kept), math.prod(x.shape[i] for i in axes))
    )
    ordered, _ = _core.sort(flat, flat.ndim - 1, False)
    whole = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return ordered, tuple(x.shape[i] for i in kept), whole


def _at(ordered: Tensor, place: Tensor) -> Tensor:
    """Gives ``ordered[..., place]``; `place` has the leading axes of `ordered`, of size 1 if constant."""
    rank = ordered.ndim
    wide = _core.broadcast_to(place, (*ordered.shape[:-1], place.shape[-1]))
    return _core.take_along(ordered, wide, rank - 1)


def _interpolate(ordered: Tensor, position: Tensor, method: str) -> Tensor:
    """Reads sorted values at fractional positions (a wide float, shape (..., number of quantiles))."""
    low, high = _core.unary("floor", position), _core.unary("ceil", position)
    if method == "nearest":
        low = high = _core.unary("round", position)
    elif method == "lower":
        high = low
    elif method == "higher":
        low = high
    below = _at(ordered, _core.cast(low, "int32"))
    if low is high:
        return below
    above = _at(ordered, _core.cast(high, "int32"))
    if method == "midpoint":
        exact = _core.compare("equal", low, high)
        part = _core.where(exact, 0.0, _core.full((), 0.5, position.dtype))
    else:
        part = _core.binary("subtract", position, low)
    part = _core.cast(part, ordered.dtype)
    # With an infinite neighbour the product 0 * inf must not turn the exact value into NaN.
    gap = _core.where(_core.compare("equal", part, 0.0), 0.0, _core.binary("subtract", above, below))
    return _core.binary("add", below, _core.binary("multiply", gap, part))


def _quantile(
    name: str, x: TensorLike, q: TensorLike, axis: Axis, method: str, keepdims: bool, skip: bool
) -> Tensor:
    if method not in _METHODS:
        raise ValueError(f"{name}: method must be one of {', '.join(_METHODS)}; got {method!r}")
    x = as_float(x)
    wide = widest_float(x)
    q = as_tensor(q, wide)
    ordered, shape, whole = _sorted_together(name, x, axis)
    if ordered.shape[-1] == 0:
        raise ValueError(f"{name}: there is nothing to take a quantile of in shape {x.shape}")
    lead = (1,) * len(shape)
    wanted = _core.reshape(q, (*lead, -1))
    invalid = _core.unary("isnan", ordered)
    if skip:
        valid = _core.unary("bitwise_not", invalid)
        count = _core.reduce("sum", _core.cast(valid, wide), -1, True)
        last = _core.binary("maximum", _core.binary("subtract", count, 1.0), 0.0)
        result = _interpolate(ordered, _core.binary("multiply", wanted, last), method)
    else:
        end = float(ordered.shape[-1] - 1)
        result = _interpolate(ordered, _core.binary("multiply", wanted, end), method)
        result = _core.where(_core.reduce("any", invalid, -1, True), math.nan, result)
    base = whole if keepdims else shape
    if q.ndim == 0:
        return _core.reshape(result, base)
    count_last = list(builtins.range(result.ndim))
    result = _core.transpose(result, [count_last[-1], *count_last[:-1]])
    return _core.reshape(result, (*q.shape, *base))


@op
def quantile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Quantiles over axes; NaN if there is one.

    Args:
        x: A tensor.
        q: The quantile or quantiles, between 0 and 1.
        axis: The axis or axes to reduce; None is all of them.
        method: Between two elements: ``'linear'``, ``'lower'``, ``'higher'``, ``'midpoint'`` or
            ``'nearest'``.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor; the axes of `q` come first.

    Example:
        >>> corten.ops.quantile([1.0, 2.0, 3.0], [0.0, 0.25, 1.0]).tolist()
        [1.0, 1.5, 3.0]
    """
    return _quantile("quantile", x, q, axis, method, keepdims, False)


@op
def nanquantile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Quantiles over axes of what is not NaN; see `quantile`.

    Args:
        x: A tensor.
        q: The quantile or quantiles, between 0 and 1.
        axis: The axis or axes to reduce; None is all of them.
        method: How to choose between two elements.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.nanquantile([1.0, float("nan"), 3.0], 0.5))
        2.0
    """
    return _quantile("nanquantile", x, q, axis, method, keepdims, True)


@op
def percentile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Percentiles over axes: `quantile` of ``q / 100``.

    Args:
        x: A tensor.
        q: The percentile or percentiles, between 0 and 100.
        axis: The axis or axes to reduce; None is all of them.
        method: How to choose between two elements.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.percentile([1.0, 2.0, 3.0], 50))
        2.0
    """
    part = _core.binary("divide", as_tensor(q, widest_float()), 100.0)
    return _quantile("percentile", x, part, axis, method, keepdims, False)


@op
def nanpercentile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Percentiles over axes of what is not NaN; see `percentile`.

    Args:
        x: A tensor.
        q: The percentile or percentiles, between 0 and 100.
        axis: The axis or axes to reduce; None is all of them.
        method: How to choose between two elements.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.nanpercentile([1.0, float("nan"), 3.0], 100))
        3.0
    """
    part = _core.binary("divide", as_tensor(q, widest_float()), 100.0)
    return _quantile("nanpercentile", x, part, axis, method, keepdims, True)


@op
def median(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Median over axes; the mean of the two middle elements of an even number.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.median([3.0, 1.0, 2.0]))
        2.0
    """
    return _quantile("median", x, 0.5, axis, "linear", keepdims, False)


@op
def nanmedian(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Median over axes of what is not NaN.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.nanmedian([3.0, float("nan"), 1.0]))
        2.0
    """
    return _quantile("nanmedian", x, 0.5, axis, "linear", keepdims, True)


@op
def corrcoef(x: TensorLike) -> Tensor:
    """Correlation coefficients of rows.

    Args:
        x: A tensor of one or two dimensions: one variable per row, one observation per column.

    Returns:
        The matrix of correlations (a scalar for one variable).

    Example:
        >>> corten.ops.round(corten.ops.corrcoef([[1.0, 2.0], [2.0, 1.0]]), 3).tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    x = as_float(x)
    if x.ndim == 1:
        x = _core.expand_dims(x, 0)
    if x.ndim != 2:
        raise ValueError(f"corrcoef: one or two dimensions are needed; got shape {x.shape}")
    centered = _core.binary("subtract", x, _core.reduce("mean", x, 1, True))
    covariance = _core.matmul(centered, _core.transpose(centered, (1, 0)))
    deviation = _core.unary("sqrt", _core.reduce("sum", _core.unary("square", centered), 1, True))
    scale = _core.binary("multiply", deviation, _core.transpose(deviation, (1, 0)))
    result = _core.binary(
        "minimum", _core.binary("maximum", _core.binary("divide", covariance, scale), -1.0), 1.0
    )
    return _core.reshape(result, ()) if x.shape[0] == 1 else result


@op
def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> Tensor:
    """Cross-correlation of two sequences.

    Args:
        x1: A tensor with one axis.
        x2: A tensor with one axis.
        mode: ``'valid'`` (full overlap), ``'same'`` (the longer length) or ``'full'`` (any overlap).

    Returns:
        A float tensor with one axis.

    Example:
        >>> corten.ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0]).tolist()
        [2.0, 3.0]
    """
    x1, x2 = promoted_float(x1, x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"correlate: tensors with one axis are needed; got {x1.shape} and {x2.shape}")
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"correlate: mode must be 'valid', 'same' or 'full'; got {mode!r}")
    n, m = x1.shape[0], x2.shape[0]
    if n == 0 or m == 0:
        raise ValueError("correlate: neither sequence may be empty")
    signal, kernel = _core.reshape(x1, (1, n, 1)), _core.reshape(x2, (m, 1, 1))
    full = _core.reshape(_core.conv(signal, kernel, (1,), [(m - 1, m - 1)], (1,), 1), (-1,))
    if mode == "full":
        return full
    short = builtins.min(n, m)
    start, size = (
        (short - 1, builtins.max(n, m) - short + 1)
        if mode == "valid"
        else ((short - 1) // 2, builtins.max(n, m))
    )
    if mode == "same" and m > n:
        start = n // 2
    return _core.slice(full, (start,), (start + size,), (1,))
