"""Attention as the models of this package use it: the fused kernel wherever it can be."""

from __future__ import annotations

import functools
import math
from typing import Any

from corten import ops, random
from corten._state import state
from corten.autograd import remat

# Scores that are kept at once where the fused kernel cannot be used: 64 MB of float32.
_MOST_SCORES = 16 << 20


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
    has no dropout and gives no weights: with these the steps are done one by one, with dropout in pieces that
        are
    computed again for the gradient where the scores would take more than 64 MB.

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
    if not with_weights and not dropout:
        bias, allowed = (mask, None) if additive else (None, mask)
        return ops.dot_product_attention(query, key, value, bias, allowed, factor, is_causal), None
    repeats = query.shape[2] // key.shape[2]
    if repeats > 1:
        key, value = ops.repeat(key, repeats, axis=2), ops.repeat(value, repeats, axis=2)
    step = functools.partial(
        _step_by_step,
        scale=factor,
        is_causal=is_causal,
        dropout=dropout,
        seed=seed,
        with_weights=with_weights,
    )
    batch, queries, heads, _ = query.shape
    of_a_query = batch * heads * key.shape[1]
    if with_weights or queries * of_a_query <= _MOST_SCORES or state.probing:
        return step(query, key, value, mask, first=0)
    # In pieces that are computed again for the gradient: the scores of all queries at once would not fit.
    rows = max(1, _MOST_SCORES // 4 // of_a_query)
    pieces = []
    for start in range(0, queries, rows):
        stop = min(start + rows, queries)
        part = mask if mask is None or mask.shape[2] == 1 else mask[:, :, start:stop]
        piece = remat(lambda *operands, first=start: step(*operands, first=first)[0])
        pieces.append(piece(query[:, start:stop], key, value, part))
    return ops.concatenate(pieces, axis=1), None


def _step_by_step(
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    *,
    first: int,
    scale: float,
    is_causal: bool,
    dropout: float,
    seed: Any,
    with_weights: bool,
) -> tuple[Any, Any]:
    """Attention with its scores in memory; `first` is the place of the first query."""
    scores = ops.multiply(ops.einsum("btnh,bsnh->bnts", query, key), scale)
    lowest = -3e4 if scores.dtype == "float16" else -1e30
    if is_causal:
        rows = ops.expand_dims(ops.arange(first, first + query.shape[1]), 1)
        scores = ops.where(ops.less_equal(ops.arange(key.shape[1]), rows), scores, lowest)
    if mask is not None:
        scores = ops.where(mask, scores, lowest) if mask.dtype == "bool" else ops.add(scores, mask)
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
