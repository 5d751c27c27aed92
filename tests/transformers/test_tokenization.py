"""Tokenizers: labels in place of pairs, what is refused, and what transformers has no answer for."""

from __future__ import annotations

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.transformers.tokenizer_cases import FOLDER, TEXTS

import corten
from corten.transformers import AddedToken, AutoTokenizer, BatchEncoding, BertTokenizer, GPT2Tokenizer

pytest.importorskip("tokenizers", reason="needs corten[text]")

VOCABULARY = {
    token: number
    for number, token in enumerate(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "##s"]
    )
}


@pytest.fixture
def tokenizer() -> BertTokenizer:
    return BertTokenizer(VOCABULARY, model_max_length=16)


def test_nothing_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys, corten.transformers as t; t.BatchEncoding, t.BertTokenizer, "
        "t.DataCollatorWithPadding, t.AutoTokenizer\n"
        "print([name for name in ('tokenizers', 'jinja2', 'transformers', 'torch') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# ---- labels in place of pairs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [[1, 0], (1, 0), np.array([1, 0]), pd.Series([1, 0]), np.array([1, 0], "uint8"), corten.tensor([1, 0])],
    ids=["list", "tuple", "array", "column", "bytes", "tensor"],
)
def test_labels_are_no_texts(tokenizer: BertTokenizer, labels: Any) -> None:
    texts = ["Good film", "bad films film"]
    with pytest.warns(UserWarning, match="taken for 2 labels and put into the result as 'labels'") as caught:
        encoded = tokenizer(texts, labels, padding=True, truncation=True, max_length=512)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert encoded == {**tokenizer(texts, padding=True), "labels": [1, 0]}


def test_labels_of_other_shapes(tokenizer: BertTokenizer) -> None:
    with pytest.warns(UserWarning, match="taken for 2 labels"):
        encoded = tokenizer(["good", "bad"], [[1, 0], [0, 1]], return_tensors="np")
    assert encoded.labels.tolist() == [[1, 0], [0, 1]]
    with pytest.warns(UserWarning, match="taken for a label"):
        assert tokenizer("good", 3)["labels"] == 3
    with pytest.warns(UserWarning, match="labels"):
        pieces = tokenizer(
            ["good bad film", "bad"], [7, 8], truncation=True, max_length=4, return_overflowing_tokens=True
        )
    assert pieces["labels"] == [7, 7, 8]
    assert pieces["overflow_to_sample_mapping"] == [0, 0, 1]


def test_labels_for_other_texts_are_refused(tokenizer: BertTokenizer) -> None:
    with pytest.raises(ValueError, match="has 3 whole numbers, which can only be labels, for 2 texts"):
        tokenizer(["good", "bad"], [1, 0, 1])
    with pytest.raises(ValueError, match="has 1 whole numbers"):
        tokenizer(["good", "bad"], 1)
    # Numbers beside texts are neither.
    with pytest.raises(ValueError, match=r"text 1 must be a text; got int 3"):
        tokenizer(["good", "bad"], ["good", 3])
    with pytest.raises(ValueError, match=r"must be a text; got float 0\.5"):
        tokenizer(["good", "bad"], [0.5, 1.5])


# ---- texts -------------------------------------------------------------------------------------------------


