"""Processors of logits: what changes scores between the model and the choice of a token.

A processor is called with the tokens so far, `(rows, length)`, and the scores, float32 `(rows, vocabulary)`,
as NumPy arrays, and returns new scores. A score of minus infinity is never chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

LOWEST = -np.inf


class LogitsProcessor:
    """Base of all processors: a function of the tokens so far and the scores.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import LogitsProcessor
        >>> class OnlyEven(LogitsProcessor):
        ...     def __call__(self, input_ids, scores):
        ...         scores = scores.copy()
        ...         scores[:, 1::2] = -np.inf
        ...         return scores
        >>> OnlyEven()(np.zeros((1, 1), int), np.ones((1, 3), np.float32)).tolist()
        [[1.0, -inf, 1.0]]
    """

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        """Return new scores.

        Args:
            input_ids: Tokens so far, `(rows, length)`.
            scores: float32 `(rows, vocabulary)`; not to be changed in place.
        """
        raise NotImplementedError(f"{type(self).__name__} does not have a `__call__` of its own.")


class LogitsProcessorList(list[Any]):
    """Processors one after another.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import LogitsProcessorList, TemperatureLogitsWarper
        >>> half = LogitsProcessorList([TemperatureLogitsWarper(2.0)])
        >>> half(np.zeros((1, 1), int), np.array([[4.0, 2.0]], np.float32)).tolist()
        [[2.0, 1.0]]
    """

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        """Return the scores as the last processor leaves them."""
        for processor in self:
            changed = np.asarray(processor(input_ids, scores), np.float32)
            if changed.shape != scores.shape:
                raise ValueError(
                    f"{type(processor).__name__}: a logits processor must return scores of the shape it was "
                    f"given, {scores.shape}; got {changed.shape}."
                )
            scores = changed
        return scores


def softmax(scores: Scores) -> Scores:
    """Probabilities of scores along the last axis."""
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True), np.float32)


def log_softmax(scores: Scores) -> Scores:
    """Logarithms of probabilities along the last axis."""
    shifted = scores - scores.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)), np.float32)


def positive(name: str, what: str, value: Any) -> float:
    """Return a number above 0; refuse all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"{name}: `{what}` must be a number above 0; got {value!r}.")
    return float(value)


