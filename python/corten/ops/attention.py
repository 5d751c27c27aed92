"""Scaled dot-product attention."""

from __future__ import annotations

import math

from corten import _core
from corten.ops._common import FLOATS, Tensor, TensorLike, as_tensor, promoted_float
from corten.ops.dispatch import op


@op
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """Means of values, weighted by how well keys fit queries.

    Args:
        query: Shape ``(batch, queries, heads, size)``.
        key: Shape ``(batch, keys, key heads, size)``; the heads are a multiple of the key heads.
        value: Shape ``(batch, keys, key heads, value size)``.
        bias: Added to the scores; broadcasts to ``(batch, heads, queries, keys)``.
        mask: Which keys a query sees; broadcasts to the same shape.
        scale: The factor of the scores; None is ``1 / sqrt(size)``.
        is_causal: Whether a query sees no key after its own place.
        flash_attention: Accepted for compatibility; the kernel never stores the scores.
        attn_logits_soft_cap: Bounds scores softly: ``cap * tanh(score / cap)``.

    Returns:
        A float tensor of shape ``(batch, queries, heads, value size)``.

    Example:
        >>> x = corten.ops.ones((1, 2, 1, 4))
        >>> corten.ops.dot_product_attention(x, x, x).shape
        (1, 2, 1, 4)
    """
    query, key, value = _operands(query, key, value)
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    if attn_logits_soft_cap is not None:
        return _capped(query, key, value, bias, mask, factor, is_causal, float(attn_logits_soft_cap))
    return _core.attention(query, key, value, _joined(query.dtype, bias, mask), factor, is_causal)


def attention_with_dropout(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None,
    mask: TensorLike | None,
    scale: float,
    is_causal: bool,
    rate: float,
    random_key: tuple[int, int],
) -> Tensor:
    """As `dot_product_attention`, with a share of the weights dropped, for layers in training.

    Args:
        query: Shape ``(batch, queries, heads, size)``.
        key: Shape ``(batch, keys, key heads, size)``; the heads are a multiple of the key heads.
        value: Shape ``(batch, keys, key heads, value size)``.
        bias: Added to the scores; broadcasts to ``(batch, heads, queries, keys)``.
        mask: Which keys a query sees; broadcasts to the same shape.
        scale: The factor of the scores.
        is_causal: Whether a query sees no key after its own place.
        rate: The share, from 0 to below 1. What is dropped is what `random.dropout` drops of weights
            ``(batch, heads, queries, keys)``.
        random_key: What `random.draw_key` gives.

    Returns:
        A float tensor of shape ``(batch, queries, heads, value size)``.

    Example:
        >>> from corten.ops.attention import attention_with_dropout
        >>> x = corten.ops.ones((1, 8, 1, 4))
        >>> attention_with_dropout(x, x, x, None, None, 1.0, False, 0.5, (7, 0))[0, :3, 0, 0].tolist()
        [1.0, 0.5, 1.25]
    """
    query, key, value = _operands(query, key, value)
    allowed = _joined(query.dtype, bias, mask)
    return _core.attention(query, key, value, allowed, scale, is_causal, rate, random_key)


def _operands(query: TensorLike, key: TensorLike, value: TensorLike) -> tuple[Tensor, Tensor, Tensor]:
    """Operands of one float dtype and as many heads."""
    name = "dot_product_attention"
    query, key, value = promoted_float(query, key, value)
    if query.ndim != 4 or key.ndim != 4 or value.ndim != 4:
        raise ValueError(
            f"{name}: query, key and value need 4 dimensions (batch, places, heads, size); "
            f"got {query.shape}, {key.shape} and {value.shape}"
        )
    if key.shape[2] != query.shape[2]:
        key, value = _shared_heads(name, query, key), _shared_heads(name, query, value)
    return query, key, value


def _joined(dtype: str, bias: TensorLike | None, mask: TensorLike | None) -> Tensor | None:
    """What the kernel takes for a mask: which keys a query sees, or what is added to scores."""
    allowed = None if mask is None else as_tensor(mask)
    if allowed is not None and allowed.dtype != "bool":
        allowed = _core.cast(allowed, "bool")
    if bias is not None:
        bias = as_tensor(bias, dtype)
        allowed = bias if allowed is None else _core.where(allowed, bias, _lowest(dtype))
    return allowed


def _shared_heads(name: str, query: Tensor, x: Tensor) -> Tensor:
    """Repeats key heads so that each serves a group of query heads."""
    heads, shared = query.shape[2], x.shape[2]
    if shared == 0 or heads % shared:
        raise ValueError(f"{name}: the {heads} query heads must be a multiple of the {shared} key heads")
    batch, places, _, size = x.shape
    wide = _core.broadcast_to(_core.expand_dims(x, 3), (batch, places, shared, heads // shared, size))
    return _core.reshape(wide, (batch, places, heads, size))


def _lowest(dtype: str) -> float:
    # Far below any score, yet far enough from -inf that a row without keys gives no NaN.
    assert dtype in FLOATS
    return -3e4 if dtype == "float16" else -1e30


def _capped(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: TensorLike | None,
    mask: TensorLike | None,
    factor: float,
    is_causal: bool,
    cap: float,
) -> Tensor:
    """Attention with bounded scores, composed: no kernel is fused for it."""
    scores = _core.einsum("btnh,bsnh->bnts", query, key)
    scores = _core.binary("multiply", scores, factor)
    scores = _core.binary("multiply", _core.unary("tanh", _core.binary("divide", scores, cap)), cap)
    if bias is not None:
        scores = _core.binary("add", scores, as_tensor(bias, scores.dtype))
    if mask is not None:
        scores = _core.where(as_tensor(mask, "bool"), scores, _lowest(scores.dtype))
    if is_causal:
        rows = _core.reshape(_core.arange(0, query.shape[1], 1, "int32"), (-1, 1))
        seen = _core.compare("less_equal", _core.arange(0, key.shape[1], 1, "int32"), rows)
        scores = _core.where(seen, scores, _lowest(scores.dtype))
    return _core.einsum("bnts,bsnh->btnh", _core.softmax(scores, 3), value)
