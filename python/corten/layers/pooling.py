"""Pooling: the largest or the mean value of each window, or of the whole input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import (
    check_mask,
    data_format_or_default,
    integer_tuple,
    padding_mode,
    require_rank,
)
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer

_RANK_FIX = {
    1: "Use the 2D layer for images; sequences are (batch, steps, channels).",
    2: "Images are (batch, height, width, channels); gray images need x[..., None].",
    3: "Volumes are (batch, depth, height, width, channels).",
}


class BasePooling(Layer):
    """Pooling over windows of `rank` spatial axes; use the classes below."""

    rank: int

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        layer = type(self).__name__
        self.pool_size = integer_tuple(layer, "pool_size", pool_size, self.rank)
        self.strides = integer_tuple(layer, "strides", pool_size if strides is None else strides, self.rank)
        self.padding = padding_mode(layer, padding)
        self.data_format = data_format_or_default(layer, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Sequence[int | None]) -> None:
        layer = type(self).__name__
        require_rank(layer, input_shape, self.rank + 2, _RANK_FIX[self.rank])
        spatial = input_shape[1:-1] if self.data_format == "channels_last" else input_shape[2:]
        if self.padding == "valid" and any(
            size is not None and window > size for size, window in zip(spatial, self.pool_size, strict=True)
        ):
            raise ValueError(
                f"{layer}: Computed output size would be zero or negative. The window "
                f"{self.pool_size} does not fit "
                f"into an input of shape {tuple(input_shape)}; use padding='same', a smaller window "
                "or fewer pooling "
                "layers before."
            )
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class BaseMaxPooling(BasePooling):
    """Largest value of each window."""

    def call(self, inputs: Any) -> Any:
        return ops.max_pool(
            inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )


class BaseAveragePooling(BasePooling):
    """Mean value of each window; padding does not count."""

    def call(self, inputs: Any) -> Any:
        return ops.average_pool(
            inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )


class MaxPooling1D(BaseMaxPooling):
    """Largest value of each window of steps. The arguments are those of `MaxPooling2D`, with single ints.

    Example:
        >>> import numpy as np
        >>> MaxPooling1D(2)(np.array([[[1.0], [3.0], [2.0], [4.0]]], "float32")).tolist()
        [[[3.0], [4.0]]]
    """

    rank = 1


class MaxPooling2D(BaseMaxPooling):
    """Largest value of each window of an image, per channel.

    Args:
        pool_size: Height and width of the window, or one int for both.
        strides: Step of the window; None takes `pool_size`.
        padding: "valid" (only whole windows) or "same" (windows may reach over the border).
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> MaxPooling2D()(np.ones((1, 5, 5, 3), "float32")).shape
        (1, 2, 2, 3)
    """

    rank = 2


class MaxPooling3D(BaseMaxPooling):
    """Largest value of each window of a volume; arguments as `MaxPooling2D`, with one int or three.

    Example:
        >>> import numpy as np
        >>> MaxPooling3D(2)(np.ones((1, 4, 4, 4, 3), "float32")).shape
        (1, 2, 2, 2, 3)
    """

    rank = 3


class AveragePooling1D(BaseAveragePooling):
    """Mean of each window of steps. The arguments are those of `AveragePooling2D`, with single ints.

    Example:
        >>> import numpy as np
        >>> AveragePooling1D(2)(np.array([[[1.0], [3.0], [2.0], [4.0]]], "float32")).tolist()
        [[[2.0], [3.0]]]
    """

    rank = 1


class AveragePooling2D(BaseAveragePooling):
    """Mean of each window of an image, per channel.

    Args:
        pool_size: Height and width of the window, or one int for both.
        strides: Step of the window; None takes `pool_size`.
        padding: "valid" (only whole windows) or "same" (windows may reach over the border; the cells outside
            do not count).
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> AveragePooling2D(3, strides=1)(np.ones((1, 5, 5, 3), "float32")).shape
        (1, 3, 3, 3)
    """

    rank = 2


class AveragePooling3D(BaseAveragePooling):
    """Mean of each window of a volume. The arguments are those of `AveragePooling2D`, with one int or three.

    Example:
        >>> import numpy as np
        >>> AveragePooling3D(2)(np.ones((1, 4, 4, 4, 3), "float32")).shape
        (1, 2, 2, 2, 3)
    """

    rank = 3


class BaseGlobalPooling(Layer):
    """One value per channel for the whole input; use the classes below."""

    rank: int

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_or_default(type(self).__name__, data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _spatial_axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class BaseGlobalMaxPooling(BaseGlobalPooling):
    """Largest value of each channel."""

    def call(self, inputs: Any) -> Any:
        return ops.max(inputs, axis=self._spatial_axes, keepdims=self.keepdims)


class BaseGlobalAveragePooling(BaseGlobalPooling):
    """Mean value of each channel."""

    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=self._spatial_axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(BaseGlobalMaxPooling):
    """Largest value over all steps, per channel.

    Args:
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        keepdims: Whether the pooled axes stay, with size 1.

    Example:
        >>> import numpy as np
        >>> GlobalMaxPooling1D()(np.array([[[1.0], [3.0], [2.0]]], "float32")).tolist()
        [[3.0]]
    """

    rank = 1


class GlobalMaxPooling2D(BaseGlobalMaxPooling):
    """Largest value over height and width, per channel; arguments as `GlobalMaxPooling1D`.

    Example:
        >>> import numpy as np
        >>> GlobalMaxPooling2D()(np.ones((2, 4, 4, 3), "float32")).shape
        (2, 3)
    """

    rank = 2


class GlobalMaxPooling3D(BaseGlobalMaxPooling):
    """Largest value over depth, height and width, per channel; arguments as `GlobalMaxPooling1D`.

    Example:
        >>> import numpy as np
        >>> GlobalMaxPooling3D(keepdims=True)(np.ones((2, 4, 4, 4, 3), "float32")).shape
        (2, 1, 1, 1, 3)
    """

    rank = 3


class GlobalAveragePooling1D(BaseGlobalAveragePooling):
    """Mean over all steps, per channel; masked steps do not count.

    Args:
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        keepdims: Whether the pooled axes stay, with size 1.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[1.0], [3.0], [8.0]]], "float32")
        >>> GlobalAveragePooling1D()(x).tolist()
        [[4.0]]
        >>> GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]])).tolist()
        [[2.0]]
    """

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, keepdims=keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        steps = self._spatial_axes[0]
        shape = (inputs.shape[0], inputs.shape[steps])
        check_mask(type(self).__name__, "mask", mask, shape, "(batch, steps)")
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), 2 if steps == 1 else 1)
        total = ops.sum(ops.multiply(inputs, weights), axis=steps, keepdims=self.keepdims)
        return ops.divide(total, ops.sum(weights, axis=steps, keepdims=self.keepdims))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None


class GlobalAveragePooling2D(BaseGlobalAveragePooling):
    """Mean over height and width, per channel; arguments as `GlobalMaxPooling1D`.

    Example:
        >>> import numpy as np
        >>> GlobalAveragePooling2D()(np.ones((2, 4, 4, 3), "float32")).shape
        (2, 3)
    """

    rank = 2


class GlobalAveragePooling3D(BaseGlobalAveragePooling):
    """Mean over depth, height and width, per channel; arguments as `GlobalMaxPooling1D`.

    Example:
        >>> import numpy as np
        >>> GlobalAveragePooling3D()(np.ones((2, 4, 4, 4, 3), "float32")).shape
        (2, 3)
    """

    rank = 3
