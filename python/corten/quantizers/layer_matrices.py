"""A layer as GPTQ and AWQ see it: a matrix of weights, and a matrix of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def takes_calibration(layer: Any) -> bool:
    """Whether a layer is of a kind that has integers from data.

    Example:
        >>> import corten
        >>> takes_calibration(corten.layers.Dense(1)), takes_calibration(corten.layers.Embedding(2, 1))
        (True, False)
    """
    return "gptq" in getattr(layer, "_modes", ())


def check_layer(layer: Any) -> None:
    """Check that a layer is of a kind that has integers from data.

    Raises:
        TypeError: It is not.

    Example:
        >>> import corten
        >>> check_layer(corten.layers.Dense(1))
    """
    if not takes_calibration(layer):
        raise TypeError(
            f"Unsupported layer type: {type(layer).__name__}. GPTQ and AWQ are for Dense and EinsumDense."
        )


def flat_inputs(layer: Any, inputs: Any) -> Array:
    """Return inputs of a layer as a matrix: one column for each summed element.

    Raises:
        ValueError: There are none, or they have other features.

    Example:
        >>> import corten, numpy as np
        >>> layer = corten.layers.Dense(1)
        >>> layer.build((None, 3))
        >>> flat_inputs(layer, np.ones((2, 5, 3))).shape
        (10, 3)
    """
    if inputs is None:
        raise ValueError("Input tensor cannot be None.")
    x = np.asarray(inputs, "float64")
    if x.size == 0:
        raise ValueError("Input tensor cannot be empty.")
    rows = layer._matrix_shape()[0]
    summed = layer._summed_input_axes(x.ndim)
    features = int(np.prod([x.shape[axis] for axis in summed]))
    if features != rows:
        raise ValueError(f"The features of the inputs, {features}, do not match input features {rows}.")
    others = [axis for axis in range(x.ndim) if axis not in summed]
    return x.transpose(*others, *layer._row_order(x.ndim)).reshape(-1, rows)


def float_matrix(layer: Any, mode: str) -> Array:
    """Return the float weights of a layer that waits for its integers, as `(outputs, inputs)`.

    Raises:
        ValueError: The layer is not of that mode, or has its integers.

    Example:
        >>> import corten
        >>> layer = corten.layers.Dense(2)
        >>> layer.build((None, 3))
        >>> layer.quantize(config=corten.quantizers.GPTQConfig(dataset=None, tokenizer=None))
        >>> float_matrix(layer, "gptq").shape
        (2, 3)
    """
    if layer.quantization_mode != mode or not layer._float_until_calibrated():
        raise ValueError(
            f"Layer '{layer.name}' has no float weights to round: call `layer.quantize('{mode}', "
            "config=config)` first, and round once."
        )
    matrix = layer._matrix_of(layer._float_kernel())
    return np.array(matrix.numpy(), "float64").T.copy()
