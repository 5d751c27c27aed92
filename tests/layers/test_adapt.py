"""`adapt` of preprocessing layers: the same from one array, from batches, and from every kind of iterable."""

from __future__ import annotations

import numpy as np
import pytest

import corten
from corten import layers

ROWS = np.random.default_rng(0).normal(3, 2, (23, 4)).astype("float32")


def parts():
    """Batches whose last is shorter."""
    return [ROWS[start : start + 8] for start in range(0, 23, 8)]


SOURCES = {
    "list": parts,
    "tuple": lambda: tuple(parts()),
    "iterator": lambda: iter(parts()),
    "generator": lambda: (part for part in parts()),
    "tensors": lambda: [corten.ops.convert_to_tensor(part) for part in parts()],
    "with targets": lambda: [(part, np.zeros(len(part))) for part in parts()],
    "dataset": lambda: corten.data.Dataset.from_tensor_slices((ROWS, np.zeros(23))).batch(8),
    "nested lists": lambda: ROWS.tolist(),
}


@pytest.mark.parametrize("source", SOURCES)
def test_normalization_of_batches_is_that_of_their_rows(source):
    layer = layers.Normalization()
    layer.adapt(SOURCES[source]())
    np.testing.assert_allclose(layer.mean, ROWS.mean(0, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(layer.variance, ROWS.var(0, keepdims=True), rtol=1e-5)
    assert int(layer.count) == 23


@pytest.mark.parametrize("source", SOURCES)
def test_discretization_of_batches_is_that_of_their_values(source):
    layer, whole = layers.Discretization(num_bins=5), layers.Discretization(num_bins=5)
    layer.adapt(SOURCES[source]())
    whole.adapt(ROWS)
    np.testing.assert_allclose(layer.bin_boundaries, whole.bin_boundaries)


@pytest.mark.parametrize("kept", [None, (1, 2)])
def test_normalization_of_batches_with_more_axes(kept):
    x = np.random.default_rng(1).normal(size=(12, 4, 3, 5)).astype("float32")
    layer = layers.Normalization(axis=kept)
    layer.adapt([x[:5], x[5:]])
    rest = (0, 1, 2, 3) if kept is None else (0, 3)
    np.testing.assert_allclose(
        layer(x), (x - x.mean(rest, keepdims=True)) / x.std(rest, keepdims=True), atol=1e-5
    )


def test_lookups_count_over_batches_of_different_lengths():
    texts = [np.array(["a", "b", "b"]), np.array(["b", "a"]), np.array(["c"])]
    for layer in (layers.StringLookup(), layers.TextVectorization()):
        layer.adapt(texts)
        assert layer.get_vocabulary()[-3:] == ["b", "a", "c"]
    numbers = layers.IntegerLookup()
    numbers.adapt([np.array([7, 5]), np.array([7, 7, 5, 2])])
    assert numbers.get_vocabulary() == [-1, 7, 5, 2]
    some = layers.StringLookup()
    some.adapt(texts, steps=1)
    assert some.get_vocabulary() == ["[UNK]", "b", "a"]


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        ([], ValueError, "empty iterable"),
        (iter(()), ValueError, "empty iterable"),
        (iter([ROWS, ROWS[:, :2]]), ValueError, r"incompatible shape.*\(4,\).*\(23, 2\)"),
        (iter([42]), TypeError, r"`\.shape`.*42"),
        ({"age": ROWS}, TypeError, "one array; got a dict"),
        (7, TypeError, "iterable of batches; got int"),
    ],
)
def test_adapt_refuses(data, error, match):
    with pytest.raises(error, match=match):
        layers.Normalization().adapt(data)
