"""Caches of keys and values, so that a decoder looks at each token once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import _core

# The memory of a layer begins with room for so many tokens and grows to twice its size.
_ROOM = 64


class _Layer:
    """Keys and values of one layer, `(batch, room, heads, size)`; the first `length` places count."""

    __slots__ = ("keys", "length", "values")

    def __init__(self) -> None:
        self.keys: Any = None
        self.values: Any = None
        self.length = 0

    def select(self, rows: Any) -> None:
        if self.keys is not None:
            self.keys = _core.gather(self.keys, rows, 0)
            self.values = _core.gather(self.values, rows, 0)


class DynamicCache:
    """Keys and values of all tokens so far, for each layer of a decoder. It grows as needed.

    Args:
        max_cache_len: A length that is known to be reached: memory is then taken once. None lets it grow.

    Example:
        >>> import corten
        >>> from corten.transformers import DynamicCache
        >>> cache = DynamicCache()
        >>> keys = corten.ops.ones((1, 3, 2, 4))
        >>> cache.update(keys, keys, 0)[0].shape, cache.update(keys[:, :1], keys[:, :1], 0)[0].shape
        ((1, 3, 2, 4), (1, 4, 2, 4))
        >>> cache.get_seq_length()
        4
    """

    def __init__(self, max_cache_len: int | None = None) -> None:
        if max_cache_len is not None and (
            isinstance(max_cache_len, bool) or not isinstance(max_cache_len, int) or max_cache_len < 1
        ):
            raise ValueError(
                f"{type(self).__name__}: `max_cache_len` must be an integer from 1 on; got {max_cache_len!r}."
            )
        self.max_cache_len = max_cache_len
        self._layers: list[_Layer] = []

    def __len__(self) -> int:
        return len(self._layers)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many tokens there are.

        Args:
            layer_idx: The number of the layer.
        """
        return self._layers[layer_idx].length if layer_idx < len(self._layers) else 0

    def update(self, key_states: Any, value_states: Any, layer_idx: int) -> tuple[Any, Any]:
        """Add keys and values of new tokens, and return those of all tokens.

        Args:
            key_states: `(batch, new tokens, heads, size)`.
            value_states: The same.
            layer_idx: The number of the layer.

        Returns:
            Keys and values, each `(batch, tokens, heads, size)`.

        Raises:
            ValueError: The new tokens are of another batch, or of other heads.
        """
        while len(self._layers) <= layer_idx:
            self._layers.append(_Layer())
        layer = self._layers[layer_idx]
        if layer.length == 0:
            # A prompt's keys stay as they are until the next token comes.
            layer.keys, layer.values, layer.length = key_states, value_states, key_states.shape[1]
            return key_states, value_states
        if layer.keys.shape[0] != key_states.shape[0] or layer.keys.shape[2:] != key_states.shape[2:]:
            raise ValueError(
                f"{type(self).__name__}: keys of the shape {key_states.shape} do not go on from those of the "
                f"shape {(layer.keys.shape[0], layer.length, *layer.keys.shape[2:])}: is it the cache of "
                "another batch or model?"
            )
        length = layer.length + key_states.shape[1]
        if key_states.requires_grad or layer.keys.requires_grad:
            # Written in place, the gradient would not know what was there.
            layer.keys = _core.concatenate([layer.keys[:, : layer.length], key_states], 1)
            layer.values = _core.concatenate([layer.values[:, : layer.length], value_states], 1)
            layer.length = length
            return layer.keys, layer.values
        if length > layer.keys.shape[1]:
            self._grow(layer, length)
        layer.keys[:, layer.length : length] = key_states
        layer.values[:, layer.length : length] = value_states
        layer.length = length
        return layer.keys[:, :length], layer.values[:, :length]

    def _grow(self, layer: _Layer, length: int) -> None:
        room = max(_ROOM, 1 << (length - 1).bit_length())
        if self.max_cache_len is not None:
            room = self.max_cache_len if length <= self.max_cache_len < 2 * room else room
        for name in ("keys", "values"):
            value = getattr(layer, name)
            batch, _, *rest = value.shape
            more = _core.full((batch, room - layer.length, *rest), 0, value.dtype)
            setattr(layer, name, _core.concatenate([value[:, : layer.length], more], 1))

    # ---- captured steps ------------------------------------------------------------------------------

    def give_up(self, room: int) -> list[Any]:
        """Hand over keys and values of all layers in turn, each with memory for so many tokens.

        Until `take_back` the cache holds none, so that they can be changed in place.

        Args:
            room: The number of tokens.
        """
        found: list[Any] = []
        for layer in self._layers:
            for name in ("keys", "values"):
                value = getattr(layer, name)
                if value.shape[1] < room:
                    batch, _, *rest = value.shape
                    more = _core.full((batch, room - layer.length, *rest), 0, value.dtype)
                    value = _core.concatenate([value[:, : layer.length], more], 1)
                elif value.shape[1] > room:
                    value = _core.copy(value[:, :room])
                found.append(value)
                setattr(layer, name, None)
        return found

    def take_back(self, states: list[Any], length: int) -> None:
        """Hold keys and values again.

        Args:
            states: Those of all layers in turn.
            length: How many tokens count.
        """
        for index, layer in enumerate(self._layers):
            layer.keys, layer.values, layer.length = states[2 * index], states[2 * index + 1], length

    # ---- rows and places -----------------------------------------------------------------------------

    def reorder_cache(self, beam_idx: Any) -> None:
        """Take rows of the batch, as beams go on from one another.

        Args:
            beam_idx: For each new row the row it takes.
        """
        rows = np.asarray(beam_idx)
        if len(rows) and np.array_equal(rows, np.arange(len(rows))) and len(rows) == self.batch_size:
            return
        for layer in self._layers:
            layer.select(rows)

    batch_select_indices = reorder_cache

    @property
    def batch_size(self) -> int:
        """Rows of the batch; 0 before the first token."""
        return self._layers[0].keys.shape[0] if self._layers and self._layers[0].keys is not None else 0

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Take each row of the batch several times.

        Args:
            repeats: How many times.
        """
        self.reorder_cache(np.repeat(np.arange(self.batch_size), repeats))

    def crop(self, max_length: int) -> None:
        """Forget tokens at the end.

        Args:
            max_length: How many are kept; below 0: how many are forgotten.
        """
        for layer in self._layers:
            kept = layer.length + max_length if max_length < 0 else max_length
            layer.length = max(0, min(layer.length, kept))

    def reset(self) -> None:
        """Forget all tokens."""
        self._layers = []


class StaticCache(DynamicCache):
    """A cache whose memory is taken once, for a number of tokens that is not exceeded.

    Args:
        max_cache_len: The number of tokens.
    """

    def __init__(self, max_cache_len: int) -> None:
        super().__init__(max_cache_len)

    def update(self, key_states: Any, value_states: Any, layer_idx: int) -> tuple[Any, Any]:
        length = self.get_seq_length(layer_idx) + key_states.shape[1]
        if self.max_cache_len is not None and length > self.max_cache_len:
            raise ValueError(
                f"StaticCache: {length} tokens do not fit into max_cache_len={self.max_cache_len}. Make it "
                "larger, or use DynamicCache, which grows."
            )
        return super().update(key_states, value_states, layer_idx)


class EncoderDecoderCache:
    """The caches of a decoder that also looks at an encoder.

    Args:
        self_attention_cache: Keys and values of the decoder's own tokens.
        cross_attention_cache: Those of the encoder's, which are computed once.

    Example:
        >>> from corten.transformers import DynamicCache, EncoderDecoderCache
        >>> EncoderDecoderCache(DynamicCache(), DynamicCache()).get_seq_length()
        0
    """

    def __init__(
        self,
        self_attention_cache: DynamicCache | None = None,
        cross_attention_cache: DynamicCache | None = None,
    ) -> None:
        self.self_attention_cache = DynamicCache() if self_attention_cache is None else self_attention_cache
        self.cross_attention_cache = (
            DynamicCache() if cross_attention_cache is None else cross_attention_cache
        )

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many tokens of the decoder there are.

        Args:
            layer_idx: The number of the layer.
        """
        return self.self_attention_cache.get_seq_length(layer_idx)

    def cross(self, layer_idx: int) -> tuple[Any, Any] | None:
        """Return keys and values of the encoder's tokens, None before they are there.

        Args:
            layer_idx: The number of the layer.
        """
        layers = self.cross_attention_cache._layers
        if layer_idx >= len(layers) or layers[layer_idx].length == 0:
            return None
        return layers[layer_idx].keys, layers[layer_idx].values

    @property
    def batch_size(self) -> int:
        """Rows of the batch; 0 before the first token."""
        return self.self_attention_cache.batch_size

    def _both(self, method: str, *arguments: Any) -> None:
        for cache in (self.self_attention_cache, self.cross_attention_cache):
            getattr(cache, method)(*arguments)

    def reorder_cache(self, beam_idx: Sequence[int]) -> None:
        """Take rows of the batch, as beams go on from one another.

        Args:
            beam_idx: For each new row the row it takes.
        """
        self._both("reorder_cache", beam_idx)

    batch_select_indices = reorder_cache

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Take each row of the batch several times.

        Args:
            repeats: How many times.
        """
        self._both("batch_repeat_interleave", repeats)

    def crop(self, max_length: int) -> None:
        """Forget tokens of the decoder at the end.

        Args:
            max_length: How many are kept; below 0: how many are forgotten.
        """
        self.self_attention_cache.crop(max_length)

    def reset(self) -> None:
        """Forget all tokens."""
        self._both("reset")
