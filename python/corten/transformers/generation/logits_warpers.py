"""Processors for sampling: which tokens may be drawn, and how likely they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from corten.transformers.generation.logits_process import (
    LOWEST,
    Ids,
    LogitsProcessor,
    Scores,
    log_softmax,
    positive,
    share,
    softmax,
)


class TemperatureLogitsWarper(LogitsProcessor):
    """Divides scores: below 1 makes the distribution sharper, above 1 flatter.

    Args:
        temperature: The divisor, above 0.
    """

    def __init__(self, temperature: float) -> None:
        self.temperature = positive(type(self).__name__, "temperature", temperature)

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        return np.asarray(scores / np.float32(self.temperature), np.float32)


class TopKLogitsWarper(LogitsProcessor):
    """Keeps the `top_k` highest scores, and those equal to the lowest of them.

    Args:
        top_k: How many.
        filter_value: What the others become.
        min_tokens_to_keep: At least so many are kept.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import TopKLogitsWarper
        >>> TopKLogitsWarper(2)(np.array([[0]]), np.array([[3.0, 1.0, 2.0]], np.float32)).tolist()
        [[3.0, -inf, 2.0]]
    """

    def __init__(self, top_k: int, filter_value: float = LOWEST, min_tokens_to_keep: int = 1) -> None:
        if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
            raise ValueError(f"TopKLogitsWarper: `top_k` must be an integer from 1 on; got {top_k!r}.")
        self.top_k, self.filter_value = max(top_k, min_tokens_to_keep), filter_value

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        count = min(self.top_k, scores.shape[1])
        lowest = np.partition(scores, -count, axis=1)[:, -count, None]
        return np.where(scores < lowest, np.float32(self.filter_value), scores)


class TopPLogitsWarper(LogitsProcessor):
    """Keeps the most probable tokens up to a probability in sum (nucleus sampling).

    Args:
        top_p: The probability; the token that reaches it is kept.
        filter_value: What the others become.
        min_tokens_to_keep: At least so many are kept.

    Source: Holtzman et al. 2019, arXiv:1904.09751.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import TopPLogitsWarper
        >>> scores = np.log(np.array([[0.5, 0.3, 0.2]], np.float32))
        >>> np.isfinite(TopPLogitsWarper(0.7)(np.array([[0]]), scores)).tolist()
        [[True, True, False]]
    """

    def __init__(self, top_p: float, filter_value: float = LOWEST, min_tokens_to_keep: int = 1) -> None:
        self.top_p = share(type(self).__name__, "top_p", top_p)
        self.filter_value, self.min_tokens_to_keep = filter_value, min_tokens_to_keep

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        # From the least probable on: what is left out together has at most 1 - top_p.
        order = np.argsort(scores, axis=1, kind="stable")
        summed = np.cumsum(softmax(np.take_along_axis(scores, order, 1)), 1)
        out = summed <= np.float32(1 - self.top_p)
        out[:, -self.min_tokens_to_keep :] = False
        removed = np.zeros_like(out)
        np.put_along_axis(removed, order, out, 1)
        return np.where(removed, np.float32(self.filter_value), scores)


class MinPLogitsWarper(LogitsProcessor):
    """Keeps tokens with at least a share of the probability of the most probable one.

    Args:
        min_p: The share.
        filter_value: What the others become.
        min_tokens_to_keep: At least so many are kept.

    Source: Nguyen et al. 2024, arXiv:2407.01082.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import MinPLogitsWarper
        >>> scores = np.log(np.array([[0.6, 0.25, 0.15]], np.float32))
        >>> np.isfinite(MinPLogitsWarper(0.4)(np.array([[0]]), scores)).tolist()
        [[True, True, False]]
    """

    def __init__(self, min_p: float, filter_value: float = LOWEST, min_tokens_to_keep: int = 1) -> None:
        self.min_p = share(type(self).__name__, "min_p", min_p)
        self.filter_value, self.min_tokens_to_keep = filter_value, min_tokens_to_keep

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        chances = softmax(scores)
        out = chances < np.float32(self.min_p) * chances.max(1, keepdims=True)
        return _removed(scores, out, self.min_tokens_to_keep, self.filter_value)


def _removed(scores: Scores, out: npt.NDArray[np.bool_], keep: int, fill: float) -> Scores:
    """Scores without some tokens, but for the `keep` highest ones."""
    keep = min(keep, scores.shape[1])
    best = np.argpartition(scores, -keep, axis=1)[:, -keep:]
    np.put_along_axis(out, best, False, 1)
    return np.where(out, np.float32(fill), scores)


class TypicalLogitsWarper(LogitsProcessor):
    """Keeps the tokens whose surprise is closest to the expected one, up to a probability in sum.

    Args:
        mass: The probability.
        filter_value: What the others become.
        min_tokens_to_keep: At least so many are kept.

    Source: Meister et al. 2022, arXiv:2202.00666.
    """

    def __init__(self, mass: float = 0.9, filter_value: float = LOWEST, min_tokens_to_keep: int = 1) -> None:
        self.mass = share(type(self).__name__, "mass", mass)
        self.filter_value, self.min_tokens_to_keep = filter_value, min_tokens_to_keep

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        logs = log_softmax(scores)
        chances = np.exp(logs)
        with np.errstate(invalid="ignore"):
            entropy = -np.nansum(np.where(chances > 0, chances * logs, 0), 1, keepdims=True)
            distance = np.abs(-logs - entropy)
        order = np.argsort(distance, axis=1, kind="stable")
        summed = np.cumsum(np.take_along_axis(chances, order, 1), 1)
        # The last that is kept is the one that reaches the mass.
        last = np.minimum((summed < self.mass).sum(1), scores.shape[1] - 1)
        limit = np.take_along_axis(np.take_along_axis(distance, order, 1), last[:, None], 1)
        out = distance > limit
        np.put_along_axis(out, order[:, : self.min_tokens_to_keep], False, 1)
        return np.where(out, np.float32(self.filter_value), scores)


class EpsilonLogitsWarper(LogitsProcessor):
    """Keeps tokens of at least a probability.

    Args:
        epsilon: The probability.
        filter_value: What the others become.
        min_tokens_to_keep: At least so many are kept.

    Source: Hewitt et al. 2022, arXiv:2210.15191.
    """

    def __init__(self, epsilon: float, filter_value: float = LOWEST, min_tokens_to_keep: int = 1) -> None:
        self.epsilon = share(type(self).__name__, "epsilon", epsilon)
        self.filter_value, self.min_tokens_to_keep = filter_value, min_tokens_to_keep

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        out = softmax(scores) < self.epsilon
        return _removed(scores, out, self.min_tokens_to_keep, self.filter_value)


class EtaLogitsWarper(LogitsProcessor):
    """Keeps tokens of at least a probability, which is lower where the distribution is flat.

    Args:
        epsilon: The probability; the limit is `min(epsilon, sqrt(epsilon) * exp(-entropy))`.
        filter_value: What the others become.
        min_tokens_to_keep: At least so many are kept.

    Source: Hewitt et al. 2022, arXiv:2210.15191.
    """

    def __init__(self, epsilon: float, filter_value: float = LOWEST, min_tokens_to_keep: int = 1) -> None:
        self.epsilon = share(type(self).__name__, "epsilon", epsilon)
        self.filter_value, self.min_tokens_to_keep = filter_value, min_tokens_to_keep

    def __call__(self, input_ids: Ids, scores: Scores) -> Scores:
        chances = softmax(scores)
        logs = np.log(np.where(chances > 0, chances, 1))
        entropy = -(chances * logs).sum(1, keepdims=True)
        limit = np.minimum(self.epsilon, np.sqrt(self.epsilon) * np.exp(-entropy))
        return _removed(scores, chances < limit, self.min_tokens_to_keep, self.filter_value)
