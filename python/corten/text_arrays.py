"""Text, which has no tensors: as NumPy arrays of `str`, whatever was given."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import _core
from corten._state import state
from corten.symbolic import KerasTensor


class TextArray(np.ndarray):
    """Text as data sets give it: a NumPy array that has `numpy()`, as the tensors beside it have.

    Example:
        >>> import numpy as np
        >>> np.array(["a", "b"]).view(TextArray).numpy().tolist()
        ['a', 'b']
    """

    def numpy(self) -> np.ndarray:
        """The same text, as a plain array."""
        return self.view(np.ndarray)


def is_text_array(value: Any) -> bool:
    """Whether a value is a NumPy array of text, and not empty where that cannot be told.

    Example:
        >>> import numpy as np
        >>> is_text_array(np.array(["a"])), is_text_array(np.array([1])), is_text_array(["a"])
        (True, False, False)
    """
    if type(value) is not np.ndarray and type(value) is not TextArray:
        return False
    kind = value.dtype.kind
    return kind in "UST" or (kind == "O" and value.size > 0 and _holds_text(value))


def is_text(value: Any) -> bool:
    """Whether a value is text, or an array or a (nested) list of it.

    Example:
        >>> is_text("a"), is_text([["a"], ["b"]]), is_text([1, 2])
        (True, True, False)
    """
    if isinstance(value, KerasTensor):
        return value.dtype == "string"
    if isinstance(value, _core.Tensor):
        return False
    if isinstance(value, (str, bytes)):
        return True
    if isinstance(value, (list, tuple)):
        return any(is_text(item) for item in value)
    dtype = getattr(value, "dtype", None)
    kind = getattr(dtype, "kind", None)
    if kind == "O":
        return _holds_text(np.asarray(value))
    return kind in ("U", "S", "T") or str(dtype) in ("string", "String", "str")


def _holds_text(objects: np.ndarray) -> bool:
    # While shapes are inferred, arrays of millions stand for unknown sizes: they are not looked at.
    return bool(state.probing) or all(isinstance(item, (str, bytes)) for item in objects.flat)


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
        >>> as_text("Layer", [["a"], [b"b"]]).tolist()
        [['a'], ['b']]
    """
    if isinstance(value, _core.Tensor):
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


# An array of texts of one width takes the longest text's memory for each.
_WIDE = 64 << 20


def text_array(texts: list[str]) -> np.ndarray:
    """An array of texts: of one width, or where the longest would make that large, of Python strings.

    Args:
        texts: The texts.

    Example:
        >>> text_array(["a", "bc"]).dtype.kind, text_array(["a"] * 1000 + ["b" * 100_000]).dtype.kind
        ('U', 'O')
    """
    width = max(map(len, texts), default=0)
    if 4 * width * len(texts) > _WIDE + 10 * sum(map(len, texts)):
        result = np.empty(len(texts), dtype=object)
        result[:] = texts
        return result
    return np.array(texts, dtype=str)
