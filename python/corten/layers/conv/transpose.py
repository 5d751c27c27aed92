"""Transposed convolutions: the gradient of a convolution, used to enlarge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, ops, regularizers
from corten.layers.arguments import integer_tuple
from corten.layers.conv.geometry import ConvolutionGeometry, positive_value
from corten.layers.weight_options import WeightOptions, bias_and_activation


class BaseConvTranspose(WeightOptions, ConvolutionGeometry):
    """Transposed convolution over `rank` spatial axes; use Conv1DTranspose and its siblings."""

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        layer = type(self).__name__
        self._set_geometry(kernel_size, strides, padding, data_format, dilation_rate)
        self.filters = positive_value(layer, "filters", filters)
        self.output_padding = (
            None
            if output_padding is None
            else integer_tuple(layer, "output_padding", output_padding, self.rank, allow_zero=True)
        )
        if self.output_padding is not None and any(
            extra >= stride for extra, stride in zip(self.output_padding, self.strides, strict=True)
        ):
            raise ValueError(
                f"{layer}: `output_padding` must be strictly less than `strides` on every axis; "
                f"got output_padding={self.output_padding}, strides={self.strides}."
            )
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_weight_options(
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        channels = self._input_channels(input_shape)
        self.kernel = self._add_option_weight("kernel", (*self.kernel_size, self.filters, channels))
        self.bias = self._add_option_weight("bias", (self.filters,)) if self.use_bias else None
        self.built = True

    def call(self, inputs: Any) -> Any:
        outputs = ops.conv_transpose(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return bias_and_activation(outputs, self.bias, self.activation, self._channel_axis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self._geometry_config(),
            "output_padding": self.output_padding,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weight_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }


class Conv1DTranspose(BaseConvTranspose):
    """Transposed convolution over one axis. The arguments are those of `Conv2DTranspose`, with single ints.

    Example:
        >>> import numpy as np
        >>> Conv1DTranspose(4, 3, strides=2)(np.ones((1, 5, 2), "float32")).shape
        (1, 11, 4)
    """

    rank = 1


class Conv2DTranspose(BaseConvTranspose):
    """Transposed convolution over two axes: turns an image into a larger one.

    Input `(batch, height, width, channels)`; with padding "same" the output is `strides` times as large.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the window, or one int for both.
        strides: How many times larger the output is, one int or two.
        padding: "valid" or "same".
        output_padding: Cells added at the end of the output, less than `strides`; None takes the size
            described above.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        dilation_rate: Distance between the cells of the kernel.
        activation: Activation to apply; None for none.
        use_bias: Whether to add a bias per output channel.
        kernel_initializer: Initializer of `kernel`, shape `(height, width, filters, channels)`.
        bias_initializer: Initializer of `bias`, shape `(filters,)`.
        kernel_regularizer: Penalty on `kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        kernel_constraint: Projection of `kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.

    Example:
        >>> import numpy as np
        >>> Conv2DTranspose(4, 3, strides=2, padding="same")(np.ones((1, 7, 7, 2), "float32")).shape
        (1, 14, 14, 4)
    """

    rank = 2


class Conv3DTranspose(BaseConvTranspose):
    """Transposed convolution over three axes; arguments as `Conv2DTranspose`, with one int or three.

    Example:
        >>> import numpy as np
        >>> Conv3DTranspose(4, 2, strides=2)(np.ones((1, 3, 3, 3, 2), "float32")).shape
        (1, 6, 6, 6, 4)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: int | Sequence[int] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        # Keras gives this class, and only this one, the two arguments in this order.
        super().__init__(filters, kernel_size, strides, padding, output_padding, data_format, *args, **kwargs)
