"""NumPy's functions on tensors, and the arguments they pass to methods."""

from __future__ import annotations

import numpy as np
import pytest

import corten

REDUCTIONS = ["sum", "mean", "prod", "max", "min", "std", "var", "any", "all", "argmax", "argmin"]
REDUCTIONS += ["cumsum", "cumprod", "argsort", "median", "ptp", "sort"]
ARRAY = np.array([[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]], "float32")


@pytest.mark.parametrize(
    "function",
    [
        "sum",
        "mean",
        "prod",
        "max",
        "min",
        "std",
        "var",
        "any",
        "all",
        "argmax",
        "argmin",
        "cumsum",
        "cumprod",
        "argsort",
        "median",
        "ptp",
        "sort",
    ],
)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_numpys_reductions_take_tensors(function, axis):
    function = getattr(np, function)
    got = function(corten.tensor(ARRAY), axis=axis)
    np.testing.assert_allclose(np.asarray(got), function(ARRAY, axis=axis), rtol=1e-6)


def test_reductions_stay_tensors():
    x = corten.tensor(ARRAY)
    assert isinstance(np.sum(x), corten.Tensor)
    assert isinstance(np.mean(x, axis=0, keepdims=True), corten.Tensor)
    assert np.mean(x, axis=0, keepdims=True).shape == (1, 3)


def test_gradients_pass_through_numpys_reductions():
    x = corten.tensor(ARRAY, requires_grad=True)
    np.sum(x * x).backward()
    np.testing.assert_allclose(np.asarray(x.grad), 2 * ARRAY)


def test_the_dtype_argument():
    x = corten.tensor([200, 100], dtype="uint8")
    assert x.sum(dtype="uint8").item() == 44
    assert x.mean(dtype="float64").dtype == "float64"
    assert np.std(x, dtype=np.float64).dtype == "float64"
    assert x.cumsum(dtype="int64").dtype == "int64"


def test_out_is_refused_with_the_reason():
    with pytest.raises(TypeError, match="out: results cannot be written"):
        np.sum(corten.tensor(ARRAY), out=np.zeros(()))


def test_item_with_indices():
    x = corten.tensor(ARRAY)
    assert (x.item(1), x.item(1, 2), x.item((1, 0)), x.item(-1)) == (5.0, 6.0, 4.0, 6.0)
    with pytest.raises(IndexError):
        x.item(6)


def test_small_methods():
    x = corten.tensor(ARRAY)
    assert x.itemsize == 4
    assert x.swapaxes(0, -1).shape == (3, 2)
    with pytest.raises(ValueError, match="swapaxes"):
        x.swapaxes(0, 2)
    assert x.argsort().tolist() == np.argsort(ARRAY).tolist()
    quotient, rest = divmod(x, 2)
    np.testing.assert_array_equal(np.asarray(quotient), ARRAY // 2)
    np.testing.assert_array_equal(np.asarray(rest), ARRAY % 2)


def test_from_dlpack_is_at_top_level():
    assert corten.from_dlpack(ARRAY).tolist() == ARRAY.tolist()
