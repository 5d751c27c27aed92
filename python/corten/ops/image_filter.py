"""Filters of images, and how alike two images are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import _core
from corten.ops._common import FLOATS, Tensor, TensorLike, as_float, as_tensor, promoted_float
from corten.ops.dispatch import op
from corten.ops.image_color import images_of, restored


def _bell(count: int, deviation: float) -> np.ndarray:
    place = np.arange(count) - (count - 1) / 2
    weight = np.exp(-0.5 * (place / deviation) ** 2)
    return weight / weight.sum()


def _filtered(x: Tensor, down: np.ndarray, across: np.ndarray, same: bool) -> Tensor:
    """Applies a column and a row filter to each channel; 'same' pads with zeros."""
    channels = x.shape[3]
    for axis, weight in ((1, down), (2, across)):
        shape = [1, 1, 1, channels]
        shape[axis - 1] = len(weight)
        lined_up = np.broadcast_to(weight.reshape([-1 if i == axis - 1 else 1 for i in range(4)]), shape)
        kernel = as_tensor(np.ascontiguousarray(lined_up), x.dtype)
        around = [(0, 0), (0, 0)]
        if same:
            low = (len(weight) - 1) // 2
            around[axis - 1] = (low, len(weight) - 1 - low)
        x = _core.conv(x, kernel, (1, 1), around, (1, 1), channels)
    return x


def blurred(x: Tensor, kernel_size: Sequence[int], sigma: Sequence[float]) -> Tensor:
    """Blurs a batch of images with channels last; sizes come as (across, downwards)."""
    return _filtered(x, _bell(kernel_size[1], sigma[1]), _bell(kernel_size[0], sigma[0]), True)


@op
def gaussian_blur(
    images: TensorLike,
    kernel_size: Sequence[int] | TensorLike = (3, 3),
    sigma: Sequence[float] | TensorLike = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Means of neighboring pixels, weighted by a Gaussian bell.

    Args:
        images: An image or a batch of images.
        kernel_size: Width and height of the window.
        sigma: The deviation of the bell across and downwards.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the shape and dtype of `images`.

    Example:
        >>> corten.ops.image.gaussian_blur(corten.ops.ones((4, 4, 3))).shape
        (4, 4, 3)
    """
    x, last, batched = images_of("gaussian_blur", as_tensor(images), data_format)
    if "meta" in (getattr(kernel_size, "device", None), getattr(sigma, "device", None)):
        # Symbolic numbers have no values; the blurred images have the shape of the images.
        return as_tensor(images)
    if min(kernel_size) < 1 or min(sigma) <= 0:
        raise ValueError(f"gaussian_blur: kernel_size and sigma must be positive; got {kernel_size}, {sigma}")
    result = blurred(as_float(x), kernel_size, sigma)
    if x.dtype not in FLOATS:
        result = _core.cast(_core.unary("round", result), x.dtype)
    return restored(result, last, batched)


@op
def sobel_edges(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Brightness slopes downwards and across, by Sobel's filters.

    Args:
        images: A batch of images, or an image.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A float tensor with one more axis at the end, of size 2: the slope downwards and across.

    Example:
        >>> corten.ops.image.sobel_edges(corten.ops.ones((1, 4, 4, 3))).shape
        (1, 4, 4, 3, 2)
    """
    x, last, batched = images_of("sobel_edges", as_float(images), data_format)
    # Mirrored without the edge pixel, so that no slope appears at the border.
    from corten.ops import extension

    x = extension.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    slope, smooth = np.array([-1.0, 0.0, 1.0]), np.array([1.0, 2.0, 1.0])
    edges = [_filtered(x, slope, smooth, False), _filtered(x, smooth, slope, False)]
    return _core.stack([restored(edge, last, batched) for edge in edges], -1)


@op
def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """Structural similarity of images: 1 for equal ones.

    Args:
        image1: An image or a batch of images.
        image2: As many images of the same size.
        max_val: The largest possible value of a pixel.
        filter_size: The size of the window in which images are compared.
        filter_sigma: The deviation of its Gaussian weights.
        k1: Keeps the brightness term stable.
        k2: Keeps the contrast term stable.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A float tensor: one number per image.

    Example:
        >>> image = corten.ops.ones((1, 16, 16, 1))
        >>> corten.ops.round(corten.ops.image.ssim(image, image), 4).tolist()
        [1.0]
    """
    first, second = promoted_float(image1, image2)
    if first.shape != second.shape:
        raise ValueError(f"ssim: both images must have one shape; got {first.shape} and {second.shape}")
    x, _, batched = images_of("ssim", first, data_format)
    y, _, _ = images_of("ssim", second, data_format)
    if min(x.shape[1:3]) < filter_size:
        raise ValueError(
            f"ssim: images need {filter_size} by {filter_size} pixels or more; got {first.shape}"
        )
    bell = _bell(filter_size, filter_sigma)

    def times(a: Any, b: Any) -> Tensor:
        return _core.binary("multiply", a, b)

    def plus(a: Any, b: Any) -> Tensor:
        return _core.binary("add", a, b)

    def mean(values: Tensor) -> Tensor:
        return _filtered(values, bell, bell, False)

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y = mean(x), mean(y)
    product, squares = times(mean_x, mean_y), plus(times(mean_x, mean_x), times(mean_y, mean_y))
    covariance = _core.binary("subtract", mean(times(x, y)), product)
    variances = _core.binary("subtract", mean(plus(times(x, x), times(y, y))), squares)
    brightness = _core.binary("divide", plus(times(product, 2.0), c1), plus(squares, c1))
    structure = _core.binary("divide", plus(times(covariance, 2.0), c2), plus(variances, c2))
    result = _core.reduce("mean", times(brightness, structure), (1, 2, 3), False)
    return result if batched else _core.reshape(result, ())
