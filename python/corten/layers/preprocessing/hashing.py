"""`Hashing` and `HashedCrossing`: categories without a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten._state import state
from corten.layers.layer import Layer
from corten.layers.preprocessing.encoding import check_output_mode, encode
from corten.layers.preprocessing.hash_functions import fingerprint, joined_fingerprint, siphash
from corten.layers.preprocessing.text import as_text, for_each_text, is_text
from corten.symbolic import KerasTensor, output_spec

MODES = ("int", "one_hot", "multi_hot", "count")
# What TensorFlow, and so Keras, starts a crossing with.
_CROSSING_START = 0xDECAFCAFFE


class _TakesText(Layer):
    """Base of layers whose input may be text: it comes as NumPy arrays of `str` and is not converted."""

    takes_text = True

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return output_spec(self.call, args, kwargs)


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


class Hashing(_TakesText):
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
        self.salt = _checked_salt("Hashing", salt)
        self.built = True

    def _bin(self, text: str) -> int:
        if self.mask_value is not None and text == str(self.mask_value):
            return 0
        data = text.encode()
        number = fingerprint(data) if self.salt is None else siphash(data, (self.salt[0], self.salt[1]))
        if self.mask_value is None:
            return number % self.num_bins
        return number % (self.num_bins - 1) + 1 if self.num_bins > 1 else 0

    def call(self, inputs: Any) -> Any:
        bins = for_each_text(as_items("Hashing", inputs), self._bin)
        if self.output_mode == "int":
            return ops.cast(bins, self.compute_dtype)
        return encode("Hashing", bins, self.output_mode, self.num_bins, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": False,
        }


def _checked_salt(layer: str, salt: Any) -> list[int] | None:
    if salt is None:
        return None
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [salt, salt]
    if isinstance(salt, (list, tuple)) and len(salt) == 2 and all(isinstance(item, int) for item in salt):
        return list(salt)
    raise ValueError(
        f"{layer}: the `salt` argument must be an integer, or a tuple of 2 integers; got {salt!r}."
    )


class HashedCrossing(_TakesText):
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
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2 or not _are_features(inputs):
            raise ValueError(
                "HashedCrossing: expected at least two features, as a list or tuple of arrays; got "
                f"{type(inputs).__name__}."
            )
        features = [np.asarray(item) if isinstance(item, (list, str, int)) else item for item in inputs]
        shapes = {tuple(feature.shape) for feature in features}
        shape = next(iter(shapes))
        if len(shapes) > 1 or len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(
                "HashedCrossing: all features must have one shape, (), (batch_size,) or (batch_size, 1); "
                f"got shapes {[tuple(feature.shape) for feature in features]}."
            )
        columns = [self._fingerprints(feature) for feature in features]
        place = {"next": 0}

        def crossed(_: Any) -> int:
            index = place["next"]
            place["next"] += 1
            number = _CROSSING_START
            for column in columns:
                number = joined_fingerprint(number, column[index])
            return number % self.num_bins

        bins = for_each_text(np.broadcast_to(np.array("", dtype=object), shape), crossed)
        if self.output_mode == "int":
            return ops.cast(bins, self.compute_dtype)
        return encode("HashedCrossing", bins, "one_hot", self.num_bins, dtype=self.compute_dtype)

    def _fingerprints(self, feature: Any) -> list[int]:
        if state.probing:
            return []
        if is_text(feature):
            return [fingerprint(text.encode()) for text in as_text("HashedCrossing", feature).flat]
        values = np.asarray(feature)
        if values.dtype.kind not in "iu":
            raise ValueError(
                "HashedCrossing: features should be text or integers; got dtype "
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
