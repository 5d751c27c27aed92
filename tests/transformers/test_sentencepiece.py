"""SentencePiece's `.model` files: the pieces of the package sentencepiece, numbers, and what is refused."""

import contextlib
import gzip
import json
import shutil
from pathlib import Path

import pytest
from tests.attacks.tokenizers import GOOD_PIECES, MODELS, field, piece

from corten.transformers import AutoTokenizer, LlamaTokenizer, T5Tokenizer, XLMRobertaTokenizer
from corten.transformers.tokenization.sentencepiece_model import BYTE, UNIGRAM, read_model

pytest.importorskip("tokenizers", reason="needs corten[text]")

FOLDER = Path(__file__).parent / "sentencepiece"
VALUES = json.loads(
    gzip.decompress((Path(__file__).parent / "reference_values" / "sentencepiece.json.gz").read_bytes())
)
CLASSES = {
    "spiece.model": T5Tokenizer,
    "sentencepiece.bpe.model": XLMRobertaTokenizer,
    "tokenizer.model": LlamaTokenizer,
}


@pytest.mark.parametrize("name", CLASSES)
def test_pieces_are_those_of_sentencepiece(name):
    tokenizer = CLASSES[name].from_pretrained(FOLDER)
    wrong = [
        (text, tokenizer.tokenize(text), wanted)
        for text, wanted in zip(VALUES["texts"], VALUES["pieces"][name], strict=True)
        # Llama's models keep blanks; before one at the begin of a text, no further one is put.
        if not (name == "tokenizer.model" and text.startswith(" ")) and tokenizer.tokenize(text) != wanted
    ]
    assert not wrong


def test_numbers_and_special_tokens():
    t5 = T5Tokenizer.from_pretrained(FOLDER)
    size = len(read_model(FOLDER / "spiece.model").pieces)
    assert len(t5) == size + 100
    assert t5.convert_tokens_to_ids(["<pad>", "</s>", "<unk>", "<extra_id_0>", "<extra_id_99>"]) == [
        0, 1, 2, size + 99, size,
    ]  # fmt: skip
    assert t5("the house <extra_id_1>", "of").tokens()[-5:] == ["<extra_id_1>", "</s>", "▁o", "f", "</s>"]
    assert len(T5Tokenizer.from_pretrained(FOLDER, extra_ids=2)) == size + 2
    roberta = XLMRobertaTokenizer.from_pretrained(FOLDER)
    model = read_model(FOLDER / "sentencepiece.bpe.model")
    assert len(roberta) == len(model.pieces) + 2
    assert roberta.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", model.pieces[3][0], "<mask>"]) == [
        0, 1, 2, 3, 4, len(roberta) - 1,
    ]  # fmt: skip
    assert roberta("of <mask>", "the").input_ids[0] == 0
    pair = roberta("of", "the").tokens()
    of, the = roberta.tokenize("of"), roberta.tokenize("the")
    assert pair == ["<s>", *of, "</s>", "</s>", *the, "</s>"]
    llama = LlamaTokenizer.from_pretrained(FOLDER)
    assert llama("of the").tokens()[0] == "<s>"
    assert LlamaTokenizer.from_pretrained(FOLDER, add_bos_token=False)("of").tokens() != llama("of").tokens()
    assert len(read_model(FOLDER / "tokenizer.model").of_kind(BYTE)) == 256


@pytest.mark.parametrize("name", CLASSES)
def test_texts_come_back(name):
    tokenizer = CLASSES[name].from_pretrained(FOLDER)
    for text in ("The old town lies beyond.", "unhappiness 12345", "of the bridge"):
        assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


@pytest.mark.parametrize(
    ("kind", "name"),
    [("t5", "spiece.model"), ("xlm-roberta", "sentencepiece.bpe.model"), ("llama", "tokenizer.model")],
)
def test_the_kind_of_a_model_says_which(kind, name, tmp_path):
    shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert type(tokenizer) is CLASSES[name]
    tokenizer.save_pretrained(tmp_path / "saved")
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert type(again) is CLASSES[name]
    assert again(VALUES["texts"])["input_ids"] == tokenizer(VALUES["texts"])["input_ids"]


def test_a_file_that_is_missing_or_another_familys(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json or spiece\.model"):
        AutoTokenizer.from_pretrained(tmp_path)
    shutil.copy(FOLDER / "tokenizer.model", tmp_path / "spiece.model")
    with pytest.raises(ValueError, match="of the kind BPE, and T5Tokenizer is made of one of the kind"):
        AutoTokenizer.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "mbart"}')
    with pytest.raises(FileNotFoundError, match="are read for T5"):
        AutoTokenizer.from_pretrained(tmp_path)


def test_defaults_and_unknown_fields(tmp_path):
    path = tmp_path / "m.model"
    path.write_bytes(
        field(9, b"later") + GOOD_PIECES + field(77, 5) + field(2, field(99, b"x") + field(35, 1))
    )
    model = read_model(path)
    assert [text for text, _ in model.pieces] == ["<pad>", "</s>", "<unk>", "a"]
    assert model.pieces[3][1] == -1.0
    assert (model.model_type, model.adds_prefix, model.removes_blanks) == (UNIGRAM, True, True)
    assert (model.byte_fallback, model.charsmap) == (True, b"")


def test_pairs_come_in_the_order_of_scores(tmp_path):
    path = tmp_path / "m.model"
    pieces = [b"a", b"b", b"c", b"bc", b"ab", b"abc"]
    scored = b"".join(piece(one, -float(number)) for number, one in enumerate(pieces))
    path.write_bytes(piece(b"<unk>", 0, 2) + scored + field(2, field(3, 2)))
    assert read_model(path).merges() == [("b", "c"), ("a", "b"), ("a", "bc"), ("ab", "c")]


@pytest.mark.parametrize("name", MODELS)
def test_damaged_files_are_refused(name, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    path = tmp_path / "spiece.model"
    path.write_bytes(MODELS[name])
    with pytest.raises(ValueError, match=r"spiece\.model"):
        AutoTokenizer.from_pretrained(tmp_path)


def test_every_end_of_a_file_is_refused_or_read(tmp_path):
    data = (FOLDER / "tokenizer.model").read_bytes()
    path = tmp_path / "tokenizer.model"
    refused = read = 0
    for end in (*range(200), *range(200, len(data), 37)):
        path.write_bytes(data[:end])
        with contextlib.suppress(ValueError):
            read += bool(read_model(path).pieces)
            continue
        refused += 1
    # A file that ends between two pieces is one with less of them.
    assert refused > 5 * read > 0
