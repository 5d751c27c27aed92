"""Depthwise convolutions: every channel has its own kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, ops, regularizers
from corten.layers.conv.geometry import ConvolutionGeometry, positive_value
from corten.layers.weight_options import WeightOptions, bias_and_activation


class BaseDepthwiseConv(WeightOptions, ConvolutionGeometry):
    """Depthwise convolution over `rank` spatial axes; use DepthwiseConv1D or DepthwiseConv2D."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_geometry(
            kernel_size, strides, padding, data_format, dilation_rate, allow_dilated_strides=True
        )
        self.depth_multiplier = positive_value(type(self).__name__, "depth_multiplier", depth_multiplier)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_weight_options(
            depthwise=(depthwise_initializer, depthwise_regularizer, depthwise_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        channels = self._input_channels(input_shape)
        self._check_output_size(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self._add_option_weight("depthwise", shape, name="kernel")
        filters = channels * self.depth_multiplier
        self.bias = self._add_option_weight("bias", (filters,)) if self.use_bias else None
        self.built = True

    def call(self, inputs: Any) -> Any:
        outputs = ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return bias_and_activation(outputs, self.bias, self.activation, self._channel_axis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **self._geometry_config(),
            "depth_multiplier": self.depth_multiplier,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weight_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }


class DepthwiseConv1D(BaseDepthwiseConv):
    """Depthwise convolution over one axis. The arguments are those of `DepthwiseConv2D`, with single ints.

    Example:
        >>> import numpy as np
        >>> DepthwiseConv1D(3, depth_multiplier=2)(np.ones((1, 10, 4), "float32")).shape
        (1, 8, 8)
    """

    rank = 1


class DepthwiseConv2D(BaseDepthwiseConv):
    """Convolution over two axes that does not mix channels: each gives `depth_multiplier` output channels.

    Args:
        kernel_size: Height and width of the window, or one int for both.
        strides: Step of the window, one int or two (equal).
        padding: "valid" or "same".
        depth_multiplier: Output channels per input channel.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        dilation_rate: Distance between the cells of the kernel.
        activation: Activation to apply; None for none.
        use_bias: Whether to add a bias per output channel.
        depthwise_initializer: Initializer of `kernel`, shape `(height, width, channels, depth_multiplier)`.
        bias_initializer: Initializer of `bias`, shape `(channels * depth_multiplier,)`.
        depthwise_regularizer: Penalty on `kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        depthwise_constraint: Projection of `kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.

    Example:
        >>> import numpy as np
        >>> DepthwiseConv2D(3, padding="same")(np.ones((1, 8, 8, 5), "float32")).shape
        (1, 8, 8, 5)
    """

    rank = 2
