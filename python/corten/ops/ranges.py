"""Ranges of numbers and grids."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten.config import floatx
from corten.ops._common import (
    FLOATS,
    Tensor,
    TensorLike,
    as_tensor,
    dtype_name,
    widest_float,
)
from corten.ops.dispatch import op


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
    wide = widest_float()
    start, stop = as_tensor(start, wide), as_tensor(stop, wide)
    span = _core.binary("subtract", stop, start)
    parts = num - 1 if endpoint else num
    step = _core.binary("divide", span, float(parts)) if parts > 0 else span
    position = _core.arange(0, num, 1, wide)
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
    exponent = linspace(start, stop, num, endpoint, False, widest_float(), axis)
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
    wide = widest_float()
    start, stop = as_tensor(start, wide), as_tensor(stop, wide)
    ends = [_core.unary("log", _core.unary("absolute", end)) for end in (start, stop)]
    size = _core.unary("exp", linspace(ends[0], ends[1], num, endpoint, False, wide, axis))
    sign = _core.unary("sign", start)
    if start.ndim:
        sign = _core.expand_dims(sign, axis)
    return as_tensor(_core.binary("multiply", size, sign), dtype_name(dtype))


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
