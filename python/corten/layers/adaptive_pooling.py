"""Adaptive pooling: as many windows as asked for, spread evenly over the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import data_format_or_default, integer_tuple, require_rank
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer


class BaseAdaptivePooling(Layer):
    """Pools each spatial axis to a fixed size; use the classes below.

    Window i of n over a size s covers the cells from floor(i * s / n) to ceil((i + 1) * s / n), so that
    windows overlap where n does not divide s.
    """

    rank: int

    def __init__(
        self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        layer = type(self).__name__
        self.output_size = integer_tuple(layer, "output_size", output_size, self.rank)
        self.data_format = data_format_or_default(layer, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Sequence[int | None]) -> None:
        require_rank(type(self).__name__, input_shape, self.rank + 2)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class BaseAdaptiveAveragePooling(BaseAdaptivePooling):
    """Mean of each window."""

    def call(self, inputs: Any) -> Any:
        return ops.adaptive_average_pool(inputs, self.output_size, data_format=self.data_format)


class BaseAdaptiveMaxPooling(BaseAdaptivePooling):
    """Largest value of each window."""

    def call(self, inputs: Any) -> Any:
        return ops.adaptive_max_pool(inputs, self.output_size, data_format=self.data_format)


class AdaptiveAveragePooling1D(BaseAdaptiveAveragePooling):
    """Pools a sequence to `output_size` means, whatever its length.

    Args:
        output_size: Number of output cells per spatial axis.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Example:
        >>> import numpy as np
        >>> AdaptiveAveragePooling1D(2)(np.array([[[1.0], [3.0], [5.0], [7.0]]], "float32")).tolist()
        [[[2.0], [6.0]]]
    """

    rank = 1


class AdaptiveAveragePooling2D(BaseAdaptiveAveragePooling):
    """Pools an image to `output_size` means per channel; arguments as `AdaptiveAveragePooling1D`.

    Example:
        >>> import numpy as np
        >>> AdaptiveAveragePooling2D((2, 3))(np.ones((1, 5, 7, 4), "float32")).shape
        (1, 2, 3, 4)
    """

    rank = 2


class AdaptiveAveragePooling3D(BaseAdaptiveAveragePooling):
    """Pools a volume to `output_size` means per channel; arguments as `AdaptiveAveragePooling1D`.

    Example:
        >>> import numpy as np
        >>> AdaptiveAveragePooling3D(2)(np.ones((1, 5, 7, 4, 3), "float32")).shape
        (1, 2, 2, 2, 3)
    """

    rank = 3


class AdaptiveMaxPooling1D(BaseAdaptiveMaxPooling):
    """Pools a sequence to `output_size` largest values; arguments as `AdaptiveAveragePooling1D`.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPooling1D(2)(np.array([[[1.0], [3.0], [5.0], [2.0]]], "float32")).tolist()
        [[[3.0], [5.0]]]
    """

    rank = 1


class AdaptiveMaxPooling2D(BaseAdaptiveMaxPooling):
    """Pools an image to `output_size` largest values; arguments as `AdaptiveAveragePooling1D`.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPooling2D(2)(np.ones((1, 5, 7, 4), "float32")).shape
        (1, 2, 2, 4)
    """

    rank = 2


class AdaptiveMaxPooling3D(BaseAdaptiveMaxPooling):
    """Pools a volume to `output_size` largest values; arguments as `AdaptiveAveragePooling1D`.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPooling3D(2)(np.ones((1, 5, 7, 4, 3), "float32")).shape
        (1, 2, 2, 2, 3)
    """

    rank = 3
