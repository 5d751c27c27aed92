"""ONNX models, written byte by byte: ONNX Runtime takes them as bytes, and no exporter is needed.

A protocol-buffer message is a row of fields: number and kind, then a number, or a length and so many bytes.
Field numbers are those of onnx.proto3.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

FLOAT, INT, INTS = 1, 2, 7  # AttributeProto.type of a float, an integer and a list of them
DTYPES = {"float32": 1, "int64": 7}  # TensorProto.DataType


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | float | str | bytes) -> bytes:
    """One field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def attribute(name: str, value: int | Sequence[int]) -> bytes:
    """An attribute of a node: an integer or several."""
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, INT)
    return field(1, name) + b"".join(field(8, item) for item in value) + field(20, INTS)


def node(op: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> bytes:
    """One operator of the graph."""
    parts = [field(1, name) for name in inputs]
    parts += [field(2, output), field(3, output), field(4, op)]
    parts += [field(5, attribute(name, value)) for name, value in attributes.items()]
    return b"".join(parts)


def tensor(name: str, values: Any) -> bytes:
    """A constant."""
    dims = b"".join(field(1, size) for size in values.shape)
    raw = np.ascontiguousarray(values).tobytes()
    return dims + field(2, DTYPES[values.dtype.name]) + field(8, name) + field(9, raw)


def value(name: str, shape: Sequence[int]) -> bytes:
    """Name and float32 shape of an input or output."""
    dims = b"".join(field(1, field(1, size)) for size in shape)
    kind = field(1, field(1, DTYPES["float32"]) + field(2, dims))
    return field(1, name) + field(2, kind)


def model(
    nodes: Sequence[bytes],
    constants: dict[str, Any],
    source: tuple[str, Sequence[int]],
    result: tuple[str, Sequence[int]],
) -> bytes:
    """A whole model with one input and one output."""
    graph = b"".join(field(1, item) for item in nodes) + field(2, "graph")
    graph += b"".join(field(5, tensor(name, values)) for name, values in constants.items())
    graph += field(11, value(*source)) + field(12, value(*result))
    opset = field(1, "") + field(2, 17)
    return field(1, 8) + field(7, graph) + field(8, opset)
