"""Files of tokenizers: what is read, what is written, and that transformers wrote the same."""

from __future__ import annotations

import json
import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tests.transformers.tokenizer_cases import FOLDER, NAMES, TEXTS

from corten import transformers
from corten.transformers import AutoTokenizer

pytest.importorskip("tokenizers", reason="needs corten[text]")

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world", "Hello"]


def read(folder: Path) -> dict[str, Any]:
    """All files of a folder, JSON as what it holds."""
    return {
        str(path.relative_to(folder)): json.loads(path.read_text())
        if path.suffix == ".json"
        else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_what_transformers_wrote(name: str, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / name)
    paths = tokenizer.save_pretrained(tmp_path / "saved")
    assert all(Path(path).is_file() for path in paths)
    assert read(tmp_path / "saved") == read(FOLDER / name)
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert type(again) is type(tokenizer)
    assert again(TEXTS) == tokenizer(TEXTS)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "words"])
def test_a_vocabulary_alone_makes_the_same_tokenizer(name: str) -> None:
    stored = read(FOLDER / name)
    config, content = stored["tokenizer_config.json"], stored["tokenizer.json"]
    parts = {"vocab": content["model"]["vocab"]}
    if "merges" in content["model"]:
        parts["merges"] = content["model"]["merges"]
    left_out = {"backend", "tokenizer_class", *(["extra_special_tokens"] if name == "t5" else [])}
    settings = {key: value for key, value in config.items() if key not in left_out}
    if name == "llama":
        settings["add_bos_token"] = True
    if name == "roberta":
        settings["mask_token"] = transformers.AddedToken(
            "<mask>", lstrip=True, special=True, normalized=False
        )
    tokenizer = getattr(transformers, config["tokenizer_class"])(**parts, **settings)
    assert json.loads(tokenizer.backend_tokenizer.to_str()) == content
    assert tokenizer.saved_config() == config


