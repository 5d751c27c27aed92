"""Recurrent layers over whole sequences, as single kernels."""

from __future__ import annotations

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_tensor, promoted_float
from corten.ops.dispatch import op


def _state(name: str, what: str, state: TensorLike | None, inputs: Tensor, units: int) -> Tensor:
    batch = inputs.shape[0]
    if state is None:
        return _core.full((batch, units), 0.0, inputs.dtype)
    state = as_tensor(state, inputs.dtype)
    if state.shape != (batch, units):
        raise ValueError(f"{name}: {what} must be {(batch, units)}; got {state.shape}")
    return state


def _kernels(
    name: str, inputs: TensorLike, kernel: TensorLike, recurrent_kernel: TensorLike, gates: int
) -> tuple[Tensor, Tensor, Tensor, int]:
    inputs, kernel, recurrent = promoted_float(inputs, kernel, recurrent_kernel)
    if inputs.ndim != 3:
        raise ValueError(f"{name}: inputs need 3 dimensions (batch, steps, features); got shape {inputs.shape}")
    units = recurrent.shape[0]
    expected = (inputs.shape[2], gates * units), (units, gates * units)
    if (kernel.shape, recurrent.shape) != expected:
        raise ValueError(
            f"{name}: for inputs {inputs.shape} and {units} units kernel and recurrent_kernel must be "
            f"{expected[0]} and {expected[1]}; got {kernel.shape} and {recurrent.shape}"
        )
    return inputs, kernel, recurrent, units


@op
def lstm(
    inputs: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    initial_hidden: TensorLike | None = None,
    initial_cell: TensorLike | None = None,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """A long short-term memory over sequences (tanh and sigmoid; gates in the order i, f, c, o).

    Args:
        inputs: Shape ``(batch, steps, features)``.
        kernel: Shape ``(features, 4 * units)``.
        recurrent_kernel: Shape ``(units, 4 * units)``.
        bias: Shape ``(4 * units,)``; None is 0.
        initial_hidden: Shape ``(batch, units)``; None is 0.
        initial_cell: Shape ``(batch, units)``; None is 0.
        go_backwards: Whether to run from the last step to the first.

    Returns:
        Hidden states and cell states of all steps, in the order they were made, each
        ``(batch, steps, units)``.

    Example:
        >>> hidden, cell = ops.lstm(ops.ones((2, 5, 3)), ops.ones((3, 16)), ops.ones((4, 16)))
        >>> hidden.shape, cell.shape
        ((2, 5, 4), (2, 5, 4))
    """
    inputs, kernel, recurrent, units = _kernels("lstm", inputs, kernel, recurrent_kernel, 4)
    hidden = _state("lstm", "initial_hidden", initial_hidden, inputs, units)
    cell = _state("lstm", "initial_cell", initial_cell, inputs, units)
    offset = _core.full((4 * units,), 0.0, inputs.dtype) if bias is None else as_tensor(bias, inputs.dtype)
    if go_backwards:
        inputs = _core.flip(inputs, (1,))
    hidden_states, cell_states, _ = _core.lstm(inputs, kernel, recurrent, offset, hidden, cell)
    return hidden_states, cell_states


@op
def gru(
    inputs: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    initial_hidden: TensorLike | None = None,
    go_backwards: bool = False,
) -> Tensor:
    """A gated recurrent unit over sequences (tanh and sigmoid; gates in the order z, r, h).

    The reset gate is applied after the recurrent product (Keras's ``reset_after=True``).

    Args:
        inputs: Shape ``(batch, steps, features)``.
        kernel: Shape ``(features, 3 * units)``.
        recurrent_kernel: Shape ``(units, 3 * units)``.
        bias: Shape ``(2, 3 * units)``, for inputs and state; None is 0.
        initial_hidden: Shape ``(batch, units)``; None is 0.
        go_backwards: Whether to run from the last step to the first.

    Returns:
        Hidden states of all steps, in the order they were made: ``(batch, steps, units)``.

    Example:
        >>> ops.gru(ops.ones((2, 5, 3)), ops.ones((3, 12)), ops.ones((4, 12))).shape
        (2, 5, 4)
    """
    inputs, kernel, recurrent, units = _kernels("gru", inputs, kernel, recurrent_kernel, 3)
    hidden = _state("gru", "initial_hidden", initial_hidden, inputs, units)
    offset = _core.full((2, 3 * units), 0.0, inputs.dtype) if bias is None else as_tensor(bias, inputs.dtype)
    if go_backwards:
        inputs = _core.flip(inputs, (1,))
    return _core.gru(inputs, kernel, recurrent, offset, hidden)[0]
