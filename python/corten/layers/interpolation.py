"""Interpolation along one axis, as a matrix product: rows of weights over the input's cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from corten import ops
from corten.symbolic import meta_tensor


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1.0 - distance)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys's cubic convolution with a = -0.5."""
    near = (1.5 * distance - 2.5) * distance * distance + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return np.where(distance < 1.0, near, np.where(distance < 2.0, far, 0.0))


def _lanczos(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda distance: np.where(distance < radius, np.sinc(distance) * np.sinc(distance / radius), 0.0)


KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": _triangle,
    "bicubic": _cubic,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


def interpolation_matrix(size: int, factor: int, method: str) -> np.ndarray:
    """Weights `(size * factor, size)` that enlarge an axis; cell centers are aligned and rows sum to 1.

    Example:
        >>> interpolation_matrix(2, 2, "bilinear").tolist()
        [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    centers = (np.arange(size * factor) + 0.5) / factor - 0.5
    weights = KERNELS[method](np.abs(centers[:, None] - np.arange(size)))
    return weights / weights.sum(axis=1, keepdims=True)


def interpolate_axis(inputs: Any, axis: int, factor: int, method: str) -> Any:
    """Enlarge one axis of `inputs` by a whole factor."""
    if factor == 1:
        return inputs
    if inputs.device == "meta":
        shape = list(inputs.shape)
        shape[axis] *= factor
        return meta_tensor(shape, inputs.dtype)
    matrix = interpolation_matrix(inputs.shape[axis], factor, method)
    weights = ops.convert_to_tensor(matrix, dtype=inputs.dtype)
    moved = ops.moveaxis(inputs, axis, -1)
    return ops.moveaxis(ops.matmul(moved, ops.transpose(weights)), -1, axis)
