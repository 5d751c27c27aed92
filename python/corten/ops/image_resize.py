"""Sizes of images: resizing, cropping, padding, moving and scaling."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from corten import _core
from corten._state import state as call_state
from corten.ops import manipulation
from corten.ops._common import (
    FLOATS,
    Tensor,
    TensorLike,
    as_float,
    as_tensor,
    axis_of,
    channels_last,
    per_axis,
)
from corten.ops.dispatch import op
from corten.ops.image_color import images_of, restored
from corten.symbolic import meta_tensor, value_dependent_size

Kernel = Callable[[np.ndarray], np.ndarray]
# Up to so many weights a line is resampled by a product with a matrix; beyond, the matrix would be mostly
# zeros, and for a line of millions of cells more bytes than there are.
_MOST_WEIGHTS = 1 << 16
# Results that reach no farther to each side are sums of few cells; for more of them products are faster.
_FEW_CELLS = 2
# So many results are made by one product.
_BLOCK = 16


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _cubic(x: np.ndarray, a: float = -0.5) -> np.ndarray:
    """Keys's cubic convolution kernel."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _lanczos(radius: float) -> Kernel:
    def kernel(x: np.ndarray) -> np.ndarray:
        return np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0.0)

    return kernel


_KERNELS: dict[str, Kernel] = {
    "linear": _triangle,
    "bilinear": _triangle,
    "trilinear": _triangle,
    "triangle": _triangle,
    "cubic": _cubic,
    "bicubic": _cubic,
    "tricubic": _cubic,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


# How far the kernels of `resize` reach.
_REACH = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}


def sampling_weights(
    size: int, output: int, scale: float, offset: float, kernel: Kernel, antialias: bool
) -> np.ndarray:
    """Gives the (output, size) matrix that resamples a line.

    Cell `i` of the result is the input at ``(i + 0.5 - offset) / scale - 0.5``. Weights are scaled
    to sum 1 where they reach over the edge; places outside the input give 0.
    """
    place = (np.arange(output) + 0.5 - offset) / scale - 0.5
    width = max(1.0 / scale, 1.0) if antialias else 1.0
    weight = _weights_at(place, np.arange(size)[None, :], size, width, kernel)
    inside = (place >= -0.5) & (place <= size - 0.5)
    return np.where(inside[:, None], weight, 0.0)


def _weights_at(place: np.ndarray, cells: np.ndarray, size: int, width: float, kernel: Kernel) -> np.ndarray:
    """How much of each cell the result at each place has; cells beyond the line have no part."""
    weight = np.where((cells >= 0) & (cells < size), kernel((place[:, None] - cells) / width), 0.0)
    total = weight.sum(1, keepdims=True)
    return np.divide(weight, total, out=np.zeros_like(weight), where=np.abs(total) > 1e-8)


@functools.lru_cache(maxsize=128)
def _resize_weights(size: int, output: int, method: str, antialias: bool) -> np.ndarray:
    return sampling_weights(size, output, output / size, 0.0, _KERNELS[method], antialias)


def _along(x: Tensor, axis: int, weights: np.ndarray) -> Tensor:
    """Multiplies one axis by a matrix (rows: results)."""
    matrix = as_tensor(weights.astype(np.float64), _dtype_of_weights(x))
    moved = manipulation.moveaxis(x, axis, -1)
    return manipulation.moveaxis(_core.matmul(moved, _core.transpose(matrix, (1, 0))), -1, axis)


def _dtype_of_weights(x: Tensor) -> str:
    return "float64" if x.dtype == "float64" else "float32"


