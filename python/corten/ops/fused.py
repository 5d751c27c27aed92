"""Compositions that the engine has as single kernels."""

from __future__ import annotations

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_float, as_tensor, filled_beside, promoted_float
from corten.ops.dispatch import op


def _state(name: str, what: str, state: TensorLike | None, inputs: Tensor, units: int) -> Tensor:
    batch = inputs.shape[0]
    if state is None:
        return filled_beside(inputs, (batch, units), 0.0)
    state = as_tensor(state, inputs.dtype)
    if state.shape != (batch, units):
        raise ValueError(f"{name}: {what} must be {(batch, units)}; got {state.shape}")
    return state


def _kernels(
    name: str, inputs: TensorLike, kernel: TensorLike, recurrent_kernel: TensorLike, gates: int
) -> tuple[Tensor, Tensor, Tensor, int]:
    inputs, kernel, recurrent = promoted_float(inputs, kernel, recurrent_kernel)
    if inputs.ndim != 3:
        raise ValueError(
            f"{name}: inputs need 3 dimensions (batch, steps, features); got shape {inputs.shape}"
        )
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
        >>> kernel, recurrent = corten.ops.ones((3, 16)), corten.ops.ones((4, 16))
        >>> hidden, cell = corten.ops.lstm(corten.ops.ones((2, 5, 3)), kernel, recurrent)
        >>> hidden.shape, cell.shape
        ((2, 5, 4), (2, 5, 4))
    """
    inputs, kernel, recurrent, units = _kernels("lstm", inputs, kernel, recurrent_kernel, 4)
    hidden = _state("lstm", "initial_hidden", initial_hidden, inputs, units)
    cell = _state("lstm", "initial_cell", initial_cell, inputs, units)
    offset = filled_beside(inputs, (4 * units,), 0.0) if bias is None else as_tensor(bias, inputs.dtype)
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
        >>> kernel, recurrent = corten.ops.ones((3, 12)), corten.ops.ones((4, 12))
        >>> corten.ops.gru(corten.ops.ones((2, 5, 3)), kernel, recurrent).shape
        (2, 5, 4)
    """
    inputs, kernel, recurrent, units = _kernels("gru", inputs, kernel, recurrent_kernel, 3)
    hidden = _state("gru", "initial_hidden", initial_hidden, inputs, units)
    offset = filled_beside(inputs, (2, 3 * units), 0.0) if bias is None else as_tensor(bias, inputs.dtype)
    if go_backwards:
        inputs = _core.flip(inputs, (1,))
    return _core.gru(inputs, kernel, recurrent, offset, hidden)[0]


_BIAS_ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu")


@op
def bias_activation(x: TensorLike, bias: TensorLike, name: str = "linear") -> Tensor:
    """Adds a bias and applies an activation function.

    Args:
        x: Shape ``(..., channels)``.
        bias: Shape ``(channels,)``.
        name: ``'linear'``, ``'relu'``, ``'sigmoid'``, ``'tanh'``, ``'gelu'``, ``'gelu_tanh'`` or
            ``'silu'``.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.bias_activation([[-3.0, 1.0]], [1.0, 1.0], "relu").tolist()
        [[0.0, 2.0]]
    """
    if name not in _BIAS_ACTIVATIONS:
        raise ValueError(f"bias_activation: name must be one of {', '.join(_BIAS_ACTIVATIONS)}; got {name!r}")
    x, bias = promoted_float(x, bias)
    return _core.bias_activation(x, bias, name)


@op
def linear(
    x: TensorLike,
    kernel: TensorLike,
    bias: TensorLike,
    activation: str = "linear",
    axes: int = 1,
    residual: TensorLike | None = None,
    scale: float = 1.0,
) -> Tensor:
    """``activation(scale * (x @ kernel) + residual + bias)`` in one pass.

    Args:
        x: Shape ``(..., inner...)``.
        kernel: Shape ``(inner..., outer...)``.
        bias: Shape ``(outer...)``.
        activation: A name as for `bias_activation`.
        axes: How many axes ``inner`` stands for.
        residual: Shape ``(..., outer...)``, as a skip connection brings; None adds nothing.
        scale: Multiplies the product.

    Returns:
        A float tensor of shape ``(..., outer...)``.

    Raises:
        ShapeError: The shapes do not fit.
        ValueError: The activation is not known.

    Example:
        >>> corten.ops.linear([[1.0, 2.0]], [[3.0, -1.0], [1.0, -1.0]], [1.0, 2.0], "relu").tolist()
        [[6.0, 0.0]]
    """
    return _core.linear(x, kernel, bias, activation, axes, residual, scale)


@op
def batch_norm_training(
    x: TensorLike,
    scale: TensorLike | None = None,
    offset: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalization with the statistics of the batch itself.

    Args:
        x: Shape ``(batch, ..., channels)``.
        scale: The factor of each channel; None is 1.
        offset: Added at the end, one per channel; None is 0.
        epsilon: Added to the variance.

    Returns:
        The normalized tensor, and mean and variance of each channel.

    Example:
        >>> y, mean, variance = corten.ops.batch_norm_training([[1.0], [3.0]], epsilon=0.0)
        >>> y.tolist(), mean.tolist(), variance.tolist()
        ([[-1.0], [1.0]], [2.0], [1.0])
    """
    x = as_float(x)
    scale = None if scale is None else as_tensor(scale, x.dtype)
    offset = None if offset is None else as_tensor(offset, x.dtype)
    y, mean, variance = _core.batch_norm(x, scale, offset, epsilon)
    return y, mean, variance
