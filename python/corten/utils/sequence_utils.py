"""Making sequences of different length into one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Pads sequences to one length, and cuts longer ones.

    Args:
        sequences: List of lists.
        maxlen: The length; that of the longest if None.
        dtype: Of the result.
        padding: 'pre' or 'post': where to fill up.
        truncating: 'pre' or 'post': where to cut.
        value: What to fill up with.

    Returns:
        Array of shape `(len(sequences), maxlen, ...)`.

    Raises:
        ValueError: The entries are no sequences, or do not fit together.

    Example:
        >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
        array([[0, 1],
               [3, 4]], dtype=int32)
    """
    for name, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name} must be 'pre' or 'post'; got {choice!r}")
    if not hasattr(sequences, "__len__"):
        raise ValueError("pad_sequences: sequences must be a list of lists; got something without a length")
    lengths: list[int] = []
    sample_shape: tuple[int, ...] = ()
    for index, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"pad_sequences: entry {index} must be a list; got {sequence!r}")
        if len(sequence) and not sample_shape:
            sample_shape = np.asarray(sequence).shape[1:]
        lengths.append(len(sequence))
    if maxlen is None:
        maxlen = max(lengths, default=0)
    is_text = np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.str_)
    if isinstance(value, str) and dtype is not object and not is_text:
        raise ValueError(
            f"pad_sequences: `dtype` {dtype} is not compatible with value={value!r}; use dtype=object"
        )
    result = np.full((len(lengths), maxlen, *sample_shape), value, dtype=dtype)
    for index, sequence in enumerate(sequences):
        if not len(sequence) or maxlen == 0:
            continue
        cut = sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen]
        try:
            kept = np.asarray(cut, dtype=dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"pad_sequences: entry {index} cannot become {dtype} ({error}). Turn text into numbers "
                "first, with TextVectorization, or take dtype=object"
            ) from None
        if kept.shape[1:] != sample_shape:
            raise ValueError(
                f"pad_sequences: the elements of entry {index} have shape {kept.shape[1:]}; expected "
                f"{sample_shape}"
            )
        if padding == "post":
            result[index, : len(kept)] = kept
        else:
            result[index, maxlen - len(kept) :] = kept
    return result