def test_columns_of_tables_are_lists(tokenizer: BertTokenizer) -> None:
    texts = ["good film", "bad"]
    for given in (tuple(texts), np.array(texts), np.array(texts, object), pd.Series(texts)):
        assert tokenizer(given) == tokenizer(texts)
    assert tokenizer([]) == {"input_ids": [], "token_type_ids": [], "attention_mask": []}
    assert tokenizer([], return_tensors="np").input_ids.dtype == np.int64


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((3,), {}, "expected a text"),
        ((b"good",), {}, "got bytes b'good'"),
        (({"a": 1},), {}, "got dict"),
        ((["good", None],), {}, "text 1 must be a text; got None"),
        (([["good", "bad", "film"]],), {}, "pass is_split_into_words=True"),
        (([[1, 2]],), {}, "text 0 must be a text"),
        ((None,), {}, "neither `text` nor `text_target`"),
        ((["good"], ["bad", "film"]), {}, "1 texts and 2 in text_pair"),
        ((["good"], "bad"), {}, "`text_pair` must be one"),
        (("good bad",), {"is_split_into_words": True}, "text 0 must be a list of words"),
        (([["good", 3]],), {"is_split_into_words": True}, "text 0 must be a list of words"),
        (("good",), {"padding": "long"}, "padding must be True, False or one of 'longest'"),
        (("good",), {"truncation": "yes"}, "truncation must be True, False or one of"),
        (("good",), {"max_length": -1}, "max_length must be a whole number of at least 1"),
        (("good",), {"max_length": 2.5}, "max_length must be a whole number"),
        (("good",), {"pad_to_multiple_of": 0}, "pad_to_multiple_of must be a whole number of at least 1"),
        (("good",), {"padding_side": "up"}, "padding_side must be 'right' or 'left'"),
        (("good",), {"truncation": True, "max_length": 1}, "less than the 2 special tokens"),
        (("good bad film",), {"truncation": True, "max_length": 4, "stride": 2}, "stride=2 must be less "
        "than the 2"),
        (("good", "bad film bad"), {"truncation": "only_first", "max_length": 4}, "too short to respect"),
        (
            ("good",),
            {"truncation": True, "max_length": 9, "padding": True, "pad_to_multiple_of": 8},
            "pass max_length=8",
        ),
        (("good",), {"return_tensors": "pt"}, "return_tensors='pt' asks for tensors of PyTorch. Use "
        "return_tensors='corten'"),
        (("good",), {"return_tensors": "tf"}, "TensorFlow"),
        (("good",), {"return_tensors": 3}, "must be 'np'"),
        ((["good", "bad film"],), {"return_tensors": "np"}, "rows of 3 to 4 values.*Pass padding=True"),
    ],
)  # fmt: skip
def test_what_is_refused(
    tokenizer: BertTokenizer, arguments: tuple[Any, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tokenizer(*arguments, **settings)
    assert tokenizer("good").input_ids == [2, 5, 3]


def test_warnings_name_the_line_and_come_once(tokenizer: BertTokenizer) -> None:
    with pytest.warns(UserWarning, match=r"a text has 22 tokens, and the model takes 16") as caught:
        tokenizer("good " * 20)
    assert [one.filename for one in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer.encode("good " * 20)
    with pytest.warns(UserWarning, match="max_length=4 without truncation: texts are cut") as caught:
        assert tokenizer("good bad film", max_length=4).input_ids == [2, 5, 6, 3]
    assert [one.filename for one in caught] == [__file__]
    endless = BertTokenizer(VOCABULARY)
    with pytest.warns(UserWarning, match="nothing is cut"):
        assert len(endless("good " * 600, truncation=True).input_ids) == 602
    with pytest.raises(ValueError, match="padding='max_length' needs a length"):
        endless("good", padding="max_length")
    huge = BertTokenizer(VOCABULARY, model_max_length=10**9)
    with pytest.raises(ValueError, match="would pad to model_max_length=1000000000"):
        huge("good", padding="max_length")


def test_padding_needs_a_token() -> None:
    tokenizer = GPT2Tokenizer({"<|endoftext|>": 0, "a": 1}, [])
    with pytest.raises(ValueError, match=r"tokenizer\.pad_token = tokenizer\.eos_token"):
        tokenizer(["a", "aa"], padding=True)
    with pytest.raises(ValueError, match="there is none"):
        tokenizer.pad([{"input_ids": [1]}])
    with pytest.raises(
        ValueError,
        match=r"'<pad>' is not in the vocabulary\. Use "
        r"`tokenizer\.add_special_tokens",
    ):
        tokenizer.pad_token = "<pad>"
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    assert tokenizer(["a", "aa"], padding=True).input_ids == [[0, 1], [1, 1]]
    tokenizer.pad_token_id = 1
    assert tokenizer.pad_token == "a"
    with pytest.raises(ValueError, match="no token has the number 9"):
        tokenizer.pad_token_id = 9


def test_special_tokens_may_be_plain_text() -> None:
    tokenizer = BertTokenizer({**VOCABULARY, "[": 9, "mask": 10, "]": 11})
    assert tokenizer.tokenize("[MASK]") == ["[MASK]"]
    tokenizer.split_special_tokens = True
    assert tokenizer.tokenize("[MASK]") == ["[", "mask", "]"]
    tokenizer.split_special_tokens = False
    with pytest.raises(ValueError, match="'pad' is the name of no special token"):
        tokenizer.add_special_tokens({"pad": "x"})
    with pytest.raises(ValueError, match="is a list of texts"):
        tokenizer.add_special_tokens({"extra_special_tokens": "x"})
    for wrong in (3, "", [3]):
        with pytest.raises((ValueError, TypeError), match=r"add_tokens|iterable"):
            tokenizer.add_tokens(wrong)
    assert tokenizer.add_special_tokens({"cls_token": AddedToken("<cls>", lstrip=True)}) == 1
    tokenizer.add_special_tokens({"extra_special_tokens": ["<a>"]})
    tokenizer.add_special_tokens({"extra_special_tokens": ["<b>"]}, replace_extra_special_tokens=False)
    assert tokenizer.extra_special_tokens == ["<a>", "<b>"]
    assert tokenizer.additional_special_tokens_ids == [13, 14]


def test_numbers_that_are_no_tokens(tokenizer: BertTokenizer) -> None:
    with pytest.raises(ValueError, match=r"-100 is the number of no token\. Put `tokenizer\.pad_token_id`"):
        tokenizer.decode([5, -100])
    with pytest.raises(ValueError, match="whole numbers in a list"):
        tokenizer.decode("good")
    with pytest.raises(ValueError, match="18446744073709551616 is the number of no token"):
        tokenizer.decode([2**64])
    assert tokenizer.decode(corten.tensor([[5, 8], [6, 7]])) == ["goods", "bad film"]
    assert tokenizer.batch_decode(np.array([[5, 8]])) == ["goods"]
    assert tokenizer.batch_decode([]) == []
    with pytest.raises(TypeError, match="unknown arguments: foo"):
        tokenizer.decode([5], foo=1)


def test_threads_do_not_disturb_each_other(tokenizer: BertTokenizer) -> None:
    text = "good bad film " * 5
    wanted = {
        length: tokenizer(text, truncation=True, max_length=length).input_ids for length in range(3, 16)
    }

    def encode(number: int) -> bool:
        length = 3 + number % 13
        return tokenizer(text, truncation=True, max_length=length).input_ids == wanted[length]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(encode, range(400)))


# ---- batches -----------------------------------------------------------------------------------------------


def test_a_batch_is_a_dict(tokenizer: BertTokenizer) -> None:
    batch = tokenizer(["good", "bad film"], padding=True, return_tensors="np")
    assert isinstance(batch, dict)
    assert dict(**batch).keys() == {"input_ids", "token_type_ids", "attention_mask"}
    halves = corten.tree.map_structure(lambda value: value[:1], batch)
    assert halves.input_ids.tolist() == [[2, 5, 3, 0]]
    assert batch.to("cuda") is batch
    assert batch.copy().tokens(1) == ["[CLS]", "bad", "film", "[SEP]"]
    assert isinstance(tokenizer("good", return_tensors="corten").input_ids, corten.Tensor)
    batch.labels = [1, 2]
    assert batch["labels"] == [1, 2]
    with pytest.raises(AttributeError, match="no entry or method 'input_id'; its entries: input_ids"):
        batch.input_id  # noqa: B018
    bare = BatchEncoding({"input_ids": [[1], [2]]})
    assert bare[:1] == {"input_ids": [[1]]}
    with pytest.raises(KeyError, match="0 is no entry"):
        bare[0]
    with pytest.raises(ValueError, match=r"BatchEncoding\.word_ids: there are no encodings"):
        bare.word_ids()
    with pytest.raises(ValueError, match="holds texts"):
        BatchEncoding({"a": ["x"]}, tensor_type="corten")


def test_places_count_from_the_end(tokenizer: BertTokenizer) -> None:
    encoding = tokenizer("good films")
    assert encoding.token_to_chars(-2) == (9, 10)
    assert encoding.token_to_word(0, -3) == 1
    assert encoding.char_to_token(4) is None
    assert encoding.token_to_chars(0) is None


def test_padding_of_rows(tokenizer: BertTokenizer) -> None:
    rows = {"input_ids": np.array([[2, 5, 3], [2, 6, 3]]), "label": np.array([1, 0])}
    padded = tokenizer.pad(rows, padding="max_length", max_length=5, return_tensors="corten")
    assert padded.input_ids.shape == (2, 5)
    for given, message in (
        ([], "not empty"),
        (
            [{"input_ids": [1]}, {"input_ids": [1], "label": 1}],
            "row 1 has the entries input_ids, label, and row 0",
        ),
        ({"ids": [1]}, "there is no entry 'input_ids'; got ids"),
        ({"input_ids": [[1], [2]], "label": [1]}, "'input_ids' has 2 rows and 'label' has 1"),
    ):
        with pytest.raises(ValueError, match=message):
            tokenizer.pad(given)


def test_older_names(tokenizer: BertTokenizer) -> None:
    assert tokenizer.encode_plus("good", "bad") == tokenizer("good", "bad")
    assert tokenizer.batch_encode_plus([("good", "bad")]) == tokenizer(["good"], ["bad"])
    with pytest.raises(ValueError, match="already_has_special_tokens=True"):
        tokenizer.get_special_tokens_mask([5])
    with pytest.raises(NotImplementedError, match="nothing is sent anywhere"):
        tokenizer.save_pretrained("x", push_to_hub=True)


@pytest.mark.parametrize("name", ["gpt2", "qwen2", "roberta"])
def test_bytes_come_back_as_they_were(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / name)
    for text in TEXTS:
        if name != "qwen2" or text.isascii():  # Qwen's composes accents.
            assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_what_is_wrong_with_a_vocabulary() -> None:
    for given, message in (
        ({"a": 0, "b": 0}, "two tokens have the same number"),
        ({"a": 1.5}, "whole number"),
        ({"a": 1 << 40}, "whole number from 0 to 16777215"),
        ({}, "at least one"),
        ([1], "an object of tokens"),
        ({"\ud800": 0}, "no text that can be encoded"),
    ):
        with pytest.raises(ValueError, match=message):
            BertTokenizer(given)
    with pytest.raises(ValueError, match="merges is missing"):
        GPT2Tokenizer({"a": 0})
    with pytest.raises(ValueError, match="merges must be pairs"):
        GPT2Tokenizer({"a": 0}, [("a",)])
    with pytest.raises(ValueError, match=r"GPT2Tokenizer: .*out of vocabulary"):
        GPT2Tokenizer({"a": 0}, [("a", "b")])
    with pytest.raises(ValueError, match="a special token is a text"):
        BertTokenizer(VOCABULARY, bos_token=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert BertTokenizer().vocab_size == 5
