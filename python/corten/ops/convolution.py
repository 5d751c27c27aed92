"""Convolutions: dense, depthwise, separable, transposed.

The engine takes channels last and explicit padding; data formats and the names of paddings are
resolved here.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from corten import _core
from corten.ops._common import (
    Tensor,
    TensorLike,
    as_tensor,
    channels_last,
    per_axis,
    promoted_float,
    to_channels_first,
    to_channels_last,
)
from corten.ops.dispatch import op
from corten.symbolic import is_unknown_size, meta_tensor

Pair = tuple[int, int]


def padding_of(
    name: str, padding: str, sizes: Sequence[int], windows: Sequence[int], strides: Sequence[int]
) -> list[Pair]:
    """Gives the cells added before and after each spatial axis.

    'same' makes ``ceil(size / stride)`` results; an odd cell goes to the end. `windows` are the
    sizes of kernels with dilation.
    """
    kind = padding.lower() if isinstance(padding, str) else padding
    if kind == "valid":
        return [(0, 0)] * len(sizes)
    if kind == "causal" and len(sizes) == 1:
        return [(windows[0] - 1, 0)]
    if kind != "same":
        allowed = "'valid', 'same' or 'causal'" if len(sizes) == 1 else "'valid' or 'same'"
        raise ValueError(f"{name}: padding must be {allowed}; got {padding!r}")
    pairs = []
    for size, window, stride in zip(sizes, windows, strides, strict=True):
        missing = max((-(-size // stride) - 1) * stride + window - size, 0)
        pairs.append((missing // 2, missing - missing // 2))
    return pairs


def _operands(
    name: str, inputs: TensorLike, kernel: TensorLike, data_format: str | None
) -> tuple[Tensor, Tensor, bool]:
    x, w = promoted_float(inputs, kernel)
    last = data_format == "channels_last" or channels_last(name, data_format)
    rank = x.ndim
    if rank < 3 or rank > 5:
        raise ValueError(
            f"{name}: inputs need 3 to 5 dimensions (batch, 1 to 3 spatial axes, channels); "
            f"got shape {x.shape}"
        )
    if w.ndim != rank:
        raise ValueError(
            f"{name}: for inputs of shape {x.shape} the kernel needs {x.ndim} dimensions; got shape {w.shape}"
        )
    return (x if last else to_channels_last(x)), w, last


def _check_strides(name: str, strides: Sequence[int], dilation: Sequence[int]) -> None:
    for what, values in (("strides", strides), ("dilation_rate", dilation)):
        if min(values) < 1:
            raise ValueError(f"{name}: {what} must be positive; got {tuple(values)}")


def _plan(
    name: str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: int | Sequence[int],
    padding: str,
    dilation_rate: int | Sequence[int],
) -> tuple[tuple[int, ...], list[Pair], tuple[int, ...]]:
    """Gives strides, explicit padding and dilation, one per spatial axis."""
    count = len(sizes)
    steps = per_axis(name, "strides", strides, count)
    dilation = per_axis(name, "dilation_rate", dilation_rate, count)
    _check_strides(name, steps, dilation)
    windows = [(size - 1) * by + 1 for size, by in zip(kernel, dilation, strict=True)]
    return steps, padding_of(name, padding, sizes, windows, steps), dilation


# A network convolves the same few shapes over and over; nobody changes the lists given here.
_cached_plan = functools.lru_cache(maxsize=512, typed=True)(_plan)


def _convolve(
    name: str,
    x: Tensor,
    w: Tensor,
    strides: int | Sequence[int],
    padding: str,
    dilation_rate: int | Sequence[int],
    groups: int,
    bias: TensorLike | None = None,
    activation: str = "linear",
    residual: TensorLike | None = None,
    scale: float = 1.0,
) -> Tensor:
    sizes, kernel = x.shape[1:-1], w.shape[:-2]
    try:
        steps, pairs, dilation = _cached_plan(name, sizes, kernel, strides, padding, dilation_rate)
    except TypeError:
        # Lists cannot be keys.
        steps, pairs, dilation = _plan(name, sizes, kernel, strides, padding, dilation_rate)
    if bias is not None:
        return _core.conv_bias(x, w, bias, activation, steps, pairs, dilation, groups, residual, scale)
    return _core.conv(x, w, steps, pairs, dilation, groups)


def _with_channels(x: Tensor, channels: int) -> Tensor:
    """Gives symbolic inputs of unknown channels those that the kernel takes."""
    if is_unknown_size(x, -1):
        return meta_tensor((*x.shape[:-1], channels), x.dtype)
    return x


def _groups(name: str, x: Tensor, w: Tensor) -> int:
    channels, per_group = x.shape[-1], w.shape[-2]
    if per_group == 0 or channels % per_group:
        raise ValueError(
            f"{name}: the input channels must match the kernel, which takes {per_group} (or be a multiple of "
            f"them, for groups); got {channels} channels: inputs {x.shape} (channels last), kernel {w.shape}"
        )
    return channels // per_group


@op
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Convolution in one, two or three spatial dimensions.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        kernel: Shape ``(spatial..., input channels, output channels)``. If the input channels are
            fewer than those of `inputs`, they are convolved in so many groups.
        strides: The step of the window, one number or one per spatial axis.
        padding: ``'valid'``, ``'same'`` or (1-D) ``'causal'``.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.
        dilation_rate: The distance of kernel cells.

    Returns:
        A float tensor in the same data format.

    Raises:
        ValueError: Shapes, strides or padding do not fit.

    Example:
        >>> image, kernel = corten.ops.ones((1, 5, 5, 3)), corten.ops.ones((3, 3, 3, 4))
        >>> corten.ops.conv(image, kernel, strides=2, padding="same").shape
        (1, 3, 3, 4)
    """
    x, w, last = _operands("conv", inputs, kernel, data_format)
    x = _with_channels(x, w.shape[-2])
    result = _convolve("conv", x, w, strides, padding, dilation_rate, _groups("conv", x, w))
    return result if last else to_channels_first(result)


