"""Window functions."""

from __future__ import annotations

import math

from corten import _core
from corten.config import floatx
from corten.ops._common import (
    Tensor,
    TensorLike,
    as_tensor,
    widest_float,
)


def _window(x: TensorLike, coefficients: tuple[float, ...]) -> Tensor:
    """A cosine-sum window of `x` points."""
    count = int(x)
    if count < 2:
        return _core.full((max(count, 0),), 1.0, floatx())
    wide = widest_float()
    angle = _core.binary("multiply", _core.arange(0, count, 1, wide), 2.0 * math.pi / (count - 1))
    total = _core.full((count,), coefficients[0], wide)
    for order, coefficient in enumerate(coefficients[1:], start=1):
        term = _core.unary("cos", _core.binary("multiply", angle, float(order)))
        total = _core.binary("add", total, _core.binary("multiply", term, coefficient))
    return _core.cast(total, floatx())


def hanning(x: int) -> Tensor:
    """The Hann window.

    Args:
        x: Its number of points.

    Returns:
        A tensor with one axis.

    Example:
        >>> corten.ops.round(corten.ops.hanning(3), 3).tolist()
        [0.0, 1.0, 0.0]
    """
    return _window(x, (0.5, -0.5))


def hamming(x: int) -> Tensor:
    """The Hamming window.

    Args:
        x: Its number of points.

    Returns:
        A tensor with one axis.

    Example:
        >>> corten.ops.hamming(3).shape
        (3,)
    """
    return _window(x, (0.54, -0.46))


def blackman(x: int) -> Tensor:
    """The Blackman window.

    Args:
        x: Its number of points.

    Returns:
        A tensor with one axis.

    Example:
        >>> corten.ops.blackman(4).shape
        (4,)
    """
    return _window(x, (0.42, -0.5, 0.08))


def bartlett(x: int) -> Tensor:
    """The triangular (Bartlett) window.

    Args:
        x: Its number of points.

    Returns:
        A tensor with one axis.

    Example:
        >>> corten.ops.bartlett(5).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    count = int(x)
    if count < 2:
        return _core.full((max(count, 0),), 1.0, floatx())
    place = _core.binary("divide", _core.arange(0, count, 1, widest_float()), (count - 1) / 2.0)
    distance = _core.unary("absolute", _core.binary("subtract", place, 1.0))
    return _core.cast(_core.binary("subtract", 1.0, distance), floatx())


def kaiser(x: int, beta: float) -> Tensor:
    """The Kaiser window.

    Args:
        x: Its number of points.
        beta: Its shape: 0 is a rectangle, larger is narrower.

    Returns:
        A tensor with one axis.

    Example:
        >>> corten.ops.kaiser(3, 0.0).tolist()
        [1.0, 1.0, 1.0]
    """
    count = int(x)
    if count < 2:
        return _core.full((max(count, 0),), 1.0, floatx())
    wide = widest_float()
    place = _core.binary(
        "subtract", _core.binary("divide", _core.arange(0, count, 1, wide), (count - 1) / 2.0), 1.0
    )
    inside = _core.binary("maximum", _core.binary("subtract", 1.0, _core.unary("square", place)), 0.0)
    bell = _core.unary("i0", _core.binary("multiply", _core.unary("sqrt", inside), float(beta)))
    return _core.cast(_core.binary("divide", bell, _core.unary("i0", as_tensor(float(beta), wide))), floatx())
