"""Helpers for labels, sequences, splits and seeds."""

import random

import numpy as np
import pytest

import corten
from corten.utils import (
    normalize,
    pad_sequences,
    set_random_seed,
    to_categorical,
    train_test_split,
)


def test_to_categorical_shapes():
    assert to_categorical([[0], [1]]).shape == (2, 2)
    assert to_categorical(np.array([[0, 1], [2, 1]])).shape == (2, 2, 3)
    assert to_categorical([1], 5).tolist() == [[0, 1, 0, 0, 0]]
    tensor = to_categorical(corten.ops.convert_to_tensor([0, 1]))
    assert isinstance(tensor, corten.Tensor)
    assert tensor.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("x", "classes", "message"),
    [
        ([3], 3, "0 to 2"),
        ([-1], None, "-1"),
        ([0.5], None, "fractions"),
        (["a"], None, "dtype"),
        ([], None, "empty"),
    ],
)
def test_to_categorical_errors(x, classes, message):
    with pytest.raises(ValueError, match=message):
        to_categorical(x, classes)


def test_normalize():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(normalize(x), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize(x, axis=0, order=1), [[1, 1], [0, 0]])
    assert normalize([1, 1], axis=0).dtype == np.float64
    with pytest.raises(ValueError, match="order"):
        normalize(x, order=0)


def test_pad_sequences():
    data = [[1], [2, 3], [4, 5, 6]]
    assert pad_sequences(data).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6]]
    assert pad_sequences(data, padding="post").tolist() == [[1, 0, 0], [2, 3, 0], [4, 5, 6]]
    assert pad_sequences(data, maxlen=2).tolist() == [[0, 1], [2, 3], [5, 6]]
    assert pad_sequences(data, maxlen=2, truncating="post", value=9).tolist() == [[9, 1], [2, 3], [4, 5]]
    assert pad_sequences([[[1, 2]], [[3, 4], [5, 6]]]).shape == (2, 2, 2)
    assert pad_sequences([["a"], ["b", "c"]], dtype=object, value="").tolist() == [["", "a"], ["b", "c"]]
    with pytest.raises(ValueError, match="padding"):
        pad_sequences(data, padding="left")
    with pytest.raises(ValueError, match="entry 0 must be a list"):
        pad_sequences([1, 2])


def test_train_test_split():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    x_train, _, y_train, y_test = train_test_split(x, y, test_size=0.3, seed=0)
    assert len(x_train) == 7
    assert len(y_test) == 3
    np.testing.assert_array_equal(x_train[:, 0] // 2, y_train)
    np.testing.assert_array_equal(train_test_split(x, seed=3)[0], train_test_split(x, seed=3)[0])
    train, test = train_test_split(x, shuffle=False)
    assert train[-1, 0] < test[0, 0]
    labels = np.array([0] * 80 + [1] * 20)
    _, _, _, y_test = train_test_split(np.arange(100), labels, test_size=20, stratify=labels, seed=1)
    assert np.bincount(y_test).tolist() == [16, 4]
    with pytest.raises(ValueError, match="same number of samples"):
        train_test_split(x, y[:3])
    with pytest.raises(ValueError, match="leaves one part empty"):
        train_test_split(x, test_size=0.01)


def test_set_random_seed_covers_all_three_generators():
    def draw():
        set_random_seed(11)
        return random.random(), np.random.rand(), corten.random.normal((2,)).tolist()

    assert draw() == draw()
    for wrong in (-1, 1.5, "a", None, True):
        with pytest.raises(ValueError, match="seed must be"):
            set_random_seed(wrong)


def test_unknown_helper():
    with pytest.raises(AttributeError, match="Did you mean 'to_categorical'"):
        _ = corten.utils.to_categorial