@op
def conv_bias(
    inputs: TensorLike,
    kernel: TensorLike,
    bias: TensorLike,
    activation: str = "linear",
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    residual: TensorLike | None = None,
    scale: float = 1.0,
) -> Tensor:
    """``activation(scale * conv(inputs, kernel) + residual + bias)`` in one pass.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        kernel: Shape ``(spatial..., input channels, output channels)``; groups as for `conv`.
        bias: Shape ``(output channels,)``.
        activation: ``'linear'``, ``'relu'``, ``'sigmoid'``, ``'tanh'``, ``'gelu'``, ``'gelu_tanh'`` or
            ``'silu'``.
        strides: The step of the window, one number or one per spatial axis.
        padding: ``'valid'``, ``'same'`` or (1-D) ``'causal'``.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.
        dilation_rate: The distance of kernel cells.
        residual: Of the shape of the result, as a skip connection brings; None adds nothing.
        scale: Multiplies the convolution.

    Returns:
        A float tensor in the same data format.

    Raises:
        ShapeError: The residual does not have the shape of the result.
        ValueError: Shapes, strides or padding do not fit, or the activation is not known.

    Example:
        >>> image, kernel = corten.ops.ones((1, 3, 3, 1)), corten.ops.ones((3, 3, 1, 2))
        >>> corten.ops.conv_bias(image, kernel, [1.0, -10.0], "relu").tolist()
        [[[[10.0, 0.0]]]]
    """
    x, w, last = _operands("conv_bias", inputs, kernel, data_format)
    x = _with_channels(x, w.shape[-2])
    groups = _groups("conv_bias", x, w)
    if residual is not None and not last:
        residual = to_channels_last(as_tensor(residual))
    result = _convolve(
        "conv_bias", x, w, strides, padding, dilation_rate, groups, bias, activation, residual, scale
    )
    return result if last else to_channels_first(result)


