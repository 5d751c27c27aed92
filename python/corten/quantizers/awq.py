"""AWQ: weights of inputs that are large are scaled up before rounding, and their inputs down.

Source: Lin et al., AWQ (arXiv 2306.00978).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.quantizers.affine import compute_quantization_parameters
from corten.quantizers.configuration import AWQConfig
from corten.quantizers.layer_matrices import Array, check_layer, flat_inputs, float_matrix

_SMALLEST = 1e-4


def awq_search_optimal_scales(
    weights: Any,
    activation_magnitudes: Any,
    *,
    num_grid_points: int = 20,
    group_size: int = -1,
    second_moments: Any = None,
) -> Array:
    """Find the power of the inputs' sizes by which weights are best scaled before rounding.

    Args:
        weights: Weights of shape `(outputs, inputs)`.
        activation_magnitudes: How large each input gets.
        num_grid_points: Powers from 0 to 1 to try.
        group_size: Inputs that share a scale in rounding; -1 for all.
        second_moments: Mean squares of the inputs, by which errors count; None takes the squares of
            `activation_magnitudes`.

    Returns:
        A positive number for each input.

    Example:
        >>> import numpy as np
        >>> awq_search_optimal_scales(np.eye(2), np.array([1.0, 4.0])).shape
        (2,)
    """
    weights = np.asarray(weights, "float64")
    sizes = np.maximum(np.asarray(activation_magnitudes, "float64"), _SMALLEST)
    weight = sizes**2 if second_moments is None else np.asarray(second_moments, "float64")
    best, least = np.ones(len(sizes)), np.inf
    for power in np.linspace(0.0, 1.0, num_grid_points):
        scales = sizes**power
        scales = np.maximum(scales / np.sqrt(scales.max() * scales.min()), _SMALLEST)
        integers, scale, zero, groups = _rounded(weights * scales, group_size)
        error = (integers - zero[:, groups]) * scale[:, groups] / scales - weights
        loss = float(np.sum(error**2 * weight))
        if loss < least:
            best, least = scales, loss
    return best.astype("float32")


def _rounded(weights: Array, group_size: int) -> tuple[Array, Array, Array, Array]:
    """4-bit integers, scales, zero points, and the group of each input."""
    scale, zero, largest = (
        np.asarray(part, "float64")
        for part in compute_quantization_parameters(
            weights.astype("float32"), bits=4, per_channel=True, group_size=group_size
        )
    )
    inputs = weights.shape[1]
    groups = np.arange(inputs) // (inputs if group_size == -1 else group_size)
    integers = np.clip(np.round(weights / scale[:, groups] + zero[:, groups]), 0, largest)
    return integers, scale, zero, groups


def awq_quantize_matrix(
    weights_transpose: Any,
    activation_magnitudes: Any,
    *,
    num_grid_points: int = 20,
    group_size: int = -1,
    second_moments: Any = None,
) -> tuple[Array, Array, Array, Array, Array]:
    """Scale a matrix by what `awq_search_optimal_scales` finds, and round it.

    Args:
        weights_transpose: Weights of shape `(outputs, inputs)`.
        activation_magnitudes: How large each input gets.
        num_grid_points: Powers from 0 to 1 to try.
        group_size: Inputs that share a scale in rounding; -1 for all.
        second_moments: Mean squares of the inputs, by which errors count.

    Returns:
        Integers `(outputs, inputs)` of uint8, scales and zero points `(outputs, groups)`, what inputs were
        scaled by, and the group of each input.

    Example:
        >>> import numpy as np
        >>> integers, *_ = awq_quantize_matrix(np.eye(2), np.array([1.0, 4.0]))
        >>> integers.tolist()
        [[15, 0], [0, 15]]
    """
    scales = awq_search_optimal_scales(
        weights_transpose,
        activation_magnitudes,
        num_grid_points=num_grid_points,
        group_size=group_size,
        second_moments=second_moments,
    )
    weights = np.asarray(weights_transpose, "float64") * scales
    integers, scale, zero, groups = _rounded(weights, group_size)
    return integers.astype("uint8"), scale.astype("float32"), zero.astype("float32"), scales, groups


class AWQ:
    """AWQ of one layer: show it inputs, then let it round.

    Args:
        layer: A built `Dense` or `EinsumDense`; to round, `layer.quantize(config=config)` comes first.
        config: The options.

    Raises:
        TypeError: The layer is of another kind.

    Example:
        >>> import corten, numpy as np
        >>> layer = corten.layers.Dense(4)
        >>> layer.build((None, 8))
        >>> config = AWQConfig(dataset=None, tokenizer=None, group_size=-1)
        >>> layer.quantize(config=config)
        >>> awq = AWQ(layer, config)
        >>> awq.update_activation_magnitudes(np.random.default_rng(0).normal(size=(32, 8)))
        >>> awq.quantize_layer()
        >>> layer.kernel.dtype
        'uint8'
    """

    def __init__(self, layer: Any, config: AWQConfig | None = None) -> None:
        check_layer(layer)
        self.layer = layer
        self.config = AWQConfig(dataset=None, tokenizer=None) if config is None else config
        self.rows, self.columns = layer._matrix_shape()
        self.activation_magnitudes: Any = np.zeros(self.rows)
        self._squares = np.zeros(self.rows)
        self.num_samples = 0

    def update_activation_magnitudes(self, input_batch: Any) -> None:
        """Note how large the inputs of the layer get.

        Args:
            input_batch: Inputs, as the layer's `call` takes them.

        Raises:
            ValueError: There are none, or they have other features.
        """
        x = flat_inputs(self.layer, input_batch)
        self.activation_magnitudes = np.maximum(self.activation_magnitudes, np.abs(x).max(0))
        self._squares += (x**2).sum(0)
        self.num_samples += len(x)

    update = update_activation_magnitudes

    def quantize_layer(self) -> None:
        """Round the layer's weights."""
        weights = float_matrix(self.layer, "awq")
        integers, scale, zero, scales, groups = awq_quantize_matrix(
            weights,
            self.activation_magnitudes,
            num_grid_points=self.config.num_grid_points,
            group_size=self.config.group_size,
            second_moments=self._squares / max(self.num_samples, 1),
        )
        self.layer.set_calibrated(integers, scale, zero, groups, scales)

    finish = quantize_layer

    def free(self) -> None:
        """Let go of the statistics and the layer."""
        del self.activation_magnitudes, self._squares, self.layer
