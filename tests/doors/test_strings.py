"""`corten.tf.strings`."""

from typing import Any

import numpy as np
import pytest

import corten.tf as tf


def test_text_becomes_text() -> None:
    texts = np.array([[" A b ", "C"]])
    assert tf.strings.strip(texts).tolist() == [["A b", "C"]]
    assert tf.strings.upper("a") == "A"
    assert tf.strings.regex_replace(["aab", "b"], "(a)", r"<\1>", replace_global=False).tolist() == [
        "<a>ab",
        "b",
    ]
    assert tf.strings.substr(["hello", "ab"], 1, 3).tolist() == ["ell", "b"]
    assert tf.strings.join(["x", ["a", "b"]], separator="/").tolist() == ["x/a", "x/b"]
    assert tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=1).tolist() == ["ab", "cd"]
    assert tf.strings.reduce_join(["a", "b"], separator=" ") == "a b"
    assert tf.strings.split("a b  c").tolist() == ["a", "b", "c"]
    assert tf.strings.split(["a,b", "c,d"], ",").tolist() == [["a", "b"], ["c", "d"]]


def test_text_becomes_numbers() -> None:
    assert tf.strings.length(["abc", ""]).tolist() == [3, 0]
    assert tf.strings.regex_full_match(["ab", "b"], "a.*").tolist() == [True, False]
    numbers = tf.strings.to_number(["7", "-8"], tf.int32)
    assert (str(numbers.dtype), numbers.tolist()) == ("int32", [7, -8])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.strings.lower([1]), "tf.strings.lower: expected text; got 1"),
        (lambda: tf.strings.split(["a", "a b"]), "1 to 2 parts, and there are no ragged"),
        (lambda: tf.strings.length("a", unit="WORD"), "'BYTE' or 'UTF8_CHAR'"),
        (lambda: tf.strings.to_number(["x"]), "could not convert"),
    ],
)
def test_what_does_not_fit(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()
