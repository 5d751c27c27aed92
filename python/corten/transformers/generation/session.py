"""A model in the middle of generating: the cache, the mask, and the next scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from corten.transformers.cache import DynamicCache, EncoderDecoderCache
from corten.transformers.generation.decode_capture import (
    CrossDecodeCapture,
    DecodeCapture,
    capture_of,
    fill_up,
)
from corten.transformers.generation.logits_process import Ids, Scores


def as_scores(logits: Any) -> Scores:
    """Return logits as a float32 NumPy array, `(rows, places, vocabulary)`."""
    if logits.dtype != "float32":
        logits = logits.astype("float32")
    return np.asarray(logits)


class DecoderSession:
    """A decoder that is fed with tokens and keeps what it has seen.

    Args:
        model: The model.
        attention_mask: 1 for tokens and 0 for padding, `(rows, prompt)`; None if there is no padding.
        max_length: The length that is known to be the longest.
        use_cache: Whether keys and values are kept; otherwise all tokens are looked at in every step.
        arguments: Further arguments of the model's `call`.
    """

    ids_name = "input_ids"

    def __init__(
        self,
        model: Any,
        attention_mask: npt.NDArray[np.int64] | None,
        max_length: int,
        use_cache: bool,
        arguments: dict[str, Any],
    ) -> None:
        self.model = model
        self.mask = attention_mask
        self.cache: Any = self._new_cache(max_length) if use_cache else None
        self.arguments = arguments
        self._seen: Ids | None = None
        self._capture = self._new_capture()

    def _new_capture(self) -> DecodeCapture | None:
        if self.cache is None or self.arguments:
            return None
        capture = capture_of(self.model)
        return capture if capture.begin() else None

    def _new_cache(self, max_length: int) -> Any:
        return DynamicCache(max_length)

    def advance(self, new_ids: Ids, keep: int = 1) -> Scores:
        """Take new tokens, and return the scores of what follows the last ones.

        Args:
            new_ids: `(rows, new tokens)`.
            keep: After how many of the last tokens scores are wanted.

        Returns:
            float32 `(rows, keep, vocabulary)`.
        """
        if self.cache is None:
            self._seen = new_ids if self._seen is None else np.concatenate([self._seen, new_ids], 1)
            tokens, past = self._seen, 0
        else:
            tokens, past = new_ids, self.cache.get_seq_length()
            if self._capture is not None and tokens.shape[1] == 1 and past > 0:
                logits = self._captured(tokens, past)
                if logits is not None:
                    return as_scores(logits)
        return as_scores(self._call(tokens, past, keep).logits)

    def _captured(self, tokens: Ids, past: int) -> Any:
        """The logits of a step that the engine runs by itself; None where it does not."""
        assert self._capture is not None
        mask = None
        if self.mask is None:
            places = np.full((len(tokens), 1), past, np.int32)
        else:
            self._lengthen(past + 1)
            mask = self.mask.astype(bool)
            places = (self.mask.sum(1, keepdims=True) - 1).astype(np.int32)
        return self._capture.step(tokens.astype(np.int32), places, mask, self.cache)

    def _call(self, tokens: Ids, past: int, keep: int) -> Any:
        total = past + tokens.shape[1]
        arguments = dict(self.arguments)
        if self.mask is not None:
            self._lengthen(total)
            arguments["attention_mask"] = self.mask
            places = np.maximum(self.mask.cumsum(1) - 1, 0)
            arguments["position_ids"] = places[:, past:].astype(np.int32)
        return self.model(
            **{self.ids_name: tokens.astype(np.int32)},
            past_key_values=self.cache,
            logits_to_keep=keep,
            return_dict=True,
            **arguments,
        )

    def _lengthen(self, total: int) -> None:
        """New tokens are no padding."""
        assert self.mask is not None
        more = total - self.mask.shape[1]
        if more > 0:
            self.mask = np.concatenate([self.mask, np.ones((len(self.mask), more), self.mask.dtype)], 1)

    def repeat(self, times: int) -> None:
        """Take each row several times."""
        if times > 1:
            self._select(lambda rows: np.repeat(np.arange(rows), times))

    def reorder(self, rows: npt.NDArray[np.int64]) -> None:
        """Go on from other rows."""
        self._select(lambda _: rows)

    def _select(self, chosen: Any) -> None:
        if self.cache is not None:
            self.cache.reorder_cache(chosen(self.cache.batch_size))
        if self._seen is not None:
            self._seen = self._seen[chosen(len(self._seen))]
        if self.mask is not None:
            self.mask = self.mask[chosen(len(self.mask))]

    def crop(self, length: int) -> None:
        """Forget tokens after a length."""
        if self.cache is not None:
            self.cache.crop(length)
        elif self._seen is not None:
            self._seen = self._seen[:, :length]
        if self.mask is not None:
            self.mask = self.mask[:, :length]


class EncoderDecoderSession(DecoderSession):
    """The decoder of an encoder-decoder, whose encoder has been run.

    Args:
        model: The model.
        attention_mask: Of the encoder's tokens; None if there is no padding.
        max_length: The length that is known to be the longest.
        use_cache: Whether keys and values are kept.
        arguments: Further arguments of the model's `call`: `encoder_outputs`.
    """

    ids_name = "decoder_input_ids"

    #: Whether what the encoder gave has been filled up for captured steps.
    _is_filled = False

    def _new_capture(self) -> DecodeCapture | None:
        if self.cache is None or set(self.arguments) != {"encoder_outputs"}:
            return None
        capture = capture_of(self.model)
        return capture if capture.begin() else None

    def _captured(self, tokens: Ids, past: int) -> Any:
        assert isinstance(self._capture, CrossDecodeCapture)
        if not self._is_filled:
            self.mask = fill_up(self.cache, self.mask).astype(np.int64)
            self._is_filled = True
        assert self.mask is not None
        return self._capture.cross_step(
            tokens.astype(np.int32), self.mask.astype(bool), self.arguments["encoder_outputs"], self.cache
        )

    def _new_cache(self, max_length: int) -> Any:
        return EncoderDecoderCache(DynamicCache(max_length), DynamicCache())

    def _call(self, tokens: Ids, past: int, keep: int) -> Any:
        arguments = dict(self.arguments)
        if self.mask is not None:
            arguments["attention_mask"] = self.mask
        return self.model(
            decoder_input_ids=tokens.astype(np.int32),
            past_key_values=self.cache,
            logits_to_keep=keep,
            return_dict=True,
            **arguments,
        )

    def _select(self, chosen: Any) -> None:
        from corten import _core

        super()._select(chosen)
        encoded = self.arguments["encoder_outputs"]
        states = encoded.last_hidden_state
        rows = chosen(states.shape[0])
        if len(rows) != states.shape[0] or not np.array_equal(rows, np.arange(len(rows))):
            # Rows of one prompt have the same encoder states: only a new number of rows changes them.
            self.arguments["encoder_outputs"] = type(encoded)(last_hidden_state=_core.gather(states, rows, 0))

    def crop(self, length: int) -> None:
        if self.cache is not None:
            self.cache.crop(length)
        elif self._seen is not None:
            self._seen = self._seen[:, :length]
