"""NASNet: cells of a searched design, stacked (https://arxiv.org/abs/1707.07012, figure 4)."""

from __future__ import annotations

from typing import Any

from corten import layers
from corten.applications.building import Options, batch_norm, channel_axis, padding_for_stride
from corten.models import Model


def nasnet(
    options: Options,
    network: str,
    size: int,
    stem_filters: int,
    filters: int,
    repeats: int,
    skip_reduction: bool,
) -> Model:
    """Builds one of the networks.

    Args:
        options: What the user asked for.
        network: The network's entry in the table of published weights.
        size: Height and width it was published with.
        stem_filters: Channels of the first convolution.
        filters: Channels of a branch in the first cells; each reduction doubles them.
        repeats: Normal cells between reductions.
        skip_reduction: Whether a cell after a reduction sees the reduction's second input, not its first.
    """
    image = options.image(size, require_flatten=True if options.input_shape is None else None)
    x = layers.Conv2D(
        stem_filters, 3, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1"
    )(image)
    stem = _norm(x, "stem_bn1")
    previous = _reduction(stem, stem, filters // 4, "stem_1")
    adjusted = _halved(stem, filters // 2, "stem_2")
    x = _reduction(previous, adjusted, filters // 2, "stem_2")
    for stage in range(3):
        width = filters * 2**stage
        # The published names leave out the number of the first reduction.
        first = stage * repeats + (stage > 0)
        if stage > 0:
            name = f"reduce_{stage * repeats}"
            reduced = _reduction(x, _projected(previous, width, name), width, name)
            previous, x = previous if skip_reduction else x, reduced
        for index in range(repeats):
            name = str(first + index)
            # Before each stage height and width were halved, after the cell before that.
            adjust = _halved if index == 0 else _projected
            previous, x = x, _normal(x, adjust(previous, width, name), width, name)
    x = layers.Activation("relu")(x)
    return options.model(image, options.head(x, named=False), network)


def _norm(x: Any, name: str) -> Any:
    return batch_norm(x, name, momentum=0.9997)


def _convolution(x: Any, filters: int, name: str) -> Any:
    return layers.Conv2D(
        filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)


def _padding(x: Any, kernel_size: int) -> Any:
    """Padding before a stride of 2; of the same size on both sides where height or width is not known."""
    sizes = x.shape[2:4] if channel_axis() == 1 else x.shape[1:3]
    return kernel_size // 2 if None in sizes else padding_for_stride(x, kernel_size)


def _separable(x: Any, filters: int, kernel_size: int, name: str, strides: int = 1) -> Any:
    """ReLU, separable convolution and batch normalization, twice; the first may have a stride."""
    for index in (1, 2):
        x = layers.Activation("relu")(x)
        stride = strides if index == 1 else 1
        if stride > 1:
            pad = layers.ZeroPadding2D(_padding(x, kernel_size), name=f"separable_conv_{index}_pad_{name}")
            x = pad(x)
        x = layers.SeparableConv2D(
            filters,
            kernel_size,
            strides=stride,
            padding="valid" if stride > 1 else "same",
            use_bias=False,
            name=f"separable_conv_{index}_{name}",
        )(x)
        x = _norm(x, f"separable_conv_{index}_bn_{name}")
    return x


def _halved(previous: Any, filters: int, name: str) -> Any:
    """Brings an earlier cell's output to half its height and width: every second pixel, from two starts."""
    previous = layers.Activation("relu", name=f"adjust_relu_1_{name}")(previous)
    even = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_1_{name}")(previous)
    even = _convolution(even, filters // 2, f"adjust_conv_1_{name}")
    odd = layers.ZeroPadding2D(((0, 1), (0, 1)))(previous)
    odd = layers.Cropping2D(((1, 0), (1, 0)))(odd)
    odd = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_2_{name}")(odd)
    odd = _convolution(odd, filters // 2, f"adjust_conv_2_{name}")
    both = layers.Concatenate(axis=channel_axis())([even, odd])
    return _norm(both, f"adjust_bn_{name}")


def _projected(previous: Any, filters: int, name: str) -> Any:
    """Brings an earlier cell's output to the wanted number of channels."""
    if previous.shape[channel_axis()] == filters:
        return previous
    previous = layers.Activation("relu")(previous)
    previous = _convolution(previous, filters, f"adjust_conv_projection_{name}")
    return _norm(previous, f"adjust_bn_{name}")


def _entry(x: Any, filters: int, kind: str, name: str) -> Any:
    x = layers.Activation("relu")(x)
    return _norm(_convolution(x, filters, f"{kind}_conv_1_{name}"), f"{kind}_bn_1_{name}")


def _average(x: Any, name: str) -> Any:
    return layers.AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def _normal(x: Any, previous: Any, filters: int, name: str) -> Any:
    """The cell that keeps height and width."""
    x = _entry(x, filters, "normal", name)

    def separable(inputs: Any, kernel_size: int, branch: str) -> Any:
        return _separable(inputs, filters, kernel_size, f"normal_{branch}_{name}")

    def add(number: int, left: Any, right: Any) -> Any:
        return layers.Add(name=f"normal_add_{number}_{name}")([left, right])

    parts = [
        previous,
        add(1, separable(x, 5, "left1"), separable(previous, 3, "right1")),
        add(2, separable(previous, 5, "left2"), separable(previous, 3, "right2")),
        add(3, _average(x, f"normal_left3_{name}"), previous),
        add(4, _average(previous, f"normal_left4_{name}"), _average(previous, f"normal_right4_{name}")),
        add(5, separable(x, 3, "left5"), x),
    ]
    return layers.Concatenate(axis=channel_axis(), name=f"normal_concat_{name}")(parts)


def _reduction(x: Any, previous: Any, filters: int, name: str) -> Any:
    """The cell that halves height and width."""
    x = _entry(x, filters, "reduction", name)
    padded = layers.ZeroPadding2D(_padding(x, 3), name=f"reduction_pad_1_{name}")(x)

    def separable(inputs: Any, kernel_size: int, branch: str, strides: int = 2) -> Any:
        return _separable(inputs, filters, kernel_size, f"reduction_{branch}_{name}", strides)

    def add(part: str, left: Any, right: Any) -> Any:
        return layers.Add(name=f"reduction_{part}_{name}")([left, right])

    first = add("add_1", separable(x, 5, "left1"), separable(previous, 7, "right1"))
    largest = layers.MaxPooling2D(3, strides=2, name=f"reduction_left2_{name}")(padded)
    second = add("add_2", largest, separable(previous, 7, "right2"))
    mean = layers.AveragePooling2D(3, strides=2, name=f"reduction_left3_{name}")(padded)
    third = add("add3", mean, separable(previous, 5, "right3"))
    fourth = layers.Add()([second, _average(first, f"reduction_left4_{name}")])
    # The published names count this branch as the fourth too.
    left = separable(first, 3, "left4", strides=1)
    fifth = add("add4", left, layers.MaxPooling2D(3, strides=2, name=f"reduction_right5_{name}")(padded))
    parts = [second, third, fourth, fifth]
    return layers.Concatenate(axis=channel_axis(), name=f"reduction_concat_{name}")(parts)
