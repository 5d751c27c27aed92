"""Attention as the models of this package use it: the fused kernel wherever it can be."""

from __future__ import annotations

import math
from typing import Any

from corten import ops, random
from corten._state import state
from corten.ops.attention import attention_with_dropout


def attend(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    dropout: float = 0.0,
    seed: Any = None,
    with_weights: bool = False,
) -> tuple[Any, Any]:
    """Return means of values, weighted by how well keys fit queries, and the weights if asked for.

    The fused kernel never stores the scores, so that memory grows with the length and not with its square. It
    gives no weights: where these are asked for, the steps are done one by one.

    Args:
        query: `(batch, queries, heads, size)`.
        key: `(batch, keys, key heads, size)`.
        value: `(batch, keys, key heads, size)`.
        mask: Bool, or floats that are added to the scores; broadcasts to `(batch, heads, queries, keys)`.
        scale: The factor of the scores; None is `1 / sqrt(size)`.
        is_causal: Whether a query sees no key after its own place.
        dropout: The share of the weights to drop.
        seed: The generator of the dropout.
        with_weights: Whether to return the weights.

    Returns:
        `(batch, queries, heads, size)`, and `(batch, heads, queries, keys)` or None.

    Example:
        >>> from corten.transformers.attention import attend
        >>> x = corten.ops.ones((1, 5, 2, 4))
        >>> [None if part is None else part.shape for part in attend(x, x, x)]
        [(1, 5, 2, 4), None]
    """
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    additive = mask is not None and mask.dtype != "bool"
    bias, allowed = (mask, None) if additive else (None, mask)
    if not with_weights and not dropout:
        return ops.dot_product_attention(query, key, value, bias, allowed, factor, is_causal), None
    if not with_weights and dropout < 1:
        random_key = random.draw_key(seed)
        found = attention_with_dropout(
            query, key, value, bias, allowed, factor, is_causal, dropout, random_key
        )
        return found, None
    repeats = query.shape[2] // key.shape[2]
    if repeats > 1:
        key, value = ops.repeat(key, repeats, axis=2), ops.repeat(value, repeats, axis=2)
    scores = ops.multiply(ops.einsum("btnh,bsnh->bnts", query, key), factor)
    lowest = -3e4 if scores.dtype == "float16" else -1e30
    if is_causal:
        rows = ops.expand_dims(ops.arange(query.shape[1]), 1)
        scores = ops.where(ops.less_equal(ops.arange(key.shape[1]), rows), scores, lowest)
    if mask is not None:
        scores = ops.add(scores, mask) if additive else ops.where(mask, scores, lowest)
    weights = ops.softmax(scores, axis=-1)
    kept = random.dropout(weights, dropout, seed=seed) if dropout else weights
    return ops.einsum("bnts,bsnh->btnh", kept, value), weights if with_weights else None


def split_heads(x: Any, heads: int) -> Any:
    """Return `(batch, tokens, features)` as `(batch, tokens, heads, size)`."""
    batch, tokens, features = x.shape
    return ops.reshape(x, (batch, tokens, heads, features // heads))


def join_heads(x: Any) -> Any:
    """Return `(batch, tokens, heads, size)` as `(batch, tokens, features)`."""
    batch, tokens, heads, size = x.shape
    return ops.reshape(x, (batch, tokens, heads * size))


def padding_mask(owner: str, attention_mask: Any, batch: int, keys: int) -> Any:
    """Return the mask of a call as bool `(batch, 1, queries or 1, keys)`; None stays None.

    Args:
        owner: The model's class, for messages.
        attention_mask: 1 for tokens, 0 for padding, `(batch, keys)` or `(batch, queries, keys)`; also one
            with the four axes already, bool or added to the scores.
        batch: The batch of the inputs.
        keys: The number of tokens.

    Raises:
        ValueError: The shape does not fit.

    Example:
        >>> import numpy as np
        >>> from corten.transformers.attention import padding_mask
        >>> padding_mask("Model", corten.tensor(np.array([[1, 0]])), 1, 2).tolist()
        [[[[True, False]]]]
    """
    if attention_mask is None:
        return None
    shape = tuple(attention_mask.shape)
    fits = 2 <= len(shape) <= 4 and shape[-1] == keys and shape[0] in (1, batch)
    if not fits and not state.probing:
        raise ValueError(
            f"{owner}: `attention_mask` must have the shape {(batch, keys)}, as the inputs have; got {shape}."
        )
    if len(shape) == 4:
        return attention_mask
    allowed = attention_mask if attention_mask.dtype == "bool" else ops.cast(attention_mask, "bool")
    return ops.expand_dims(ops.expand_dims(allowed, 1), 1) if len(shape) == 2 else ops.expand_dims(allowed, 1)
