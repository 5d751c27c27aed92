"""Dtypes: their names, conversion, limits."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from corten.array_api._common import (
    FLOAT_OF,
    FLOATS,
    INTEGERS,
    Array,
    array,
    cast,
    check_device,
    common_dtype,
    dtype_of,
    is_python_number,
)

# Dtypes are their names: `x.dtype == xp.float32` compares strings.
bool = "bool"
int8, int16, int32, int64 = "int8", "int16", "int32", "int64"
uint8, uint16, uint32, uint64 = "uint8", "uint16", "uint32", "uint64"
float32, float64 = "float32", "float64"
complex64, complex128 = "complex64", "complex128"

#: The standard's dtypes. Tensors have two more: float16 and bfloat16.
ALL = (
    bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, complex64, complex128,
)  # fmt: skip
_SIGNED = (int8, int16, int32, int64)
_UNSIGNED = (uint8, uint16, uint32, uint64)
_KINDS: dict[str, tuple[str, ...]] = {
    "bool": (bool,),
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
    "integral": (*_SIGNED, *_UNSIGNED),
    "real floating": ("float16", "bfloat16", float32, float64),
    "complex floating": (complex64, complex128),
    "numeric": (*_SIGNED, *_UNSIGNED, "float16", "bfloat16", float32, float64, complex64, complex128),
}


def is_of_kind(dtype: str, kind: Any) -> Any:
    """Whether a dtype is of a kind, is a dtype, or is one of several."""
    if isinstance(kind, (tuple, list)):
        return any(is_of_kind(dtype, one) for one in kind)
    if isinstance(kind, str) and kind in _KINDS:
        return dtype in _KINDS[kind]
    try:
        return dtype == dtype_of(kind, dtype)
    except (TypeError, ValueError):
        raise ValueError(
            f"isdtype: unknown kind {kind!r}; known: {', '.join(map(repr, _KINDS))}, or a dtype"
        ) from None


def isdtype(dtype: Any, kind: Any) -> Any:
    """Whether `dtype` is of `kind`: a dtype, ``"integral"``, ``"real floating"`` ..., or a tuple of such.

    Example:
        >>> corten.array_api.isdtype("float32", "real floating")
        True
    """
    return is_of_kind(dtype_of(dtype, "float32"), kind)


def astype(x: Array, dtype: Any, /, *, copy: Any = True, device: Any = None) -> Array:
    """The elements of `x` as another dtype; a copy also where the dtype is the same, unless `copy` is False.

    Raises:
        TypeError: If complex numbers should become real: take `xp.real(x)` first.

    Example:
        >>> corten.array_api.astype(corten.tensor([1.5]), "int32").tolist()
        [1]
    """
    check_device("astype", device)
    x = array(x)
    name = dtype_of(dtype, x.dtype)
    if name == x.dtype:
        return x.copy() if copy else x
    return cast(x, name)


def result_type(*arrays_and_dtypes: Any) -> str:
    """The dtype of a result of these arrays, dtypes and Python numbers.

    Example:
        >>> corten.array_api.result_type("int8", "uint8"), corten.array_api.result_type("int8", 1)
        ('int16', 'int8')
    """
    if not arrays_and_dtypes:
        raise ValueError("result_type: at least one array or dtype is needed")
    values = [x if is_python_number(x) or hasattr(x, "shape") else dtype_of(x, "") for x in arrays_and_dtypes]
    return common_dtype(*values)


def can_cast(from_: Any, to: Any, /) -> Any:
    """Whether an array or dtype becomes `to` by promotion alone, so that no value can be lost.

    Example:
        >>> corten.array_api.can_cast("int8", "int16"), corten.array_api.can_cast("int16", "int8")
        (True, False)
    """
    source = from_.dtype if hasattr(from_, "shape") else dtype_of(from_, "")
    target = dtype_of(to, "")
    if source == target:
        return True
    order = ("bool", "integral", "real floating", "complex floating")
    kinds = [next(i for i, kind in enumerate(order) if is_of_kind(name, kind)) for name in (source, target)]
    return kinds[0] == kinds[1] and common_dtype(source, target) == target


@dataclasses.dataclass(frozen=True)
class FloatInfo:
    """Limits of a float dtype, as Python numbers (`finfo`).

    `dtype` is NumPy's object, which the standard wants here and which equals the name.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Any


@dataclasses.dataclass(frozen=True)
class IntegerInfo:
    """Limits of an integer dtype, as Python numbers (`iinfo`); `dtype` as in `FloatInfo`."""

    bits: int
    max: int
    min: int
    dtype: Any


def finfo(type: Any, /) -> FloatInfo:
    """Limits of a float dtype, or of the parts of a complex one; `type` may be an array.

    Example:
        >>> corten.array_api.finfo("float64").eps
        2.220446049250313e-16
    """
    name = type.dtype if hasattr(type, "shape") else dtype_of(type, "")
    name = FLOAT_OF.get(name, name)
    if name not in FLOATS:
        raise TypeError(f"finfo: expected a float dtype; got {name!r}. Use `iinfo` for integers")
    if name == "bfloat16":
        # 8 bits of exponent as float32, 7 bits of fraction.
        large = (2 - 2.0**-7) * 2.0**127
        return FloatInfo(16, 2.0**-7, large, -large, 2.0**-126, name)
    info = np.finfo(name)
    numbers = (float(info.eps), float(info.max), float(info.min), float(info.smallest_normal))
    return FloatInfo(info.bits, *numbers, info.dtype)


def iinfo(type: Any, /) -> IntegerInfo:
    """Limits of an integer dtype; `type` may be an array.

    Example:
        >>> corten.array_api.iinfo("int8").max
        127
    """
    name = type.dtype if hasattr(type, "shape") else dtype_of(type, "")
    if name not in INTEGERS:
        raise TypeError(f"iinfo: expected an integer dtype; got {name!r}. Use `finfo` for floats")
    info = np.iinfo(name)
    return IntegerInfo(info.bits, int(info.max), int(info.min), np.dtype(name))
