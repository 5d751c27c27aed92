"""Linear algebra (`xp.linalg`). Matrices are the last two axes; leading axes are batches.

Functions of complex matrices other than products are NumPy's and have no gradient.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

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
    together,
)
from corten.array_api.creation import eye
from corten.array_api.data_types import finfo
from corten.array_api.elementwise import conj
from corten.array_api.manipulation import broadcast_to, matrix_transpose, moveaxis
from corten.array_api.statistics import sum as _sum
from corten.complex_tensor import through_numpy
from corten.ops import diagonals, linalg, products
from corten.ops._common import axes_of, axis_of


class EigenResult(NamedTuple):
    """Eigenvalues and, as columns, eigenvectors."""

    eigenvalues: Array
    eigenvectors: Array


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangle whose product is the matrix."""

    Q: Array
    R: Array


class SlogdetResult(NamedTuple):
    """Sign (or unit complex number) of the determinant and the logarithm of its absolute value."""

    sign: Array
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """Left singular vectors, singular values in descending order, transposed right ones."""

    U: Array
    S: Tensor
    Vh: Array


def _matrix(name: str, x: Any, square: bool = False) -> Array:
    x = array(x)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        what = "a square matrix" if square else "a matrix"
        raise ValueError(f"{name}: expected {what} in the last two axes; got shape {x.shape}")
    return x


def matmul(x1: Array, x2: Array, /) -> Array:
    """Matrix product; vectors count as a row on the left and as a column on the right.

    Example:
        >>> corten.array_api.matmul(corten.tensor([[1, 2], [3, 4]]), corten.tensor([1, 1])).tolist()
        [3, 7]
    """
    x1, x2 = together(x1, x2)
    product = x1 @ x2
    # The engine sums int8 in int32; the standard has the dtype of the operands.
    return cast(product, "int8") if x1.dtype == "int8" else product


def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Inner products along an axis; the first array is conjugated.

    Example:
        >>> corten.array_api.vecdot(corten.tensor([1, 2]), corten.tensor([3, 4])).item()
        11
    """
    x1, x2 = together(x1, x2)
    for one in (x1, x2):
        axis_of("vecdot", axis, one.ndim)
    one, other = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    if one.shape[-1] != other.shape[-1]:
        raise ValueError(f"vecdot: axis {axis} must have one length; got shapes {x1.shape} and {x2.shape}")
    return _sum(conj(one) * other, axis=-1, dtype=x1.dtype)


def tensordot(x1: Array, x2: Array, /, *, axes: Any = 2) -> Array:
    """Sum of products over the last axes of one and the first of the other array, or over pairs of axes.

    Example:
        >>> corten.array_api.tensordot(corten.tensor([1, 2]), corten.tensor([3, 4]), axes=1).item()
        11
    """
    x1, x2 = together(x1, x2)
    if not isinstance(x1, ComplexTensor):
        return products.tensordot(x1, x2, axes)

    def of(a: Tensor, b: Tensor) -> Any:
        return products.tensordot(a, b, axes)

    return ComplexTensor(
        of(x1.real, x2.real) - of(x1.imag, x2.imag), of(x1.real, x2.imag) + of(x1.imag, x2.real)
    )


def outer(x1: Array, x2: Array, /) -> Array:
    """Products of every element of one vector with every one of another.

    Example:
        >>> corten.array_api.linalg.outer(corten.tensor([1, 2]), corten.tensor([3, 4])).tolist()
        [[3, 4], [6, 8]]
    """
    x1, x2 = together(x1, x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"outer: expected two vectors; got shapes {x1.shape} and {x2.shape}")
    return x1[:, None] * x2[None, :]


def cross(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Cross products of vectors of 3 along an axis.

    Example:
        >>> corten.array_api.linalg.cross(corten.tensor([1, 0, 0]), corten.tensor([0, 1, 0])).tolist()
        [0, 0, 1]
    """
    x1, x2 = together(x1, x2)
    for x in (x1, x2):
        if x.shape[axis_of("cross", axis, x.ndim)] != 3:
            raise ValueError(f"cross: axis {axis} must have length 3; got shapes {x1.shape} and {x2.shape}")
    a, b = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    turned = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    return moveaxis(turned, -1, axis)


def cholesky(x: Array, /, *, upper: bool = False) -> Array:
    """The lower (or upper) triangle whose product with its conjugate transpose is `x`.

    Example:
        >>> corten.array_api.linalg.cholesky(corten.tensor([[4.0, 0.0], [0.0, 9.0]])).tolist()
        [[2.0, 0.0], [0.0, 3.0]]
    """
    x = _matrix("cholesky", x, square=True)
    if isinstance(x, ComplexTensor):
        return through_numpy("cholesky", np.linalg.cholesky, x, upper=upper)
    return linalg.cholesky(x, upper)


def det(x: Array, /) -> Array:
    """Determinant.

    Example:
        >>> corten.array_api.linalg.det(corten.tensor([[2.0, 0.0], [0.0, 3.0]])).item()
        6.0
    """
    x = _matrix("det", x, square=True)
    return through_numpy("det", np.linalg.det, x) if isinstance(x, ComplexTensor) else linalg.det(x)


