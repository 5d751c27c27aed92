"""`tf.strings`: functions of text, one string or an array of them.

Text has no tensors here: it comes as Python strings, lists or NumPy arrays of them, and goes back as
NumPy arrays (single strings as strings).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from corten import _core
from corten.text_arrays import TextArray, as_text

_Tensor = _core.Tensor


def _each(name: str, function: Callable[[str], Any], texts: Any) -> np.ndarray:
    """The function's value for each text, as an array of objects."""
    array = as_text(f"tf.strings.{name}", texts)
    out = np.empty(array.shape, dtype=object)
    for place, text in enumerate(array.flat):
        out.reshape(-1)[place] = function(text)
    return out


def _as_texts(values: Any) -> Any:
    """An array of text, or the one text."""
    array = np.asarray(values).astype(str)
    return array.view(TextArray) if array.ndim else array[()]


def lower(input: Any, encoding: str = "utf-8", name: str | None = None) -> Any:
    """Gives texts in lower case.

    Args:
        input: A text or an array of texts.
        encoding: Accepted for TensorFlow's sake, as is `name`.
        name: See `encoding`.

    Example:
        >>> import corten.tf as tf
        >>> tf.strings.lower(["Good", "BAD"]).tolist()
        ['good', 'bad']
    """
    return _as_texts(_each("lower", str.lower, input))


def upper(input: Any, encoding: str = "utf-8", name: str | None = None) -> Any:
    """Gives texts in upper case.

    Args:
        input: A text or an array of texts.
        encoding: Accepted for TensorFlow's sake, as is `name`.
        name: See `encoding`.
    """
    return _as_texts(_each("upper", str.upper, input))


def strip(input: Any, name: str | None = None) -> Any:
    """Gives texts without the blanks at both ends.

    Args:
        input: A text or an array of texts.
        name: Accepted for TensorFlow's sake.
    """
    return _as_texts(_each("strip", str.strip, input))


def regex_replace(
    input: Any, pattern: str, rewrite: str, replace_global: bool = True, name: str | None = None
) -> Any:
    r"""Gives texts in which what matches a pattern is replaced.

    Args:
        input: A text or an array of texts.
        pattern: A regular expression, in Python's form.
        rewrite: What comes instead; `\1` stands for the first group.
        replace_global: Whether all matches are replaced, or the first.
        name: Accepted for TensorFlow's sake.

    Example:
        >>> import corten.tf as tf
        >>> str(tf.strings.regex_replace("so<br />good", "<br />", " "))
        'so good'
    """
    compiled, count = re.compile(pattern), 0 if replace_global else 1
    return _as_texts(_each("regex_replace", lambda text: compiled.sub(rewrite, text, count=count), input))


def regex_full_match(input: Any, pattern: str, name: str | None = None) -> _Tensor:
    """Says of each text whether all of it matches a pattern.

    Args:
        input: A text or an array of texts.
        pattern: A regular expression, in Python's form.
        name: Accepted for TensorFlow's sake.

    Returns:
        A bool tensor of the shape of `input`.
    """
    compiled = re.compile(pattern)
    found = _each("regex_full_match", lambda text: compiled.fullmatch(text) is not None, input)
    return _core.tensor(found.astype(bool))


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> _Tensor:
    """Gives the lengths of texts.

    Args:
        input: A text or an array of texts.
        unit: 'BYTE' or 'UTF8_CHAR'.
        name: Accepted for TensorFlow's sake.

    Returns:
        An int32 tensor of the shape of `input`.

    Example:
        >>> import corten.tf as tf
        >>> tf.strings.length(["a", "\u00e9\u00e9"]).tolist(), int(tf.strings.length("\u00e9", "UTF8_CHAR"))
        ([1, 4], 1)
    """
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise ValueError(f"tf.strings.length: unit must be 'BYTE' or 'UTF8_CHAR'; got {unit!r}")
    size = len if unit == "UTF8_CHAR" else lambda text: len(text.encode())
    return _core.tensor(_each("length", size, input).astype("int32"))


