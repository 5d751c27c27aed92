"""Pooling: windows of fixed size, and adaptive ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from corten import _core
from corten.ops._common import (
    Tensor,
    TensorLike,
    as_float,
    as_index,
    as_tensor,
    channels_last,
    filled_beside,
    per_axis,
    to_channels_first,
    to_channels_last,
)
from corten.ops.convolution import padding_of
from corten.ops.dispatch import op


def _images(name: str, inputs: Tensor, data_format: str | None) -> tuple[Tensor, bool]:
    last = data_format == "channels_last" or channels_last(name, data_format)
    if not 3 <= inputs.ndim <= 5:
        raise ValueError(
            f"{name}: inputs need 3 to 5 dimensions (batch, 1 to 3 spatial axes, channels); "
            f"got shape {inputs.shape}"
        )
    return (inputs if last else to_channels_last(inputs)), last


Window = tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, int]]]


def _plan(
    name: str,
    sizes: tuple[int, ...],
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    padding: str,
) -> Window:
    """Gives window, step and explicit padding, one per spatial axis."""
    count = len(sizes)
    window = per_axis(name, "pool_size", pool_size, count)
    steps = window if strides is None else per_axis(name, "strides", strides, count)
    if min(window) < 1 or min(steps) < 1:
        raise ValueError(f"{name}: pool_size and strides must be positive; got {window} and {steps}")
    if padding.lower() not in ("valid", "same"):
        raise ValueError(f"{name}: padding must be 'valid' or 'same'; got {padding!r}")
    return window, steps, padding_of(name, padding, sizes, window, steps)


# As for convolutions: the same few shapes come over and over.
_cached_plan = functools.lru_cache(maxsize=512, typed=True)(_plan)


def _window(
    name: str, x: Tensor, pool_size: int | Sequence[int], strides: int | Sequence[int] | None, padding: str
) -> Window:
    sizes = x.shape[1:-1]
    try:
        return _cached_plan(name, sizes, pool_size, strides, padding)
    except TypeError:
        # Lists cannot be keys.
        return _plan(name, sizes, pool_size, strides, padding)


@op
def max_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Largest element of each window.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        pool_size: The size of the window, one number or one per spatial axis.
        strides: Its step; None is `pool_size`.
        padding: ``'valid'`` or ``'same'``.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the dtype of `inputs`. The first maximum of a window gets its gradient.

    Example:
        >>> corten.ops.max_pool(corten.ops.reshape(corten.ops.arange(4.0), (1, 4, 1)), 2).tolist()
        [[[1.0], [3.0]]]
    """
    x, last = _images("max_pool", as_tensor(inputs), data_format)
    window, steps, pairs = _window("max_pool", x, pool_size, strides, padding)
    result = _core.max_pool(x, window, steps, pairs)
    return result if last else to_channels_first(result)


@op
def average_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Mean of each window; padding does not count.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        pool_size: The size of the window, one number or one per spatial axis.
        strides: Its step; None is `pool_size`.
        padding: ``'valid'`` or ``'same'``.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A float tensor.

    Example:
        >>> corten.ops.average_pool(corten.ops.reshape(corten.ops.arange(4.0), (1, 4, 1)), 2).tolist()
        [[[0.5], [2.5]]]
    """
    x, last = _images("average_pool", as_float(inputs), data_format)
    window, steps, pairs = _window("average_pool", x, pool_size, strides, padding)
    result = _core.avg_pool(x, window, steps, pairs, False)
    return result if last else to_channels_first(result)


@functools.lru_cache(maxsize=256)
def _bins(size: int, output: int) -> tuple[tuple[int, int], ...]:
    """Cell i of an adaptive pool covers ``floor(i * n / m)`` up to ``ceil((i + 1) * n / m)``."""
    return tuple((i * size // output, -(-(i + 1) * size // output)) for i in range(output))


def _adaptive(
    name: str,
    inputs: Tensor,
    output_size: int | Sequence[int],
    data_format: str | None,
    pool: Callable[[Tensor, int, Tensor], Tensor],
) -> Tensor:
    x, last = _images(name, inputs, data_format)
    count = x.ndim - 2
    sizes = per_axis(name, "output_size", output_size, count)
    if min(sizes) < 1:
        raise ValueError(f"{name}: output_size must be positive; got {sizes}")
    if x.device == "meta":
        # No lists of cells for shapes alone: a file may say any size.
        x = filled_beside(x, (x.shape[0], *sizes, x.shape[-1]), 0)
        return x if last else to_channels_first(x)
    for axis, output in enumerate(sizes, start=1):
        bins = _bins(x.shape[axis], output)
        longest = max(stop - start for start, stop in bins)
        # Short bins repeat their last cell; `pool` gives those repeats no weight.
        places = [[min(start + i, stop - 1) for i in range(longest)] for start, stop in bins]
        weight = [
            [1.0 / (stop - start) if start + i < stop else 0.0 for i in range(longest)]
            for start, stop in bins
        ]
        cells = _core.gather(x, as_index(places), axis)
        shape = (1,) * axis + (output, longest) + (1,) * (x.ndim - axis - 1)
        x = pool(cells, axis + 1, _core.reshape(as_tensor(weight, x.dtype), shape))
    return x if last else to_channels_first(x)


def _mean(cells: Tensor, axis: int, weight: Tensor) -> Tensor:
    return _core.reduce("sum", _core.binary("multiply", cells, weight), axis, False)


def _first_maximum(cells: Tensor, axis: int, weight: Tensor) -> Tensor:
    best = _core.arg_reduce("argmax", cells.detach(), axis, True)
    return _core.squeeze(_core.take_along(cells, best, axis), axis)


@op
def adaptive_average_pool(
    inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Tensor:
    """Mean over windows laid out so that the result has a given size.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        output_size: The spatial size of the result, one number or one per axis.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A float tensor.

    Example:
        >>> x = corten.ops.reshape(corten.ops.arange(6.0), (1, 6, 1))
        >>> corten.ops.adaptive_average_pool(x, 2).tolist()
        [[[1.0], [4.0]]]
    """
    return _adaptive("adaptive_average_pool", as_float(inputs), output_size, data_format, _mean)


@op
def adaptive_max_pool(
    inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Tensor:
    """Largest element of windows laid out so that the result has a given size.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        output_size: The spatial size of the result, one number or one per axis.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the dtype of `inputs`.

    Example:
        >>> corten.ops.adaptive_max_pool(corten.ops.reshape(corten.ops.arange(6.0), (1, 6, 1)), 2).tolist()
        [[[2.0], [5.0]]]
    """
    return _adaptive("adaptive_max_pool", as_tensor(inputs), output_size, data_format, _first_maximum)
