"""`Rescaling`: pixels, or anything, times a factor plus an offset."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten.layers.layer import Layer


class Rescaling(Layer):
    """Multiplies by `scale` and adds `offset`; the result is a float of the layer's dtype.

    Args:
        scale: The factor: a number, or one for each channel of the last axis.
        offset: What is added: likewise.
        **kwargs: `name`, `dtype`, `trainable`.

    Raises:
        ValueError: `scale` or `offset` holds no numbers.

    See https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/.

    Example:
        >>> import numpy as np
        >>> Rescaling(1 / 127.5, offset=-1)(np.array([[0, 255]], "uint8")).tolist()
        [[-1.0, 1.0]]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, value in (("scale", scale), ("offset", offset)):
            try:
                np.asarray(value, dtype="float64")
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"Rescaling: `{name}` must be a number or a list of numbers; got {value!r}."
                ) from error
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        dtype = self.compute_dtype
        scale = ops.convert_to_tensor(np.asarray(self.scale), dtype=dtype)
        offset = ops.convert_to_tensor(np.asarray(self.offset), dtype=dtype)
        return ops.cast(inputs, dtype) * scale + offset

    def get_config(self) -> dict[str, Any]:
        def plain(value: Any) -> Any:
            return np.asarray(value).tolist() if np.ndim(value) else value

        return {**super().get_config(), "scale": plain(self.scale), "offset": plain(self.offset)}
