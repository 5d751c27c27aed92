"""Reductions and running totals."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten.ops._common import (
    Axis,
    Tensor,
    TensorLike,
    as_float,
    as_number,
    as_tensor,
    axes_of,
    axis_of,
    dtype_name,
)
from corten.ops.dispatch import op

# Small integers are summed in the default integer of their kind, as Keras does.
_SUM_DTYPES = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}


def _summable(x: TensorLike, dtype: Any = None) -> Tensor:
    x = as_tensor(x)
    target = _SUM_DTYPES.get(x.dtype) if dtype is None else dtype_name(dtype)
    return x if target is None else as_tensor(x, target)


@op
def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum over axes.

    Args:
        x: A tensor.
        axis: The axis or axes to sum over; None is all of them.
        keepdims: Whether summed axes stay, with size 1.

    Returns:
        A tensor of the dtype of `x`; bool, int8 and int16 give int32, uint8 and uint16 uint32.

    Example:
        >>> corten.ops.sum([[1, 2], [3, 4]], axis=0).tolist()
        [4, 6]
    """
    return _core.reduce("sum", _summable(x), axis, keepdims)


@op
def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Product over axes.

    Args:
        x: A tensor.
        axis: The axis or axes to multiply over; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.
        dtype: The dtype to compute in.

    Returns:
        A tensor of the dtype of `x`; bool, int8 and int16 give int32, uint8 and uint16 uint32.

    Example:
        >>> corten.ops.prod([[1, 2], [3, 4]], axis=1).tolist()
        [2, 12]
    """
    return _core.reduce("prod", _summable(x, dtype), axis, keepdims)


@op
def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Arithmetic mean over axes.

    Args:
        x: A tensor.
        axis: The axis or axes to average over; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor; integers give float32.

    Example:
        >>> corten.ops.mean([[1, 2], [3, 6]], axis=1).tolist()
        [1.5, 4.5]
    """
    return _core.reduce("mean", as_float(x), axis, keepdims)


