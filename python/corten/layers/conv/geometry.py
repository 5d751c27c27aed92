"""What all convolution layers share: window arguments, and the check of the input before weights exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.layers.arguments import (
    channel_axis,
    data_format_or_default,
    integer_tuple,
    known_size,
    padding_mode,
)
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer

_IMAGE_FIX = {
    3: "Sequences are (batch, steps, channels): add the missing axis with x[..., None] or Reshape.",
    4: "Images are (batch, height, width, channels): gray images need x[..., None].",
    5: "Volumes are (batch, depth, height, width, channels): add the missing axis with x[..., None].",
}


class ConvolutionGeometry(Layer):
    """Base of the convolution layers: kernel size, strides, padding, data format and dilation."""

    rank: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    data_format: str
    dilation_rate: tuple[int, ...]

    def _set_geometry(
        self,
        kernel_size: Any,
        strides: Any,
        padding: Any,
        data_format: Any,
        dilation_rate: Any,
        *,
        allow_causal: bool = False,
        allow_dilated_strides: bool = False,
    ) -> None:
        layer = type(self).__name__
        rank = self.rank
        self.kernel_size = integer_tuple(layer, "kernel_size", kernel_size, rank)
        self.strides = integer_tuple(layer, "strides", strides, rank)
        self.padding = padding_mode(layer, padding, allow_causal=allow_causal)
        self.data_format = data_format_or_default(layer, data_format)
        self.dilation_rate = integer_tuple(layer, "dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1 and not allow_dilated_strides:
            raise ValueError(
                f"{layer}: `strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}. Set one of "
                "them to 1."
            )
        self.input_spec = InputSpec(min_ndim=rank + 2)

    @property
    def _channel_axis(self) -> int:
        return channel_axis(self.data_format)

    def _input_channels(self, input_shape: Sequence[int | None]) -> int:
        """Check the rank of the input, pin its channels in `input_spec` and return them."""
        layer = type(self).__name__
        if len(input_shape) < self.rank + 2:
            raise ValueError(
                f"{layer}: the input must have {self.rank + 2} axes (batch included); got shape "
                f"{tuple(input_shape)} "
                f"with {len(input_shape)}. {_IMAGE_FIX[self.rank + 2]}"
            )
        channels = known_size(layer, input_shape, self._channel_axis, "channels")
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={self._channel_axis: channels})
        return channels

    def _check_output_size(self, input_shape: Sequence[int | None]) -> None:
        """Raise if a 'valid' convolution would leave nothing of some axis."""
        if self.padding != "valid":
            return
        spatial = (
            input_shape[-self.rank - 1 : -1]
            if self.data_format == "channels_last"
            else input_shape[-self.rank :]
        )
        for size, kernel, dilation in zip(spatial, self.kernel_size, self.dilation_rate, strict=True):
            if size is not None and (kernel - 1) * dilation + 1 > size:
                raise ValueError(
                    f"{type(self).__name__}: Computed output size would be zero or negative. The kernel "
                    f"{self.kernel_size} with dilation_rate={self.dilation_rate} does not fit into an "
                    "input of shape "
                    f"{tuple(input_shape)}; use padding='same', a smaller kernel or fewer pooling "
                    "layers before."
                )

    def _geometry_config(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }


def positive_value(layer: str, argument: str, value: Any) -> int:
    """Check `filters`, `depth_multiplier` and the like."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) <= 0:
        raise ValueError(
            f"{layer}: Invalid value for argument `{argument}`. Expected a strictly positive value. "
            f"Received {argument}={value}."
        )
    return int(value)
