"""What goes into tensors and what comes out of them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from corten import _core

DTYPES = [
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4), (2, 0, 3)])
def test_numpy_round_trip(dtype, shape):
    array = np.asarray(np.arange(np.prod(shape, dtype=int)).reshape(shape) % 5).astype(dtype)
    tensor = _core.tensor(array)
    assert tensor.dtype == dtype
    assert tensor.shape == shape
    assert tensor.numpy().dtype == array.dtype
    np.testing.assert_array_equal(tensor.numpy(), array)
    np.testing.assert_array_equal(np.asarray(tensor), array)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.T,
        lambda x: x[::-1],
        lambda x: x[:, ::-2],
        lambda x: np.broadcast_to(x[0], (5, 4)),
        lambda x: x[1:, 1:3],
        lambda x: x.astype("bool").T,
        lambda x: np.asfortranarray(x),
    ],
)
def test_strided_arrays(view):
    array = view(np.arange(12, dtype="float32").reshape(3, 4))
    np.testing.assert_array_equal(_core.tensor(array).numpy(), array)


def test_unaligned_arrays():
    raw = np.zeros(17, dtype="uint8")
    array = raw[1:].view("float32")
    array[:] = [1, 2, 3, 4]
    np.testing.assert_array_equal(_core.tensor(array).numpy(), [1, 2, 3, 4])
    fields = np.zeros(3, dtype=[("a", "u1"), ("b", "<f4")])
    fields["b"] = [1, 2, 3]
    np.testing.assert_array_equal(_core.tensor(fields["b"]).numpy(), [1, 2, 3])


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("form", ["whole", "turned", "reversed", "unaligned"])
def test_large_arrays_are_copied_by_all_threads(dtype, form):
    # Above 1 MB; a prime number of rows leaves every thread a remainder.
    data = np.random.default_rng(0).integers(0, 2, (4099, 523)).astype(dtype)
    if form == "turned":
        data = data.T
    elif form == "reversed":
        data = data[::-1, ::-3]
    elif form == "unaligned":
        shifted = np.frombuffer(b"\0" + data.tobytes(), np.uint8)[1:]
        data = shifted.view(dtype).reshape(data.shape)
    tensor = _core.tensor(data)
    np.testing.assert_array_equal(tensor.numpy(), data)
    if data.flags.writeable:
        before = data[1, 1].item()
        data[1, 1] = not before
        assert tensor[1, 1].item() == before


def test_conversion_copies():
    array = np.zeros(3, dtype="float32")
    tensor = _core.tensor(array)
    array[0] = 7
    assert tensor.tolist() == [0, 0, 0]
    out = tensor.numpy()
    out[1] = 7
    assert tensor.tolist() == [0, 0, 0]
    view = np.asarray(tensor)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1


def test_views_keep_their_memory():
    view = np.asarray(_core.tensor(np.arange(1000.0)) + 1.0)
    _core.empty_cache()
    np.testing.assert_array_equal(view, np.arange(1000.0) + 1)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int32"),
        (1.5, "float32"),
        (True, "bool"),
        ([1, 2], "int32"),
        ([1, 2**40], "int64"),
        ([[1.0], [2.0]], "float32"),
        ([True, False], "bool"),
        ((1, 2.5), "float32"),
        (np.float64(2.0), "float32"),
        (np.float16(2.0), "float16"),
        (np.int8(2), "int8"),
        (np.bool_(True), "bool"),
        (range(3), "int32"),
        ([], "float32"),
    ],
)
def test_default_dtypes(data, dtype):
    assert _core.tensor(data).dtype == dtype


def test_lists_of_tensors_are_stacked():
    x = _core.tensor([1.0, 2.0], requires_grad=True)
    stacked = _core.tensor([x, x * 2.0])
    assert stacked.shape == (2, 2)
    stacked.sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert _core.tensor([0.0, x[0]]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.array([1.0]).astype(">f4"), "byte order"),
        (np.array(["a"]), "text"),
        (np.array([{}]), "dtype object"),
        (np.array([1j]), "complex"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
        ("text", "got str"),
        (None, "got NoneType"),
        ({}, "got dict"),
        (1j, "got complex"),
    ],
)
def test_what_cannot_be_a_tensor(data, message):
    with pytest.raises(TypeError, match=message):
        _core.tensor(data)


def test_ragged_lists():
    with pytest.raises(ValueError, match="rectangular"):
        _core.tensor([[1, 2], [3]])


def test_objects_that_convert_themselves():
    class Wrapper:
        def __corten_tensor__(self):
            return _core.tensor([1.0, 2.0])

    assert (_core.tensor([1.0, 1.0]) + Wrapper()).tolist() == [2, 3]
    assert _core.unary("negative", Wrapper()).tolist() == [-1, -2]


def test_unknown_partners_get_their_turn():
    class Other:
        def __radd__(self, left):
            return "other"

        def __rmatmul__(self, left):
            return "product"

        def __eq__(self, left):
            return "equal"

        __hash__ = None

    x = _core.tensor([1.0])
    assert x + Other() == "other"
    assert x @ Other() == "product"
    assert (x == Other()) == "equal"
    assert (x == None) is False  # noqa: E711
    with pytest.raises(TypeError):
        x + "text"


def test_numpy_leaves_operations_to_tensors():
    x = _core.tensor([1.0, 2.0])
    for result in (np.ones(2, "float32") + x, np.float32(3) * x, x - np.ones(2, "float32"), 2 / x):
        assert isinstance(result, _core.Tensor)
    np.testing.assert_allclose(np.exp(x), np.exp([1.0, 2.0]), rtol=1e-6)


def test_bfloat16():
    x = _core.tensor([1.0, 2.5]).astype("bfloat16")
    assert x.dtype == "bfloat16"
    assert x.tolist() == [1, 2.5]
    assert x[1].item() == 2.5
    assert float(x[1]) == 2.5
    np.testing.assert_array_equal(x.numpy().astype("float32"), [1, 2.5])
    assert "bfloat16" in repr(x)


def test_dlpack():
    array = np.arange(6.0).reshape(2, 3)
    shared = _core.from_dlpack(array)
    array[0, 0] = 9
    assert shared[0, 0].item() == 9
    np.testing.assert_array_equal(_core.from_dlpack(array.T).numpy(), array.T)
    np.testing.assert_array_equal(_core.from_dlpack(array[::-1]).numpy(), array[::-1])
    np.testing.assert_array_equal(_core.from_dlpack(np.array([True, False])).numpy(), [True, False])
    back = np.from_dlpack(_core.tensor([[1, 2], [3, 4]]).T)
    np.testing.assert_array_equal(back, [[1, 3], [2, 4]])
    assert _core.tensor([1.0]).__dlpack_device__() == (1, 0)
    capsule = _core.tensor([1.0, 2.0]).__dlpack__()
    assert _core.from_dlpack(capsule).tolist() == [1, 2]
    with pytest.raises(ValueError, match="used before"):
        _core.from_dlpack(capsule)
    del capsule
    _core.tensor([1.0]).__dlpack__()  # a capsule nobody takes frees itself


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_pickle(dtype):
    x = _core.tensor([[0, 1], [1, 1]]).astype(dtype).T
    for y in (pickle.loads(pickle.dumps(x)), copy.copy(x), copy.deepcopy(x)):
        assert y.dtype == dtype
        assert y.tolist() == x.tolist()
    leaf = pickle.loads(pickle.dumps(_core.tensor([1.0], requires_grad=True)))
    assert leaf.requires_grad
    assert pickle.loads(pickle.dumps(x.to("meta"))).device == "meta"


def test_pickles_are_checked():
    with pytest.raises(ValueError, match="unpickle"):
        _core._rebuild(b"\x02", [1], "bool", False)
    with pytest.raises(ValueError, match="unpickle"):
        _core._rebuild(b"\x00" * 3, [1], "float32", False)


def test_scalars_out():
    assert _core.tensor([[3]]).item() == 3
    assert isinstance(_core.tensor(3).item(), int)
    assert isinstance(_core.tensor(3.0).item(), float)
    assert _core.tensor(True).item() is True
    assert int(_core.tensor(3.7)) == 3
    assert [10, 20, 30][_core.tensor(1)] == 20
    assert f"{_core.tensor(2.0):.3f}" == "2.000"
    assert bool(_core.tensor([1.0]))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(_core.tensor([1, 2]))
    with pytest.raises(_core.ShapeError):
        _core.tensor([1, 2]).item()
    with pytest.raises(TypeError, match="integer tensors"):
        [1, 2][_core.tensor(1.0)]


def test_meta_tensors_have_no_values():
    x = _core.tensor([[1.0, 2.0]]).to("meta")
    assert (x @ x.T).shape == (1, 1)
    assert repr(x) == "Tensor(shape=(1, 2), dtype=float32, device=meta)"
    for read in (x.numpy, x.item, x.tolist, lambda: bool(x[0, 0]), lambda: np.asarray(x)):
        with pytest.raises((RuntimeError, ValueError)):
            read()


def test_repr():
    assert repr(_core.tensor([1.0, 2.0])) == "Tensor([1., 2.], shape=(2,), dtype=float32)"
    assert repr(_core.tensor(1, requires_grad=False)) == "Tensor(1, shape=(), dtype=int32)"
    assert "requires_grad=True" in repr(_core.tensor(1.0, requires_grad=True))


def test_result_type():
    assert _core.result_type("int8", "uint8") == "int16"
    assert _core.result_type("int64", float) == "float32"
    assert _core.result_type("bfloat16", 1.0) == "bfloat16"
    assert _core.result_type(int) == "int32"
    assert _core.result_type(np.dtype("float64"), "float32") == "float64"
    with pytest.raises(TypeError, match="unknown dtype"):
        _core.result_type("float31")
