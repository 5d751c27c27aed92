"""Diagonals and triangles of matrices."""

from __future__ import annotations

import builtins

from corten import _core
from corten.ops._common import (
    Tensor,
    TensorLike,
    as_tensor,
    axes_of,
)
from corten.ops.dispatch import op
from corten.ops.manipulation import moveaxis


@op
def diag(x: TensorLike, k: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with a given diagonal.

    Args:
        x: A tensor of one or two dimensions.
        k: Which diagonal: positive above the main one, negative below.

    Returns:
        A tensor of two or one dimensions.

    Example:
        >>> corten.ops.diag([1, 2]).tolist()
        [[1, 0], [0, 2]]
    """
    x = as_tensor(x)
    if x.ndim == 1:
        return diagonal_matrix(x, k)
    if x.ndim == 2:
        return _take_diagonal(x, k)
    raise ValueError(f"diag: a tensor of one or two dimensions is needed; got shape {x.shape}")


def diagonal_matrix(x: Tensor, k: int = 0) -> Tensor:
    """Gives matrices whose diagonal is the last axis of `x`."""
    size = x.shape[-1] + builtins.abs(k)
    row = _core.arange(0, size, 1, "int32")
    on = _core.compare(
        "equal", _core.reshape(row, (1, size)), _core.reshape(_core.binary("add", row, k), (size, 1))
    )
    # Row i holds x[i + min(k, 0)]: shift x so that broadcasting over columns puts it in place.
    lead = [(0, 0)] * (x.ndim - 1)
    shifted = _core.pad(x, [*lead, (builtins.max(-k, 0), builtins.max(k, 0))], 0)
    zero = False if x.dtype == "bool" else 0
    return _core.where(on, _core.expand_dims(shifted, -1), zero)


def _take_diagonal(x: Tensor, offset: int) -> Tensor:
    """The diagonal of the last two axes."""
    rows, columns = x.shape[-2:]
    top, left = builtins.max(-offset, 0), builtins.max(offset, 0)
    size = builtins.max(builtins.min(rows - top, columns - left), 0)
    flat = _core.reshape(x, (*x.shape[:-2], rows * columns))
    steps = _core.arange(0, size, 1, "int32")
    places = _core.binary("add", _core.binary("multiply", steps, columns + 1), top * columns + left)
    return _core.gather(flat, places, flat.ndim - 1)


@op
def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """The matrix with the flattened tensor on a diagonal.

    Args:
        x: A tensor.
        k: Which diagonal.

    Returns:
        A tensor of two dimensions.

    Example:
        >>> corten.ops.diagflat([[1, 2]]).tolist()
        [[1, 0], [0, 2]]
    """
    return diagonal_matrix(_core.reshape(as_tensor(x), (-1,)), k)


@op
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonals of the matrices that two axes form.

    Args:
        x: A tensor of two or more dimensions.
        offset: Which diagonal: positive above the main one, negative below.
        axis1: The axis of rows.
        axis2: The axis of columns.

    Returns:
        A tensor without the two axes, the diagonal as its last axis.

    Example:
        >>> corten.ops.diagonal([[1, 2], [3, 4]]).tolist()
        [1, 4]
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"diagonal: a tensor of two or more dimensions is needed; got shape {x.shape}")
    axes_of("diagonal", (axis1, axis2), x.ndim)
    return _take_diagonal(moveaxis(x, (axis1, axis2), (-2, -1)), offset)


@op
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sum of the diagonals of the matrices that two axes form.

    Args:
        x: A tensor of two or more dimensions.
        offset: Which diagonal.
        axis1: The axis of rows.
        axis2: The axis of columns.

    Returns:
        A tensor without the two axes.

    Example:
        >>> int(corten.ops.trace([[1, 2], [3, 4]]))
        5
    """
    line = diagonal(x, offset, axis1, axis2)
    if line.dtype in ("bool", "int8", "int16"):
        line = _core.cast(line, "int32")
    return _core.reduce("sum", line, -1, False)


def _triangle(x: TensorLike, k: int, lower: bool) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(
            f"{'tril' if lower else 'triu'}: two or more dimensions are needed; got shape {x.shape}"
        )
    rows, columns = x.shape[-2:]
    row = _core.reshape(_core.arange(k, rows + k, 1, "int32"), (rows, 1))
    column = _core.arange(0, columns, 1, "int32")
    keep = _core.compare("less_equal" if lower else "greater_equal", column, row)
    return _core.where(keep, x, False if x.dtype == "bool" else 0)


@op
def tril(x: TensorLike, k: int = 0) -> Tensor:
    """Lower triangle of matrices; zeros above a diagonal.

    Args:
        x: A tensor of two or more dimensions.
        k: The diagonal above which zeros start.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> corten.ops.tril([[1, 2], [3, 4]]).tolist()
        [[1, 0], [3, 4]]
    """
    return _triangle(x, k, True)


@op
def triu(x: TensorLike, k: int = 0) -> Tensor:
    """Upper triangle of matrices; zeros below a diagonal.

    Args:
        x: A tensor of two or more dimensions.
        k: The diagonal below which zeros start.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> corten.ops.triu([[1, 2], [3, 4]]).tolist()
        [[1, 2], [0, 4]]
    """
    return _triangle(x, k, False)
