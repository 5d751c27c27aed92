"""Attacks by the files of a tokenizer: chat templates, vocabularies elsewhere, sizes that are not there."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.table import attack

_GROW = "{%% set ns = namespace(x=%s) %%}{%% for i in range(60) %%}%s{%% endfor %%}{{ ns.x | length }}"

#: Chat templates by what they try.
TEMPLATES: dict[str, str] = {
    # Reaching Python.
    "classes of a text": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "classes by a filter": "{{ (''|attr('__class__')|attr('__mro__')).x }}",
    "classes by a name that is made": "{{ messages['__cla' ~ 'ss__']['__mro__'] }}",
    "classes by a form": "{{ '{0.__class__.__mro__}'.format(messages) }}",
    "classes by a form of a dict": "{{ '{a.__class__.x}'.format_map({'a': messages}) }}",
    "modules of a function": "{{ cycler.__init__.__globals__.os.system('touch canary') }}",
    "modules of a macro": "{% macro m() %}{% endmacro %}{{ m.__globals__ }}{{ "
    "m._func.__globals__['open']('canary', 'w') }}",
    "modules of the template": "{{ self.__init__.__globals__.__builtins__.open('canary', 'w') }}",
    "modules of an exception": "{{ raise_exception.__globals__.__builtins__.open('canary', 'w') }}",
    "modules of a date": "{{ strftime_now.__globals__['datetime'].sys }}",
    "code of a generator": "{% set g = messages|map('upper') %}{{ "
    "g.gi_frame.f_builtins['open']('canary', 'w') }}",
    "the environment": "{{ joiner.__init__.__func__.__globals__ }}",
    "another template": "{% include '/etc/passwd' %}",
    "another template's macros": "{% import '/etc/passwd' as p %}{{ p.x }}",
    "a template that it extends": "{% extends '/etc/passwd' %}",
    "a message that is changed": "{{ messages.append(1) }}{{ messages.clear() }}",
    "a dict that is changed": "{{ messages[0].update({'role': 'x'}) }}",
    # Running for long.
    "a long range": "{% for i in range(10**9) %}{% endfor %}",
    "loops within loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "loops over a text": (
        "{% set t = 'a' * 99999 %}{% for i in t %}{% for j in t %}{% for k in t %}{% endfor %}{% endfor "
        "%}{% endfor %}"
    ),
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a macro that calls itself twice": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif "
    "%}{% endmacro %}{{ m(40) }}",
    "a loop that calls itself": "{% for i in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "calls without a loop": "{{ range(99999)|map('string')|map('upper')|map('lower')|list|join }}" * 40,
    "a large power": "{{ 9**9**9**9 }}",
    "a product that grows": _GROW % ("9**64", "{% set ns.x = ns.x * ns.x %}"),
    "a sort in a loop": "{% set r = range(99999)|list %}{% for i in range(99999) %}{% set s = r|sort "
    "%}{% endfor %}",
    # Filling memory.
    "a text that is repeated": "{{ 'a' * 10**10 }}",
    "a list that is repeated": "{{ [0] * 10**10 }}",
    "a text that is doubled": _GROW % ("'ab'", "{% set ns.x = ns.x ~ ns.x %}"),
    "a text that is added": _GROW % ("'ab'", "{% set ns.x = ns.x + ns.x %}"),
    "a text that is written": _GROW % ("'ab'", "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x "
    "= y %}"),
    "a text that is joined": _GROW % ("'ab'", "{% set ns.x = [ns.x, ns.x]|join(ns.x) %}"),
    "a text that is joined by a method": _GROW % ("'ab'", "{% set ns.x = ns.x.join([ns.x, ns.x]) %}"),
    "a text that is filled in": _GROW % ("'ab'", "{% set ns.x = '%s%s' % (ns.x, ns.x) %}"),
    "a text that is formatted": _GROW % ("'ab'", "{% set ns.x = '{}{}'.format(ns.x, ns.x) %}"),
    "a text that is replaced": _GROW % ("'ab'", "{% set ns.x = ns.x.replace('a', ns.x) %}"),
    "a text that is replaced by a filter": _GROW % ("'ab'", "{% set ns.x = ns.x|replace('b', ns.x) %}"),
    "a text that is translated": "{{ ('a' * 99999).translate({97: 'b' * 99999}) }}",
    "a text that is indented": "{{ ('\\n' * 99999)|indent('b' * 99999, blank=True) }}",
    "a width": "{{ 'a'|center(10**9) }}",
    "a width of a method": "{{ 'a'.ljust(10**9) }}{{ '1'.zfill(10**9) }}",
    "a width of a form": "{{ '%9999999999d' % 1 }}",
    "a width that is given": "{{ '%*d' % (10**9, 1) }}",
    "a width of another form": "{{ '{:>9999999999}'.format(1) }}",
    "a width within a form": "{{ '{:{}}'.format('a', 10**9) }}",
    "a width of a filter": "{{ '%9999999999d'|format(1) }}",
    "a width of a date": "{{ strftime_now('%999999999Y') }}",
    "an indentation of JSON": "{{ messages|tojson(indent=10**8) }}",
    "rows that are filled": "{{ [1]|batch(10**9, 0)|list }}{{ [1]|slice(10**9, 0)|list }}",
    "lists within lists": _GROW % ("[1]", "{% set ns.x = [ns.x, ns.x] %}"),
    "pairs within pairs": _GROW % ("(1,)", "{% set ns.x = (ns.x, ns.x) %}"),
    "dicts within dicts": _GROW % ("{'a': 1}", "{% set ns.x = {'a': ns.x, 'b': ns.x} %}"),
    "dicts that are called": _GROW % ("{'a': 1}", "{% set ns.x = dict(a=ns.x, b=ns.x) %}"),
    "lists that are added": _GROW % ("[[1]]", "{% set ns.x = ns.x + ns.x %}"),
    "lists that are batched": _GROW % ("[1]", "{% set ns.x = (ns.x|list + ns.x|list)|batch(2)|list %}"),
    "large texts in a list": "{{ ['a' * 99999] * 99999 }}",
    "bytes": "{{ ('a' * 99999).encode().join([b, b]) }}",
    # Being hard to read.
    "brackets within brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "lists within lists within lists": "{{ " + "[" * 3000 + "]" * 3000 + " }}",
    "blocks within blocks": "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
}  # fmt: skip

_WORDS = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])}


def tokenizer_json(**changes: Any) -> dict[str, Any]:
    """A small `tokenizer.json`."""
    model = {
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", 
        "max_input_chars_per_word": 100,
        "vocab": _WORDS,
    }  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None, "decoder": None, 
        "model": model, **changes,
    }  # fmt: skip


def write_folder(folder: Path, config: Any = None, content: Any = None) -> Path:
    """Writes a tokenizer; what is given takes the place of its files."""
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json() if content is None else content))
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({"tokenizer_class": "BertTokenizer", **(config or {})}))
    return path


def _of_template(template: str) -> Callable[[Path], Path]:
    return lambda folder: write_folder(folder, {"chat_template": template})


for _name, _template in TEMPLATES.items():
    attack(f"a chat template: {_name}", "tokenizer")(_of_template(_template))

#: Configurations by what is wrong with them.
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "a vocabulary outside the folder": {"vocab_file": "../../../../etc/passwd"},
    "a vocabulary at an absolute path": {"vocab_file": "/etc/passwd"},
    "merges in another folder": {"merges_file": "other/merges.txt"},
    "a tokenizer file that is no name": {"tokenizer_file": ["/etc/passwd"]},
    "templates that would be written elsewhere": {
        "chat_template": [{"name": "../../canary", "template": "a"}]
    },
    "a class that is a path": {"tokenizer_class": {"module": "os"}},
    "special tokens that are objects": {"pad_token": {"__type": "AddedToken", "content": {"a": 1}}},
    "a token with a number beyond the vocabulary": {"added_tokens_decoder": {"999999999": {"content": "zz"}}},
    "a token with a number that is none": {"added_tokens_decoder": {"9" * 5000: {"content": "zz"}}},
    "a list of tokens that is a text": {"extra_special_tokens": "abc" * 1000},
}

for _name, _config in CONFIGURATIONS.items():
    attack(f"a tokenizer: {_name}", "tokenizer")(lambda folder, config=_config: write_folder(folder, config))  # type: ignore[misc]


def _model(**changes: Any) -> dict[str, Any]:
    return tokenizer_json(model={**tokenizer_json()["model"], **changes})


#: Contents of `tokenizer.json` by what is wrong with them.
CONTENTS: dict[str, Any] = {
    "a token with a huge number": _model(vocab={**_WORDS, "b": 2**31}),
    "a token with a number below zero": _model(vocab={**_WORDS, "b": -1}),
    "two tokens with one number": _model(vocab={**_WORDS, "b": 3}),
    "an added token with a huge number": tokenizer_json(
        added_tokens=[{"id": 2**40, "content": "b", "special": True}]
    ),
    "a model of no kind": _model(type="Pickle"),
    "a model that is a list": tokenizer_json(model=[1]),
    "merges of tokens that are not there": _model(type="BPE", merges=[["x", "y"]]),
    "a pattern that is none": tokenizer_json(
        pre_tokenizer={
            "type": "Split",
            "pattern": {"Regex": "(" * 1000},
            "behavior": "Isolated",
            "invert": False,
        }
    ),
    "normalizers within normalizers": tokenizer_json(
        normalizer=json.loads('{"type": "Sequence", "normalizers": [' * 200 + "]}" * 200)
    ),
    "pieces that are numbers": tokenizer_json(
        model={"type": "Unigram", "unk_id": 10**9, "vocab": [["a", 0.0]]}
    ),
    "a table that is none": tokenizer_json(
        normalizer={"type": "Precompiled", "precompiled_charsmap": "////////////"}
    ),
}

for _name, _content in CONTENTS.items():
    attack(f"a tokenizer.json: {_name}", "tokenizer")(
        lambda folder, content=_content: write_folder(folder, content=content).with_name("tokenizer.json")  # type: ignore[misc]
    )


@attack("a tokenizer.json: lists within lists", "tokenizer")
def _deep(folder: Path) -> Path:
    write_folder(folder)
    path = folder / "tokenizer.json"
    path.write_text("[" * 100_000)
    return path


@attack("a tokenizer.json: many lists", "tokenizer")
def _many(folder: Path) -> Path:
    write_folder(folder)
    path = folder / "tokenizer.json"
    path.write_text("[" + "[]," * 1_200_000 + "1]")
    return path


@attack("a tokenizer: padding and lengths that are not there", "tokenizer memory")
def _padding(folder: Path) -> Path:
    padding = {
        "strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "[PAD]",
    }  # fmt: skip
    content = tokenizer_json(padding=padding)
    return write_folder(folder, {"model_max_length": 10**12}, content)


@attack("a tokenizer: code of its own", "tokenizer memory")
def _code(folder: Path) -> Path:
    (folder / "evil.py").write_text("open('canary', 'w')")
    return write_folder(folder, {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]}})


@attack("a vocabulary that is no text", "tokenizer")
def _vocabulary(folder: Path) -> Path:
    (folder / "config.json").write_text('{"model_type": "bert"}')
    path = folder / "vocab.txt"
    path.write_bytes(b"a\n\xff\xfe\n")
    return path


@attack("merges that are none", "tokenizer")
def _merges(folder: Path) -> Path:
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    (folder / "vocab.json").write_text('{"a": 0}')
    path = folder / "merges.txt"
    path.write_text("a " * 100_000)
    return path


@attack("a vocabulary that is a link", "tokenizer")
def _link(folder: Path) -> Path:
    (folder / "config.json").write_text('{"model_type": "bert"}')
    path = folder / "vocab.txt"
    path.symlink_to("/etc/passwd")
    return path


@attack("a chat template that is a link", "tokenizer")
def _template_link(folder: Path) -> Path:
    write_folder(folder)
    path = folder / "chat_template.jinja"
    path.symlink_to("/etc/hostname")
    return path


@attack("a further chat template that is a link", "tokenizer")
def _further_template_link(folder: Path) -> Path:
    path = write_folder(folder)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "a.jinja").symlink_to("/etc/hostname")
    return path


# ---- SentencePiece's files ---------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def field(number: int, content: bytes | int) -> bytes:
    """A field of a message: a number, or bytes with their length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def piece(text: bytes, score: float = -1.0, kind: int = 1) -> bytes:
    """A piece of a vocabulary."""
    return field(1, field(1, text) + varint(2 << 3 | 5) + struct.pack("<f", score) + field(3, kind))


