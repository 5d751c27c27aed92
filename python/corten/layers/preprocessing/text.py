"""Text as layers meet it: NumPy arrays of `str`, whatever was given, and batches out of any data source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from corten import _core, tree
from corten._state import state
from corten.symbolic import KerasTensor, meta_tensor

_Tensor = _core.Tensor


def is_text(value: Any) -> bool:
    """Whether a value is text or an array of it.

    Example:
        >>> from corten.layers.preprocessing.text import is_text
        >>> is_text("a"), is_text([["a"], ["b"]]), is_text([1, 2])
        (True, True, False)
    """
    if isinstance(value, KerasTensor):
        return value.dtype == "string"
    if isinstance(value, _Tensor):
        return False
    if isinstance(value, (str, bytes)):
        return True
    if isinstance(value, (list, tuple)):
        return any(is_text(item) for item in value)
    dtype = getattr(value, "dtype", None)
    kind = getattr(dtype, "kind", None)
    if kind == "O":
        return all(isinstance(item, (str, bytes)) for item in np.asarray(value).flat)
    return kind in ("U", "S", "T") or str(dtype) in ("string", "String", "str")


def as_text(layer: str, value: Any, encoding: str = "utf-8") -> np.ndarray:
    """The texts in an array of Python strings.

    Args:
        layer: The layer, for messages.
        value: A string, bytes, a (nested) list or an array of them.
        encoding: How bytes are encoded.

    Raises:
        TypeError: It holds something else than text.
        ValueError: The rows of a nested list differ in length, or bytes are not in this encoding.

    Example:
        >>> from corten.layers.preprocessing.text import as_text
        >>> as_text("Layer", [["a"], [b"b"]]).tolist()
        [['a'], ['b']]
    """
    if isinstance(value, _Tensor):
        raise TypeError(
            f"{layer}: expected text; got a tensor of {value.dtype} with shape {tuple(value.shape)}."
        )
    to_numpy = getattr(value, "to_numpy", None)
    try:
        array = to_numpy() if to_numpy is not None else np.asarray(value)
        if array.dtype.kind != "O":
            array = array.astype(object)
    except ValueError as error:
        raise ValueError(
            f"{layer}: the rows of the input differ in length, so it is not one array of texts ({error}). "
            "Pad them with empty strings."
        ) from error

    def text(item: Any) -> str:
        if isinstance(item, str):
            return item
        if isinstance(item, bytes):
            try:
                return item.decode(encoding)
            except UnicodeDecodeError as error:
                raise ValueError(f"{layer}: {item!r} is not text in {encoding}: {error}.") from error
        if isinstance(item, list):
            raise ValueError(f"{layer}: the rows of the input differ in length; pad them with empty strings.")
        raise TypeError(
            f"{layer}: expected text; got {item!r} ({type(item).__name__}). "
            "Turn numbers into text first, or use a layer for numbers."
        )

    if state.probing:
        return array
    out = np.empty(array.shape, dtype=object)
    flat = out.reshape(-1)
    for index, item in enumerate(array.flat):
        flat[index] = text(item)
    return out


def for_each_text(texts: np.ndarray, function: Any, dtype: str = "int64") -> Any:
    """A tensor of what a function makes of each text; while shapes are inferred, one without values."""
    if state.probing:
        return meta_tensor(texts.shape, dtype)
    numbers = np.fromiter((function(text) for text in texts.flat), dtype, texts.size)
    return _core.tensor(numbers.reshape(texts.shape))


def batches(layer: str, data: Any, batch_size: int | None, steps: int | None) -> Iterator[Any]:
    """The parts of what `adapt` was given.

    Args:
        layer: The layer, for messages.
        data: An array, nested lists of values, a tensor, a `Dataset`, a `PyDataset`, or an iterable of
            batches; a list of arrays is one.
        batch_size: Rows at a time of an array; None gives all at once.
        steps: At most so many batches; None for all.

    Yields:
        The batches; of `(features, targets)` or `(features, targets, weights)` the features.

    Raises:
        TypeError: The data or a batch holds several inputs by name.

    Example:
        >>> import numpy as np
        >>> from corten.layers.preprocessing.text import batches
        >>> [part.shape for part in batches("Layer", [np.ones((4, 2)), np.ones((3, 2))], None, None)]
        [(4, 2), (3, 2)]
    """
    for count, batch in enumerate(_parts(layer, data, batch_size)):
        if count == steps:
            return
        if isinstance(batch, tuple) and len(batch) in (1, 2, 3) and _is_array(batch[0]):
            batch = batch[0]
        if isinstance(batch, (tuple, dict)):
            raise TypeError(
                f"{layer}.adapt: expected batches of one array; got a {type(batch).__name__} of "
                f"{len(batch)}. "
                "Take one feature alone, as in `dataset.map(lambda features: features['age'])`."
            )
        yield batch


def _is_array(value: Any) -> bool:
    """Whether a value is an array or tensor with rows, not a list and not a single number."""
    return len(getattr(value, "shape", ())) > 0


def _is_batch(value: Any) -> bool:
    return _is_array(value) or (isinstance(value, tuple) and bool(value) and _is_array(value[0]))


def _parts(layer: str, data: Any, batch_size: int | None) -> Iterator[Any]:
    from corten.utils.py_dataset import PyDataset

    if isinstance(data, PyDataset):
        for index in range(data.num_batches or 0):
            batch = data[index]
            yield batch[0] if isinstance(batch, tuple) else batch
        return
    if isinstance(data, dict):
        yield data
        return
    if isinstance(data, (list, tuple)) and data and all(_is_batch(item) for item in data):
        yield from data
        return
    if hasattr(data, "shape") or isinstance(data, (list, tuple, str, bytes)):
        if isinstance(data, (list, tuple)) and not is_text(data):
            data = np.asarray(tree.map_structure(np.asarray, list(data)))
        size = len(data) if not isinstance(data, (str, bytes)) else 1
        if batch_size is None or size <= batch_size:
            yield data
            return
        for start in range(0, size, batch_size):
            yield data[start : start + batch_size]
        return
    if not hasattr(data, "__iter__"):
        raise TypeError(
            f"{layer}.adapt: expected an array, a Dataset or an iterable of batches; "
            f"got {type(data).__name__}."
        )
    yield from data
