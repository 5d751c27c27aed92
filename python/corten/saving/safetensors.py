"""The safetensors format over NumPy: eight bytes of header length, a JSON header, raw data.

The reader trusts nothing: the header must fit the file, every tensor must lie inside the data
without a gap or an overlap, and its byte count must be what its dtype and shape say. So what it
allocates is bounded by what the file holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from corten.saving.files import without_duplicates

MAX_HEADER = 100 * 1024 * 1024
# A header this large is taken whatever the size of the data; a larger one only with data to describe.
_SMALL_HEADER = 4 * 1024 * 1024

_NUMPY = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4",
    "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
    "BOOL": "|b1",
}  # fmt: skip
_NAMES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint64": "U64", "uint32": "U32", "uint16": "U16",
    "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


class Bfloat16:
    """The bits of a bfloat16 array, which NumPy has no dtype for.

    Args:
        bits: A uint16 array.
    """

    def __init__(self, bits: np.ndarray[Any, Any]) -> None:
        self.bits = bits

    @classmethod
    def from_float32(cls, values: np.ndarray[Any, Any]) -> Bfloat16:
        """Keep the upper halves of float32 values that are exact in bfloat16."""
        contiguous = np.ascontiguousarray(values, dtype=np.float32)
        bits = contiguous.reshape(-1).view(np.uint32) >> 16
        return cls(bits.astype(np.uint16).reshape(values.shape))

    def to_float32(self) -> np.ndarray[Any, Any]:
        """Return the values as float32."""
        return (self.bits.astype(np.uint32) << 16).view(np.float32)


def dump(tensors: Mapping[str, Any], metadata: dict[str, str] | None = None) -> bytes:
    """Return arrays in the safetensors format.

    Args:
        tensors: Names to NumPy arrays (or `Bfloat16`).
        metadata: Strings to store in the header.

    Example:
        >>> import numpy as np
        >>> from corten.saving import safetensors
        >>> data = safetensors.dump({"a": np.arange(3, dtype="int32")})
        >>> safetensors.parse(data)["a"].tolist()
        [0, 1, 2]
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    chunks = []
    offset = 0
    for name, value in tensors.items():
        array, code = _array_and_code(name, value)
        chunk = array.tobytes()
        header[name] = {
            "dtype": code,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(chunk)],
        }
        offset += len(chunk)
        chunks.append(chunk)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # The data starts at a multiple of eight bytes.
    return b"".join([len(text).to_bytes(8, "little"), text, *chunks])


def _array_and_code(name: str, value: Any) -> tuple[np.ndarray[Any, Any], str]:
    if isinstance(value, Bfloat16):
        return value.bits.astype("<u2", copy=False), "BF16"
    array = np.asarray(value)
    code = _NAMES.get(array.dtype.name)
    if code is None:
        raise ValueError(f"safetensors: cannot store {name!r} of dtype {array.dtype}.")
    return array.astype(_NUMPY[code], copy=False), code


def parse(data: bytes | memoryview, source: str = "data") -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays in safetensors data, without copying; bfloat16 ones as float32.

    Args:
        data: The bytes.
        source: What to call them in messages.

    Raises:
        ValueError: The data is not well-formed.
    """
    view = memoryview(data)
    header, body = _header(view, source)
    spans: list[tuple[int, int, str]] = []
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape, begin, end = _entry(entry, name, len(body), source)
        count = 1
        for size in shape:
            count *= size
        kind = np.dtype(_NUMPY[dtype])
        if count * kind.itemsize != end - begin:
            raise ValueError(
                f"{source}: tensor {name!r} has {end - begin} bytes but its shape {shape} and "
                f"dtype {dtype} need {count * kind.itemsize}."
            )
        spans.append((begin, end, name))
        array = np.frombuffer(body[begin:end], dtype=kind).reshape(shape)
        if dtype == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
            raise ValueError(f"{source}: tensor {name!r} has bytes that are no booleans.")
        arrays[name] = Bfloat16(array).to_float32() if dtype == "BF16" else array
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            raise ValueError(f"{source}: tensor {name!r} overlaps another or leaves a gap.")
        position = end
    if position != len(body):
        raise ValueError(
            f"{source}: the tensors take {position} bytes, the file has {len(body)}; it is damaged."
        )
    return arrays


def metadata(data: bytes | memoryview, source: str = "data") -> dict[str, str]:
    """Return the strings stored in the header of safetensors data.

    Args:
        data: The bytes.
        source: What to call them in messages.

    Example:
        >>> from corten.saving import safetensors
        >>> safetensors.metadata(safetensors.dump({}, {"made_by": "me"}))
        {'made_by': 'me'}
    """
    stored = _header(memoryview(data), source)[0].get("__metadata__", {})
    if not isinstance(stored, dict):
        return {}
    return {key: value for key, value in stored.items() if isinstance(value, str)}


def _header(view: memoryview, source: str) -> tuple[dict[str, Any], memoryview]:
    if len(view) < 8:
        raise ValueError(f"{source}: not a safetensors file (only {len(view)} bytes); truncated?")
    size = int.from_bytes(view[:8], "little")
    if size > MAX_HEADER or size > len(view) - 8:
        raise ValueError(
            f"{source}: the header claims {size} bytes, the file has {len(view) - 8}; it is "
            "truncated or not a safetensors file."
        )
    if size > max(_SMALL_HEADER, len(view) - 8 - size):
        raise ValueError(
            f"{source}: has a header of {size} bytes for {len(view) - 8 - size} bytes of data; refused."
        )
    try:
        header = json.loads(bytes(view[8 : 8 + size]), object_pairs_hook=without_duplicates)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source}: the safetensors header is not valid JSON ({error}).") from None
    if not isinstance(header, dict):
        raise ValueError(f"{source}: the safetensors header is not a JSON object.")
    return header, view[8 + size :]


def _entry(entry: Any, name: str, size: int, source: str) -> tuple[str, list[int], int, int]:
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        valid = (
            dtype in _NUMPY
            and isinstance(shape, list)
            and len(shape) <= 64
            and all(type(n) is int and 0 <= n < 2**48 for n in [*shape, begin, end])
            and begin <= end <= size
        )
    except (TypeError, KeyError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            f"{source}: the entry of tensor {name!r} is not valid (or reaches past the end of a "
            f"truncated file): {str(entry)[:200]}"
        )
    return dtype, shape, begin, end
