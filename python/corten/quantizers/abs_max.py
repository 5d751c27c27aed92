"""Symmetric integers by the largest absolute value, and integers with a zero point by groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import config as settings, ops

_RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


class Quantizer:
    """Base of quantizers: called with a tensor, they return integers and what recovers the values.

    Args:
        output_dtype: Dtype of the integers.

    Example:
        >>> Quantizer().output_dtype
        'int8'
    """

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        """Quantize a tensor. Override this; the base returns it as it is."""
        return x

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Quantizer:
        """Create a quantizer from what `get_config` returned."""
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this quantizer. Override this."""
        raise NotImplementedError(f"{self} does not implement get_config()")


class AbsMaxQuantizer(Quantizer):
    """Scales values so that the largest absolute one gets the largest integer, and rounds.

    Args:
        axis: Axis or axes that share a scale; None takes those given in the call, or the last one.
        value_range: The smallest and the largest integer.
        epsilon: Added to the largest absolute value, so that zeros do not divide by zero.
        output_dtype: Dtype of the integers.

    Example:
        >>> import numpy as np
        >>> integers, scale = AbsMaxQuantizer(axis=0)(np.array([[1.0], [-2.0]], "float32"))
        >>> integers.tolist(), round(float(scale[0, 0]), 2)
        ([[64], [-127]], 63.5)
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = None,
        value_range: Sequence[int] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis: tuple[int, ...] | None = None
        if axis is not None:
            self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        possible = _RANGES.get(output_dtype)
        if possible and not possible[0] <= value_range[0] < value_range[1] <= possible[1]:
            raise ValueError(
                f"Quantizer with output_dtype={output_dtype!r} requires value_range to be within the "
                f"interval {list(possible)}, smaller end first. Received: value_range={value_range}"
            )
        self.value_range = value_range
        self.epsilon = epsilon

    def __call__(self, x: Any, axis: int | Sequence[int] | None = None, to_numpy: bool = False) -> Any:
        """Return the integers and the scale: `x` is about `integers / scale`.

        Args:
            x: The values.
            axis: Axis or axes that share a scale; None takes the quantizer's own.
            to_numpy: Accepted for compatibility: tensors are in the CPU's memory anyway.
        """
        if axis is None:
            axis = self.axis if self.axis is not None else -1
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }
        if self.axis is not None:
            config["axis"] = self.axis
        return config


def abs_max_quantize(
    inputs: Any,
    axis: int | Sequence[int],
    value_range: Sequence[int] = (-127, 127),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any]:
    """Quantize values symmetrically: the largest absolute one along `axis` gets the largest integer.

    Args:
        inputs: The values.
        axis: Axis or axes that share a scale.
        value_range: The smallest and the largest integer.
        dtype: Dtype of the integers.
        epsilon: Added to the largest absolute value.
        to_numpy: Accepted for compatibility: tensors are in the CPU's memory anyway.

    Returns:
        The integers, and the scale with size 1 along `axis`, of the inputs' dtype: `inputs` is about
        `integers / scale`.

    Example:
        >>> import numpy as np
        >>> integers, scale = abs_max_quantize(np.array([[1.0, -2.0]], "float32"), axis=-1)
        >>> integers.tolist(), scale.shape
        ([[64, -127]], (1, 1))
    """
    values = ops.convert_to_tensor(inputs)
    given = values.dtype if settings.is_float_dtype(values.dtype) else settings.floatx()
    # In 16 bits the rounding of the scale would move the integers.
    values = ops.cast(values, "float64" if given == "float64" else "float32")
    largest = ops.max(ops.abs(values), axis=axis, keepdims=True)
    scale = ops.divide(float(value_range[1]), ops.add(largest, epsilon))
    if given == "float16":
        scale = ops.minimum(scale, 65504.0)
    scale = ops.cast(scale, given)
    scaled = ops.multiply(values, ops.cast(scale, values.dtype))
    rounded = ops.round(scaled)
    if value_range[0] > -value_range[1] or given in {"float16", "bfloat16"}:
        # Otherwise nothing can be outside.
        rounded = ops.clip(rounded, value_range[0], value_range[1])
    return ops.cast(rounded, dtype), scale


def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: Sequence[int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any, Any]:
    """Quantize a matrix by groups of rows, each group and column with a scale and a zero point.

    The range of a group reaches from its smallest to its largest value and holds zero.

    Args:
        inputs: Matrix of shape `(rows, columns)`.
        block_size: Rows in a group; the last group may have fewer.
        value_range: The smallest and the largest integer.
        dtype: Dtype of the integers and zero points.
        epsilon: Added to the width of the range.
        to_numpy: Accepted for compatibility: tensors are in the CPU's memory anyway.

    Returns:
        Integers `(rows, columns)`, scales and zero points `(groups, columns)`: a value is about
        `(integer - zero) * scale`.

    Raises:
        ValueError: `inputs` is not a matrix, or `block_size` is not positive.

    Example:
        >>> import numpy as np
        >>> x = np.array([[-1.0], [0.5], [3.0]], "float32")
        >>> integers, scale, zero = abs_max_quantize_grouped_with_zero_point(x, block_size=2)
        >>> integers.tolist(), zero.tolist(), scale.shape
        ([[-8], [7], [7]], [[2], [-8]], (2, 1))
    """
    values = ops.convert_to_tensor(inputs)
    if len(values.shape) != 2 or block_size < 1:
        raise ValueError(
            "abs_max_quantize_grouped_with_zero_point: expected a matrix and a positive `block_size`; got "
            f"shape {tuple(values.shape)}, block_size={block_size}."
        )
    given = values.dtype if settings.is_float_dtype(values.dtype) else settings.floatx()
    values = ops.cast(values, "float32")
    rows, columns = values.shape
    groups = -(-rows // block_size)
    padded = ops.pad(values, [(0, groups * block_size - rows), (0, 0)])
    padded = ops.reshape(padded, (groups, block_size, columns))
    lowest, highest = value_range
    # The zeros of the padding change nothing: the range holds zero anyway.
    smallest = ops.minimum(ops.min(padded, axis=1), 0.0)
    largest = ops.maximum(ops.max(padded, axis=1), 0.0)
    nothing = ops.equal(smallest, largest)
    smallest, largest = ops.where(nothing, -1.0, smallest), ops.where(nothing, 1.0, largest)
    scale = ops.divide(ops.add(ops.subtract(largest, smallest), epsilon), float(highest - lowest))
    zero = ops.add(ops.round(ops.divide(ops.negative(smallest), scale)), float(lowest))
    zero = ops.clip(zero, lowest, highest)
    integers = ops.add(ops.round(ops.divide(padded, ops.expand_dims(scale, 1))), ops.expand_dims(zero, 1))
    integers = ops.reshape(ops.clip(integers, lowest, highest), (groups * block_size, columns))[:rows]
    return ops.cast(integers, dtype), ops.cast(scale, given), ops.cast(zero, dtype)
