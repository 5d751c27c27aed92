"""What the data sets of numbered words have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten.datasets.shipped_files import Split


def shuffle_together(
    texts: np.ndarray, labels: np.ndarray, generator: np.random.RandomState
) -> tuple[Any, Any]:
    """Mixes texts and labels alike, in the order Keras gives for the same seed."""
    order = np.arange(len(texts))
    generator.shuffle(order)
    return texts[order], labels[order]


def prepare_texts(
    texts: Sequence[Sequence[int]],
    labels: np.ndarray,
    *,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> tuple[list[list[int]], np.ndarray]:
    """Marks the start, shifts the numbers, drops long texts and replaces rare and frequent words.

    Raises:
        ValueError: `maxlen` leaves no text.
    """
    shift = index_from or 0
    start = [] if start_char is None else [start_char]
    prepared = [start + [word + shift for word in text] for text in texts]
    if maxlen:
        kept = [index for index, text in enumerate(prepared) if len(text) < maxlen]
        if not kept:
            raise ValueError(
                f"load_data: after leaving out texts of {maxlen} words and more, none is left; raise maxlen"
            )
        prepared, labels = [prepared[index] for index in kept], labels[kept]
    limit = num_words or max(max(text, default=0) for text in prepared)
    if oov_char is not None:
        prepared = [[word if skip_top <= word < limit else oov_char for word in text] for text in prepared]
    else:
        prepared = [[word for word in text if skip_top <= word < limit] for text in prepared]
    return prepared, labels


def ragged(texts: Sequence[Sequence[int]]) -> np.ndarray:
    """Gives lists of different length as an array of lists."""
    result = np.empty(len(texts), dtype=object)
    for index, text in enumerate(texts):
        result[index] = list(text)
    return result


def cut(texts: list[list[int]], labels: np.ndarray, at: int) -> Split:
    """Cuts into a part to train on and one to test on."""
    return (ragged(texts[:at]), np.asarray(labels[:at])), (ragged(texts[at:]), np.asarray(labels[at:]))
