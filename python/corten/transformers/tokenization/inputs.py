"""What the arguments `text` and `text_pair` of a tokenizer are: one text or many, words, pairs, or labels."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

_EXPECTED = (
    "a text (str), a list of texts, or with is_split_into_words=True a list of words or a list of such lists"
)


class Texts(NamedTuple):
    """Texts to encode.

    Attributes:
        rows: Each a text, a list of words, or a pair of these.
        is_batch: Whether the caller gave several.
        labels: What was given as pairs and is none, for `'labels'` in the result; None if there is nothing.
    """

    rows: list[Any]
    is_batch: bool
    labels: Any = None


def _listed(value: Any) -> Any:
    """A list in place of an array, a column of a table or a tuple."""
    if isinstance(value, (str, list)) or value is None:
        return value
    if isinstance(value, tuple):
        return list(value)
    if hasattr(value, "tolist") and not isinstance(value, bytes):
        return value.tolist()
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def are_labels(value: Any) -> bool:
    """Whether a value is a whole number, a list of them, or a list of such lists: labels, and no texts.

    Example:
        >>> from corten.transformers.tokenization.inputs import are_labels
        >>> are_labels([0, 1]), are_labels([[0, 1], [1]]), are_labels(["a"]), are_labels([])
        (True, True, False, False)
    """
    if _is_number(value):
        return True
    if not isinstance(value, list) or not value:
        return False
    return all(_is_number(one) or (isinstance(one, list) and all(map(_is_number, one))) for one in value)


def sort_texts(who: str, text: Any, text_pair: Any, is_split_into_words: bool) -> Texts:
    """Finds out what was given.

    Raises:
        ValueError: It is none of what a tokenizer takes, or there are not as many pairs as texts.
    """
    text, text_pair = _listed(text), _listed(text_pair)
    labels = None
    if text_pair is not None and are_labels(text_pair):
        labels, text_pair = _labels(who, text, text_pair), None
    if not isinstance(text, (str, list)):
        raise ValueError(f"{who}: expected {_EXPECTED}; got {_described(text)}.")
    if is_split_into_words:
        is_batch = isinstance(text, list) and (not text or not isinstance(text[0], str))
    else:
        is_batch = isinstance(text, list)
    rows = text if is_batch else [text]
    pairs = None
    if text_pair is not None:
        pairs = text_pair if is_batch else [text_pair]
        if not isinstance(pairs, list):
            raise ValueError(
                f"{who}: `text` is a list of {len(rows)} texts, and so `text_pair` must be one; got "
                f"{_described(text_pair)}."
            )
        if len(pairs) != len(rows):
            raise ValueError(
                f"{who}: there are {len(rows)} texts and {len(pairs)} in text_pair; each needs its own."
            )
    given = [(row, None) for row in rows] if pairs is None else list(zip(rows, pairs, strict=True))
    return Texts(
        [_row(who, number, one, pair, is_split_into_words) for number, (one, pair) in enumerate(given)],
        is_batch,
        labels,
    )


def _labels(who: str, text: Any, labels: Any) -> Any:
    if isinstance(text, list) and (not isinstance(labels, list) or len(labels) != len(text)):
        count = len(labels) if isinstance(labels, list) else 1
        raise ValueError(
            f"{who}: the second argument, `text_pair`, has {count} whole numbers, which can only be "
            f"labels, for "
            f"{len(text)} texts: there must be one for each. Labels are best left out here and passed "
            f"beside the texts."
        )
    shown = f"{len(labels)} labels" if isinstance(labels, list) else "a label"
    warnings.warn(
        f"{who}: the second argument is `text_pair`, a second text for each text. It holds whole "
        f"numbers, and so was "
        f"taken for {shown} and put into the result as 'labels'. `encoding['labels'] = labels` says so "
        f"without doubt.",
        stacklevel=5,
    )
    return labels


def _row(who: str, number: int, one: Any, pair: Any, split: bool) -> Any:
    """One row as the package takes it."""
    one = _listed(one)
    if pair is None and isinstance(one, list) and len(one) == 2 and _is_pair(one, split):
        one, pair = one[0], one[1]
    texts = [one] if pair is None else [one, _listed(pair)]
    for text in texts:
        if split:
            right = isinstance(text, list) and all(isinstance(word, str) for word in text)
        else:
            right = isinstance(text, str)
        if not right:
            expected = "a list of words" if split else "a text"
            hint = (
                " For texts that are split into words, pass is_split_into_words=True."
                if isinstance(text, list) and not split
                else ""
            )
            raise ValueError(f"{who}: text {number} must be {expected}; got {_described(text)}.{hint}")
    return one if pair is None else (texts[0], texts[1])


def _is_pair(one: list[Any], split: bool) -> bool:
    """Whether two things are a pair of texts: two texts, or two lists of words."""
    return all(isinstance(text, list if split else str) for text in one)


def _described(value: Any) -> str:
    if value is None:
        return "None"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
