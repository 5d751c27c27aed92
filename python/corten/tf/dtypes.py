"""dtypes under TensorFlow's names. A dtype is its name."""

from __future__ import annotations

DTYPE_NAMES: dict[str, str] = {
    **{
        name: name
        for name in (
            "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64",
            "uint8", "uint16", "uint32", "uint64", "bool",
        )
    },
    "half": "float16",
    "double": "float64",
    "string": "string",
}  # fmt: skip
