"""Layers that change the spatial sizes: cropping, zero padding, upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import data_format_or_default, integer_tuple, one_of
from corten.layers.input_spec import InputSpec
from corten.layers.interpolation import interpolate_axis
from corten.layers.layer import Layer

Pairs = tuple[tuple[int, int], ...]


def _pairs(layer: str, argument: str, value: Any, rank: int) -> Pairs:
    """Normalize an int, `rank` ints, or `rank` pairs to pairs; for rank 1 two ints are one pair."""
    example = "an int, " + (
        "or 2 ints (before, after)" if rank == 1 else f"{rank} ints, or {rank} pairs of ints"
    )
    problem = f"{layer}: `{argument}` must be {example}, none negative; got {argument}={value!r}."
    if hasattr(value, "__index__"):
        pairs: Any = ((value, value),) * rank
    elif not hasattr(value, "__len__"):
        raise ValueError(problem)
    elif rank == 1:
        pairs = (tuple(value),) if all(hasattr(item, "__index__") for item in value) else tuple(value)
    else:
        if len(value) != rank:
            raise ValueError(problem)
        pairs = tuple((item, item) if hasattr(item, "__index__") else item for item in value)
    for pair in pairs:
        if not hasattr(pair, "__len__") or len(pair) != 2:
            raise ValueError(problem)
        if any(isinstance(item, bool) or not hasattr(item, "__index__") or item < 0 for item in pair):
            raise ValueError(problem)
    return tuple((int(before), int(after)) for before, after in pairs)


class _Spatial(Layer):
    """Base: which axes are spatial."""

    rank: int
    data_format = "channels_last"

    def _set_data_format(self, data_format: str | None) -> None:
        self.data_format = data_format_or_default(type(self).__name__, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    @property
    def _first(self) -> int:
        return 1 if self.data_format == "channels_last" else 2


class BaseCropping(_Spatial):
    """Removes cells at the borders; use the classes below."""

    cropping: Any

    @property
    def _pairs(self) -> Pairs:
        return (self.cropping,) if self.rank == 1 else self.cropping

    def call(self, inputs: Any) -> Any:
        window = [slice(None)] * len(inputs.shape)
        for axis, (before, after) in enumerate(self._pairs, start=self._first):
            size = inputs.shape[axis]
            if before + after >= size:
                which = f"`cropping` parameter of `{type(self).__name__}` layer"
                raise ValueError(
                    f"{which} must be smaller than the input. Values in `cropping` argument should be "
                    "smaller than the corresponding spatial dimension of the input. "
                    f"Received: inputs.shape={tuple(inputs.shape)}, cropping={self.cropping}"
                )
            window[axis] = slice(before, size - after)
        return inputs[tuple(window)]

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "cropping": self.cropping}
        if self.rank > 1:
            config["data_format"] = self.data_format
        return config


class Cropping1D(BaseCropping):
    """Removes steps at the start and the end of a sequence.

    Args:
        cropping: Steps to remove on both sides, or `(start, end)`.

    Example:
        >>> import numpy as np
        >>> Cropping1D((1, 2))(np.ones((2, 6, 3), "float32")).shape
        (2, 3, 3)
    """

    rank = 1

    def __init__(self, cropping: int | Sequence[int] = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (self.cropping,) = _pairs("Cropping1D", "cropping", cropping, 1)
        self._set_data_format("channels_last")


class Cropping2D(BaseCropping):
    """Removes rows and columns at the borders of an image.

    Args:
        cropping: An int for all sides, `(height, width)`, or `((top, bottom), (left, right))`.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Example:
        >>> import numpy as np
        >>> Cropping2D(((1, 1), (0, 2)))(np.ones((1, 6, 6, 3), "float32")).shape
        (1, 4, 4, 3)
    """

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.cropping = _pairs("Cropping2D", "cropping", cropping, 2)
        self._set_data_format(data_format)


class Cropping3D(BaseCropping):
    """Removes cells at the borders of a volume.

    Args:
        cropping: An int for all sides, 3 ints, or 3 pairs `(before, after)`.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Example:
        >>> import numpy as np
        >>> Cropping3D(1)(np.ones((1, 4, 5, 6, 3), "float32")).shape
        (1, 2, 3, 4, 3)
    """

    rank = 3

    def __init__(
        self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.cropping = _pairs("Cropping3D", "cropping", cropping, 3)
        self._set_data_format(data_format)


class BaseZeroPadding(_Spatial):
    """Adds zeros at the borders; use the classes below."""

    padding: Any

    @property
    def _pairs(self) -> Pairs:
        return (self.padding,) if self.rank == 1 else self.padding

    def call(self, inputs: Any) -> Any:
        padding = [(0, 0)] * len(inputs.shape)
        padding[self._first : self._first + self.rank] = self._pairs
        return ops.pad(inputs, padding)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


class ZeroPadding1D(BaseZeroPadding):
    """Adds zero steps at the start and the end of a sequence.

    Args:
        padding: Steps to add on both sides, or `(start, end)`.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Example:
        >>> import numpy as np
        >>> ZeroPadding1D((1, 2))(np.ones((2, 6, 3), "float32")).shape
        (2, 9, 3)
    """

    rank = 1

    def __init__(
        self, padding: int | Sequence[int] = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        (self.padding,) = _pairs("ZeroPadding1D", "padding", padding, 1)
        self._set_data_format(data_format)


class ZeroPadding2D(BaseZeroPadding):
    """Adds rows and columns of zeros at the borders of an image.

    Args:
        padding: An int for all sides, `(height, width)`, or `((top, bottom), (left, right))`.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Example:
        >>> import numpy as np
        >>> ZeroPadding2D(1)(np.ones((1, 4, 4, 3), "float32")).shape
        (1, 6, 6, 3)
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = _pairs("ZeroPadding2D", "padding", padding, 2)
        self._set_data_format(data_format)


