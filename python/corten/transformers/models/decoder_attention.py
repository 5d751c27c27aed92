"""What decoders share: attention over cached keys, masks, positions and rotary embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import ops
from corten._state import state
from corten.symbolic import meta_tensor
from corten.transformers.attention import attend


def attention_mask_of(
    owner: str, attention_mask: Any, queries: int, past: int, keys: int | None = None
) -> tuple[Any, bool]:
    """Return which keys each query sees, in the form that `attend` takes.

    Args:
        owner: The class that asks, for messages.
        attention_mask: 1 for tokens and 0 for padding, `(batch, past + queries)`; None if there is no
            padding.
        queries: Number of new tokens.
        past: Number of tokens in the cache.
        keys: Number of keys; None is `past + queries`.

    Returns:
        A bool tensor that broadcasts to `(batch, heads, queries, keys)`, or None, and whether the engine's
        causal order is to be used instead.

    Raises:
        ValueError: The mask has another length than tokens and cache together.
    """
    keys = past + queries if keys is None else keys
    seen = None
    if attention_mask is not None:
        if len(attention_mask.shape) != 2 or attention_mask.shape[1] != keys:
            raise ValueError(
                f"{owner}: `attention_mask` must have the shape (batch, {keys}), a column for each of {past} "
                f"tokens in the cache and {queries} new ones; got {tuple(attention_mask.shape)}."
            )
        seen = ops.expand_dims(ops.cast(attention_mask, "bool"), (1, 2))
    if queries == 1:
        return seen, False
    if seen is None and past == 0:
        return None, True
    places = ops.arange(past + queries)
    order = ops.less_equal(places, ops.expand_dims(places[past:], 1))
    return (order if seen is None else ops.logical_and(seen, order)), False


def attend_cached(
    query: Any, key: Any, value: Any, mask: Any, is_causal: bool, **options: Any
) -> tuple[Any, Any]:
    """As `attention.attend`, with a way of its own for one new token whose heads share keys.

    Args:
        query: `(batch, queries, heads, size)`.
        key: `(batch, keys, key heads, size)`.
        value: The same.
        mask: Which keys a query sees, or None.
        is_causal: Whether a query sees no key after its own place.
        **options: Of `attention.attend`.

    Returns:
        `(batch, queries, heads, size)`, and the weights `(batch, heads, queries, keys)` or None.
    """
    heads, shared = query.shape[2], key.shape[2]
    if query.shape[1] != 1 or heads == shared or options.get("dropout") or options.get("with_weights"):
        return attend(query, key, value, mask, is_causal=is_causal, **options)
    # The heads that share keys are queries of one head: nothing is repeated.
    batch, _, _, size = query.shape
    grouped = ops.transpose(ops.reshape(query, (batch, shared, heads // shared, size)), (0, 2, 1, 3))
    found, _ = attend(grouped, key, value, mask, scale=options.get("scale"))
    return ops.reshape(ops.transpose(found, (0, 2, 1, 3)), (batch, 1, heads, value.shape[-1])), None


def positions(queries: int, past: int) -> Any:
    """Return the places of new tokens after those in the cache, `(1, queries)`."""
    if state.probing:
        # While shapes are inferred, texts are longer than any table.
        return meta_tensor((1, queries), "int32")
    return ops.expand_dims(ops.arange(past, past + queries, dtype="int32"), 0)


# ---- rotary embeddings ------------------------------------------------------------------------------------


class RotaryFrequencies:
    """The angles by which pairs of channels turn from one place to the next, and the factor of all of them.

    Args:
        config: A configuration with `rope_parameters` (or `rope_theta` and `rope_scaling`), `head_dim` and
            `max_position_embeddings`.

    Raises:
        ValueError: The kind of scaling is not known, or lacks a number.

    Source: Su et al. 2021, arXiv:2104.09864; the scaling of Llama 3.1 from its model card's `rope_scaling`;
    YaRN:
    Peng et al. 2023, arXiv:2309.00071.

    Example:
        >>> from corten.transformers import LlamaConfig
        >>> from corten.transformers.models.decoder_attention import RotaryFrequencies
        >>> config = LlamaConfig(hidden_size=8, num_attention_heads=2, rope_theta=100.0)
        >>> RotaryFrequencies(config).angles.tolist()
        [1.0, 0.10000000149011612]
    """

    def __init__(self, config: Any) -> None:
        parameters = rope_parameters(config)
        kind = parameters["rope_type"]
        size = config.head_dim
        exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
        angles = (1.0 / np.float32(parameters["rope_theta"]) ** exponents).astype(np.float32)
        self.factor = 1.0
        if kind == "linear":
            angles = angles / np.float32(_number(parameters, "factor"))
        elif kind == "llama3":
            angles = _llama3(angles, parameters)
        elif kind == "yarn":
            angles, self.factor = _yarn(angles, parameters, config, size)
        elif kind != "default":
            raise ValueError(
                f"{type(config).__name__}: rotary embeddings of the type {kind!r} are not there; there are "
                "'default', 'linear', 'llama3' and 'yarn'."
            )
        self.angles = angles.astype(np.float32)

    def __call__(self, position_ids: Any, dtype: str) -> tuple[Any, Any]:
        """Return cosines and sines of places, each `(batch, places, 1, size)`.

        The sines of the first half are negative.

        Args:
            position_ids: Integers, `(batch, places)`.
            dtype: The dtype of what they are multiplied with.
        """
        # Made of plain numbers, which a captured step holds as constants.
        angles = ops.concatenate([ops.full((1,), angle, dtype="float32") for angle in self.angles.tolist()])
        turned = ops.multiply(ops.expand_dims(ops.cast(position_ids, "float32"), (2, 3)), angles)
        cosine, sine = ops.cos(turned), ops.sin(turned)
        if self.factor != 1.0:
            cosine, sine = ops.multiply(cosine, self.factor), ops.multiply(sine, self.factor)
        both = ops.concatenate([cosine, cosine], -1), ops.concatenate([ops.negative(sine), sine], -1)
        return ops.cast(both[0], dtype), ops.cast(both[1], dtype)


def rotate(x: Any, cosine: Any, sine: Any) -> Any:
    """Turn pairs of channels, `x[i]` and `x[i + size / 2]`.

    Args:
        x: `(batch, places, heads, size)`.
        cosine: From `RotaryFrequencies`.
        sine: The same.
    """
    half = x.shape[-1] // 2
    exchanged = ops.concatenate([x[..., half:], x[..., :half]], -1)
    return ops.add(ops.multiply(x, cosine), ops.multiply(exchanged, sine))


def rope_parameters(config: Any) -> dict[str, Any]:
    """Return the numbers of the rotary embedding, wherever the configuration has them.

    Args:
        config: A configuration, of the form before transformers 5 or after.
    """
    given = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    found = {"rope_theta": getattr(config, "rope_theta", None) or 10000.0, **given}
    found["rope_type"] = given.get("rope_type") or given.get("type") or "default"
    return found


def _number(parameters: dict[str, Any], name: str) -> float:
    value = parameters.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(
            f"rope_parameters: the type {parameters['rope_type']!r} needs `{name}`, a number above 0; got "
            f"{value!r}."
        )
    return float(value)


def _llama3(angles: Any, parameters: dict[str, Any]) -> Any:
    """Slow turns become slower by a factor, fast ones stay, those between go over smoothly."""
    factor, low, high, length = (
        _number(parameters, name)
        for name in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    )
    turns = length * angles / (2 * np.pi)
    share = np.clip((turns - low) / (high - low), 0, 1)
    return ((1 - share) * angles / factor + share * angles).astype(np.float32)


def _yarn(angles: Any, parameters: dict[str, Any], config: Any, size: int) -> tuple[Any, float]:
    factor, theta = _number(parameters, "factor"), _number(parameters, "rope_theta")
    length = parameters.get("original_max_position_embeddings") or config.max_position_embeddings
    fast, slow = parameters.get("beta_fast") or 32.0, parameters.get("beta_slow") or 1.0

    def channel(turns: float) -> float:
        return size * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first, last = channel(fast), channel(slow)
    if parameters.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, size - 1)
    share = np.clip((np.arange(size // 2, dtype=np.float32) - first) / max(last - first, 0.001), 0, 1)
    mixed = angles / factor * share + angles * (1 - share)
    scale = parameters.get("attention_factor")
    if scale is None:
        scale = 0.1 * math.log(factor) + 1 if factor > 1 else 1.0
    return mixed, float(scale)
