"""Sampling images at moved coordinates: affine, perspective and elastic transformations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.ops._common import FLOATS, Tensor, TensorLike, as_float, as_tensor, widest_float
from corten.ops.dispatch import op
from corten.ops.image_color import images_of, restored

_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def _remapped(place: Tensor, size: int, mode: str) -> Tensor:
    """Brings cell numbers (as floats) into range; 'constant' is limited here and masked by the caller."""
    if mode == "wrap":
        return _core.binary("mod", place, float(size))
    if mode == "mirror":
        period = float(max(2 * (size - 1), 1))
        inside = _core.binary("mod", place, period)
        return (
            _core.binary("minimum", inside, _core.binary("subtract", period, inside))
            if size > 1
            else _zero(place)
        )
    if mode == "reflect":
        inside = _core.binary("mod", place, 2.0 * size)
        return _core.binary("minimum", inside, _core.binary("subtract", 2.0 * size - 1.0, inside))
    return _core.binary("minimum", _core.binary("maximum", place, 0.0), size - 1.0)


def _zero(place: Tensor) -> Tensor:
    return _core.binary("multiply", place, 0.0)


def sample(
    x: Tensor,
    coordinates: Sequence[Tensor],
    order: int,
    fill_mode: str,
    fill_value: float,
    start: Tensor | None = None,
) -> Tensor:
    """Reads the first axes of `x` at fractional places.

    Args:
        x: Shape ``(n_1, ..., n_k, rest...)``, floats.
        coordinates: k float tensors of one shape.
        order: 0 takes the nearest cell, 1 interpolates linearly.
        fill_mode: What lies outside.
        fill_value: The value outside, for 'constant'.
        start: For a batch, which `x` then has as an axis in front: where each item starts in it.

    Returns:
        A tensor of shape ``(coordinates..., rest...)``.
    """
    count = len(coordinates)
    lead = 0 if start is None else 1
    sizes, rest = x.shape[lead : lead + count], x.shape[lead + count :]
    flat = _core.reshape(x, (math.prod(x.shape[: lead + count]), *rest))
    corners: list[list[tuple[Tensor, Tensor | None]]] = []
    for place in coordinates:
        if order == 0:
            # Halves go up, so that a shift by half a cell moves all cells alike.
            corners.append([(_core.unary("floor", _core.binary("add", place, 0.5)).detach(), None)])
            continue
        low = _core.unary("floor", place).detach()
        part = _core.binary("subtract", place, low)
        corners.append([(low, _core.binary("subtract", 1.0, part)), (_core.binary("add", low, 1.0), part)])
    total: Any = None
    for corner in itertools.product(*corners):
        weight: Any = None
        valid: Any = None
        flat_place: Any = 0
        for (place, factor), size in zip(corner, sizes, strict=True):
            if fill_mode == "constant":
                here = _core.binary(
                    "bitwise_and",
                    _core.compare("greater_equal", place, 0.0),
                    _core.compare("less_equal", place, size - 1.0),
                )
                valid = here if valid is None else _core.binary("bitwise_and", valid, here)
            cell = _core.cast(_remapped(place, size, fill_mode), "int32")
            flat_place = _core.binary("add", _core.binary("multiply", flat_place, size), cell)
            if factor is not None:
                weight = factor if weight is None else _core.binary("multiply", weight, factor)
        if start is not None:
            flat_place = _core.binary("add", flat_place, start)
        value = _core.gather(flat, flat_place, 0)
        lined_up = (*flat_place.shape, *(1,) * len(rest))
        if valid is not None:
            value = _core.where(_core.reshape(valid, lined_up), value, fill_value)
        if weight is not None:
            value = _core.binary("multiply", value, _core.reshape(weight, lined_up))
        total = value if total is None else _core.binary("add", total, value)
    return total


def _check(name: str, fill_mode: str, interpolation: str) -> int:
    if fill_mode not in _FILL_MODES:
        raise ValueError(f"{name}: fill_mode must be one of {', '.join(_FILL_MODES)}; got {fill_mode!r}")
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"{name}: interpolation must be 'nearest' or 'bilinear'; got {interpolation!r}")
    return 1 if interpolation == "bilinear" else 0


@op
def map_coordinates(
    inputs: TensorLike,
    coordinates: TensorLike,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0,
) -> Tensor:
    """Elements at fractional places.

    Args:
        inputs: A tensor.
        coordinates: Shape ``(dimensions of inputs, ...)``: for each axis the places to read.
        order: 0 takes the nearest element, 1 interpolates linearly.
        fill_mode: What lies outside: ``'constant'``, ``'nearest'``, ``'wrap'``, ``'mirror'``, ``'reflect'``.
        fill_value: The value outside, for 'constant'.

    Returns:
        A tensor of the dtype of `inputs` and the shape of the places.

    Example:
        >>> corten.ops.image.map_coordinates([0.0, 10.0, 20.0], [[0.5, 1.0]], order=1).tolist()
        [5.0, 10.0]
    """
    x = as_tensor(inputs)
    order_ = _check("map_coordinates", fill_mode, "bilinear" if order == 1 else "nearest")
    if order not in (0, 1):
        raise ValueError(f"map_coordinates: order must be 0 or 1; got {order}")
    places = as_float(coordinates)
    if places.ndim < 1 or places.shape[0] != x.ndim:
        raise ValueError(
            "map_coordinates: the first dimension of `coordinates` must be the same as the rank of `inputs`, "
            f"one row for each of its {x.ndim} axes; got coordinates of shape {places.shape}"
        )
    if places.ndim < 2:
        raise ValueError(
            f"map_coordinates: Invalid coordinates rank: expected at least rank 2; got shape {places.shape}"
        )
    rows = [_core.gather(places, as_tensor(i, "int32"), 0) for i in range(x.ndim)]
    result = sample(as_float(x), rows, order_, fill_mode, float(fill_value))
    return _core.cast(result if x.dtype in FLOATS else _core.unary("round", result), x.dtype)


def _warp(x: Tensor, rows: Tensor, columns: Tensor, order: int, fill_mode: str, fill_value: float) -> Tensor:
    """Reads each image of a batch at its own places (both ``(batch, height, width)``)."""
    batch, dtype = x.shape[0], x.dtype
    cells = x.shape[1] * x.shape[2]
    start = _core.reshape(_core.arange(0, batch * cells, cells, "int32"), (batch, 1, 1))
    result = sample(as_float(x), [rows, columns], order, fill_mode, fill_value, start)
    return _core.cast(result if dtype in FLOATS else _core.unary("round", result), dtype)


def _grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    rows = _core.reshape(_core.arange(0, height, 1, "float32"), (1, height, 1))
    return rows, _core.reshape(_core.arange(0, width, 1, "float32"), (1, 1, width))


def _projected(transform: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where each pixel of the result comes from, by 8 numbers per image."""
    rows, columns = _grid(height, width)
    number = [_core.reshape(_core.gather(transform, as_tensor(i, "int32"), 1), (-1, 1, 1)) for i in range(8)]

    def line(a: Tensor, b: Tensor, c: Any) -> Tensor:
        return _core.binary(
            "add",
            _core.binary("add", _core.binary("multiply", columns, a), _core.binary("multiply", rows, b)),
            c,
        )

    depth = line(number[6], number[7], 1.0)
    across = _core.binary("divide", line(number[0], number[1], number[2]), depth)
    return _core.binary("divide", line(number[3], number[4], number[5]), depth), across


