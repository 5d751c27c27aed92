"""Collecting outputs and labels of batches that differ in length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: What rows are filled up with.
PADDING = -100


def to_numpy(value: Any) -> Any:
    """Gives outputs as NumPy arrays, 16-bit floats as float32.

    Example:
        >>> to_numpy((np.zeros(2, "float16"), None))
        (array([0., 0.], dtype=float32), None)
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: to_numpy(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(to_numpy(item) for item in value)
    if not isinstance(value, np.ndarray):
        dtype = getattr(value, "dtype", None)
        if dtype == "bfloat16":
            from corten import _core

            value = _core.cast(value, "float32")
        value = value.numpy() if hasattr(value, "numpy") else np.asarray(value)
    return value.astype(np.float32) if value.dtype == np.float16 else value


def concatenate(parts: Sequence[Any]) -> Any:
    """Joins outputs of batches along their first axis; shorter rows are filled up with -100.

    Args:
        parts: Arrays, or tuples or dicts of them, arranged alike.

    Example:
        >>> concatenate([np.array([[1, 2]]), np.array([[3]])]).tolist()
        [[1, 2], [3, -100]]
    """
    first = parts[0]
    if first is None:
        return None
    if isinstance(first, Mapping):
        return {name: concatenate([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple):
        return tuple(concatenate(list(column)) for column in zip(*parts, strict=True))
    arrays = [np.atleast_1d(part) for part in parts]
    if len({array.shape[1:] for array in arrays}) == 1:
        return np.concatenate(arrays)
    longest = [max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True)]
    joined = np.full((sum(len(array) for array in arrays), *longest), PADDING, np.result_type(*arrays))
    start = 0
    for array in arrays:
        place = (slice(start, start + len(array)), *(slice(size) for size in array.shape[1:]))
        joined[place] = array
        start += len(array)
    return joined


def single(parts: Sequence[Any]) -> Any:
    """Gives the only part as it is, several as a tuple, None where there is none."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else tuple(parts)
