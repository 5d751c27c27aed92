"""Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gate by Gers et al., 2000)."""

from __future__ import annotations

from typing import Any

from corten import activations, ops
from corten.layers.recurrent.cell import BaseCell, forget_gate_bias
from corten.layers.recurrent.loop import CellLayer, cell_property


class LSTMCell(BaseCell):
    """One step of `LSTM`; the arguments are those of that layer.

    Example:
        >>> import numpy as np
        >>> cell = LSTMCell(4)
        >>> output, states = cell(np.ones((2, 3), "float32"), cell.get_initial_state(2))
        >>> output.shape, len(states)
        ((2, 4), 2)
    """

    gates = 4

    def __init__(
        self,
        units: int,
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
        kwargs.pop("implementation", None)  # Chose between loops with equal results.
        super().__init__(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            recurrent=(recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def _build_bias(self, columns: int) -> None:
        if not self.unit_forget_bias:
            super()._build_bias(columns)
            return
        start = forget_gate_bias(self.bias_initializer, self.units)
        self.bias = self._add_option_weight("bias", (columns,), initializer=start)

    def step(self, projected: Any, states: list[Any], training: bool | None) -> tuple[Any, list[Any]]:
        hidden, memory = self._dropped_state(states[0], training), states[1]
        sums = ops.add(projected, ops.matmul(hidden, self.recurrent_kernel))
        units = self.units
        enter = self.recurrent_activation(sums[:, :units])
        keep = self.recurrent_activation(sums[:, units : 2 * units])
        candidate = self.activation(sums[:, 2 * units : 3 * units])
        leave = self.recurrent_activation(sums[:, 3 * units :])
        memory = ops.add(ops.multiply(keep, memory), ops.multiply(enter, candidate))
        hidden = ops.multiply(leave, self.activation(memory))
        return hidden, [hidden, memory]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


class LSTM(CellLayer):
    """Long short-term memory: a recurrent layer with a memory cell and three gates.

    With the default activations, no mask and no recurrent dropout, the whole sequence runs in one fused op.

    Args:
        units: Size of the output.
        activation: Activation of the candidate and the output.
        recurrent_activation: Activation of the gates.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of `kernel`, shape `(features, 4 * units)`; gates in the order input,
            forget, candidate, output.
        recurrent_initializer: Initializer of `recurrent_kernel`, shape `(units, 4 * units)`.
        bias_initializer: Initializer of `bias`, shape `(4 * units,)`.
        unit_forget_bias: Whether the forget gate's bias starts at 1.
        kernel_regularizer: Penalty on `kernel`.
        recurrent_regularizer: Penalty on `recurrent_kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        kernel_constraint: Projection of `kernel` after each optimizer step.
        recurrent_constraint: Projection of `recurrent_kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.
        dropout: Share of the input features dropped in training, the same at all steps.
        recurrent_dropout: Share of the state dropped in training, the same at all steps.
        seed: Seed of the dropout masks.
        return_sequences: Whether to return the outputs of all steps or the last one.
        return_state: Whether to return the final states (output and memory) too.
        go_backwards: Whether to run from the last step to the first.
        stateful: Whether each batch starts with the states the previous one ended with.
        unroll: Accepted for compatibility.
        use_cudnn: Accepted for compatibility.

    Example:
        >>> import numpy as np
        >>> x = np.ones((2, 5, 3), "float32")
        >>> LSTM(4)(x).shape
        (2, 4)
        >>> [y.shape for y in LSTM(4, return_sequences=True, return_state=True)(x)]
        [(2, 5, 4), (2, 4), (2, 4)]
    """

    recurrent_activation = cell_property("recurrent_activation")
    unit_forget_bias = cell_property("unit_forget_bias")

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        kwargs.pop("implementation", None)
        cell = LSTMCell(
            units,
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
            name="lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def inner_loop(
        self, sequences: Any, states: list[Any], mask: Any, training: bool | None
    ) -> tuple[Any, Any, list[Any]]:
        cell = self.cell
        fusible = (
            mask is None
            and cell.activation is activations.tanh
            and cell.recurrent_activation is activations.sigmoid
            and not (training and cell.recurrent_dropout > 0)
        )
        if not fusible:
            return super().inner_loop(sequences, states, mask, training)
        if training and cell.dropout > 0:
            sequences = ops.multiply(sequences, ops.expand_dims(cell.get_dropout_mask(sequences[:, 0]), 1))
        hidden, memory = ops.lstm(
            sequences,
            cell.kernel,
            cell.recurrent_kernel,
            cell.bias,
            initial_hidden=states[0],
            initial_cell=states[1],
            go_backwards=self.go_backwards,
        )
        last = hidden[:, -1]
        return last, hidden, [last, memory[:, -1]]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "use_cudnn": self.use_cudnn}
