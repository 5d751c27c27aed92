"""Functions of tensors under TensorFlow's names and with its defaults."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from corten import ops
from corten.ops import (
    abs as abs,
    add as add,
    cos as cos,
    cumsum as cumsum,
    divide as divide,
    einsum as einsum,
    equal as equal,
    exp as exp,
    eye as eye,
    floor as floor,
    greater as greater,
    greater_equal as greater_equal,
    less as less,
    less_equal as less_equal,
    linspace as linspace,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    maximum as maximum,
    meshgrid as meshgrid,
    minimum as minimum,
    multiply as multiply,
    negative as negative,
    not_equal as not_equal,
    ones_like as ones_like,
    reshape as reshape,
    round as round,
    sigmoid as sigmoid,
    sign as sign,
    sin as sin,
    sqrt as sqrt,
    square as square,
    squeeze as squeeze,
    stack as stack,
    subtract as subtract,
    tanh as tanh,
    tensordot as tensordot,
    tile as tile,
    unstack as unstack,
    where as where,
    zeros_like as zeros_like,
)
from corten.symbolic import KerasTensor
from corten.text_arrays import TextArray, is_text

pow = ops.power


def expand_dims(input: Any, axis: Any, name: str | None = None) -> Any:
    """Gives `input` with a new axis of size 1; it may be text.

    Args:
        input: A tensor, or an array of texts.
        axis: Where the new axis is.
        name: Accepted for TensorFlow's sake.

    Example:
        >>> import corten.tf as tf
        >>> tf.expand_dims([1, 2], -1).shape, tf.expand_dims(["a", "b"], 0).tolist()
        ((2, 1), [['a', 'b']])
    """
    if is_text(input) and not isinstance(input, KerasTensor):
        return np.expand_dims(np.asarray(input).astype(str), axis).view(TextArray)
    return ops.expand_dims(input, axis)


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Gives `x` in another dtype."""
    return ops.cast(x, dtype)


def identity(input: Any, name: str | None = None) -> Any:
    """Gives a tensor of the same values."""
    return ops.copy(input)


def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Gives the sum over axes; over all if None."""
    return ops.sum(input_tensor, axis=axis, keepdims=keepdims)


def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Gives the mean over axes; over all if None."""
    return ops.mean(input_tensor, axis=axis, keepdims=keepdims)


def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Gives the largest value over axes; over all if None."""
    return ops.max(input_tensor, axis=axis, keepdims=keepdims)


def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Gives the smallest value over axes; over all if None."""
    return ops.min(input_tensor, axis=axis, keepdims=keepdims)


def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Gives the product over axes; over all if None."""
    return ops.prod(input_tensor, axis=axis, keepdims=keepdims)


def reduce_any(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Tells whether any value over axes is true."""
    return ops.any(input_tensor, axis=axis, keepdims=keepdims)