@op
def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Convolution of each channel by itself.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        kernel: Shape ``(spatial..., channels, multiplier)``.
        strides: The step of the window.
        padding: ``'valid'``, ``'same'`` or (1-D) ``'causal'``.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.
        dilation_rate: The distance of kernel cells.

    Returns:
        A float tensor with ``channels * multiplier`` channels.

    Example:
        >>> corten.ops.depthwise_conv(corten.ops.ones((1, 4, 4, 3)), corten.ops.ones((2, 2, 3, 2))).shape
        (1, 3, 3, 6)
    """
    x, w, last = _operands("depthwise_conv", inputs, kernel, data_format)
    result = _depthwise("depthwise_conv", x, w, strides, padding, dilation_rate)
    return result if last else to_channels_first(result)


def _depthwise(
    name: str,
    x: Tensor,
    w: Tensor,
    strides: int | Sequence[int],
    padding: str,
    dilation_rate: int | Sequence[int],
) -> Tensor:
    x = _with_channels(x, w.shape[-2])
    channels = x.shape[-1]
    if w.shape[-2] != channels:
        raise ValueError(
            f"{name}: the input channels must match the kernel, which has one slice per channel; got inputs "
            f"{x.shape} (channels last) and kernel {w.shape}"
        )
    grouped = _core.reshape(w, (*w.shape[:-2], 1, channels * w.shape[-1]))
    return _convolve(name, x, grouped, strides, padding, dilation_rate, channels)


@op
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Depthwise convolution followed by a 1x1 convolution that mixes channels.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        depthwise_kernel: Shape ``(spatial..., channels, multiplier)``.
        pointwise_kernel: Shape ``(1..., channels * multiplier, output channels)``.
        strides: The step of the window.
        padding: ``'valid'``, ``'same'`` or (1-D) ``'causal'``.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.
        dilation_rate: The distance of kernel cells.

    Returns:
        A float tensor in the same data format.

    Example:
        >>> depthwise, pointwise = corten.ops.ones((2, 3, 1)), corten.ops.ones((1, 3, 8))
        >>> corten.ops.separable_conv(corten.ops.ones((1, 4, 3)), depthwise, pointwise).shape
        (1, 3, 8)
    """
    x, w, last = _operands("separable_conv", inputs, depthwise_kernel, data_format)
    middle = _depthwise("separable_conv", x, w, strides, padding, dilation_rate)
    pointwise = as_tensor(pointwise_kernel, middle.dtype)
    result = _convolve("separable_conv", middle, pointwise, 1, "valid", 1, 1)
    return result if last else to_channels_first(result)


def _transposed_axis(
    size: int, kernel: int, stride: int, padding: str, output_padding: int | None, dilation: int
) -> tuple[int, Pair]:
    """Gives output size, and the padding of the convolution of which this is the input gradient."""
    window = (kernel - 1) * dilation + 1
    covered = (size - 1) * stride + window
    # Without output_padding, 'valid' covers what every window touches and at least `stride` cells
    # per input; 'same' gives exactly size * stride.
    if padding == "valid":
        return covered + (max(stride - window, 0) if output_padding is None else output_padding), (0, 0)
    output = size * stride if output_padding is None else covered - window // 2 * 2 + output_padding
    # As TensorFlow and JAX cut it: half of what is too much at the start, the odd cell at the end.
    low = max((covered - output) // 2, 0)
    # Cells past the last window need no padding: the convolution's size rounds down over them.
    return output, (low, max(covered - output - low, 0))


@op
def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Transposed convolution: the gradient of a convolution with respect to its input.

    Args:
        inputs: Shape ``(batch, spatial..., channels)``, or channels second for 'channels_first'.
        kernel: Shape ``(spatial..., output channels, input channels)``.
        strides: By how much the result is larger.
        padding: ``'valid'`` (everything a window touches) or ``'same'`` (size times stride).
        output_padding: Cells added to the end of the result, less than the stride.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.
        dilation_rate: The distance of kernel cells.

    Returns:
        A float tensor in the same data format.

    Example:
        >>> x, kernel = corten.ops.ones((1, 3, 2)), corten.ops.ones((3, 4, 2))
        >>> corten.ops.conv_transpose(x, kernel, strides=2, padding="same").shape
        (1, 6, 4)
    """
    name = "conv_transpose"
    x, w, last = _operands(name, inputs, kernel, data_format)
    x = _with_channels(x, w.shape[-1])
    count = x.ndim - 2
    if w.shape[-1] != x.shape[-1]:
        raise ValueError(
            f"{name}: the input channels must match the kernel, which is (spatial..., output channels, input "
            f"channels); got inputs {x.shape} (channels last) and kernel {w.shape}"
        )
    steps, dilation = (
        per_axis(name, "strides", strides, count),
        per_axis(name, "dilation_rate", dilation_rate, count),
    )
    kind = padding.lower()
    if kind not in ("valid", "same"):
        raise ValueError(f"{name}: padding must be 'valid' or 'same'; got {padding!r}")
    extras: Sequence[int | None] = (None,) * count
    if output_padding is not None:
        extras = per_axis(name, "output_padding", output_padding, count)
        if any(extra >= step for extra, step in zip(extras, steps, strict=True)):
            raise ValueError(f"{name}: output_padding must be less than strides; got {extras} and {steps}")
    plans = [
        _transposed_axis(size, window, step, kind, extra, by)
        for size, window, step, extra, by in zip(
            x.shape[1:-1], w.shape, steps, extras, dilation, strict=False
        )
    ]
    pairs = [pair for _, pair in plans]
    result = _core.conv_transpose(x, w, steps, pairs, dilation, 1, [output for output, _ in plans])
    return result if last else to_channels_first(result)
