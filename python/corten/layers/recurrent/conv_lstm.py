"""LSTM whose products are convolutions (Shi et al., 2015): sequences of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, ops, random
from corten.layers.conv.geometry import ConvolutionGeometry, positive_value
from corten.layers.input_spec import InputSpec
from corten.layers.recurrent.cell import DropoutMasks, forget_gate_bias
from corten.layers.recurrent.loop import CellLayer, cell_property
from corten.layers.regularization import check_rate
from corten.layers.weight_options import WeightOptions

Shape = Sequence[int | None]


class ConvLSTMCell(DropoutMasks, WeightOptions, ConvolutionGeometry):
    """One step of `ConvLSTM1D`, `ConvLSTM2D` or `ConvLSTM3D`; the arguments are those of the layers.

    Example:
        >>> import numpy as np
        >>> cell = ConvLSTMCell(2, filters=4, kernel_size=3, padding="same")
        >>> states = [np.zeros((1, 5, 5, 4), "float32")] * 2
        >>> cell(np.ones((1, 5, 5, 3), "float32"), states)[0].shape
        (1, 5, 5, 4)
    """

    bias: Any = None

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self._set_geometry(
            kernel_size, strides, padding, data_format, dilation_rate, allow_dilated_strides=True
        )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"ConvLSTM{rank}D: Specifying `strides > 1` is not compatible with `dilation_rate > 1`; got "
                f"strides={self.strides}, dilation_rate={self.dilation_rate}. Set one of them to 1."
            )
        self.filters = positive_value("ConvLSTM", "filters", filters)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        self.unit_forget_bias = unit_forget_bias
        self._set_weight_options(
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            recurrent=(recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )
        self.dropout = check_rate("ConvLSTM", dropout)
        self.recurrent_dropout = check_rate("ConvLSTM", recurrent_dropout)
        self.seed = seed
        if dropout > 0 or recurrent_dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.state_size = [self.filters, self.filters]

    def build(self, input_shape: Shape, states_shape: Any = None) -> None:
        channels = self._input_channels(input_shape)
        self._check_output_size(input_shape)
        columns = 4 * self.filters
        self.kernel = self._add_option_weight("kernel", (*self.kernel_size, channels, columns))
        self.recurrent_kernel = self._add_option_weight(
            "recurrent", (*self.kernel_size, self.filters, columns), name="recurrent_kernel"
        )
        if self.use_bias:
            own = self.bias_initializer
            start = forget_gate_bias(own, self.filters) if self.unit_forget_bias else own
            self.bias = self._add_option_weight("bias", (columns,), initializer=start)
        self.built = True

    def state_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        """The shape of the states for one step's input shape."""
        last = self.data_format == "channels_last"
        spatial = input_shape[1:-1] if last else input_shape[2:]
        sizes: list[int | None] = []
        for size, window, stride, dilation in zip(
            spatial, self.kernel_size, self.strides, self.dilation_rate, strict=True
        ):
            covered = 1 if self.padding == "same" else (window - 1) * dilation + 1
            sizes.append(None if size is None else (size - covered) // stride + 1)
        batch = input_shape[0]
        return (batch, *sizes, self.filters) if last else (batch, self.filters, *sizes)

    def project_inputs(self, inputs: Any, training: bool | None) -> Any:
        """The part of a step that needs no state, for one step's inputs or a whole sequence."""
        whole = len(inputs.shape) == self.rank + 3
        if training and self.dropout > 0:
            mask = self.get_dropout_mask(inputs[:, 0] if whole else inputs)
            inputs = ops.multiply(inputs, ops.expand_dims(mask, 1) if whole else mask)
        leading = tuple(inputs.shape[:2])
        if whole:
            inputs = ops.reshape(inputs, (leading[0] * leading[1], *inputs.shape[2:]))
        result = ops.conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if self.bias is not None:
            shape = [1] * (self.rank + 2)
            shape[self._channel_axis] = -1
            result = ops.add(result, ops.reshape(self.bias, shape))
        return ops.reshape(result, (*leading, *result.shape[1:])) if whole else result

    def step(self, projected: Any, states: list[Any], training: bool | None) -> tuple[Any, list[Any]]:
        """One step from projected inputs and states: the output and the new states."""
        hidden, memory = states
        if training and self.recurrent_dropout > 0:
            hidden = ops.multiply(hidden, self.get_recurrent_dropout_mask(hidden))
        recurrent = ops.conv(hidden, self.recurrent_kernel, padding="same", data_format=self.data_format)
        enter, keep, candidate, leave = ops.split(ops.add(projected, recurrent), 4, axis=self._channel_axis)
        kept = ops.multiply(self.recurrent_activation(keep), memory)
        memory = ops.add(kept, ops.multiply(self.recurrent_activation(enter), self.activation(candidate)))
        hidden = ops.multiply(self.recurrent_activation(leave), self.activation(memory))
        return hidden, [hidden, memory]

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> Any:
        return self.step(self.project_inputs(inputs, training), list(states), training)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rank": self.rank,
            "filters": self.filters,
            **self._geometry_config(),
            "activation": activations.serialize(self.activation),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "use_bias": self.use_bias,
            "unit_forget_bias": self.unit_forget_bias,
            **self._weight_config(),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


class BaseConvLSTM(CellLayer):
    """Convolutional LSTM over `rank` spatial axes; use ConvLSTM1D, ConvLSTM2D or ConvLSTM3D."""

    rank: int
    filters = cell_property("filters")
    kernel_size = cell_property("kernel_size")
    strides = cell_property("strides")
    padding = cell_property("padding")
    data_format = cell_property("data_format")
    dilation_rate = cell_property("dilation_rate")
    recurrent_activation = cell_property("recurrent_activation")
    unit_forget_bias = cell_property("unit_forget_bias")

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = ConvLSTMCell(
            self.rank,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="conv_lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def _initial_state_for(self, sequences_shape: Shape) -> list[Any]:
        shape = self.cell.state_shape((sequences_shape[0], *sequences_shape[2:]))
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in self.state_size]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("rank", "unroll", "zero_output_for_mask"):
            del config[name]
        return config


class ConvLSTM1D(BaseConvLSTM):
    """Convolutional LSTM over sequences of rows `(batch, steps, size, channels)`; arguments as `ConvLSTM2D`.

    Example:
        >>> import numpy as np
        >>> ConvLSTM1D(4, 3)(np.ones((1, 2, 6, 3), "float32")).shape
        (1, 4, 4)
    """

    rank = 1


class ConvLSTM2D(BaseConvLSTM):
    """LSTM whose inputs and states are images: `(batch, steps, height, width, channels)`.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the window, or one int for both.
        strides: Step of the input's window.
        padding: "valid" or "same", for the input; the states are always padded to keep their size.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        dilation_rate: Distance between the cells of the input's kernel.
        activation: Activation of the candidate and the output.
        recurrent_activation: Activation of the gates.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of `kernel`, shape `kernel_size + (channels, 4 * filters)`.
        recurrent_initializer: Initializer of `recurrent_kernel`, `kernel_size + (filters, 4 * filters)`.
        bias_initializer: Initializer of `bias`, shape `(4 * filters,)`.
        unit_forget_bias: Whether the forget gate's bias starts at 1.
        kernel_regularizer: Penalty on `kernel`.
        recurrent_regularizer: Penalty on `recurrent_kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        kernel_constraint: Projection of `kernel` after each optimizer step.
        recurrent_constraint: Projection of `recurrent_kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.
        dropout: Share of the input dropped in training, the same at all steps.
        recurrent_dropout: Share of the state dropped in training, the same at all steps.
        seed: Seed of the dropout masks.
        return_sequences: Whether to return the outputs of all steps or the last one.
        return_state: Whether to return the final states (output and memory) too.
        go_backwards: Whether to run from the last step to the first.
        stateful: Whether each batch starts with the states the previous one ended with.

    Example:
        >>> import numpy as np
        >>> ConvLSTM2D(4, 3, padding="same", return_sequences=True)(np.ones((1, 2, 5, 5, 3), "float32")).shape
        (1, 2, 5, 5, 4)
    """

    rank = 2


class ConvLSTM3D(BaseConvLSTM):
    """Convolutional LSTM over sequences of volumes; arguments as `ConvLSTM2D`, with one int or three.

    Example:
        >>> import numpy as np
        >>> ConvLSTM3D(2, 2)(np.ones((1, 2, 3, 3, 3, 1), "float32")).shape
        (1, 2, 2, 2, 2)
    """

    rank = 3
