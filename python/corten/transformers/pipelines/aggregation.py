"""From the classes of tokens to those of words and of names that have several words."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

#: How classes of tokens are joined; see `TokenClassificationPipeline`.
STRATEGIES = ("none", "simple", "first", "average", "max")


class Token(NamedTuple):
    """A token with its classes.

    Attributes:
        word: The token, or of an unknown one its text.
        scores: The probability of each class.
        start: Its first character in the text.
        end: The character after its last one.
        place: Its place among the tokens.
        goes_on: Whether it is a further piece of the word of the token before.
    """

    word: str
    scores: npt.NDArray[np.float32]
    start: int
    end: int
    place: int
    goes_on: bool


def entities_of(
    tokens: list[Token], strategy: str, labels: dict[int, str], tokenizer: Any
) -> list[dict[str, Any]]:
    """Return the entities of a text, those of the class `O` too.

    Args:
        tokens: Its tokens, without special ones.
        strategy: One of `STRATEGIES`.
        labels: The names of the classes.
        tokenizer: Joins tokens to words.
    """
    if strategy in ("none", "simple"):
        found = [
            {
                "entity": labels[int(token.scores.argmax())],
                "score": float(token.scores.max()),
                "index": token.place,
                "word": token.word,
                "start": token.start,
                "end": token.end,
            }
            for token in tokens
        ]
        return found if strategy == "none" else grouped(found, tokenizer)
    words: list[list[Token]] = []
    for token in tokens:
        if words and token.goes_on:
            words[-1].append(token)
        else:
            words.append([token])
    return grouped([_word(word, strategy, labels, tokenizer) for word in words], tokenizer)


def _word(tokens: list[Token], strategy: str, labels: dict[int, str], tokenizer: Any) -> dict[str, Any]:
    """A word, whose class is that of its first token, of its surest one, or of all together."""
    if strategy == "first":
        scores = tokens[0].scores
    elif strategy == "max":
        scores = max((token.scores for token in tokens), key=lambda one: one.max())
    else:
        scores = np.mean([token.scores for token in tokens], axis=0)
    return {
        "entity": labels[int(scores.argmax())],
        "score": float(scores.max()),
        "word": tokenizer.convert_tokens_to_string([token.word for token in tokens]),
        "start": tokens[0].start,
        "end": tokens[-1].end,
    }


def grouped(entities: list[dict[str, Any]], tokenizer: Any) -> list[dict[str, Any]]:
    """Join neighbours of one class; a class that begins with `B-` begins anew.

    Args:
        entities: Dicts with `entity`, `score`, `word`, `start` and `end`.
        tokenizer: Joins their words.

    Example:
        >>> from corten.transformers.pipelines.aggregation import grouped
        >>> class Words:
        ...     def convert_tokens_to_string(self, words):
        ...         return " ".join(words)
        >>> entities = [
        ...     {"entity": "B-PER", "score": 0.5, "word": "Ada", "start": 0, "end": 3},
        ...     {"entity": "I-PER", "score": 1.0, "word": "Byron", "start": 4, "end": 9},
        ...     {"entity": "B-PER", "score": 0.5, "word": "Eve", "start": 10, "end": 13},
        ... ]
        >>> [(one["word"], one["score"]) for one in grouped(entities, Words())]
        [('Ada Byron', 0.75), ('Eve', 0.5)]
    """
    groups: list[list[dict[str, Any]]] = []
    for entity in entities:
        begins, kind = _tag(entity["entity"])
        if groups and not begins and kind == _tag(groups[-1][-1]["entity"])[1]:
            groups[-1].append(entity)
        else:
            groups.append([entity])
    return [
        {
            "entity_group": group[0]["entity"].split("-", 1)[-1],
            "score": float(np.mean([entity["score"] for entity in group], dtype=np.float32)),
            "word": tokenizer.convert_tokens_to_string([entity["word"] for entity in group]),
            "start": group[0]["start"],
            "end": group[-1]["end"],
        }
        for group in groups
    ]


def _tag(label: str) -> tuple[bool, str]:
    """Whether a class begins a name, and which kind of name it is of."""
    if label.startswith(("B-", "I-")):
        return label.startswith("B-"), label[2:]
    return False, label


def without_overlaps(entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep of entities that overlap the longest, and of those the surest.

    Args:
        entities: Those of all pieces of a text.

    Example:
        >>> from corten.transformers.pipelines.aggregation import without_overlaps
        >>> entities = [{"start": 4, "end": 9, "score": 0.5}, {"start": 0, "end": 9, "score": 0.2}]
        >>> without_overlaps(entities)
        [{'start': 0, 'end': 9, 'score': 0.2}]
    """
    kept: list[dict[str, Any]] = []
    for entity in sorted(entities, key=lambda one: one["start"]):
        if not kept or entity["start"] >= kept[-1]["end"]:
            kept.append(entity)
            continue
        before = kept[-1]
        size, other = entity["end"] - entity["start"], before["end"] - before["start"]
        if size > other or (size == other and entity["score"] > before["score"]):
            kept[-1] = entity
    return kept
