"""Activation functions of straight pieces, and shrinkage."""

from __future__ import annotations

from corten import _core
from corten.ops._common import FLOATS, Tensor, TensorLike, as_float, as_number, as_tensor
from corten.ops.dispatch import op


@op
def relu6(x: TensorLike) -> Tensor:
    """Rectified linear unit with an upper bound: ``min(max(x, 0), 6)``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.relu6([-1.0, 9.0]).tolist()
        [0.0, 6.0]
    """
    x = as_number(x)
    zero, six = (0.0, 6.0) if x.dtype in FLOATS else (0, 6)
    # Strict bounds: the gradient is 0 at both kinks, as relu's is.
    inside = _core.where(_core.compare("less", x, six), x, six)
    return _core.where(_core.compare("greater", x, zero), inside, zero)


@op
def hard_sigmoid(x: TensorLike) -> Tensor:
    """Piecewise linear sigmoid: ``x / 6 + 1/2`` limited to [0, 1].

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.hard_sigmoid([-3.0, 0.0, 3.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    x = as_float(x)
    line = _core.binary("add", _core.binary("divide", x, 6.0), 0.5)
    line = _core.where(_core.compare("less", x, 3.0), line, 1.0)
    return _core.where(_core.compare("greater", x, -3.0), line, _core.where(_core.unary("isnan", x), x, 0.0))


@op
def hard_silu(x: TensorLike) -> Tensor:
    """Piecewise form of silu (hard swish): ``x * hard_sigmoid(x)``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.hard_silu([-3.0, 3.0]).tolist()
        [0.0, 3.0]
    """
    x = as_float(x)
    return _core.where(
        _core.compare("less_equal", x, -3.0),
        0.0,
        _core.where(
            _core.compare("greater_equal", x, 3.0),
            x,
            _core.binary("multiply", x, _core.binary("divide", _core.binary("add", x, 3.0), 6.0)),
        ),
    )


@op
def hard_tanh(x: TensorLike) -> Tensor:
    """``x`` limited to [-1, 1].

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.hard_tanh([-2.0, 0.5, 2.0]).tolist()
        [-1.0, 0.5, 1.0]
    """
    x = as_float(x)
    x = _core.where(_core.compare("less_equal", x, -1.0), -1.0, x)
    return _core.where(_core.compare("greater_equal", x, 1.0), 1.0, x)


@op
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """``x`` where it is larger in size than a threshold, 0 elsewhere.

    Args:
        x: A tensor.
        threshold: Values up to this size become 0.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.hard_shrink([-1.0, 0.2, 1.0]).tolist()
        [-1.0, 0.0, 1.0]
    """
    x = as_float(x)
    small = _core.compare("less_equal", _core.unary("absolute", x), float(threshold))
    return _core.where(small, 0.0, x)


@op
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """``x`` moved towards 0 by a threshold, 0 in between.

    Args:
        x: A tensor.
        threshold: By how much values move towards 0.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.soft_shrink([-1.0, 0.2, 1.0]).tolist()
        [-0.5, 0.0, 0.5]
    """
    x = as_float(x)
    by = float(threshold)
    above = _core.where(_core.compare("greater", x, by), _core.binary("subtract", x, by), 0.0)
    above = _core.where(_core.unary("isnan", x), x, above)
    return _core.where(_core.compare("less", x, -by), _core.binary("add", x, by), above)


@op
def tanh_shrink(x: TensorLike) -> Tensor:
    """``x - tanh(x)``.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.tanh_shrink([0.0]).tolist()
        [0.0]
    """
    x = as_float(x)
    return _core.binary("subtract", x, _core.unary("tanh", x))


@op
def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """``x`` where it is above a threshold, a default elsewhere.

    Args:
        x: A tensor.
        threshold: The bound.
        default_value: What other values become.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.threshold([1.0, 3.0], 2.0, -1.0).tolist()
        [-1.0, 3.0]
    """
    x = as_tensor(x)
    default = as_tensor(default_value, x.dtype)
    return _core.where(_core.compare("less_equal", x, threshold), default, x)


@op
def sparse_plus(x: TensorLike) -> Tensor:
    """0 up to -1, ``(x + 1)**2 / 4`` up to 1, ``x`` above.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.sparse_plus([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.25, 2.0]
    """
    x = as_float(x)
    bend = _core.binary("multiply", _core.unary("square", _core.binary("add", x, 1.0)), 0.25)
    upper = _core.where(_core.compare("less", x, 1.0), bend, x)
    return _core.where(_core.compare("less_equal", x, -1.0), 0.0, upper)


@op
def sparse_sigmoid(x: TensorLike) -> Tensor:
    """0 up to -1, ``(x + 1) / 2`` up to 1, 1 above.

    Args:
        x: A tensor.

    Returns:
        A float tensor of the shape of `x`.

    Example:
        >>> corten.ops.sparse_sigmoid([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    x = as_float(x)
    line = _core.binary("multiply", _core.binary("add", x, 1.0), 0.5)
    upper = _core.where(_core.compare("greater_equal", x, 1.0), 1.0, line)
    return _core.where(_core.compare("less_equal", x, -1.0), 0.0, upper)


hard_swish = hard_silu
