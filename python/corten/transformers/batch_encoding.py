"""What a tokenizer returns: a dict of lists or arrays that also knows which characters a token came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["BatchEncoding", "CharSpan", "TokenSpan"]

_ELSEWHERE = {"pt": "PyTorch", "tf": "TensorFlow", "jax": "JAX", "mlx": "MLX"}


class CharSpan(NamedTuple):
    """Characters of a text.

    Attributes:
        start: The first one.
        end: The place after the last one.
    """

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens of an encoded text.

    Attributes:
        start: The first one.
        end: The place after the last one.
    """

    start: int
    end: int


class BatchEncoding(dict[str, Any]):
    """Encoded texts: `input_ids`, `attention_mask` and so on, each a list or an array of rows.

    It is a dict, so that `fit`, `predict`, `corten.tree` and models take it; its entries are attributes too.
    What maps between characters, words and tokens needs the encodings of a tokenizer, and looks at the row
    `batch_index`; where one number is given in place of two, the row is the first.

    Args:
        data: The entries, as a mapping or as pairs.
        encoding: The `tokenizers.Encoding` of each row, in a list, or one of them.
        tensor_type: What to make of the entries: `'np'`, `'corten'`, or None for leaving them as they are.
        prepend_batch_axis: Whether to put each entry into a list first.
        n_sequences: Texts in each row: 2 for pairs. None asks the encodings.

    Raises:
        ValueError: `tensor_type` is unknown, or rows differ in length.

    Example:
        >>> from corten.transformers import BatchEncoding
        >>> batch = BatchEncoding({"input_ids": [[1, 2], [3, 4]]}, tensor_type="np")
        >>> batch.input_ids.shape, list(batch)
        ((2, 2), ['input_ids'])
    """

    _encodings: list[Any] | None = None
    _n_sequences: int | None = None

    def __init__(
        self,
        data: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        encoding: Any = None,
        tensor_type: str | None = None,
        prepend_batch_axis: bool = False,
        n_sequences: int | None = None,
    ) -> None:
        super().__init__(data or {})
        if encoding is not None and not isinstance(encoding, (list, tuple)):
            encoding = [encoding]
        object.__setattr__(self, "_encodings", None if encoding is None else list(encoding))
        if n_sequences is None and encoding:
            n_sequences = encoding[0].n_sequences
        object.__setattr__(self, "_n_sequences", n_sequences)
        self.convert_to_tensors(tensor_type, prepend_batch_axis)

    # ---- entries -----------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        """An entry by its name; by a number or a slice the encodings of rows, or rows if there are none."""
        if isinstance(key, str):
            return super().__getitem__(key)
        if self._encodings is not None and isinstance(key, (int, slice)):
            return self._encodings[key]
        if isinstance(key, slice):
            return {name: value[key] for name, value in self.items()}
        raise KeyError(
            f"BatchEncoding: {key!r} is no entry; it has {', '.join(self)}. Rows by their number need "
            f"the encodings "
            "of a tokenizer; `encoding['input_ids'][0]` is a row of one entry."
        )

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return super().__getitem__(name)
        raise AttributeError(
            f"BatchEncoding has no entry or method {name!r}; its entries: {', '.join(self)}."
        )

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __reduce__(self) -> Any:
        return _restore, (dict(self), self._encodings, self._n_sequences)

    def copy(self) -> BatchEncoding:
        """Returns a BatchEncoding of the same values."""
        return _restore(dict(self), self._encodings, self._n_sequences)

    @property
    def data(self) -> dict[str, Any]:
        """The entries."""
        return self

    @property
    def encodings(self) -> list[Any] | None:
        """The `tokenizers.Encoding` of each row, or None."""
        return self._encodings

    @property
    def is_fast(self) -> bool:
        """Whether it maps between characters and tokens."""
        return self._encodings is not None

    @property
    def n_sequences(self) -> int | None:
        """Texts in each row: 1, or 2 for pairs; None if that is not known."""
        return self._n_sequences

    def convert_to_tensors(
        self, tensor_type: str | None = None, prepend_batch_axis: bool = False
    ) -> BatchEncoding:
        """Makes arrays of all entries, in place.

        Args:
            tensor_type: `'np'` for NumPy arrays, `'corten'` for tensors, None for leaving them.
            prepend_batch_axis: Whether to put each entry into a list first.

        Returns:
            Itself. Whole numbers are int64.

        Raises:
            ValueError: `tensor_type` is unknown, or rows of an entry differ in length.
        """
        if tensor_type is None:
            return self
        check_tensor_type(tensor_type)
        for name, value in self.items():
            array = _array(name, [value] if prepend_batch_axis else value)
            self[name] = array if tensor_type == "np" else _tensor(name, array)
        return self

    def to(self, *args: Any, **kwargs: Any) -> BatchEncoding:
        """Returns itself: there is one device. It is there for programs that move their batches to one."""
        return self

    # ---- characters, words and tokens --------------------------------------------------------------------

    def _encoding(self, batch_index: int, method: str) -> Any:
        if self._encodings is None:
            raise ValueError(
                f"BatchEncoding.{method}: there are no encodings; a tokenizer's `__call__` gives them, "
                f"and `pad`, "
                "collators and copies made by hand do not."
            )
        return self._encodings[batch_index]

    def tokens(self, batch_index: int = 0) -> list[str]:
        """Returns the tokens of a row.

        Args:
            batch_index: The row.
        """
        return list(self._encoding(batch_index, "tokens").tokens)

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """Returns for each token the number of its word; None for special tokens.

        Args:
            batch_index: The row.
        """
        return list(self._encoding(batch_index, "word_ids").word_ids)

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """Returns for each token 0 or 1, the text of the pair that it is of; None for special tokens.

        Args:
            batch_index: The row.
        """
        return list(self._encoding(batch_index, "sequence_ids").sequence_ids)

    def token_to_sequence(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """Returns 0 or 1, the text of the pair that a token is of; None for special tokens.

        Args:
            batch_or_token_index: The row, or the token if `token_index` is left out.
            token_index: The token.
        """
        row, token = self._token(batch_or_token_index, token_index, "token_to_sequence")
        return row.token_to_sequence(token)

    def token_to_word(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """Returns the number of the word that a token is of; None for special tokens.

        Args:
            batch_or_token_index: The row, or the token if `token_index` is left out.
            token_index: The token.
        """
        row, token = self._token(batch_or_token_index, token_index, "token_to_word")
        return row.token_to_word(token)

    def token_to_chars(self, batch_or_token_index: int, token_index: int | None = None) -> CharSpan | None:
        """Returns the characters of a token; None for special tokens.

        Args:
            batch_or_token_index: The row, or the token if `token_index` is left out.
            token_index: The token.
        """
        row, token = self._token(batch_or_token_index, token_index, "token_to_chars")
        found = row.token_to_chars(token)
        return None if found is None else CharSpan(*found)

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """Returns the tokens of a word; None if it has none.

        Args:
            batch_or_word_index: The row, or the word if `word_index` is left out.
            word_index: The word.
            sequence_index: The text of the pair.
        """
        row, word = self._place(batch_or_word_index, word_index, "word_to_tokens")
        found = row.word_to_tokens(word, sequence_index)
        return None if found is None else TokenSpan(*found)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """Returns the characters of a word; None if it has none.

        Args:
            batch_or_word_index: The row, or the word if `word_index` is left out.
            word_index: The word.
            sequence_index: The text of the pair.
        """
        row, word = self._place(batch_or_word_index, word_index, "word_to_chars")
        found = row.word_to_chars(word, sequence_index)
        return None if found is None else CharSpan(*found)

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """Returns the token that holds a character; None if there is none, as for a blank.

        Args:
            batch_or_char_index: The row, or the character if `char_index` is left out.
            char_index: The character.
            sequence_index: The text of the pair.
        """
        row, char = self._place(batch_or_char_index, char_index, "char_to_token")
        return row.char_to_token(char, sequence_index)

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """Returns the word that holds a character; None if there is none.

        Args:
            batch_or_char_index: The row, or the character if `char_index` is left out.
            char_index: The character.
            sequence_index: The text of the pair.
        """
        row, char = self._place(batch_or_char_index, char_index, "char_to_word")
        return row.char_to_word(char, sequence_index)

    def _place(self, first: int, second: int | None, method: str) -> tuple[Any, int]:
        if second is None:
            return self._encoding(0, method), first
        return self._encoding(first, method), second

    def _token(self, first: int, second: int | None, method: str) -> tuple[Any, int]:
        row, token = self._place(first, second, method)
        return row, token + len(row) if token < 0 else token


def _restore(data: dict[str, Any], encodings: list[Any] | None, n_sequences: int | None) -> BatchEncoding:
    return BatchEncoding(data, encodings, n_sequences=n_sequences)


def check_tensor_type(tensor_type: Any) -> None:
    """Checks the argument `return_tensors`.

    Raises:
        ValueError: It is neither `'np'` nor `'corten'`.
    """
    if tensor_type in {"np", "corten"}:
        return
    if tensor_type in _ELSEWHERE:
        raise ValueError(
            f"return_tensors={tensor_type!r} asks for tensors of {_ELSEWHERE[tensor_type]}. Use "
            f"return_tensors='corten' for "
            "tensors of Corten, or 'np' for NumPy arrays; models take both."
        )
    raise ValueError(
        f"return_tensors must be 'np' (NumPy arrays), 'corten' (tensors) or None (lists); got "
        f"{tensor_type!r}."
    )


def _array(name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype == object:
        lengths = sorted({len(row) for row in value if hasattr(row, "__len__")})
        shown = f"rows of {lengths[0]} to {lengths[-1]} values" if len(lengths) > 1 else "no numbers alone"
        raise ValueError(
            f"BatchEncoding: {name!r} has {shown}, of which no array can be made. Pass padding=True (and "
            "truncation=True where texts are long), or leave return_tensors out and keep lists."
        )
    return array.astype(np.int64) if array.size == 0 and array.dtype == np.float64 else array


def _tensor(name: str, array: Any) -> Any:
    from corten.ops import convert_to_tensor

    if array.dtype.kind in "US":
        raise ValueError(
            f"BatchEncoding: {name!r} holds texts, and tensors hold numbers: remove that entry first."
        )
    return convert_to_tensor(array)
