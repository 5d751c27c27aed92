"""Layers that move values without changing them: flatten, reshape, permute, repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import data_format_or_default
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer
from corten.symbolic import hide_probes


class Flatten(Layer):
    """Merges all axes but the batch into one.

    Args:
        data_format: "channels_first" moves the channels to the end first, so that both formats give the same
            order; None takes `corten.config.image_data_format()`.

    Example:
        >>> import numpy as np
        >>> Flatten()(np.ones((2, 3, 4), "float32")).shape
        (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_or_default("Flatten", data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        shape = inputs.shape
        if self.data_format == "channels_first" and len(shape) > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        # The sizes are the same in any order.
        return ops.reshape(inputs, (shape[0], math.prod(shape[1:])))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Gives each sample a new shape.

    Args:
        target_shape: The shape without the batch axis; one entry may be -1 (whatever is left).

    Example:
        >>> import numpy as np
        >>> Reshape((3, -1))(np.ones((2, 12), "float32")).shape
        (2, 3, 4)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if hasattr(target_shape, "__index__"):
            raise TypeError(
                f"Reshape: `target_shape` must be a tuple of ints; got target_shape={target_shape!r}."
            )
        target = tuple(target_shape)
        if any(isinstance(size, bool) or not hasattr(size, "__index__") or size < -1 for size in target):
            raise ValueError(
                "Reshape: each entry of `target_shape` must be a non-negative integer, or -1 for one "
                "unknown size; "
                f"got target_shape={target}."
            )
        if target.count(-1) > 1:
            raise ValueError(
                "Reshape: `target_shape` may have at most one unknown dimension (-1); got "
                f"target_shape={target}."
            )
        self.target_shape = target
        self.built = True

    def call(self, inputs: Any) -> Any:
        size = math.prod(inputs.shape[1:])
        known = math.prod(entry for entry in self.target_shape if entry != -1)
        if None in hide_probes(inputs.shape)[1:]:
            # The probe's sizes need not divide; what matters is which axes of the result stay open.
            size = known * (size // known) if -1 in self.target_shape and known else known
            inputs = ops.zeros((inputs.shape[0], size), dtype=inputs.dtype)
        fits = (known != 0 and size % known == 0) if -1 in self.target_shape else size == known
        if not fits:
            raise ValueError(
                f"Reshape: cannot give samples of shape {tuple(inputs.shape[1:])} ({size} values) the shape "
                f"{self.target_shape}; the number of values must stay the same."
            )
        target = tuple(size // known if entry == -1 else entry for entry in self.target_shape)
        return ops.reshape(inputs, (inputs.shape[0], *target))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Reorders the axes of each sample.

    Args:
        dims: The new order, counted from 1 (the batch axis stays first).

    Example:
        >>> import numpy as np
        >>> Permute((2, 1))(np.ones((5, 3, 4), "float32")).shape
        (5, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Permute: Invalid permutation argument `dims`. The set of indices must be "
                "consecutive and start from "
                f"1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, axes=(0, *self.dims))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Repeats a vector as the steps of a sequence: `(batch, features)` to `(batch, n, features)`.

    Args:
        n: Number of steps.

    Example:
        >>> import numpy as np
        >>> RepeatVector(3)(np.ones((2, 4), "float32")).shape
        (2, 3, 4)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(n, bool) or not hasattr(n, "__index__"):
            raise TypeError(f"RepeatVector: Expected an integer value for `n`, got {type(n)}.")
        if n <= 0:
            raise ValueError(f"RepeatVector: `n` should be a positive integer; got n={n}.")
        self.n = int(n)
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
