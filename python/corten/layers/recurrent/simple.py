"""The plain recurrent layer: `activation(inputs @ kernel + output before @ recurrent_kernel + bias)`."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.recurrent.cell import BaseCell
from corten.layers.recurrent.loop import CellLayer


class SimpleRNNCell(BaseCell):
    """One step of `SimpleRNN`; the arguments are those of that layer.

    Example:
        >>> import numpy as np
        >>> cell = SimpleRNNCell(4)
        >>> output, states = cell(np.ones((2, 3), "float32"), cell.get_initial_state(2))
        >>> output.shape
        (2, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
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
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
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

    def step(self, projected: Any, states: list[Any], training: bool | None) -> tuple[Any, list[Any]]:
        state = self._dropped_state(states[0], training)
        output = ops.add(projected, ops.matmul(state, self.recurrent_kernel))
        if self.activation is not None:
            output = self.activation(output)
        return output, [output]


class SimpleRNN(CellLayer):
    """Plain recurrent layer: each output is an activation of the input and the output before.

    Args:
        units: Size of the output.
        activation: Activation of the output.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of `kernel`, shape `(features, units)`.
        recurrent_initializer: Initializer of `recurrent_kernel`, shape `(units, units)`.
        bias_initializer: Initializer of `bias`, shape `(units,)`.
        kernel_regularizer: Penalty on `kernel`.
        recurrent_regularizer: Penalty on `recurrent_kernel`.
        bias_regularizer: Penalty on `bias`.
        activity_regularizer: Penalty on the layer's output.
        kernel_constraint: Projection of `kernel` after each optimizer step.
        recurrent_constraint: Projection of `recurrent_kernel` after each optimizer step.
        bias_constraint: Projection of `bias` after each optimizer step.
        dropout: Share of the input features dropped in training, the same at all steps.
        recurrent_dropout: Share of the state dropped in training, the same at all steps.
        return_sequences: Whether to return the outputs of all steps or the last one.
        return_state: Whether to return the final state too.
        go_backwards: Whether to run from the last step to the first.
        stateful: Whether each batch starts with the state the previous one ended with.
        unroll: Accepted for compatibility.
        seed: Seed of the dropout masks.

    Example:
        >>> import numpy as np
        >>> SimpleRNN(4, return_sequences=True)(np.ones((2, 5, 3), "float32")).shape
        (2, 5, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
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
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units,
            activation=activation,
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
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="simple_rnn_cell",
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
