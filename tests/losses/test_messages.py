"""Where tutorials go wrong, the message names the fix."""

import numpy as np
import pytest

from corten import losses

EVEN = np.full((8, 10), 0.1, "float32")


@pytest.mark.parametrize("shape", [(8,), (8, 1)])
def test_class_numbers_with_categorical_crossentropy(shape):
    labels = np.arange(8).reshape(shape)
    for loss in (losses.CategoricalCrossentropy(), losses.get("categorical_crossentropy")):
        with pytest.raises(ValueError, match="must have the same shape") as caught:
            loss(labels, EVEN)
        message = str(caught.value)
        assert "categorical_crossentropy" in message
        assert str(shape) in message
        assert "integers 0 to 7" in message
        assert "loss='sparse_categorical_crossentropy'" in message
        assert "corten.utils.to_categorical(y, 10)" in message


def test_more_classes_than_units():
    with pytest.raises(ValueError, match=r"to_categorical\(y, 13\).*needs 13 units; it has 10"):
        losses.CategoricalCrossentropy()(np.array([0, 12, 3, 4, 5, 6, 7, 8]), EVEN)
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.9.*got labels from 0 to 12.*13 units"):
        losses.SparseCategoricalCrossentropy()(np.array([0, 12, 3, 4, 5, 6, 7, 8]), EVEN)
    with pytest.raises(ValueError, match="needs 5 units"):
        losses.CategoricalCrossentropy()(np.eye(5)[[0] * 8], EVEN)


@pytest.mark.parametrize("from_logits", [False, True])
def test_labels_out_of_range(from_logits):
    loss = losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    with pytest.raises(ValueError, match="start at 1: subtract one"):
        loss(np.array([1, 2, 3, 4, 5, 6, 7, 10]), EVEN)
    with pytest.raises(ValueError, match="ignore_class"):
        loss(np.array([-1, 2, 3, 4, 5, 6, 7, 8]), EVEN)


def test_one_hot_with_sparse():
    with pytest.raises(ValueError, match="use loss='categorical_crossentropy'"):
        losses.SparseCategoricalCrossentropy()(np.eye(10)[:8], EVEN)


def test_class_numbers_with_binary_crossentropy():
    with pytest.raises(ValueError, match=r"sparse_categorical_crossentropy.*sigmoid"):
        losses.BinaryCrossentropy()(np.arange(8), EVEN)


def test_arguments():
    with pytest.raises(ValueError, match="Invalid value for argument `reduction`"):
        losses.MeanSquaredError(reduction="average")
    with pytest.raises(ValueError, match="label_smoothing"):
        losses.CategoricalCrossentropy(label_smoothing=2.0)
    with pytest.raises(ValueError, match="`q`"):
        losses.CategoricalGeneralizedCrossEntropy(q=1.0)
    with pytest.raises(ValueError, match="Did you mean 'mean_squared_error'"):
        losses.get("mean_square_error")
    with pytest.raises(ValueError, match="expected labels"):
        losses.CTC()(np.zeros((2,)), np.zeros((2, 3)))
