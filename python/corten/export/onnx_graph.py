"""Builds an ONNX graph node by node."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

#: The version of the operator set that is written: onnxruntime reads it from 1.12 (2022) on.
OPSET = 17


def onnx_package() -> Any:
    """The onnx package.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise ImportError("export to ONNX needs the package onnx: pip install corten[onnx]") from error


class Graph:
    """Nodes, constants and the types of a graph that grows."""

    def __init__(self) -> None:
        self.onnx = onnx_package()
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray] = {}
        self._constants: dict[tuple[Any, ...], str] = {}
        self._count = 0

    def element_type(self, dtype: str) -> int:
        """ONNX's number of a dtype."""
        kind = "BOOL" if dtype == "bool" else "FLOAT" if dtype == "float32" else None
        kind = kind or {"float64": "DOUBLE"}.get(dtype, dtype.upper())
        return int(getattr(self.onnx.TensorProto, kind))

    def name(self, kind: str) -> str:
        """A name that nothing has."""
        self._count += 1
        # No layer and no weight is called so.
        return f"/{kind}_{self._count}"

    def node(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> Any:
        """Adds a node; gives the name of its result, or the names of its results."""
        names = [self.name(kind) for _ in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def call_it(self, name: str, wanted: str) -> None:
        """Gives a result the name that users see."""
        makers = [node for node in self.nodes if name in node.output and name.startswith("/")]
        if not makers:
            # An argument, a weight, or a result that has such a name already.
            self.nodes.append(self.onnx.helper.make_node("Identity", [name], [wanted], name=wanted))
        for node in self.nodes if makers else []:
            node.input[:] = [wanted if operand == name else operand for operand in node.input]
            node.output[:] = [wanted if result == name else result for result in node.output]

    def weight(self, name: str, values: np.ndarray) -> str:
        """Adds named values."""
        self.initializers[name] = values
        return name

    def constant(self, values: Any, dtype: str) -> str:
        """Adds values, once if they are few."""
        array = np.asarray(values, dtype=_numpy_dtype(dtype))
        key = (dtype, array.shape, array.tobytes()) if array.size <= 64 else ()
        if key and key in self._constants:
            return self._constants[key]
        name = self.weight(self.name("constant"), array)
        if key:
            self._constants[key] = name
        return name

    def values(self, name: str) -> np.ndarray | None:
        """The values of a constant or weight."""
        return self.initializers.get(name)

    # -- what several ops are made of -------------------------------------------------------------------

    def transpose(self, x: str, axes: Sequence[int]) -> str:
        """Moves axes; of a weight at once."""
        values = self.values(x)
        if values is not None:
            return self.weight(
                f"{x}/{'_'.join(map(str, axes))}", np.ascontiguousarray(values.transpose(axes))
            )
        return str(self.node("Transpose", [x], perm=list(axes)))

    def cast(self, x: str, dtype: str) -> str:
        """Converts."""
        return str(self.node("Cast", [x], to=self.element_type(dtype)))

    def scalar(self, value: float | int | bool, dtype: str) -> str:
        """A 0-dimensional constant."""
        return self.constant(value, dtype)


def _numpy_dtype(dtype: str) -> Any:
    if dtype != "bfloat16":
        return np.dtype(dtype)
    return importlib.import_module("ml_dtypes").bfloat16
