"""Which layers `Model.quantize` takes."""

from __future__ import annotations

import re
from typing import Any


def should_quantize_layer(layer: Any, filters: Any) -> bool:
    """Whether a filter lets a layer through.

    Args:
        layer: The layer.
        filters: None for all layers, a regular expression to be found in the name, a list of those, or a
            function of the layer.

    Raises:
        TypeError: `filters` is something else.

    Example:
        >>> import corten
        >>> should_quantize_layer(corten.layers.Dense(1, name="head"), ["body", "hea.$"])
        True
    """
    if filters is None:
        return True
    if isinstance(filters, str):
        return re.search(filters, layer.name) is not None
    if isinstance(filters, (list, tuple)):
        return any(re.search(pattern, layer.name) for pattern in filters)
    if callable(filters):
        return bool(filters(layer))
    raise TypeError(
        "quantize: `filters` must be a regular expression, a list of those or a function of a layer; got "
        f"{filters!r}."
    )
