"""Reductions, running sums, and whether all or any hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import _core
from corten.array_api._common import (
    FLOAT_OF,
    FLOATS,
    Array,
    ComplexTensor,
    Tensor,
    array,
    cast,
    dtype_of,
    each_part,
    refuse_complex,
    truth,
)
from corten.complex_tensor import through_numpy
from corten.ops._common import axes_of, axis_of

Axis = int | tuple[int, ...] | None


def _sum_dtype(x: Array, dtype: Any) -> str:
    """Small integers add up as int32 or uint32, the rest as they are."""
    if dtype is not None:
        return dtype_of(dtype, x.dtype)
    return {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}.get(
        x.dtype, x.dtype
    )


def sum(x: Array, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Sum over all or the given axes; small integers add up as int32 or uint32.

    Example:
        >>> corten.array_api.sum(corten.tensor([[1, 2], [3, 4]]), axis=0).tolist()
        [4, 6]
    """
    x = array(x)
    name = _sum_dtype(x, dtype)
    axes = axes_of("sum", axis, x.ndim)
    return cast(each_part(lambda part: _core.reduce("sum", part, axes, keepdims), cast(x, name)), name)


def prod(x: Array, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Product over all or the given axes; small integers multiply as int32 or uint32.

    Example:
        >>> corten.array_api.prod(corten.tensor([2, 3])).item()
        6
    """
    x = array(x)
    name = _sum_dtype(x, dtype)
    x = cast(x, name)
    axes = axes_of("prod", axis, x.ndim)
    if isinstance(x, ComplexTensor):
        return through_numpy("prod", np.prod, x, axis=axes, keepdims=keepdims)
    return cast(_core.reduce("prod", x, axes, keepdims), name)


def mean(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean over all or the given axes; NaN where there are no elements.

    Example:
        >>> corten.array_api.mean(corten.tensor([1.0, 2.0])).item()
        1.5
    """
    x = array(x)
    axes = axes_of("mean", axis, x.ndim)
    return each_part(lambda part: _core.reduce("mean", part, axes, keepdims), x)


def var(x: Array, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Variance: squared distances from the mean, divided by ``count - correction``.

    Example:
        >>> corten.array_api.var(corten.tensor([1.0, 3.0]), correction=1).item()
        2.0
    """
    x = array(x)
    refuse_complex("var", x)
    axes = axes_of("var", axis, x.ndim)
    count = math.prod(x.shape[one] for one in axes)
    if not count or count <= correction:
        shape = tuple(1 if i in axes else size for i, size in enumerate(x.shape) if keepdims or i not in axes)
        dtype = x.dtype if x.dtype in FLOATS else "float32"
        return _core.full(shape, float("nan"), dtype)
    return _core.var(x, axes, keepdims, correction)


def std(x: Array, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Standard deviation: the square root of `var`.

    Example:
        >>> corten.array_api.std(corten.tensor([1.0, 3.0])).item()
        1.0
    """
    return _core.unary("sqrt", var(x, axis=axis, correction=correction, keepdims=keepdims))


def max(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest element over all or the given axes; NaN if there is one.

    Example:
        >>> corten.array_api.max(corten.tensor([1, 3, 2])).item()
        3
    """
    x = array(x)
    refuse_complex("max", x)
    return _core.reduce("max", x, axes_of("max", axis, x.ndim), keepdims)


def min(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest element over all or the given axes; NaN if there is one.

    Example:
        >>> corten.array_api.min(corten.tensor([1, 3, 2])).item()
        1
    """
    x = array(x)
    refuse_complex("min", x)
    return _core.reduce("min", x, axes_of("min", axis, x.ndim), keepdims)


def all(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over all or the given axes are true (not 0).

    Example:
        >>> corten.array_api.all(corten.tensor([True, False])).item()
        False
    """
    x = truth(x)
    return _core.reduce("all", x, axes_of("all", axis, x.ndim), keepdims)


def any(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element over all or the given axes is true (not 0).

    Example:
        >>> corten.array_api.any(corten.tensor([True, False])).item()
        True
    """
    x = truth(x)
    return _core.reduce("any", x, axes_of("any", axis, x.ndim), keepdims)


def count_nonzero(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements are not 0, as int32.

    Example:
        >>> corten.array_api.count_nonzero(corten.tensor([1, 0, 2])).item()
        2
    """
    x = truth(x)
    return _core.reduce("sum", _core.cast(x, "int32"), axes_of("count_nonzero", axis, x.ndim), keepdims)


def _running(name: str, x: Any, axis: int | None, dtype: Any, initial: float | None) -> Array:
    x = array(x)
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"{name}: axis must be given for an array of {x.ndim} dimensions")
        axis = 0
    axis = axis_of(name, axis, x.ndim)
    wanted = _sum_dtype(x, dtype)
    x = cast(x, wanted)
    if isinstance(x, ComplexTensor):
        function = np.cumsum if name == "cumulative_sum" else np.cumprod
        result = through_numpy(name, function, x, axis=axis)
    else:
        result = cast(_core.scan("cumsum" if name == "cumulative_sum" else "cumprod", x, axis), wanted)
    if initial is None:
        return result
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    first = _core.full(shape, initial, FLOAT_OF.get(x.dtype, x.dtype))
    if isinstance(result, ComplexTensor):
        return ComplexTensor(
            _core.concatenate([first, result.real], axis), _core.concatenate([first * 0.0, result.imag], axis)
        )
    return _core.concatenate([first, result], axis)


def cumulative_sum(
    x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Running sum along an axis, starting with 0 if `include_initial`; vectors need no `axis`.

    Example:
        >>> corten.array_api.cumulative_sum(corten.tensor([1, 2, 3]), include_initial=True).tolist()
        [0, 1, 3, 6]
    """
    return _running("cumulative_sum", x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(
    x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Running product along an axis, starting with 1 if `include_initial`; vectors need no `axis`.

    Example:
        >>> corten.array_api.cumulative_prod(corten.tensor([1, 2, 3])).tolist()
        [1, 2, 6]
    """
    return _running("cumulative_prod", x, axis, dtype, 1 if include_initial else None)


__all__ = [
    "all", "any", "count_nonzero", "cumulative_prod", "cumulative_sum", "max", "mean", "min", "prod", "std",
    "sum", "var",
]  # fmt: skip
