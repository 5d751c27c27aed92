"""Putting texts into classes that a model was not trained with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from corten.transformers.pipelines.base import Pipeline, Settings, as_numpy, check_text, softmax


class ZeroShotClassificationPipeline(Pipeline):
    """Gives how well each of some labels describes a text, by a model that tells what follows from a text.

    For each label the model is asked whether a sentence that names it follows from the text (Yin et al. 2019,
    arXiv:1909.00161).

    Args:
        model: A classifier trained on such questions, one of whose labels begins with `entail`.
        tokenizer: Its tokenizer.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        inputs: A text, or a list or stream of them.
        candidate_labels: The labels, as a list or a text with commas.
        hypothesis_template: The sentence, with `{}` for the label.
        multi_label: Whether each label has a probability of its own; otherwise they sum to 1.

    Returns:
        For each text a dict: `sequence`, `labels` (the likeliest first) and their `scores`.

    Raises:
        ValueError: There are no labels, or the sentence has no place for them.

    Example:
        >>> from corten.transformers import BertConfig, BertForSequenceClassification, BertTokenizer
        >>> from corten.transformers import ZeroShotClassificationPipeline
        >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] it rains this example is about weather sport .".split()
        >>> config = BertConfig(
        ...     vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        ...     id2label={0: "contradiction", 1: "neutral", 2: "entailment"},
        ... )
        >>> tokenizer = BertTokenizer({word: number for number, word in enumerate(words)})
        >>> pipe = ZeroShotClassificationPipeline(BertForSequenceClassification(config), tokenizer)
        >>> found = pipe("It rains.", candidate_labels=["weather", "sport"])
        >>> sorted(found["labels"]), round(sum(found["scores"]), 5)
        (['sport', 'weather'], 1.0)
    """

    auto_class = "AutoModelForSequenceClassification"
    default_task = "zero-shot-classification"

    def __init__(self, model: Any, tokenizer: Any = None, **kwargs: Any) -> None:
        super().__init__(model, tokenizer, **kwargs)
        if self.entailment_id == -1:
            warnings.warn(
                f"{type(self).__name__}: no label of the model begins with 'entail' "
                f"({', '.join(model.config.id2label.values())}); the last one counts as such. Set "
                "`model.config.label2id`.",
                stacklevel=2,
            )

    @property
    def entailment_id(self) -> int:
        """The number of the label that says that a sentence follows; -1 if none is named so."""
        for label, number in self.model.config.label2id.items():
            if label.lower().startswith("entail"):
                return int(number)
        return -1

    def _sanitize_parameters(
        self,
        candidate_labels: Any = None,
        hypothesis_template: str | None = None,
        multi_label: bool | None = None,
        tokenizer_kwargs: Any = None,
    ) -> Settings:
        before: dict[str, Any] = {}
        if candidate_labels is not None:
            before["candidate_labels"] = self._labels(candidate_labels)
        if hypothesis_template is not None:
            before["hypothesis_template"] = self._template(hypothesis_template)
        if tokenizer_kwargs is not None:
            before["tokenizer_kwargs"] = dict(tokenizer_kwargs)
        return before, {}, {} if multi_label is None else {"multi_label": bool(multi_label)}

    def _labels(self, given: Any) -> list[str]:
        if isinstance(given, str):
            given = [label.strip() for label in given.split(",") if label.strip()]
        found = [check_text(type(self).__name__, label, "a label") for label in given]
        if not found:
            raise ValueError(f"{type(self).__name__}: candidate_labels must name at least one label.")
        return found

    def _template(self, given: Any) -> str:
        template = check_text(type(self).__name__, given, "hypothesis_template")
        if "{}" not in template:
            raise ValueError(
                f"{type(self).__name__}: hypothesis_template must have '{{}}' where the label goes; got "
                f"{template!r}."
            )
        return template

    def __call__(self, inputs: Any, candidate_labels: Any = None, **kwargs: Any) -> Any:
        if candidate_labels is not None:
            kwargs["candidate_labels"] = candidate_labels
        return super().__call__(inputs, **kwargs)

    def preprocess(
        self,
        inputs: Any,
        candidate_labels: list[str] | None = None,
        hypothesis_template: str = "This example is {}.",
        tokenizer_kwargs: dict[str, Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        text = check_text(type(self).__name__, inputs)
        if candidate_labels is None:
            raise ValueError(
                f"{type(self).__name__}: pass candidate_labels, the labels that a text may have."
            )
        limited = self.tokenizer.model_max_length < 1e20
        settings = {"truncation": "only_first" if limited else False, **(tokenizer_kwargs or {})}
        for label in candidate_labels:
            row = self.encode(text, text_pair=hypothesis_template.replace("{}", label), **settings)
            yield {**row, "label": label, "sequence": text}

    def _forward(self, model_inputs: dict[str, Any]) -> Any:
        logits = as_numpy(self.call_model(model_inputs).logits)
        return {"logits": logits, "label": model_inputs["label"], "sequence": model_inputs["sequence"]}

    def postprocess(self, model_outputs: Any, multi_label: bool = False) -> dict[str, Any]:
        logits = np.concatenate([part["logits"] for part in model_outputs])
        entailment = self.entailment_id
        if multi_label or len(model_outputs) == 1:
            # Of each label by itself: whether it follows or is contradicted.
            other = -1 if entailment == 0 else 0
            scores = softmax(logits[:, [other, entailment]])[:, 1]
        else:
            scores = softmax(logits[:, entailment])
        order = (-scores).argsort(kind="stable")
        return {
            "sequence": model_outputs[0]["sequence"],
            "labels": [model_outputs[place]["label"] for place in order],
            "scores": [float(scores[place]) for place in order],
        }
