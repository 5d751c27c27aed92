"""How numbers of categories become vectors: one-hot, multi-hot, counts, tf-idf."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.arguments import one_of

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


def check_output_mode(layer: str, mode: str, modes: tuple[str, ...], *, sparse: bool, dtype: Any) -> str:
    """A checked output mode.

    Raises:
        ValueError: There is no such mode, "int" is to come in a float dtype, or `sparse` is asked for.
    """
    one_of(layer, "output_mode", mode, modes)
    if sparse:
        raise ValueError(f"{layer}: `sparse=True` is not supported: there are no sparse tensors.")
    if mode == "int" and dtype is not None and "int" not in str(dtype):
        raise ValueError(
            f'{layer}: when `output_mode="int"`, `dtype` should be an integer type, got dtype={dtype!r}.'
        )
    return mode


def encode(ids: Any, mode: str, depth: int, *, dtype: str, idf: Any = None, weights: Any = None) -> Any:
    """Numbers of categories in the layer's output mode.

    Args:
        ids: Integers of shape `(batch, ...)`, `(...)` for one sample; those outside `[0, depth)` count for
            nothing.
        mode: "int", "one_hot", "multi_hot", "count" or "tf_idf".
        depth: How many categories there are.
        dtype: The dtype of vectors.
        idf: For "tf_idf": the weight of each category, of shape `(depth,)`.
        weights: For "count": how much each number counts, of the shape of `ids`.

    Returns:
        The numbers themselves for "int"; for "one_hot" an axis of `depth` more (in place of a last axis of
        length 1); otherwise `depth` in place of the last axis.
    """
    if mode == "int":
        return ids
    if mode == "one_hot":
        if len(ids.shape) and ids.shape[-1] == 1:
            ids = ops.squeeze(ids, -1)
        return ops.one_hot(ids, depth, dtype=dtype)
    if not len(ids.shape):
        ids = ops.expand_dims(ids, -1)
        weights = None if weights is None else ops.expand_dims(weights, -1)
    hot = ops.one_hot(ids, depth, dtype=dtype)
    if mode == "multi_hot":
        return ops.max(hot, axis=-2, initial=0)
    if weights is not None:
        hot = hot * ops.expand_dims(ops.cast(weights, dtype), -1)
    counts = ops.sum(hot, axis=-2)
    return counts if mode == "count" else counts * ops.cast(idf, dtype)
