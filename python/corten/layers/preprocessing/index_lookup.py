"""`IndexLookup`: what `StringLookup`, `IntegerLookup` and `TextVectorization` do with a vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from corten import _core, ops
from corten._state import state
from corten.layers.layer import Layer
from corten.layers.preprocessing.adapting import batches
from corten.layers.preprocessing.encoding import MODES, check_output_mode, encode
from corten.symbolic import meta_tensor

# Each stands in the vocabulary by its token.
_MOST_OOV_INDICES = 1_000_000


class IndexLookup(Layer):
    """Base of the layers that give items their places in a vocabulary.

    The vocabulary begins with the mask token (for "int", if there is one) and the tokens of items that are
    not in it, of which there are `num_oov_indices`; then come its terms, the most frequent first.

    Subclasses say what items are: `_items` (an input as an array of items), `_oov_bin` (which of several
    tokens an unknown item gets), `_term` (a term as a Python value).
    """

    takes_text = True
    default_oov_token: Any = None

    def __init__(
        self,
        *,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        name: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        layer = type(self).__name__
        if output_mode == "binary":  # Their names in Keras 2.
            output_mode = "multi_hot"
        elif output_mode == "tf-idf":
            output_mode = "tf_idf"
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(
                f"{layer}: If set, `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}"
            )
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(
                f"{layer}: If pad_to_max_tokens is True, must set `max_tokens`. Received: "
                f"max_tokens={max_tokens}"
            )
        if isinstance(num_oov_indices, bool) or not isinstance(num_oov_indices, int) or num_oov_indices < 0:
            raise ValueError(
                f"{layer}: `num_oov_indices` must be greater than or equal to 0. "
                f"Received: num_oov_indices={num_oov_indices}"
            )
        if num_oov_indices > _MOST_OOV_INDICES:
            raise ValueError(
                f"{layer}: `num_oov_indices` must be at most {_MOST_OOV_INDICES}; got {num_oov_indices}. "
                "The layer `Hashing` has any number of bins"
            )
        self.output_mode = check_output_mode(layer, output_mode, MODES, sparse=sparse, dtype=None)
        if invert and self.output_mode != "int":
            raise ValueError(
                f"{layer}: `output_mode` must be `'int'` when `invert` is true. Received: "
                f"output_mode={output_mode}"
            )
        if invert and num_oov_indices > 1:
            num_oov_indices = 1  # All of them would come back as the same token.
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.sparse = False
        self.pad_to_max_tokens = pad_to_max_tokens
        self._terms: list[Any] = []
        self._places: dict[Any, int] = {}
        self._idf: np.ndarray | None = None
        self._counts: Counter[Any] = Counter()
        self._documents: Counter[Any] = Counter()
        self._document_count = 0
        self._has_vocabulary = False
        self.input_vocabulary = vocabulary
        self.input_idf_weights = idf_weights
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(
                f"{layer}: `vocabulary` must be set if `idf_weights` is. Received: idf_weights={idf_weights}"
            )
        self.built = True

    # ---- what items are --------------------------------------------------------------------------

    def _items(self, inputs: Any) -> np.ndarray:
        raise NotImplementedError

    def _term(self, value: Any) -> Any:
        raise NotImplementedError

    def _oov_bin(self, item: Any) -> int:
        raise NotImplementedError

    # ---- the vocabulary --------------------------------------------------------------------------

    @property
    def _special(self) -> list[Any]:
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return mask + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The vocabulary in the order of its indices.

        Args:
            include_special_tokens: Whether mask and unknown tokens are in front.
        """
        return (self._special if include_special_tokens else []) + list(self._terms)

    def vocabulary_size(self) -> int:
        """How many indices there are, with those of mask and unknown tokens."""
        return len(self._special) + len(self._terms)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Takes a vocabulary in place of `adapt`.

        Args:
            vocabulary: Terms in order, as a list or array, or the path of a text file with one in each line.
                Mask and unknown tokens may be in front.
            idf_weights: For "tf_idf": the weight of each term.

        Raises:
            ValueError: A term is there twice, there are more than `max_tokens`, or weights are missing.
        """
        layer = type(self).__name__
        where = ""
        if isinstance(vocabulary, (str, Path)):
            where = f" It is in {str(vocabulary)!r}."
            vocabulary = self._read_vocabulary(layer, vocabulary)
        terms = [self._term(term) for term in np.asarray(vocabulary, dtype=object).reshape(-1)]
        if self.output_mode != "tf_idf" and idf_weights is not None:
            raise ValueError(
                f"{layer}: `idf_weights` should only be set if output_mode is `'tf_idf'`. "
                f"Received: output_mode={self.output_mode} and idf_weights={idf_weights}"
            )
        weights = None if idf_weights is None else np.asarray(idf_weights, dtype="float32").reshape(-1)
        if self.output_mode == "tf_idf" and weights is None:
            raise ValueError(f"{layer}: `idf_weights` must be set if output_mode is `'tf_idf'`.")
        special = self._special
        has_special = bool(special) and terms[: len(special)] == special
        if has_special:
            terms = terms[len(special) :]
        repeated = [term for term, count in Counter(terms).items() if count > 1]
        if repeated:
            raise ValueError(
                f"{layer}: The passed vocabulary has at least one repeated term. Please uniquify your "
                f"dataset. The repeated terms are: {repeated[:10]}{where}"
            )
        for what, token in (("mask", self.mask_token), ("OOV", self.oov_token)):
            if token is not None and token in terms and (what == "mask" or self.invert):
                raise ValueError(
                    f"{layer}: Found reserved {what} token at unexpected location in `vocabulary`: "
                    f"{token!r}. The passed `vocabulary` does not need to include the OOV and mask tokens. "
                    "Either remove all mask and OOV tokens, or include them only at the start of the "
                    f"vocabulary in precisely this order: {special}."
                )
        if self.max_tokens is not None and len(special) + len(terms) > self.max_tokens:
            raise ValueError(
                f"{layer}: Attempted to set a vocabulary larger than the maximum vocab size. Received "
                f"vocabulary size is {len(special) + len(terms)}; `max_tokens` is {self.max_tokens}."
            )
        if weights is not None:
            if has_special and len(weights) == len(special) + len(terms):
                weights = weights[len(special) :]
            if len(weights) != len(terms):
                raise ValueError(
                    f"{layer}: `idf_weights` must be the same length as vocabulary. len(idf_weights) is "
                    f"{len(weights)}; len(vocabulary) is {len(terms)}"
                )
        self._take(terms, weights)

    def _read_vocabulary(self, layer: str, path: str | Path) -> list[str]:
        try:
            lines = Path(path).read_text(encoding=getattr(self, "encoding", "utf-8")).splitlines()
        except OSError as error:
            raise ValueError(
                f"{layer}: Vocabulary file {path} does not exist or cannot be read ({error})."
            ) from error
        except (UnicodeDecodeError, LookupError) as error:
            raise ValueError(f"{layer}: Vocabulary file {path} cannot be decoded ({error}).") from None
        if not lines:
            raise ValueError(f"{layer}: the vocabulary file {path} is empty.")
        return lines

    def _take(self, terms: list[Any], weights: np.ndarray | None) -> None:
        first = len(self._special)
        self._terms = terms
        self._places = {term: first + index for index, term in enumerate(terms)}
        if weights is not None:
            unknown = float(weights.mean()) if len(weights) else 1.0
            self._idf = np.concatenate([[unknown] * first, weights]).astype("float32")
        self._has_vocabulary = True

    @property
    def idf_weights(self) -> Any:
        """For "tf_idf": the weight of each index, those of unknown items being the mean of the others."""
        return None if self._idf is None else ops.convert_to_tensor(self._idf)

    # ---- learning it -----------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the vocabulary: the terms of the data, the most frequent first; what was there is forgotten.

        Among terms of the same frequency the last in alphabetical (or numerical) order is first, as in Keras.

        Args:
            data: An array, nested lists of items, or a `Dataset`, a list of arrays or another iterable of
                batches.
            steps: At most so many batches; None takes all.

        Raises:
            ValueError: The layer was given a `vocabulary`.
        """
        layer = type(self).__name__
        if self.input_vocabulary is not None:
            raise ValueError(
                f"{layer}: Cannot adapt a layer that was given a static vocabulary via init argument or "
                "`set_vocabulary`."
            )
        self.reset_state()
        for batch in batches(layer, data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts the items of a batch."""
        items = self._items(data)
        rows: Iterable[Any] = items.reshape(-1, 1) if items.ndim < 2 else items.reshape(len(items), -1)
        self._count(rows)

    def _count(self, rows: Iterable[Any]) -> None:
        for row in rows:
            terms = list(row)
            self._counts.update(terms)
            if self.output_mode == "tf_idf":
                self._documents.update(set(terms))
                self._document_count += 1

    def finalize_state(self) -> None:
        """Makes a vocabulary of what was counted."""
        if not self._counts:
            if not self._has_vocabulary:
                self._take([], np.zeros(0, "float32") if self.output_mode == "tf_idf" else None)
            return
        special = self._special
        counts = [(count, term) for term, count in self._counts.items() if not self._is_special(term)]
        terms = [term for _, term in sorted(counts, reverse=True)]
        if self.max_tokens is not None:
            terms = terms[: max(self.max_tokens - len(special), 0)]
        weights = None
        if self.output_mode == "tf_idf":
            found = np.array([self._documents[term] for term in terms], dtype="float64")
            weights = np.log1p(self._document_count / (1 + found)).astype("float32")
        self._take(terms, weights)

    def _is_special(self, term: Any) -> bool:
        return term == self.oov_token or (self.mask_token is not None and term == self.mask_token)

    def reset_state(self) -> None:
        """Forgets what was counted and learned."""
        if self.input_vocabulary is None:
            self._counts, self._documents, self._document_count = Counter(), Counter(), 0
            self._terms, self._places, self._idf, self._has_vocabulary = [], {}, None, False

    # ---- looking up ------------------------------------------------------------------------------

    _inverse_dtype = "string"

    @property
    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()

    def call(self, inputs: Any) -> Any:
        self._check_ready()
        if self.invert:
            return self._inverted(inputs)
        return self._encoded(self._indices(self._items(inputs)))

    def _check_ready(self) -> None:
        if not self._has_vocabulary and not state.probing:
            layer = type(self).__name__
            raise RuntimeError(
                f"{layer}: the layer has no vocabulary yet. Call `adapt(data)` or `set_vocabulary(terms)`, "
                "or pass `vocabulary` when it is made."
            )

    def _indices(self, items: np.ndarray) -> Any:
        if state.probing:
            return meta_tensor(items.shape, "int64")
        places = self._places
        numbers = np.empty(items.size, "int64")
        for index, item in enumerate(items.flat):
            place = places.get(item)
            numbers[index] = self._unknown(item) if place is None else place
        return _core.tensor(numbers.reshape(items.shape))

    def _unknown(self, item: Any) -> int:
        has_mask = self.mask_token is not None
        in_front = int(has_mask and self.output_mode == "int")
        if has_mask and item == self.mask_token:
            return 0 if in_front else -1  # -1 is no category.
        if self.num_oov_indices == 0:
            if self.output_mode == "int":
                raise ValueError(
                    f"{type(self).__name__}: When `num_oov_indices=0` all inputs should be in vocabulary, "
                    f"found OOV values {item!r}, consider setting `num_oov_indices=1`."
                )
            return -1
        return in_front + (self._oov_bin(item) if self.num_oov_indices > 1 else 0)

    def _encoded(self, indices: Any) -> Any:
        dtype = self.compute_dtype
        if self.output_mode == "int":
            return ops.cast(indices, dtype) if "int" in dtype else indices
        if "float" not in dtype:
            dtype = "float32"
        idf = None
        if self.output_mode == "tf_idf":
            padded = np.zeros(self._depth, "float32")
            if self._idf is not None:
                padded[: len(self._idf)] = self._idf
            idf = ops.convert_to_tensor(padded)
        return encode(indices, self.output_mode, self._depth, dtype=dtype, idf=idf)

    def _inverted(self, inputs: Any) -> Any:
        if state.probing:
            return meta_tensor(inputs.shape, self._inverse_dtype)
        values = np.asarray(inputs)
        if values.dtype.kind not in "iu":
            raise TypeError(
                f"{type(self).__name__}: with `invert=True` inputs are integer indices; got dtype "
                f"{values.dtype}."
            )
        vocabulary = self.get_vocabulary()
        known = [self._from_index(vocabulary, int(index)) for index in values.flat]
        result = np.empty(len(known), dtype=object)
        result[:] = known
        return self._inverse(result.reshape(values.shape))

    def _from_index(self, vocabulary: list[Any], index: int) -> Any:
        return vocabulary[index] if 0 <= index < len(vocabulary) else self.oov_token

    def _inverse(self, terms: np.ndarray) -> Any:
        return terms

    def get_config(self) -> dict[str, Any]:
        # What was learned is part of the configuration, so it is saved with a model.
        terms = self._terms if self._has_vocabulary else None
        weights = None if self._idf is None or terms is None else self._idf[len(self._special) :].tolist()
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": False,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": weights,
            "vocabulary": None if terms is None else list(terms),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        config.pop("vocabulary_size", None)  # Keras writes it besides.
        vocabulary = config.get("vocabulary")
        if isinstance(vocabulary, (str, Path)):
            # `get_config` gives terms. A configuration from elsewhere must not have files read.
            raise ValueError(
                f"{cls.__name__}: the configuration names the file {str(vocabulary)[:80]!r} as vocabulary, "
                "and configurations open no files. Make the layer with `vocabulary=...` yourself, and use "
                "`load_weights` for the model."
            )
        return super().from_config(config)