def _along_line(x: Tensor, axis: int, output: int, method: str, antialias: bool) -> Tensor:
    """Resamples one axis to another size, with few weights at a time however long it is."""
    size = x.shape[axis]
    if size * output <= _MOST_WEIGHTS:
        return _along(x, axis, _resize_weights(size, output, method, antialias))
    place = (np.arange(output) + 0.5) * (size / output) - 0.5
    width = max(size / output, 1.0) if antialias else 1.0
    reach = _REACH[method] * width
    if reach <= _FEW_CELLS:
        cells = np.ceil(place - reach).astype(np.int64)[:, None] + np.arange(int(2 * reach) + 1)
        weights = _weights_at(place, cells, size, width, _KERNELS[method])
        return _sum_of_cells(x, axis, np.clip(cells, 0, size - 1), weights)
    parts = []
    for start in range(0, output, _BLOCK):
        some = place[start : start + _BLOCK]
        low = max(0, math.floor(some[0] - reach))
        high = min(size, math.ceil(some[-1] + reach) + 1)
        weights = _weights_at(some, np.arange(low, high)[None, :], size, width, _KERNELS[method])
        parts.append(_along(_piece(x, axis, low, high), axis, weights))
    return _core.concatenate(parts, axis)


def _sum_of_cells(x: Tensor, axis: int, cells: np.ndarray, weights: np.ndarray) -> Tensor:
    """Sums of cells of one axis with weights; both arrays are (results, cells of each)."""
    dtype = _dtype_of_weights(x)
    total = None
    for number in range(cells.shape[1]):
        taken = as_tensor(_core.gather(x, as_tensor(cells[:, number], "int64"), axis), dtype)
        shape = [1] * x.ndim
        shape[axis] = len(weights)
        part = _core.binary("multiply", taken, as_tensor(weights[:, number].reshape(shape), dtype))
        total = part if total is None else _core.binary("add", total, part)
    assert total is not None
    return total


def _piece(x: Tensor, axis: int, low: int, high: int) -> Tensor:
    start, stop = [0] * x.ndim, list(x.shape)
    start[axis], stop[axis] = low, high
    return _core.slice(x, tuple(start), tuple(stop), (1,) * x.ndim)


def nearest_places(size: int, output: int) -> list[int]:
    """The input cell under the center of each output cell."""
    return [min(int((i + 0.5) * size / output), size - 1) for i in range(output)]


def _resize_axes(
    x: Tensor, axes: Sequence[int], sizes: Sequence[int], method: str, antialias: bool
) -> Tensor:
    for axis, output in zip(axes, sizes, strict=True):
        size = x.shape[axis]
        if size == output:
            continue
        if size == 0 or output == 0:
            raise ValueError(f"resize: neither image nor result may be empty; got {size} and {output}")
        if x.device == "meta":
            # No matrix of weights for shapes alone: a file may say any size.
            x = meta_tensor((*x.shape[:axis], output, *x.shape[axis + 1 :]), x.dtype)
        elif method == "nearest":
            x = _core.gather(x, as_tensor(nearest_places(size, output), "int32"), axis)
        else:
            x = _along_line(x, axis, output, method, antialias)
    return x


_METHODS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area")


