"""Streamers: text that is handed on while it is generated."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np


class BaseStreamer:
    """Base of all streamers: `generate` calls `put` with the prompt and then each token, and `end` last."""

    def put(self, value: Any) -> None:
        """Take tokens.

        Args:
            value: Token ids, `(1, length)` for the prompt and `(1,)` for each token.
        """
        raise NotImplementedError(f"{type(self).__name__} does not have a `put` of its own.")

    def end(self) -> None:
        """Take note that the answer is complete."""
        raise NotImplementedError(f"{type(self).__name__} does not have an `end` of its own.")


class TextStreamer(BaseStreamer):
    """Prints the text as soon as whole words are there.

    Args:
        tokenizer: Whose `decode` gives the text of tokens.
        skip_prompt: Whether the prompt is left out.
        **decode_kwargs: For `decode`, such as `skip_special_tokens=True`.

    Example:
        >>> from corten.transformers import TextStreamer
        >>> class Letters:
        ...     def decode(self, ids, **kwargs):
        ...         return "".join(" abc"[i] for i in ids)
        >>> streamer = TextStreamer(Letters())
        >>> streamer.put([1, 2])
        >>> streamer.end()
        ab
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, **decode_kwargs: Any) -> None:
        self.tokenizer = tokenizer
        self.skip_prompt = skip_prompt
        self.decode_kwargs = decode_kwargs
        self._tokens: list[int] = []
        self._shown = 0
        self._is_prompt = True

    def put(self, value: Any) -> None:
        """Take tokens, and hand on what is sure of their text.

        Args:
            value: Token ids of one sequence.

        Raises:
            ValueError: They are of several sequences.
        """
        tokens = np.asarray(value)
        if tokens.ndim > 1 and tokens.shape[0] != 1:
            raise ValueError(
                f"{type(self).__name__}: streams one sequence; got tokens of shape {tokens.shape}."
            )
        is_prompt, self._is_prompt = self._is_prompt, False
        if is_prompt and self.skip_prompt:
            return
        self._tokens += tokens.reshape(-1).tolist()
        text = self._text()
        if text.endswith("\n"):
            # Nothing that follows changes a finished line.
            self._hand_on(text[self._shown :])
            self._tokens, self._shown = [], 0
            return
        sure = len(text) if text and _stands_alone(text[-1]) else text.rfind(" ") + 1
        if sure > self._shown:
            self._hand_on(text[self._shown : sure])
            self._shown = sure

    def end(self) -> None:
        """Hand on the rest."""
        rest = self._text()[self._shown :] if self._tokens else ""
        self._tokens, self._shown, self._is_prompt = [], 0, True
        self._hand_on(rest, stream_end=True)

    def _text(self) -> str:
        return str(self.tokenizer.decode(self._tokens, **self.decode_kwargs))

    def _hand_on(self, text: str, stream_end: bool = False) -> None:
        self.on_finalized_text(text, stream_end=stream_end)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Print text that will not change. Override this to do something else with it.

        Args:
            text: The text.
            stream_end: Whether it is the last.
        """
        print(text, flush=True, end="\n" if stream_end else "")


def _stands_alone(character: str) -> bool:
    """Whether a character is a word of its own: those of Chinese, Japanese kanji, Korean hanja."""
    code = ord(character)
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x323AF
    )


class TextIteratorStreamer(TextStreamer):
    """Hands the text to another thread, which iterates over it while `generate` runs.

    Args:
        tokenizer: Whose `decode` gives the text of tokens.
        skip_prompt: Whether the prompt is left out.
        timeout: Seconds to wait for the next piece, after which `queue.Empty` is raised; None waits on.
        **decode_kwargs: For `decode`.

    Example:
        >>> from threading import Thread
        >>> from corten.transformers import TextIteratorStreamer
        >>> class Letters:
        ...     def decode(self, ids, **kwargs):
        ...         return "".join(" abc"[i] for i in ids)
        >>> streamer = TextIteratorStreamer(Letters())
        >>> def generate():
        ...     for token in [1, 2, 0, 3]:
        ...         streamer.put([token])
        ...     streamer.end()
        >>> Thread(target=generate).start()
        >>> list(streamer)
        ['ab ', 'c']
    """

    def __init__(
        self, tokenizer: Any, skip_prompt: bool = False, timeout: float | None = None, **decode_kwargs: Any
    ) -> None:
        super().__init__(tokenizer, skip_prompt, **decode_kwargs)
        self.timeout = timeout
        self._pieces: queue.Queue[str | None] = queue.Queue()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Put text into the queue.

        Args:
            text: The text.
            stream_end: Whether it is the last.
        """
        if text:
            self._pieces.put(text)
        if stream_end:
            self._pieces.put(None)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        piece = self._pieces.get(timeout=self.timeout)
        if piece is None:
            raise StopIteration
        return piece
