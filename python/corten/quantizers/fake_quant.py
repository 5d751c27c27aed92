"""`fake_quant_with_min_max_vars`: rounding to integers that training can see through."""

from __future__ import annotations

from typing import Any

from corten import autograd, ops
from corten.config import is_float_dtype


def fake_quant_with_min_max_vars(
    inputs: Any,
    min_vals: Any,
    max_vals: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """Clip to a range and round to as many equal steps as `num_bits` integers have.

    The range is moved a little, so that zero is one of the steps. The gradient passes where the input is
    within the range.

    Args:
        inputs: The values.
        min_vals: Lower end of the range: a number, or with `axis` one per channel.
        max_vals: Upper end of the range, above the lower one.
        num_bits: Bits of the integers, 2 to 16.
        narrow_range: Whether the lowest integer is left out.
        axis: Axis of the channels; None for one range.

    Returns:
        The rounded values, of the inputs' dtype and shape.

    Raises:
        ValueError: `num_bits` is not possible.

    Example:
        >>> fake_quant_with_min_max_vars([-1.0, 0.3, 9.0], 0.0, 3.0, num_bits=2).tolist()
        [0.0, 0.0, 3.0]
    """
    if not 2 <= num_bits <= 16:
        raise ValueError(f"fake_quant_with_min_max_vars: `num_bits` must be 2 to 16; got {num_bits}.")
    lowest, highest = float(narrow_range), float(2**num_bits - 1)

    @autograd.custom_gradient
    def fake_quantize(x: Any) -> Any:
        values = ops.cast(x, "float32")
        if axis is None:
            shape: tuple[int, ...] = ()
        else:
            channels = [1] * len(values.shape)
            channels[axis] = -1
            shape = tuple(channels)
        low, high = _range_end(min_vals, shape), _range_end(max_vals, shape)
        step = ops.divide(ops.subtract(high, low), highest - lowest)
        zero = ops.subtract(lowest, ops.divide(low, step))
        zero = ops.clip(ops.floor(ops.add(zero, 0.5)), lowest, highest)
        low = ops.multiply(ops.subtract(lowest, zero), step)
        high = ops.multiply(ops.subtract(highest, zero), step)
        inside = ops.subtract(ops.minimum(ops.maximum(values, low), high), low)
        rounded = ops.floor(ops.add(ops.divide(inside, step), 0.5))
        passes = ops.logical_and(ops.greater_equal(values, low), ops.less_equal(values, high))

        def gradient(upstream: Any) -> Any:
            return ops.where(passes, upstream, ops.zeros_like(upstream))

        return ops.cast(ops.add(ops.multiply(rounded, step), low), x.dtype), gradient

    if hasattr(inputs, "dtype") and not is_float_dtype(str(inputs.dtype)):
        dtype = inputs.dtype
        return ops.cast(fake_quantize(ops.cast(inputs, "float32")), dtype)
    return fake_quantize(inputs if hasattr(inputs, "dtype") else ops.convert_to_tensor(inputs, "float32"))


def _range_end(value: Any, shape: tuple[int, ...]) -> Any:
    value = ops.cast(ops.convert_to_tensor(value), "float32")
    # One range may come as a list of one.
    return ops.reshape(value, shape) if len(value.shape) else value
