"""`Rescaling`: pixels, or anything, times a factor plus an offset."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten.config import image_data_format
from corten.layers.layer import Layer


class Rescaling(Layer):
    """Multiplies by `scale` and adds `offset`; the result is a float of the layer's dtype.

    Args:
        scale: The factor: a number, or one for each channel. Channels are the last axis; with
            `corten.config.image_data_format() == "channels_first"` the third last of inputs of three axes and
            more.
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
        channels_first = image_data_format() == "channels_first" and len(inputs.shape) >= 3

        def factors(value: Any) -> Any:
            array = np.asarray(value)
            array = array[:, None, None] if channels_first and array.ndim == 1 else array
            return ops.convert_to_tensor(array, dtype=dtype)

        return ops.cast(inputs, dtype) * factors(self.scale) + factors(self.offset)

    def get_config(self) -> dict[str, Any]:
        def plain(value: Any) -> Any:
            return np.asarray(value).tolist() if np.ndim(value) else value

        return {**super().get_config(), "scale": plain(self.scale), "offset": plain(self.offset)}
