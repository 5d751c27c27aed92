"""Projections against NumPy, and by name."""

import numpy as np
import pytest

from corten import constraints

W = np.random.default_rng(0).normal(size=(4, 3))
NORMS = np.linalg.norm(W, axis=0)


def test_values():
    np.testing.assert_array_equal(constraints.NonNeg()(W).numpy(), np.maximum(W, 0))
    np.testing.assert_allclose(constraints.UnitNorm()(W).numpy(), W / NORMS, rtol=1e-6)
    np.testing.assert_allclose(constraints.MaxNorm(1.0)(W).numpy(), W * np.minimum(1, 1 / NORMS), rtol=1e-6)
    wanted = np.clip(NORMS, 0.5, 1.0)
    np.testing.assert_allclose(constraints.MinMaxNorm(0.5, 1.0)(W).numpy(), W / NORMS * wanted, rtol=1e-6)
    half = constraints.MinMaxNorm(0.5, 1.0, rate=0.5)(W).numpy()
    np.testing.assert_allclose(np.linalg.norm(half, axis=0), (wanted + NORMS) / 2, rtol=1e-6)
    np.testing.assert_allclose(
        np.linalg.norm(constraints.UnitNorm(axis=1)(W).numpy(), axis=1), 1.0, rtol=1e-6
    )
    assert constraints.Constraint()(W) is W


@pytest.mark.parametrize("name", ["max_norm", "min_max_norm", "non_neg", "unit_norm"])
def test_round_trip(name):
    constraint = constraints.get(name)
    again = constraints.deserialize(constraints.serialize(constraint))
    assert again.get_config() == constraint.get_config()
    np.testing.assert_array_equal(again(W).numpy(), constraint(W).numpy())


def test_names():
    assert constraints.get(None) is None
    with pytest.raises(ValueError, match="Did you mean 'non_neg'"):
        constraints.get("non_ngg")
