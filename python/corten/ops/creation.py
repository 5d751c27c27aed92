"""Tensors from shapes and ranges."""

from __future__ import annotations

import math
from typing import Any

from corten import _core
from corten._state import state as call_state
from corten.config import floatx
from corten.ops._common import (
    FLOATS,
    Tensor,
    TensorLike,
    as_tensor,
    dtype_name,
    shape_of,
)
from corten.ops.dispatch import op
from corten.symbolic import meta_tensor


def _filled(shape: tuple[int, ...], value: Any, dtype: str) -> Tensor:
    if call_state.probing:
        # Shapes are being inferred, with made-up sizes: do not allocate them.
        return meta_tensor(shape, dtype)
    return _core.full(shape, value, dtype)


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor of zeros.

    Args:
        shape: The shape: an int or a sequence of ints.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.zeros((2, 2)).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    return _filled(shape_of(shape), 0, dtype_name(dtype))


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor of ones.

    Args:
        shape: The shape: an int or a sequence of ints.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.ones(3, dtype="int32").tolist()
        [1, 1, 1]
    """
    return _filled(shape_of(shape), 1, dtype_name(dtype))


def empty(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor whose values do not matter: zeros, so that runs repeat.

    Args:
        shape: The shape: an int or a sequence of ints.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.empty((2, 3)).shape
        (2, 3)
    """
    return _filled(shape_of(shape), 0, dtype_name(dtype))