@op
def var(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance over axes: the mean of squared distances from the mean.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor; integers give float32.

    Example:
        >>> float(corten.ops.var([1.0, 3.0]))
        1.0
    """
    return _core.var(as_float(x), axis, keepdims, 0)


@op
def std(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation over axes: the square root of `var`.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor; integers give float32.

    Example:
        >>> float(corten.ops.std([1.0, 5.0]))
        2.0
    """
    return _core.unary("sqrt", _core.var(as_float(x), axis, keepdims, 0))


def _extreme(name: str, x: TensorLike, axis: Axis, keepdims: bool, initial: Any) -> Tensor:
    x = as_tensor(x)
    if initial is not None:
        axes = axes_of(name, axis, x.ndim)
        if x.size == 0:
            shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
            if not keepdims:
                shape = [n for i, n in enumerate(x.shape) if i not in axes]
            return _core.full(tuple(shape), initial, x.dtype)
        combine = "maximum" if name == "max" else "minimum"
        result = _core.binary(combine, _extreme(name, x, axis, keepdims, None), initial)
        return _core.cast(result, "bool") if x.dtype == "bool" else result
    if x.dtype == "bool":
        return _core.reduce("any" if name == "max" else "all", x, axis, keepdims)
    return _core.reduce(name, x, axis, keepdims)


@op
def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Largest element over axes; NaN if there is one.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.
        initial: A lower bound of the result; needed where a reduced axis is empty.

    Returns:
        A tensor of the dtype of `x`. Equal maxima share the gradient.

    Example:
        >>> corten.ops.max([[1, 5], [7, 3]], axis=1).tolist()
        [5, 7]
    """
    return _extreme("max", x, axis, keepdims, initial)


@op
def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Smallest element over axes; NaN if there is one.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.
        initial: An upper bound of the result; needed where a reduced axis is empty.

    Returns:
        A tensor of the dtype of `x`. Equal minima share the gradient.

    Example:
        >>> corten.ops.min([[1, 5], [7, 3]], axis=1).tolist()
        [1, 3]
    """
    return _extreme("min", x, axis, keepdims, initial)


@op
def amax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest element over axes; the same as `max`.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A tensor of the dtype of `x`.

    Example:
        >>> int(corten.ops.amax([1, 5, 2]))
        5
    """
    return _extreme("max", x, axis, keepdims, None)


@op
def amin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest element over axes; the same as `min`.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A tensor of the dtype of `x`.

    Example:
        >>> int(corten.ops.amin([1, 5, 2]))
        1
    """
    return _extreme("min", x, axis, keepdims, None)


@op
def ptp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Distance from the smallest to the largest element over axes.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A tensor of the dtype of `x`.

    Example:
        >>> int(corten.ops.ptp([1, 5, 2]))
        4
    """
    x = as_number(x)
    return _core.binary(
        "subtract", _core.reduce("max", x, axis, keepdims), _core.reduce("min", x, axis, keepdims)
    )


@op
def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element over the axes is true (or nonzero).

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A bool tensor.

    Example:
        >>> corten.ops.any([[0, 1], [0, 0]], axis=1).tolist()
        [True, False]
    """
    return _core.reduce("any", as_tensor(x, "bool"), axis, keepdims)


@op
def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over the axes are true (or nonzero).

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A bool tensor.

    Example:
        >>> corten.ops.all([[1, 1], [0, 1]], axis=1).tolist()
        [True, False]
    """
    return _core.reduce("all", as_tensor(x, "bool"), axis, keepdims)


@op
def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """Number of nonzero elements over axes.

    Args:
        x: A tensor.
        axis: The axis or axes to count over; None is all of them.

    Returns:
        An int32 tensor.

    Example:
        >>> int(corten.ops.count_nonzero([0, 3, 0, 4]))
        2
    """
    return _core.reduce("sum", _core.cast(as_tensor(x, "bool"), "int32"), axis, False)


def _arg_extreme(name: str, x: TensorLike, axis: int | None, keepdims: bool) -> Tensor:
    x = as_number(x)
    if axis is None:
        index = _core.arg_reduce(name, _core.reshape(x, (-1,)), 0, False)
        return _core.reshape(index, (1,) * x.ndim) if keepdims else index
    return _core.arg_reduce(name, x, axis_of(name, axis, x.ndim), keepdims)


@op
def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the first largest element along an axis; NaN counts as largest.

    Args:
        x: A tensor.
        axis: The axis to search; None searches the flattened tensor.
        keepdims: Whether the axis stays, with size 1.

    Returns:
        An int32 tensor.

    Example:
        >>> corten.ops.argmax([[1, 5], [7, 3]], axis=1).tolist()
        [1, 0]
    """
    return _arg_extreme("argmax", x, axis, keepdims)


@op
def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the first smallest element along an axis; NaN counts as smallest.

    Args:
        x: A tensor.
        axis: The axis to search; None searches the flattened tensor.
        keepdims: Whether the axis stays, with size 1.

    Returns:
        An int32 tensor.

    Example:
        >>> corten.ops.argmin([[1, 5], [7, 3]], axis=1).tolist()
        [0, 1]
    """
    return _arg_extreme("argmin", x, axis, keepdims)


def _scan(name: str, x: TensorLike, axis: int | None, dtype: Any) -> Tensor:
    x = as_number(x)
    if dtype is not None:
        x = as_tensor(x, dtype_name(dtype))
    if axis is None:
        return _core.scan(name, _core.reshape(x, (-1,)), 0, False)
    return _core.scan(name, x, axis_of(name, axis, x.ndim), False)


@op
def cumsum(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sum along an axis.

    Args:
        x: A tensor.
        axis: The axis; None runs over the flattened tensor.
        dtype: The dtype to compute in.

    Returns:
        A tensor of the shape of `x` (one axis if `axis` is None) and its dtype; bool gives int32.

    Example:
        >>> corten.ops.cumsum([1, 2, 3]).tolist()
        [1, 3, 6]
    """
    return _scan("cumsum", x, axis, dtype)


@op
def cumprod(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running product along an axis.

    Args:
        x: A tensor.
        axis: The axis; None runs over the flattened tensor.
        dtype: The dtype to compute in.

    Returns:
        A tensor of the shape of `x` (one axis if `axis` is None) and its dtype; bool gives int32.

    Example:
        >>> corten.ops.cumprod([1, 2, 3]).tolist()
        [1, 2, 6]
    """
    return _scan("cumprod", x, axis, dtype)