class ZeroPadding3D(BaseZeroPadding):
    """Adds zeros at the borders of a volume.

    Args:
        padding: An int for all sides, 3 ints, or 3 pairs `(before, after)`.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Example:
        >>> import numpy as np
        >>> ZeroPadding3D(1)(np.ones((1, 2, 2, 2, 3), "float32")).shape
        (1, 4, 4, 4, 3)
    """

    rank = 3

    def __init__(
        self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.padding = _pairs("ZeroPadding3D", "padding", padding, 3)
        self._set_data_format(data_format)


class UpSampling1D(_Spatial):
    """Repeats each step of a sequence.

    Args:
        size: How often.

    Example:
        >>> import numpy as np
        >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]], "float32")).tolist()
        [[[1.0], [1.0], [2.0], [2.0]]]
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(size, bool) or not hasattr(size, "__index__"):
            raise TypeError(f"UpSampling1D: Expected an integer value for `size`; got size={size!r}.")
        if size <= 0:
            raise ValueError(f"UpSampling1D: `size` should be a positive integer; got size={size}.")
        self.size = int(size)
        self._set_data_format("channels_last")

    def call(self, inputs: Any) -> Any:
        return ops.repeat(inputs, self.size, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


class UpSampling2D(_Spatial):
    """Enlarges an image by whole factors.

    Args:
        size: Factors of height and width, or one int for both.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        interpolation: "nearest" repeats pixels; "bilinear", "bicubic", "lanczos3" and "lanczos5" interpolate.

    Example:
        >>> import numpy as np
        >>> UpSampling2D(2)(np.ones((1, 3, 4, 2), "float32")).shape
        (1, 6, 8, 2)
    """

    rank = 2

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = integer_tuple("UpSampling2D", "size", size, 2)
        self.interpolation = one_of(
            "UpSampling2D",
            "interpolation",
            interpolation,
            ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
        )
        self._set_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        first = self._first
        if self.interpolation == "nearest":
            return ops.repeat(ops.repeat(inputs, self.size[0], axis=first), self.size[1], axis=first + 1)
        for offset, factor in enumerate(self.size):
            inputs = interpolate_axis(inputs, first + offset, factor, self.interpolation)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }


class UpSampling3D(_Spatial):
    """Repeats each cell of a volume along its three axes.

    Args:
        size: Factors of the three axes, or one int for all.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.

    Example:
        >>> import numpy as np
        >>> UpSampling3D(2)(np.ones((1, 2, 3, 4, 1), "float32")).shape
        (1, 4, 6, 8, 1)
    """

    rank = 3

    def __init__(
        self, size: int | Sequence[int] = (2, 2, 2), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = integer_tuple("UpSampling3D", "size", size, 3)
        self._set_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        for axis, factor in enumerate(self.size, start=self._first):
            inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}
