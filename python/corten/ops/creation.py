"""Tensors from shapes and ranges."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten._state import state as call_state
from corten.ops._common import (
    Tensor,
    TensorLike,
    as_tensor,
    dtype_name,
    filled_beside,
    shape_of,
)
from corten.ops.dispatch import op
from corten.symbolic import meta_tensor


def _filled(shape: tuple[int, ...], value: Any, dtype: str) -> Tensor:
    if call_state.probing:
        # Shapes are being inferred, with made-up sizes: do not allocate them.
        return meta_tensor(shape, dtype)
    return _core.full(shape, value, dtype)


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor of zeros.

    Args:
        shape: The shape: an int or a sequence of ints.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.zeros((2, 2)).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    return _filled(shape_of(shape), 0, dtype_name(dtype))


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor of ones.

    Args:
        shape: The shape: an int or a sequence of ints.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.ones(3, dtype="int32").tolist()
        [1, 1, 1]
    """
    return _filled(shape_of(shape), 1, dtype_name(dtype))


def empty(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor whose values do not matter: zeros, so that runs repeat.

    Args:
        shape: The shape: an int or a sequence of ints.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.empty((2, 3)).shape
        (2, 3)
    """
    return _filled(shape_of(shape), 0, dtype_name(dtype))


@op
def full(shape: Any, fill_value: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor filled with one value, or with values that broadcast to its shape.

    Args:
        shape: The shape: an int or a sequence of ints.
        fill_value: A number or a tensor.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.full((2,), 7, dtype="int32").tolist()
        [7, 7]
    """
    name = dtype_name(dtype)
    if type(fill_value) in (int, float, bool):
        return _filled(shape_of(shape), fill_value, name)
    filled = _core.broadcast_to(as_tensor(fill_value, name), shape_of(shape))
    return filled.to("meta") if call_state.probing else _core.copy(filled)


def _like(x: TensorLike, value: Any, dtype: Any) -> Tensor:
    x = as_tensor(x)
    return filled_beside(x, x.shape, value, None if dtype is None else dtype_name(dtype))


@op
def zeros_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Zeros in the shape of `x`.

    Args:
        x: A tensor.
        dtype: The dtype; None is that of `x`.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.zeros_like([1, 2]).tolist()
        [0, 0]
    """
    return _like(x, 0, dtype)


@op
def ones_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Ones in the shape of `x`.

    Args:
        x: A tensor.
        dtype: The dtype; None is that of `x`.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.ones_like([1.5, 2.0]).tolist()
        [1.0, 1.0]
    """
    return _like(x, 1, dtype)


@op
def empty_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor in the shape of `x` whose values do not matter: zeros, so that runs repeat.

    Args:
        x: A tensor.
        dtype: The dtype; None is that of `x`.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.empty_like([[1, 2]]).shape
        (1, 2)
    """
    return _like(x, 0, dtype)


@op
def full_like(x: TensorLike, fill_value: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor in the shape of `x`, filled with a value.

    Args:
        x: A tensor.
        fill_value: A number, or a tensor that broadcasts to the shape of `x`.
        dtype: The dtype; None is that of `x`.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.full_like([1, 2], 9).tolist()
        [9, 9]
    """
    if type(fill_value) in (int, float, bool):
        return _like(x, fill_value, dtype)
    x = as_tensor(x)
    name = x.dtype if dtype is None else dtype_name(dtype)
    filled = _core.broadcast_to(as_tensor(fill_value, name), x.shape)
    return filled.to("meta") if x.device == "meta" else _core.copy(filled)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """A matrix with ones on one diagonal and zeros elsewhere.

    Args:
        N: Rows.
        M: Columns; None is `N`.
        k: Which diagonal: positive above the main one, negative below.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor of shape ``(N, M)``.

    Example:
        >>> corten.ops.eye(2, dtype="int32").tolist()
        [[1, 0], [0, 1]]
    """
    rows, columns = _grid(N, M)
    return _core.cast(_core.compare("equal", columns, _core.binary("add", rows, k)), dtype_name(dtype))


def identity(n: int, dtype: Any = None) -> Tensor:
    """The identity matrix.

    Args:
        n: Rows and columns.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor of shape ``(n, n)``.

    Example:
        >>> corten.ops.identity(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """A matrix with ones on and below one diagonal and zeros above.

    Args:
        N: Rows.
        M: Columns; None is `N`.
        k: Which diagonal.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor of shape ``(N, M)``.

    Example:
        >>> corten.ops.tri(2, dtype="int32").tolist()
        [[1, 0], [1, 1]]
    """
    rows, columns = _grid(N, M)
    return _core.cast(_core.compare("less_equal", columns, _core.binary("add", rows, k)), dtype_name(dtype))


def _grid(rows: int, columns: int | None) -> tuple[Tensor, Tensor]:
    columns = rows if columns is None else columns
    return (
        _core.reshape(_core.arange(0, rows, 1, "int32"), (rows, 1)),
        _core.reshape(_core.arange(0, columns, 1, "int32"), (1, columns)),
    )
