"""Every op against its reference: contiguous, transposed, sliced, repeated, empty, special values."""

import numpy as np
import pytest
from tests.ops.table import ROWS, draw, outputs

import corten
from corten import ops

LAYOUTS = ("contiguous", "transposed", "sliced", "flipped", "repeated")


def laid_out(array, layout):
    """The array as a tensor with that layout in memory, and the values that it has then."""
    array = np.array(array)
    if array.ndim == 0 or layout == "contiguous":
        return corten.tensor(array), array
    if layout == "transposed":
        order = tuple(range(array.ndim))[::-1]
        return ops.transpose(corten.tensor(np.ascontiguousarray(array.transpose(order))), order), array
    if layout == "sliced":
        wide = np.repeat(array, 2, axis=-1)
        wide[..., 1::2] = 7 if array.dtype != bool else True
        return corten.tensor(wide)[..., ::2], array
    if layout == "flipped":
        return corten.tensor(np.ascontiguousarray(array[::-1]))[::-1], array
    repeated = np.broadcast_to(array[:1], array.shape)
    return ops.broadcast_to(corten.tensor(np.ascontiguousarray(array[:1])), array.shape), repeated


def assert_close(result, expected, tolerance):
    results, references = outputs(result), outputs(expected)
    assert len(results) == len(references)
    for got, wanted in zip(results, references, strict=True):
        got = np.asarray(ops.convert_to_numpy(got))
        wanted = np.asarray(wanted)
        assert got.shape == wanted.shape
        np.testing.assert_allclose(
            got.astype(np.float64), wanted.astype(np.float64), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("one", ROWS, ids=lambda one: one.id)
def test_value(one, layout):
    if layout == "repeated" and not one.layouts:
        pytest.skip("repeated rows leave the op's domain")
    pairs = [laid_out(array, layout) for array in draw(one)]
    result = one.call(*(tensor for tensor, _ in pairs), **one.kwargs)
    with np.errstate(all="ignore"):
        assert_close(result, one.reference(*(values for _, values in pairs)), one.tolerance)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300])


@pytest.mark.parametrize("one", [one for one in ROWS if one.special], ids=lambda one: one.id)
def test_special_values(one):
    arguments = [SPECIAL] if len(one.inputs) == 1 else list(np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        expected = one.reference(*arguments)
    result = one.call(*(corten.tensor(a) for a in arguments), **one.kwargs)
    got = result.numpy()
    np.testing.assert_allclose(got.astype(np.float64), np.asarray(expected, np.float64), rtol=1e-12, atol=0)


ELEMENTWISE = [
    one
    for one in ROWS
    if one.result in ("float", "same", "bool")
    and len(one.inputs) == 1
    and not one.kwargs
    and one.inputs[0].shape == (3, 4)
    and one.name not in ("amax", "amin", "max", "min")
]


@pytest.mark.parametrize("one", ELEMENTWISE, ids=lambda one: one.id)
@pytest.mark.parametrize("shape", [(0,), (3, 0, 2), ()], ids=str)
def test_empty_and_scalar(one, shape):
    if shape == () and one.name in ("softmax", "log_softmax", "sort", "transpose"):
        pytest.skip("needs an axis")
    values = np.full(shape, 0.75 if one.inputs[0].high < 1 else 1.5)
    if one.inputs[0].kind == "bool":
        values = values > 0
    assert one.call(corten.tensor(values)).shape == shape


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sum", 0.0), ("prod", 1.0), ("any", False), ("all", True), ("logsumexp", -np.inf), ("mean", np.nan)],
)
def test_reductions_of_nothing(name, expected):
    for shape in [(0,), (0, 3)]:
        np.testing.assert_equal(float(getattr(ops, name)(ops.zeros(shape)) * 1), float(expected))
    assert getattr(ops, name)(ops.zeros((0, 3)), axis=0).shape == (3,)


def test_extremes_of_nothing_are_errors():
    for name in ("max", "min", "argmax", "argmin"):
        with pytest.raises(ValueError, match=r"empty|no elements"):
            getattr(ops, name)(ops.zeros((0, 3)), axis=0)
    assert ops.max(ops.zeros((0, 3)), axis=0, initial=-1.0).tolist() == [-1.0] * 3


def test_nan_in_order_and_extremes():
    x = corten.tensor([2.0, float("nan"), 1.0])
    assert int(ops.argmax(x)) == int(ops.argmin(x)) == 1
    assert ops.argsort(x).tolist() == [2, 0, 1]
    assert np.isnan(float(ops.max(x)))
    assert np.isnan(float(ops.median(x)))
    assert ops.relu(x).tolist()[0] == 2.0
    assert np.isnan(ops.relu(x).tolist()[1])


def test_logsumexp_of_infinities():
    for values in ([-np.inf, -np.inf], [np.inf, 1.0], [-np.inf, 3.0]):
        assert float(ops.logsumexp(corten.tensor(values))) == np.logaddexp.reduce(values)


def test_matmul_of_nothing():
    assert ops.matmul(ops.ones((2, 0)), ops.ones((0, 3))).tolist() == [[0.0] * 3] * 2
