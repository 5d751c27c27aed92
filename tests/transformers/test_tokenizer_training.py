"""Training new vocabularies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.transformers.tokenizer_cases import FOLDER, NAMES

from corten.transformers import AutoTokenizer, GPT2Tokenizer

pytest.importorskip("tokenizers", reason="needs corten[text]")

TEXTS = [
    "The garden lies behind the house, and the gardener sleeps in it.",
    "Nobody wakes the sleeping gardener: 42 cats walk through the garden!",
    "Hinter dem Haus schläft der Gärtner.",
] * 8


@pytest.mark.parametrize("name", NAMES)
def test_a_new_vocabulary(name: str, tmp_path: Path) -> None:
    before = AutoTokenizer.from_pretrained(FOLDER / name)
    tokenizer = before.train_new_from_iterator(TEXTS, vocab_size=360, new_special_tokens=["<new>"])
    assert type(tokenizer) is type(before)
    assert 20 < len(tokenizer) <= 364
    special = dict.fromkeys([*before.all_special_tokens, "<new>"])
    assert set(tokenizer.all_special_tokens) == set(special)
    assert "<new>" in tokenizer.extra_special_tokens
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))
    # The template around a text is the same, with the new numbers.
    encoded = tokenizer(TEXTS[0], TEXTS[1], verbose=False)
    added = before(TEXTS[0], TEXTS[1], verbose=False)
    special.pop(before.unk_token)
    marks = [token for token in added.tokens() if token in special]
    assert [token for token in encoded.tokens() if token in special] == marks
    assert tokenizer.convert_tokens_to_ids(encoded.tokens()) == encoded.input_ids
    unknown = tokenizer.unk_token_id if name != "gpt2" and name != "qwen2" else None
    assert unknown not in encoded.input_ids
    assert len(tokenizer.tokenize(TEXTS[0])) < len(before.tokenize(TEXTS[0], verbose=False)) or name in {
        "t5",
        "words",
    }
    # Files know all of it.
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path)(TEXTS, TEXTS, verbose=False) == tokenizer(
        TEXTS, TEXTS, verbose=False
    )
    assert "garden" in json.dumps(json.loads((tmp_path / "tokenizer.json").read_text())["model"])
    # The old one is as it was.
    assert before(TEXTS[0], TEXTS[1], verbose=False) == added


def test_bytes_come_back() -> None:
    tokenizer = GPT2Tokenizer().train_new_from_iterator(
        (TEXTS[i : i + 4] for i in range(0, 24, 4)), vocab_size=400
    )
    text = "Gärtner 🙂 in the garden\n"
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    llama = AutoTokenizer.from_pretrained(FOLDER / "llama").train_new_from_iterator(TEXTS, vocab_size=320)
    assert llama.decode(llama(text).input_ids, skip_special_tokens=True) == text
    assert "<0xF0>" in llama.tokenize(text)
    assert len(llama.all_special_tokens) == 3


def test_what_is_refused() -> None:
    tokenizer = GPT2Tokenizer()
    with pytest.raises(ValueError, match="vocab_size must be a whole number of at least 1; got 0"):
        tokenizer.train_new_from_iterator(TEXTS, vocab_size=0)
    with pytest.raises(ValueError, match="expected many texts"):
        tokenizer.train_new_from_iterator("one", vocab_size=300)
    with pytest.raises(ValueError, match="new_special_tokens must be texts"):
        tokenizer.train_new_from_iterator(TEXTS, vocab_size=300, new_special_tokens=[3])
    with pytest.raises(ValueError, match="train_new_from_iterator"):
        tokenizer.train_new_from_iterator([1, 2], vocab_size=300)