def slogdet(x: Array, /) -> SlogdetResult:
    """Sign of the determinant and logarithm of its absolute value: no overflow for large matrices.

    Example:
        >>> corten.array_api.linalg.slogdet(corten.tensor([[-1.0, 0.0], [0.0, 1.0]])).sign.item()
        -1.0
    """
    x = _matrix("slogdet", x, square=True)
    if isinstance(x, ComplexTensor):
        return SlogdetResult(*through_numpy("slogdet", np.linalg.slogdet, x))
    return SlogdetResult(*linalg.slogdet(x))


def diagonal(x: Array, /, *, offset: int = 0) -> Array:
    """The elements on a diagonal: the main one, or `offset` above it.

    Example:
        >>> corten.array_api.linalg.diagonal(corten.tensor([[1, 2], [3, 4]])).tolist()
        [1, 4]
    """
    x = _matrix("diagonal", x)
    return each_part(lambda part: diagonals.diagonal(part, offset, -2, -1), x)


def trace(x: Array, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """Sum of the elements on a diagonal; small integers add up as int32 or uint32.

    Example:
        >>> corten.array_api.linalg.trace(corten.tensor([[1, 2], [3, 4]])).item()
        5
    """
    return _sum(diagonal(x, offset=offset), axis=-1, dtype=None if dtype is None else dtype_of(dtype, ""))


def eigh(x: Array, /) -> EigenResult:
    """Eigenvalues in ascending order and eigenvectors of a symmetric (complex: Hermitian) matrix.

    Example:
        >>> corten.array_api.linalg.eigh(corten.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues.tolist()
        [1.0, 2.0]
    """
    x = _matrix("eigh", x, square=True)
    if isinstance(x, ComplexTensor):
        return EigenResult(*through_numpy("eigh", np.linalg.eigh, x))
    return EigenResult(*linalg.eigh(x))


def eigvalsh(x: Array, /) -> Tensor:
    """Eigenvalues in ascending order of a symmetric (complex: Hermitian) matrix."""
    return eigh(x).eigenvalues


def inv(x: Array, /) -> Array:
    """Inverse of a square matrix.

    Example:
        >>> corten.array_api.linalg.inv(corten.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    x = _matrix("inv", x, square=True)
    return through_numpy("inv", np.linalg.inv, x) if isinstance(x, ComplexTensor) else linalg.inv(x)


def solve(x1: Array, x2: Array, /) -> Array:
    """The `x` for which ``x1 @ x`` is `x2`: a vector, or a matrix of columns.

    Example:
        >>> a = corten.tensor([[2.0, 0.0], [0.0, 4.0]])
        >>> corten.array_api.linalg.solve(a, corten.tensor([2.0, 2.0])).tolist()
        [1.0, 0.5]
    """
    x1, x2 = together(_matrix("solve", x1, square=True), x2)
    column = x2[..., None] if x2.ndim == 1 else x2
    if column.shape[-2] != x1.shape[-1]:
        raise ValueError(f"solve: expected {x1.shape[-1]} rows on the right side; got shape {x2.shape}")
    lead = np.broadcast_shapes(x1.shape[:-2], column.shape[:-2])
    x1 = broadcast_to(x1, (*lead, *x1.shape[-2:]))
    column = broadcast_to(column, (*lead, *column.shape[-2:]))
    if isinstance(x1, ComplexTensor):
        result = through_numpy("solve", np.linalg.solve, x1, column)
    else:
        result = linalg.solve(x1, column)
    return result[..., 0] if x2.ndim == 1 else result


def qr(x: Array, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """Orthonormal columns times an upper triangle; ``"complete"`` gives a square first factor.

    Example:
        >>> corten.array_api.linalg.qr(corten.array_api.ones((3, 2))).Q.shape
        (3, 2)
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode must be 'reduced' or 'complete'; got {mode!r}")
    x = _matrix("qr", x)
    if isinstance(x, ComplexTensor):
        return QRResult(*through_numpy("qr", np.linalg.qr, x, mode=mode))
    return QRResult(*linalg.qr(x, mode))


def svd(x: Array, /, *, full_matrices: bool = True) -> SVDResult:
    """Singular values in descending order, with the vectors on both sides.

    Example:
        >>> corten.array_api.linalg.svd(corten.tensor([[3.0, 0.0], [0.0, 4.0]])).S.tolist()
        [4.0, 3.0]
    """
    x = _matrix("svd", x)
    if isinstance(x, ComplexTensor):
        return SVDResult(*through_numpy("svd", np.linalg.svd, x, full_matrices=full_matrices))
    return SVDResult(*linalg.svd(x, full_matrices))


def svdvals(x: Array, /) -> Tensor:
    """Singular values in descending order."""
    x = _matrix("svdvals", x)
    if isinstance(x, ComplexTensor):
        values: Tensor = through_numpy("svdvals", np.linalg.svd, x, compute_uv=False)
        return values
    result: Tensor = linalg.svd(x, False, False)
    return result


def _tolerance(x: Array, rtol: Any) -> Any:
    """Relative limit below which a singular value counts as 0."""
    if rtol is None:
        return max(x.shape[-2:]) * finfo(x.dtype).eps
    return array(rtol)[..., None] if hasattr(rtol, "shape") else rtol


def matrix_rank(x: Array, /, *, rtol: Any = None) -> Tensor:
    """int32 number of singular values above `rtol` times the largest.

    Example:
        >>> corten.array_api.linalg.matrix_rank(corten.array_api.ones((3, 2))).item()
        1
    """
    x = _matrix("matrix_rank", x)
    values = svdvals(x)
    if 0 in values.shape:
        return _core.full(values.shape[:-1], 0, "int32")
    limit = _core.reduce("max", values, (-1,), True) * _tolerance(x, rtol)
    return _core.reduce("sum", _core.cast(values > limit, "int32"), (-1,), False)


def pinv(x: Array, /, *, rtol: Any = None) -> Array:
    """Pseudo-inverse; singular values up to `rtol` times the largest count as 0.

    Example:
        >>> corten.array_api.linalg.pinv(corten.tensor([[2.0], [0.0]])).tolist()
        [[0.5, 0.0]]
    """
    x = _matrix("pinv", x)
    if 0 in x.shape:
        part = _core.full((*x.shape[:-2], x.shape[-1], x.shape[-2]), 0.0, FLOAT_OF.get(x.dtype, x.dtype))
        return cast(part, x.dtype)
    left, values, right = svd(x, full_matrices=False)
    kept = values > _core.reduce("max", values, (-1,), True) * _tolerance(x, rtol)
    inverse = _core.where(kept, 1.0 / _core.where(kept, values, 1.0), 0.0)
    return (conj(matrix_transpose(right)) * inverse[..., None, :]) @ conj(matrix_transpose(left))


def matrix_power(x: Array, n: int, /) -> Array:
    """A square matrix times itself; negative powers are those of the inverse.

    Example:
        >>> corten.array_api.linalg.matrix_power(corten.tensor([[2.0]]), 3).tolist()
        [[8.0]]
    """
    x = _matrix("matrix_power", x, square=True)
    if n < 0:
        x, n = inv(x), -n
    result = broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape)
    while n:
        if n & 1:
            result = result @ x
        x, n = (x @ x if n > 1 else x), n >> 1
    return result


