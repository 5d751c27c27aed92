"""`AutoContrast`, `Equalization` and contrast limited adaptive equalization: the full range of values."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten.layers.image_preprocessing.base import ColorLayer, scaled_range
from corten.ops._common import widest_float


class AutoContrast(ColorLayer):
    """Stretches each channel of each image to the full value range, in training and outside.

    Args:
        value_range: The lowest and the highest value of a pixel.
        **kwargs: `data_format`, `bounding_box_format`, `name`, `dtype`.

    A channel of one value stays as it is.

    Example:
        >>> import numpy as np
        >>> AutoContrast()(np.array([[[[100.0], [125.0], [150.0]]]], "float32"))[0, 0, :, 0].tolist()
        [0.0, 127.5, 255.0]
    """

    random_only = False

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(value_range, **kwargs)

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        axes = (1, 2) if self.data_format == "channels_last" else (2, 3)
        pixels = scaled_range(images, self.value_range, (0, 255))
        low, high = (f(pixels, axis=axes, keepdims=True) for f in (ops.min, ops.max))
        flat = high == low
        scale = 255.0 / ops.where(flat, ops.ones_like(high), high - low)
        stretched = ops.clip(pixels * scale - low * scale, 0.0, 255.0)
        return ops.where(flat, images, scaled_range(stretched, (0, 255), self.value_range))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["seed"]
        return config


class Equalization(ColorLayer):
    """Gives all values of a channel about the same number of pixels.

    As in Keras the histogram is that of the whole batch, so that an image comes out differently in another
    batch; call the layer on single images where that matters. Outside of training nothing happens.

    Args:
        value_range: The lowest and the highest value of a pixel.
        bins: The number of values told apart.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> image = np.array([[[[10.0], [10.0], [11.0], [12.0]]]], "float32")
        >>> Equalization()(image, training=True)[0, 0, :, 0].tolist()
        [0.0, 0.0, 128.0, 255.0]
    """

    def __init__(
        self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(value_range, data_format=data_format, **kwargs)
        if isinstance(bins, bool) or not isinstance(bins, int) or bins < 2:
            raise ValueError(f"Equalization: `bins` must be an integer above 1; got bins={bins!r}.")
        self.bins = bins

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        last, top = self.data_format == "channels_last", self.bins - 1
        channels = images.shape[-1 if last else 1]
        shape = (1, 1, 1, -1) if last else (1, -1, 1, 1)
        first = ops.reshape(ops.arange(channels, dtype="int32") * self.bins, shape)
        pixels = scaled_range(ops.cast(images, "float32"), self.value_range, (0, 255))
        place = ops.clip(ops.cast(pixels * top / 255.0, "int32"), 0, top) + first
        counts = _counts(place, channels * self.bins)
        counts = ops.reshape(counts, (channels, self.bins))
        counts = ops.cast(counts, widest_float(counts))
        below = ops.cumsum(counts, axis=1)
        total = below[:, -1:]
        least = ops.min(ops.where(below > 0, below, total), axis=1, keepdims=True)
        rest = ops.where(total == least, ops.ones_like(total), total - least)
        table = ops.clip(ops.round((below - least) * 255.0 / rest), 0, 255)
        entry = ops.cast(ops.clip(pixels / 255.0 * top, 0, top), "int32") + first
        equalized = ops.take(ops.reshape(ops.cast(table, "float32"), (-1,)), entry)
        # A channel of one value stays as it is.
        flat = ops.reshape(ops.sum(ops.cast(counts > 0, "int32"), axis=1) <= 1, shape)
        equalized = scaled_range(ops.where(flat, pixels, equalized), (0, 255), self.value_range)
        return ops.cast(equalized, images.dtype)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "bins": self.bins}
        del config["seed"]
        return config


class ContrastLimitedAdaptiveHistogramEqualization(ColorLayer):
    """Equalizes histograms of tiles, with limited contrast, in training and outside (CLAHE).

    Each tile has a table of its own; a pixel takes the mean of the tables of the four nearest tiles. Source:
    Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 1994.

    Args:
        value_range: The lowest and the highest value of a pixel.
        clip_limit: How far above the mean a histogram may reach; the rest is spread over all values. 0 or
            less means no limit.
        tile_grid_size: How many tiles there are, downwards and across.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> layer = ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))
        >>> layer(np.ones((1, 8, 8, 3), "float32")).shape
        (1, 8, 8, 3)
    """

    random_only = False

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, data_format=data_format, **kwargs)
        self.clip_limit = clip_limit
        grid = tuple(tile_grid_size) if isinstance(tile_grid_size, (tuple, list)) else ()
        if len(grid) != 2 or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in grid):
            raise ValueError(
                f"{type(self).__name__}: `tile_grid_size` must be two positive integers; "
                f"got {tile_grid_size!r}."
            )
        self.tile_grid_size = grid

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        last = self.data_format == "channels_last"
        pixels = images if last else ops.transpose(images, (0, 2, 3, 1))
        pixels = scaled_range(ops.cast(pixels, "float32"), self.value_range, (0, 255))
        result = scaled_range(self._equalized(pixels), (0, 255), self.value_range)
        result = ops.cast(result, images.dtype)
        return result if last else ops.transpose(result, (0, 3, 1, 2))

    def _equalized(self, pixels: Any) -> Any:
        batch, height, width, channels = pixels.shape
        grid = self.tile_grid_size
        sizes = [-(-size // count) for size, count in zip((height, width), grid, strict=True)]
        for axis, (size, count) in enumerate(zip(sizes, grid, strict=True), start=1):
            own = pixels.shape[axis]
            places = np.pad(np.arange(own), (0, size * count - own), mode="symmetric")
            if len(places) > own:
                pixels = ops.take(pixels, places.astype("int32"), axis=axis)
        values = ops.cast(ops.clip(pixels, 0, 255), "int32")
        tables = self._tables(values, sizes)
        rows, columns = (_neighbors(size, count) for size, count in zip(sizes, grid, strict=True))
        image = np.arange(batch, dtype="int32").reshape(-1, 1, 1, 1) * (grid[0] * grid[1] * channels)
        channel = np.arange(channels, dtype="int32")
        flat = ops.reshape(tables, (-1,))
        result: Any = 0.0
        for row, down in rows:
            for column, across in columns:
                tile = (row[:, None] * grid[1] + column)[None, :, :, None] * channels
                entry = ops.convert_to_tensor(((image + tile + channel) * 256).astype("int32")) + values
                weight = (down[:, None] * across)[None, :, :, None].astype("float32")
                result = result + ops.take(flat, entry) * ops.convert_to_tensor(weight)
        return result[:, :height, :width, :]

    def _tables(self, values: Any, sizes: list[int]) -> Any:
        """What each value of each tile and channel becomes: ``(batch, rows, columns, channels, 256)``."""
        batch, height, width, channels = values.shape
        grid = self.tile_grid_size
        row, column = np.arange(height) // sizes[0], np.arange(width) // sizes[1]
        tile = (row[:, None] * grid[1] + column)[None, :, :, None]
        image = np.arange(batch).reshape(-1, 1, 1, 1) * (grid[0] * grid[1])
        first = ((image + tile) * channels + np.arange(channels)) * 256
        shape = (batch, *grid, channels, 256)
        counts = _counts(ops.convert_to_tensor(first.astype("int32")) + values, int(np.prod(shape)))
        counts = ops.cast(ops.reshape(counts, shape), "float32")
        area = sizes[0] * sizes[1]
        if self.clip_limit > 0:
            cut = ops.clip(counts, 0, self.clip_limit * area / 256.0)
            counts = cut + ops.sum(counts - cut, axis=-1, keepdims=True) / 256.0
        below = ops.cumsum(counts, axis=-1)
        least = ops.min(below, axis=-1, keepdims=True)
        rest = area - least
        rest = ops.where(rest == 0, ops.ones_like(rest), rest)
        return ops.clip((below - least) * 255.0 / rest, 0, 255)

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "clip_limit": self.clip_limit,
            "tile_grid_size": self.tile_grid_size,
        }
        del config["seed"]
        return config


def _counts(numbers: Any, length: int) -> Any:
    """How often each number below `length` occurs (without looking at them, unlike `ops.bincount`)."""
    flat = ops.reshape(numbers, (-1,))
    return ops.segment_sum(ops.ones_like(flat), flat, num_segments=length)


def _neighbors(size: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each cell along an axis the two tiles with the nearest centers, and their weights."""
    place = (np.arange(size * count, dtype="float32") - size / 2.0) / size
    low = np.floor(place)
    part = place - low
    return [
        (np.clip(low, 0, count - 1).astype("int32"), 1.0 - part),
        (np.clip(low + 1, 0, count - 1).astype("int32"), part),
    ]
