"""The bookkeeping of beam search: which beams go on, which answers are finished, and when to stop."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from corten.transformers.generation.logits_process import Ids, Scores
from corten.transformers.generation.stopping_criteria import StoppingCriteriaList

#: Stands for "no beam" in scores; adding to it keeps it far below any sum of log probabilities.
NEVER = np.float32(-1e9)


class BeamSearch:
    """Beams of some prompts, and the best finished answers so far.

    A step looks at the best continuations of all beams of a prompt. Those that end and are among the best
    `num_beams` are candidates for an answer, with their score divided by `length ** length_penalty`; the best
    that do not end are the next beams.

    Args:
        prompts: Tokens, `(prompts, length)`.
        num_beams: Beams of a prompt.
        pad_token_id: Fills up shorter answers.
        prompt_length: How many tokens do not count for the length penalty.
        length_penalty: The power.
        early_stopping: True, False or `"never"`; see `GenerationConfig`.
        max_length: The length at which all ends.
        criteria: What ends a sequence, the length included.
        candidates: How many continuations a step looks at.

    Attributes:
        ids: Tokens of the beams, `(prompts * num_beams, length)`.
    """

    def __init__(
        self,
        prompts: Ids,
        num_beams: int,
        pad_token_id: int,
        prompt_length: int,
        length_penalty: float,
        early_stopping: bool | str,
        max_length: int,
        criteria: StoppingCriteriaList,
        candidates: int,
    ) -> None:
        count, length = prompts.shape
        self.ids: Ids = np.repeat(prompts, num_beams, 0)
        self._beams, self._pad = num_beams, pad_token_id
        self._prompt_length, self._penalty = prompt_length, length_penalty
        self._early, self._max_length, self._criteria = early_stopping, max_length, criteria
        self._candidates = candidates
        # Equal beams would give equal continuations: in the first step only one of them counts.
        self._running = np.full((count, num_beams), NEVER, np.float32)
        self._running[:, 0] = 0
        self._scores = np.full((count, num_beams), NEVER, np.float32)
        self._is_finished = np.zeros((count, num_beams), bool)
        self._answers: Ids = np.full((count, num_beams, length), pad_token_id, np.int64)
        self._history = np.zeros((count * num_beams, 0), np.int64)
        self._answer_history = np.full((count, num_beams, 0), -1, np.int64)
        self._may_improve = np.ones((count, 1), bool)

    @property
    def running_scores(self) -> Scores:
        """Sums of log probabilities of the beams, `(prompts * num_beams, 1)`."""
        return self._running.reshape(-1, 1)

    def step(self, log_probabilities: Scores, random: Any = None) -> tuple[npt.NDArray[np.int64], bool]:
        """Go on by one token.

        Args:
            log_probabilities: Of all tokens for each beam, `(prompts * num_beams, vocabulary)`.
            random: If given, continuations are drawn rather than the best taken: a function that gives as
                many numbers between 0 and 1 as the shape it is called with.

        Returns:
            Which beam each new beam goes on from, and whether the search goes on.
        """
        count, beams, vocabulary = len(self._running), self._beams, log_probabilities.shape[1]
        sums = (log_probabilities + self.running_scores).reshape(count, beams * vocabulary)
        best = _chosen(sums, self._candidates, random)
        scores = np.take_along_axis(sums, best, 1)
        origin, token = best // vocabulary, best % vocabulary
        rows = (origin + np.arange(count)[:, None] * beams).reshape(-1)
        ids = np.concatenate([self.ids[rows], token.reshape(-1, 1)], 1)
        ends = self._criteria(ids, None).reshape(count, -1)
        history = np.concatenate([self._history[rows], rows[:, None]], 1)

        # The next beams are the best that do not end. Where all end, it is the last step.
        open_scores = np.where(ends, scores + NEVER, scores)
        following = _best(open_scores, beams)
        self._finish(scores, ends, ids, history)
        flat = (following + np.arange(count)[:, None] * best.shape[1]).reshape(-1)
        self.ids, self._history = ids[flat], history[flat]
        self._running = np.take_along_axis(open_scores, following, 1)
        goes_on = self._goes_on(ends)
        return rows[flat], goes_on

    def _finish(self, scores: Scores, ends: npt.NDArray[np.bool_], ids: Ids, history: Ids) -> None:
        """Put continuations that end among the answers, of which the best stay."""
        count, beams = self._running.shape
        length = ids.shape[1]
        new = ids.reshape(count, -1, length)
        is_new = ends & (np.arange(ends.shape[1]) < beams)
        values = scores / np.float32((length - self._prompt_length) ** self._penalty)
        is_full = self._is_finished.all(1, keepdims=True) & (self._early is True)
        values = np.where(is_new, values, values + NEVER) + is_full * NEVER + ~self._may_improve * NEVER
        old = np.full((count, beams, length), self._pad, np.int64)
        old[:, :, : self._answers.shape[2]] = self._answers
        steps = history.shape[1]
        old_history = np.full((count, beams, steps), -1, np.int64)
        old_history[:, :, : self._answer_history.shape[2]] = self._answer_history
        merged = np.concatenate([self._scores, values.astype(np.float32)], 1)
        kept = _best(merged, beams)
        self._scores = np.take_along_axis(merged, kept, 1)
        self._answers = np.take_along_axis(np.concatenate([old, new], 1), kept[:, :, None], 1)
        histories = np.concatenate([old_history, history.reshape(count, -1, steps)], 1)
        self._answer_history = np.take_along_axis(histories, kept[:, :, None], 1)
        self._is_finished = np.take_along_axis(np.concatenate([self._is_finished, is_new], 1), kept, 1)

    def _goes_on(self, ends: npt.NDArray[np.bool_]) -> bool:
        length = self.ids.shape[1] - self._prompt_length
        if self._early == "never" and self._penalty > 0:
            # Sums only fall, and the longest answer divides them by most.
            length = self._max_length - self._prompt_length
        best_possible = self._running[:, :1] / np.float32(length**self._penalty)
        worst = np.where(self._is_finished, self._scores.min(1, keepdims=True), NEVER)
        self._may_improve &= (best_possible > worst).any(1, keepdims=True)
        is_done = self._early is True and bool(self._is_finished.all())
        return bool(self._may_improve.any()) and not is_done and not bool(ends.all())

    def results(self, number: int) -> tuple[Ids, Scores, npt.NDArray[np.int64]]:
        """Return the best answers of each prompt.

        Args:
            number: How many.

        Returns:
            Tokens `(prompts * number, length)`, scores `(prompts * number,)`, and for each new token the row
            of beams it went on from, -1 after the end.
        """
        count = len(self._running)
        # Where no answer ended, the beams are what there is.
        none = ~self._is_finished.any(1)
        answers, scores, history = self._answers.copy(), self._scores.copy(), self._answer_history.copy()
        if none.any():
            answers[none] = self.ids.reshape(count, self._beams, -1)[none]
            scores[none] = self._running[none]
            history[none] = self._history.reshape(count, self._beams, -1)[none]
        steps = history.shape[2]
        lengths = (history >= 0).sum(2)[:, :number]
        longest = int(lengths.max()) if lengths.size else 0
        whole = answers.shape[2] - steps + longest
        return (
            answers[:, :number, :whole].reshape(count * number, -1),
            scores[:, :number].reshape(-1),
            history[:, :number, :longest].reshape(count * number, -1),
        )


def _best(values: Scores, number: int) -> npt.NDArray[np.int64]:
    """Places of the highest values, the highest first; of equal ones the first."""
    if values.shape[1] > 4 * number:
        # Sorting all of a vocabulary would take longer than the model.
        limit = np.partition(values, -number, axis=1)[:, -number, None]
        chosen = np.full((len(values), number), 0, np.int64)
        for row, kept in enumerate(values >= limit):
            places = np.flatnonzero(kept)
            chosen[row] = places[np.argsort(-values[row, places], kind="stable")[:number]]
        return chosen
    return np.argsort(-values, axis=1, kind="stable")[:, :number]


def _chosen(sums: Scores, number: int, random: Any) -> npt.NDArray[np.int64]:
    if random is None:
        return _best(sums, number)
    # The highest of values plus Gumbel noise are draws without replacement.
    uniform = np.asarray(random(sums.shape), np.float64)
    noise = -np.log(-np.log(np.clip(uniform, 1e-300, 1 - 2**-53)))
    drawn = _best((sums - sums.max(1, keepdims=True) + noise).astype(np.float32), number)
    order = np.argsort(-np.take_along_axis(sums, drawn, 1), axis=1, kind="stable")
    return np.take_along_axis(drawn, order, 1)
