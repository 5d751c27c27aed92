"""What a layer does to its inputs before anything else: arrays to tensors, floats to one dtype."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten._state import get_mask, set_mask
from corten.symbolic import KerasTensor
from corten.variable import Variable

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_Tensor = _core.Tensor


def convert_input(value: Any, dtype: str | None) -> Any:
    """Return arrays as tensors and float tensors in `dtype` (None: as they are)."""
    cls = value.__class__
    if cls is _Tensor or isinstance(value, Variable):
        if dtype is not None and value.dtype != dtype and value.dtype in FLOATS:
            cast = _core.cast(value, dtype)
            mask = get_mask(value)
            if mask is not None:
                set_mask(cast, mask)
            return cast
        return value
    if cls in _PYTHON_VALUES or isinstance(value, KerasTensor) or callable(value):
        return value
    if hasattr(value, "__array__") or hasattr(value, "__dlpack__"):
        if getattr(getattr(value, "dtype", None), "kind", "f") in "OUSV":
            return value  # Text goes to preprocessing layers as it is.
        own = getattr(getattr(value, "dtype", None), "name", None)
        # Cast before it goes to a device that may lack its dtype.
        tensor = _core.tensor(value, dtype if own in FLOATS else None)
        if dtype is not None and tensor.dtype != dtype and tensor.dtype in FLOATS:
            tensor = _core.cast(tensor, dtype)
        return tensor
    return value


def is_numbers(value: Any) -> bool:
    """Whether a (nested) list holds plain numbers, so that it stands for one array."""
    while value.__class__ in (list, tuple):
        if not value:
            return False
        value = value[0]
    return value.__class__ in (int, float, bool)


_PYTHON_VALUES = frozenset({bool, int, float, str, type(None), bytes})