def share(name: str, what: str, value: Any) -> float:
    """Return a number from 0 to 1; refuse all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name}: `{what}` must be a number from 0 to 1; got {value!r}.")
    return float(value)


def _without(scores: Scores, tokens: Any, fill: float = LOWEST) -> Scores:
    changed = scores.copy()
    changed[:, tokens] = fill
    return changed


class RepetitionPenaltyLogitsProcessor(LogitsProcessor):
    """Divides the scores of tokens that occurred by a penalty; those below 0 are multiplied.

    Args:
        penalty: Above 1 discourages repetition, below 1 rewards it.

    Source: Keskar et al. 2019, arXiv:1909.05858.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import RepetitionPenaltyLogitsProcessor
        >>> scores = np.array([[2.0, -2.0, 2.0]], np.float32)
        >>> RepetitionPenaltyLogitsProcessor(2.0)(np.array([[0, 1]]), scores).tolist()
        [[1.0, -4.0, 2.0]]
    """

    def __init__(self, penalty: float) -> None:
        self.penalty = positive(type(self).__name__, "penalty", penalty)

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        changed = scores.copy()
        seen = np.take_along_axis(scores, input_ids, 1)
        np.put_along_axis(changed, input_ids, np.where(seen < 0, seen * self.penalty, seen / self.penalty), 1)
        return changed


class EncoderRepetitionPenaltyLogitsProcessor(LogitsProcessor):
    """Raises the scores of tokens of the encoder's input: a penalty above 1 makes copying likelier.

    Args:
        penalty: The factor.
        encoder_input_ids: Tokens of the encoder, `(rows, length)`.
    """

    def __init__(self, penalty: float, encoder_input_ids: Ids) -> None:
        self._processor = RepetitionPenaltyLogitsProcessor(
            1 / positive(type(self).__name__, "penalty", penalty)
        )
        self._ids = encoder_input_ids

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return self._processor(_as_rows(self._ids, len(scores)), scores)


class NoRepeatNGramLogitsProcessor(LogitsProcessor):
    """Forbids tokens that would make a sequence of tokens occur a second time.

    Args:
        ngram_size: How long the sequences are.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import NoRepeatNGramLogitsProcessor
        >>> scores = np.zeros((1, 4), np.float32)
        >>> NoRepeatNGramLogitsProcessor(2)(np.array([[1, 2, 3, 1]]), scores).tolist()
        [[0.0, 0.0, -inf, 0.0]]
    """

    def __init__(self, ngram_size: int) -> None:
        self.ngram_size = _size(type(self).__name__, ngram_size)

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return _forbid_followers(input_ids, input_ids, scores, self.ngram_size)


class EncoderNoRepeatNGramLogitsProcessor(LogitsProcessor):
    """Forbids sequences of tokens that occur in the encoder's input.

    Args:
        encoder_ngram_size: How long the sequences are.
        encoder_input_ids: Tokens of the encoder, `(rows, length)`.
    """

    def __init__(self, encoder_ngram_size: int, encoder_input_ids: Ids) -> None:
        self.ngram_size = _size(type(self).__name__, encoder_ngram_size)
        self._ids = encoder_input_ids

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return _forbid_followers(_as_rows(self._ids, len(scores)), input_ids, scores, self.ngram_size)


def _size(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: the size of an n-gram must be an integer from 1 on; got {value!r}.")
    return value


def _as_rows(ids: Ids, rows: int) -> Ids:
    """Tokens of the encoder, for each beam."""
    return np.repeat(ids, rows // len(ids), 0)


def _forbid_followers(texts: Ids, input_ids: Ids, scores: Scores, size: int) -> Scores:
    """Forbids what follows the last `size - 1` tokens anywhere in the texts."""
    if input_ids.shape[1] + 1 < size or texts.shape[1] < size:
        return scores
    changed = scores.copy()
    windows = np.lib.stride_tricks.sliding_window_view(texts, size, axis=1)
    last = input_ids[:, input_ids.shape[1] - size + 1 :]
    for row, hits in enumerate((windows[:, :, :-1] == last[:, None, :]).all(2)):
        changed[row, windows[row, hits, -1]] = LOWEST
    return changed


class SequenceBiasLogitsProcessor(LogitsProcessor):
    """Adds to the score of a token that would complete a sequence of tokens.

    Args:
        sequence_bias: Tokens with what is added: a dict of tuples, or a list of `[tokens, bias]`.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import SequenceBiasLogitsProcessor
        >>> processor = SequenceBiasLogitsProcessor({(1, 2): -5.0, (0,): 1.0})
        >>> processor(np.array([[3, 1]]), np.zeros((1, 3), np.float32)).tolist()
        [[1.0, 0.0, -5.0]]
    """

    def __init__(self, sequence_bias: Any) -> None:
        pairs = sequence_bias.items() if isinstance(sequence_bias, dict) else sequence_bias
        self._pairs = [([int(token) for token in tokens], float(bias)) for tokens, bias in pairs]
        for tokens, _ in self._pairs:
            if not tokens or min(tokens) < 0:
                raise ValueError(
                    f"{type(self).__name__}: each sequence needs token ids from 0 on; got {tokens!r}."
                )

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        changed = scores.copy()
        for tokens, bias in self._pairs:
            if tokens[-1] >= scores.shape[1]:
                raise ValueError(
                    f"{type(self).__name__}: token {tokens[-1]} is not in the vocabulary of "
                    f"{scores.shape[1]} tokens. Were the ids made by another tokenizer?"
                )
            before = len(tokens) - 1
            if before == 0:
                changed[:, tokens[-1]] += bias
            elif input_ids.shape[1] >= before:
                changed[(input_ids[:, -before:] == tokens[:-1]).all(1), tokens[-1]] += bias
        return changed


class NoBadWordsLogitsProcessor(SequenceBiasLogitsProcessor):
    """Forbids sequences of tokens.

    Args:
        bad_words_ids: The sequences.
        eos_token_id: Tokens that end an answer: a "word" of just one of them is left out.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import NoBadWordsLogitsProcessor
        >>> NoBadWordsLogitsProcessor([[2]])(np.array([[0]]), np.zeros((1, 3), np.float32)).tolist()
        [[0.0, 0.0, -inf]]
    """

    def __init__(self, bad_words_ids: Sequence[Sequence[int]], eos_token_id: Iterable[int] = ()) -> None:
        ends = [[token] for token in eos_token_id]
        super().__init__([(list(word), LOWEST) for word in bad_words_ids if list(word) not in ends])


class MinLengthLogitsProcessor(LogitsProcessor):
    """Forbids the end before a length, counted with the prompt.

    Args:
        min_length: The length.
        eos_token_id: Tokens that end an answer.
    """

    def __init__(self, min_length: int, eos_token_id: Sequence[int]) -> None:
        self.min_length, self._ends = min_length, list(eos_token_id)

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return _without(scores, self._ends) if input_ids.shape[1] < self.min_length else scores


class MinNewTokensLengthLogitsProcessor(LogitsProcessor):
    """Forbids the end before so many new tokens.

    Args:
        prompt_length: Tokens of the prompt.
        min_new_tokens: The new tokens.
        eos_token_id: Tokens that end an answer.
    """

    def __init__(self, prompt_length: int, min_new_tokens: int, eos_token_id: Sequence[int]) -> None:
        self._processor = MinLengthLogitsProcessor(prompt_length + min_new_tokens, eos_token_id)

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return self._processor(input_ids, scores)


class PrefixConstrainedLogitsProcessor(LogitsProcessor):
    """Allows the tokens that a function names.

    Args:
        prefix_allowed_tokens_fn: Called with the number of the prompt and its tokens so far; gives token ids.
        num_beams: Rows for each prompt.
    """

    def __init__(self, prefix_allowed_tokens_fn: Any, num_beams: int) -> None:
        self._function, self._beams = prefix_allowed_tokens_fn, num_beams

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        changed = np.full_like(scores, LOWEST)
        for row, tokens in enumerate(input_ids):
            allowed = list(self._function(row // self._beams, tokens))
            if not allowed:
                raise ValueError(
                    "`prefix_allowed_tokens_fn` returned no token for prompt "
                    f"{row // self._beams} after {tokens.tolist()}; it must allow one, such as the end."
                )
            changed[row, allowed] = scores[row, allowed]
        return changed


class ForcedTokenLogitsProcessor(LogitsProcessor):
    """Allows only some tokens at one length.

    Args:
        length: The length, counted with the prompt.
        token_id: The token, or tokens.
    """

    def __init__(self, length: int, token_id: int | Sequence[int]) -> None:
        self.length, self._ids = length, [token_id] if isinstance(token_id, int) else list(token_id)

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        if input_ids.shape[1] != self.length:
            return scores
        changed = np.full_like(scores, LOWEST)
        changed[:, self._ids] = 0
        return changed


class ForcedBOSTokenLogitsProcessor(ForcedTokenLogitsProcessor):
    """Makes a token follow the first one.

    Args:
        bos_token_id: The token.
    """

    def __init__(self, bos_token_id: int) -> None:
        super().__init__(1, bos_token_id)


class ForcedEOSTokenLogitsProcessor(ForcedTokenLogitsProcessor):
    """Makes the token at `max_length` the end.

    Args:
        max_length: The length.
        eos_token_id: The token, or tokens.
    """

    def __init__(self, max_length: int, eos_token_id: int | Sequence[int]) -> None:
        super().__init__(max_length - 1, eos_token_id)


class InfNanRemoveLogitsProcessor(LogitsProcessor):
    """Replaces NaN by 0 and infinities by the largest and smallest number."""

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        largest = float(np.finfo(np.float32).max)
        return np.nan_to_num(scores, nan=0.0, posinf=largest, neginf=-largest)


class ExponentialDecayLengthPenalty(LogitsProcessor):
    """Makes the end ever likelier after a number of new tokens.

    Args:
        exponential_decay_length_penalty: `(start, factor)`.
        eos_token_id: Tokens that end an answer.
        input_ids_seq_length: Tokens of the prompt.
    """

    def __init__(
        self,
        exponential_decay_length_penalty: tuple[int, float],
        eos_token_id: Sequence[int],
        input_ids_seq_length: int,
    ) -> None:
        start, self._factor = exponential_decay_length_penalty
        self._start, self._ends = start + input_ids_seq_length, list(eos_token_id)

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        late = input_ids.shape[1] - self._start
        if late <= 0:
            return scores
        changed = scores.copy()
        ends = scores[:, self._ends]
        changed[:, self._ends] = ends + np.abs(ends) * (self._factor**late - 1)
        return changed


class SuppressTokensLogitsProcessor(LogitsProcessor):
    """Forbids tokens.

    Args:
        suppress_tokens: The tokens.
    """

    def __init__(self, suppress_tokens: Sequence[int]) -> None:
        self._ids = list(suppress_tokens)

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return _without(scores, self._ids)


class SuppressTokensAtBeginLogitsProcessor(LogitsProcessor):
    """Forbids tokens as the first of the answer.

    Args:
        begin_suppress_tokens: The tokens.
        begin_index: The length at which the answer begins.
    """

    def __init__(self, begin_suppress_tokens: Sequence[int], begin_index: int) -> None:
        self._ids, self._begin = list(begin_suppress_tokens), begin_index

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return _without(scores, self._ids) if input_ids.shape[1] == self._begin else scores


class LogitNormalization(LogitsProcessor):
    """Makes scores log probabilities again."""

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return log_softmax(scores)
