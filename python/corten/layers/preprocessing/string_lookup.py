"""`StringLookup`: text categories as integers or vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.layers.preprocessing.hash_functions import checked_salt, hash_text
from corten.layers.preprocessing.index_lookup import IndexLookup
from corten.text_arrays import as_text


class StringLookup(IndexLookup):
    """Gives each text its place in a vocabulary.

    Args:
        max_tokens: The largest size of the vocabulary, special tokens included; None for no limit.
        num_oov_indices: How many indices are for texts that are not in the vocabulary; by their hash if more
            than one. With 0 such a text is an error ("int"), or counts for nothing. At most a million.
        mask_token: The text that stands for "nothing": index 0 for "int"; None for none.
        oov_token: What unknown texts become with `invert`.
        vocabulary: Terms, or the path of a text file with one in each line, in place of `adapt`.
        idf_weights: For "tf_idf" with `vocabulary`: the weight of each term.
        invert: Whether to turn indices into texts instead.
        output_mode: "int" for indices, "one_hot", "multi_hot", "count" or "tf_idf" for vectors of the
            vocabulary's size.
        pad_to_max_tokens: Whether vectors are `max_tokens` long even when the vocabulary is smaller.
        sparse: Must be false.
        encoding: How bytes and a vocabulary file are encoded.
        name: The name.
        salt: An int or two that make another hash function of unknown texts.
        **kwargs: `dtype`, `trainable`.

    Inputs are strings, bytes, and lists or NumPy arrays of them, of any shape; indices are int64.
    The vocabulary is part of the layer's configuration, so it is saved with a model.

    Raises:
        ValueError: An argument is not one of these, a text is unknown and `num_oov_indices` is 0.
        RuntimeError: There is no vocabulary yet.
        TypeError: An input is not text.

    See https://keras.io/api/layers/preprocessing_layers/categorical/string_lookup/.

    Example:
        >>> layer = StringLookup()
        >>> layer.adapt([["a", "c", "d"], ["d", "z", "b"]])
        >>> layer.get_vocabulary()
        ['[UNK]', 'd', 'z', 'c', 'b', 'a']
        >>> layer([["a", "zzz"], ["d", "b"]]).tolist()
        [[5, 0], [1, 4]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("oov_method", None)  # Keras writes it; there is one for text.
        self.encoding = encoding
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            name=name,
            **kwargs,
        )
        self.salt = checked_salt("StringLookup", salt)

    def _items(self, inputs: Any) -> np.ndarray:
        return as_text("StringLookup", inputs, self.encoding)

    def _term(self, value: Any) -> str:
        if isinstance(value, bytes):
            return value.decode(self.encoding)
        if not isinstance(value, str):
            raise TypeError(f"StringLookup: vocabularies hold text; got {value!r} ({type(value).__name__}).")
        return str(value)

    def _oov_bin(self, item: str) -> int:
        return hash_text(item, self.salt) % self.num_oov_indices

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoding": self.encoding, "salt": self.salt}
