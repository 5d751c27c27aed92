"""Elements of a data set: arrays, or tuples and dicts of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from corten import _core
from corten.text_arrays import TextArray, text_array

Tensor = _core.Tensor


def map_structure(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """Applies `function` leaf by leaf to structures of the same shape."""
    if isinstance(first, dict):
        return {key: map_structure(function, first[key], *(other[key] for other in others)) for key in first}
    if isinstance(first, tuple):
        return tuple(map_structure(function, *parts) for parts in zip(first, *others, strict=True))
    return function(first, *others)


def leaves(value: Any) -> list[Any]:
    """Lists the arrays inside an element."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, tuple):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def to_element(value: Any) -> Any:
    """Gives a user's value as an element: lists become arrays, tensors and arrays stay."""
    if isinstance(value, dict):
        return {key: to_element(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(to_element(item) for item in value)
    if isinstance(value, np.ndarray | Tensor) or _is_data_set(value):
        return value
    own = getattr(value, "__corten_tensor__", None)
    if own is not None:
        return own()
    to_numpy = getattr(value, "to_numpy", None)
    return to_numpy() if to_numpy is not None else np.asarray(value)


def stack(elements: list[Any]) -> Any:
    """Joins elements into one with a new first axis.

    Raises:
        ValueError: Their shapes differ.
    """
    return map_structure(_stack_leaves, *elements)


def _stack_leaves(*parts: Any) -> Any:
    shapes = {tuple(part.shape) for part in parts}
    if len(shapes) > 1:
        listed = ", ".join(str(shape) for shape in sorted(shapes, key=str)[:4])
        raise ValueError(
            f"Dataset.batch: elements of one batch differ in shape ({listed}); use padded_batch, "
            "or bring images to one size in `map` first (`corten.ops.image.resize`)"
        )
    if all(type(part) is Tensor for part in parts):
        return _core.stack(list(parts), 0)
    arrays = [part.numpy() if type(part) is Tensor else part for part in parts]
    if all(array.ndim == 0 and array.dtype.kind == "U" for array in arrays):
        return text_array([str(array) for array in arrays])
    return np.stack(arrays)


def as_user_sees(element: Any) -> Any:
    """Gives an element with tensors for arrays, as functions passed to `map` and loops get it."""
    return map_structure(_as_tensor, element)


def _as_tensor(leaf: Any) -> Any:
    if type(leaf) is Tensor:
        return leaf
    if _is_data_set(leaf):
        return leaf
    leaf = np.asarray(leaf)
    # Text and objects have no tensor form; they pass as they are, for functions that make numbers of them.
    if leaf.dtype.kind in "fiub":
        return _core.tensor(leaf)
    if leaf.dtype.kind != "U":
        return leaf
    return leaf.view(TextArray) if leaf.ndim else leaf[()]  # A single text has the methods of `str`.


def _is_data_set(leaf: Any) -> bool:
    """Windows are data sets inside elements."""
    return hasattr(leaf, "_cardinality")
