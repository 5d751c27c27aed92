"""Numbers to texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from corten.transformers.tokenization.special_tokens import SpecialTokens


class Decodes(SpecialTokens):
    """The part of a tokenizer that makes texts of numbers."""

    clean_up_tokenization_spaces: bool

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """Returns the numbers of tokens: one, or a list for a list. Unknown ones get that of `unk_token`.

        Args:
            tokens: A token or a list of them.
        """
        if isinstance(tokens, str):
            return self._token_id(tokens)
        return [self._token_id(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """Returns the tokens of numbers: one for one, a list for a list; None for a number without a token.

        Args:
            ids: A number, or a list or array (tokens,) of them.
            skip_special_tokens: Whether to leave special tokens out.
        """
        if isinstance(ids, (int, np.integer)):
            return self._backend.id_to_token(int(ids))
        special = set(self.all_special_ids) if skip_special_tokens else set()
        return [self._backend.id_to_token(number) for number in numbers(ids) if number not in special]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Joins tokens to a text.

        Args:
            tokens: The tokens.
        """
        decoder = self._backend.decoder
        return " ".join(tokens) if decoder is None else str(decoder.decode(list(tokens)))

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Returns the text of numbers, or a list of texts for several rows of them.

        Args:
            token_ids: A number; a list, array or tensor (tokens,); or (rows, tokens).
            skip_special_tokens: Whether to leave special tokens out.
            clean_up_tokenization_spaces: Whether to remove blanks before punctuation and contractions, which
                tokenizers of words put there; None goes by the attribute. Those of bytes (GPT-2's kind) have
                no such blanks, and never do.
            **kwargs: None.

        Raises:
            ValueError: A number is negative, such as the -100 of labels that do not count.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5, "##s": 6}
            >>> BertTokenizer(vocab).decode([2, 5, 6, 3], skip_special_tokens=True)
            'hellos'
        """
        if kwargs:
            raise TypeError(f"{type(self).__name__}.decode: unknown arguments: {', '.join(kwargs)}.")
        rows = listed(token_ids)
        if rows and isinstance(rows, list) and isinstance(listed(rows[0]), list):
            return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in rows]
        return self._text(rows, skip_special_tokens, clean_up_tokenization_spaces)

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Returns the texts of rows of numbers.

        Args:
            sequences: A list of lists, or an array or tensor (rows, tokens).
            skip_special_tokens: As for `decode`.
            clean_up_tokenization_spaces: As for `decode`.
            **kwargs: None.

        Raises:
            ValueError: As for `decode`.
        """
        found = self.decode(sequences, skip_special_tokens, clean_up_tokenization_spaces, **kwargs)
        if isinstance(found, list):
            return found
        return [] if not len(listed(sequences)) else [found]

    def _text(self, token_ids: Any, skip_special_tokens: bool, clean_up: bool | None) -> str:
        ids = numbers(token_ids)
        low = min(ids, default=0)
        if low < 0 or max(ids, default=0) >= 2**32:
            hint = " Put `tokenizer.pad_token_id` in its place first." if low == -100 else ""
            raise ValueError(
                f"{type(self).__name__}.decode: {low if low < 0 else max(ids)} is the number of no "
                f"token.{hint}"
            )
        text = str(self._backend.decode(ids, skip_special_tokens=skip_special_tokens))
        if clean_up is None:
            clean_up = self.clean_up_tokenization_spaces
        if clean_up and type(self._backend.model).__name__ != "BPE":
            text = self.clean_up_tokenization(text)
        return text

    @staticmethod
    def clean_up_tokenization(out_string: str) -> str:
        """Removes blanks before punctuation and English contractions.

        Args:
            out_string: The text.

        Example:
            >>> from corten.transformers import PreTrainedTokenizerFast
            >>> PreTrainedTokenizerFast.clean_up_tokenization("it 's here , is n't it ?")
            "it's here, isn't it?"
        """
        for piece in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
            out_string = out_string.replace(piece, piece.strip())
        return out_string


def listed(value: Any) -> Any:
    """Returns a list in place of a tuple, an array or a tensor."""
    if isinstance(value, tuple):
        return list(value)
    return value.tolist() if hasattr(value, "tolist") else value


def numbers(value: Any) -> list[int]:
    """Returns the whole numbers of a list, an array (tokens,) or a tensor; of one number, a list of it.

    Raises:
        ValueError: It holds something else.
    """
    value = listed(value)
    rows: Iterable[Any] = value if isinstance(value, list) else [value]
    try:
        return [int(one) for one in rows]
    except (TypeError, ValueError):
        raise ValueError(
            f"Numbers of tokens must be whole numbers in a list or an array (tokens,); got {str(value)[:80]}."
        ) from None
