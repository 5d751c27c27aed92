"""Turning what users pass as data into tensors, and checking it on the way."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from numbers import Number
from typing import Any

import numpy as np

from corten import _core
from corten._state import Seen
from corten.config import floatx
from corten.text_arrays import is_text_array

Tensor = _core.Tensor
#: An array, a tensor, or a list or dict of them.
Data = Any

# NumPy has one object for each native dtype: what most data comes in is told by identity.
_FLOAT32, _INT64 = np.dtype(np.float32), np.dtype(np.int64)
_FLOAT_NAMES = frozenset({"float16", "bfloat16", "float32", "float64"})


def is_value_list(value: Any) -> bool:
    """True for (nested) lists of numbers or texts, which are one array; a list of arrays is several inputs.

    Example:
        >>> is_value_list([[1, 2], [3, 4]]), is_value_list([np.zeros(3)])
        (True, False)
    """
    nested = value
    while isinstance(value, list | tuple) and value:
        value = value[0]
    if isinstance(value, str | bytes):
        return value is not nested
    return isinstance(value, Number | bool | np.generic) and not isinstance(value, np.ndarray)


def is_structure(value: Data) -> bool:
    """True for a list, tuple or dict that holds several arrays."""
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and not is_value_list(value)


def flatten(value: Data, name: str) -> list[tuple[str, Any]]:
    """Lists the arrays inside `value` with a name for each, as error messages use them.

    Example:
        >>> [label for label, _ in flatten({"a": np.zeros(2), "b": [np.ones(2)]}, "x")]
        ["x['a']", "x['b'][0]"]
    """
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [leaf for key, item in value.items() for leaf in flatten(item, f"{name}[{key!r}]")]
    if isinstance(value, list | tuple) and not is_value_list(value):
        return [leaf for index, item in enumerate(value) for leaf in flatten(item, f"{name}[{index}]")]
    return [(name, value)]


def map_leaves(function: Any, value: Data, name: str) -> Data:
    """Applies `function(leaf, name)` to every array inside `value` and keeps the structure."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {key: map_leaves(function, item, f"{name}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple) and not is_value_list(value):
        items = [map_leaves(function, item, f"{name}[{index}]") for index, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    return function(value, name)


def to_array(value: Any, name: str) -> np.ndarray | Tensor:
    """Gives one array of numbers: tensors as they are, everything else as NumPy.

    Float64 becomes the default float (as NumPy makes float64 without being asked), other types stay. Inputs
    (named "x") may be text, as an array of `str`: whether the model reads text is checked when it is
    prepared.

    Raises:
        TypeError: The values are text or Python objects.
    """
    if type(value) is Tensor:
        value = value.detach() if value.requires_grad else value
        return here(value) if Seen.devices else value
    columns: list[str] | None = None
    if type(value) is not np.ndarray:
        if isinstance(value, str | bytes):
            raise TypeError(f"{name} is text ({value!r}); expected an array of numbers")
        own = getattr(value, "__corten_tensor__", None)
        if own is not None:
            tensor: Tensor = own().detach()
            return tensor
        columns = column_names(value)
        to_numpy = getattr(value, "to_numpy", None)
        try:
            value = to_numpy() if to_numpy is not None else np.asarray(value)
        except ValueError as error:
            raise ValueError(
                f"{name} is not one array: its rows differ in length ({error}). "
                "Make them alike, for sequences with `corten.utils.pad_sequences`."
            ) from error
    dtype = value.dtype
    if dtype is _FLOAT32 or dtype is _INT64:
        return value
    kind = dtype.kind
    if kind == "f":
        if dtype.itemsize >= 8 and dtype.name != floatx():
            value = value.astype(floatx())
    elif kind not in "iub" and dtype.name != "bfloat16":
        if name[:1] == "x" and is_text_array(value):
            return value.astype(object)
        value = _numbers_from_objects(value, name, columns)
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    return value


def here(value: Tensor) -> Tensor:
    """Gives a tensor where new tensors are made: data goes to where the model is.

    Example:
        >>> here(_core.tensor([1.0])).device
        'cpu'
    """
    place = _core.current_device()
    if value.device in (place, "meta"):
        return value
    # Through NumPy, as integers that a GPU lacks become int32 on the way.
    return _core.tensor(value.numpy(), device=place)


def refuse_text(value: Any, name: str, columns: list[str] | None = None) -> None:
    """Says that an array holds text where numbers belong.

    Raises:
        TypeError: Always for text.
    """
    if is_text_array(value):
        _numbers_from_objects(value, name, columns)


def _numbers_from_objects(value: np.ndarray, name: str, columns: list[str] | None) -> np.ndarray:
    """Rescues an object array that holds numbers only (as data frames of mixed type give).

    What is missing (None, pandas' NA) becomes NaN.
    """
    if value.dtype.kind == "O":
        items = [math.nan if _is_missing(item) else item for item in value.flat]
        if all(isinstance(item, Number | np.bool_) for item in items):
            return np.array(items, dtype=floatx()).reshape(value.shape)
        shapes = {tuple(item.shape): None for item in items if hasattr(item, "shape") and item.shape}
        if shapes:
            listed = ", ".join(map(str, [*shapes][:3]))
            raise ValueError(
                f"{name} holds arrays of their own, of shape {listed}, in place of numbers; it must be one "
                "array. Bring images to one size with `corten.ops.image.resize`, sequences to one length "
                "with `corten.utils.pad_sequences`, and join them with `np.stack`."
            )
    found = next((item for item in value.flat if not _is_number(item)), None)
    column = ""
    if value.ndim == 2 and value.dtype.kind == "O":
        bad = next(index for index in range(value.shape[1]) if not all(map(_is_number, value[:, index])))
        found = next(item for item in value[:, bad] if not _is_number(item))
        column = f" in column {columns[bad]!r}" if columns else f" in column {bad}"
    if value.dtype.kind == "c":
        raise TypeError(
            f"{name} must hold numbers; got dtype {value.dtype}, which is complex. Take `.real` or `np.abs`."
        )
    fix = "Turn categories into numbers first, for example with `np.unique(column, return_inverse=True)[1]`."
    if value.dtype.kind in "mM" or hasattr(found, "isoformat"):
        fix = "Turn times into numbers first, such as days: `column.astype('datetime64[D]').astype('int64')`."
    raise TypeError(
        f"{name} must hold numbers; got dtype {value.dtype} with the value {found!r}{column}. {fix}"
    )


def _is_missing(item: Any) -> bool:
    return item is None or type(item).__name__ == "NAType"


def _is_number(item: Any) -> bool:
    return isinstance(item, Number | np.bool_) or _is_missing(item)


def to_tensor(value: Any, name: str = "data") -> Any:
    """Gives one tensor for one array of a batch; text stays an array."""
    array = to_array(value, name)
    return array if type(array) is Tensor or is_text_array(array) else _core.tensor(array)


def to_tensors(value: Data, name: str) -> Data:
    """Gives `value` with every array as a tensor."""
    if type(value) is Tensor or type(value) is np.ndarray:
        return to_tensor(value, name)
    return map_leaves(to_tensor, value, name)


def column_names(value: Any) -> list[str] | None:
    """The column names of a data frame (of any library), if `value` is one."""
    columns = getattr(value, "columns", None)
    if columns is None or not hasattr(value, "to_numpy"):
        return None
    return [str(column) for column in columns]


def is_sum_finite(tensor: Tensor) -> bool:
    """Whether one sum shows that there is no NaN and no infinity: both survive it.

    A sum of large values may not be finite either.
    """
    return tensor.dtype not in _FLOAT_NAMES or math.isfinite(_core.reduce("sum", tensor, None, False).item())


def warn_if_not_finite(array: Any, name: str, columns: list[str] | None = None) -> None:
    """Warns once when `array` has NaN or infinity, and says where: it looks at every element."""
    values = array.numpy() if type(array) is Tensor else array
    if values.dtype.kind != "f" or values.size == 0:
        return
    bad = ~np.isfinite(values)
    count = int(bad.sum())
    if count == 0:
        return
    missing = int(np.isnan(values).sum())
    kinds = "NaN" if missing == count else "NaN or infinite" if missing else "infinite"
    first_row = int(np.argwhere(bad)[0][0]) if values.ndim else 0
    where = f"first in row {first_row}"
    if values.ndim == 2:
        indices = np.flatnonzero(bad.any(axis=0))
        labels = [repr(columns[index]) if columns else str(index) for index in indices[:5]]
        more = ", ..." if len(indices) > 5 else ""
        where += f", column{'s' if len(indices) > 1 else ''} {', '.join(labels)}{more}"
    warnings.warn(
        f"{name} has {count} {kinds} value{'s' if count > 1 else ''} ({where}). The loss will become NaN: "
        f"remove these rows or fill them in, for example with `np.nan_to_num({name.split('[')[0]})`.",
        UserWarning,
        stacklevel=2,
    )
