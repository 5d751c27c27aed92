"""One seed for everything random."""

from __future__ import annotations

import contextlib
import random as python_random
from collections.abc import Callable, Iterator

import numpy as np


def set_random_seed(seed: int) -> None:
    """Seeds everything random: Corten's generators, NumPy's global one and Python's.

    Initial weights, dropout, shuffling and augmentation all draw from counters that start anew
    here, so two runs with the same seed give the same bits.

    Args:
        seed: A whole number of at least 0.

    Raises:
        ValueError: It is none.

    Example:
        >>> set_random_seed(7)
        >>> first = np.random.rand()
        >>> set_random_seed(7)
        >>> first == np.random.rand()
        True
    """
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or seed < 0:
        raise ValueError(f"set_random_seed: seed must be a whole number of at least 0; got {seed!r}")
    from corten.random import seed_generator

    seed_generator.set_global_seed(int(seed))
    python_random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)


@contextlib.contextmanager
def seeded(seed: int | None, drawn: int = 0) -> Iterator[Callable[[], int]]:
    """Draws from a seed of its own inside, and leaves Corten's global generator as it was.

    Args:
        seed: A whole number; None goes on with the global generator.
        drawn: How many keys were drawn from the seed before, to go on where an earlier block ended.

    Returns:
        A function that gives how many keys are drawn by now.

    Example:
        >>> import corten
        >>> from corten.utils.seeding import seeded
        >>> with seeded(3):
        ...     first = corten.random.uniform((2,)).tolist()
        >>> with seeded(3):
        ...     again = corten.random.uniform((2,)).tolist()
        >>> first == again
        True
    """
    from corten.random import seed_generator

    source = seed_generator.global_generator
    if seed is None:
        yield lambda: source.count
        return
    before = source.seed, source.count
    seed_generator.set_global_seed(int(seed))
    source.count = drawn
    try:
        yield lambda: source.count
    finally:
        source.seed, source.count = before


def numpy_generator(seed: int | None) -> np.random.Generator:
    """Gives a generator of NumPy's.

    Args:
        seed: A whole number; None draws a key from Corten's global generator.

    Example:
        >>> numpy_generator(3).integers(100) == numpy_generator(3).integers(100)
        np.True_
    """
    if seed is not None:
        return np.random.Generator(np.random.Philox(seed))
    from corten.random import draw_key

    first, second = draw_key(None)
    return np.random.Generator(np.random.Philox(key=[first % 2**64, second % 2**64]))


def numbered_seed(seed: int, number: int) -> int:
    """Gives a seed for one of several parts: a function of the common seed and its number alone.

    Args:
        seed: The common seed.
        number: Which part it is.

    Example:
        >>> numbered_seed(0, 1) == numbered_seed(0, 1) != numbered_seed(0, 2)
        True
    """
    key = np.array([seed % 2**64, number], dtype=np.uint64)
    return int(np.random.Generator(np.random.Philox(key=key)).integers(2**31))