def test_a_folder_with_a_vocabulary_of_words(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    with pytest.raises(
        FileNotFoundError,
        match=r"has no tokenizer.json or vocab.txt with a "
        r"config.json; it has vocab",
    ):
        AutoTokenizer.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert type(tokenizer) is transformers.BertTokenizer
    assert tokenizer("Hello you").input_ids == [2, 5, 1, 3]
    cased = transformers.BertTokenizerFast.from_pretrained(tmp_path, do_lower_case=False, model_max_length=4)
    assert cased("Hello hello world", truncation=True).input_ids == [2, 7, 5, 3]
    assert transformers.BertTokenizer(tmp_path / "vocab.txt").vocab_size == 8
    assert transformers.BertTokenizer(vocab_file=str(tmp_path / "vocab.txt")).get_vocab()["Hello"] == 7


def test_a_folder_with_merges(tmp_path: Path) -> None:
    model = read(FOLDER / "gpt2")["tokenizer.json"]["model"]
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(FileNotFoundError, match=r"no tokenizer.json or vocab.json with merges.txt"):
        AutoTokenizer.from_pretrained(tmp_path)
    merges = "\n".join(" ".join(pair) for pair in model["merges"])
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer(TEXTS).input_ids == AutoTokenizer.from_pretrained(FOLDER / "gpt2")(TEXTS).input_ids


def test_older_files(tmp_path: Path) -> None:
    """Special tokens beside the configuration, with their properties, and numbers of added tokens."""
    stored = read(FOLDER / "bert")
    content = stored["tokenizer.json"]
    content["truncation"] = {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    content["padding"] = {
        "strategy": {"Fixed": 1 << 40}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "[PAD]",
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    size = len(content["model"]["vocab"])
    config = {
        "tokenizer_class": "BertTokenizerFast",
        "model_max_length": 1e30,
        "added_tokens_decoder": {
            str(size): {
                "content": "<new>",
                "lstrip": True,
                "normalized": False,
                "rstrip": False,
                "special": True,
            },
            "0": {"content": "[PAD]", "special": True},
        },
        "chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}],
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokens = {"mask_token": {"content": "[MASK]", "lstrip": True}, "additional_special_tokens": ["<new>"]}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(tokens))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.convert_tokens_to_ids("<new>") == size == len(tokenizer) - 1
    assert tokenizer.mask_token == "[MASK]"
    assert tokenizer.additional_special_tokens == ["<new>"]
    assert len(tokenizer("the cats sleep in the garden").input_ids) > 3
    assert tokenizer.get_chat_template() == "a"
    assert tokenizer.get_chat_template(tools=[]) == "b"


def test_a_kind_without_a_class_keeps_its_name(tmp_path: Path) -> None:
    for name, text in read(FOLDER / "t5").items():
        (tmp_path / name).write_text(json.dumps(text))
    config = tmp_path / "tokenizer_config.json"
    config.write_text(
        json.dumps({**json.loads(config.read_text()), "tokenizer_class": "CamembertTokenizerFast"})
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert type(tokenizer) is transformers.PreTrainedTokenizerFast
    assert tokenizer(TEXTS) == AutoTokenizer.from_pretrained(FOLDER / "t5")(TEXTS)
    tokenizer.save_pretrained(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())["tokenizer_class"] == (
        "CamembertTokenizerFast"
    )


def test_code_of_its_own_is_not_run(tmp_path: Path) -> None:
    for name, text in read(FOLDER / "bert").items():
        (tmp_path / name).write_text(json.dumps(text))
    config = tmp_path / "tokenizer_config.json"
    (tmp_path / "evil.py").write_text("raise SystemExit")
    config.write_text(
        json.dumps({**json.loads(config.read_text()), "auto_map": {"AutoTokenizer": ["evil.T", None]}})
    )
    with pytest.warns(UserWarning, match=r"name code of their own \(auto_map\)\. It is never run"):
        tokenizer = AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=True)
    assert "auto_map" not in tokenizer.saved_config()


def test_copies(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / "gpt2")
    tokenizer.add_special_tokens({"pad_token": "<fill>"})
    for other in (pickle.loads(pickle.dumps(tokenizer)), deepcopy(tokenizer)):
        assert other(TEXTS, padding=True) == tokenizer(TEXTS, padding=True)
        other.add_tokens(["more"])
        assert len(other) == len(tokenizer) + 1
    tokenizer.save_pretrained(tmp_path, filename_prefix="my")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "my-tokenizer.json",
        "my-tokenizer_config.json",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{", r"tokenizer\.json: not valid JSON"),
        ("tokenizer.json", "[]", r"tokenizer\.json: is not a tokenizer\.json \(it has no 'model'\)"),
        ("tokenizer.json", '{"model": {"type": "What", "vocab": {"a": 0}}}', r"tokenizer\.json: is not "
        r"a tokenizer\.json"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {"a": -1}}}', 
        "the token 'a' has the number '-1'"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}}}', 
        "two tokens have the same number"),
        ("tokenizer_config.json", "3", r"tokenizer_config\.json: is not a JSON object"),
        ("tokenizer_config.json", '{"tokenizer_class": 3}', "tokenizer_class must be a name"),
        ("tokenizer_config.json", '{"model_max_length": "many"}', "model_max_length must be a whole number"),
        ("tokenizer_config.json", '{"padding_side": "up"}', "padding_side must be 'right' or 'left'"),
        ("tokenizer_config.json", '{"pad_token": 3}', "expected a token's text"),
        ("tokenizer_config.json", '{"chat_template": 3}', "chat_template must be a text"),
        ("tokenizer_config.json", '{"model_input_names": "a"}', "model_input_names must be a list"),
        ("tokenizer_config.json", '{"vocab_file": "../../etc/passwd"}', "vocab_file is '../../etc/passwd'"),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"7000": {"content": "zzz"}}}', 
        "has the number 7000"),
    ],
)  # fmt: skip
def test_damaged_files(name: str, content: str, message: str, tmp_path: Path) -> None:
    for other, text in read(FOLDER / "bert").items():
        (tmp_path / other).write_text(json.dumps(text))
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        AutoTokenizer.from_pretrained(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("#version: 0.2\na b c\n", r"merges\.txt: line 2 must be two tokens"),
        ("a\n", r"merges\.txt: line 1 must be two tokens"),
        ("a zz\n", "GPT2Tokenizer"),
    ],
)
def test_damaged_merges(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text('{"a": 0, "b": 1, "<|endoftext|>": 2}')
    (tmp_path / "merges.txt").write_text(content)
    with pytest.raises(ValueError, match=message):
        transformers.GPT2Tokenizer.from_pretrained(tmp_path)


def test_a_cache_has_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's tools keep files under their checksums, and link to them."""
    model = tmp_path / "models--org--name"
    snapshot = model / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (model / "blobs").mkdir()
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("abc")
    for name, content in read(FOLDER / "gpt2").items():
        (model / "blobs" / f"0{name}").write_text(json.dumps(content))
        (snapshot / name).symlink_to(f"../../blobs/0{name}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    expected = AutoTokenizer.from_pretrained(FOLDER / "gpt2")(TEXTS)
    assert AutoTokenizer.from_pretrained("org/name")(TEXTS) == expected
    assert AutoTokenizer.from_pretrained(snapshot)(TEXTS) == expected
    (snapshot / "tokenizer.json").unlink()
    (snapshot / "tokenizer.json").symlink_to(FOLDER / "gpt2" / "tokenizer.json")
    with pytest.raises(ValueError, match=r"tokenizer\.json: is a link to .*outside of its folder"):
        AutoTokenizer.from_pretrained("org/name")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        AutoTokenizer.from_pretrained(tmp_path / "nowhere")
    (tmp_path / "tokenizer.model").write_bytes(b"")
    with pytest.raises(ValueError, match=r"tokenizer\.model: is no SentencePiece model .*: it has no pieces"):
        transformers.LlamaTokenizer.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"SentencePiece's `\.model` files are read for T5"):
        transformers.T5Tokenizer.from_pretrained(tmp_path)
    with pytest.raises(TypeError, match=r"use `AutoTokenizer\.from_pretrained"):
        AutoTokenizer()


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install corten\[text\]"):
        transformers.BertTokenizer()
