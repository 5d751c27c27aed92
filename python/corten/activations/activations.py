"""Activation functions: `x -> y` of one shape, usable by name wherever a layer takes `activation=`."""

from __future__ import annotations

from typing import Any

from corten import ops


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Rectified linear unit, with an optional slope below, cap above, and threshold.

    Args:
        x: Input tensor.
        negative_slope: Slope for values below the threshold.
        max_value: Largest value that comes out; `None` for no cap.
        threshold: Values below it are damped or set to zero.

    Example:
        >>> relu([-3.0, 0.0, 2.0, 9.0], max_value=6.0).tolist()
        [0.0, 0.0, 2.0, 6.0]
    """
    if negative_slope == 0.0 and threshold == 0.0:
        if max_value is None:
            return ops.relu(x)
        if max_value == 6:
            return ops.relu6(x)
    if negative_slope != 0.0 and max_value is None and threshold == 0.0:
        return ops.leaky_relu(x, negative_slope=negative_slope)
    x = ops.convert_to_tensor(x)
    below = None
    if negative_slope != 0.0:
        below = ops.relu(threshold - x) if threshold != 0.0 else ops.relu(-x)
    x = x * ops.cast(ops.greater(x, threshold), x.dtype) if threshold != 0.0 else ops.relu(x)
    if max_value is not None:
        x = ops.clip(x, 0.0, max_value)
    if below is not None:
        x = x - negative_slope * below
    return x


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x` where positive, `negative_slope * x` elsewhere.

    Example:
        >>> leaky_relu([-2.0, 4.0], negative_slope=0.5).tolist()
        [-1.0, 4.0]
    """
    return ops.leaky_relu(x, negative_slope=negative_slope)


def relu6(x: Any) -> Any:
    """`min(max(x, 0), 6)`.

    Example:
        >>> relu6([-1.0, 3.0, 8.0]).tolist()
        [0.0, 3.0, 6.0]
    """
    return ops.relu6(x)


def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """Turns scores into probabilities that sum to one along `axis`.

    Example:
        >>> softmax([[0.0, 0.0, 0.0, 0.0]]).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    return ops.softmax(x, axis=axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Logarithm of `softmax`, computed without over- or underflow.

    Example:
        >>> [round(v, 4) for v in log_softmax([0.0, 0.0]).tolist()]
        [-0.6931, -0.6931]
    """
    return ops.log_softmax(x, axis=axis)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit: `alpha * (exp(x) - 1)` for negative values.

    Example:
        >>> [round(v, 4) for v in elu([-1.0, 2.0]).tolist()]
        [-0.6321, 2.0]
    """
    return ops.elu(x, alpha=alpha)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Continuously differentiable `elu`: `alpha * (exp(x / alpha) - 1)` for negative values.

    Example:
        >>> [round(v, 4) for v in celu([-1.0, 2.0], alpha=2.0).tolist()]
        [-0.7869, 2.0]
    """
    return ops.celu(x, alpha=alpha)


