"""Two 4-bit integers in each byte: `pack_int4` and `unpack_int4`."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.config import standardize_dtype


def _checked_dtype(function: str, dtype: Any) -> str:
    name = standardize_dtype(dtype)
    if name not in {"int8", "uint8"}:
        raise ValueError(f"{function}: `dtype` must be 'int8' or 'uint8'; got {dtype!r}.")
    return name


def _axis(function: str, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"{function}: axis {axis} is out of bounds for a tensor with {rank} axes.")
    return axis % rank


def pack_int4(arr: Any, axis: int = 0, dtype: str = "int8") -> tuple[Any, tuple[int, ...], int]:
    """Pack 4-bit integers, two in a byte, along one axis.

    The first of two neighbors is in the low four bits. Where their number is odd, a zero is added.

    Args:
        arr: Integers of dtype `dtype`: -8 to 7 for `'int8'`, 0 to 15 for `'uint8'`.
        axis: The axis that becomes half as long.
        dtype: `'int8'` or `'uint8'`.

    Returns:
        The packed tensor of dtype `dtype`, its shape, and the length that the axis had.

    Raises:
        TypeError: `arr` has another dtype.
        ValueError: `dtype` or `axis` is not possible.

    Example:
        >>> import numpy as np
        >>> packed, shape, length = pack_int4(np.array([1, 3, -8], "int8"))
        >>> packed.tolist(), shape, length
        ([49, 8], (2,), 3)
    """
    dtype = _checked_dtype("pack_int4", dtype)
    arr = ops.convert_to_tensor(arr)
    if arr.dtype != dtype:
        raise TypeError(f"pack_int4: Expected {dtype} tensor for packing, got {arr.dtype}.")
    axis = _axis("pack_int4", axis, len(arr.shape))
    length = int(arr.shape[axis])
    if length % 2:
        padding = [(0, 0)] * len(arr.shape)
        padding[axis] = (0, 1)
        arr = ops.pad(arr, padding)
    split = (*arr.shape[:axis], arr.shape[axis] // 2, 2, *arr.shape[axis + 1 :])
    low, high = ops.unstack(ops.reshape(arr, split), axis=axis + 1)
    packed = ops.bitwise_or(ops.bitwise_and(low, 15), ops.left_shift(high, 4))
    packed = ops.cast(packed, dtype)
    return packed, tuple(packed.shape), length


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Any:
    """Undo `pack_int4`.

    Args:
        packed: What `pack_int4` returned first, of dtype int8 or uint8.
        orig_len: The length that the axis had.
        axis: The axis that was packed.
        dtype: The dtype of the result: with `'int8'` the four bits have a sign, with `'uint8'` not.

    Raises:
        TypeError: `packed` has another dtype.
        ValueError: `dtype` or `axis` is not possible.

    Example:
        >>> import numpy as np
        >>> unpack_int4(np.array([49, 8], "int8"), 3).tolist()
        [1, 3, -8]
    """
    dtype = _checked_dtype("unpack_int4", dtype)
    packed = ops.convert_to_tensor(packed)
    if packed.dtype not in {"int8", "uint8"}:
        raise TypeError(f"unpack_int4: Expected int8 or uint8 tensor for unpacking, got {packed.dtype}.")
    axis = _axis("unpack_int4", axis, len(packed.shape))
    if packed.dtype != dtype:
        packed = ops.view(packed, dtype)
    # Shifting an int8 to the right repeats its sign.
    low, high = ops.right_shift(ops.left_shift(packed, 4), 4), ops.right_shift(packed, 4)
    shape = (*packed.shape[:axis], packed.shape[axis] * 2, *packed.shape[axis + 1 :])
    both = ops.reshape(ops.stack([low, high], axis=axis + 1), shape)
    if shape[axis] == orig_len:
        return both
    return both[(*[slice(None)] * axis, slice(0, orig_len))]
