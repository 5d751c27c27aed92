"""Where random numbers come from: keys of a counter-based generator.

A key is a pair (seed, stream). The engine's numbers are a function of key and position alone, so
equal keys give equal bits on any number of threads, and nothing has to be drawn in order.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from corten import _core
from corten._state import state as call_state

if TYPE_CHECKING:
    from corten.variable import Variable

#: What the random functions take as `seed`.
Seed: TypeAlias = "int | SeedGenerator | None"

_WORD = 0xFFFFFFFF
# Generators draw from streams of their own, apart from the stream 0 of plain int seeds: else a
# layer's first dropout mask would repeat the bits of weights that were made with the same seed.
_GENERATOR_STREAMS = 1 << 32
_DEFAULT_STREAMS = 1 << 33


class _GlobalGenerator:
    """The generator behind ``seed=None``: one seed and a counter for the whole process."""

    def __init__(self) -> None:
        self.seed = int.from_bytes(os.urandom(4), "little")
        self.count = 0

    def next(self) -> tuple[int, int]:
        """Gives a new key."""
        self.count += 1
        key = self.seed, _DEFAULT_STREAMS + self.count
        if call_state.draws is not None:
            call_state.draws.append((self, *key))
        return key


#: What everything without a seed of its own draws from.
global_generator = _GlobalGenerator()


def set_global_seed(seed: int) -> None:
    """Restarts what everything without a seed of its own draws from.

    Args:
        seed: A non-negative integer.

    Example:
        >>> corten.random.seed_generator.set_global_seed(7)
        >>> first = corten.random.uniform((2,)).tolist()
        >>> corten.random.seed_generator.set_global_seed(7)
        >>> corten.random.uniform((2,)).tolist() == first
        True
    """
    global_generator.seed = _folded(seed)
    global_generator.count = 0


def _folded(seed: int) -> int:
    """Folds any integer into 32 bits."""
    seed = seed if seed >= 0 else -2 * seed - 1
    folded = 0
    while seed:
        folded ^= seed & _WORD
        seed >>= 32
    return folded


def make_default_seed() -> int:
    """Draws a seed from the global generator.

    Example:
        >>> 0 <= corten.random.seed_generator.make_default_seed() < 2**32
        True
    """
    seed, stream = global_generator.next()
    # A finalizer of 64-bit hashes: neighboring streams give unrelated seeds.
    mixed = (seed << 32 | seed) ^ (stream * 0x9E3779B97F4A7C15 & (1 << 64) - 1)
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & (1 << 64) - 1
    return (mixed ^ mixed >> 31) & _WORD


def _state(seed: int, count: int) -> Any:
    """What a generator keeps, always on the CPU, where every draw reads it."""
    return _core.tensor(np.array([seed, count & _WORD], np.uint32), device="cpu")


class SeedGenerator:
    """A sequence of keys, kept in a variable so that it is saved with a model.

    Args:
        seed: An integer; None draws one from the global generator.
        name: The generator's name.

    Attributes:
        state: A variable of two uint32 numbers: the seed, and how many keys were drawn.

    Example:
        >>> generator = corten.random.SeedGenerator(42)
        >>> first = corten.random.normal((2,), seed=generator)
        >>> second = corten.random.normal((2,), seed=generator)
        >>> bool((first == second).all())
        False
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        from corten.variable import Variable

        kwargs.pop("backend", None)
        if kwargs:
            raise ValueError(f"SeedGenerator: Unrecognized keyword arguments: {kwargs}")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(
                f"SeedGenerator: Argument `seed` must be an integer or None. Received: seed={seed!r}"
            )
        self.name = name or "seed_generator"
        self.seed = make_default_seed() if seed is None else int(seed)
        self._initial_seed = seed
        self.state: Variable = Variable(
            _state(_folded(self.seed), 0),
            dtype="uint32",
            trainable=False,
            autocast=False,
            name=f"{self.name}_state",
        )
        self.state._stays = True

    def next(self, ordered: bool = True) -> tuple[int, int]:
        """Gives a new key and counts it.

        Args:
            ordered: Accepted for compatibility; keys always come in order.

        Returns:
            The pair (seed, stream).

        Example:
            >>> generator = corten.random.SeedGenerator(1)
            >>> generator.next() == generator.next()
            False
        """
        if call_state.probing:
            # Shapes are being inferred: nothing is drawn, so nothing is counted.
            return 0, 0
        seed, count = self.state.numpy().tolist()
        self.state.assign(_state(seed, count + 1))
        key = seed, _GENERATOR_STREAMS + count
        if call_state.draws is not None:
            call_state.draws.append((self, *key))
        return key

    def get_config(self) -> dict[str, Any]:
        """Gives what is needed to make the generator again."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Makes a generator from `get_config`'s result."""
        return cls(**config)


def draw_key(seed: Any = None) -> tuple[int, int]:
    """Gives the key that a `seed` argument stands for.

    Args:
        seed: None (the global generator), an integer (always the same key), a `SeedGenerator`
            (its next key) or a pair (seed, stream).

    Returns:
        The pair (seed, stream).

    Example:
        >>> corten.random.draw_key(5)
        (5, 0)
    """
    if seed is None:
        return (0, 0) if call_state.probing else global_generator.next()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return _folded(int(seed)), 0
    if isinstance(seed, tuple) and len(seed) == 2:
        return seed
    raise ValueError(
        f"seed must be None, an integer or a corten.random.SeedGenerator; "
        f"got {seed!r} of type {type(seed).__name__}"
    )


def next_draws(generators: list[Any]) -> list[tuple[int, int, int]]:
    """Gives the keys that a step which draws from these generators in this order would draw.

    Args:
        generators: A generator for each draw, as noted in `CallState.draws`.

    Returns:
        For each draw (seed, stream, how many streams on the next step draws).

    Example:
        >>> generator = corten.random.SeedGenerator(1)
        >>> next_draws([generator, generator])
        [(1, 4294967296, 2), (1, 4294967297, 2)]
    """
    taken: dict[int, int] = {}
    keys: list[tuple[int, int, int]] = []
    for generator in generators:
        stride = sum(other is generator for other in generators)
        ahead = taken.get(id(generator), 0)
        taken[id(generator)] = ahead + 1
        if isinstance(generator, SeedGenerator):
            seed, count = generator.state.numpy().tolist()
            keys.append((seed, _GENERATOR_STREAMS + count + ahead, stride))
        else:
            keys.append((generator.seed, _DEFAULT_STREAMS + generator.count + 1 + ahead, stride))
    return keys


def skip_draws(generators: list[Any], steps: int) -> None:
    """Counts the draws of so many steps, as if each had drawn from these generators.

    Example:
        >>> generator = corten.random.SeedGenerator(1)
        >>> skip_draws([generator], 3)
        >>> generator.state.numpy().tolist()
        [1, 3]
    """
    for generator in generators:
        if isinstance(generator, SeedGenerator):
            seed, count = generator.state.numpy().tolist()
            generator.state.assign(_state(seed, count + steps))
        else:
            generator.count += steps
