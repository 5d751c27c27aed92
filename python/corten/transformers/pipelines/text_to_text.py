"""Texts from texts: translation, summaries, and whatever else an encoder-decoder was trained for."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from corten.transformers.pipelines.base import Settings, check_text, without_none
from corten.transformers.pipelines.generation import GenerationPipeline


class Text2TextGenerationPipeline(GenerationPipeline):
    """Gives the text that an encoder-decoder makes of a text.

    Args:
        model: A model such as `T5ForConditionalGeneration`.
        tokenizer: Its tokenizer.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        inputs: A text, or a list or stream of them.
        prefix: Put before each text, as in `'summarize: '`; None takes what the model's configuration says
            for the task (`task_specific_params`).
        truncation: Whether texts are cut, as for the tokenizer.
        return_tensors: Whether the numbers of the tokens are given in place of texts.
        clean_up_tokenization_spaces: Whether blanks before punctuation are removed; None goes by the
            tokenizer.
        **generate_kwargs: For `generate`, such as `max_new_tokens`, `num_beams` and `num_return_sequences`.
            Where neither they nor the model says it, there are 4 beams and up to 256 tokens.

    Returns:
        A list of dicts with `generated_text`, or `generated_token_ids`: one for each text, or, if several
        answers are asked for, a list of such lists.

    Raises:
        ValueError: Settings do not go together.

    Example:
        >>> from corten.transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer
        >>> from corten.transformers import Text2TextGenerationPipeline
        >>> pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁a", -2.0), ("b", -3.0), ("▁ab", -2.5)]
        >>> config = T5Config(vocab_size=8, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
        >>> model = T5ForConditionalGeneration(config)
        >>> pipe = Text2TextGenerationPipeline(model, T5Tokenizer(pieces, extra_ids=2))
        >>> found = pipe(["ab a", "a"], max_new_tokens=4)
        >>> [list(one) for one in found], type(found[0]["generated_text"]).__name__
        ([['generated_text'], ['generated_text']], 'str')
    """

    auto_class = "AutoModelForSeq2SeqLM"
    default_task = "text2text-generation"
    generation_defaults: ClassVar[dict[str, Any]] = {"max_new_tokens": 256, "num_beams": 4}
    #: What the entries of results begin with.
    return_name: ClassVar[str] = "generated"

    def _sanitize_parameters(
        self,
        prefix: str | None = None,
        truncation: Any = None,
        return_tensors: bool | None = None,
        return_text: bool | None = None,
        clean_up_tokenization_spaces: bool | None = None,
        stop_sequence: str | None = None,
        **generate_kwargs: Any,
    ) -> Settings:
        if return_tensors and return_text:
            raise ValueError(
                f"{type(self).__name__}: `return_text` gives texts and `return_tensors` numbers: pass one of "
                "them."
            )
        if stop_sequence is not None:
            generate_kwargs["stop_strings"] = stop_sequence
        before = {"prefix": prefix, "truncation": truncation}
        after = {"return_tensors": return_tensors, "clean_up": clean_up_tokenization_spaces}
        return without_none(before), generate_kwargs, without_none(after)

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        found = super().__call__(inputs, **kwargs)
        if (
            isinstance(found, list)
            and found
            and all(isinstance(one, list) and len(one) == 1 for one in found)
        ):
            return [one[0] for one in found]
        return found

    def preprocess(
        self, inputs: Any, prefix: str | None = None, truncation: Any = None, task: str | None = None
    ) -> dict[str, Any]:
        prefix = self.task_settings(task).get("prefix") if prefix is None else prefix
        text = (prefix or "") + check_text(type(self).__name__, inputs)
        encoded = self.encode(text, truncation=False if truncation is None else truncation)
        return {name: encoded[name] for name in ("input_ids", "attention_mask") if name in encoded}

    def _forward(self, model_inputs: dict[str, Any], task: str | None = None, **generate_kwargs: Any) -> Any:
        return {"tokens": self.generate(model_inputs, generate_kwargs, task)}

    def postprocess(
        self, model_outputs: Any, return_tensors: bool = False, clean_up: bool | None = None
    ) -> list[dict[str, Any]]:
        rows = np.asarray(model_outputs["tokens"][0])
        if return_tensors:
            return [{f"{self.return_name}_token_ids": row.tolist()} for row in rows]
        return [{f"{self.return_name}_text": self.decoded(row, True, clean_up)} for row in rows]


class SummarizationPipeline(Text2TextGenerationPipeline):
    """Gives summaries of texts, as dicts with `summary_text`; else as `Text2TextGenerationPipeline`.

    Args:
        model: A model such as `T5ForConditionalGeneration`.
        tokenizer: Its tokenizer.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.
    """

    default_task = "summarization"
    return_name = "summary"


class TranslationPipeline(Text2TextGenerationPipeline):
    """Gives translations of texts, as dicts with `translation_text`; else as `Text2TextGenerationPipeline`.

    Args:
        model: A model such as `T5ForConditionalGeneration`.
        tokenizer: Its tokenizer.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        src_lang: The language of the texts, as in `'en'`. With `tgt_lang` it chooses among what the model's
            configuration says for `translation_en_to_de` and so on; so does a task of that name.
        tgt_lang: The language that they are translated into.

    Raises:
        ValueError: One language is given, or the configuration says nothing of the two.

    Example:
        >>> from corten.transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer
        >>> from corten.transformers import pipeline
        >>> pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁a", -2.0), ("b", -3.0), ("▁ab", -2.5)]
        >>> config = T5Config(
        ...     vocab_size=8, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2,
        ...     task_specific_params={"translation_en_to_de": {"prefix": "ab: ", "max_length": 5}},
        ... )
        >>> model = T5ForConditionalGeneration(config)
        >>> pipe = pipeline("translation_en_to_de", model, T5Tokenizer(pieces, extra_ids=2))
        >>> list(pipe("a b")[0])
        ['translation_text']
    """

    default_task = "translation"
    return_name = "translation"

    def _sanitize_parameters(self, *args: Any, **kwargs: Any) -> Settings:
        src_lang, tgt_lang = kwargs.pop("src_lang", None), kwargs.pop("tgt_lang", None)
        before, forward, after = super()._sanitize_parameters(*args, **kwargs)
        if (src_lang is None) != (tgt_lang is None):
            raise ValueError(f"{type(self).__name__}: give both `src_lang` and `tgt_lang`, or neither.")
        task = self.task if src_lang is None else f"translation_{src_lang}_to_{tgt_lang}"
        has_prefix = "prefix" in before or "prefix" in self._defaults[0]
        if task != self.default_task and not has_prefix and not self.task_settings(task):
            tasks = vars(self.model.config).get("task_specific_params") or {}
            named = [name for name in tasks if name.startswith("translation")]
            raise ValueError(
                f"{type(self).__name__}: the model's configuration says nothing of {task!r} "
                f"(`task_specific_params` has {', '.join(named) or 'no translation'}). Pass prefix='...' "
                "with the words that the model needs before a text, or prefix='' if there are none."
            )
        if src_lang is not None:
            before["task"] = forward["task"] = task
        return before, forward, after
