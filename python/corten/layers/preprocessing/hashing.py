"""`Hashing` and `HashedCrossing`: categories without a vocabulary."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from corten import _core, ops
from corten._state import state
from corten.layers.layer import Layer
from corten.layers.preprocessing.encoding import check_output_mode, encode
from corten.layers.preprocessing.hash_functions import (
    checked_salt,
    fingerprint,
    hash_text,
    joined_fingerprint,
)
from corten.symbolic import KerasTensor, meta_tensor
from corten.text_arrays import as_text, is_text

MODES = ("int", "one_hot", "multi_hot", "count")
# What TensorFlow, and so Keras, starts a crossing with.
_CROSSING_START = 0xDECAFCAFFE


def as_items(layer: str, value: Any) -> np.ndarray:
    """The texts of an input, whole numbers written out.

    Raises:
        TypeError: They are neither text nor whole numbers.
    """
    if is_text(value):
        return as_text(layer, value)
    if state.probing:
        return np.broadcast_to(np.array("", dtype=object), tuple(value.shape))
    values = np.asarray(value)
    if values.dtype.kind not in "iu":
        raise TypeError(
            f"{layer}: only text and integers can be hashed; got dtype {values.dtype}. "
            "Put numbers into bins first, with `Discretization`, or round them."
        )
    return values.astype(str).astype(object)


class Hashing(Layer):
    """Puts categories into a fixed number of bins by their hash.

    Args:
        num_bins: How many bins; with a `mask_value` bin 0 is for it alone.
        mask_value: The value that is put into bin 0; None for none.
        salt: An int or two that make another hash function, SipHash-2-4 with this key; None for FarmHash's
            64-bit fingerprint.
        output_mode: "int" for bins, "one_hot", "multi_hot" or "count" for vectors of `num_bins`.
        sparse: Must be false.
        **kwargs: `name`, `dtype` (of what comes out).

    Raises:
        ValueError: An argument is not one of these.
        TypeError: An input is neither text nor whole numbers.

    Bins are those of Keras. See https://keras.io/api/layers/preprocessing_layers/categorical/hashing/.

    Example:
        >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).tolist()
        [[1], [0], [1], [1], [2]]
    """

    takes_text = True

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else None
        super().__init__(**kwargs)
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins <= 0:
            raise ValueError(
                f"Hashing: the `num_bins` cannot be `None` or non-positive values. Received: "
                f"num_bins={num_bins}."
            )
        self.output_mode = check_output_mode(
            "Hashing", output_mode, MODES, sparse=sparse, dtype=self.compute_dtype
        )
        self.num_bins = num_bins
        self.mask_value = mask_value
        self.sparse = False
        self.salt = checked_salt("Hashing", salt)
        self.built = True

    def _bin(self, text: str) -> int:
        if self.mask_value is not None and text == str(self.mask_value):
            return 0
        number = hash_text(text, self.salt)
        if self.mask_value is None:
            return number % self.num_bins
        return number % (self.num_bins - 1) + 1 if self.num_bins > 1 else 0

    def call(self, inputs: Any) -> Any:
        texts = as_items("Hashing", inputs)
        bins = meta_tensor(texts.shape, "int64")
        if not state.probing:
            bins = _as_tensor([self._bin(text) for text in texts.flat], texts.shape)
        if self.output_mode == "int":
            return ops.cast(bins, self.compute_dtype)
        return encode(bins, self.output_mode, self.num_bins, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": False,
        }


class HashedCrossing(Layer):
    """Puts combinations of categories of several features into a fixed number of bins by their hash.

    Called on a tuple or list of features: text or whole numbers, of shape `()`, `(batch,)` or `(batch, 1)`.

    Args:
        num_bins: How many bins.
        output_mode: "int" for bins, "one_hot" for vectors of `num_bins`.
        sparse: Must be false.
        name: The name.
        dtype: The dtype of what comes out.
        **kwargs: `trainable`.

    Raises:
        ValueError: There is only one feature, or shapes differ or are others.

    Bins are those of Keras. See
    https://keras.io/api/layers/preprocessing_layers/categorical/hashed_crossing/.

    Example:
        >>> import numpy as np
        >>> HashedCrossing(num_bins=5)((np.array(["A", "B", "A"]), np.array([101, 101, 102]))).tolist()
        [1, 4, 3]
    """

    takes_text = True

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if dtype is None:
            dtype = "int64" if output_mode == "int" else None
        super().__init__(name=name, dtype=dtype, **kwargs)
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins <= 0:
            raise ValueError(f"HashedCrossing: `num_bins` must be a positive integer; got {num_bins!r}.")
        self.num_bins = num_bins
        self.output_mode = check_output_mode(
            "HashedCrossing", output_mode, ("int", "one_hot"), sparse=sparse, dtype=self.compute_dtype
        )
        self.sparse = False
        self.built = True

    def build(self, input_shape: Any = None) -> None:
        self.built = True

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)) or not _are_features(inputs):
            raise ValueError(
                "HashedCrossing: the layer should be called on a list or tuple of arrays, one a feature; "
                f"got {type(inputs).__name__}."
            )
        if len(inputs) < 2:
            raise ValueError(f"HashedCrossing: at least two inputs are crossed; got {len(inputs)}.")
        features = [np.asarray(item) if isinstance(item, (list, str, int)) else item for item in inputs]
        shapes = {tuple(feature.shape) for feature in features}
        shape = next(iter(shapes))
        if len(shapes) > 1 or len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(
                "HashedCrossing: all inputs should have shape (), (batch_size,) or (batch_size, 1), the same "
                f"for all; got shapes {[tuple(feature.shape) for feature in features]}."
            )
        bins = meta_tensor(shape, "int64")
        if not state.probing:
            rows = zip(*map(self._fingerprints, features), strict=True)
            bins = _as_tensor([self._crossed(row) for row in rows], shape)
        if self.output_mode == "int":
            return ops.cast(bins, self.compute_dtype)
        return encode(bins, "one_hot", self.num_bins, dtype=self.compute_dtype)

    def _crossed(self, fingerprints: tuple[int, ...]) -> int:
        return functools.reduce(joined_fingerprint, fingerprints, _CROSSING_START) % self.num_bins

    def _fingerprints(self, feature: Any) -> list[int]:
        if is_text(feature):
            return [fingerprint(text.encode()) for text in as_text("HashedCrossing", feature).flat]
        values = np.asarray(feature)
        if values.dtype.kind not in "iu":
            raise ValueError(
                "HashedCrossing: all inputs should have an integer or string dtype; got dtype "
                f"{values.dtype}. Put numbers into bins first, with `Discretization`."
            )
        return [int(value) & 0xFFFF_FFFF_FFFF_FFFF for value in values.flat]

    def get_config(self) -> dict[str, Any]:
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": False,
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }


def _are_features(inputs: Any) -> bool:
    return not all(isinstance(item, (str, bytes)) for item in inputs) and all(
        isinstance(item, (str, bytes, int, list, KerasTensor)) or hasattr(item, "shape") for item in inputs
    )


def _as_tensor(bins: list[int], shape: tuple[int, ...]) -> Any:
    return _core.tensor(np.array(bins, "int64").reshape(shape))
