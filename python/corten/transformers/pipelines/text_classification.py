"""Putting texts into classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corten.transformers.pipelines.base import Pipeline, Settings, as_numpy, check_text, sigmoid, softmax

_FUNCTIONS = ("default", "sigmoid", "softmax", "none")


class TextClassificationPipeline(Pipeline):
    """Gives the classes of texts or pairs of texts, with their scores.

    Args:
        model: A model such as `BertForSequenceClassification`.
        tokenizer: Its tokenizer.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        inputs: A text, a dict `{"text": ..., "text_pair": ...}` for a pair, or a list or stream of these.
        top_k: How many classes are given, the likeliest first; None gives all. If it is left out, the
            likeliest one is given by itself.
        function_to_apply: What makes scores of logits: `'softmax'`, `'sigmoid'`, `'none'`, or `'default'`:
            sigmoid for one class or several at once, none for regression, softmax elsewhere.
        **kwargs: Of the tokenizer, such as `truncation=True, max_length=256`.

    Returns:
        A dict of `label` and `score` for a text, or with `top_k` a list of them. The result of a text by
        itself is in a list, unless the call has `top_k`.

    Raises:
        ValueError: An argument has a wrong value.
        TypeError: An input is none of those above.

    Example:
        >>> from corten.transformers import BertConfig, BertForSequenceClassification, BertTokenizer
        >>> from corten.transformers import TextClassificationPipeline
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "good": 5, "bad": 6}
        >>> config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertForSequenceClassification(config)
        >>> pipe = TextClassificationPipeline(model, BertTokenizer(vocab))
        >>> [list(result) for result in pipe(["good", "bad bad"])]
        [['label', 'score'], ['label', 'score']]
        >>> len(pipe("good", top_k=None)), pipe({"text": "good", "text_pair": "bad"})["score"] >= 0.5
        (2, True)
    """

    auto_class = "AutoModelForSequenceClassification"
    default_task = "text-classification"

    def _sanitize_parameters(
        self, function_to_apply: Any = None, top_k: Any = "", return_all_scores: Any = None, **kwargs: Any
    ) -> Settings:
        who = type(self).__name__
        after: dict[str, Any] = {}
        if return_all_scores is not None:
            raise TypeError(
                f"{who}: `return_all_scores` is an older name: pass top_k={None if return_all_scores else 1}."
            )
        if top_k != "":
            if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1):
                raise ValueError(f"{who}: top_k must be a whole number from 1 on, or None; got {top_k!r}.")
            after.update(top_k=top_k, as_list=True)
        if function_to_apply is not None:
            name = str(getattr(function_to_apply, "value", function_to_apply)).lower()
            if name not in _FUNCTIONS:
                raise ValueError(
                    f"{who}: function_to_apply must be one of {', '.join(map(repr, _FUNCTIONS))}; got "
                    f"{function_to_apply!r}."
                )
            after["function_to_apply"] = name
        return kwargs, {}, after

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        found = super().__call__(inputs, **kwargs)
        # A text by itself gives a list, too, unless the call says how many classes there are to be.
        return [found] if isinstance(inputs, str) and "top_k" not in kwargs else found

    def preprocess(self, inputs: Any, **kwargs: Any) -> dict[str, Any]:
        who = type(self).__name__
        if isinstance(inputs, Mapping):
            pair = dict(inputs)
            text, second = pair.pop("text", None), pair.pop("text_pair", None)
            if pair:
                raise ValueError(
                    f"{who}: an input may have 'text' and 'text_pair'; got {', '.join(map(repr, inputs))}."
                )
            check_text(who, text, "'text'")
            return self.encode(text, text_pair=second, **kwargs)
        if isinstance(inputs, (list, tuple)):
            raise TypeError(
                f"{who}: got a list within a list. For a pair of texts pass "
                '{"text": "...", "text_pair": "..."}.'
            )
        return self.encode(check_text(who, inputs), **kwargs)

    def _forward(self, model_inputs: dict[str, Any]) -> Any:
        return {"logits": as_numpy(self.call_model(model_inputs).logits)}

    def postprocess(
        self,
        model_outputs: Any,
        function_to_apply: str | None = None,
        top_k: int | None = 1,
        as_list: bool = False,
    ) -> Any:
        config = self.model.config
        logits = model_outputs["logits"][0]
        function = function_to_apply or vars(config).get("function_to_apply") or "default"
        if function == "default":
            kind = config.problem_type
            if kind == "regression":
                function = "none"
            elif kind == "multi_label_classification" or config.num_labels == 1:
                function = "sigmoid"
            else:
                function = "softmax"
        scores = {"sigmoid": sigmoid, "softmax": softmax}[function](logits) if function != "none" else logits
        order = (-scores).argsort(kind="stable")[:top_k]
        found = [{"label": config.id2label[int(place)], "score": float(scores[place])} for place in order]
        return found if as_list else found[0]
