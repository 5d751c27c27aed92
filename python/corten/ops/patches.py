"""Windows as columns and back, and blocks of pixels as channels."""

from __future__ import annotations

from collections.abc import Sequence

from corten import _core
from corten.ops._common import (
    Tensor,
    TensorLike,
    as_tensor,
    channels_last,
    filled_beside,
    per_axis,
    to_channels_first,
    to_channels_last,
)
from corten.ops.dispatch import op


def _places(size: int, kernel: int, dilation: int, stride: int) -> list[list[int]]:
    """The input cell of each (kernel cell, window)."""
    count = (size - (kernel - 1) * dilation - 1) // stride + 1
    return [[k * dilation + i * stride for i in range(max(count, 0))] for k in range(kernel)]


@op
def unfold(
    x: TensorLike,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Lays the windows of images out as columns.

    Args:
        x: Shape ``(batch, channels, height, width)``.
        kernel_size: The size of the window.
        dilation: The distance of its cells.
        padding: Zeros on both sides of each axis.
        stride: The step of the window.

    Returns:
        A tensor of shape ``(batch, channels * window cells, windows)``.

    Example:
        >>> corten.ops.unfold(corten.ops.ones((1, 2, 4, 4)), 2).shape
        (1, 8, 9)
    """
    x = as_tensor(x)
    if x.ndim != 4:
        raise ValueError(
            f"unfold: images of shape (batch, channels, height, width) are needed; got {x.shape}"
        )
    kernel, gap = (
        per_axis("unfold", "kernel_size", kernel_size, 2),
        per_axis("unfold", "dilation", dilation, 2),
    )
    around, step = per_axis("unfold", "padding", padding, 2), per_axis("unfold", "stride", stride, 2)
    x = _core.pad(x, [(0, 0), (0, 0), *((n, n) for n in around)], 0)
    batch, channels, height, width = x.shape
    rows = _places(height, kernel[0], gap[0], step[0])
    columns = _places(width, kernel[1], gap[1], step[1])
    if not rows[0] or not columns[0]:
        raise ValueError(f"unfold: no window of {kernel} with dilation {gap} fits into {(height, width)}")
    x = _core.gather(x, as_tensor(rows, "int32"), 2)
    x = _core.gather(x, as_tensor(columns, "int32"), 4)
    # (batch, channels, kernel rows, windows down, kernel columns, windows across)
    x = _core.transpose(x, (0, 1, 2, 4, 3, 5))
    return _core.reshape(x, (batch, channels * kernel[0] * kernel[1], len(rows[0]) * len(columns[0])))


@op
def fold(
    x: TensorLike,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Adds columns back into images: where windows overlap, they add up.

    Args:
        x: Shape ``(batch, channels * window cells, windows)``, as `unfold` gives.
        output_size: Height and width of the images.
        kernel_size: The size of the window.
        dilation: The distance of its cells.
        padding: Zeros that `unfold` added on both sides.
        stride: The step of the window.

    Returns:
        A tensor of shape ``(batch, channels, height, width)``.

    Example:
        >>> corten.ops.fold(corten.ops.ones((1, 4, 4)), 3, 2).tolist()
        [[[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]]
    """
    x = as_tensor(x)
    size = per_axis("fold", "output_size", output_size, 2)
    kernel, gap = per_axis("fold", "kernel_size", kernel_size, 2), per_axis("fold", "dilation", dilation, 2)
    around, step = per_axis("fold", "padding", padding, 2), per_axis("fold", "stride", stride, 2)
    height, width = size[0] + 2 * around[0], size[1] + 2 * around[1]
    rows = _places(height, kernel[0], gap[0], step[0])
    columns = _places(width, kernel[1], gap[1], step[1])
    cells = kernel[0] * kernel[1]
    windows = len(rows[0]) * len(columns[0])
    if x.ndim != 3:
        raise ValueError(
            f"fold: a 3D tensor is needed, (batch, channels * {cells}, windows); got shape {x.shape}"
        )
    if x.shape[1] % cells or x.shape[2] != windows:
        raise ValueError(
            f"fold: a shape of (batch, channels * {cells}, {windows}) is needed for images of {size}; "
            f"got {x.shape}"
        )
    batch, channels = x.shape[0], x.shape[1] // cells
    x = _core.reshape(x, (batch, channels, kernel[0], kernel[1], len(rows[0]), len(columns[0])))
    x = _core.transpose(x, (0, 1, 2, 4, 3, 5))
    x = _core.scatter(_zeros(x, (*x.shape[:4], width)), as_tensor(columns, "int32"), x, 4, "add")
    x = _core.scatter(_zeros(x, (batch, channels, height, width)), as_tensor(rows, "int32"), x, 2, "add")
    low = (0, 0, around[0], around[1])
    return _core.slice(x, low, (batch, channels, around[0] + size[0], around[1] + size[1]), (1, 1, 1, 1))


def _zeros(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return filled_beside(x, shape, 0)


def _square(name: str, x: TensorLike, block_size: int, data_format: str) -> tuple[Tensor, bool]:
    x = as_tensor(x)
    last = channels_last(name, data_format)
    if block_size < 2:
        raise ValueError(f"{name}: `block_size` must be at least 2. Received: block_size={block_size}")
    if x.ndim != 4:
        raise ValueError(f"{name}: 4 dimensions are needed, a batch of images; got shape {x.shape}")
    return (x if last else to_channels_last(x)), last


@op
def depth_to_space(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Spreads channels over blocks of pixels (pixel shuffle).

    Args:
        x: Shape ``(batch, height, width, channels)``, or channels second for 'channels_first'.
        block_size: The side of a block; its square divides the channels.
        data_format: ``'channels_last'`` or ``'channels_first'``.

    Returns:
        A tensor `block_size` times as high and wide, with fewer channels.

    Example:
        >>> corten.ops.depth_to_space(corten.ops.ones((1, 2, 2, 4)), 2).shape
        (1, 4, 4, 1)
    """
    x, last = _square("depth_to_space", x, block_size, data_format)
    batch, height, width, channels = x.shape
    if channels % (block_size * block_size):
        raise ValueError(
            f"depth_to_space: {channels} channels do not divide into blocks of {block_size}x{block_size}"
        )
    rest = channels // (block_size * block_size)
    if last:
        x = _core.reshape(x, (batch, height, width, block_size, block_size, rest))
    else:
        # Channels first orders channels as (rest, block row, block column).
        x = _core.transpose(
            _core.reshape(x, (batch, height, width, rest, block_size, block_size)), (0, 1, 2, 4, 5, 3)
        )
    x = _core.reshape(
        _core.transpose(x, (0, 1, 3, 2, 4, 5)), (batch, height * block_size, width * block_size, rest)
    )
    return x if last else to_channels_first(x)


@op
def space_to_depth(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Gathers blocks of pixels into channels: the inverse of `depth_to_space`.

    Args:
        x: Shape ``(batch, height, width, channels)``, or channels second for 'channels_first'.
        block_size: The side of a block; it divides height and width.
        data_format: ``'channels_last'`` or ``'channels_first'``.

    Returns:
        A tensor of lower height and width, with more channels.

    Example:
        >>> corten.ops.space_to_depth(corten.ops.ones((1, 4, 4, 1)), 2).shape
        (1, 2, 2, 4)
    """
    x, last = _square("space_to_depth", x, block_size, data_format)
    batch, height, width, channels = x.shape
    if height % block_size or width % block_size:
        raise ValueError(
            f"space_to_depth: {height}x{width} does not divide into blocks of {block_size}x{block_size}"
        )
    rows, columns = height // block_size, width // block_size
    x = _core.reshape(x, (batch, rows, block_size, columns, block_size, channels))
    order = (0, 1, 3, 2, 4, 5) if last else (0, 1, 3, 5, 2, 4)
    x = _core.reshape(_core.transpose(x, order), (batch, rows, columns, channels * block_size * block_size))
    return x if last else to_channels_first(x)
