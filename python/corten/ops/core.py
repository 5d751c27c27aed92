"""Conversion, dtypes and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import _core
from corten.ops._common import FLOAT_MAX, INTEGERS, Tensor, TensorLike, as_tensor, dtype_name
from corten.ops.dispatch import op
from corten.symbolic import is_symbolic, meta_tensor


def _dense(name: str, sparse: Any, ragged: Any) -> None:
    if sparse or ragged:
        raise NotImplementedError(f"{name}: sparse and ragged tensors do not exist in Corten")


@op
def convert_to_tensor(x: TensorLike, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Tensor:
    """Makes a tensor of numbers, arrays, variables or nested lists.

    Args:
        x: What to convert; a tensor of the right dtype comes back as it is.
        dtype: The dtype; None is that of `x`, for Python numbers int32 or the default float.
        sparse: Must not be true.
        ragged: Must not be true.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.convert_to_tensor([1, 2], dtype="float32").tolist()
        [1.0, 2.0]
    """
    _dense("convert_to_tensor", sparse, ragged)
    return as_tensor(x, None if dtype is None else dtype_name(dtype))


@op
def array(x: TensorLike, dtype: Any = None) -> Tensor:
    """Makes a tensor; the same as `convert_to_tensor`.

    Args:
        x: What to convert.
        dtype: The dtype; None is that of `x`, for Python numbers int32 or the default float.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.array([1, 2]).dtype
        'int32'
    """
    return as_tensor(x, None if dtype is None else dtype_name(dtype))


def convert_to_numpy(x: TensorLike) -> np.ndarray:
    """Gives the values as a NumPy array.

    Args:
        x: A tensor, a variable or an array.

    Returns:
        An array; bfloat16, which NumPy lacks, comes as float32. A `ComplexTensor` gives complex numbers.

    Raises:
        ValueError: `x` is symbolic.

    Example:
        >>> corten.ops.convert_to_numpy(corten.ops.ones(2)).tolist()
        [1.0, 1.0]
    """
    if isinstance(x, np.ndarray):
        return x
    if is_symbolic(x):
        raise ValueError(
            f"convert_to_numpy: {x!r} is symbolic and has no values; in a Layer's `call` tensors have them"
        )
    if hasattr(x, "_corten_complex"):
        return np.asarray(x.map(lambda part: part.detach()))
    return as_tensor(x).detach().numpy()


def is_tensor(x: Any) -> bool:
    """Whether something is a tensor of Corten.

    Args:
        x: Anything.

    Returns:
        True or False; symbolic tensors and variables are none.

    Example:
        >>> corten.ops.is_tensor(corten.ops.ones(2)), corten.ops.is_tensor([1.0])
        (True, False)
    """
    return isinstance(x, Tensor)


def shape(x: Any) -> tuple[int | None, ...]:
    """The size of each axis.

    Args:
        x: A tensor, a symbolic tensor (unknown sizes are None) or an array.

    Returns:
        A tuple.

    Example:
        >>> corten.ops.shape(corten.ops.ones((2, 3)))
        (2, 3)
    """
    known = getattr(x, "shape", None)
    return tuple(known) if known is not None else as_tensor(x).shape


def ndim(x: Any) -> int:
    """The number of axes.

    Args:
        x: A tensor, a symbolic tensor or an array.

    Returns:
        An int.

    Example:
        >>> corten.ops.ndim([[1, 2]])
        2
    """
    return len(shape(x))


def size(x: Any) -> int | None:
    """The number of elements.

    Args:
        x: A tensor, a symbolic tensor (None if a size is unknown) or an array.

    Returns:
        An int.

    Example:
        >>> corten.ops.size([[1, 2]])
        2
    """
    total = 1
    for dim in shape(x):
        if dim is None:
            return None
        total *= dim
    return total


def dtype(x: Any) -> str:
    """The dtype's name.

    Args:
        x: A tensor, a symbolic tensor, an array or a number.

    Returns:
        A string such as ``'float32'``.

    Example:
        >>> corten.ops.dtype(corten.ops.ones(2))
        'float32'
    """
    known = getattr(x, "dtype", None)
    return dtype_name(known) if known is not None else as_tensor(x).dtype


@op
def cast(x: TensorLike, dtype: Any) -> Tensor:
    """The values in another dtype; floats lose what is after the point when they become integers.

    Args:
        x: A tensor.
        dtype: The dtype.

    Returns:
        A tensor; `x` itself if it has the dtype.

    Example:
        >>> corten.ops.cast([1.7, -1.7], "int32").tolist()
        [1, -1]
    """
    name = dtype_name(dtype)
    # An array's own dtype may be one that the device lacks.
    return _core.tensor(x, name) if isinstance(x, np.ndarray) else as_tensor(as_tensor(x), name)


def _integer_bounds(name: str) -> tuple[int, int]:
    bits = int(name.removeprefix("u")[3:])
    return (0, 2**bits - 1) if name.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@op
def saturate_cast(x: TensorLike, dtype: Any) -> Tensor:
    """The values in another dtype; what is out of its range becomes its lowest or largest number.

    Args:
        x: A tensor.
        dtype: The dtype.

    Returns:
        A tensor.

    Example:
        >>> corten.ops.saturate_cast([300.0, -5.0], "uint8").tolist()
        [255, 0]
    """
    x, name = as_tensor(x), dtype_name(dtype)
    if x.dtype == name or name == "bool" or x.dtype == "bool":
        return as_tensor(x, name)
    if name in INTEGERS:
        low, high = _integer_bounds(name)
        if x.dtype in INTEGERS:
            own_low, own_high = _integer_bounds(x.dtype)
            if low > own_low:
                x = _core.binary("maximum", x, low)
            if high < own_high:
                x = _core.binary("minimum", x, high)
            return _core.cast(x, name)
        # Large bounds round up when they become floats: compare, and set the exact integer after.
        below, above = (
            _core.compare("less_equal", x, float(low)),
            _core.compare("greater_equal", x, float(high)),
        )
        inside = _core.where(_core.binary("bitwise_or", below, above), 0.0, x)
        result = _core.cast(inside, name)
        result = _core.where(below, as_tensor(low, name), result)
        return _core.where(above, as_tensor(high if high < 2**63 else np.uint64(high), name), result)
    if x.dtype in FLOAT_MAX and FLOAT_MAX[name] < FLOAT_MAX[x.dtype]:
        limit = FLOAT_MAX[name]
        x = _core.binary("maximum", _core.binary("minimum", x, limit), -limit)
    return _core.cast(x, name)


@op
def view(x: TensorLike, dtype: Any = None) -> Tensor:
    """The bytes of a tensor read as another dtype.

    Args:
        x: A tensor; without gradient.
        dtype: The dtype; the last axis grows or shrinks with its size. None is that of `x`.

    Returns:
        A tensor.

    Raises:
        ValueError: The sizes of the dtypes differ and there is no last axis, or it does not fit.

    Example:
        >>> corten.ops.view(corten.ops.array([1.0]), "int32").tolist()
        [1065353216]
    """
    x = as_tensor(x)
    name = x.dtype if dtype is None else dtype_name(dtype)
    if name == x.dtype:
        return x
    # NumPy has no bfloat16: its bits are the upper half of those of a float32.
    before, after = ("uint16" if one == "bfloat16" else one for one in (x.dtype, name))
    old, new = np.dtype(before).itemsize, np.dtype(after).itemsize
    if old == new:
        shape = x.shape
    elif x.ndim == 0:
        raise ValueError(f"view: a scalar of {x.dtype} cannot be read as {name}, which has another size")
    else:
        shape = (*x.shape[:-1], x.shape[-1] * old // new)
    if x.device == "meta":
        return meta_tensor(shape, name)
    if old != new and x.shape[-1] * old % new:
        raise ValueError(
            f"view: the last axis of {x.shape} of {x.dtype} has {x.shape[-1] * old} bytes, no multiple of "
            f"the {new} of {name}"
        )
    wide = _core.cast(x, "float32") if x.dtype == "bfloat16" else x
    values = wide.detach().numpy()
    if x.dtype == "bfloat16":
        values = (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16)
    values = np.ascontiguousarray(values).view(after).reshape(shape)
    if name == "bfloat16":
        return _core.cast(_core.tensor((values.astype(np.uint32) << 16).view(np.float32)), name)
    return as_tensor(values)


@op
def stop_gradient(variable: TensorLike) -> Tensor:
    """The value, through which no gradient flows.

    Args:
        variable: A tensor.

    Returns:
        A tensor that shares memory with it.

    Example:
        >>> corten.ops.stop_gradient([1.0]).tolist()
        [1.0]
    """
    return as_tensor(variable).detach()


def custom_gradient(f: Any) -> Any:
    """Gives a function its own gradient; see `corten.custom_gradient`.

    Args:
        f: A function that gives ``(output, grad)``; ``grad(*args, upstream=...)`` gives the
            gradient of each argument.

    Returns:
        A function that gives the output.

    Example:
        >>> @corten.ops.custom_gradient
        ... def double_slope(x):
        ...     return x, lambda *args, upstream=None: 2.0 * upstream
        >>> float(double_slope(corten.ops.array(3.0)))
        3.0
    """
    from corten import autograd

    return autograd.custom_gradient(f)
