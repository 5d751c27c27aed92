"""Unsigned integers with a scale and a zero point, as GPTQ and AWQ use them.

A weight matrix has one row for each output here. Columns of a group share a scale and a zero point per row;
`g_idx` says for each column to which group it belongs.
"""

from __future__ import annotations

from typing import Any

from corten import ops


def compute_quantization_parameters(
    x: Any,
    *,
    bits: int,
    symmetric: bool = False,
    per_channel: bool = False,
    group_size: int = -1,
    compute_dtype: str = "float32",
) -> tuple[Any, Any, Any]:
    """Return the scale, the zero point and the largest integer for quantizing a weight matrix.

    Args:
        x: Weights of shape `(outputs, inputs)`.
        bits: Bits of the integers.
        symmetric: Whether zero is in the middle of the integers.
        per_channel: Whether each output has its own scale; otherwise one scale is repeated for all.
        group_size: Inputs that share a scale, with `per_channel`; -1 for all of them.
        compute_dtype: Dtype of the results.

    Returns:
        Scale and zero point of shape `(outputs, groups)`, and the largest integer, `2**bits - 1`.

    Raises:
        ValueError: `x` is None, empty or not a matrix.

    Example:
        >>> scale, zero, largest = compute_quantization_parameters([[-1.0, 2.0]], bits=2, per_channel=True)
        >>> scale.tolist(), zero.tolist(), float(largest)
        ([[1.0]], [[1.0]], 3.0)
    """
    if x is None:
        raise ValueError("compute_quantization_parameters: input tensor x cannot be None.")
    x = ops.cast(ops.convert_to_tensor(x), compute_dtype)
    if len(x.shape) < 2:
        raise ValueError(
            "compute_quantization_parameters: the weights must have a rank of at least 2; got shape "
            f"{tuple(x.shape)}."
        )
    if 0 in x.shape:
        raise ValueError(
            f"compute_quantization_parameters: input tensor x cannot be empty; got shape {tuple(x.shape)}."
        )
    rows = x.shape[0]
    x = ops.reshape(x, (rows, -1))
    columns = x.shape[1]
    if not per_channel:
        x = ops.reshape(x, (1, 1, -1))
    elif group_size in {-1, None} or group_size >= columns:
        x = ops.expand_dims(x, 1)
    else:
        groups = -(-columns // group_size)
        x = ops.pad(x, [(0, 0), (0, groups * group_size - columns)])
        x = ops.reshape(x, (rows, groups, group_size))
    # Zero is among the numbers that can be said, or zeros would not stay zeros.
    smallest = ops.minimum(ops.min(x, axis=-1), 0.0)
    largest = ops.maximum(ops.max(x, axis=-1), 0.0)
    if symmetric:
        largest = ops.maximum(ops.negative(smallest), largest)
        smallest = ops.where(ops.less(smallest, 0.0), ops.negative(largest), smallest)
    nothing = ops.equal(smallest, largest)
    smallest, largest = ops.where(nothing, -1.0, smallest), ops.where(nothing, 1.0, largest)
    top = float(2**bits - 1)
    scale = ops.divide(ops.subtract(largest, smallest), top)
    if symmetric:
        zero = ops.full_like(scale, (top + 1.0) / 2.0)
    else:
        zero = ops.clip(ops.round(ops.divide(ops.negative(smallest), scale)), 0.0, top)
    if not per_channel:
        scale, zero = ops.tile(scale, (rows, 1)), ops.tile(zero, (rows, 1))
    return scale, zero, ops.convert_to_tensor(top, dtype=compute_dtype)


def quantize_with_zero_point(
    input_tensor: Any, scale: Any, zero: Any, maxq: Any, epsilon: float = 1e-8
) -> Any:
    """Return `clip(round(x / scale + zero), 0, maxq)`, of the input's dtype.

    Args:
        input_tensor: The values.
        scale: The scale; zero is taken for `epsilon`.
        zero: The zero point.
        maxq: The largest integer.
        epsilon: Stands for a scale of zero.

    Example:
        >>> quantize_with_zero_point([[-1.0, 0.4, 9.0]], 0.5, 2.0, 15.0).tolist()
        [[0.0, 3.0, 15.0]]
    """
    scale = ops.convert_to_tensor(scale)
    scale = ops.where(ops.equal(scale, 0.0), ops.full_like(scale, epsilon), scale)
    integers = ops.round(ops.add(ops.divide(input_tensor, scale), ops.cast(zero, scale.dtype)))
    return ops.minimum(ops.maximum(integers, 0.0), ops.cast(maxq, integers.dtype))


def dequantize_with_zero_point(input_tensor: Any, scale: Any, zero: Any) -> Any:
    """Return `(integers - zero) * scale`.

    Example:
        >>> dequantize_with_zero_point([[0.0, 3.0]], 0.5, 2.0).tolist()
        [[-1.0, 0.5]]
    """
    scale = ops.convert_to_tensor(scale)
    return ops.multiply(ops.subtract(ops.cast(input_tensor, scale.dtype), ops.cast(zero, scale.dtype)), scale)


def quantize_with_sz_map(
    weights_matrix: Any, scale: Any, zero: Any, g_idx: Any, maxq: Any, group_size: int = -1
) -> Any:
    """Quantize a weight matrix by groups of columns, to uint8.

    Args:
        weights_matrix: Weights of shape `(outputs, inputs)`.
        scale: Scales of shape `(outputs, groups)`.
        zero: Zero points of that shape.
        g_idx: The group of each input.
        maxq: The largest integer.
        group_size: Accepted for compatibility; `g_idx` says it.

    Example:
        >>> quantize_with_sz_map([[1.0, 1.0]], [[1.0, 0.5]], [[0, 1]], [0, 1], 15.0).tolist()
        [[1, 3]]
    """
    groups = ops.cast(g_idx, "int32")
    scale, zero = ops.take(scale, groups, axis=1), ops.take(zero, groups, axis=1)
    return ops.cast(quantize_with_zero_point(weights_matrix, scale, zero, maxq), "uint8")


def dequantize_with_sz_map(
    weights_matrix: Any, scale: Any, zero: Any, g_idx: Any, group_size: int = -1
) -> Any:
    """Undo `quantize_with_sz_map`.

    Args:
        weights_matrix: Integers of shape `(outputs, inputs)`.
        scale: Scales of shape `(outputs, groups)`.
        zero: Zero points of that shape.
        g_idx: The group of each input.
        group_size: Accepted for compatibility; `g_idx` says it.

    Example:
        >>> dequantize_with_sz_map([[1, 3]], [[1.0, 0.5]], [[0, 1]], [0, 1]).tolist()
        [[1.0, 1.0]]
    """
    groups = ops.cast(g_idx, "int32")
    return dequantize_with_zero_point(
        weights_matrix, ops.take(scale, groups, axis=1), ops.take(zero, groups, axis=1)
    )
