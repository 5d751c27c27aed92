"""`IntegerLookup`: integer categories as a range of integers, or vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import _core
from corten._state import state
from corten.layers.arguments import one_of
from corten.layers.preprocessing.hash_functions import checked_salt, hash_text
from corten.layers.preprocessing.index_lookup import IndexLookup
from corten.text_arrays import is_text


class IntegerLookup(IndexLookup):
    """Gives each integer its place in a vocabulary.

    Args:
        max_tokens: The largest size of the vocabulary, special tokens included; None for no limit.
        num_oov_indices: How many indices are for integers that are not in the vocabulary. With 0 such an
            integer is an error ("int"), or counts for nothing. At most a million.
        mask_token: The integer that stands for "nothing": index 0 for "int"; None for none.
        oov_token: What unknown integers become with `invert`.
        vocabulary: Integers, or the path of a text file with one in each line, in place of `adapt`.
        vocabulary_dtype: "int64", the only one there is.
        idf_weights: For "tf_idf" with `vocabulary`: the weight of each term.
        invert: Whether to turn indices into integers of the vocabulary instead.
        output_mode: "int" for indices, "one_hot", "multi_hot", "count" or "tf_idf" for vectors of the
            vocabulary's size.
        sparse: Must be false.
        pad_to_max_tokens: Whether vectors are `max_tokens` long even when the vocabulary is smaller.
        oov_method: Which of several indices an unknown integer gets: "floormod" (itself modulo their number)
            or "farmhash" (the hash of its digits).
        salt: An int or two that make another hash function.
        name: The name.
        **kwargs: `dtype`, `trainable`.

    Raises:
        ValueError: An argument is not one of these, an integer is unknown and `num_oov_indices` is 0.
        RuntimeError: There is no vocabulary yet.
        TypeError: An input does not hold integers.

    See https://keras.io/api/layers/preprocessing_layers/categorical/integer_lookup/.

    Example:
        >>> layer = IntegerLookup()
        >>> layer.adapt([[12, 1138, 42], [42, 1000, 36]])
        >>> layer.get_vocabulary()
        [-1, 42, 1138, 1000, 36, 12]
        >>> layer([[12, 5]]).tolist()
        [[5, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.vocabulary_dtype = one_of("IntegerLookup", "vocabulary_dtype", vocabulary_dtype, ("int64",))
        self.oov_method = one_of("IntegerLookup", "oov_method", oov_method, ("floormod", "farmhash"))
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
        self._inverse_dtype = self.vocabulary_dtype
        self.salt = checked_salt("IntegerLookup", salt)

    def _items(self, inputs: Any) -> np.ndarray:
        if is_text(inputs):
            raise TypeError(
                f"IntegerLookup: expected integers; got text, {inputs!r:.60}. Use `StringLookup`."
            )
        if state.probing:
            return np.broadcast_to(np.int64(0), tuple(inputs.shape))
        values = np.asarray(inputs)
        if values.dtype.kind == "f" and values.size and not np.all(values == np.floor(values)):
            raise TypeError(
                f"IntegerLookup: expected integers; got dtype {values.dtype} with values that are not whole. "
                "Use `Discretization` for numbers."
            )
        return values.astype("int64").astype(object)

    def _term(self, value: Any) -> int:
        try:
            return int(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"IntegerLookup: vocabularies hold integers; got {value!r}.") from error

    def _oov_bin(self, item: int) -> int:
        if self.salt is not None or self.oov_method == "farmhash":
            return hash_text(str(item), self.salt) % self.num_oov_indices
        return item % self.num_oov_indices

    def _inverse(self, terms: np.ndarray) -> Any:
        return _core.tensor(terms.astype(self.vocabulary_dtype))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {
            **config,
            "vocabulary_dtype": self.vocabulary_dtype,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }
