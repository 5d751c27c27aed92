"""Finding the answer to a question in a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from corten.transformers.pipelines.base import Pipeline, Settings, as_numpy, check_text, softmax, without_none
from corten.transformers.pipelines.inputs import is_column, plain

_LONGEST = 384
_STRIDE = 128


class QuestionAnsweringPipeline(Pipeline):
    """Gives the parts of a text that answer a question.

    Texts that are longer than the model takes are looked at in windows that overlap.

    Args:
        model: A model such as `BertForQuestionAnswering`.
        tokenizer: Its tokenizer.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        inputs: A dict `{"question": ..., "context": ...}`, or a list or stream of them.
        question: The question, or a list of them, in place of `inputs`.
        context: The text, or one for each question.
        top_k: How many answers are given.
        doc_stride: Tokens that a window shares with the one before.
        max_answer_len: The most tokens of an answer.
        max_seq_len: The most tokens of a window with its question; None is 384, or less where the model takes
            less.
        max_question_len: The most tokens of a question; what is longer is cut.
        handle_impossible_answer: Whether "there is no answer" counts as one, with an empty text.
        align_to_words: Whether answers begin and end with words. What spans of pieces of the same words score
            is added up, within a window and over those that overlap.

    Returns:
        A dict of `score`, `start`, `end` (characters of the text) and `answer` for a question, or with
        `top_k` above 1 a list of them.

    Raises:
        ValueError: A question or text is missing, or an argument has a wrong value.

    Example:
        >>> from corten.transformers import BertConfig, BertForQuestionAnswering, BertTokenizer
        >>> from corten.transformers import QuestionAnsweringPipeline
        >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] where is ada ? in london".split()
        >>> tokenizer = BertTokenizer({word: number for number, word in enumerate(words)})
        >>> config = BertConfig(vocab_size=11, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> pipe = QuestionAnsweringPipeline(BertForQuestionAnswering(config), tokenizer)
        >>> context = "Ada is in London"
        >>> found = pipe(question="Where is Ada?", context=context)
        >>> found["answer"] == context[found["start"]:found["end"]]
        True
    """

    auto_class = "AutoModelForQuestionAnswering"
    default_task = "question-answering"

    def _sanitize_parameters(
        self,
        top_k: int | None = None,
        doc_stride: int | None = None,
        max_answer_len: int | None = None,
        max_seq_len: int | None = None,
        max_question_len: int | None = None,
        handle_impossible_answer: bool | None = None,
        align_to_words: bool | None = None,
    ) -> Settings:
        who = type(self).__name__
        for name, value, least in (
            ("top_k", top_k, 1), ("doc_stride", doc_stride, 0), ("max_answer_len", max_answer_len, 1),
            ("max_seq_len", max_seq_len, 1), ("max_question_len", max_question_len, 1),
        ):  # fmt: skip
            wrong = isinstance(value, bool) or not isinstance(value, int)
            if value is not None and (wrong or value < least):
                raise ValueError(f"{who}: {name} must be a whole number from {least} on; got {value!r}.")
        before = {"doc_stride": doc_stride, "max_seq_len": max_seq_len, "max_question_len": max_question_len}
        after = {
            "top_k": top_k,
            "max_answer_len": max_answer_len,
            "handle_impossible_answer": handle_impossible_answer,
            "align_to_words": align_to_words,
        }
        return without_none(before), {}, without_none(after)

    def __call__(
        self, inputs: Any = None, *, question: Any = None, context: Any = None, **kwargs: Any
    ) -> Any:
        who = type(self).__name__
        if inputs is None:
            inputs = self._examples(question, context)
        elif question is not None or context is not None:
            raise ValueError(f"{who}: give dicts of question and context, or `question=` and `context=`.")
        return super().__call__(inputs, **kwargs)

    def _examples(self, question: Any, context: Any) -> Any:
        who = type(self).__name__
        if question is None or context is None:
            missing = "question" if question is None else "context"
            raise ValueError(f"{who}: `{missing}` is missing: pass `question=` and `context=`.")
        question, context = (
            plain(list(one)) if isinstance(one, tuple) or is_column(one) else one
            for one in (question, context)
        )
        if isinstance(question, str) and isinstance(context, str):
            return {"question": question, "context": context}
        questions = [question] * len(context) if isinstance(question, str) else question
        contexts = [context] * len(question) if isinstance(context, str) else context
        if len(questions) != len(contexts):
            raise ValueError(
                f"{who}: there are {len(questions)} questions and {len(contexts)} contexts; give one context "
                "for all, or one for each."
            )
        return [{"question": one, "context": text} for one, text in zip(questions, contexts, strict=True)]

    # ---- before the model ------------------------------------------------------------------------------

    def preprocess(
        self,
        inputs: Any,
        doc_stride: int | None = None,
        max_seq_len: int | None = None,
        max_question_len: int = 64,
    ) -> Iterator[dict[str, Any]]:
        who = type(self).__name__
        if not isinstance(inputs, Mapping) or "question" not in inputs or "context" not in inputs:
            raise ValueError(
                f"{who}: an input is a dict of 'question' and 'context'; got "
                f"{', '.join(map(repr, inputs)) if isinstance(inputs, Mapping) else type(inputs).__name__}."
            )
        question = self._cut(check_text(who, inputs["question"], "'question'"), max_question_len)
        context = check_text(who, inputs["context"], "'context'")
        for name, text in (("question", question), ("context", context)):
            if not text.strip():
                raise ValueError(f"{who}: the {name} is empty.")
        limit = self._longest() if max_seq_len is None else min(max_seq_len, self._longest(max_seq_len))
        used = len(self.tokenizer(question, add_special_tokens=False, verbose=False)["input_ids"])
        room = limit - used - self.tokenizer.num_special_tokens_to_add(pair=True)
        if room < 1:
            raise ValueError(
                f"{who}: a question of {used} tokens leaves no room for the text in {limit} tokens. Pass a "
                "smaller max_question_len, or a larger max_seq_len."
            )
        if doc_stride is None:
            doc_stride = min(limit // 2, _STRIDE, room - 1)
        elif doc_stride >= room:
            raise ValueError(
                f"{who}: doc_stride={doc_stride} must be less than the {room} tokens that a window of "
                f"max_seq_len={limit} has beside the question."
            )
        encoded = self.tokenizer(
            question,
            context,
            truncation="only_second",
            max_length=limit,
            stride=doc_stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        for place, ids in enumerate(encoded["input_ids"]):
            names = [name for name in self.tokenizer.model_input_names if name in encoded]
            row: dict[str, Any] = {name: np.asarray([encoded[name][place]], np.int64) for name in names}
            of_text = np.array([one == 1 for one in encoded.sequence_ids(place)])
            words = np.array([-1 if one is None else one for one in encoded.word_ids(place)])
            offsets = np.asarray(encoded["offset_mapping"][place], np.int64).reshape(-1, 2)
            window = _Window(context, of_text, words, offsets, self._null_place(ids))
            yield {**row, "window": window}

    def _cut(self, question: str, most: int) -> str:
        encoded = self.tokenizer(
            question, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        offsets = encoded["offset_mapping"]
        return question if len(offsets) <= most else question[: offsets[most - 1][1]]

    def _longest(self, most: int = _LONGEST) -> int:
        """The most tokens that tokenizer and model take."""
        found = min(int(self.tokenizer.model_max_length), most)
        config = self.model.config
        positions = getattr(config, "max_position_embeddings", None)
        if positions is not None:
            # RoBERTa counts positions after the number of its padding.
            offset = config.pad_token_id + 1 if "roberta" in config.model_type else 0
            found = min(found, positions - offset)
        return found

    def _null_place(self, ids: list[int]) -> int:
        """The place whose score says that there is no answer."""
        cls = self.tokenizer.cls_token_id
        return ids.index(cls) if cls is not None and cls in ids else 0

    def _forward(self, model_inputs: dict[str, Any]) -> Any:
        output = self.call_model(model_inputs)
        start, end = as_numpy(output.start_logits), as_numpy(output.end_logits)
        return {"start": start, "end": end, "window": model_inputs["window"]}

    # ---- after it --------------------------------------------------------------------------------------

    def postprocess(
        self,
        model_outputs: Any,
        top_k: int = 1,
        max_answer_len: int = 15,
        handle_impossible_answer: bool = False,
        align_to_words: bool = True,
    ) -> Any:
        best: dict[tuple[int, int], dict[str, Any]] = {}
        null = 1.0
        for part in model_outputs:
            window: _Window = part["window"]
            size = len(window.of_text)
            start, end = window.probabilities(part["start"][0, :size], part["end"][0, :size])
            null = min(null, float(start[window.null] * end[window.null]))
            # Spans of pieces of the same words are one answer: more are looked at than are given.
            count = 2 * top_k + 10 if align_to_words else top_k
            for score, first, last in _spans(start, end, window.of_text, max_answer_len, count):
                answer = window.answer(first, last, score, align_to_words)
                place = answer["start"], answer["end"]
                if place in best:
                    best[place]["score"] += score
                else:
                    best[place] = answer
        found = list(best.values())
        if handle_impossible_answer:
            found.append({"score": null, "start": 0, "end": 0, "answer": ""})
        found = sorted(found, key=lambda one: -one["score"])[:top_k]
        return found[0] if top_k == 1 else found


class _Window:
    """A piece of a text, with its question before it, as the model sees it.

    Args:
        context: The whole text.
        of_text: Which tokens are of the text.
        words: The numbers of the words of tokens.
        offsets: The characters of tokens.
        null: The place that stands for no answer.
    """

    def __init__(
        self,
        context: str,
        of_text: npt.NDArray[np.bool_],
        words: npt.NDArray[np.int64],
        offsets: npt.NDArray[np.int64],
        null: int,
    ) -> None:
        self.context, self.of_text, self.words, self.offsets, self.null = (
            context,
            of_text,
            words,
            offsets,
            null,
        )

    def probabilities(self, *logits: Any) -> list[npt.NDArray[np.float32]]:
        """The probabilities of all places where answers may begin or end, or that say that there is none."""
        allowed = self.of_text.copy()
        allowed[self.null] = True
        return [softmax(np.where(allowed, one, np.float32(-1e4))) for one in logits]

    def answer(self, first: int, last: int, score: float, align_to_words: bool) -> dict[str, Any]:
        """An answer from a first to a last token."""
        start, end = int(self.offsets[first, 0]), int(self.offsets[last, 1])
        if align_to_words:
            for place, is_first in ((first, True), (last, False)):
                if self.words[place] < 0:
                    continue
                of_word = self.offsets[self.of_text & (self.words == self.words[place])]
                if is_first:
                    start = int(of_word[:, 0].min())
                else:
                    end = int(of_word[:, 1].max())
        return {"score": score, "start": start, "end": end, "answer": self.context[start:end]}


def _spans(
    start: npt.NDArray[np.float32],
    end: npt.NDArray[np.float32],
    allowed: npt.NDArray[np.bool_],
    longest: int,
    count: int,
) -> list[tuple[float, int, int]]:
    """The likeliest spans of tokens that are not longer than is allowed: score, first and last token."""
    start, end = np.where(allowed, start, 0), np.where(allowed, end, 0)
    size = len(start)
    longest = min(longest, size)
    # A row for each first token, a column for each length.
    ends = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([end, np.zeros(longest - 1, end.dtype)]), longest
    )
    scores = start[:, None] * ends
    flat = scores.reshape(-1)
    best = np.argsort(-flat, kind="stable")[:count]
    found = []
    for place in best.tolist():
        first, more = divmod(place, longest)
        if first + more < size and allowed[first] and allowed[first + more]:
            found.append((float(flat[place]), first, first + more))
    return found
