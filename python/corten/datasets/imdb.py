"""IMDB: 50,000 film reviews, liked (1) or not (0), as numbered words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from corten.datasets.locate import GOOGLE, Source, given_path, locate
from corten.datasets.readers import read_npz
from corten.datasets.sequences import cut, prepare_texts, shuffle_together
from corten.datasets.shipped_files import Split

_SOURCE = Source(
    "imdb.npz", f"{GOOGLE}imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
)
_WORDS = Source("imdb_word_index.json", f"{GOOGLE}imdb_word_index.json", "bfafd718b763782e994055a2d397834f")


def load_data(
    path: str | os.PathLike[str] = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Split:
    """Gives 25,000 reviews to train on and 25,000 to test on. Words are numbered by frequency.

    Args:
        path: A file of your own.
        num_words: Keep only this many words, the most frequent; others become `oov_char`.
        skip_top: Leave the most frequent words out.
        maxlen: Leave longer reviews out.
        seed: Number that fixes the order.
        start_char: Number put in front of every review.
        oov_char: Number of words that are left out; None drops them.
        index_from: Number of the most frequent word, less one.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists, and labels.

    Raises:
        OSError: The file is not there and cannot be downloaded; the message names the ways out.
    """
    file = given_path(path, _SOURCE.file) or locate(_SOURCE, "imdb")
    arrays = read_npz(file)
    generator = np.random.RandomState(seed)
    x_train, y_train = shuffle_together(arrays["x_train"], arrays["y_train"], generator)
    x_test, y_test = shuffle_together(arrays["x_test"], arrays["y_test"], generator)
    count = len(x_train)
    texts = [*x_train, *x_test]
    labels = np.concatenate([y_train, y_test])
    if maxlen:
        # Both halves lose their long reviews; the border moves with them.
        extra = 0 if start_char is None else 1
        count = sum(1 for text in x_train if len(text) + extra < maxlen)
    prepared, labels = prepare_texts(
        texts,
        labels,
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    return cut(prepared, labels, count)


def get_word_index(path: str | os.PathLike[str] = "imdb_word_index.json") -> dict[str, int]:
    """Gives the number of every word; in the reviews it is larger by `index_from`."""
    file = given_path(path, _WORDS.file) or locate(_WORDS, "imdb")
    words: dict[str, int] = json.loads(Path(file).read_text(encoding="utf-8"))
    return words
