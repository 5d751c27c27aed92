"""Values rounded to 8-bit floats with a scale that follows them (arXiv 2209.05433).

The engine computes in wider types: an 8-bit value is held in one of those, rounded to what 8 bits can say.
"""

from __future__ import annotations

from typing import Any

from corten import ops

#: Per format: bits of the fraction, exponent of the smallest normal number, largest finite number.
FORMATS = {"float8_e4m3fn": (3, -6, 448.0), "float8_e5m2": (2, -14, 57344.0)}


def round_to_float8(x: Any, dtype: str) -> Any:
    """Round float32 values to the nearest ones of an 8-bit float format, ties to even.

    Args:
        x: float32 values within the format's finite range.
        dtype: `'float8_e4m3fn'` or `'float8_e5m2'`.

    Raises:
        ValueError: The format is neither.

    Example:
        >>> round_to_float8([1.1, 0.01], "float8_e4m3fn").tolist()
        [1.125, 0.009765625]
    """
    if dtype not in FORMATS:
        raise ValueError(f"round_to_float8: `dtype` must be one of {sorted(FORMATS)}; got {dtype!r}.")
    fraction, exponent, _ = FORMATS[dtype]
    x = ops.convert_to_tensor(x, dtype="float32")
    dropped = 23 - fraction
    bits = ops.view(x, "int32")
    odd = ops.bitwise_and(ops.right_shift(bits, dropped), 1)
    bits = ops.add(bits, ops.add(odd, (1 << (dropped - 1)) - 1))
    normal = ops.view(ops.bitwise_and(bits, -(1 << dropped)), "float32")
    # Below the normal numbers steps are equal. Adding a number that large rounds to such a step.
    shift = 1.5 * 2.0 ** (exponent - fraction + 23)
    small = ops.subtract(ops.add(x, shift), shift)
    return ops.where(ops.less(ops.abs(x), 2.0**exponent), small, normal)


def compute_float8_scale(amax: Any, scale: Any, dtype_max: Any, margin: int = 0) -> Any:
    """Return the scale that makes the largest value seen fit the 8-bit format.

    Args:
        amax: Largest absolute value seen.
        scale: The scale so far, kept where `amax` is zero or not finite.
        dtype_max: Largest finite value of the 8-bit format.
        margin: So many powers of two of room above `amax`.

    Example:
        >>> round(float(compute_float8_scale(4.0, 1.0, 448.0)), 5)
        0.00893
    """
    amax = ops.cast(amax, "float32")
    scale = ops.cast(scale, "float32")
    wanted = ops.multiply(ops.divide(amax, dtype_max), 2.0**margin)
    usable = ops.logical_and(ops.greater(amax, 0.0), ops.isfinite(amax))
    return ops.where(usable, wanted, scale)


def compute_float8_amax_history(x: Any, amax_history: Any) -> Any:
    """Replace the oldest entry of a history: turn it by one and put the largest absolute value of `x` first.

    Args:
        x: The values.
        amax_history: Vector of the largest absolute values of earlier calls.

    Example:
        >>> compute_float8_amax_history([-3.0, 1.0], [7.0, 6.0, 5.0]).tolist()
        [3.0, 5.0, 7.0]
    """
    history = ops.convert_to_tensor(amax_history)
    largest = ops.cast(ops.max(ops.abs(x)), history.dtype)
    rolled = ops.roll(history, -1)
    return ops.concatenate([ops.reshape(largest, (1,)), rolled[1:]])


def quantize_and_dequantize(inputs: Any, scale: Any, quantized_dtype: str, compute_dtype: str) -> Any:
    """Round values to what an 8-bit float format can say of them after scaling.

    Args:
        inputs: The values.
        scale: What one step of the format stands for: values are divided by it and multiplied again.
        quantized_dtype: `'float8_e4m3fn'` or `'float8_e5m2'`.
        compute_dtype: Dtype of the result.

    Raises:
        ValueError: The format is neither.

    Example:
        >>> quantize_and_dequantize([1.1, 1000.0], 1.0, "float8_e4m3fn", "float32").tolist()
        [1.125, 448.0]
    """
    if quantized_dtype not in FORMATS:
        raise ValueError(
            f"quantize_and_dequantize: `quantized_dtype` must be one of {sorted(FORMATS)}; got "
            f"{quantized_dtype!r}."
        )
    largest = FORMATS[quantized_dtype][2]
    scale = ops.cast(scale, compute_dtype)
    scaled = ops.clip(ops.divide(ops.cast(inputs, compute_dtype), scale), -largest, largest)
    rounded = round_to_float8(ops.cast(scaled, "float32"), quantized_dtype)
    return ops.multiply(ops.cast(rounded, compute_dtype), scale)
