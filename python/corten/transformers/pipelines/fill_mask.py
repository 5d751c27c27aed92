"""Saying which words were masked."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from corten.transformers.pipelines.base import Pipeline, Settings, as_numpy, check_text, softmax


class FillMaskPipeline(Pipeline):
    """Gives the likeliest words in the place of the mask of a text.

    Args:
        model: A model such as `BertForMaskedLM`.
        tokenizer: Its tokenizer, which has a mask token.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        inputs: A text with `tokenizer.mask_token` in it, or a list or stream of them.
        top_k: How many words are given.
        targets: Words, or one, of which the scores are wanted; a word that is no token counts as its first
            one, with a warning.
        tokenizer_kwargs: A dict of arguments of the tokenizer.

    Returns:
        For each text a list of dicts, the likeliest first: `score`, `token` (the number), `token_str`, and
        `sequence`, the text with the word. For a text with several masks a list of such lists, whose texts
        keep the other masks.

    Raises:
        ValueError: A text has no mask, or `targets` has no word.

    Example:
        >>> from corten.transformers import BertConfig, BertForMaskedLM, BertTokenizer, FillMaskPipeline
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "good": 5, "bad": 6}
        >>> config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> pipe = FillMaskPipeline(BertForMaskedLM(config), BertTokenizer(vocab))
        >>> sorted(found["sequence"] for found in pipe("good [MASK]", targets=["good", "bad"]))
        ['good bad', 'good good']
    """

    auto_class = "AutoModelForMaskedLM"
    default_task = "fill-mask"

    def __init__(self, model: Any, tokenizer: Any = None, **kwargs: Any) -> None:
        super().__init__(model, tokenizer, **kwargs)
        if tokenizer.mask_token_id is None:
            raise ValueError(
                f"{type(self).__name__}: the tokenizer has no mask token. Set `tokenizer.mask_token`, if the "
                "model was trained with one."
            )

    def _sanitize_parameters(
        self, top_k: Any = None, targets: Any = None, tokenizer_kwargs: Any = None
    ) -> Settings:
        who = type(self).__name__
        after: dict[str, Any] = {}
        if targets is not None:
            after["target_ids"] = self.get_target_ids(targets)
        if top_k is not None:
            if isinstance(top_k, bool) or not isinstance(top_k, (int, np.integer)) or top_k < 1:
                raise ValueError(f"{who}: top_k must be a whole number from 1 on; got {top_k!r}.")
            after["top_k"] = int(top_k)
        return dict(tokenizer_kwargs or {}), {}, after

    def get_target_ids(self, targets: Any) -> Any:
        """Return the numbers of words, in order and each once.

        Args:
            targets: A word, or a list of them.

        Raises:
            ValueError: There is none, or one has no token.
        """
        who = type(self).__name__
        words = [targets] if isinstance(targets, str) else list(targets)
        vocabulary = self.tokenizer.get_vocab()
        found = []
        for word in words:
            number = vocabulary.get(check_text(who, word, "a target"))
            if number is None:
                tokens = self.tokenizer(word, add_special_tokens=False)["input_ids"]
                if not tokens:
                    raise ValueError(f"{who}: the target {word!r} has no token.")
                number = tokens[0]
                shown = self.tokenizer.convert_ids_to_tokens(number)
                warnings.warn(
                    f"{who}: the target {word!r} is no token of the vocabulary; {shown!r} counts in its "
                    "place.",
                    stacklevel=2,
                )
            found.append(number)
        if not found:
            raise ValueError(f"{who}: `targets` has no word.")
        return np.array(sorted(set(found)), np.int64)

    def preprocess(self, inputs: Any, **kwargs: Any) -> dict[str, Any]:
        who = type(self).__name__
        encoded = self.encode(check_text(who, inputs), **kwargs)
        if not (encoded["input_ids"] == self.tokenizer.mask_token_id).any():
            raise ValueError(
                f"{who}: the text has no {self.tokenizer.mask_token!r}, the mask token: {inputs[:80]!r}."
            )
        return encoded

    def _forward(self, model_inputs: dict[str, Any]) -> Any:
        ids = model_inputs["input_ids"]
        logits = self.call_model(model_inputs).logits
        is_mask = ids == self.tokenizer.mask_token_id
        # Only masks are looked at: of a vocabulary, all places are a lot.
        rows = [as_numpy(logits[row, np.flatnonzero(one)]) for row, one in enumerate(is_mask)]
        return {"logits": rows if len(rows) > 1 else rows[0], "input_ids": ids}

    def postprocess(self, model_outputs: Any, top_k: int = 5, target_ids: Any = None) -> Any:
        ids = model_outputs["input_ids"][0]
        places = np.flatnonzero(ids == self.tokenizer.mask_token_id)
        found = []
        for place, logits in zip(places, model_outputs["logits"], strict=True):
            scores = softmax(logits)
            if target_ids is None:
                tokens = (-scores).argsort(kind="stable")[:top_k]
            else:
                tokens = target_ids[(-scores[target_ids]).argsort(kind="stable")[:top_k]]
            found.append(
                [self._filled(ids, int(place), int(token), scores, len(places) == 1) for token in tokens]
            )
        return found[0] if len(found) == 1 else found

    def _filled(self, ids: Any, place: int, token: int, scores: Any, is_only: bool) -> dict[str, Any]:
        filled = ids.copy()
        filled[place] = token
        filled = filled[filled != self.tokenizer.pad_token_id]
        return {
            "score": float(scores[token]),
            "token": token,
            "token_str": self.tokenizer.decode([token]),
            "sequence": self.tokenizer.decode(filled, skip_special_tokens=is_only),
        }
