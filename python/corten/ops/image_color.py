"""Colors of images."""

from __future__ import annotations

from corten import _core
from corten.ops._common import (
    Tensor,
    TensorLike,
    as_float,
    as_tensor,
    channels_last,
    to_channels_first,
    to_channels_last,
)
from corten.ops.dispatch import op


def images_of(name: str, images: Tensor, data_format: str | None) -> tuple[Tensor, bool, bool]:
    """Gives images as a batch with channels last, whether they were, and whether they were a batch."""
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{name}: Invalid images rank: expected rank 3 (an image) or rank 4 (a batch); "
            f"got shape {images.shape}"
        )
    batched = images.ndim == 4
    last = channels_last(name, data_format)
    if not batched:
        images = _core.expand_dims(images, 0)
    return (images if last else to_channels_last(images)), last, batched


def restored(images: Tensor, last: bool, batched: bool) -> Tensor:
    """Undoes `images_of`."""
    if not last:
        images = to_channels_first(images)
    return images if batched else _core.squeeze(images, 0)


def _colors(
    name: str, images: TensorLike, data_format: str | None
) -> tuple[list[Tensor], Tensor, bool, bool]:
    x, last, batched = images_of(name, as_tensor(images), data_format)
    if x.shape[3] != 3:
        raise ValueError(
            f"{name}: Input images must have 3 channels, but received images with {x.shape[3]} channels. "
            f"Full shape received: {as_tensor(images).shape}"
        )
    parts = [_core.slice(x, (0, 0, 0, i), (*x.shape[:3], i + 1), (1, 1, 1, 1)) for i in range(3)]
    return parts, x, last, batched


@op
def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Brightness of colors: ``0.2989 r + 0.5870 g + 0.1140 b``.

    Args:
        images: An image or a batch of images with three channels; with one, they are gray already.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the dtype of `images` with one channel.

    Raises:
        ValueError: There are neither three channels nor one.

    Example:
        >>> corten.ops.image.rgb_to_grayscale(corten.ops.ones((2, 2, 3))).shape
        (2, 2, 1)
    """
    x, last, batched = images_of("rgb_to_grayscale", as_tensor(images), data_format)
    if x.shape[3] == 1:
        return as_tensor(images)
    if x.shape[3] != 3:
        raise ValueError(
            f"rgb_to_grayscale: Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received: images.shape={as_tensor(images).shape}"
        )
    (red, green, blue), x, last, batched = _colors("rgb_to_grayscale", images, data_format)
    dtype = x.dtype
    red, green, blue = as_float(red), as_float(green), as_float(blue)
    gray = _core.binary("multiply", red, 0.2989)
    gray = _core.binary("add", gray, _core.binary("multiply", green, 0.5870))
    gray = _core.binary("add", gray, _core.binary("multiply", blue, 0.1140))
    return restored(_core.cast(gray, dtype), last, batched)


def _need_float(name: str, images: TensorLike) -> Tensor:
    x = as_tensor(images)
    if not x.dtype.startswith(("float", "bfloat")):
        raise ValueError(
            f"{name}: Invalid images dtype: expected float dtype. Received {x.dtype}; colors are floats "
            "between 0 and 1, so divide by 255 first"
        )
    return x


@op
def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Red, green and blue to hue, saturation and value.

    Args:
        images: An image or a batch of images with three channels between 0 and 1.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the same shape, all channels between 0 and 1.

    Example:
        >>> corten.ops.image.rgb_to_hsv([[[0.0, 1.0, 0.0]]]).shape
        (1, 1, 3)
    """
    images = _need_float("rgb_to_hsv", images)
    (red, green, blue), _, last, batched = _colors("rgb_to_hsv", images, data_format)
    value = _core.binary("maximum", _core.binary("maximum", red, green), blue)
    least = _core.binary("minimum", _core.binary("minimum", red, green), blue)
    spread = _core.binary("subtract", value, least)
    gray = _core.compare("equal", spread, 0.0)
    safe = _core.where(gray, 1.0, spread)
    black = _core.compare("equal", value, 0.0)
    saturation = _core.where(black, 0.0, _core.binary("divide", spread, _core.where(black, 1.0, value)))

    def sector(one: Tensor, other: Tensor, start: float) -> Tensor:
        return _core.binary("add", _core.binary("divide", _core.binary("subtract", one, other), safe), start)

    hue = _core.where(
        _core.compare("equal", value, red),
        sector(green, blue, 0.0),
        _core.where(_core.compare("equal", value, green), sector(blue, red, 2.0), sector(red, green, 4.0)),
    )
    hue = _core.binary("divide", _core.binary("mod", hue, 6.0), 6.0)
    hue = _core.where(gray, 0.0, hue)
    return restored(_core.concatenate([hue, saturation, value], 3), last, batched)


@op
def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value to red, green and blue.

    Args:
        images: An image or a batch of images with three channels between 0 and 1.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the same shape.

    Example:
        >>> corten.ops.image.hsv_to_rgb([[[0.0, 1.0, 1.0]]]).tolist()
        [[[1.0, 0.0, 0.0]]]
    """
    images = _need_float("hsv_to_rgb", images)
    (hue, saturation, value), _, last, batched = _colors("hsv_to_rgb", images, data_format)
    around = _core.binary("multiply", hue, 6.0)
    colors = []
    # Each color is a trapezoid over the six sectors of the hue circle; they differ by a rotation.
    for start in (5.0, 3.0, 1.0):
        place = _core.binary("mod", _core.binary("add", around, start), 6.0)
        ramp = _core.binary("minimum", place, _core.binary("subtract", 4.0, place))
        ramp = _core.binary("maximum", _core.binary("minimum", ramp, 1.0), 0.0)
        loss = _core.binary("multiply", _core.binary("multiply", value, saturation), ramp)
        colors.append(_core.binary("subtract", value, loss))
    return restored(_core.concatenate(colors, 3), last, batched)
