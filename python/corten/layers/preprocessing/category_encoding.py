"""`CategoryEncoding`: numbers of categories as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import _core, ops
from corten._state import state
from corten.layers.layer import Layer
from corten.layers.preprocessing.encoding import check_output_mode, encode
from corten.text_arrays import is_text


class CategoryEncoding(Layer):
    """Encodes integers of categories as vectors.

    Args:
        num_tokens: How many categories there are; inputs are below.
        output_mode: "one_hot" gives each number a vector (in place of a last axis of length 1), "multi_hot"
            each sample one vector with 1 for all its categories, "count" how often each came.
        sparse: Must be false.
        **kwargs: `name`, `dtype`.

    Raises:
        ValueError: `num_tokens` is missing, or an input is negative or `num_tokens` and above.

    `count_weights` of a call (with "count") says how much each number counts.
    See https://keras.io/api/layers/preprocessing_layers/categorical/category_encoding/.

    Example:
        >>> import numpy as np
        >>> CategoryEncoding(4, output_mode="multi_hot")(np.array([[0, 1], [3, 3]])).tolist()
        [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if output_mode == "binary":  # Its name in Keras 2.
            output_mode = "multi_hot"
        modes = ("count", "one_hot", "multi_hot")
        self.output_mode = check_output_mode(
            "CategoryEncoding", output_mode, modes, sparse=sparse, dtype=None
        )
        if num_tokens is None:
            raise ValueError("CategoryEncoding: num_tokens must be set to use this layer.")
        if not isinstance(num_tokens, int) or num_tokens < 1:
            raise ValueError(
                f"CategoryEncoding: `num_tokens` must be >= 1. Received: num_tokens={num_tokens}."
            )
        self.num_tokens = num_tokens
        self.sparse = False
        self.built = True

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if is_text(inputs):
            raise TypeError(
                f"CategoryEncoding: expected integers; got text, {inputs!r:.60}. Use `StringLookup` first."
            )
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "CategoryEncoding: `count_weights` is not used when `output_mode` is not `'count'`. "
                f"Received `count_weights={count_weights}`."
            )
        inputs = ops.convert_to_tensor(inputs)
        self._check_range(inputs)
        ids = ops.cast(inputs, "int64")
        weights = None if count_weights is None else ops.convert_to_tensor(count_weights)
        return encode(
            ids,
            self.output_mode,
            self.num_tokens,
            dtype=self.compute_dtype,
            weights=weights,
        )

    def _check_range(self, inputs: Any) -> None:
        if state.probing or not isinstance(inputs, _core.Tensor) or not inputs.size:
            return
        values = np.asarray(inputs)
        lowest, highest = values.min(), values.max()
        if lowest < 0 or highest >= self.num_tokens:
            raise ValueError(
                "CategoryEncoding: input values must be in the range 0 <= values < num_tokens "
                f"with num_tokens={self.num_tokens}; got values from {lowest} to {highest}."
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tokens": self.num_tokens,
            "output_mode": self.output_mode,
            "sparse": False,
        }
