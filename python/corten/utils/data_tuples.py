"""Packing and unpacking of what a training step receives."""

from __future__ import annotations

from typing import Any


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return `(x, y, sample_weight)` of the data a step received, with None for what is missing.

    Args:
        data: `x`, or a tuple or list `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Raises:
        ValueError: There are more than three parts.

    Example:
        >>> import corten
        >>> corten.utils.unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`; got "
            f"{len(data)} parts."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return the tuple that `unpack_x_y_sample_weight` takes apart.

    Args:
        x: Inputs.
        y: Targets.
        sample_weight: Weights of the samples.

    Example:
        >>> import corten
        >>> corten.utils.pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
