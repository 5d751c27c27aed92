"""Models in formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from corten.export.onnx_file import export_onnx as export_onnx

__all__ = ["export_model", "export_onnx"]


def export_model(
    model: Any,
    filepath: Any,
    format: str | None = None,
    verbose: bool | None = None,
    input_signature: Any = None,
) -> None:
    """See `Model.export`."""
    path = Path(filepath)
    chosen = format or ("onnx" if path.suffix == ".onnx" else None)
    if chosen != "onnx":
        told = f"Unrecognized format={format!r}" if format else f"a path that ends with {path.suffix!r}"
        raise ValueError(
            f"export: {told}: only 'onnx' is written (model.export('model.onnx')). ONNX files run in "
            "onnxruntime, OpenVINO, TensorRT and others"
        )
    export_onnx(model, path, input_signature)
    if verbose is None or verbose:
        print(f"Saved an ONNX model at {str(path)!r}.")