def selu(x: Any) -> Any:
    """Scaled `elu` whose constants keep mean 0 and deviation 1 through deep stacks.

    Example:
        >>> [round(v, 4) for v in selu([-1.0, 1.0]).tolist()]
        [-1.1113, 1.0507]
    """
    return ops.selu(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Gaussian error linear unit, `x` times the normal distribution function of `x`.

    Args:
        x: Input tensor.
        approximate: Use the tanh formula instead of erf.

    Example:
        >>> [round(v, 4) for v in gelu([-1.0, 1.0]).tolist()]
        [-0.1587, 0.8413]
    """
    return ops.gelu(x, approximate=approximate)


def glu(x: Any, axis: int = -1) -> Any:
    """Gated linear unit: halves the axis, `a * sigmoid(b)`.

    Example:
        >>> glu([2.0, 0.0]).tolist()
        [1.0]
    """
    return ops.glu(x, axis=axis)


def softplus(x: Any) -> Any:
    """`log(1 + exp(x))`.

    Example:
        >>> [round(v, 4) for v in softplus([0.0, 100.0]).tolist()]
        [0.6931, 100.0]
    """
    return ops.softplus(x)


def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`.

    Example:
        >>> softsign([-1.0, 3.0]).tolist()
        [-0.5, 0.75]
    """
    return ops.softsign(x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Moves values towards zero by `threshold`; values nearer to zero become zero.

    Example:
        >>> soft_shrink([-2.0, 0.25, 1.0]).tolist()
        [-1.5, 0.0, 0.5]
    """
    return ops.soft_shrink(x, threshold=threshold)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Zero within `threshold` of zero, `x` elsewhere.

    Example:
        >>> hard_shrink([-2.0, 0.25, 1.0]).tolist()
        [-2.0, 0.0, 1.0]
    """
    return ops.hard_shrink(x, threshold=threshold)


def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`.

    Example:
        >>> [round(v, 4) for v in tanh_shrink([0.0, 1.0]).tolist()]
        [0.0, 0.2384]
    """
    return ops.tanh_shrink(x)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, `x` from 1, and the parabola `(x + 1)^2 / 4` between.

    Example:
        >>> sparse_plus([-2.0, 0.0, 3.0]).tolist()
        [0.0, 0.25, 3.0]
    """
    return ops.sparse_plus(x)


def squareplus(x: Any, b: float = 4) -> Any:
    """A smooth rectifier without exponentials: `(x + sqrt(x^2 + b)) / 2`.

    Example:
        >>> squareplus([0.0]).tolist()
        [1.0]
    """
    return ops.squareplus(x, b=b)


def silu(x: Any) -> Any:
    """`x * sigmoid(x)`, also called swish.

    Example:
        >>> [round(v, 4) for v in silu([-1.0, 0.0, 1.0]).tolist()]
        [-0.2689, 0.0, 0.7311]
    """
    return ops.silu(x)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`x` where it is above `threshold`, `default_value` elsewhere.

    Example:
        >>> threshold([-1.0, 2.0], threshold=0.0, default_value=5.0).tolist()
        [5.0, 2.0]
    """
    return ops.threshold(x, threshold, default_value)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent.

    Example:
        >>> [round(v, 4) for v in tanh([0.0, 1.0]).tolist()]
        [0.0, 0.7616]
    """
    return ops.tanh(x)


def hard_tanh(x: Any) -> Any:
    """`x` clipped to [-1, 1].

    Example:
        >>> hard_tanh([-3.0, 0.5, 3.0]).tolist()
        [-1.0, 0.5, 1.0]
    """
    return ops.hard_tanh(x)


def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`.

    Example:
        >>> sigmoid([0.0]).tolist()
        [0.5]
    """
    return ops.sigmoid(x)


def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, 1 from 1, and `(x + 1) / 2` between.

    Example:
        >>> sparse_sigmoid([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return ops.sparse_sigmoid(x)


def hard_sigmoid(x: Any) -> Any:
    """`relu6(x + 3) / 6`.

    Example:
        >>> hard_sigmoid([-3.0, 0.0, 3.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return ops.hard_sigmoid(x)


def log_sigmoid(x: Any) -> Any:
    """Logarithm of the sigmoid.

    Example:
        >>> [round(v, 4) for v in log_sigmoid([0.0, -50.0]).tolist()]
        [-0.6931, -50.0]
    """
    return ops.log_sigmoid(x)


def hard_silu(x: Any) -> Any:
    """`x * hard_sigmoid(x)`, also called hard swish.

    Example:
        >>> hard_silu([-3.0, 0.0, 3.0]).tolist()
        [0.0, 0.0, 3.0]
    """
    return ops.hard_silu(x)


def exponential(x: Any) -> Any:
    """`exp(x)`.

    Example:
        >>> exponential([0.0]).tolist()
        [1.0]
    """
    return ops.exp(x)


def linear(x: Any) -> Any:
    """Gives `x` back.

    Example:
        >>> linear(3.0)
        3.0
    """
    return x


def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`.

    Example:
        >>> [round(v, 4) for v in mish([0.0, 1.0]).tolist()]
        [0.0, 0.8651]
    """
    return ops.mish(x)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The point of the probability simplex nearest to `x`: like softmax, but with exact zeros.

    Example:
        >>> sparsemax([2.0, 0.0, 0.0]).tolist()
        [1.0, 0.0, 0.0]
    """
    return ops.sparsemax(x, axis=axis)
