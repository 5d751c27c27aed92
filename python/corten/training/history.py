"""Reading logs: tensors become plain numbers, in one fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from corten import _core

Tensor = _core.Tensor


def plain(value: Any) -> Any:
    """Gives a scalar as a Python float, anything larger as a NumPy array.

    Example:
        >>> plain(np.float32(0.5)), plain(np.array([1.0, 2.0]))
        (0.5, array([1., 2.]))
    """
    if isinstance(value, float):
        return value
    # Not by way of NumPy, which takes longer than the computation of most values.
    if type(value) is Tensor and value.size == 1:
        return float(value.item())
    if hasattr(value, "numpy"):
        value = value.numpy()
    array = np.asarray(value)
    if array.size == 1 and array.dtype.kind in "fiub":
        return float(array.reshape(()))
    return array


def plain_logs(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Gives logs with plain values; dicts inside are spread out, and the loss comes first.

    Example:
        >>> plain_logs({"accuracy": np.float32(1), "loss": np.float32(2)})
        {'loss': 2.0, 'accuracy': 1.0}
    """
    result: dict[str, Any] = {}
    if not logs:
        return result
    if "loss" in logs:
        result["loss"] = plain(logs["loss"])
    for key, value in logs.items():
        if key == "loss":
            continue
        if isinstance(value, Mapping):
            result.update(plain_logs(value))
        else:
            result[key] = plain(value)
    return result
