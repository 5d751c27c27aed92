"""Arrays of any alignment, stride and owner: read right, and never changed or freed under a tensor."""

import gc
import threading

import numpy as np
import pytest

import corten
from corten import layers, ops

DTYPES = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
    "bool",
)


def values(x):
    return np.asarray(ops.convert_to_numpy(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_addresses(dtype):
    source = (np.arange(37) % 2 if dtype == "bool" else np.arange(37)).astype(dtype)
    for offset in range(9):
        memory = bytearray(offset) + bytearray(source.tobytes())
        array = np.frombuffer(memory, dtype, offset=offset)
        np.testing.assert_array_equal(values(corten.tensor(array)), source)
        if dtype != "bool":
            np.testing.assert_array_equal(values(ops.add(array, array)), source + source)
        for step in (2, -1, -3):
            np.testing.assert_array_equal(values(corten.tensor(array[::step])), source[::step])


def test_fields_of_records():
    records = np.zeros(10, [("a", "u1"), ("b", "<f4"), ("c", "<i2"), ("d", "<f8")])
    for name in "abcd":
        records[name] = np.arange(10)
        np.testing.assert_array_equal(values(corten.tensor(records[name]) + 1), np.arange(10) + 1)
    with pytest.raises(TypeError, match="cannot become tensors"):
        corten.tensor(records)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">i8", ">u4"])
def test_swapped_bytes_are_refused(dtype):
    with pytest.raises(TypeError, match="native byte order"):
        corten.tensor(np.arange(5).astype(dtype))


def test_any_byte_is_a_truth_value():
    array = np.frombuffer(bytes([0, 1, 2, 255]), bool)
    truth = corten.tensor(array)
    assert truth.tolist() == [False, True, True, True]
    assert ops.sum(ops.cast(truth, "int32")).tolist() == 3


def test_overlapping_repeated_and_read_only_views():
    base = np.arange(6, dtype="float32")
    windows = np.lib.stride_tricks.sliding_window_view(base, 3)
    np.testing.assert_array_equal(values(corten.tensor(windows) * 2), windows * 2)
    repeated = np.broadcast_to(base[:1], (4, 5))
    np.testing.assert_array_equal(values(corten.tensor(repeated) + 1), np.ones((4, 5)))
    base.flags.writeable = False
    tensor = corten.tensor(base)
    np.testing.assert_array_equal(values(ops.relu(tensor - 3)), np.maximum(base - 3, 0))
    np.testing.assert_array_equal(base, np.arange(6))


@pytest.mark.parametrize("rank", [0, 1, 8, 32, 64])
def test_many_axes(rank):
    if rank > 32 and np.lib.NumpyVersion(np.__version__) < "2.0.0":
        pytest.skip("NumPy 1 has 32 axes")
    array = np.full((1,) * rank, 3.0, "float32")
    tensor = corten.tensor(array) + 1
    assert tensor.shape == array.shape
    assert values(ops.sum(ops.transpose(tensor))) == 4


@pytest.mark.parametrize("n", [5, 3_000_000])
def test_later_changes_of_an_array_do_not_reach_a_tensor(n):
    array = np.zeros(n, "float32")
    tensor = corten.tensor(array)
    array[:] = 7
    assert float(ops.sum(tensor)) == 0


def test_memory_of_the_caller_may_be_freed_and_resized():
    memory = bytearray(np.arange(1000, dtype="float32").tobytes())
    tensor = corten.tensor(np.frombuffer(memory, "float32"))
    memory.clear()
    memory.extend(b"\xff" * 4000)
    np.testing.assert_array_equal(values(tensor), np.arange(1000))


def test_views_given_away_outlive_the_tensor_and_cannot_be_written():
    for give in (np.asarray, np.from_dlpack):
        tensor = corten.tensor(np.arange(100_000, dtype="float32"))
        view = give(tensor)
        assert not view.flags.writeable
        del tensor
        gc.collect()
        # Memory that was free would be taken by these.
        others = [corten.tensor(np.full(100_000, 5, "float32")) for _ in range(20)]
        np.testing.assert_array_equal(view, np.arange(100_000))
        del others


def test_memory_taken_over_outlives_its_array():
    array = np.arange(100_000, dtype="float32")
    tensor = corten.from_dlpack(array)
    del array
    gc.collect()
    others = [np.full(100_000, 5, "float32") for _ in range(20)]
    np.testing.assert_array_equal(values(tensor), np.arange(100_000))
    del others


def test_an_op_in_place_does_not_reach_other_holders():
    tensor = corten.tensor(np.zeros(200_000, "float32"))
    view, same = np.asarray(tensor), tensor
    for _ in range(3):
        tensor += 1
    tensor = ops.relu(tensor - 1) + tensor
    assert float(view.sum()) == 0
    assert float(ops.sum(same)) == 0
    assert float(tensor[0]) == 5


def test_an_op_of_a_tensor_with_itself_and_with_its_views():
    n = 100_000
    base = np.arange(n, dtype="float32")
    tensor = corten.tensor(base)
    tensor += tensor
    np.testing.assert_array_equal(values(tensor), base * 2)
    tensor = corten.tensor(base)
    tensor += tensor[::-1]
    np.testing.assert_array_equal(values(tensor), np.full(n, n - 1))
    updated = ops.slice_update(corten.tensor(base), (1,), corten.tensor(base)[:-1])
    np.testing.assert_array_equal(values(updated), np.concatenate([base[:1], base[:-1]]))
    variable = corten.Variable(base)
    variable.assign(variable.value[::-1])
    np.testing.assert_array_equal(values(variable.value), base[::-1])


def test_an_array_that_another_thread_writes_while_it_is_fitted():
    x, y = np.zeros((512, 8), "float32"), np.zeros((512, 1), "float32")
    done = threading.Event()

    def write():
        while not done.is_set():
            x[:] = np.random.default_rng(0).normal(size=x.shape)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        model = corten.Sequential([corten.Input((8,)), layers.Dense(4, "relu"), layers.Dense(1)])
        model.compile("sgd", "mse")
        history = model.fit(x, y, epochs=3, verbose=0)
    finally:
        done.set()
        writer.join()
    assert np.isfinite(history.history["loss"]).all()
