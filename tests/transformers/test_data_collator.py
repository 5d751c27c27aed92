"""Collators: what is drawn and what is refused; `test_tokenizer_values` compares them with transformers."""

from __future__ import annotations

import numpy as np
import pytest

import corten
from corten.transformers import (
    BertTokenizer,
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    DefaultDataCollator,
    GPT2Tokenizer,
    default_data_collator,
)

pytest.importorskip("tokenizers", reason="needs corten[text]")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(40)), "##s", "##t"]


@pytest.fixture
def tokenizer() -> BertTokenizer:
    return BertTokenizer({word: number for number, word in enumerate(WORDS)})


def rows(count: int, length: int, low: int = 5) -> list[dict[str, list[int]]]:
    rng = np.random.default_rng(0)
    return [{"input_ids": [2, *rng.integers(low, 45, length - 2).tolist(), 3]} for _ in range(count)]


def test_masking_has_its_parts(tokenizer: BertTokenizer) -> None:
    features = rows(400, 52)
    batch = DataCollatorForLanguageModeling(tokenizer, seed=7)(features)
    before = np.array([row["input_ids"] for row in features])
    chosen = batch.labels != -100
    words = before >= 5
    assert not chosen[~words].any()
    np.testing.assert_array_equal(batch.labels[chosen], before[chosen])
    np.testing.assert_array_equal(batch.input_ids[~chosen], before[~chosen])
    count = chosen.sum()
    # Five standard deviations of what is drawn.
    assert abs(count / words.sum() - 0.15) < 5 * np.sqrt(0.15 * 0.85 / words.sum())
    masked = (batch.input_ids == tokenizer.mask_token_id)[chosen]
    same = (batch.input_ids == before)[chosen]
    kept = 0.1 + 0.1 / len(tokenizer)  # Another token may be the same one.
    for part, wanted in ((masked, 0.8 + 0.1 / len(tokenizer)), (same, kept)):
        assert abs(part.mean() - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / count)


def test_a_seed_gives_the_same_batches(tokenizer: BertTokenizer) -> None:
    features = rows(8, 30)

    def batches(**settings: int) -> list[bytes]:
        collator = DataCollatorForLanguageModeling(tokenizer, **settings)
        return [collator(features).input_ids.tobytes() for _ in range(2)]

    first = batches(seed=3)
    assert first == batches(seed=3) != batches(seed=4)
    assert first[0] != first[1]
    corten.utils.set_random_seed(5)
    drawn = batches()
    corten.utils.set_random_seed(5)
    assert drawn == batches() != batches()


def test_whole_words_are_masked_together(tokenizer: BertTokenizer) -> None:
    ids = [2, *[9, 45, 46] * 40, 3]
    collator = DataCollatorForLanguageModeling(tokenizer, whole_word_mask=True, mlm_probability=0.5, seed=1)
    labels = collator([{"input_ids": ids}]).labels[0, 1:-1].reshape(40, 3)
    chosen = labels != -100
    assert 5 < chosen[:, 0].sum() < 35
    assert (chosen == chosen[:, :1]).all()


def test_masks_and_labels_of_rows_are_heeded(tokenizer: BertTokenizer) -> None:
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=1.0, return_tensors="corten")
    batch = collator([{"input_ids": [7, 8, 9], "special_tokens_mask": [0, 1, 0], "labels": [1, 1, 1]}])
    assert batch.labels.numpy().tolist() == [[7, -100, 9]]
    assert sorted(batch) == ["attention_mask", "input_ids", "labels"]
    plain = DataCollatorForLanguageModeling(tokenizer, mlm=False)([[7, 8], np.array([9])])
    assert plain.labels.tolist() == [[7, 8], [9, -100]]


def test_a_model_makes_the_inputs_of_its_decoder(tokenizer: BertTokenizer) -> None:
    class Model:
        def prepare_decoder_input_ids_from_labels(self, labels: np.ndarray) -> np.ndarray:
            return np.roll(np.where(labels == -100, 0, labels), 1, axis=1)

    collator = DataCollatorForSeq2Seq(tokenizer, model=Model())
    batch = collator([{"input_ids": [5], "labels": [6, 7]}, {"input_ids": [5, 6], "labels": [8]}])
    assert batch.decoder_input_ids.tolist() == [[7, 6], [0, 8]]
    assert sorted(collator([{"input_ids": [5], "labels": None}])) == ["attention_mask", "input_ids"]


def test_what_is_refused(tokenizer: BertTokenizer) -> None:
    pad = DataCollatorWithPadding(tokenizer)
    for given, message in (
        ([], "expected a list of rows"),
        ({"input_ids": [1]}, "expected a list of rows"),
        ([{"input_ids": [1]}, [1]], "row 1 must be a dict"),
        (
            [{"input_ids": [1]}, {"input_ids": [1], "label": 0}],
            "row 1 has the entries input_ids, label, and row 0",
        ),
        ([{"label": 0}], "there is no entry 'input_ids'"),
    ):
        with pytest.raises(ValueError, match=message):
            pad(given)
    with pytest.raises(ValueError, match="rows of 1 to 2 values"):
        DataCollatorWithPadding(tokenizer, padding=False)([{"input_ids": [1]}, {"input_ids": [1, 2]}])
    with pytest.raises(ValueError, match="rows of 1 to 2 values"):
        default_data_collator([{"x": [1]}, {"x": [1, 2]}])
    tag = DataCollatorForTokenClassification(tokenizer)
    with pytest.raises(ValueError, match="row 0 has 2 tokens and 1 labels"):
        tag([{"input_ids": [5, 6], "labels": [1]}])
    with pytest.raises(ValueError, match="rows have no 'labels'"):
        tag([{"input_ids": [5, 6]}])
    with pytest.raises(ValueError, match="mlm_probability must be a number from 0 to 1; got 15"):
        DataCollatorForLanguageModeling(tokenizer, mlm_probability=15)
    with pytest.raises(ValueError, match="are more than 1 together"):
        DataCollatorForLanguageModeling(tokenizer, random_replace_prob=0.5)
    with pytest.raises(ValueError, match="no mask token, which mlm=True needs"):
        DataCollatorForLanguageModeling(GPT2Tokenizer())
    with pytest.raises(ValueError, match="Use return_tensors='corten'"):
        DefaultDataCollator(return_tensors="pt")
