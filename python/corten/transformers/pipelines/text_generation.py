"""Going on with texts, and answering in conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from corten.transformers.pipelines.base import Settings, check_text, without_none
from corten.transformers.pipelines.generation import GenerationPipeline


class TextGenerationPipeline(GenerationPipeline):
    """Goes on with texts, or answers the last message of conversations.

    Args:
        model: A model such as `GPT2LMHeadModel`.
        tokenizer: Its tokenizer; for conversations it has a chat template.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        inputs: A text; a conversation, a list of dicts with `role` and `content`; or a list or stream of
            these.
        return_full_text: Whether the text begins with the prompt. For conversations True gives all messages,
            False the answer's text. The default is True.
        return_tensors: Whether the numbers of the tokens, prompt included, are given in place of texts.
        clean_up_tokenization_spaces: Whether blanks before punctuation are removed; None goes by the
            tokenizer.
        skip_special_tokens: Whether special tokens are left out of texts.
        prefix: Put before each prompt, and left out of the result.
        handle_long_generation: `'hole'` cuts prompts at the left so that the answer fits into
            `tokenizer.model_max_length`.
        continue_final_message: Whether the last message is gone on with rather than answered; None: if it is
            the assistant's.
        truncation: Whether prompts are cut, as for the tokenizer.
        add_special_tokens: Whether the tokenizer adds its special tokens to texts.
        tokenizer_encode_kwargs: Further arguments of the tokenizer, or of its `apply_chat_template`.
        **generate_kwargs: For `generate`, such as `max_new_tokens`, `num_return_sequences`, `stop_strings`,
            `streamer` and `seed`. Where neither they nor the model's `generation_config` say it, up to 256
            tokens are drawn with a temperature of 0.7; `do_sample=False` takes the likeliest ones.

    Returns:
        For each input a list of dicts, one for each answer: `generated_text`, or `generated_token_ids`.

    Raises:
        ValueError: A prompt is too long, or settings do not go together.
        TypeError: An argument is not known.

    Example:
        >>> from corten.transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer, TextGenerationPipeline
        >>> texts = ["the rose is red", "the violet is blue"] * 20
        >>> tokenizer = GPT2Tokenizer().train_new_from_iterator(texts, vocab_size=300)
        >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_positions=32, n_embd=8, n_layer=1, n_head=2))
        >>> pipe = TextGenerationPipeline(model, tokenizer)
        >>> found = pipe("the rose", max_new_tokens=4, do_sample=False)
        >>> found[0]["generated_text"].startswith("the rose")
        True
        >>> three = {"max_new_tokens": 2, "num_return_sequences": 3}
        >>> len(pipe(["the rose", "the violet is"], batch_size=2, **three)[1])
        3
    """

    auto_class = "AutoModelForCausalLM"
    default_task = "text-generation"
    generation_defaults: ClassVar[dict[str, Any]] = {
        "max_new_tokens": 256, "do_sample": True, "temperature": 0.7,
    }  # fmt: skip

    def _is_single(self, inputs: list[Any]) -> bool:
        return _is_conversation(inputs)

    def _sanitize_parameters(
        self,
        return_full_text: bool | None = None,
        return_tensors: bool | None = None,
        return_text: bool | None = None,
        clean_up_tokenization_spaces: bool | None = None,
        skip_special_tokens: bool | None = None,
        prefix: str | None = None,
        handle_long_generation: str | None = None,
        stop_sequence: str | None = None,
        continue_final_message: bool | None = None,
        truncation: Any = None,
        add_special_tokens: bool | None = None,
        tokenizer_encode_kwargs: Any = None,
        **generate_kwargs: Any,
    ) -> Settings:
        who = type(self).__name__
        if return_tensors and (return_full_text or return_text):
            other = "return_full_text" if return_full_text else "return_text"
            raise ValueError(f"{who}: `{other}` gives texts and `return_tensors` numbers: pass one of them.")
        if return_text is not None and return_full_text is not None:
            raise ValueError(
                f"{who}: pass `return_full_text` alone; `return_text` is the same as False there."
            )
        if handle_long_generation not in (None, "hole"):
            raise ValueError(
                f"{who}: handle_long_generation must be 'hole' or None; got {handle_long_generation!r}."
            )
        if return_text is not None:
            return_full_text = False
        if stop_sequence is not None:
            generate_kwargs["stop_strings"] = stop_sequence
        before = {
            "prefix": prefix,
            "continue_final_message": continue_final_message,
            "truncation": truncation,
            "add_special_tokens": add_special_tokens,
            "tokenizer_encode_kwargs": tokenizer_encode_kwargs,
        }
        if handle_long_generation is not None:
            before["room_for"] = generate_kwargs.get(
                "max_new_tokens", self.generation_defaults["max_new_tokens"]
            )
        after = {
            "return_full_text": return_full_text,
            "return_tensors": return_tensors,
            "clean_up": clean_up_tokenization_spaces,
            "skip_special_tokens": skip_special_tokens,
            "continue_final_message": continue_final_message,
        }
        return without_none(before), generate_kwargs, without_none(after)

    def preprocess(
        self,
        inputs: Any,
        prefix: str = "",
        continue_final_message: bool | None = None,
        truncation: Any = None,
        add_special_tokens: bool | None = None,
        tokenizer_encode_kwargs: dict[str, Any] | None = None,
        room_for: int | None = None,
    ) -> dict[str, Any]:
        settings: dict[str, Any] = dict(tokenizer_encode_kwargs or {})
        if truncation is not None:
            settings["truncation"] = truncation
        if _is_conversation(inputs):
            goes_on = _goes_on(inputs, continue_final_message)
            encoded = dict(
                self.tokenizer.apply_chat_template(
                    inputs,
                    add_generation_prompt=not goes_on,
                    continue_final_message=goes_on,
                    return_tensors="np",
                    **settings,
                )
            )
        else:
            text = prefix + check_text(type(self).__name__, inputs)
            if room_for is not None:
                settings.setdefault("verbose", False)
            if add_special_tokens is not None:
                settings["add_special_tokens"] = add_special_tokens
            encoded = self.encode(text, **settings)
        names = ("input_ids", "attention_mask")
        row: dict[str, Any] = {name: np.asarray(encoded[name], np.int64) for name in names if name in encoded}
        row.setdefault("attention_mask", np.ones_like(row["input_ids"]))
        if room_for is not None:
            row = self._with_room(row, room_for)
        return {**row, "prompt": [inputs]}

    def _with_room(self, row: dict[str, Any], new: int) -> dict[str, Any]:
        limit = int(self.tokenizer.model_max_length)
        if row["input_ids"].shape[1] + new <= limit:
            return row
        if new >= limit:
            raise ValueError(
                f"{type(self).__name__}: {new} new tokens leave no room for the prompt in the {limit} that "
                "the model takes (`tokenizer.model_max_length`). Ask for fewer by max_new_tokens."
            )
        return {name: value[:, new - limit :] for name, value in row.items()}

    def _padding_side(self) -> str:
        # What follows a prompt stands at its right.
        return "left"

    def _forward(self, model_inputs: dict[str, Any], **generate_kwargs: Any) -> Any:
        tokens = self.generate(model_inputs, generate_kwargs)
        names = ("input_ids", "attention_mask", "prompt")
        return {"tokens": tokens, **{name: model_inputs[name] for name in names}}

    def postprocess(
        self,
        model_outputs: Any,
        return_full_text: bool = True,
        return_tensors: bool = False,
        clean_up: bool | None = None,
        skip_special_tokens: bool = True,
        continue_final_message: bool | None = None,
    ) -> list[dict[str, Any]]:
        mask, prompt = model_outputs["attention_mask"][0], model_outputs["prompt"][0]
        size = len(mask)
        known = model_outputs["input_ids"][0][mask == 1].tolist()
        before = len(self.decoded(known, skip_special_tokens, clean_up)) if known else 0
        found: list[dict[str, Any]] = []
        for row in model_outputs["tokens"][0]:
            # A model that begins by itself begins with a token that is no answer.
            tokens = [*known, *(row[size:].tolist() if size else row.tolist())]
            if return_tensors:
                found.append({"generated_token_ids": tokens})
                continue
            new = self.decoded(tokens, skip_special_tokens, clean_up)[before:]
            if not return_full_text:
                found.append({"generated_text": new})
            elif isinstance(prompt, str):
                found.append({"generated_text": prompt + new})
            else:
                found.append({"generated_text": _answered(prompt, new, continue_final_message)})
        return found


def _is_conversation(inputs: Any) -> bool:
    return (
        isinstance(inputs, list)
        and bool(inputs)
        and all(isinstance(one, Mapping) and "role" in one for one in inputs)
    )


def _goes_on(conversation: list[Any], given: bool | None) -> bool:
    return conversation[-1]["role"] == "assistant" if given is None else given


def _answered(conversation: list[Any], answer: str, given: bool | None) -> list[Any]:
    """The messages with the answer, or with a last one that goes on."""
    if not _goes_on(conversation, given):
        return [*conversation, {"role": "assistant", "content": answer}]
    last = conversation[-1]
    return [*conversation[:-1], {**last, "content": last["content"] + answer}]
