"""GPTQ: weights are rounded one input after another, and those that are left make up for the errors.

Source: Frantar et al., GPTQ (arXiv 2210.17323).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from corten.quantizers.affine import compute_quantization_parameters
from corten.quantizers.configuration import GPTQConfig
from corten.quantizers.layer_matrices import Array, check_layer, flat_inputs, float_matrix


def gptq_quantize_matrix(
    weights_transpose: Any,
    inv_hessian: Any,
    *,
    blocksize: int = 128,
    group_size: int = -1,
    activation_order: bool = False,
    order_metric: Any = None,
    compute_scale_zero: Callable[..., Any] | None = None,
) -> tuple[Array, Array, Array, Array]:
    """Round a matrix so that its product with typical inputs changes little.

    Args:
        weights_transpose: Weights of shape `(outputs, inputs)`.
        inv_hessian: Inverse of the Hessian of the inputs, of shape `(inputs, inputs)`.
        blocksize: After so many inputs the errors are handed on to the inputs that are left.
        group_size: Inputs that share a scale; -1 for all.
        activation_order: Whether inputs with the largest `order_metric` come first.
        order_metric: A number for each input; None takes the reciprocals of the inverse's diagonal.
        compute_scale_zero: From weights of a group, the scale, zero point and largest integer; None takes
            4 bits with a scale per output.

    Returns:
        Integers `(outputs, inputs)` of uint8, scales and zero points `(outputs, groups)`, and the group of
        each input.

    Example:
        >>> import numpy as np
        >>> weights = np.array([[1.0, 0.4], [-1.0, 0.2]], "float32")
        >>> integers, scale, zero, groups = gptq_quantize_matrix(weights, np.eye(2))
        >>> integers.dtype.name, scale.shape, groups.tolist()
        ('uint8', (2, 1), [0, 0])
    """
    weights = np.array(weights_transpose, "float64")
    inverse = np.asarray(inv_hessian, "float64")
    find = compute_scale_zero or _four_bits
    outputs, inputs = weights.shape
    size = inputs if group_size == -1 else group_size
    order = np.arange(inputs)
    if activation_order:
        metric = 1.0 / np.diag(inverse) if order_metric is None else np.asarray(order_metric)
        order = np.argsort(-metric, kind="stable")
        weights, inverse = weights[:, order], inverse[np.ix_(order, order)]
    # A row of this factor tells how the inputs after one make up for its error.
    factor = np.linalg.cholesky(inverse).T
    integers = np.zeros((outputs, inputs))
    scales, zeros = [], []
    for begin in range(0, inputs, blocksize):
        end = min(begin + blocksize, inputs)
        errors = np.zeros((outputs, end - begin))
        for i in range(begin, end):
            if i % size == 0:
                # Within a block errors are there already; for the rest of a group they come in one go.
                group = weights[:, i : i + size].copy()
                if i + size > end:
                    group[:, end - i :] -= errors[:, : i - begin] @ factor[begin:i, end : i + size]
                scale, zero, largest = (np.asarray(part, "float64") for part in find(group))
                scales.append(np.broadcast_to(scale.reshape(-1, 1), (outputs, 1)))
                zeros.append(np.broadcast_to(zero.reshape(-1, 1), (outputs, 1)))
                scale, zero = scales[-1][:, 0], zeros[-1][:, 0]
            column = weights[:, i]
            integer = np.clip(np.round(column / scale + zero), 0, largest)
            integers[:, i] = integer
            error = (column - (integer - zero) * scale) / factor[i, i]
            weights[:, i:end] -= np.outer(error, factor[i, i:end])
            errors[:, i - begin] = error
        weights[:, end:] -= errors @ factor[begin:end, end:]
    back = np.argsort(order)
    groups = (np.arange(inputs) // size)[back]
    scale, zero = np.concatenate(scales, 1), np.concatenate(zeros, 1)
    return integers[:, back].astype("uint8"), scale.astype("float32"), zero.astype("float32"), groups


def _four_bits(group: Array) -> Any:
    return compute_quantization_parameters(group.astype("float32"), bits=4, per_channel=True)


class GPTQ:
    """GPTQ of one layer: show it inputs, then let it round.

    Args:
        layer: A built `Dense` or `EinsumDense`; to round, `layer.quantize(config=config)` comes first.
        config: The options.

    Raises:
        TypeError: The layer is of another kind.

    Example:
        >>> import corten, numpy as np
        >>> layer = corten.layers.Dense(4)
        >>> layer.build((None, 8))
        >>> config = GPTQConfig(dataset=None, tokenizer=None, group_size=-1)
        >>> layer.quantize(config=config)
        >>> gptq = GPTQ(layer, config)
        >>> gptq.update_hessian_with_batch(np.random.default_rng(0).normal(size=(32, 8)))
        >>> gptq.quantize_and_correct_layer()
        >>> layer.kernel.dtype
        'uint8'
    """

    def __init__(self, layer: Any, config: GPTQConfig | None = None) -> None:
        check_layer(layer)
        self.layer = layer
        self.config = GPTQConfig(dataset=None, tokenizer=None) if config is None else config
        self.rows, self.columns = layer._matrix_shape()
        self.hessian: Any = np.zeros((self.rows, self.rows))
        self.num_samples = 0

    def update_hessian_with_batch(self, input_batch: Any) -> None:
        """Add inputs of the layer to the mean Hessian `2 / n * sum(x x^T)`.

        Args:
            input_batch: Inputs, as the layer's `call` takes them.

        Raises:
            ValueError: There are none, or they have other features.
        """
        x = flat_inputs(self.layer, input_batch)
        count = self.num_samples + len(x)
        self.hessian = self.hessian * (self.num_samples / count) + (2.0 / count) * (x.T @ x)
        self.num_samples = count

    update = update_hessian_with_batch

    def quantize_and_correct_layer(self, blocksize: int = 128) -> None:
        """Round the layer's weights.

        Args:
            blocksize: After so many inputs the errors are handed on to the inputs that are left.
        """
        config = self.config
        weights = float_matrix(self.layer, "gptq")
        hessian = np.array(self.hessian, "float64")
        diagonal = np.diag(hessian).copy()
        dead = diagonal == 0
        # Nothing is known about inputs that were always zero; their weights do not matter.
        hessian[dead, dead] = 1.0
        weights[:, dead] = 0.0
        # Without any damping the Hessian of few inputs has no inverse.
        damping = max(config.hessian_damping, 1e-8) * np.mean(np.diag(hessian))
        hessian[np.diag_indices(self.rows)] += damping

        def find(group: Array) -> Any:
            return compute_quantization_parameters(
                group.astype("float32"),
                bits=config.weight_bits,
                symmetric=config.symmetric,
                per_channel=config.per_channel,
            )

        integers, scale, zero, groups = gptq_quantize_matrix(
            weights,
            np.linalg.inv(hessian),
            blocksize=blocksize,
            group_size=config.group_size,
            activation_order=config.activation_order,
            order_metric=diagonal,
            compute_scale_zero=find,
        )
        self.layer.set_calibrated(integers, scale, zero, groups)

    finish = quantize_and_correct_layer

    def free(self) -> None:
        """Let go of the Hessian and the layer."""
        del self.hessian, self.layer