@op
def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Rotates, shears, scales and moves images.

    Args:
        images: An image or a batch of images.
        transform: 8 numbers ``a0, a1, a2, b0, b1, b2, c0, c1`` per image: pixel ``(x, y)`` of the
            result is the input at ``((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)`` with
            ``k = c0 x + c1 y + 1``.
        interpolation: ``'nearest'`` or ``'bilinear'``.
        fill_mode: What lies outside: ``'constant'``, ``'nearest'``, ``'wrap'``, ``'mirror'``, ``'reflect'``.
        fill_value: The value outside, for 'constant'.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the shape and dtype of `images`.

    Example:
        >>> shift = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
        >>> corten.ops.image.affine_transform([[[1.0], [2.0], [3.0]]], shift).tolist()
        [[[2.0], [3.0], [0.0]]]
    """
    order = _check("affine_transform", fill_mode, interpolation)
    x, last, batched = images_of("affine_transform", as_tensor(images), data_format)
    numbers = as_tensor(transform, "float32")
    if numbers.ndim not in (1, 2) or numbers.shape[-1] != 8:
        raise ValueError(
            f"affine_transform: Invalid transform rank: expected rank 1 (8 numbers for all images) or rank 2 "
            f"(8 numbers per image); got shape {numbers.shape}"
        )
    if x.device == "meta":
        # The result has the shape of the images; the places would be real numbers, and many.
        return restored(x, last, batched)
    if numbers.ndim == 1:
        numbers = _core.expand_dims(numbers, 0)
    numbers = _core.broadcast_to(numbers, (x.shape[0], 8))
    rows, columns = _projected(numbers, x.shape[1], x.shape[2])
    return restored(_warp(x, rows, columns, order, fill_mode, float(fill_value)), last, batched)


@op
def perspective_transform(
    images: TensorLike,
    start_points: TensorLike,
    end_points: TensorLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Moves four points of each image to four others.

    Args:
        images: An image or a batch of images.
        start_points: Shape ``(4, 2)`` or ``(batch, 4, 2)``: the points (x, y) in the input.
        end_points: The same points in the result.
        interpolation: ``'nearest'`` or ``'bilinear'``.
        fill_value: The value outside.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the shape and dtype of `images`.

    Example:
        >>> corners = [[0.0, 0.0], [0.0, 3.0], [3.0, 0.0], [3.0, 3.0]]
        >>> corten.ops.image.perspective_transform(corten.ops.ones((4, 4, 1)), corners, corners).shape
        (4, 4, 1)
    """
    order = _check("perspective_transform", "constant", interpolation)
    x, last, batched = images_of("perspective_transform", as_tensor(images), data_format)
    wide = widest_float(x)
    start, end = as_tensor(start_points, wide), as_tensor(end_points, wide)
    for argument, points in (("start_points", start), ("end_points", end)):
        if points.shape[-2:] != (4, 2) or points.ndim not in (2, 3):
            raise ValueError(
                f"perspective_transform: Invalid {argument} shape: expected (4, 2) for all images or "
                f"(batch, 4, 2); got {points.shape}"
            )
    if x.device == "meta":
        return restored(x, last, batched)
    start, end = (_core.broadcast_to(points, (x.shape[0], 4, 2)) for points in (start, end))
    # Two linear equations per point for the 8 numbers that map a point of the result to the input.
    across, down = (_core.slice(end, (0, 0, i), (x.shape[0], 4, i + 1), (1, 1, 1)) for i in range(2))
    one, zero = _core.binary("add", _zero(across), 1.0), _zero(across)
    equations, targets = [], []
    for i in range(2):
        target = _core.slice(start, (0, 0, i), (x.shape[0], 4, i + 1), (1, 1, 1))
        bent = [_core.unary("negative", _core.binary("multiply", target, part)) for part in (across, down)]
        own = [across, down, one]
        none = [zero, zero, zero]
        equations.append(_core.concatenate([*(own + none if i == 0 else none + own), *bent], 2))
        targets.append(target)
    numbers = _core.solve(_core.concatenate(equations, 1), _core.concatenate(targets, 1))
    numbers = _core.cast(_core.squeeze(numbers, 2), "float32")
    rows, columns = _projected(numbers, x.shape[1], x.shape[2])
    return restored(_warp(x, rows, columns, order, "constant", float(fill_value)), last, batched)


@op
def elastic_transform(
    images: TensorLike,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Moves pixels by smooth random distances.

    Args:
        images: An image or a batch of images.
        alpha: How far pixels move.
        sigma: How smooth the distances are.
        interpolation: ``'nearest'`` or ``'bilinear'``.
        fill_mode: What lies outside: ``'constant'``, ``'nearest'``, ``'wrap'``, ``'mirror'``, ``'reflect'``.
        fill_value: The value outside, for 'constant'.
        seed: None, an integer or a `corten.random.SeedGenerator`.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.

    Returns:
        A tensor of the shape and dtype of `images`.

    Example:
        >>> corten.ops.image.elastic_transform(corten.ops.ones((8, 8, 3)), seed=1).shape
        (8, 8, 3)
    """
    from corten import random
    from corten.ops import image_filter

    order = _check("elastic_transform", fill_mode, interpolation)
    x, last, batched = images_of("elastic_transform", as_tensor(images), data_format)
    if x.device == "meta":
        return restored(x, last, batched)
    batch, height, width, _ = x.shape
    noise = random.uniform((batch, height, width, 2), -1.0, 1.0, dtype="float32", seed=seed)
    window = int(6 * sigma) | 1
    smooth = image_filter.blurred(noise, (window, window), (sigma, sigma))
    moves = _core.binary("multiply", smooth, float(alpha))
    rows, columns = _grid(height, width)
    down, across = (
        _core.reshape(
            _core.slice(moves, (0, 0, 0, i), (batch, height, width, i + 1), (1,) * 4), (batch, height, width)
        )
        for i in range(2)
    )
    rows, columns = _core.binary("add", rows, down), _core.binary("add", columns, across)
    return restored(_warp(x, rows, columns, order, fill_mode, float(fill_value)), last, batched)
