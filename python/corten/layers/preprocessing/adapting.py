"""What `adapt` is given, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from corten import tree
from corten.text_arrays import is_text


def batches(layer: str, data: Any, steps: int | None = None) -> Iterator[Any]:
    """The parts of what `adapt` was given.

    Args:
        layer: The layer, for messages.
        data: An array, nested lists of values, a tensor, a `Dataset`, a `PyDataset`, or an iterable of
            batches; a list of arrays is one.
        steps: At most so many batches; None for all.

    Yields:
        The batches; of `(features, targets)` or `(features, targets, weights)` the features.

    Raises:
        TypeError: The data or a batch holds several inputs by name.

    Example:
        >>> import numpy as np
        >>> [part.shape for part in batches("Layer", [np.ones((4, 2)), np.ones((3, 2))])]
        [(4, 2), (3, 2)]
    """
    for count, batch in enumerate(_parts(layer, data)):
        if count == steps:
            return
        if isinstance(batch, tuple) and len(batch) in (1, 2, 3) and _is_array(batch[0]):
            batch = batch[0]
        if isinstance(batch, (tuple, dict)):
            raise TypeError(
                f"{layer}.adapt: expected batches of one array; got a {type(batch).__name__} of "
                f"{len(batch)}. "
                "Take one feature alone, as in `dataset.map(lambda features: features['age'])`."
            )
        yield batch


def _is_array(value: Any) -> bool:
    """Whether a value is an array or tensor with rows, not a list and not a single number."""
    return len(getattr(value, "shape", ())) > 0


def _is_batch(value: Any) -> bool:
    return _is_array(value) or (isinstance(value, tuple) and bool(value) and _is_array(value[0]))


def _parts(layer: str, data: Any) -> Iterator[Any]:
    from corten.utils.py_dataset import PyDataset

    if isinstance(data, PyDataset):
        for index in range(data.num_batches or 0):
            batch = data[index]
            yield batch[0] if isinstance(batch, tuple) else batch
        return
    if isinstance(data, dict):
        yield data
        return
    if isinstance(data, (list, tuple)) and data and all(_is_batch(item) for item in data):
        yield from data
        return
    if hasattr(data, "shape") or isinstance(data, (list, tuple, str, bytes)):
        if isinstance(data, (list, tuple)) and not is_text(data):
            data = np.asarray(tree.map_structure(np.asarray, list(data)))
        yield data
        return
    if not hasattr(data, "__iter__"):
        raise TypeError(
            f"{layer}.adapt: expected an array, a Dataset or an iterable of batches; "
            f"got {type(data).__name__}."
        )
    yield from data
