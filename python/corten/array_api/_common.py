"""What the functions of the namespace share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten import _core
from corten.complex_tensor import COMPLEX_OF, FLOAT_OF, ComplexTensor, is_complex
from corten.config import floatx, standardize_dtype
from corten.ops._common import DTYPES, FLOATS, INTEGERS, as_tensor

Tensor = _core.Tensor
#: A tensor of real or complex numbers.
Array = Any
DEVICE = "cpu"


def check_device(name: str, device: Any) -> None:
    """Refuses a device that is not there."""
    if device not in (None, DEVICE):
        raise ValueError(f"{name}: unknown device {device!r}; tensors are on {DEVICE!r}")


def default_float() -> str:
    """The float dtype of new arrays: `corten.config.floatx()` where the standard has it."""
    return "float64" if floatx() == "float64" else "float32"


def dtype_of(dtype: Any, default: str) -> str:
    """The name of a `dtype` argument."""
    if dtype is None:
        return default
    if isinstance(dtype, str) and (dtype in DTYPES or dtype in FLOAT_OF):
        return dtype
    name = getattr(dtype, "name", getattr(dtype, "__name__", dtype))
    return str(name) if name in FLOAT_OF else standardize_dtype(dtype)


def array(x: Any) -> Array:
    """`x` as a tensor, complex or not."""
    if isinstance(x, (Tensor, ComplexTensor)):
        return x
    return ComplexTensor.of(x) if is_complex(x) else as_tensor(x)


def refuse_complex(name: str, *values: Any) -> None:
    """Refuses complex numbers where the standard has real ones only."""
    for x in values:
        if isinstance(x, (ComplexTensor, complex)):
            raise TypeError(
                f"{name}: expected real numbers, got complex ones; take `xp.abs`, `xp.real` or `xp.imag`"
            )


def truth(x: Any) -> Tensor:
    """Whether each element is not 0."""
    x = array(x)
    return x if x.dtype == "bool" else x != 0


def each_part(function: Callable[..., Any], x: Any, *arguments: Any, **options: Any) -> Array:
    """Calls a function that moves elements about: complex numbers part by part."""
    x = array(x)
    if isinstance(x, ComplexTensor):
        return x.map(lambda part: function(part, *arguments, **options))
    return function(x, *arguments, **options)


def cast(x: Array, dtype: str) -> Array:
    """`x` as another dtype."""
    if dtype in FLOAT_OF:
        return ComplexTensor.of(x, dtype)
    if isinstance(x, ComplexTensor):
        return x.astype(dtype)
    return x if x.dtype == dtype else _core.cast(x, dtype)


def is_python_number(x: Any) -> bool:
    """Whether `x` takes its dtype from the arrays that it meets."""
    return type(x) in (bool, int, float, complex)


def common_dtype(*values: Any) -> str:
    """The dtype of a result of arrays, Python numbers and dtype names."""
    typed = [x if isinstance(x, str) else x.dtype for x in values if not is_python_number(x)]
    numbers = [x for x in values if is_python_number(x)]
    names = [str(getattr(dtype, "name", dtype)) for dtype in typed]
    complexes = [name for name in names if name in FLOAT_OF]
    if complexes or any(type(x) is complex for x in numbers):
        real = [FLOAT_OF.get(name, name) for name in names]
        if not real:
            return "complex64"
        return "complex128" if "float64" in real else "complex64"
    if not names:
        return _core.result_type(*numbers)
    if "uint32" in names and any(name in ("int8", "int16", "int32") for name in names):
        names.append("int64")  # the standard's; Keras's table, which `corten.ops` follows, has int32
    return _core.result_type(*(_core.full((), 0, name) for name in names), *numbers)


def together(*values: Any) -> list[Array]:
    """All values as arrays of their common dtype."""
    values = tuple(x if is_python_number(x) else array(x) for x in values)
    dtype = common_dtype(*values)
    return [number_as(x, dtype) if is_python_number(x) else cast(x, dtype) for x in values]


def number_as(x: Any, dtype: str) -> Array:
    """A Python number as an array without axes."""
    if dtype in FLOAT_OF:
        return ComplexTensor.of(complex(x), dtype)
    if dtype == "uint64" and type(x) is int and x >= 1 << 63:
        import numpy as np

        return _core.tensor(np.asarray(x, np.uint64))
    return _core.full((), x, dtype)


__all__ = [
    "COMPLEX_OF", "DEVICE", "DTYPES", "FLOATS", "FLOAT_OF", "INTEGERS", "Array", "ComplexTensor", "Tensor",
    "array", "as_tensor", "cast", "check_device", "common_dtype", "default_float", "dtype_of", "each_part",
    "is_complex", "is_python_number", "number_as", "refuse_complex", "together", "truth",
]  # fmt: skip
