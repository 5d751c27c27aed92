"""`TextVectorization`: sentences as sequences of integers, or vectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from corten import _core
from corten._state import state
from corten.layers.arguments import one_of
from corten.layers.preprocessing.index_lookup import IndexLookup
from corten.saving import serialization
from corten.symbolic import meta_tensor
from corten.text_arrays import as_text

_PUNCTUATION = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']""")
_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLIT = ("whitespace", "character")


class TextVectorization(IndexLookup):
    """Turns texts into integers: standardizes them, splits them into tokens, and looks these up.

    Args:
        max_tokens: The largest size of the vocabulary, special tokens included; None for no limit.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", a function of a NumPy array
            of texts (dtype `str`, so NumPy's string functions take it), or None.
        split: "whitespace", "character", a function of a text that gives a list of tokens, or None (each
            text is one token).
        ngrams: Sequences of so many tokens are tokens too: an int for all lengths up to it, or a tuple of
            lengths.
        output_mode: "int" for a sequence of indices, "multi_hot", "count" or "tf_idf" for one vector of the
            vocabulary's size for each text.
        output_sequence_length: For "int": how long sequences are, cut or filled up with 0; None takes the
            longest of a batch.
        pad_to_max_tokens: Whether vectors are `max_tokens` long even when the vocabulary is smaller.
        vocabulary: Terms, or the path of a text file with one in each line, in place of `adapt`.
        idf_weights: For "tf_idf" with `vocabulary`: the weight of each term.
        sparse: Must be false.
        ragged: Must be false.
        encoding: How bytes and a vocabulary file are encoded.
        name: The name.
        **kwargs: `dtype`, `trainable`.

    Inputs have shape `(batch,)` or `(batch, 1)`, or are one text; index 0 is padding, 1 an unknown token.
    The vocabulary is part of the layer's configuration, so it is saved with a model; functions of your own
    are saved by their registered name only (`corten.saving.register_keras_serializable`).

    Raises:
        ValueError: An argument is not one of these, or the input's shape is another.
        RuntimeError: There is no vocabulary yet.
        TypeError: An input is not text.

    See https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/.

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["Foo bar, baz!", "bar baz?", "qux"])
        >>> layer.get_vocabulary()
        ['', '[UNK]', 'baz', 'bar', 'qux', 'foo']
        >>> layer(["foo qux bar", "what?"]).tolist()
        [[5, 4, 3, 0], [1, 0, 0, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if ragged:
            raise ValueError(
                "TextVectorization: `ragged=True` is not supported: there are no ragged tensors."
            )
        if isinstance(standardize, dict):
            standardize = serialization.deserialize_keras_object(standardize)
        if isinstance(split, dict):
            split = serialization.deserialize_keras_object(split)
        if standardize is not None and not callable(standardize):
            one_of("TextVectorization", "standardize", standardize, _STANDARDIZE)
        if split is not None and not callable(split):
            one_of("TextVectorization", "split", split, _SPLIT)
        if output_sequence_length is not None:
            if output_mode != "int":
                raise ValueError(
                    "TextVectorization: `output_sequence_length` must not be set if `output_mode` is not "
                    "'int'. "
                    f"Received output_sequence_length={output_sequence_length}."
                )
            if not isinstance(output_sequence_length, int) or output_sequence_length < 1:
                raise ValueError(
                    "TextVectorization: `output_sequence_length` must be either None or an integer above 0. "
                    f"Received: output_sequence_length={output_sequence_length}"
                )
        self.standardize = standardize
        self.split = split
        self.encoding = encoding
        self.output_sequence_length = output_sequence_length
        self.ngrams = ngrams
        self._lengths = _ngram_lengths(ngrams)
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=1,
            mask_token="",
            oov_token="[UNK]",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=False,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            name=name,
            **kwargs,
        )

    def _term(self, value: Any) -> str:
        return value.decode(self.encoding) if isinstance(value, bytes) else str(value)

    def _texts(self, inputs: Any) -> np.ndarray:
        texts = as_text("TextVectorization", inputs, self.encoding)
        if self.split is not None:
            if texts.ndim > 1 and texts.shape[-1] != 1:
                raise ValueError(
                    "TextVectorization: when it splits texts, the input rank must be 1 or the last shape "
                    "dimension "
                    f"must be 1. Received: inputs.shape={texts.shape} with rank={texts.ndim}"
                )
            if texts.ndim > 1:
                texts = texts.reshape(texts.shape[:-1])
        return texts

    def _standardized(self, texts: np.ndarray) -> np.ndarray:
        if self.standardize is None:
            return texts
        if callable(self.standardize):
            done = np.asarray(self.standardize(texts.astype(str)), dtype=object)
            if done.shape != texts.shape:
                raise ValueError(
                    f"TextVectorization: `standardize` must keep the shape {texts.shape}; it gave "
                    f"{done.shape}."
                )
            return done
        function: Callable[[str], str] = {
            "lower": str.lower,
            "strip_punctuation": lambda text: _PUNCTUATION.sub("", text),
            "lower_and_strip_punctuation": lambda text: _PUNCTUATION.sub("", text.lower()),
        }[self.standardize]
        out = np.empty(texts.shape, dtype=object)
        out.reshape(-1)[:] = [function(text) for text in texts.flat]
        return out

    def _tokens(self, text: str) -> list[str]:
        if self.split is None:
            tokens = [text]
        elif self.split == "whitespace":
            tokens = text.split()
        elif self.split == "character":
            tokens = list(text)
        else:
            tokens = [str(token) for token in self.split(text)]
        if self._lengths is None:
            return tokens
        return [
            " ".join(tokens[start : start + length])
            for length in self._lengths
            for start in range(len(tokens) - length + 1)
        ]

    def update_state(self, data: Any) -> None:
        self._count(self._tokens(text) for text in self._standardized(self._texts(data)).flat)

    def call(self, inputs: Any) -> Any:
        self._check_ready()
        texts = self._texts(inputs)
        if not state.probing:
            texts = self._standardized(texts)
        is_sequence = self.output_mode == "int"
        length = self.output_sequence_length
        if is_sequence and self.split is None and self._lengths is None and length is None:
            return self._encoded(self._indices(texts))
        # Without splitting, the texts of a row are its tokens.
        in_rows = self.split is None and texts.ndim > 1
        shape = texts.shape[:-1] if in_rows else texts.shape
        if state.probing:
            # An unknown length is the stand-in for unknown sizes.
            return self._encoded(meta_tensor((*shape, length or state.probing), "int64"))
        rows = texts.reshape(-1, texts.shape[-1] if in_rows else 1)
        tokens = [[token for text in row for token in self._tokens(text)] for row in rows]
        # In vectors what fills up counts for nothing.
        filler = 0 if is_sequence else -1
        return self._encoded(_core.tensor(self._padded(tokens, shape, length, filler)))

    def _padded(
        self, rows: list[list[str]], shape: tuple[int, ...], length: int | None, filler: int
    ) -> np.ndarray:
        length = max((len(row) for row in rows), default=0) if length is None else length
        numbers = np.full((len(rows), length), filler, "int64")
        places = self._places
        for index, row in enumerate(rows):
            for place, token in enumerate(row[:length]):
                found = places.get(token)
                numbers[index, place] = self._unknown(token) if found is None else found
        return numbers.reshape(*shape, length)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for inner in ("invert", "num_oov_indices", "oov_token", "mask_token"):
            del config[inner]
        return {
            **config,
            "standardize": _saved_function(self.standardize),
            "split": _saved_function(self.split),
            "ngrams": self.ngrams,
            "output_sequence_length": self.output_sequence_length,
            "ragged": False,
            "encoding": self.encoding,
        }


def _ngram_lengths(ngrams: Any) -> tuple[int, ...] | None:
    if ngrams is None:
        return None
    if isinstance(ngrams, int) and not isinstance(ngrams, bool) and ngrams > 0:
        return tuple(range(1, ngrams + 1))
    if isinstance(ngrams, (list, tuple)) and all(isinstance(item, int) and item > 0 for item in ngrams):
        return tuple(ngrams)
    raise ValueError(
        "TextVectorization: `ngrams` must be None, a positive integer, or a tuple of positive integers. "
        f"Received: ngrams={ngrams}"
    )


def _saved_function(value: Any) -> Any:
    return serialization.serialize_keras_object(value) if callable(value) else value
