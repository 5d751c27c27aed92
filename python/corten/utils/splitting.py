"""Splitting data into parts for training and testing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from corten.utils.seeding import numpy_generator


def _size(value: Any, count: int, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a fraction or a number of samples; got {value!r}")
    if isinstance(value, float | np.floating):
        if not 0 < value < 1:
            raise ValueError(f"{name} as a fraction must be between 0 and 1; got {value}")
        return round(float(value) * count)
    if not 0 < value <= count:
        raise ValueError(f"{name} must be 1 to {count} (the number of samples); got {value}")
    return int(value)


def _sizes(count: int, first: Any, second: Any, names: tuple[str, str]) -> tuple[int, int]:
    if first is None and second is None:
        raise ValueError(f"give {names[0]} or {names[1]}")
    left, right = _size(first, count, names[0]), _size(second, count, names[1])
    if left is None:
        assert right is not None
        left = count - right
    elif right is None:
        right = count - left
    if left + right > count:
        raise ValueError(f"{names[0]} and {names[1]} take {left + right} samples of {count}")
    if left == 0 or right == 0:
        raise ValueError(f"a split of {count} samples into {left} and {right} leaves one part empty")
    return left, right


def train_test_split(
    *arrays: Any,
    test_size: float | int | None = None,
    train_size: float | int | None = None,
    seed: int | None = None,
    shuffle: bool = True,
    stratify: Any = None,
) -> list[Any]:
    """Splits arrays into a part for training and one for testing, at random and row by row together.

    Args:
        *arrays: Arrays of the same length.
        test_size: Fraction or number of samples to test on; a quarter if nothing is given.
        train_size: Fraction or number of samples to train on.
        seed: Number that fixes the split; drawn from the global generator if None.
        shuffle: False cuts in the given order.
        stratify: Labels; every class is split in the same proportion.

    Returns:
        `[train, test]` of the first array, of the second, and so on.

    Raises:
        ValueError: No arrays, different lengths, or impossible sizes.

    Example:
        >>> x = np.arange(8)
        >>> train, test = train_test_split(x, test_size=0.25, seed=1)
        >>> len(train), len(test), sorted([*train, *test]) == list(range(8))
        (6, 2, True)
    """
    if not arrays:
        raise ValueError("train_test_split: pass at least one array")
    tables = [np.asarray(array) if not hasattr(array, "shape") else array for array in arrays]
    lengths = [int(table.shape[0]) if len(table.shape) else -1 for table in tables]
    if len(set(lengths)) != 1 or lengths[0] < 0:
        raise ValueError(f"train_test_split: the arrays must have the same number of samples; got {lengths}")
    count = lengths[0]
    if test_size is None and train_size is None:
        test_size = 0.25
    n_train, n_test = _sizes(count, train_size, test_size, ("train_size", "test_size"))
    if stratify is not None:
        train, test = _stratified(np.asarray(stratify), n_train, n_test, numpy_generator(seed), shuffle)
    elif shuffle:
        order = numpy_generator(seed).permutation(count)
        test, train = order[:n_test], order[n_test : n_test + n_train]
    else:
        train, test = np.arange(n_train), np.arange(n_train, n_train + n_test)
    result: list[Any] = []
    for table in tables:
        source = table.iloc if hasattr(table, "iloc") else table
        result += [source[train], source[test]]
    return result


def _stratified(
    labels: np.ndarray, n_train: int, n_test: int, generator: np.random.Generator, shuffle: bool
) -> tuple[np.ndarray, np.ndarray]:
    classes, inverse = np.unique(labels.reshape(len(labels), -1)[:, 0], return_inverse=True)
    counts = np.bincount(inverse, minlength=len(classes))
    # The largest remainders get the samples that rounding leaves over.
    exact = counts * (n_test / len(labels))
    quota = np.floor(exact).astype(int)
    for index in np.argsort(-(exact - quota), kind="stable")[: n_test - quota.sum()]:
        quota[index] += 1
    train: list[np.ndarray] = []
    test: list[np.ndarray] = []
    for index in range(len(classes)):
        members = np.flatnonzero(inverse == index)
        if shuffle:
            members = generator.permutation(members)
        test.append(members[: quota[index]])
        train.append(members[quota[index] :])
    joined_train, joined_test = np.concatenate(train), np.concatenate(test)
    if shuffle:
        joined_train, joined_test = generator.permutation(joined_train), generator.permutation(joined_test)
    return joined_train[:n_train], joined_test


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Splits data into two `corten.data.Dataset`s.

    Args:
        dataset: A `Dataset`, an array, or a tuple, list or dict of arrays.
        left_size: Fraction or number of samples of the first part.
        right_size: Fraction or number of samples of the second part.
        shuffle: Mix the samples first.
        seed: Number that fixes the mixing.
        preferred_backend: Accepted for Keras's sake; no effect.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.8)
        >>> len(list(left)), len(list(right))
        (8, 2)
    """
    from corten.data import Dataset

    if isinstance(dataset, Dataset):
        elements = list(dataset)
    elif isinstance(dataset, tuple | Mapping) or hasattr(dataset, "shape"):
        elements = list(Dataset.from_tensor_slices(dataset))
    elif isinstance(dataset, list):
        whole = [np.asarray(part) for part in dataset]
        elements = list(
            Dataset.from_tensor_slices(tuple(whole) if whole and whole[0].ndim else np.asarray(dataset))
        )
    else:
        raise TypeError(f"split_dataset: expected a Dataset or arrays; got {type(dataset).__name__}")
    n_left, n_right = _sizes(len(elements), left_size, right_size, ("left_size", "right_size"))
    order = numpy_generator(seed).permutation(len(elements)) if shuffle else np.arange(len(elements))
    left = [elements[index] for index in order[:n_left]]
    right = [elements[index] for index in order[n_left : n_left + n_right]]
    return Dataset.from_elements(left), Dataset.from_elements(right)