@op
def resize(
    images: TensorLike,
    size: int | Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Resizes images.

    Args:
        images: An image or a batch of images.
        size: Height and width of the result.
        interpolation: ``'nearest'``, ``'bilinear'``, ``'bicubic'``, ``'lanczos3'``, ``'lanczos5'``
            or ``'area'``.
        antialias: Whether to average over all pixels that one pixel of a smaller result covers.
        crop_to_aspect_ratio: Whether to cut the middle out first, so that nothing is distorted.
        pad_to_aspect_ratio: Whether to pad first, so that nothing is distorted.
        fill_mode: Must be ``'constant'``.
        fill_value: The value of padding.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A float tensor; 'nearest' keeps integer dtypes, the others round to them.

    Example:
        >>> corten.ops.image.resize(corten.ops.ones((4, 4, 3)), (2, 8)).shape
        (2, 8, 3)
    """
    if interpolation not in _METHODS:
        raise ValueError(f"resize: interpolation must be one of {', '.join(_METHODS)}; got {interpolation!r}")
    if fill_mode != "constant":
        raise ValueError(f"resize: fill_mode must be 'constant'; got {fill_mode!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: choose one of crop_to_aspect_ratio and pad_to_aspect_ratio")
    height, width = per_axis("resize", "size", size, 2)
    if height < 1 or width < 1:
        raise ValueError(f"resize: `size` must have positive height and width; got {size}")
    x, last, batched = images_of("resize", as_tensor(images), data_format)
    dtype = x.dtype
    if interpolation != "nearest":
        x = as_float(x)
    rows, columns = x.shape[1:3]
    if crop_to_aspect_ratio:
        high, wide = (
            min(rows, int(columns * height / width) or 1),
            min(columns, int(rows * width / height) or 1),
        )
        top, left = (rows - high) // 2, (columns - wide) // 2
        stop = (x.shape[0], top + high, left + wide, x.shape[3])
        x = _core.slice(x, (0, top, left, 0), stop, (1, 1, 1, 1))
    elif pad_to_aspect_ratio:
        high, wide = max(rows, int(columns * height / width)), max(columns, int(rows * width / height))
        top, left = (high - rows) // 2, (wide - columns) // 2
        around = [(0, 0), (top, high - rows - top), (left, wide - columns - left), (0, 0)]
        x = _core.pad(x, around, fill_value)
    if interpolation == "area":
        from corten.ops import pooling

        x = pooling.adaptive_average_pool(x, (height, width), "channels_last")
    else:
        x = _resize_axes(x, (1, 2), (height, width), interpolation, antialias)
    if x.dtype != dtype:
        x = _rounded(x, dtype)
    return restored(x, last, batched)


def _rounded(x: Tensor, dtype: str) -> Tensor:
    """Gives floats back in the dtype of the image; integers are rounded and limited."""
    if dtype in FLOATS:
        return _core.cast(x, dtype)
    from corten.ops import core

    return core.saturate_cast(_core.unary("round", x), dtype)


@op
def scale_and_translate(
    images: TensorLike,
    output_shape: Sequence[int],
    scale: TensorLike,
    translation: TensorLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Resamples axes after scaling and moving them.

    Args:
        images: A tensor.
        output_shape: The shape of the result.
        scale: The factor of each spatial axis.
        translation: By how much each spatial axis is moved, in cells of the result.
        spatial_dims: The spatial axes.
        method: ``'linear'``, ``'cubic'``, ``'lanczos3'`` or ``'lanczos5'`` (with their 2-D names).
        antialias: Whether to average over all cells that one cell of a smaller result covers.

    Returns:
        A float tensor; cells outside the input are 0.

    Example:
        >>> scale, shift = [2.0], [0.0]
        >>> corten.ops.image.scale_and_translate([1.0, 1.0], (4,), scale, shift, (0,), "linear").tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    if method not in _KERNELS:
        raise ValueError(f"scale_and_translate: method must be one of {', '.join(_KERNELS)}; got {method!r}")
    x = as_float(images)
    dtype = x.dtype
    if len(output_shape) != x.ndim:
        raise ValueError(f"scale_and_translate: output_shape needs {x.ndim} sizes; got {tuple(output_shape)}")
    if "meta" in (as_tensor(scale).device, as_tensor(translation).device):
        return meta_tensor([value_dependent_size() if dim is None else dim for dim in output_shape], dtype)
    factors, offsets = (np.asarray(given, np.float64).tolist() for given in (scale, translation))
    for axis, factor, offset in zip(spatial_dims, factors, offsets, strict=True):
        axis = axis_of("scale_and_translate", axis, x.ndim)
        output = output_shape[axis]
        weights = sampling_weights(x.shape[axis], output, factor, offset, _KERNELS[method], antialias)
        x = _along(x, axis, weights)
    return as_tensor(x, dtype)


def _margins(
    name: str,
    low: int | None,
    high: int | None,
    size: int,
    target: int | None,
    arguments: tuple[str, str, str],
) -> tuple[int, int]:
    """Completes two of the three `arguments`: cells before, cells after, size of the result."""
    for argument, number in zip(arguments, (low, high, target), strict=True):
        if number is not None and number < 0:
            raise ValueError(f"{name}: {argument} must be >= 0; got {number}")
    if call_state.probing == size and target is not None:
        # An unknown size: any margins stand for it that give the target.
        gap = target - size if name == "pad_images" else size - target
        return (0, gap)
    if [low, high, target].count(None) != 1:
        raise ValueError(
            f"{name}: Must specify exactly two of {', '.join(arguments)}; got {low}, {high} and {target}"
        )
    sign = 1 if name == "pad_images" else -1
    if low is None:
        low = sign * ((target or 0) - size) - (high or 0)
    elif high is None:
        high = sign * ((target or 0) - size) - low
    for argument, number in zip(arguments[:2], (low, high or 0), strict=True):
        if number < 0:
            raise ValueError(
                f"{name}: {argument} must be >= 0; it comes out as {number}, since a target of {target} does "
                f"not fit an image of {size} with the other margin"
            )
    return low, high or 0


@op
def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Adds zeros around images.

    Args:
        images: An image or a batch of images.
        top_padding: Rows above.
        left_padding: Columns to the left.
        bottom_padding: Rows below.
        right_padding: Columns to the right.
        target_height: The height of the result: exactly two of top, bottom and this are given.
        target_width: The width of the result: exactly two of left, right and this are given.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the dtype of `images`.

    Example:
        >>> image = corten.ops.ones((2, 2, 1))
        >>> corten.ops.image.pad_images(image, 1, 1, target_height=4, target_width=3).shape
        (4, 3, 1)
    """
    x, last, batched = images_of("pad_images", as_tensor(images), data_format)
    names = ("top_padding", "bottom_padding", "target_height")
    rows = _margins("pad_images", top_padding, bottom_padding, x.shape[1], target_height, names)
    names = ("left_padding", "right_padding", "target_width")
    columns = _margins("pad_images", left_padding, right_padding, x.shape[2], target_width, names)
    if call_state.probing and min(*rows, *columns) < 0:
        sizes = (x.shape[1] + sum(rows), x.shape[2] + sum(columns))
        return restored(meta_tensor((x.shape[0], *sizes, x.shape[3]), x.dtype), last, batched)
    return restored(_core.pad(x, [(0, 0), rows, columns, (0, 0)], 0), last, batched)


@op
def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Cuts the borders of images off.

    Args:
        images: An image or a batch of images.
        top_cropping: Rows above.
        left_cropping: Columns to the left.
        bottom_cropping: Rows below.
        right_cropping: Columns to the right.
        target_height: The height of the result: exactly two of top, bottom and this are given.
        target_width: The width of the result: exactly two of left, right and this are given.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A view of `images`.

    Example:
        >>> image = corten.ops.ones((4, 4, 1))
        >>> corten.ops.image.crop_images(image, 1, 1, target_height=2, target_width=3).shape
        (2, 3, 1)
    """
    x, last, batched = images_of("crop_images", as_tensor(images), data_format)
    names = ("top_cropping", "bottom_cropping", "target_height")
    top, bottom = _margins("crop_images", top_cropping, bottom_cropping, x.shape[1], target_height, names)
    names = ("left_cropping", "right_cropping", "target_width")
    left, right = _margins("crop_images", left_cropping, right_cropping, x.shape[2], target_width, names)
    if top + bottom >= x.shape[1] or left + right >= x.shape[2]:
        raise ValueError(f"crop_images: nothing is left of images of shape {as_tensor(images).shape}")
    stop = (x.shape[0], x.shape[1] - bottom, x.shape[2] - right, x.shape[3])
    return restored(_core.slice(x, (0, top, left, 0), stop, (1, 1, 1, 1)), last, batched)


def _patches(name: str, x: Tensor, size: Any, strides: Any, dilation_rate: Any, padding: str) -> Tensor:
    """Lays windows of any number of spatial axes out as channels, kernel cells first."""
    from corten.ops.convolution import padding_of

    count = x.ndim - 2
    window = per_axis(name, "size", size, count)
    step = window if strides is None else per_axis(name, "strides", strides, count)
    gap = per_axis(name, "dilation_rate", dilation_rate, count)
    reach = [(n - 1) * by + 1 for n, by in zip(window, gap, strict=True)]
    x = _core.pad(x, [(0, 0), *padding_of(name, padding, x.shape[1:-1], reach, step), (0, 0)], 0)
    batch, channels = x.shape[0], x.shape[-1]
    counts = [(n - far) // by + 1 for n, far, by in zip(x.shape[1:-1], reach, step, strict=True)]
    for axis in range(count):
        places = [
            [i * step[axis] + k * gap[axis] for k in range(window[axis])] for i in range(max(counts[axis], 0))
        ]
        x = _core.gather(x, as_tensor(places, "int32"), 1 + 2 * axis)
    order = [0, *(1 + 2 * i for i in range(count)), *(2 + 2 * i for i in range(count)), x.ndim - 1]
    x = _core.transpose(x, order)
    return _core.reshape(x, (batch, *counts, math.prod(window) * channels))


@op
def extract_patches(
    images: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Lays windows of images out as channels.

    Args:
        images: An image or a batch of images; volumes go to `extract_patches_3d`.
        size: Height and width of a window.
        strides: The step of the window; None is `size`.
        dilation_rate: The distance of its cells.
        padding: ``'valid'`` or ``'same'``.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of shape ``(batch, windows down, windows across, window cells * channels)``.

    Example:
        >>> corten.ops.image.extract_patches(corten.ops.ones((1, 4, 4, 3)), 2).shape
        (1, 2, 2, 12)
    """
    x = as_tensor(images)
    if not hasattr(size, "__index__"):
        if isinstance(size, str) or not hasattr(size, "__len__"):
            raise TypeError(
                f"extract_patches: Invalid `size`. Expected an int or a tuple of ints; got {size!r}"
            )
        if len(size) not in (2, 3):
            raise ValueError(
                f"extract_patches: Invalid `size`. Expected a tuple of length 2 or 3; got {tuple(size)}"
            )
    if x.ndim == 5 or (not hasattr(size, "__index__") and len(tuple(size)) == 3):
        return extract_patches_3d(x, size, strides, dilation_rate, padding, data_format)
    x, last, batched = images_of("extract_patches", x, data_format)
    return restored(_patches("extract_patches", x, size, strides, dilation_rate, padding), last, batched)


@op
def extract_patches_3d(
    volumes: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Lays windows of volumes out as channels.

    Args:
        volumes: A volume of 4 dimensions or a batch of 5.
        size: Depth, height and width of a window.
        strides: The step of the window; None is `size`.
        dilation_rate: The distance of its cells.
        padding: ``'valid'`` or ``'same'``.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of shape ``(batch, windows along each axis..., window cells * channels)``.

    Example:
        >>> corten.ops.image.extract_patches_3d(corten.ops.ones((1, 4, 4, 4, 1)), 2).shape
        (1, 2, 2, 2, 8)
    """
    name = "extract_patches_3d"
    if not hasattr(size, "__index__") and (isinstance(size, str) or len(tuple(size)) != 3):
        raise TypeError(f"{name}: Invalid `size`. Expected an int or a tuple of 3 ints; got {size!r}")
    x = as_tensor(volumes)
    if x.ndim not in (4, 5):
        raise ValueError(f"{name}: a volume of 4 dimensions or a batch of 5 is needed; got shape {x.shape}")
    batched, last = x.ndim == 5, channels_last(name, data_format)
    x = x if batched else _core.expand_dims(x, 0)
    x = x if last else manipulation.moveaxis(x, 1, -1)
    return restored(_patches(name, x, size, strides, dilation_rate, padding), last, batched)
