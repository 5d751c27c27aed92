"""Gated recurrent unit (Cho et al., 2014)."""

from __future__ import annotations

from typing import Any

from corten import activations, ops
from corten.layers.recurrent.cell import BaseCell
from corten.layers.recurrent.loop import CellLayer, cell_property


class GRUCell(BaseCell):
    """One step of `GRU`; the arguments are those of that layer.

    Example:
        >>> import numpy as np
        >>> cell = GRUCell(4)
        >>> output, states = cell(np.ones((2, 3), "float32"), cell.get_initial_state(2))
        >>> output.shape
        (2, 4)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
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
        self.reset_after = reset_after

    def _build_bias(self, columns: int) -> None:
        shape = (2, columns) if self.reset_after else (columns,)
        self.bias = self._add_option_weight("bias", shape)

    def _input_bias(self) -> Any:
        if self.bias is None or not self.reset_after:
            return self.bias
        return ops.convert_to_tensor(self.bias)[0]

    def step(self, projected: Any, states: list[Any], training: bool | None) -> tuple[Any, list[Any]]:
        before = states[0]
        state = self._dropped_state(before, training)
        units = self.units
        kernel = ops.convert_to_tensor(self.recurrent_kernel)
        if self.reset_after:
            inner = ops.matmul(state, kernel)
            if self.bias is not None:
                inner = ops.add(inner, ops.convert_to_tensor(self.bias)[1])
            gates = self.recurrent_activation(ops.add(projected[:, : 2 * units], inner[:, : 2 * units]))
            update, reset = gates[:, :units], gates[:, units:]
            recurrent = ops.multiply(reset, inner[:, 2 * units :])
        else:
            inner = ops.matmul(state, kernel[:, : 2 * units])
            gates = self.recurrent_activation(ops.add(projected[:, : 2 * units], inner))
            update, reset = gates[:, :units], gates[:, units:]
            recurrent = ops.matmul(ops.multiply(reset, state), kernel[:, 2 * units :])
        candidate = self.activation(ops.add(projected[:, 2 * units :], recurrent))
        output = ops.add(ops.multiply(update, before), ops.multiply(ops.subtract(1, update), candidate))
        return output, [output]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


class GRU(CellLayer):
    """Gated recurrent unit: a recurrent layer with an update and a reset gate.

    With the default activations, `reset_after=True`, no mask and no recurrent dropout, the whole sequence
    runs in one fused op.

    Args:
        units: Size of the output.
        activation: Activation of the candidate.
        recurrent_activation: Activation of the gates.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of `kernel`, shape `(features, 3 * units)`; gates in the order
            update, reset, candidate.
        recurrent_initializer: Initializer of `recurrent_kernel`, shape `(units, 3 * units)`.
        bias_initializer: Initializer of `bias`, shape `(2, 3 * units)`, or `(3 * units,)` with
            `reset_after=False`.
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
        return_state: Whether to return the final state too.
        go_backwards: Whether to run from the last step to the first.
        stateful: Whether each batch starts with the state the previous one ended with.
        unroll: Accepted for compatibility.
        reset_after: Whether the reset gate acts after the recurrent product (as CuDNN does) or before.
        use_cudnn: Accepted for compatibility.

    Example:
        >>> import numpy as np
        >>> GRU(4, return_sequences=True)(np.ones((2, 5, 3), "float32")).shape
        (2, 5, 4)
    """

    recurrent_activation = cell_property("recurrent_activation")
    reset_after = cell_property("reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        kwargs.pop("implementation", None)
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            reset_after=reset_after,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
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
            and cell.reset_after
            and cell.activation is activations.tanh
            and cell.recurrent_activation is activations.sigmoid
            and not (training and cell.recurrent_dropout > 0)
        )
        if not fusible:
            return super().inner_loop(sequences, states, mask, training)
        if training and cell.dropout > 0:
            sequences = ops.multiply(sequences, ops.expand_dims(cell.get_dropout_mask(sequences[:, 0]), 1))
        hidden = ops.gru(
            sequences,
            cell.kernel,
            cell.recurrent_kernel,
            cell.bias,
            states[0],
            go_backwards=self.go_backwards,
        )
        last = hidden[:, -1]
        return last, hidden, [last]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "use_cudnn": self.use_cudnn}