@op
def full(shape: Any, fill_value: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor filled with one value, or with values that broadcast to its shape.

    Args:
        shape: The shape: an int or a sequence of ints.
        fill_value: A number or a tensor.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.full((2,), 7, dtype="int32").tolist()
        [7, 7]
    """
    name = dtype_name(dtype)
    if type(fill_value) in (int, float, bool):
        return _filled(shape_of(shape), fill_value, name)
    return _core.copy(_core.broadcast_to(as_tensor(fill_value, name), shape_of(shape)))


def _like(x: TensorLike, value: Any, dtype: Any) -> Tensor:
    # Follows the device of `x`, so that dry runs on shapes stay dry.
    x = as_tensor(x)
    made = _core.full(x.shape, value, x.dtype if dtype is None else dtype_name(dtype))
    return made if x.device == "cpu" else made.to(x.device)


@op
def zeros_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Zeros in the shape of `x`.

    Args:
        x: A tensor.
        dtype: The dtype; None is that of `x`.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.zeros_like([1, 2]).tolist()
        [0, 0]
    """
    return _like(x, 0, dtype)


@op
def ones_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Ones in the shape of `x`.

    Args:
        x: A tensor.
        dtype: The dtype; None is that of `x`.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.ones_like([1.5, 2.0]).tolist()
        [1.0, 1.0]
    """
    return _like(x, 1, dtype)


@op
def empty_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor in the shape of `x` whose values do not matter: zeros, so that runs repeat.

    Args:
        x: A tensor.
        dtype: The dtype; None is that of `x`.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.empty_like([[1, 2]]).shape
        (1, 2)
    """
    return _like(x, 0, dtype)


@op
def full_like(x: TensorLike, fill_value: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor in the shape of `x`, filled with a value.

    Args:
        x: A tensor.
        fill_value: A number, or a tensor that broadcasts to the shape of `x`.
        dtype: The dtype; None is that of `x`.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.full_like([1, 2], 9).tolist()
        [9, 9]
    """
    if type(fill_value) in (int, float, bool):
        return _like(x, fill_value, dtype)
    x = as_tensor(x)
    name = x.dtype if dtype is None else dtype_name(dtype)
    return _core.copy(_core.broadcast_to(as_tensor(fill_value, name), x.shape))


@op
def arange(
    start: TensorLike, stop: TensorLike | None = None, step: TensorLike | None = None, dtype: Any = None
) -> Tensor:
    """Numbers from `start` up to, without, `stop`.

    Args:
        start: The first number, or the stop if `stop` is None (the first is 0 then).
        stop: The bound that is not reached.
        step: The distance of numbers; None is 1.
        dtype: The dtype; None is int32 for ints, the default float if any argument is a float.

    Returns:
        A tensor with one axis.

    Example:
        >>> corten.ops.arange(2, 8, 3).tolist()
        [2, 5]
    """
    given: list[Any] = [start, stop, step]
    values = [v.tolist() if hasattr(v, "tolist") else v for v in given]
    if dtype is None:
        dtypes = [_core.result_type(v) for v in (start, stop, step) if v is not None and hasattr(v, "dtype")]
        plain = [v for v in (start, stop, step) if isinstance(v, float)]
        if dtypes:
            dtype = _core.result_type(*(v for v in (start, stop, step) if v is not None))
        else:
            dtype = floatx() if plain else "int32"
    first, last, gap = values
    if last is None:
        first, last = 0, first
    return _core.arange(first, last, 1 if gap is None else gap, dtype_name(dtype))


@op
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Evenly spaced numbers over an interval.

    Args:
        start: The first number, or a tensor of first numbers.
        stop: The end of the interval.
        num: How many.
        endpoint: Whether `stop` is the last number.
        retstep: Whether to give the distance too.
        dtype: The dtype; None is the default float.
        axis: Where the new axis goes.

    Returns:
        A tensor; with `retstep` the pair (tensor, distance).

    Example:
        >>> corten.ops.linspace(0.0, 1.0, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if num < 0:
        raise ValueError(f"linspace: num must not be negative; got {num}")
    wanted = dtype_name(dtype) if dtype is not None else _core.result_type(start, stop)
    if wanted not in FLOATS and dtype is None:
        wanted = floatx()
    # The steps are laid out in float64 so that both ends come out exact in narrower types.
    start, stop = as_tensor(start, "float64"), as_tensor(stop, "float64")
    span = _core.binary("subtract", stop, start)
    parts = num - 1 if endpoint else num
    step = _core.binary("divide", span, float(parts)) if parts > 0 else span
    position = _core.arange(0, num, 1, "float64")
    rank = span.ndim
    position = _core.reshape(position, (num,) + (1,) * rank)
    first = _core.expand_dims(start, 0) if start.ndim == rank else start
    result = _core.binary("add", first, _core.binary("multiply", position, _core.expand_dims(step, 0)))
    if endpoint and num > 1:
        is_last = _core.compare("equal", position, float(num - 1))
        result = _core.where(is_last, stop, result)
    if wanted not in FLOATS:
        result = _core.unary("floor", result)
    result = as_tensor(result, wanted)
    if axis != 0:
        order = list(range(1, rank + 1))
        order.insert(axis % (rank + 1), 0)
        result = _core.transpose(result, order)
    return (result, as_tensor(step, wanted if wanted in FLOATS else floatx())) if retstep else result


@op
def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """Numbers evenly spaced on a logarithmic scale: ``base ** linspace(start, stop, ...)``.

    Args:
        start: The first exponent.
        stop: The end of the exponents.
        num: How many.
        endpoint: Whether ``base ** stop`` is the last number.
        base: The base.
        dtype: The dtype; None is the default float.
        axis: Where the new axis goes.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.logspace(0.0, 2.0, 3, base=2.0).tolist()
        [1.0, 2.0, 4.0]
    """
    exponent = linspace(start, stop, num, endpoint, False, "float64", axis)
    return as_tensor(_core.binary("power", float(base), exponent), dtype_name(dtype))


@op
def geomspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """Numbers in geometric progression between two numbers of one sign.

    Args:
        start: The first number; not 0.
        stop: The end of the sequence; not 0.
        num: How many.
        endpoint: Whether `stop` is the last number.
        dtype: The dtype; None is the default float.
        axis: Where the new axis goes.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.round(corten.ops.geomspace(1.0, 100.0, 3), 3).tolist()
        [1.0, 10.0, 100.0]
    """
    start, stop = as_tensor(start, "float64"), as_tensor(stop, "float64")
    ends = [_core.unary("log", _core.unary("absolute", end)) for end in (start, stop)]
    size = _core.unary("exp", linspace(ends[0], ends[1], num, endpoint, False, "float64", axis))
    sign = _core.unary("sign", start)
    if start.ndim:
        sign = _core.expand_dims(sign, axis)
    return as_tensor(_core.binary("multiply", size, sign), dtype_name(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """A matrix with ones on one diagonal and zeros elsewhere.

    Args:
        N: Rows.
        M: Columns; None is `N`.
        k: Which diagonal: positive above the main one, negative below.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor of shape ``(N, M)``.

    Example:
        >>> corten.ops.eye(2, dtype="int32").tolist()
        [[1, 0], [0, 1]]
    """
    rows, columns = _grid(N, M)
    return _core.cast(_core.compare("equal", columns, _core.binary("add", rows, k)), dtype_name(dtype))


def identity(n: int, dtype: Any = None) -> Tensor:
    """The identity matrix.

    Args:
        n: Rows and columns.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor of shape ``(n, n)``.

    Example:
        >>> corten.ops.identity(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """A matrix with ones on and below one diagonal and zeros above.

    Args:
        N: Rows.
        M: Columns; None is `N`.
        k: Which diagonal.
        dtype: The dtype; None is the default float.

    Returns:
        A tensor of shape ``(N, M)``.

    Example:
        >>> corten.ops.tri(2, dtype="int32").tolist()
        [[1, 0], [1, 1]]
    """
    rows, columns = _grid(N, M)
    return _core.cast(_core.compare("less_equal", columns, _core.binary("add", rows, k)), dtype_name(dtype))


def _grid(rows: int, columns: int | None) -> tuple[Tensor, Tensor]:
    columns = rows if columns is None else columns
    return (
        _core.reshape(_core.arange(0, rows, 1, "int32"), (rows, 1)),
        _core.reshape(_core.arange(0, columns, 1, "int32"), (1, columns)),
    )


@op
def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """Coordinate grids from coordinate vectors.

    Args:
        *x: Tensors with one axis (numbers count as one element).
        indexing: ``'xy'`` swaps the first two axes of the grids, ``'ij'`` keeps them in order.

    Returns:
        One grid per vector.

    Example:
        >>> [grid.tolist() for grid in corten.ops.meshgrid([1, 2], [3, 4])]
        [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij'; got {indexing!r}")
    vectors = [_core.reshape(as_tensor(one), (-1,)) for one in x]
    places = list(range(len(vectors)))
    if indexing == "xy" and len(places) > 1:
        places[0], places[1] = 1, 0
    shape = [0] * len(vectors)
    for place, vector in zip(places, vectors, strict=True):
        shape[place] = vector.shape[0]
    grids = []
    for place, vector in zip(places, vectors, strict=True):
        lined_up = [1] * len(shape)
        lined_up[place] = vector.shape[0]
        grids.append(_core.broadcast_to(_core.reshape(vector, tuple(lined_up)), tuple(shape)))
    return grids


def _window(x: TensorLike, coefficients: tuple[float, ...]) -> Tensor:
    """A cosine-sum window of `x` points."""
    count = int(x)
    if count < 2:
        return _core.full((max(count, 0),), 1.0, floatx())
    angle = _core.binary("multiply", _core.arange(0, count, 1, "float64"), 2.0 * math.pi / (count - 1))
    total = _core.full((count,), coefficients[0], "float64")
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
    place = _core.binary("divide", _core.arange(0, count, 1, "float64"), (count - 1) / 2.0)
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
    place = _core.binary(
        "subtract", _core.binary("divide", _core.arange(0, count, 1, "float64"), (count - 1) / 2.0), 1.0
    )
    inside = _core.binary("maximum", _core.binary("subtract", 1.0, _core.unary("square", place)), 0.0)
    bell = _core.unary("i0", _core.binary("multiply", _core.unary("sqrt", inside), float(beta)))
    return _core.cast(
        _core.binary("divide", bell, _core.unary("i0", as_tensor(float(beta), "float64"))), floatx()
    )
