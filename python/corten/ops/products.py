"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_tensor, axis_of, promoted
from corten.ops.dispatch import op
from corten.ops.manipulation import moveaxis
from corten.symbolic import is_unknown_size


@op
def matmul(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Matrix product of the last two axes; the others broadcast.

    Args:
        x1: A tensor of one or more dimensions.
        x2: A tensor of one or more dimensions.

    Returns:
        A tensor of the promoted dtype, int32 for int8; a 1-D operand loses its axis.

    Raises:
        ShapeError: The inner sizes differ.

    Example:
        >>> corten.ops.matmul([[1, 2], [3, 4]], [1, 1]).tolist()
        [3, 7]
    """
    return _core.matmul(x1, x2)


@op
def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum of products over the last axis of `x1` and the second to last (or only) axis of `x2`.

    Args:
        x1: A tensor; a scalar multiplies.
        x2: A tensor; a scalar multiplies.

    Returns:
        A tensor of the promoted dtype.

    Example:
        >>> int(corten.ops.dot([1, 2], [3, 4]))
        11
    """
    x1, x2 = promoted(x1, x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return _core.binary("multiply", x1, x2)
    if x1.ndim <= 2 and x2.ndim <= 2 and x1.dtype != "int8":
        return _core.matmul(x1, x2)
    return _core.tensordot(x1, x2, ([x1.ndim - 1], [max(x2.ndim - 2, 0)]))


@op
def vdot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum of products of all elements.

    Args:
        x1: A tensor.
        x2: A tensor of as many elements.

    Returns:
        A scalar tensor.

    Example:
        >>> int(corten.ops.vdot([[1, 2]], [3, 4]))
        11
    """
    x1, x2 = promoted(x1, x2)
    return _core.tensordot(_core.reshape(x1, (-1,)), _core.reshape(x2, (-1,)), 1)


@op
def inner(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sum of products over the last axes.

    Args:
        x1: A tensor; a scalar multiplies.
        x2: A tensor; a scalar multiplies.

    Returns:
        A tensor with the other axes of both.

    Example:
        >>> corten.ops.inner([[1, 2], [3, 4]], [1, 1]).tolist()
        [3, 7]
    """
    x1, x2 = promoted(x1, x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return _core.binary("multiply", x1, x2)
    unknown = is_unknown_size(x1, -1) or is_unknown_size(x2, -1)
    if x1.shape[-1] != x2.shape[-1] and not unknown:
        raise ValueError(
            f"inner: the last dimension of both must be equal: the sum is over it; got {x1.shape} "
            f"and {x2.shape}"
        )
    return _core.tensordot(x1, x2, ([x1.ndim - 1], [x2.ndim - 1]))


@op
def outer(x1: TensorLike, x2: TensorLike) -> Tensor:
    """All products of an element of `x1` and one of `x2`, both flattened.

    Args:
        x1: A tensor.
        x2: A tensor.

    Returns:
        A tensor of shape ``(x1.size, x2.size)``.

    Example:
        >>> corten.ops.outer([1, 2], [3, 4]).tolist()
        [[3, 4], [6, 8]]
    """
    x1, x2 = promoted(x1, x2)
    return _core.binary("multiply", _core.reshape(x1, (-1, 1)), _core.reshape(x2, (1, -1)))


@op
def tensordot(x1: TensorLike, x2: TensorLike, axes: Any = 2) -> Tensor:
    """Sum of products over chosen axes.

    Args:
        x1: A tensor.
        x2: A tensor.
        axes: How many axes (the last of `x1` with the first of `x2`), or the pair of axis lists.

    Returns:
        A tensor with the other axes of both.

    Example:
        >>> corten.ops.tensordot([[1, 2]], [[3], [4]], axes=1).tolist()
        [[11]]
    """
    x1, x2 = promoted(x1, x2)
    if isinstance(axes, int):
        return _core.tensordot(x1, x2, axes)
    one, other = ([a] if isinstance(a, int) else list(a) for a in axes)
    return _core.tensordot(x1, x2, (one, other))


@op
def einsum(subscripts: str, *operands: TensorLike, **kwargs: Any) -> Tensor:
    """Sum of products in Einstein's notation.

    Args:
        subscripts: Letters for the axes of each operand, and of the result after ``->``.
        *operands: Tensors.
        **kwargs: Accepted for compatibility (``optimize``); makes no difference.

    Returns:
        A tensor of the promoted dtype, int32 for int8.

    Example:
        >>> corten.ops.einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1]).tolist()
        [3, 7]
    """
    return _core.einsum(subscripts, *promoted(*operands))


@op
def kron(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Kronecker product: `x2` scaled by each element of `x1`, in blocks.

    Args:
        x1: A tensor.
        x2: A tensor.

    Returns:
        A tensor whose sizes are the products of both.

    Example:
        >>> corten.ops.kron([1, 2], [1, 10]).tolist()
        [1, 10, 2, 20]
    """
    x1, x2 = promoted(x1, x2)
    rank = max(x1.ndim, x2.ndim)
    one, other = (1,) * (rank - x1.ndim) + x1.shape, (1,) * (rank - x2.ndim) + x2.shape
    left = _core.reshape(x1, tuple(n for size in one for n in (size, 1)))
    right = _core.reshape(x2, tuple(n for size in other for n in (1, size)))
    return _core.reshape(
        _core.binary("multiply", left, right), tuple(a * b for a, b in zip(one, other, strict=True))
    )


@op
def cross(
    x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """Cross product of vectors of two or three components.

    Args:
        x1: A tensor.
        x2: A tensor.
        axisa: The axis of components of `x1`.
        axisb: The axis of components of `x2`.
        axisc: The axis of components of the result.
        axis: All three at once.

    Returns:
        A tensor; of two 2-component vectors the third component alone, without that axis.

    Example:
        >>> corten.ops.cross([1, 0, 0], [0, 1, 0]).tolist()
        [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = promoted(x1, x2)
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError(
            f"cross: vectors of 2 or 3 components are needed; got shapes {x1.shape} and {x2.shape}"
        )
    flat = a.shape[-1] == 2 and b.shape[-1] == 2
    left, right = _components(a), _components(b)

    def minor(i: int, j: int) -> Tensor:
        return _core.binary(
            "subtract",
            _core.binary("multiply", left[i], right[j]),
            _core.binary("multiply", left[j], right[i]),
        )

    if flat:
        return minor(0, 1)
    result = _core.stack([minor(1, 2), minor(2, 0), minor(0, 1)], -1)
    return moveaxis(result, -1, axis_of("cross", axisc, result.ndim))


def _components(x: Tensor) -> Sequence[Tensor]:
    parts = [_core.gather(x, as_tensor(i, "int32"), x.ndim - 1) for i in range(x.shape[-1])]
    if len(parts) == 2:
        parts.append(_core.full((), 0, x.dtype))
    return parts


@op
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of a vector's elements, one power per column.

    Args:
        x: A tensor with one axis.
        N: The number of columns; None is the length of `x`.
        increasing: Whether powers increase from left to right.

    Returns:
        A tensor of shape ``(len(x), N)``.

    Example:
        >>> corten.ops.vander([2, 3], 3).tolist()
        [[4, 2, 1], [9, 3, 1]]
    """
    x = as_tensor(x)
    if x.ndim != 1:
        raise ValueError(f"vander: a tensor with one axis is needed; got shape {x.shape}")
    count = x.shape[0] if N is None else N
    ones = _core.full((x.shape[0], 1), 1, x.dtype)
    if count == 0:
        return _core.slice(ones, (0, 0), (x.shape[0], 0), (1, 1))
    column = _core.broadcast_to(_core.expand_dims(x, 1), (x.shape[0], count - 1))
    powers = _core.concatenate([ones, _core.scan("cumprod", column, 1, False)], 1)
    return powers if increasing else _core.flip(powers, (1,))
