"""Result dtypes, and values in every dtype."""

import numpy as np
import pytest
from tests.ops.table import ROWS, draw, outputs

import corten
from corten import ops

FLOATS = {"float64": 1e-10, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}
WHOLE = ("int8", "uint8", "int16", "int32", "int64")
SUMS = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
RULED = [one for one in ROWS if one.result]
# Pairs of random 16-bit numbers fall on one another: order and ties differ from float64.
ORDERED = {"sort", "argsort", "argmax", "argmin", "isclose", "fmod", "mod", "floor_divide"}


def expected_dtype(rule: str, dtype: str) -> str:
    if rule == "same":
        return dtype
    if rule == "sum":
        return SUMS.get(dtype, dtype)
    if rule == "product":
        return "int32" if dtype == "int8" else dtype
    if rule == "float":
        return dtype if dtype in FLOATS else "float32"
    return rule


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("one", RULED, ids=lambda one: one.id)
def test_floats(one, dtype):
    arrays = draw(one)
    tensors = [
        ops.cast(corten.tensor(x), dtype) if values.kind == "float" else corten.tensor(x)
        for x, values in zip(arrays, one.inputs, strict=True)
    ]
    # What the narrow dtype holds is what the reference is asked.
    seen = [
        np.asarray(x.astype("float64").numpy()) if values.kind == "float" else x.numpy()
        for x, values in zip(tensors, one.inputs, strict=True)
    ]
    results = outputs(one.call(*tensors, **one.kwargs))
    if any(values.kind == "float" for values in one.inputs):
        assert results[0].dtype == expected_dtype(one.result, dtype)
    if one.name in ORDERED and dtype in ("float16", "bfloat16"):
        return
    with np.errstate(all="ignore"):
        references = outputs(one.reference(*seen))
    for got, wanted in zip(results, references, strict=True):
        values = np.asarray(ops.cast(got, "float64").numpy())
        np.testing.assert_allclose(
            values, np.asarray(wanted, np.float64), rtol=FLOATS[dtype], atol=FLOATS[dtype]
        )


# These need numbers that whole numbers are not, or a range that they leave.
FLOAT_ONLY = {"copysign"}


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize("one", RULED, ids=lambda one: one.id)
def test_integers(one, dtype):
    if any(values.kind != "float" for values in one.inputs) or one.name in FLOAT_ONLY:
        pytest.skip("not of numbers")
    if dtype.startswith("u") and one.name in ("negative", "sign", "absolute"):
        pytest.skip("of signed numbers")
    generator = np.random.default_rng(3)
    low, high = (0, 2) if one.inputs[0].high <= 1 else (1, 4)
    arrays = [generator.integers(low, high, values.shape).astype(dtype) for values in one.inputs]
    results = outputs(one.call(*(corten.tensor(x) for x in arrays), **one.kwargs))
    if one.name != "clip":
        assert results[0].dtype == expected_dtype(one.result, dtype)
    if one.name in ("argmax", "argmin", "argsort", "round") or one.result == "same":
        return
    with np.errstate(all="ignore"):
        references = outputs(one.reference(*(x.astype(np.float64) for x in arrays)))
    for got, wanted in zip(results, references, strict=True):
        values = np.asarray(ops.cast(got, "float64").numpy())
        np.testing.assert_allclose(values, np.asarray(wanted, np.float64), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("int32", "float32", "float32"),
        ("int64", "float16", "float16"),
        ("uint8", "int8", "int16"),
        ("uint32", "int32", "int32"),
        ("bfloat16", "float16", "float32"),
        ("bool", "int8", "int8"),
        ("float32", "float64", "float64"),
        ("uint8", "uint16", "uint16"),
    ],
)
def test_two_dtypes_meet(one, other, expected):
    a, b = ops.ones(2, one), ops.ones(2, other)
    assert ops.maximum(a, b).dtype == expected
    assert ops.where(ops.array([True, False]), a, b).dtype == expected
    assert ops.concatenate([a, b]).dtype == expected
    assert ops.stack([b, a]).dtype == expected
    assert ops.append(a, b).dtype == expected


def test_python_numbers_are_weak():
    for dtype in ("float16", "bfloat16", "float64"):
        assert ops.add(ops.ones(2, dtype), 1.5).dtype == dtype
        assert ops.power(ops.ones(2, dtype), 2).dtype == dtype
    assert ops.multiply(ops.ones(2, "int8"), 2).dtype == "int8"
    assert ops.multiply(ops.ones(2, "int8"), 2.5).dtype == "float32"
    assert ops.add(1, 2).dtype == "int32"
    assert ops.add(1, 2.0).dtype == "float32"


def test_defaults():
    assert ops.arange(3).dtype == "int32"
    assert ops.arange(3.0).dtype == "float32"
    assert ops.zeros(2).dtype == ops.linspace(0, 1, 3).dtype == "float32"
    assert ops.mean(ops.arange(4)).dtype == ops.var(ops.arange(4)).dtype == "float32"
    assert ops.argmax(ops.ones(3)).dtype == "int32"
    assert ops.divide(ops.arange(3), 2).dtype == "float32"
    assert ops.cast([1, 2], "bfloat16").dtype == "bfloat16"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint32", "int64", "bool", "float32"])
@pytest.mark.parametrize("bounds", [(700,), (-3, 400), (2, 900, 3)])
def test_ranges_wrap_as_in_numpy(dtype, bounds):
    with np.errstate(all="ignore"):
        want = np.arange(*bounds).astype(dtype)
    got = ops.arange(*bounds, dtype=dtype)
    assert got.dtype == dtype
    assert np.array_equal(got, want)


def test_ranges_of_bytes_take_bytes():
    limit = corten.memory.limit()
    corten.memory.set_limit(corten.memory.stats()["allocated"] + (5 << 19))
    try:
        assert ops.arange(1 << 20, dtype="uint8").shape == (1 << 20,)
    finally:
        corten.memory.set_limit(limit)


def test_wide_dtypes_are_not_rounded():
    assert ops.convert_to_tensor([0.1], "float64").tolist() == [0.1]
    assert ops.convert_to_tensor(0.1, "float64").tolist() == 0.1
    assert ops.convert_to_tensor([2**53 + 1], "int64").tolist() == [2**53 + 1]


def test_saturate_cast():
    assert ops.saturate_cast([1e30, -1e30, 1.6], "int32").tolist() == [2**31 - 1, -(2**31), 1]
    assert ops.saturate_cast([300, -5], "uint8").tolist() == [255, 0]
    assert ops.saturate_cast(np.array([1e30]), "float16").tolist() == [65504.0]


def test_unravel_index_keeps_the_dtype():
    places = ops.unravel_index(np.array([1, 500], "int16"), (200, 300))
    assert [place.dtype for place in places] == ["int16", "int16"]
    assert [place.tolist() for place in places] == [[0, 1], [1, 200]]


def test_split_at_an_array():
    x = np.arange(5)
    assert [part.tolist() for part in ops.split(x, np.array([2]))] == [[0, 1], [2, 3, 4]]
    assert [part.tolist() for part in ops.split(x, np.array([1, 3]))] == [[0], [1, 2], [3, 4]]
