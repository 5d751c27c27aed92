"""Penalties against NumPy, in a layer's loss, and by name."""

import numpy as np
import pytest

from corten import regularizers

W = np.random.default_rng(0).normal(size=(4, 3))


@pytest.mark.parametrize(
    ("regularizer", "wanted"),
    [
        (regularizers.L1(0.3), 0.3 * np.abs(W).sum()),
        (regularizers.L2(0.3), 0.3 * (W**2).sum()),
        (regularizers.L1L2(0.1, 0.2), 0.1 * np.abs(W).sum() + 0.2 * (W**2).sum()),
        (regularizers.L1L2(), 0.0),
    ],
)
def test_values(regularizer, wanted):
    assert float(regularizer(W)) == pytest.approx(wanted)
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert again.get_config() == regularizer.get_config()


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal(mode):
    vectors = W if mode == "rows" else W.T
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.abs(vectors @ vectors.T)
    wanted = 0.2 * np.mean(cosines[np.triu_indices(len(vectors), 1)])
    assert float(regularizers.OrthogonalRegularizer(0.2, mode)(W)) == pytest.approx(wanted)
    with pytest.raises(ValueError, match="rank 2"):
        regularizers.OrthogonalRegularizer()(np.zeros(3))
    with pytest.raises(ValueError, match="mode=diagonal"):
        regularizers.OrthogonalRegularizer(mode="diagonal")


def test_names_and_arguments():
    assert regularizers.get("l2").l2 == 0.01
    assert isinstance(regularizers.get("l1_l2"), regularizers.L1L2)
    assert regularizers.get(None) is None
    for value in (-1.0, float("nan"), "0.1", None):
        with pytest.raises(ValueError, match="expected a non-negative float"):
            regularizers.validate_float_arg(value, "l2")
    with pytest.raises(ValueError, match="Unknown regularizer: 'l3'"):
        regularizers.get("l3")
