"""Conversations as texts: chat templates, and which tokens of them the assistant said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from corten.transformers.batch_encoding import BatchEncoding
from corten.transformers.tokenization import sandbox
from corten.transformers.tokenization.encoding import Encodes
from corten.transformers.tokenization.tool_schemas import tool_schema

_STEPS = 30_000
_STEPS_OF_MESSAGE = 2_000


class Rendered(NamedTuple):
    """Conversations as texts.

    Attributes:
        rows: Of each its text, and the places in it that the assistant said, as (start, end).
        is_batch: Whether the caller gave several.
    """

    rows: list[tuple[str, list[tuple[int, int]]]]
    is_batch: bool


class ChatTemplates(Encodes):
    """The part of a tokenizer that writes conversations as a model expects them."""

    name_or_path: str
    _chat_template: str | dict[str, str] | None

    @property
    def chat_template(self) -> str | dict[str, str] | None:
        """The Jinja template of `apply_chat_template`, several by name, or None."""
        return self._chat_template

    @chat_template.setter
    def chat_template(self, template: Any) -> None:
        self._chat_template = check_templates(type(self).__name__, template)

    def get_chat_template(self, chat_template: str | None = None, tools: Any = None) -> str:
        """Returns the template that `apply_chat_template` takes.

        Args:
            chat_template: A template, or the name of one of the tokenizer's.
            tools: If given, the one named `'tool_use'` is taken where there is one.

        Raises:
            ValueError: There is none, or it is not clear which.
        """
        return choose_template(type(self).__name__, self.chat_template, chat_template, tools)

    def apply_chat_template(
        self,
        conversation: Any,
        tools: list[Any] | None = None,
        documents: list[dict[str, str]] | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
        tokenize: bool = True,
        padding: bool | str = False,
        truncation: bool = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_dict: bool = True,
        return_assistant_tokens_mask: bool = False,
        tokenizer_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Writes a conversation as the model expects it, and encodes that.

        Templates are run by Jinja in a sandbox: they reach nothing but what is named here, and may take
        neither long nor much memory.

        Args:
            conversation: Messages, each a dict with `'role'` and `'content'`; or a list of such lists.
            tools: What the model may call: JSON schemas, or functions with annotations and a Google-style
                docstring.
            documents: Documents for models that answer by them.
            chat_template: A template, or the name of one of the tokenizer's; None takes the tokenizer's.
            add_generation_prompt: Whether to begin the answer.
            continue_final_message: Whether to leave the last message open, to be gone on with.
            tokenize: Whether to encode the text, or to return it.
            padding: As for `__call__`.
            truncation: As for `__call__`.
            max_length: As for `__call__`.
            return_tensors: As for `__call__`.
            return_dict: Whether to return a `BatchEncoding`, or the numbers alone.
            return_assistant_tokens_mask: Whether to return as `'assistant_masks'` 1 for tokens within
                `{% generation %}` of the template, and 0 for others.
            tokenizer_kwargs: Further arguments for `__call__`.
            **kwargs: Further values for the template.

        Returns:
            A `BatchEncoding`, numbers, or a text; lists of texts for several conversations.

        Raises:
            ImportError: The package jinja2 is missing (`pip install corten[text]`).
            ValueError: There is no template, it is refused or fails, or messages are none.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> tokenizer = BertTokenizer({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4})
            >>> tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
            >>> tokenizer.apply_chat_template([{"role": "user", "content": "Hi!"}], tokenize=False)
            '<user>Hi!'
        """
        who = f"{type(self).__name__}.apply_chat_template"
        if chat_template is None and self.name_or_path:
            who = f"{who} ({self.name_or_path})"  # It is the template of these files.
        rendered = render(
            who,
            conversation,
            self.get_chat_template(chat_template, tools),
            {
                **self.special_tokens_map,
                "tools": None if tools is None else [tool_schema(tool) for tool in tools],
                "documents": documents,
                "add_generation_prompt": add_generation_prompt,
                **kwargs,
            },
            continue_final_message,
            return_assistant_tokens_mask,
        )
        texts: Any = [text for text, _ in rendered.rows]
        if not tokenize:
            return texts if rendered.is_batch else texts[0]
        settings: dict[str, Any] = {
            "padding": padding,
            "truncation": truncation,
            "max_length": max_length,
            "return_tensors": return_tensors,
            "add_special_tokens": False,
            **(tokenizer_kwargs or {}),
        }
        encoded = self(texts if rendered.is_batch else texts[0], **settings)
        if return_assistant_tokens_mask:
            masks: Any = assistant_masks(encoded, [spans for _, spans in rendered.rows])
            if return_tensors is None and not rendered.is_batch:
                masks = masks[0]
            encoded["assistant_masks"] = masks
            encoded.convert_to_tensors(return_tensors)
        return encoded if return_dict else encoded["input_ids"]


def check_templates(who: str, template: Any) -> Any:
    """Checks what is to be a chat template.

    Raises:
        ValueError: It is neither a text, nor a dict of texts by name, nor None.
    """
    if template is None or isinstance(template, str):
        return template
    if isinstance(template, Mapping) and template:
        names_are_right = all(
            isinstance(name, str) and name.replace("-", "_").isidentifier() for name in template
        )
        if names_are_right and all(isinstance(text, str) for text in template.values()):
            return dict(template)
    raise ValueError(
        f"{who}: chat_template must be a text, or a dict of names (letters, digits, `_`) and texts; got "
        f"{str(template)[:80]!r}."
    )


