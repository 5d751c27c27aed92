"""Separable convolutions: a depthwise convolution, then one of size 1 that mixes the channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, ops, regularizers
from corten.layers.conv.geometry import ConvolutionGeometry, positive_value
from corten.layers.conv.plain import pad_causal
from corten.layers.weight_options import WeightOptions, bias_and_activation


class BaseSeparableConv(WeightOptions, ConvolutionGeometry):
    """Separable convolution over `rank` spatial axes; use SeparableConv1D or SeparableConv2D."""

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        layer = type(self).__name__
        self._set_geometry(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            allow_causal=self.rank == 1,
            allow_dilated_strides=True,
        )
        self.depth_multiplier = positive_value(layer, "depth_multiplier", depth_multiplier)
        self.filters = positive_value(layer, "filters", filters)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_weight_options(
            depthwise=(depthwise_initializer, depthwise_regularizer, depthwise_constraint),
            pointwise=(pointwise_initializer, pointwise_regularizer, pointwise_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        channels = self._input_channels(input_shape)
        self._check_output_size(input_shape)
        ones = (1,) * self.rank
        self.depthwise_kernel = self._add_option_weight(
            "depthwise", (*self.kernel_size, channels, self.depth_multiplier), name="depthwise_kernel"
        )
        self.pointwise_kernel = self._add_option_weight(
            "pointwise", (*ones, self.depth_multiplier * channels, self.filters), name="pointwise_kernel"
        )
        self.bias = self._add_option_weight("bias", (self.filters,)) if self.use_bias else None
        self.built = True

    def call(self, inputs: Any) -> Any:
        padding = self.padding
        if padding == "causal":
            inputs = pad_causal(inputs, self.kernel_size[0], self.dilation_rate[0], self.data_format)
            padding = "valid"
        outputs = ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return bias_and_activation(outputs, self.bias, self.activation, self._channel_axis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self._geometry_config(),
            "depth_multiplier": self.depth_multiplier,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weight_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }


class SeparableConv1D(BaseSeparableConv):
    """Separable convolution over one axis. The arguments are those of `SeparableConv2D`, with single ints.

    `padding` may also be "causal": a step of the output then sees no later step.

    Example:
        >>> import numpy as np
        >>> SeparableConv1D(6, 3)(np.ones((1, 10, 4), "float32")).shape
        (1, 8, 6)
    """

    rank = 1


class SeparableConv2D(BaseSeparableConv):
    """A depthwise convolution over two axes followed by a 1x1 convolution that mixes the channels.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the depthwise window, or one int for both.
        strides: Step of the window, one int or two (equal).
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        dilation_rate: Distance between the cells of the depthwise kernel.
        depth_multiplier: Channels that the depthwise step makes of each input channel.
        activation: Activation to apply; None for none.
        use_bias: Whether to add a bias per output channel.
        depthwise_initializer: Initializer of `depthwise_kernel`, `(height, width, channels,
            depth_multiplier)`.
        pointwise_initializer: Initializer of `pointwise_kernel`, `(1, 1, channels * depth_multiplier,
            filters)`.
        bias_initializer: Initializer of `bias`, shape `(filters,)`.
        depthwise_regularizer: Penalty on `depthwise_kernel`.
        pointwise_regularizer: Penalty on `pointwise_kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        depthwise_constraint: Projection of `depthwise_kernel` after each optimizer step.
        pointwise_constraint: Projection of `pointwise_kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.

    Example:
        >>> import numpy as np
        >>> SeparableConv2D(6, 3)(np.ones((1, 8, 8, 4), "float32")).shape
        (1, 6, 6, 6)
    """

    rank = 2
