"""Reuters: 11,228 news items of 46 topics, as numbered words."""

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
    "reuters.npz", f"{GOOGLE}reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
)
_WORDS = Source(
    "reuters_word_index.json", f"{GOOGLE}reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921"
)


def load_data(
    path: str | os.PathLike[str] = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Split:
    """Gives news items split into a part to train on and one to test on.

    Args:
        path: A file of your own.
        num_words: Keep only this many words, the most frequent; others become `oov_char`.
        skip_top: Leave the most frequent words out.
        maxlen: Leave longer items out.
        test_split: Part to test on.
        seed: Number that fixes the order.
        start_char: Number put in front of every item.
        oov_char: Number of words that are left out; None drops them.
        index_from: Number of the most frequent word, less one.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists, and topics 0 to 45.

    Raises:
        OSError: The file is not there and cannot be downloaded; the message names the ways out.
    """
    file = given_path(path, _SOURCE.file) or locate(_SOURCE, "reuters")
    arrays = read_npz(file)
    generator = np.random.RandomState(seed)
    texts, labels = shuffle_together(arrays["x"], arrays["y"], generator)
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
    return cut(prepared, labels, int(len(prepared) * (1 - test_split)))


def get_word_index(path: str | os.PathLike[str] = "reuters_word_index.json") -> dict[str, int]:
    """Gives the number of every word; in the items it is larger by `index_from`."""
    file = given_path(path, _WORDS.file) or locate(_WORDS, "reuters")
    words: dict[str, int] = json.loads(Path(file).read_text(encoding="utf-8"))
    return words


def get_label_names() -> tuple[str, ...]:
    """Gives the names of the topics, in the order of their numbers.

    Example:
        >>> get_label_names()[3], len(get_label_names())
        ('earn', 46)
    """
    names = (
        "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship "
        "cotton "
        "carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal "
        "livestock "
        "retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
    )
    return tuple(names.split())