def vector_norm(x: Array, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """Norm of vectors along axes (all if None): ``sum(abs(x) ** ord) ** (1 / ord)``, or its limit.

    Args:
        x: Floats or complex numbers.
        axis: One axis, several (whose elements form one vector), or all.
        keepdims: Whether the axes stay, with length 1.
        ord: Any number: 0 counts elements that are not 0, infinities take the largest or smallest.

    Example:
        >>> corten.array_api.linalg.vector_norm(corten.tensor([3.0, 4.0])).item()
        5.0
    """
    x = array(x)
    if x.dtype not in FLOATS and not isinstance(x, ComplexTensor):
        x = _core.cast(x, "float32")
    size = abs(x)
    axes = axes_of("vector_norm", axis, x.ndim)
    if ord == math.inf:
        return _core.reduce("max", size, axes, keepdims)
    if ord == -math.inf:
        return _core.reduce("min", size, axes, keepdims)
    if ord == 0:
        return _core.reduce("sum", _core.cast(size != 0.0, size.dtype), axes, keepdims)
    if ord == 1:
        return _core.reduce("sum", size, axes, keepdims)
    if ord == 2:
        return _core.unary("sqrt", _core.reduce("sum", size * size, axes, keepdims))
    return _core.reduce("sum", size**ord, axes, keepdims) ** (1.0 / ord)


def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Norm of matrices.

    Args:
        x: Floats or complex numbers, of at least two axes.
        keepdims: Whether the last two axes stay, with length 1.
        ord: ``"fro"`` (Frobenius), ``"nuc"`` (sum of singular values), 2 and -2 (largest and smallest
            of them), 1 and -1 (of column sums), infinity and -infinity (of row sums).

    Example:
        >>> corten.array_api.linalg.matrix_norm(corten.tensor([[3.0, 0.0], [0.0, 4.0]])).item()
        5.0
    """
    x = _matrix("matrix_norm", x)
    if ord is None or ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        lines = vector_norm(x, axis=-2 if abs(ord) == 1 else -1, ord=1)
        result = _core.reduce("max" if ord > 0 else "min", lines, (-1,), False)
    elif ord == "nuc":
        result = _core.reduce("sum", svdvals(x), (-1,), False)
    elif ord in (2, -2):
        result = _core.reduce("max" if ord > 0 else "min", svdvals(x), (-1,), False)
    else:
        raise ValueError(f"matrix_norm: ord must be 'fro', 'nuc', 1, 2, inf or their negatives; got {ord!r}")
    return result[..., None, None] if keepdims else result


__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd",
    "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip
