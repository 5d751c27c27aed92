"""Chat templates: which one is taken, and what they may do; `tests/attacks` has hostile ones."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from tests.transformers.tokenizer_cases import CHAT, CHAT_TEMPLATE, FOLDER

from corten.transformers import AutoTokenizer, BertTokenizer
from corten.transformers.tokenization.tool_schemas import tool_schema

pytest.importorskip("tokenizers", reason="needs corten[text]")
pytest.importorskip("jinja2", reason="needs corten[text]")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abc<>/:"]


@pytest.fixture
def tokenizer() -> BertTokenizer:
    return BertTokenizer({word: number for number, word in enumerate(WORDS)})


def render(tokenizer: BertTokenizer, template: str, messages: Any = CHAT, **values: Any) -> Any:
    return tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, **values)


def test_which_template_is_taken(tokenizer: BertTokenizer) -> None:
    with pytest.raises(ValueError, match="has no chat template"):
        tokenizer.apply_chat_template(CHAT)
    tokenizer.chat_template = {"rag": "r"}
    with pytest.raises(ValueError, match="templates named rag and none named 'default'"):
        tokenizer.apply_chat_template(CHAT)
    assert render(tokenizer, "rag") == "r"
    tokenizer.chat_template = {"default": "d", "tool_use": "t{{ tools | length }}"}
    assert tokenizer.apply_chat_template(CHAT, tokenize=False) == "d"
    assert tokenizer.apply_chat_template(CHAT, tokenize=False, tools=[{}]) == "t1"
    for wrong in (3, {"../x": "a"}, {"a": 3}, {}):
        with pytest.raises(ValueError, match="chat_template must be a text, or a dict"):
            tokenizer.chat_template = wrong
    assert AutoTokenizer.from_pretrained(FOLDER / "words").chat_template["tool_use"] == "{{ tools | length }}"


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "a list of messages"),
        ("hello", "a list of messages"),
        ([{"content": "a"}], "a message is a dict such as"),
        ([{"role": 3}], "a message is a dict such as"),
        ([[]], "a conversation is a list"),
        ([CHAT, "b"], "a conversation is a list"),
    ],
)
def test_what_is_no_conversation(tokenizer: BertTokenizer, messages: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(tokenizer, "a", messages)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('roles must alternate') }}", "the chat template says: roles must alternate"),
        ("a\n{% if %}", "the chat template is wrong in line 2"),
        ("{{ messages[0].content.nothing.more }}", "the chat template fails: UndefinedError"),
        ("{{ 1 / 0 }}", "the chat template fails: ZeroDivisionError"),
        ("{% include 'x' %}", "the chat template fails: TypeError"),
        ("x" * (1 << 20 | 1), "1048576 are allowed"),
    ],
)
def test_templates_that_fail(tokenizer: BertTokenizer, template: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(tokenizer, template)


def test_settings_that_do_not_fit(tokenizer: BertTokenizer) -> None:
    with pytest.raises(ValueError, match="add_generation_prompt begins a new message"):
        render(tokenizer, "a", add_generation_prompt=True, continue_final_message=True)
    with pytest.raises(ValueError, match="does not hold the last message's content"):
        render(tokenizer, "a", continue_final_message=True)
    with pytest.raises(ValueError, match=r"marks what the assistant says with \{% generation %\}"):
        tokenizer.apply_chat_template(CHAT, chat_template="a", return_assistant_tokens_mask=True)
    with pytest.raises(ValueError, match="a tool is a function or a JSON schema"):
        render(tokenizer, "a", tools=[3])


def test_the_message_that_is_gone_on_with(tokenizer: BertTokenizer) -> None:
    template = (
        "{% for m in messages %}<{{ m.content if m.content is string else m.content[0].text }}>{% endfor %}"
    )
    for content, wanted in (("ab ", "<ab "), (" ab", "< ab"), ([{"type": "text", "text": "ab"}], "<ab")):
        assert (
            render(tokenizer, template, [{"role": "a", "content": content}], continue_final_message=True)
            == wanted
        )


def test_what_the_assistant_said(tokenizer: BertTokenizer) -> None:
    template = "{% for m in messages %}<{% generation %}{{ m.content }}{% endgeneration %}>{% endfor %}"
    chats = [
        [{"role": "a", "content": "ab c"}, {"role": "a", "content": "c"}],
        [{"role": "a", "content": "b"}],
    ]
    found = tokenizer.apply_chat_template(
        chats, chat_template=template, padding=True, return_tensors="np", return_assistant_tokens_mask=True
    )
    assert found.assistant_masks.tolist() == [[0, 1, 1, 0, 0, 1, 0], [0, 1, 0, 0, 0, 0, 0]]
    assert found.assistant_masks.dtype == np.int64
    cut = tokenizer.apply_chat_template(
        chats[0], chat_template=template, truncation=True, max_length=3, return_assistant_tokens_mask=True
    )
    assert cut.assistant_masks == [0, 1, 1]


def test_schemas_of_functions() -> None:
    def call(
        how: Literal["fast", "slow"],
        what: dict[str, int],
        which: int | str,
        more: list,
        less: bool | None = None,
    ):
        """
        Calls.

        Args:
            how: How.
            what: What.
            which: Which.
            more (list): More.
            less: Less.
        """

    function = tool_schema(call)["function"]
    assert function == {
        "name": "call",
        "description": "Calls.",
        "parameters": {
            "type": "object",
            "properties": {
                "how": {"type": "string", "enum": ["fast", "slow"], "description": "How."},
                "what": {
                    "type": "object",
                    "additionalProperties": {"type": "integer"},
                    "description": "What.",
                },
                "which": {"type": ["integer", "string"], "description": "Which."},
                "more": {"type": "array", "description": "More."},
                "less": {"type": "boolean", "nullable": True, "description": "Less."},
            },
            "required": ["how", "what", "which", "more"],
        },
    }

    def bare(x: int) -> int: ...

    def undescribed(x: int) -> None:
        """Does nothing."""

    def odd(x: set[int]) -> None:
        """Does nothing.

        Args:
            x: A set.
        """

    for tool, message in (
        (bare, "the tool bare has no docstring"),
        (undescribed, "the argument 'x' of the tool undescribed has no description"),
        (odd, r"has an argument of type set\[int\]"),
    ):
        with pytest.raises(ValueError, match=message):
            tool_schema(tool)


def test_long_conversations_are_no_attack(tokenizer: BertTokenizer) -> None:
    long = [{"role": ("user", "assistant")[turn % 2], "content": "word " * 200} for turn in range(1000)]
    text = render(tokenizer, CHAT_TEMPLATE, long, tools=[{"name": "x" * 1000}] * 50)
    assert text.count("word") == 200_000
    large = [{"role": "user", "content": "word " * 2_000_000}]
    assert len(render(tokenizer, CHAT_TEMPLATE, large)) > 9_000_000
    assert render(
        tokenizer,
        "{{ messages[0].at + 1 }} {{ messages[0].at * 1000 }}",
        [{"role": "a", "at": 1_700_000_000}],
    ) == ("1700000001 1700000000000")
