"""`tf.random`."""

from __future__ import annotations

from typing import Any

from corten import random
from corten.utils.seeding import set_random_seed


def set_seed(seed: int) -> None:
    """Seeds everything random: weights, dropout, shuffling, and NumPy's and Python's generators.

    In TensorFlow with Keras 3 this call leaves the weights random; here two runs are alike.

    Example:
        >>> set_seed(42)
        >>> first = normal((2,)).tolist()
        >>> set_seed(42)
        >>> normal((2,)).tolist() == first
        True
    """
    set_random_seed(seed)


def normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = "float32",
    seed: Any = None,
    name: Any = None,
) -> Any:
    """Draws from a normal distribution."""
    return random.normal(shape, mean=mean, stddev=stddev, dtype=dtype, seed=seed)


def truncated_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = "float32",
    seed: Any = None,
    name: Any = None,
) -> Any:
    """Draws from a normal distribution, at most two standard deviations from the mean."""
    return random.truncated_normal(shape, mean=mean, stddev=stddev, dtype=dtype, seed=seed)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: Any = None,
    name: Any = None,
) -> Any:
    """Draws evenly from a range; whole numbers for an integer dtype."""
    if str(dtype).startswith(("int", "uint")):
        if maxval is None:
            raise ValueError("tf.random.uniform: maxval must be given for an integer dtype")
        return random.randint(shape, minval, maxval, dtype=dtype, seed=seed)
    return random.uniform(
        shape, minval=minval, maxval=1 if maxval is None else maxval, dtype=dtype, seed=seed
    )


def shuffle(value: Any, seed: Any = None, name: Any = None) -> Any:
    """Mixes the rows."""
    return random.shuffle(value, axis=0, seed=seed)


def categorical(
    logits: Any, num_samples: int, dtype: Any = "int64", seed: Any = None, name: Any = None
) -> Any:
    """Draws classes by their scores."""
    return random.categorical(logits, num_samples, dtype=dtype, seed=seed)


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None, name: Any = None
) -> Any:
    """Draws from a gamma distribution."""
    drawn = random.gamma(shape, alpha, dtype=dtype, seed=seed)
    return drawn if beta is None else drawn / beta
