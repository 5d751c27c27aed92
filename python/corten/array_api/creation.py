"""New arrays."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from corten import _core
from corten.array_api._common import (
    COMPLEX_OF,
    FLOAT_OF,
    Array,
    ComplexTensor,
    Tensor,
    array,
    cast,
    check_device,
    default_float,
    dtype_of,
    each_part,
    is_complex,
    number_as,
)
from corten.array_api.data_types import iinfo, is_of_kind
from corten.array_api.elementwise import imag, real
from corten.array_api.manipulation import stack
from corten.ops import creation, diagonals, ranges
from corten.ops._common import shape_of


def _has_tensors(obj: Any) -> bool:
    """Whether nested lists hold arrays, whose dtype counts."""
    if isinstance(obj, (list, tuple)):
        return any(_has_tensors(one) for one in obj)
    return hasattr(obj, "dtype")


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
    """An array of a number, nested lists, or another library's array (buffer protocol, DLPack).

    Python numbers become bool, int32, the default float or its complex dtype.

    Args:
        obj: What to convert.
        dtype: The dtype; by default that of `obj`.
        device: None or ``"cpu"``.
        copy: True always copies; False refuses to (only Corten's own tensors of that dtype pass);
            None copies where needed.

    Raises:
        ValueError: If `copy` is False and a copy is needed.
        OverflowError: If an integer does not fit into the dtype.

    Example:
        >>> corten.array_api.asarray([1, 2]).dtype, corten.array_api.asarray(1j).dtype
        ('int32', 'complex64')
    """
    check_device("asarray", device)
    if isinstance(obj, (Tensor, ComplexTensor)):
        name = dtype_of(dtype, obj.dtype)
        if name == obj.dtype:
            return obj.copy() if copy else obj
        if copy is False:
            raise ValueError(f"asarray: {obj.dtype} cannot become {name} without a copy; leave `copy` out")
        return cast(obj, name)
    if copy is False:
        raise ValueError(
            f"asarray: {type(obj).__name__} cannot become a tensor without a copy; leave `copy` out"
        )
    wanted = None if dtype is None else dtype_of(dtype, "")
    if isinstance(obj, np.generic):
        # Some of NumPy's numbers are Python numbers too, but have a dtype that counts.
        result = array(np.asarray(obj))
    elif isinstance(obj, (list, tuple)) and _has_tensors(obj):
        result = _stacked(obj)
    elif isinstance(obj, (builtins.bool, int, float, complex, list, tuple, range)):
        return _of_python(obj, wanted)
    else:
        result = array(obj)
    return result if wanted is None else cast(result, wanted)


def _stacked(obj: Any) -> Array:
    """Nested lists with arrays in them."""
    if isinstance(obj, (list, tuple)):
        return stack([_stacked(one) for one in obj])
    return asarray(obj)


def _of_python(obj: Any, dtype: str | None) -> Array:
    """Python numbers, which NumPy reads with all their digits."""
    values = np.asarray(obj)
    kind = values.dtype.kind
    if dtype is None:
        wide = default_float()
        dtype = {"b": "bool", "i": "int32", "u": "int32", "f": wide, "c": COMPLEX_OF[wide]}.get(kind)
        if dtype is None:
            raise TypeError(f"asarray: expected numbers; got {obj!r:.80}")
    if dtype in FLOAT_OF:
        return ComplexTensor.of(values.astype(dtype))
    if kind == "c":
        raise TypeError(f"asarray: complex numbers cannot become {dtype!r}")
    if kind in "iuO" and is_of_kind(dtype, "integral") and values.size:
        limits = iinfo(dtype)
        for value in (int(values.min()), int(values.max())):
            if not limits.min <= value <= limits.max:
                raise OverflowError(f"asarray: the integer {value} does not fit into {dtype}")
    if dtype == "bfloat16":
        return _core.cast(_core.tensor(values.astype("float32")), dtype)
    return _core.tensor(values.astype(dtype))


def arange(
    start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Evenly spaced numbers from `start` (0 if only one is given) up to, without, `stop`.

    Integers give int32, others the default float.

    Example:
        >>> corten.array_api.arange(1, 6, 2).tolist()
        [1, 3, 5]
    """
    check_device("arange", device)
    if stop is None:
        start, stop = 0, start
    whole = all(isinstance(one, int) for one in (start, stop, step))
    name = dtype_of(dtype, "int32" if whole else default_float())
    if step == 0:
        raise ValueError("arange: step must not be 0")
    if whole and is_of_kind(name, "integral"):
        # As int64 first: the values are exact whatever the dtype.
        return _of_python(np.arange(start, stop, step), name)
    return _core.tensor(np.arange(start, stop, step, dtype=np.float64).astype(name))


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """An array with one value everywhere, of the dtype that the value has by itself.

    Example:
        >>> corten.array_api.full((2,), 7).tolist()
        [7, 7]
    """
    check_device("full", device)
    value = asarray(fill_value, dtype=dtype)
    return each_part(_core.broadcast_to, value, shape_of(shape)).copy()


def _filled(name: str, shape: Any, value: float, dtype: Any, device: Any) -> Array:
    check_device(name, device)
    dtype = dtype_of(dtype, default_float())
    if dtype in FLOAT_OF:
        return ComplexTensor(_core.full(shape_of(shape), value, FLOAT_OF[dtype]))
    return _core.full(shape_of(shape), value, dtype)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """An array of zeros, of the default float dtype unless another is given.

    Example:
        >>> corten.array_api.zeros(2).tolist()
        [0.0, 0.0]
    """
    return _filled("zeros", shape, 0, dtype, device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """An array of ones, of the default float dtype unless another is given.

    Example:
        >>> corten.array_api.ones(2).tolist()
        [1.0, 1.0]
    """
    return _filled("ones", shape, 1, dtype, device)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """An array whose values the standard leaves open: zeros."""
    return _filled("empty", shape, 0, dtype, device)


def full_like(x: Array, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """An array of the shape and dtype of `x` with one value everywhere."""
    x = array(x)
    name = dtype_of(dtype, x.dtype)
    value = fill_value if hasattr(fill_value, "shape") else number_as(fill_value, name)
    return full(x.shape, value, dtype=name, device=device)


def zeros_like(x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros of the shape and dtype of `x`."""
    x = array(x)
    return _filled("zeros_like", x.shape, 0, dtype_of(dtype, x.dtype), device)


def ones_like(x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Ones of the shape and dtype of `x`."""
    x = array(x)
    return _filled("ones_like", x.shape, 1, dtype_of(dtype, x.dtype), device)


def empty_like(x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros of the shape and dtype of `x`: the standard leaves the values open."""
    return zeros_like(x, dtype=dtype, device=device)


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None
) -> Array:
    """A matrix with ones on the diagonal `k` (above the main one if positive) and zeros elsewhere.

    Example:
        >>> corten.array_api.eye(2, k=1).tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    check_device("eye", device)
    name = dtype_of(dtype, default_float())
    return cast(creation.eye(n_rows, n_cols, k, FLOAT_OF.get(name, name)), name)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Array:
    """`num` evenly spaced numbers from `start` to `stop`, which is left out if `endpoint` is False.

    Example:
        >>> corten.array_api.linspace(0.0, 1.0, 3).tolist()
        [0.0, 0.5, 1.0]
    """
    check_device("linspace", device)
    default = default_float()
    if is_complex(start) or is_complex(stop):
        default = COMPLEX_OF[default]
    name = dtype_of(dtype, default)
    values = np.linspace(start, stop, num, endpoint=endpoint)
    return _of_python(np.asarray(values), name) if name in FLOAT_OF else _core.tensor(values.astype(name))


def meshgrid(*arrays: Array, indexing: str = "xy") -> list[Array]:
    """Coordinate arrays of a grid from one vector per axis; ``"xy"`` exchanges the first two axes."""
    vectors = [array(one) for one in arrays]
    if not vectors:
        return []
    grids = ranges.meshgrid(*map(real, vectors), indexing=indexing)
    if not any(map(is_complex, vectors)):
        return grids
    others = ranges.meshgrid(*map(imag, vectors), indexing=indexing)
    return [
        ComplexTensor(*parts) if is_complex(one) else parts[0]
        for one, *parts in zip(vectors, grids, others, strict=True)
    ]


def tril(x: Array, /, *, k: int = 0) -> Array:
    """The matrices of the last two axes with zeros above the diagonal `k`."""
    return each_part(diagonals.tril, x, k)


def triu(x: Array, /, *, k: int = 0) -> Array:
    """The matrices of the last two axes with zeros below the diagonal `k`."""
    return each_part(diagonals.triu, x, k)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """An array of another library, through DLPack; the memory is shared where it can be.

    Args:
        x: An object with ``__dlpack__`` and ``__dlpack_device__``.
        device: None or ``"cpu"``.
        copy: True copies, False refuses to.

    Example:
        >>> import numpy as np
        >>> corten.array_api.from_dlpack(np.arange(3)).tolist()
        [0, 1, 2]
    """
    check_device("from_dlpack", device)
    if isinstance(x, ComplexTensor) or is_complex(x):
        if copy is False:
            raise BufferError("from_dlpack: complex numbers are kept as two tensors, so they are copied")
        return ComplexTensor.of(x).copy()
    result = _core.from_dlpack(x)
    return result.copy() if copy else result


__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace",
    "meshgrid", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip
