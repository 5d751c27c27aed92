"""Reductions and running totals."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten.ops._common import (
    FLOAT_MAX,
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
        return _core.binary(combine, _extreme(name, x, axis, keepdims, None), initial)
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


@op
def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """``log(sum(exp(x)))`` over axes, without overflow.

    Args:
        x: A tensor.
        axis: The axis or axes to reduce; None is all of them.
        keepdims: Whether reduced axes stay, with size 1.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.logsumexp([float("-inf"), 2.0]))
        2.0
    """
    x = as_float(x)
    if x.size == 0:
        return _core.unary("log", _core.reduce("sum", x, axis, keepdims))
    peak = _core.reduce("max", x, axis, True).detach()
    # An infinite peak would give inf - inf: shift by 0 there, exp and log then do the right thing.
    peak = _core.where(_core.unary("isfinite", peak), peak, 0.0)
    total = _core.reduce("sum", _core.unary("exp", _core.binary("subtract", x, peak)), axis, True)
    result = _core.binary("add", _core.unary("log", total), peak)
    return result if keepdims else _core.reshape(result, _reduced_shape("logsumexp", x, axis))


def _reduced_shape(name: str, x: Tensor, axis: Axis) -> tuple[int, ...]:
    axes = axes_of(name, axis, x.ndim)
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


@op
def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> Tensor:
    """Weighted mean over axes.

    Args:
        x: A tensor.
        axis: The axis or axes to average over; None is all of them.
        weights: Weights of the shape of `x`, or 1-D along a single `axis`; None is the plain mean.

    Returns:
        A float tensor.

    Example:
        >>> float(corten.ops.average([1.0, 4.0], weights=[2.0, 1.0]))
        2.0
    """
    x = as_float(x)
    if weights is None:
        return _core.reduce("mean", x, axis, False)
    dtype = _core.result_type(x, weights)
    x, weights = as_tensor(x, dtype), as_tensor(weights, dtype)
    if weights.shape != x.shape and weights.ndim == 1 and axis is not None:
        (one,) = axes_of("average", axis, x.ndim)
        weights = _core.reshape(weights, tuple(-1 if i == one else 1 for i in range(x.ndim)))
    weights = _core.broadcast_to(weights, x.shape)
    total = _core.reduce("sum", _core.binary("multiply", x, weights), axis, False)
    return _core.binary("divide", total, _core.reduce("sum", weights, axis, False))


@op
def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """Integral along an axis by the trapezoidal rule.

    Args:
        y: The values of the function.
        x: The points where they were taken: of the shape of `y` or 1-D; None is points `dx` apart.
        dx: The distance of points, if `x` is None.
        axis: The axis to integrate over.

    Returns:
        A float tensor without that axis.

    Example:
        >>> float(corten.ops.trapezoid([1.0, 2.0, 3.0]))
        4.0
    """
    y = as_float(y)
    axis = axis_of("trapezoid", axis, y.ndim)
    n = y.shape[axis]
    low, high = _along(y, axis, 0, n - 1), _along(y, axis, 1, n)
    width: Any = dx
    if x is not None:
        x = as_float(x)
        if x.ndim == 1:
            x = _core.reshape(x, tuple(-1 if i == axis else 1 for i in range(y.ndim)))
        width = _core.binary("subtract", _along(x, axis, 1, n), _along(x, axis, 0, n - 1))
    area = _core.binary("multiply", _core.binary("multiply", _core.binary("add", low, high), width), 0.5)
    return _core.reduce("sum", area, axis, False)


def _along(x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    stops = list(x.shape)
    starts = [0] * x.ndim
    starts[axis], stops[axis] = start, (stop if stop > start else start)
    return _core.slice(x, starts, stops, [1] * x.ndim)


@op
def moments(
    x: TensorLike, axes: Axis, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes.

    Args:
        x: A tensor.
        axes: The axes to reduce.
        keepdims: Whether reduced axes stay, with size 1.
        synchronized: Must be False: there is one process.

    Returns:
        Mean and variance; 16-bit floats are reduced in float32 and given back in their dtype.

    Example:
        >>> mean, variance = corten.ops.moments([1.0, 3.0], axes=0)
        >>> float(mean), float(variance)
        (2.0, 1.0)
    """
    if synchronized:
        raise NotImplementedError(
            "moments: synchronized=True needs several processes; use synchronized=False"
        )
    x = as_float(x)
    dtype = x.dtype
    if dtype in ("float16", "bfloat16"):
        x = _core.cast(x, "float32")
    average_, variance = _core.reduce("mean", x, axes, keepdims), _core.var(x, axes, keepdims, 0)
    if dtype != x.dtype:
        # A variance beyond the narrow range becomes its largest number rather than infinity.
        variance = _core.binary("minimum", variance, FLOAT_MAX[dtype])
        average_, variance = _core.cast(average_, dtype), _core.cast(variance, dtype)
    return average_, variance
