"""What tokenizers and collators are asked, the same of Corten and of transformers.

A case is a function of a package (either of the two) and a tokenizer that it read from a folder of
`tokenizers/`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "tokenizers"
NAMES = ("bert", "bert_cased", "distilbert", "gpt2", "roberta", "qwen2", "llama", "t5", "words")

TEXTS = [
    "Hello, world! The cats don't sleep in the garden.",
    "Über die Brücke, naïve café — 你好,世界 12345",
    "",
    "tokenization\tof  unhappiness\n\nand a very-long-compound_word",
    "x" * 120 + " 🙂 e\u0301\u200b \ufb01ne",
]
PAIRS = ["Where is it?", "La réponse", "empty?", "tokens", "🙂"]
WORDS = [["The", "gardens", "sleep"], ["unhappiness", "don't"], ["a"]]

CHAT = [
    {"role": "system", "content": "You are brief."},
    {"role": "user", "content": " Hello <b>world</b> & café "},
    {"role": "assistant", "content": "The cats sleep.\n"},
]
CHAT_TEMPLATE = """{# A template with what published ones use. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set rest = messages %}
{%- endif %}
{%- set state = namespace(turns=0) %}
{{- '<' ~ (system | default('no system')) ~ '>' -}}
{% for message in rest %}
    {%- if message.role not in ['user', 'assistant'] %}{% continue %}{% endif %}
    {%- set state.turns = state.turns + 1 %}
    {{- '[' + message['role'] + ' ' + loop.index|string + '/' + rest|length|string + ']' }}
    {%- if message.role == 'assistant' %}{% generation %}{{ message['content'] | trim }}{% endgeneration %}
    {%- else %}{{ message['content'].strip().split(' ') | join(' ') }}{% endif %}
{% endfor %}
{% if tools %}{{ tools | tojson(indent=1) }}{% endif %}
{{ documents | tojson if documents }}{{ '%s=%d' % (mood | default('calm'), state.turns) }}
{%- if add_generation_prompt %}
[assistant]{% endif %}"""


def weather(city: str, days: int = 3, kinds: list[str] | None = None) -> str:
    """
    Tells the weather of a city.

    Args:
        city: The city.
        days: How many days
            ahead.
        kinds: What to tell. (choices: ["rain", "sun"])

    Returns:
        The weather.
    """
    return ""


PROPERTIES = (
    "vocab_size", "model_max_length", "padding_side", "truncation_side", "model_input_names", "is_fast",
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    "bos_token_id", "eos_token_id", "unk_token_id", "sep_token_id", "pad_token_id", "cls_token_id",
    "mask_token_id", "all_special_tokens", "all_special_ids", "special_tokens_map", "extra_special_tokens",
    "pad_token_type_id", "max_len_single_sentence", "max_len_sentences_pair", "added_tokens_encoder",
)  # fmt: skip


def plain(value: Any) -> Any:
    """What JSON holds in place of arrays, tuples and batches."""
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "items"):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


CASES: dict[str, Callable[[Any, Any], Any]] = {
    # Calling with one text and with several.
    "single": lambda _, t: [t(text) for text in TEXTS],
    "batch": lambda _, t: t(TEXTS),
    "no special tokens": lambda _, t: t(TEXTS, add_special_tokens=False),
    "pair": lambda _, t: [t(text, pair) for text, pair in zip(TEXTS, PAIRS, strict=True)],
    "pairs": lambda _, t: t(TEXTS, PAIRS),
    "pairs as lists": lambda _, t: t([list(one) for one in zip(TEXTS, PAIRS, strict=True)]),
    "pairs as tuples": lambda _, t: t(list(zip(TEXTS, PAIRS, strict=True))),
    "words": lambda _, t: t(WORDS, is_split_into_words=True),
    "one text of words": lambda _, t: t(WORDS[0], is_split_into_words=True),
    "target": lambda _, t: t(TEXTS[:2], text_target=PAIRS[:2]),
    "target alone": lambda _, t: t(text_target=PAIRS[:2]),
    "everything": lambda _, t: t(
        TEXTS,
        PAIRS,
        return_token_type_ids=True,
        return_special_tokens_mask=True,
        return_offsets_mapping=True,
        return_length=True,
    ),
    "everything of one": lambda _, t: t(
        TEXTS[0], return_special_tokens_mask=True, return_offsets_mapping=True, return_length=True
    ),
    "without mask": lambda _, t: t(TEXTS, return_attention_mask=False, return_token_type_ids=False),
    # Padding.
    "longest": lambda _, t: t(TEXTS, padding=True),
    "longest, by name": lambda _, t: t(TEXTS, padding="longest", return_tensors="np"),
    "to a length": lambda _, t: t(TEXTS[0], padding="max_length", max_length=40, return_tensors="np"),
    "to less than there is": lambda _, t: t(TEXTS[0], padding="max_length", max_length=4),
    "to a multiple": lambda _, t: t(TEXTS, padding=True, pad_to_multiple_of=8),
    "left": lambda _, t: t(TEXTS, PAIRS, padding=True, padding_side="left", return_special_tokens_mask=True),
    "right": lambda _, t: t(TEXTS, padding=True, padding_side="right", return_offsets_mapping=True),
    # Truncation.
    "cut": lambda _, t: t(TEXTS, truncation=True, max_length=7),
    "cut and padded": lambda _, t: t(TEXTS, truncation=True, max_length=7, padding="max_length"),
    "cut pairs": lambda _, t: t(TEXTS, PAIRS, truncation=True, max_length=12),
    "cut first": lambda _, t: t(TEXTS[0], PAIRS[0], truncation="only_first", max_length=18),
    "cut second": lambda _, t: t(PAIRS[0], TEXTS[0], truncation="only_second", max_length=18),
    "do not cut": lambda _, t: t(TEXTS[0], truncation="do_not_truncate", max_length=3, padding=False),
    "cut at the left": lambda _, t: _with(
        t, "truncation_side", "left", lambda: t(TEXTS, truncation=True, max_length=7)
    ),
    "overflow": lambda _, t: t(
        TEXTS,
        truncation=True,
        max_length=9,
        stride=2,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_length=True,
    ),
    "overflow of one": lambda _, t: t(
        TEXTS[0], truncation=True, max_length=9, stride=3, return_overflowing_tokens=True
    ),
    "overflow of a pair": lambda _, t: t(
        PAIRS[0],
        TEXTS[0],
        truncation="only_second",
        max_length=18,
        stride=2,
        return_overflowing_tokens=True,
        padding="max_length",
        return_tensors="np",
        return_special_tokens_mask=True,
    ),
    # Words, characters and tokens.
    "tokenize": lambda _, t: [t.tokenize(text) for text in TEXTS],
    "tokenize with special tokens": lambda _, t: t.tokenize(TEXTS[0], add_special_tokens=True),
    "encode": lambda _, t: [t.encode(text) for text in TEXTS],
    "encode pair": lambda _, t: t.encode(TEXTS[0], PAIRS[0], add_special_tokens=False),
    "maps": lambda _, t: _maps(t(TEXTS[0], PAIRS[0])),
    "maps of the second": lambda _, t: _maps_of_row(t(TEXTS[:2], PAIRS[:2], padding=True), 1),
    "rows": lambda _, t: [e.tokens for e in t(TEXTS[:2], padding=True)[0:2]],
    # Back to text.
    "decode": lambda _, t: [t.decode(t(text)["input_ids"]) for text in TEXTS],
    "decode without special tokens": lambda _, t: [
        t.decode(t(text)["input_ids"], skip_special_tokens=True) for text in TEXTS
    ],
    "decode without clean-up": lambda _, t: t.decode(
        t("it 's , is n't .")["input_ids"], clean_up_tokenization_spaces=False
    ),
    "batch_decode": lambda _, t: t.batch_decode(t(TEXTS)["input_ids"], skip_special_tokens=True),
    "decode of an array": lambda _, t: t.decode(np.array(t(TEXTS[0])["input_ids"])),
    "decode of rows": lambda _, t: t.decode(t(TEXTS[:2])["input_ids"]),
    "decode of a number": lambda _, t: t.decode(9),
    "decode beyond the vocabulary": lambda _, t: t.decode([9, 10**6, 10]),
    "tokens": lambda _, t: t.convert_ids_to_tokens([0, 5, 9, 10**6]),
    "tokens without special ones": lambda _, t: t.convert_ids_to_tokens(
        list(range(12)), skip_special_tokens=True
    ),
    "token": lambda _, t: t.convert_ids_to_tokens(7),
    "numbers": lambda _, t: t.convert_tokens_to_ids(["a", "the", "no such token"]),
    "number": lambda _, t: t.convert_tokens_to_ids("no such token"),
    "joined tokens": lambda _, t: t.convert_tokens_to_string(t.tokenize(TEXTS[0])),
    "special mask": lambda _, t: t.get_special_tokens_mask(
        t(TEXTS[0])["input_ids"], already_has_special_tokens=True
    ),
    # What it is.
    "properties": lambda _, t: {name: getattr(t, name) for name in PROPERTIES},
    "size": lambda _, t: [len(t), t.num_special_tokens_to_add(), t.num_special_tokens_to_add(pair=True)],
    "vocabulary": lambda _, t: sorted(t.get_vocab().items(), key=lambda item: item[1])[-20:],
    # Padding of what is encoded.
    "pad": lambda _, t: t.pad([{"input_ids": [5, 6, 7]}, {"input_ids": [5]}]),
    "pad columns": lambda _, t: t.pad(
        {"input_ids": [[5, 6, 7], [5]], "token_type_ids": [[0, 1, 1], [1]], "label": [1, 2]},
        padding_side="left",
        return_tensors="np",
    ),
    "pad one": lambda _, t: t.pad({"input_ids": [5, 6]}, padding="max_length", max_length=5),
    "pad to a multiple": lambda _, t: t.pad(
        [
            {"input_ids": [5, 6, 7], "special_tokens_mask": [1, 0, 1]},
            {"input_ids": [5], "special_tokens_mask": [0]},
        ],
        pad_to_multiple_of=4,
    ),
    "pad nothing": lambda _, t: t.pad([{"input_ids": [5, 6]}, {"input_ids": [7]}], padding=False),
    # Conversations.
    "chat": lambda _, t: _chat(t, tokenize=False),
    "chats": lambda _, t: t.apply_chat_template(
        [CHAT, CHAT[:2]], chat_template=CHAT_TEMPLATE, tokenize=False, add_generation_prompt=True
    ),
    "chat as numbers": lambda _, t: _chat(t),
    "chat as numbers alone": lambda _, t: _chat(t, return_dict=False),
    "chats as arrays": lambda _, t: t.apply_chat_template(
        [CHAT, CHAT[:2]], chat_template=CHAT_TEMPLATE, padding=True, return_tensors="np"
    ),
    "chat cut": lambda _, t: _chat(t, truncation=True, max_length=12),
    "chat with tools": lambda _, t: _chat(
        t, tokenize=False, tools=[weather, {"name": "é<x>"}], documents=[{"title": "a"}], mood="glad"
    ),
    "chat gone on with": lambda _, t: t.apply_chat_template(
        CHAT,
        chat_template="{% for m in messages %}{{ m.role }}: {{ m.content }};\n{% endfor %}",
        continue_final_message=True,
        tokenize=False,
    ),
    "chat without a system": lambda _, t: t.apply_chat_template(
        CHAT[1:2], chat_template=CHAT_TEMPLATE, tokenize=False
    ),
    "assistant": lambda _, t: _chat(t, return_assistant_tokens_mask=True),
    # Collators.
    "collate": lambda p, t: p.DataCollatorWithPadding(t, return_tensors="np")(_features(t)),
    "collate to a multiple": lambda p, t: p.DataCollatorWithPadding(
        t, pad_to_multiple_of=8, return_tensors="np"
    )(_features(t, "label_ids")),
    "collate to a length": lambda p, t: p.DataCollatorWithPadding(
        t, padding="max_length", max_length=33, return_tensors="np"
    )(_features(t, None)),
    "collate by default": lambda p, t: p.DefaultDataCollator(return_tensors="np")(
        [
            {"x": [1, 2], "y": 0.5, "label": 1, "text": "a", "nothing": None},
            {"x": [3, 4], "y": 1.5, "label": 0, "text": "b", "nothing": None},
        ]
    ),
    "collate numbers with fractions": lambda p, t: p.DefaultDataCollator(return_tensors="np")(
        [{"label": 1.5, "x": True}, {"label": 2.0, "x": False}]
    ),
    "collate for tagging": lambda p, t: p.DataCollatorForTokenClassification(t, return_tensors="np")(
        [{"input_ids": [5, 6, 7], "labels": [-100, 1, 2]}, {"input_ids": [5], "labels": [3]}]
    ),
    "collate for translation": lambda p, t: p.DataCollatorForSeq2Seq(t, return_tensors="np")(
        [{"input_ids": [5, 6, 7], "labels": [1]}, {"input_ids": [5], "labels": [3, 4, 5]}]
    ),
    "collate for translation, longer": lambda p, t: p.DataCollatorForSeq2Seq(
        t, padding="max_length", max_length=6, label_pad_token_id=-1, return_tensors="np"
    )([{"input_ids": [5, 6, 7], "labels": [1]}, {"input_ids": [5], "labels": [3, 4, 5]}]),
    "collate for the next token": lambda p, t: p.DataCollatorForLanguageModeling(
        t, mlm=False, return_tensors="np"
    )(_features(t, None)),
    # Changes, last: each case has a tokenizer of its own.
    "add tokens": lambda p, t: [
        t.add_tokens(["newtoken", "gardens", "newtoken"]),
        t.add_tokens(p.AddedToken("<tag>", lstrip=True, rstrip=True), special_tokens=True),
        len(t),
        t.tokenize("a newtokens  <tag>  gardens"),
        t.decode(t("a newtoken <tag> gardens")["input_ids"], skip_special_tokens=True),
    ],
    "add special tokens": lambda p, t: [
        t.add_special_tokens({"bos_token": "<begin>", "additional_special_tokens": ["<x>", "<y>"]}),
        t.bos_token,
        t.bos_token_id,
        t.all_special_tokens,
        t.extra_special_tokens,
        t.tokenize("<x>a<begin> <y>"),
    ],
}

#: Cases that say something of a kind of tokenizer only.
ONLY = {
    "lower case": ("bert", lambda p, t: _read(p, "bert", do_lower_case=False).tokenize(TEXTS[0])),
    "accents": ("bert", lambda p, t: _read(p, "bert", strip_accents=False).tokenize(TEXTS[1])),
    "cased, made small": ("bert_cased", lambda p, t: _read(p, 
    "bert_cased", do_lower_case=True).tokenize(TEXTS[0])),
    "prefix": ("gpt2", lambda p, t: _read(p, 
    "gpt2", add_prefix_space=True)(TEXTS, return_offsets_mapping=True)),
    "prefix of roberta": (
        "roberta",
        lambda p, t: _read(p, "roberta", add_prefix_space=True)(TEXTS, return_offsets_mapping=True),
    ),
    "prefix of llama": ("llama", lambda p, t: _read(p, "llama", add_prefix_space=False).tokenize(TEXTS[0])),
    "begin": ("llama", lambda p, t: _read(p, "llama", add_bos_token=False)(TEXTS, PAIRS)),
    "begin and end": ("llama", lambda p, t: _read(p, 
    "llama", add_eos_token=True, add_bos_token=True)(TEXTS, PAIRS)),
    "another pad token": (
        "gpt2",
        lambda p, t: [_read(p, "gpt2", pad_token="<fill>").pad_token_id, _read(p, 
        "gpt2", model_max_length=9)(TEXTS, truncation=True)],
    ),
    "clean-up": (
        "bert",
        lambda p, t: t.decode(t("it 's , is n't .")["input_ids"], clean_up_tokenization_spaces=True),
    ),
}  # fmt: skip


def _read(package: Any, name: str, **settings: Any) -> Any:
    return package.AutoTokenizer.from_pretrained(str(FOLDER / name), **settings)


def _with(tokenizer: Any, name: str, value: Any, call: Callable[[], Any]) -> Any:
    setattr(tokenizer, name, value)
    return call()


def _chat(tokenizer: Any, **settings: Any) -> Any:
    return tokenizer.apply_chat_template(CHAT, chat_template=CHAT_TEMPLATE, **settings)


def _features(tokenizer: Any, label: str | None = "label") -> list[dict[str, Any]]:
    rows = [dict(tokenizer(text, truncation=True, max_length=30)) for text in TEXTS[:3]]
    return [{**row, label: number} if label else row for number, row in enumerate(rows)]


def _maps(encoding: Any) -> Any:
    length = len(encoding["input_ids"])
    words = {
        word for word, text in zip(encoding.word_ids(), encoding.sequence_ids(), strict=True) if text == 0
    }
    return {
        "tokens": encoding.tokens(),
        "word_ids": encoding.word_ids(),
        "sequence_ids": encoding.sequence_ids(),
        "token_to_sequence": [encoding.token_to_sequence(place) for place in range(length)],
        "token_to_word": [encoding.token_to_word(place) for place in range(length)],
        "token_to_chars": [encoding.token_to_chars(place) for place in range(length)],
        "word_to_tokens": [encoding.word_to_tokens(word) for word in range(4)],
        "word_to_chars": [encoding.word_to_chars(word) for word in sorted(words)[:4]],
        "char_to_token": [encoding.char_to_token(char) for char in range(len(TEXTS[0]))],
        "char_to_word": [encoding.char_to_word(char) for char in range(len(TEXTS[0]))],
        "of the pair": [encoding.char_to_token(0, char, 1) for char in range(len(PAIRS[0]))],
        "n_sequences": encoding.n_sequences,
    }


def _maps_of_row(batch: Any, row: int) -> Any:
    return {
        "tokens": batch.tokens(row),
        "word_ids": batch.word_ids(row),
        "sequence_ids": batch.sequence_ids(row),
        "token_to_word": batch.token_to_word(row, 3),
        "token_to_chars": batch.token_to_chars(row, 3),
        "word_to_tokens": batch.word_to_tokens(row, 1, sequence_index=1),
        "word_to_chars": batch.word_to_chars(row, 0),
        "char_to_token": batch.char_to_token(row, 5, sequence_index=1),
        "char_to_word": batch.char_to_word(row, 5),
    }
