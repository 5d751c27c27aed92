"""Nested state as JSON and arrays: what a checkpoint's file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from corten import _core
from corten.saving.model_state import to_array
from corten.variable import Variable

_ARRAY = "__array__"
_ITEMS = "__items__"
_MARKS = frozenset({_ARRAY, _ITEMS})


def encode(value: Any, arrays: dict[str, Any], place: str) -> Any:
    """Gives a value as JSON; arrays in it go to `arrays`.

    Args:
        value: Numbers, text, None, arrays, and lists, tuples and dicts of them.
        arrays: Gets the arrays, by names that begin with `place`.
        place: What the value is called, also in messages.

    Returns:
        What `decode` makes the value of again, with lists for tuples and NumPy arrays for tensors.

    Raises:
        TypeError: There is something else in it.

    Example:
        >>> arrays = {}
        >>> encode({"wait": 2, "best": np.float32(0.5)}, arrays, "stopping")
        {'wait': 2, 'best': {'__array__': 'stopping/best'}}
        >>> sorted(arrays)
        ['stopping/best']
    """
    if value is None or isinstance(value, str | bool):
        return value
    # Not NumPy's numbers, which are Python's by inheritance: their dtype would be lost.
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return value
    if isinstance(value, np.ndarray | np.generic | _core.Tensor | Variable):
        arrays[place] = to_array(value)
        return {_ARRAY: place}
    if isinstance(value, Mapping):
        if all(type(key) is str for key in value) and not _MARKS.intersection(value):
            return {key: encode(item, arrays, f"{place}/{key}") for key, item in value.items()}
        return {
            _ITEMS: [
                [encode(key, arrays, f"{place}/key_{index}"), encode(item, arrays, f"{place}/{index}")]
                for index, (key, item) in enumerate(value.items())
            ]
        }
    if isinstance(value, list | tuple):
        return [encode(item, arrays, f"{place}/{index}") for index, item in enumerate(value)]
    raise TypeError(
        f"{place}: a checkpoint holds numbers, text, None, arrays, and lists and dicts of them; got a "
        f"{type(value).__name__}"
    )


def decode(value: Any, arrays: Mapping[str, Any]) -> Any:
    """Gives back what `encode` was given.

    Raises:
        KeyError: An array is missing.

    Example:
        >>> arrays = {}
        >>> decode(encode({3: (1, np.arange(2))}, arrays, "x"), arrays)
        {3: [1, array([0, 1])]}
    """
    if isinstance(value, list):
        return [decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        array = np.array(arrays[value[_ARRAY]])
        return array if array.ndim else array[()]
    if _ITEMS in value:
        return {decode(key, arrays): decode(item, arrays) for key, item in value[_ITEMS]}
    return {key: decode(item, arrays) for key, item in value.items()}