GOOD_PIECES = piece(b"<pad>", 0, 3) + piece(b"</s>", 0, 3) + piece(b"<unk>", 0, 2) + piece(b"a")
_BPE = field(2, field(3, 2))

#: `.model` files by what is wrong with them.
MODELS: dict[str, bytes] = {
    "a length beyond its end": GOOD_PIECES + varint(1 << 3 | 2) + varint(2**40) + b"a",
    "a length of 2**64": GOOD_PIECES + varint(3 << 3 | 2) + b"\xff" * 9 + b"\x01",
    "a number without an end": b"\xff" * 10_000,
    "a field without a number": GOOD_PIECES + b"\x02\x01a",
    "groups within groups": b"\x0b" * 100_000,
    "messages within messages": field(1, field(1, field(1, b"a")) * 10_000) + varint(1 << 3 | 3),
    "pieces without a text": field(1, b"") * 100_000,
    "a piece of a megabyte": GOOD_PIECES + piece(b"a" * (1 << 20)),
    "a piece that is no text": GOOD_PIECES + piece(b"\xff\xfe"),
    "a score that is no number": GOOD_PIECES + piece(b"b", float("nan")),
    "a score without an end": GOOD_PIECES + piece(b"b", float("inf")),
    "a piece of another kind": GOOD_PIECES + piece(b"b", -1, 2**63),
    "a piece twice": GOOD_PIECES + piece(b"a"),
    "no piece for what is unknown": piece(b"a") + piece(b"b"),
    "another kind of model": GOOD_PIECES + field(2, field(3, 3)),
    "pairs where there are to be scores": GOOD_PIECES + _BPE,
    "a table that says it is longer": GOOD_PIECES + field(3, field(2, struct.pack("<I", 2**31) + bytes(64))),
    "a table that is a number": GOOD_PIECES + field(3, field(2, 5)),
    "a table that makes long texts": GOOD_PIECES + field(3, field(2, bytes(4) + b"a" * (1 << 22))),
    "nothing": b"",
}


def _of_model(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "config.json").write_text('{"model_type": "t5"}')
        path = folder / "spiece.model"
        path.write_bytes(content)
        return path

    return make


for _name, _content in MODELS.items():
    attack(f"a SentencePiece model: {_name}", "tokenizer")(_of_model(_content))


@attack("a SentencePiece model that is a link", "tokenizer")
def _model_link(folder: Path) -> Path:
    (folder / "config.json").write_text('{"model_type": "llama"}')
    path = folder / "tokenizer.model"
    path.symlink_to("/etc/passwd")
    return path
