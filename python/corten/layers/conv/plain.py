"""Conv1D, Conv2D and Conv3D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, ops, regularizers
from corten.layers.conv.geometry import ConvolutionGeometry, positive_value
from corten.layers.quantization.low_rank import LowRank
from corten.layers.weight_options import WeightOptions, bias_and_activation, engine_activation


class BaseConv(WeightOptions, LowRank, ConvolutionGeometry):
    """Convolution over `rank` spatial axes; use Conv1D, Conv2D or Conv3D."""

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
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
        layer = type(self).__name__
        lora = (kwargs.pop("lora_rank", None), kwargs.pop("lora_alpha", None))
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_lora(*lora)
        self._set_geometry(
            kernel_size, strides, padding, data_format, dilation_rate, allow_causal=self.rank == 1
        )
        self.filters = positive_value(layer, "filters", filters)
        if isinstance(groups, bool) or not hasattr(groups, "__index__") or groups <= 0:
            raise ValueError(
                f"{layer}: The number of groups must be a positive integer. Received: groups={groups}."
            )
        self.groups = int(groups)
        if self.filters % self.groups:
            raise ValueError(
                f"{layer}: The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_weight_options(
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        channels = self._input_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{type(self).__name__}: the input's channels must be divisible by `groups`; got "
                f"{channels} channels "
                f"(input shape {tuple(input_shape)}) and groups={self.groups}."
            )
        self._check_output_size(input_shape)
        self._adapted_shape = (*self.kernel_size, channels // self.groups, self.filters)
        self._kernel = self._add_option_weight("kernel", self._adapted_shape)
        self.bias = self._add_option_weight("bias", (self.filters,)) if self.use_bias else None
        self._enable_lora_if_asked()
        self.built = True

    @property
    def kernel(self) -> Any:
        """What inputs are convolved with."""
        return self._adapted_weight()

    @kernel.setter
    def kernel(self, value: Any) -> None:
        self._kernel = value

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution without bias and activation; a subclass may change the kernel here."""
        padding = self.padding
        if padding == "causal":
            inputs = pad_causal(inputs, self.kernel_size[0], self.dilation_rate[0], self.data_format)
            padding = "valid"
        return ops.conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def call(self, inputs: Any) -> Any:
        kernel = self._adapted_weight() if self._special else self._kernel
        batch_shape = None
        if len(inputs.shape) != self.rank + 2:
            inputs, batch_shape = fold_batch_axes(inputs, self.rank)
        fused = None if self.bias is None else engine_activation(self.activation)
        if fused is not None and type(self).convolution_op is BaseConv.convolution_op:
            outputs = ops.conv_bias(
                inputs,
                kernel,
                self.bias,
                fused,
                self.strides,
                self.padding,
                self.data_format,
                self.dilation_rate,
            )
        else:
            outputs = self.convolution_op(inputs, kernel)
            outputs = bias_and_activation(outputs, self.bias, self.activation, self._channel_axis)
        return unfold_batch_axes(outputs, batch_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self._geometry_config(),
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weight_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **self._lora_config(),
        }


class Conv1D(BaseConv):
    """Convolution over one axis: a sequence of vectors.

    Input `(batch, steps, channels)`, output `(batch, new_steps, filters)` (the channels come second with
    `data_format="channels_first"`).

    Args:
        filters: Number of output channels.
        kernel_size: Number of steps in the window.
        strides: Step of the window.
        padding: "valid" (only whole windows), "same" (zeros around, so that with strides 1 the output has
            the input's size) or "causal" (zeros before, so that a step of the output sees no later step).
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        dilation_rate: Distance between the cells of the kernel.
        groups: Splits the channels into groups that are convolved separately.
        activation: Activation to apply; None for none.
        use_bias: Whether to add a bias per output channel.
        kernel_initializer: Initializer of `kernel`, shape `(kernel_size, channels // groups, filters)`.
        bias_initializer: Initializer of `bias`, shape `(filters,)`.
        kernel_regularizer: Penalty on `kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        kernel_constraint: Projection of `kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.

    Example:
        >>> import numpy as np
        >>> Conv1D(8, 3, padding="causal")(np.ones((2, 10, 4), "float32")).shape
        (2, 10, 8)
    """

    rank = 1


class Conv2D(BaseConv):
    """Convolution over two axes: images.

    Input `(batch, height, width, channels)`, output `(batch, new_height, new_width, filters)` (the channels
    come second with `data_format="channels_first"`).

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the window, or one int for both.
        strides: Step of the window, one int or two.
        padding: "valid" (only whole windows) or "same" (zeros around, so that with strides 1 the output has
            the input's size).
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        dilation_rate: Distance between the cells of the kernel, one int or two.
        groups: Splits the channels into groups that are convolved separately.
        activation: Activation to apply; None for none.
        use_bias: Whether to add a bias per output channel.
        kernel_initializer: Initializer of `kernel`, shape `(height, width, channels // groups, filters)`.
        bias_initializer: Initializer of `bias`, shape `(filters,)`.
        kernel_regularizer: Penalty on `kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        kernel_constraint: Projection of `kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.

    Example:
        >>> import numpy as np
        >>> layer = Conv2D(32, (3, 3), activation="relu")
        >>> layer(np.ones((2, 28, 28, 1), "float32")).shape
        (2, 26, 26, 32)
        >>> layer.kernel.shape
        (3, 3, 1, 32)
    """

    rank = 2


class Conv3D(BaseConv):
    """Convolution over three axes: volumes, or images over time.

    Input `(batch, depth, height, width, channels)`. The arguments are those of `Conv2D`, with one int or
    three where that takes two.

    Example:
        >>> import numpy as np
        >>> Conv3D(4, 2)(np.ones((1, 5, 6, 7, 3), "float32")).shape
        (1, 4, 5, 6, 4)
    """

    rank = 3


def pad_causal(inputs: Any, kernel_size: int, dilation: int, data_format: str) -> Any:
    """Pad the start of the time axis so that step t of the output sees steps up to t only."""
    before = (dilation * (kernel_size - 1), 0)
    padding = [(0, 0), before, (0, 0)] if data_format == "channels_last" else [(0, 0), (0, 0), before]
    return ops.pad(inputs, padding)


def fold_batch_axes(inputs: Any, rank: int) -> tuple[Any, tuple[int, ...] | None]:
    """Merge all axes before the last `rank + 1` into one; the second result undoes it (None: not needed)."""
    shape = inputs.shape
    extra = len(shape) - rank - 2
    if extra == 0:
        return inputs, None
    return ops.reshape(inputs, (-1, *shape[extra + 1 :])), shape[: extra + 1]


def unfold_batch_axes(outputs: Any, batch_shape: tuple[int, ...] | None) -> Any:
    """Undo `fold_batch_axes`."""
    return outputs if batch_shape is None else ops.reshape(outputs, (*batch_shape, *outputs.shape[1:]))
