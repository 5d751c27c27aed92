"""When a sequence ends: criteria that are asked after each token."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from corten.transformers.generation.logits_process import Ids, Scores

Flags = npt.NDArray[np.bool_]


class StoppingCriteria:
    """Base of all criteria: a function of the tokens so far and the last scores.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import StoppingCriteria
        >>> class EndsWithSeven(StoppingCriteria):
        ...     def __call__(self, input_ids, scores, **kwargs):
        ...         return input_ids[:, -1] == 7
        >>> EndsWithSeven()(np.array([[1, 7], [7, 1]]), None).tolist()
        [True, False]
    """

    def __call__(self, input_ids: Ids, scores: Scores | None, **kwargs: Any) -> Any:
        """Return for each row whether it is finished; one bool stands for all rows.

        Args:
            input_ids: Tokens so far, `(rows, length)`.
            scores: The scores that the last token was chosen by, or None.
            **kwargs: For criteria of later versions.
        """
        raise NotImplementedError(f"{type(self).__name__} does not have a `__call__` of its own.")


class StoppingCriteriaList(list[Any]):
    """Criteria of which one suffices.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import EosTokenCriteria, MaxLengthCriteria, StoppingCriteriaList
        >>> criteria = StoppingCriteriaList([MaxLengthCriteria(3), EosTokenCriteria(0)])
        >>> criteria(np.array([[5, 0], [5, 6]]), None).tolist()
        [True, False]
    """

    def __call__(self, input_ids: Ids, scores: Scores | None, **kwargs: Any) -> Flags:
        """Return for each row whether one criterion holds."""
        finished = np.zeros(len(input_ids), bool)
        for criterion in self:
            flags = np.asarray(criterion(input_ids, scores, **kwargs), bool)
            if flags.ndim > 1 or flags.size not in (1, len(input_ids)):
                raise ValueError(
                    f"{type(criterion).__name__}: a stopping criterion must return one bool, or one for each "
                    f"of the {len(input_ids)} rows; got shape {flags.shape}."
                )
            finished |= flags
        return finished


class MaxLengthCriteria(StoppingCriteria):
    """Ends at a length, counted with the prompt.

    Args:
        max_length: The length.
    """

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length

    def __call__(self, input_ids: Ids, scores: Scores | None, **kwargs: Any) -> Any:
        return input_ids.shape[1] >= self.max_length


class MaxTimeCriteria(StoppingCriteria):
    """Ends after some seconds.

    Args:
        max_time: The seconds.
        initial_timestamp: When they begin, as `time.monotonic()` gives it; None is now.
    """

    def __init__(self, max_time: float, initial_timestamp: float | None = None) -> None:
        self.max_time = max_time
        self._begin = time.monotonic() if initial_timestamp is None else initial_timestamp

    def __call__(self, input_ids: Ids, scores: Scores | None, **kwargs: Any) -> Any:
        return time.monotonic() - self._begin > self.max_time


class EosTokenCriteria(StoppingCriteria):
    """Ends with a token.

    Args:
        eos_token_id: The token, or several.
    """

    def __init__(self, eos_token_id: int | Sequence[int]) -> None:
        self._ids = np.atleast_1d(np.asarray(eos_token_id, np.int64))

    def __call__(self, input_ids: Ids, scores: Scores | None, **kwargs: Any) -> Any:
        return np.isin(input_ids[:, -1], self._ids)


class StopStringCriteria(StoppingCriteria):
    """Ends when the last token completes a string, in whichever tokens it comes.

    Args:
        tokenizer: Whose `decode` gives the text of tokens.
        stop_strings: The string, or several.

    Raises:
        ValueError: There is no string, or an empty one.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import StopStringCriteria
        >>> class Letters:
        ...     def decode(self, ids, **kwargs):
        ...         return "".join(chr(97 + i) for i in ids)
        >>> criterion = StopStringCriteria(Letters(), "cab")
        >>> criterion(np.array([[0, 2, 0, 1], [2, 0, 1, 3]]), None).tolist()
        [True, False]
    """

    def __init__(self, tokenizer: Any, stop_strings: str | Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self.stop_strings = (stop_strings,) if isinstance(stop_strings, str) else tuple(stop_strings)
        if not self.stop_strings or not all(isinstance(one, str) and one for one in self.stop_strings):
            raise ValueError(
                "StopStringCriteria: `stop_strings` must be strings that are not empty; got "
                f"{stop_strings!r}."
            )
        # A token is a byte or more, and some at the front may be half a character.
        self._window = max(len(one.encode()) for one in self.stop_strings) + 4

    def __call__(self, input_ids: Ids, scores: Scores | None, **kwargs: Any) -> Any:
        return np.array([self._completes(row[-self._window :].tolist()) for row in input_ids])

    def _completes(self, tokens: list[int]) -> bool:
        text, before = self._decode(tokens), self._decode(tokens[:-1])
        # What an unfinished character is shown as was not there yet.
        before = before.rstrip("\N{REPLACEMENT CHARACTER}")
        # A string that was there before the last token ends no second time.
        return any(text.find(stop, max(0, len(before) - len(stop) + 1)) >= 0 for stop in self.stop_strings)

    def _decode(self, tokens: list[int]) -> str:
        if not tokens:
            return ""
        return str(
            self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )
