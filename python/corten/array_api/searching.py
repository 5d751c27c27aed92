"""Searching, sorting and sets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from corten import _core
from corten.array_api._common import (
    Array,
    ComplexTensor,
    Tensor,
    array,
    cast,
    common_dtype,
    refuse_complex,
    together,
    truth,
)
from corten.complex_tensor import of_numpy
from corten.ops._common import axis_of


def argmax(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """int32 place of the first largest element, of the flattened array if `axis` is None.

    Example:
        >>> corten.array_api.argmax(corten.tensor([1, 3, 2])).item()
        1
    """
    refuse_complex("argmax", x)
    return _core.arg_reduce("argmax", array(x), axis, keepdims)


def argmin(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """int32 place of the first smallest element, of the flattened array if `axis` is None.

    Example:
        >>> corten.array_api.argmin(corten.tensor([1, 3, 2])).item()
        0
    """
    refuse_complex("argmin", x)
    return _core.arg_reduce("argmin", array(x), axis, keepdims)


def nonzero(x: Array, /) -> tuple[Tensor, ...]:
    """Places of the elements that are not 0: one int32 vector per axis.

    Example:
        >>> corten.array_api.nonzero(corten.tensor([0, 7]))[0].tolist()
        [1]
    """
    x = truth(x)
    if x.ndim == 0:
        raise ValueError("nonzero: the array has no axes, so elements have no places; reshape it to (1,)")
    return _core.nonzero(x)


def where(condition: Array, x1: Any, x2: Any, /) -> Array:
    """`x1` where the condition is true, else `x2`.

    Example:
        >>> corten.array_api.where(corten.tensor([True, False]), 1.0, 0.0).tolist()
        [1.0, 0.0]
    """
    x1, x2 = together(x1, x2)
    if isinstance(x1, ComplexTensor):
        return ComplexTensor(
            _core.where(condition, x1.real, x2.real), _core.where(condition, x1.imag, x2.imag)
        )
    return _core.where(condition, x1, x2)


def searchsorted(x1: Array, x2: Array, /, *, side: str = "left", sorter: Array | None = None) -> Tensor:
    """int32 places at which `x2` would go into the ascending vector `x1`.

    Args:
        x1: A vector.
        x2: The numbers to place, of any shape.
        side: ``"left"`` of equal elements or ``"right"`` of them.
        sorter: Integers that put `x1` in ascending order.

    Example:
        >>> corten.array_api.searchsorted(corten.tensor([1, 3]), corten.tensor([3, 4])).tolist()
        [1, 2]
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right'; got {side!r}")
    dtype = common_dtype(array(x1), array(x2))
    x1, x2 = cast(array(x1), dtype), cast(array(x2), dtype)
    if sorter is not None:
        x1 = _core.gather(x1, cast(array(sorter), "int32"), 0)
    return _core.cast(_core.searchsorted(x1, x2, side == "right"), "int32")


def argsort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """int32 places of the elements in order; equal ones keep theirs.

    Example:
        >>> corten.array_api.argsort(corten.tensor([3, 1, 2])).tolist()
        [1, 2, 0]
    """
    return _sorted("argsort", x, axis, descending)[1]


def sort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order, NaN last.

    Example:
        >>> corten.array_api.sort(corten.tensor([3, 1, 2]), descending=True).tolist()
        [3, 2, 1]
    """
    return _sorted("sort", x, axis, descending)[0]


def _sorted(name: str, x: Array, axis: int, descending: bool) -> tuple[Tensor, Tensor]:
    x = array(x)
    refuse_complex(name, x)
    return _core.sort(x, axis_of(name, axis, x.ndim), descending)


class UniqueAll(NamedTuple):
    """Result of `unique_all`: distinct values, first places, places among the values, counts."""

    values: Array
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """Result of `unique_counts`: distinct values and how often each comes."""

    values: Array
    counts: Tensor


class UniqueInverse(NamedTuple):
    """Result of `unique_inverse`: distinct values and where each element is among them."""

    values: Array
    inverse_indices: Tensor


def _unique(x: Array) -> tuple[Any, ...]:
    # Sets have no gradient, and NumPy's differ in NaN as the standard wants: each is distinct.
    x = np.asarray(array(x))
    values, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    places = (one.astype(np.int32) for one in (first, inverse.reshape(x.shape), counts))
    return of_numpy((values, *places))


def unique_all(x: Array, /) -> UniqueAll:
    """Distinct values in ascending order, with first places, inverse places and counts (int32)."""
    return UniqueAll(*_unique(x))


def unique_counts(x: Array, /) -> UniqueCounts:
    """Distinct values in ascending order and how often each comes (int32).

    Example:
        >>> corten.array_api.unique_counts(corten.tensor([5, 5, 7])).counts.tolist()
        [2, 1]
    """
    values, _, _, counts = _unique(x)
    return UniqueCounts(values, counts)


def unique_inverse(x: Array, /) -> UniqueInverse:
    """Distinct values in ascending order and where each element is among them (int32)."""
    values, _, inverse, _ = _unique(x)
    return UniqueInverse(values, inverse)


def unique_values(x: Array, /) -> Array:
    """Distinct values in ascending order.

    Example:
        >>> corten.array_api.unique_values(corten.tensor([5, 5, 7])).tolist()
        [5, 7]
    """
    return _unique(x)[0]


__all__ = [
    "argmax", "argmin", "argsort", "nonzero", "searchsorted", "sort", "unique_all", "unique_counts",
    "unique_inverse", "unique_values", "where",
]  # fmt: skip
