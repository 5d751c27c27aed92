"""One seed for everything random."""

from __future__ import annotations

import random as python_random

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