def join(inputs: Any, separator: str = "", name: str | None = None) -> Any:
    """Joins texts of several arrays place by place; single texts go with every place.

    Args:
        inputs: A list of texts and arrays of texts.
        separator: What stands between them.
        name: Accepted for TensorFlow's sake.

    Example:
        >>> import corten.tf as tf
        >>> tf.strings.join([["a", "b"], "x"], separator="-").tolist()
        ['a-x', 'b-x']
    """
    arrays = np.broadcast_arrays(*(as_text("tf.strings.join", part) for part in inputs))
    rows = zip(*(array.flat for array in arrays), strict=True)
    joined = np.array([separator.join(row) for row in rows], dtype=str)
    return _as_texts(joined.reshape(arrays[0].shape))


def reduce_join(inputs: Any, axis: Any = None, separator: str = "", name: str | None = None) -> Any:
    """Joins texts along an axis.

    Args:
        inputs: An array of texts.
        axis: The axis; None joins all.
        separator: What stands between them.
        name: Accepted for TensorFlow's sake.
    """
    array = as_text("tf.strings.reduce_join", inputs)
    if axis is None:
        return _as_texts(separator.join(array.flat))
    return _as_texts(np.apply_along_axis(lambda row: np.array(separator.join(row), object), axis, array))


def substr(input: Any, pos: int, len: int, name: str | None = None) -> Any:
    """Gives parts of texts.

    Args:
        input: A text or an array of texts.
        pos: Where they begin, in characters; negative counts from the end.
        len: How many characters they have.
        name: Accepted for TensorFlow's sake.
    """

    def part(text: str) -> str:
        return text[pos:][:len]

    return _as_texts(_each("substr", part, input))


def split(input: Any, sep: str | None = None, maxsplit: int = -1, name: str | None = None) -> Any:
    """Splits texts at a separator.

    Args:
        input: A text, or an array of texts with equally many parts: there are no ragged tensors.
        sep: The separator; None or '' splits at blanks.
        maxsplit: The greatest number of splits; -1 for any.
        name: Accepted for TensorFlow's sake.

    Returns:
        An array with one axis more.

    Raises:
        ValueError: Texts have different numbers of parts.
    """
    return _parts("split", _each("split", lambda text: text.split(sep or None, maxsplit), input))


def unicode_split(input: Any, input_encoding: str = "UTF-8", errors: str = "replace") -> Any:
    """Splits texts into characters.

    Args:
        input: A text, or an array of texts of equal length: there are no ragged tensors.
        input_encoding: Accepted for TensorFlow's sake, as is `errors`.
        errors: See `input_encoding`.

    Returns:
        An array with one axis more.

    Raises:
        ValueError: Texts have different lengths.

    Example:
        >>> import corten.tf as tf
        >>> tf.strings.unicode_split("abc", "UTF-8").tolist()
        ['a', 'b', 'c']
    """
    return _parts("unicode_split", _each("unicode_split", list, input))


def _parts(name: str, lists: np.ndarray) -> Any:
    sizes = {len(parts) for parts in lists.flat}
    if len(sizes) > 1:
        raise ValueError(
            f"tf.strings.{name}: the texts have {min(sizes)} to {max(sizes)} parts, and there are no ragged "
            "tensors. Split them one by one, or let TextVectorization split and pad them"
        )
    width = sizes.pop() if sizes else 0
    flat = [part for parts in lists.flat for part in parts]
    return _as_texts(np.array(flat, dtype=str).reshape(*lists.shape, width))


def to_number(input: Any, out_type: Any = "float32", name: str | None = None) -> _Tensor:
    """Reads numbers.

    Args:
        input: A text or an array of texts.
        out_type: The dtype: float32, float64, int32 or int64.
        name: Accepted for TensorFlow's sake.

    Raises:
        ValueError: A text is no number.

    Example:
        >>> import corten.tf as tf
        >>> tf.strings.to_number(["1.5", "-2"]).tolist()
        [1.5, -2.0]
    """
    from corten.config import standardize_dtype

    dtype = standardize_dtype(out_type)
    return _core.tensor(_each("to_number", float if "float" in dtype else int, input).astype(dtype))