def choose_template(who: str, own: Any, given: str | None, tools: Any) -> str:
    """Returns the template to take: the one that was given, or one of the tokenizer's.

    Raises:
        ValueError: There is none, or it is not clear which.
    """
    if given is not None:
        if not isinstance(given, str):
            raise ValueError(
                f"{who}: chat_template must be a text, or the name of a template; got {given!r}."
            )
        return own[given] if isinstance(own, dict) and given in own else given
    if own is None:
        raise ValueError(
            f"{who}.apply_chat_template: the tokenizer has no chat template (its files had none). Pass "
            f"chat_template=..., or "
            "set `tokenizer.chat_template`."
        )
    if isinstance(own, str):
        return own
    name = "tool_use" if tools is not None and "tool_use" in own else "default"
    if name not in own:
        raise ValueError(
            f"{who}.apply_chat_template: the tokenizer has templates named {', '.join(sorted(own))} and "
            f"none named 'default': pass "
            "one's name as chat_template=..."
        )
    return str(own[name])


def render(
    who: str,
    conversation: Any,
    template: str,
    values: dict[str, Any],
    continue_final_message: bool,
    find_assistant: bool,
) -> Rendered:
    """Writes conversations as texts.

    Raises:
        ValueError: They are none, or the template is refused or fails.
    """
    if continue_final_message and values.get("add_generation_prompt"):
        raise ValueError(
            f"{who}: add_generation_prompt begins a new message, and continue_final_message goes on with one."
        )
    if find_assistant and "generation" not in template:
        raise ValueError(
            f"{who}: return_assistant_tokens_mask needs a template that marks what the assistant says with "
            "{% generation %} ... {% endgeneration %}; this one does not."
        )
    is_batch, conversations = _conversations(who, conversation)
    rows = []
    for messages in conversations:
        text_given = sum(len(str(message.get("content"))) for message in messages)
        budget = sandbox.Budget(
            _STEPS + _STEPS_OF_MESSAGE * len(messages) + text_given,
            (1 << 24) + 8 * text_given,
            100_000 + text_given,
            5.0 + 0.01 * len(messages),
        )
        budget.mark = sandbox.new_mark() if find_assistant else ""
        try:
            text = sandbox.render(template, {**values, "messages": messages}, budget)
        except ValueError as error:
            raise ValueError(f"{who}: {error}") from None
        spans: list[tuple[int, int]] = []
        if find_assistant:
            text, spans = _without_marks(text, budget.mark)
        if continue_final_message:
            text = _left_open(who, text, messages[-1])
        rows.append((text, spans))
    return Rendered(rows, is_batch)


def _conversations(who: str, given: Any) -> tuple[bool, list[Any]]:
    given = getattr(given, "messages", given)
    if not isinstance(given, (list, tuple)) or not given:
        raise ValueError(
            f"{who}: expected a list of messages (not empty), or a list of such lists; got "
            f"{str(given)[:80]!r}."
        )
    is_batch = not isinstance(given[0], Mapping)
    conversations: list[Any] = [getattr(one, "messages", one) for one in given] if is_batch else [given]
    for messages in conversations:
        if not isinstance(messages, (list, tuple)) or not messages:
            raise ValueError(
                f"{who}: a conversation is a list of messages (not empty); got {str(messages)[:80]!r}."
            )
        for message in messages:
            if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
                raise ValueError(
                    f"{who}: a message is a dict such as {{'role': 'user', 'content': 'Hello'}}; got "
                    f"{str(message)[:80]!r}."
                )
    return is_batch, conversations


def _without_marks(text: str, mark: str) -> tuple[str, list[tuple[int, int]]]:
    """Takes the marks out, and says where they were in pairs."""
    pieces = text.split(mark)
    places, length = [], 0
    for piece in pieces[:-1]:
        length += len(piece)
        places.append(length)
    return "".join(pieces), list(zip(places[::2], places[1::2], strict=False))


def _left_open(who: str, text: str, message: Any) -> str:
    """Cuts a text behind its last message."""
    content = message.get("content")
    if isinstance(content, (list, tuple)):
        content = next((part["text"] for part in reversed(content) if "text" in part), None)
    if not isinstance(content, str) or not content.strip() or content.strip() not in text:
        raise ValueError(
            f"{who}: continue_final_message: the text that the template made does not hold the last "
            f"message's content."
        )
    begin = text.rindex(content.strip())
    whole = content.lstrip()
    # Blanks at the end stay where the template left them.
    return text[: begin + len(whole if text[begin:].startswith(whole) else content.strip())]


def assistant_masks(encoded: BatchEncoding, spans: list[list[tuple[int, int]]]) -> list[list[int]]:
    """Returns 1 for tokens within places of their texts, and 0 for others.

    Args:
        encoded: The encoded texts.
        spans: The places (start, end) of each text.
    """
    masks = []
    for encoding, places in zip(encoded.encodings or [], spans, strict=True):
        mask = np.zeros(len(encoding), dtype=np.int64)
        offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        for start, end in places:
            mask |= (offsets[:, 0] < end) & (offsets[:, 1] > start)
        masks.append(mask.tolist())
    return masks