def reduce_all(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Tells whether all values over axes are true."""
    return ops.all(input_tensor, axis=axis, keepdims=keepdims)


def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """Gives the logarithm of the sum of the exponentials over axes."""
    return ops.logsumexp(input_tensor, axis=axis, keepdims=keepdims)


def argmax(input: Any, axis: int = 0, output_type: Any = "int64", name: str | None = None) -> Any:
    """Gives the index of the largest value; along the first axis by default, as in TensorFlow."""
    return ops.cast(ops.argmax(input, axis=0 if axis is None else axis), output_type)


def argmin(input: Any, axis: int = 0, output_type: Any = "int64", name: str | None = None) -> Any:
    """Gives the index of the smallest value; along the first axis by default, as in TensorFlow."""
    return ops.cast(ops.argmin(input, axis=0 if axis is None else axis), output_type)


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, **_: Any) -> Any:
    """Gives the matrix product of the last two axes."""
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    return ops.matmul(
        ops.swapaxes(a, -1, -2) if transpose_a else a, ops.swapaxes(b, -1, -2) if transpose_b else b
    )


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str | None = None) -> Any:
    """Puts the axes into another order; reversed if None."""
    return ops.transpose(a, axes=perm)


def matrix_transpose(a: Any, name: str | None = None, conjugate: bool = False) -> Any:
    """Swaps the last two axes."""
    return ops.swapaxes(a, -1, -2)


def concat(values: Any, axis: int, name: str | None = None) -> Any:
    """Joins tensors along an axis."""
    return ops.concatenate(values, axis=axis)


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: str | None = None
) -> Any:
    """Cuts a tensor into equal parts (a number) or parts of given sizes (a list)."""
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis=axis)
    borders: list[int] = []
    total = 0
    for size in list(num_or_size_splits)[:-1]:
        total += int(size)
        borders.append(total)
    return ops.split(value, borders, axis=axis)


def gather(params: Any, indices: Any, validate_indices: Any = None, axis: int = 0, **_: Any) -> Any:
    """Takes entries along an axis; along the first by default."""
    return ops.take(params, indices, axis=axis)


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Keeps the entries where the mask is true."""
    return ops.convert_to_tensor(tensor)[ops.convert_to_tensor(mask, "bool")]


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """Limits the values."""
    return ops.minimum(ops.maximum(t, clip_value_min), clip_value_max)


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: Any = None,
    dtype: Any = None,
    **_: Any,
) -> Any:
    """Turns class indices into one-hot rows."""
    result = ops.one_hot(indices, depth, axis=-1 if axis is None else axis, dtype=dtype or "float32")
    if on_value is None and off_value is None:
        return result
    on, off = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    return result * (on - off) + off


def shape(input: Any, out_type: Any = "int32", name: str | None = None) -> Any:
    """Gives the shape as a tensor."""
    return ops.convert_to_tensor(list(ops.shape(input)), out_type)


def size(input: Any, out_type: Any = "int32", name: str | None = None) -> Any:
    """Gives the number of values."""
    return ops.cast(ops.size(input), out_type)


def rank(input: Any, name: str | None = None) -> int:
    """Gives the number of axes."""
    return int(ops.ndim(input))


def zeros(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """Makes a tensor of zeros."""
    return ops.zeros(shape, dtype)


def ones(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """Makes a tensor of ones."""
    return ops.ones(shape, dtype)


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """Makes a tensor of one value."""
    return ops.full(dims, value)


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Any:
    """Makes a row of numbers."""
    return ops.arange(start, limit, delta, dtype=dtype)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None
) -> Any:
    """Adds values around a tensor."""
    kind = mode.lower()
    if kind == "constant":
        return ops.pad(tensor, paddings, mode=kind, constant_values=constant_values)
    return ops.pad(tensor, paddings, mode=kind)


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """Gives the norm of a tensor (of all its values without `axis`)."""
    if axis is None:
        result = ops.norm(ops.reshape(tensor, (-1,)), None if ord in ("euclidean", "fro") else ord)
        return ops.reshape(result, (1,) * int(ops.ndim(tensor))) if keepdims else result
    order = None if ord == "euclidean" else ord
    return ops.norm(tensor, order, axis=axis, keepdims=keepdims)


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """Sorts along an axis."""
    result = ops.sort(values, axis=axis)
    return ops.flip(result, axis=axis) if _descending(direction) else result


def argsort(
    values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Any:
    """Gives the positions that sort along an axis."""
    result = ops.argsort(values, axis=axis)
    return ops.flip(result, axis=axis) if _descending(direction) else result


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"direction is 'ASCENDING' or 'DESCENDING'; got {direction!r}")
    return direction == "DESCENDING"


def map_fn(fn: Any, elems: Any, **_: Any) -> Any:
    """Calls a function on each element along the first axis and stacks what it returns."""
    return ops.map(fn, elems)


def group(*inputs: Any, **_: Any) -> None:
    """Does nothing: everything has been computed already."""


def print(*inputs: Any, end: str = "\n", sep: str = " ", **_: Any) -> None:
    """Prints values."""
    builtins.print(
        *(value.numpy() if hasattr(value, "numpy") else value for value in inputs), end=end, sep=sep
    )


__all__ = [
    name
    for name in dir()
    if not name.startswith("_") and name not in ("Any", "annotations", "builtins", "ops")
]
