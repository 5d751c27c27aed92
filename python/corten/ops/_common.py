"""What the op modules share: conversion to tensors, axes, dtypes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from corten import _core
from corten.config import floatx, image_data_format, standardize_dtype as dtype_name

__all__ = ["dtype_name"]  # passed on to the op modules

Tensor = _core.Tensor
#: A tensor, a variable, an array, a (nested list of) number(s).
TensorLike: TypeAlias = Any
#: One axis, several, or None for all.
Axis: TypeAlias = int | Sequence[int] | None

FLOATS = frozenset({"float32", "float64", "float16", "bfloat16"})
INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
DTYPES = FLOATS | INTEGERS | {"bool"}


def widest_float(x: Tensor | None = None) -> str:
    """The dtype for steps inside an op that are to be exact: float64, which GPUs lack, so float32 there.

    Args:
        x: What the steps are taken beside; None is what new tensors are made beside.
    """
    device = _core.current_device() if x is None else x.device
    return "float32" if device.startswith("gpu") else "float64"


def as_tensor(x: TensorLike, dtype: str | None = None) -> Tensor:
    """Gives `x` as a tensor; a variable gives its value."""
    if type(x) is not Tensor:
        value = getattr(x, "__corten_tensor__", None)
        x = value() if value is not None else _converted(x, dtype)
    if dtype is not None and x.dtype != dtype:
        return _core.cast(x, dtype)
    return x


def _converted(x: Any, dtype: str | None) -> Tensor:
    """Makes a tensor of something that is none."""
    if type(x) in (list, tuple):
        if any(isinstance(one, Tensor) or hasattr(one, "__corten_tensor__") for one in x):
            return _core.stack(promoted(*x), 0)
        if dtype is not None:
            # Through NumPy's float64 and int64, so that a wide dtype is not rounded to a narrow one.
            values = np.asarray(x)
            if values.dtype.kind == "i" and values.size and "int" in dtype:
                _check_range(values, dtype)
            return _core.tensor(values, dtype)
    elif dtype is not None and type(x) in (int, float, bool):
        return _core.full((), x, dtype)
    return _core.tensor(x, dtype)


def _check_range(values: Any, dtype: str) -> None:
    """Refuses Python integers that the integer dtype does not hold, as NumPy does."""
    limits = np.iinfo(dtype)
    for value in (int(values.min()), int(values.max())):
        if not limits.min <= value <= limits.max:
            raise OverflowError(f"Python integer {value} out of bounds for {dtype}")


def filled_beside(x: Tensor, shape: Sequence[int], value: Any, dtype: str | None = None) -> Tensor:
    """A tensor of one value on the device of `x`: beside a tensor without storage it has none either.

    Args:
        x: The tensor that it is to go with.
        shape: The shape.
        value: A number.
        dtype: The dtype; None is that of `x`.
    """
    if x.device != "meta":
        return _core.full(tuple(shape), value, dtype or x.dtype, x.device)
    return _core.broadcast_to(_core.full((), value, dtype or x.dtype, "cpu").to("meta"), tuple(shape))


def as_float(x: TensorLike) -> Tensor:
    """Gives `x` as a float tensor: integers and bool become the default float."""
    x = as_tensor(x)
    return x if x.dtype in FLOATS else _core.cast(x, floatx())


def as_number(x: TensorLike) -> Tensor:
    """Gives `x` as a tensor of numbers: bool becomes int32."""
    x = as_tensor(x)
    return _core.cast(x, "int32") if x.dtype == "bool" else x


def as_index(x: TensorLike) -> Tensor:
    """Gives `x` as a tensor of int32 or int64."""
    x = as_tensor(x)
    if x.dtype in ("int32", "int64"):
        return x
    return _core.cast(x, "int64" if x.dtype in ("uint32", "uint64") else "int32")


def _alike(values: tuple[TensorLike, ...]) -> tuple[list[Tensor], str] | None:
    """Tensors and variables as tensors with their dtype, where all have one: the common case.

    None where something must be converted or promoted.
    """
    tensors: list[Tensor] = []
    common = None
    for value in values:
        if type(value) is not Tensor:
            own = getattr(value, "__corten_tensor__", None)
            if own is None:
                return None
            value = own()
        dtype = value.dtype
        if common is None:
            common = dtype
        elif dtype != common:
            return None
        tensors.append(value)
    return None if common is None else (tensors, common)


def promoted(*values: TensorLike) -> list[Tensor]:
    """Gives all values as tensors of their common dtype; Python numbers adapt to the others."""
    alike = _alike(values)
    if alike is not None:
        return alike[0]
    dtype = _core.result_type(*values)
    return [as_tensor(value, dtype) for value in values]


def promoted_float(*values: TensorLike) -> list[Tensor]:
    """As `promoted`; integers become the default float."""
    alike = _alike(values)
    if alike is not None and alike[1] in FLOATS:
        return alike[0]
    dtype = _core.result_type(*values)
    if dtype not in FLOATS:
        dtype = floatx()
    return [as_tensor(value, dtype) for value in values]


def axis_of(name: str, axis: Any, rank: int) -> int:
    """Gives `axis` counted from the front, or an error that names the op."""
    index = operator.index(axis)
    if not -rank <= index < max(rank, 1):
        raise ValueError(f"{name}: axis {index} is out of bounds for a tensor of {rank} dimensions")
    return index % rank if rank else 0


def axes_of(name: str, axis: Axis, rank: int) -> tuple[int, ...]:
    """Gives the axes counted from the front; None is all of them."""
    if axis is None:
        return tuple(range(rank))
    if hasattr(axis, "__index__"):
        return (axis_of(name, axis, rank),)
    axes = tuple(axis_of(name, one, rank) for one in axis)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: axis names one axis twice; got {tuple(axis)} for {rank} dimensions")
    return axes


def shape_of(shape: Any) -> tuple[int, ...]:
    """Gives a shape argument (an int, a sequence of ints, a tensor) as a tuple."""
    if isinstance(shape, (Tensor, np.ndarray)):
        shape = shape.tolist()
    if hasattr(shape, "__index__"):
        return (operator.index(shape),)
    return tuple(operator.index(dim) for dim in shape)


def per_axis(name: str, what: str, value: Any, count: int) -> tuple[int, ...]:
    """Gives one int per spatial axis from an int or a sequence."""
    if hasattr(value, "__index__"):
        return (operator.index(value),) * count
    values = tuple(operator.index(one) for one in value)
    if len(values) == 1:
        values *= count
    if len(values) != count:
        raise ValueError(f"{name}: {what} must be an int or {count} ints; got {value!r}")
    return values


def channels_last(name: str, data_format: str | None) -> bool:
    """Whether the channels are the last axis."""
    if data_format is None:
        data_format = image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"{name}: data_format must be 'channels_last' or 'channels_first'; got {data_format!r}"
        )
    return data_format == "channels_last"


def to_channels_last(x: Tensor, batch_axes: int = 1) -> Tensor:
    """Moves the channel axis, just after the batch axes, to the end."""
    axes = list(range(x.ndim))
    axes.append(axes.pop(batch_axes))
    return _core.transpose(x, axes)


def to_channels_first(x: Tensor, batch_axes: int = 1) -> Tensor:
    """Moves the last axis to just after the batch axes."""
    axes = list(range(x.ndim))
    axes.insert(batch_axes, axes.pop())
    return _core.transpose(x, axes)


#: The largest finite number of each float dtype.
FLOAT_MAX = {
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38,
    "float64": 1.7976931348623157e308,
}
