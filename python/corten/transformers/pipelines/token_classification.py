"""Putting tokens into classes: named entities, parts of speech."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from corten.transformers.pipelines.aggregation import STRATEGIES, Token, entities_of, without_overlaps
from corten.transformers.pipelines.base import Pipeline, Settings, as_numpy, check_text, softmax
from corten.transformers.tokenization.padding import UNLIMITED


class TokenClassificationPipeline(Pipeline):
    """Gives the classes of tokens, or the entities that they make up.

    Args:
        model: A model such as `BertForTokenClassification`.
        tokenizer: Its tokenizer.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        inputs: A text, or a list or stream of them.
        aggregation_strategy: `'none'` gives tokens, `'simple'` joins neighbours of a class (`B-` begins an
            entity, `I-` goes on with it). With the others all tokens of a word have one class: that of its
            first token (`'first'`), the surest one (`'max'`), or that with the highest mean (`'average'`).
        ignore_labels: Classes that are left out; None is `["O"]`.
        stride: If given, texts longer than `tokenizer.model_max_length` are looked at in pieces that share so
            many tokens; of entities that overlap the longest stays. Without it what is longer is left out,
            with a warning.
        is_split_into_words: Whether inputs are lists of words; of one such list, too, the result is a list.
        delimiter: What is put between words; characters are counted in that text.

    Returns:
        For each text a list of dicts: `entity` (with a strategy `entity_group`), `score`, `index` (without
        one), `word`, `start` and `end` (characters of the text).

    Raises:
        ValueError: An argument has a wrong value, or `stride` does not go with the others.

    Example:
        >>> from corten.transformers import BertConfig, BertForTokenClassification, BertTokenizer
        >>> from corten.transformers import TokenClassificationPipeline
        >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada ##s met".split()
        >>> vocab = {word: number for number, word in enumerate(words)}
        >>> config = BertConfig(
        ...     vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        ...     id2label={0: "B-PER", 1: "I-PER"},
        ... )
        >>> pipe = TokenClassificationPipeline(BertForTokenClassification(config), BertTokenizer(vocab))
        >>> [(one["index"], one["word"], one["start"], one["end"]) for one in pipe("Adas met")]
        [(1, 'ada', 0, 3), (2, '##s', 3, 4), (3, 'met', 5, 8)]
        >>> pipe("Adas met", aggregation_strategy="first")[0]["entity_group"]
        'PER'
    """

    auto_class = "AutoModelForTokenClassification"
    default_task = "token-classification"

    def _sanitize_parameters(
        self,
        aggregation_strategy: Any = None,
        ignore_labels: Any = None,
        stride: int | None = None,
        is_split_into_words: bool | None = None,
        delimiter: str | None = None,
    ) -> Settings:
        who = type(self).__name__
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        if aggregation_strategy is not None:
            name = str(getattr(aggregation_strategy, "value", aggregation_strategy)).lower()
            if name not in STRATEGIES:
                raise ValueError(
                    f"{who}: aggregation_strategy must be one of {', '.join(map(repr, STRATEGIES))}; got "
                    f"{aggregation_strategy!r}."
                )
            after["aggregation_strategy"] = name
        if ignore_labels is not None:
            if isinstance(ignore_labels, str):
                raise ValueError(f"{who}: ignore_labels must be a list of labels; got {ignore_labels!r}.")
            after["ignore_labels"] = list(ignore_labels)
        if stride is not None:
            limit = self.tokenizer.model_max_length
            if limit > UNLIMITED:
                raise ValueError(
                    f"{who}: stride needs to know how many tokens the model takes: set "
                    "`tokenizer.model_max_length`."
                )
            if isinstance(stride, bool) or not isinstance(stride, int) or not 0 <= stride < limit:
                raise ValueError(
                    f"{who}: stride must be a whole number below tokenizer.model_max_length={limit}; got "
                    f"{stride!r}."
                )
            before["stride"] = stride
        if is_split_into_words is not None:
            before["is_split_into_words"] = is_split_into_words
        if delimiter is not None:
            before["delimiter"] = delimiter
        return before, {}, after

    def _merged(self, given: Settings) -> Settings:
        before, forward, after = super()._merged(given)
        if before.get("stride") is not None and after.get("aggregation_strategy", "none") == "none":
            raise ValueError(
                f"{type(self).__name__}: stride needs an aggregation_strategy other than 'none', as tokens "
                "of pieces that overlap are counted anew."
            )
        return before, forward, after

    def __call__(self, inputs: Any, *, is_split_into_words: bool | None = None, **kwargs: Any) -> Any:
        if is_split_into_words is not None:
            kwargs["is_split_into_words"] = is_split_into_words
        elif not self._defaults[0].get("is_split_into_words"):
            return super().__call__(inputs, **kwargs)
        if is_split_into_words is False:
            return super().__call__(inputs, **kwargs)
        if not isinstance(inputs, (list, tuple)):
            # Each list of a stream is one text, and no batch of texts.
            return super().__call__((tuple(words) for words in inputs), **kwargs)
        if all(isinstance(one, str) for one in inputs):
            # The words of one text, which count as one of several.
            return super().__call__([list(inputs)], **kwargs)
        return super().__call__(inputs, **kwargs)

    def preprocess(
        self, inputs: Any, stride: int | None = None, is_split_into_words: bool = False, delimiter: str = " "
    ) -> Any:
        who = type(self).__name__
        starts = None
        if is_split_into_words:
            inputs = list(inputs) if isinstance(inputs, tuple) else inputs
            if not isinstance(inputs, list) or not inputs:
                raise TypeError(f"{who}: with is_split_into_words a text is a list of words; got {inputs!r}.")
            for word in inputs:
                check_text(who, word, "a word")
            sizes = [len(word) + len(delimiter) for word in inputs]
            starts = np.cumsum([0, *sizes[:-1]])
            sentence: str = delimiter.join(inputs)
        else:
            sentence = check_text(who, inputs)
        limit = self.tokenizer.model_max_length
        encoded = self.tokenizer(
            inputs,
            truncation=limit <= UNLIMITED,
            stride=stride or 0,
            return_overflowing_tokens=True,
            return_special_tokens_mask=True,
            return_offsets_mapping=True,
            is_split_into_words=is_split_into_words,
        )
        rows = [self._row_of(encoded, place, sentence, starts) for place in range(len(encoded["input_ids"]))]
        if stride is not None:
            return iter(rows)
        if len(rows) > 1:
            warnings.warn(
                f"{who}: a text has more than the {limit} tokens that the model takes; what follows is left "
                "out. Pass stride=... and an aggregation_strategy to look at all of it.",
                stacklevel=2,
            )
        return rows[0]

    def _row_of(self, encoded: Any, place: int, sentence: str, starts: Any) -> dict[str, Any]:
        names = [*self.tokenizer.model_input_names, "special_tokens_mask"]
        row: dict[str, Any] = {
            name: np.asarray([encoded[name][place]], np.int64) for name in names if name in encoded
        }
        offsets = np.asarray(encoded["offset_mapping"][place], np.int64).reshape(-1, 2)
        words = None
        if starts is not None:
            # Characters are counted from the begin of each word.
            words = [-1 if word is None else word for word in encoded.word_ids(place)]
            offsets = offsets + starts[np.maximum(words, 0)][:, None]
        return {**row, "offsets": offsets[None], "words": words, "sentence": sentence}

    def _forward(self, model_inputs: dict[str, Any]) -> Any:
        logits = as_numpy(self.call_model(model_inputs).logits)
        names = ("input_ids", "special_tokens_mask", "offsets", "words", "sentence")
        return {"logits": logits, **{name: model_inputs[name] for name in names}}

    def postprocess(
        self, model_outputs: Any, aggregation_strategy: str = "none", ignore_labels: Any = None
    ) -> list[dict[str, Any]]:
        ignored = ["O"] if ignore_labels is None else ignore_labels
        parts = model_outputs if isinstance(model_outputs, list) else [model_outputs]
        labels = self.model.config.id2label
        found: list[dict[str, Any]] = []
        for part in parts:
            entities = entities_of(self._tokens(part), aggregation_strategy, labels, self.tokenizer)
            found += [
                one
                for one in entities
                if one.get("entity") not in ignored and one.get("entity_group") not in ignored
            ]
        return without_overlaps(found) if len(parts) > 1 else found

    def _tokens(self, part: dict[str, Any]) -> list[Token]:
        scores = softmax(part["logits"][0])
        ids, special = part["input_ids"][0], part["special_tokens_mask"][0]
        sentence, words = part["sentence"], part["words"]
        has_prefix = bool(getattr(self.tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None))
        found: list[Token] = []
        for index in np.flatnonzero(special == 0).tolist():
            start, end = (int(one) for one in part["offsets"][0, index])
            token, text = str(self.tokenizer.convert_ids_to_tokens(int(ids[index]))), sentence[start:end]
            if int(ids[index]) == self.tokenizer.unk_token_id:
                token, goes_on = text, False
            elif words is not None:
                goes_on = bool(found) and words[index] == words[found[-1].place]
            elif has_prefix:
                # Further pieces of a word have a mark that the text has not.
                goes_on = len(token) != len(text)
            else:
                goes_on = start > 0 and " " not in sentence[start - 1 : start + 1]
            found.append(Token(token, scores[index], start, end, index, goes_on))
        return found
