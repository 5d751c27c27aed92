"""Devices: names, scopes, moves, what goes where, and what is refused."""

import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import corten
from corten import _core, ops


def test_names_of_the_cpu():
    for name in ("cpu", "CPU", "cpu:0", "/CPU:0", "/device:CPU:0"):
        assert corten.device(name) == "cpu"
    assert ops.ones(2).to(corten.device("cpu")).device == "cpu"


@pytest.mark.parametrize("name", ["cuda", "cpu:1", "", "gpu:x"])
def test_unknown_names(name):
    with pytest.raises(ValueError, match="device: there is no"):
        corten.device(name)
    with pytest.raises(ValueError, match="device: there is no"):
        ops.ones(2).to(name)


def test_device_must_be_a_name():
    with pytest.raises(ValueError, match="expected the name of a device"):
        corten.device(3)
    with pytest.raises(ValueError, match="'meta'"):
        corten.device("meta")


@pytest.mark.skipif(_core.has_gpu_backend(), reason="this build has a GPU backend")
def test_build_without_gpus_says_how_to_get_one():
    for use in (corten.device, corten.config.set_default_device, ops.ones(2).to):
        with pytest.raises(ValueError, match="make wheel-gpu"):
            use("gpu:0")
    assert corten.config.list_physical_devices("GPU") == []


def test_scopes_nest_and_are_put_back():
    assert _core.current_device() == corten.config.get_default_device() == "cpu"
    with corten.device("cpu"), corten.device("cpu"):
        assert _core.current_device() == "cpu"
    scope = corten.device("cpu")
    with scope, scope:
        pass

    @corten.device("cpu")
    def decorated():
        return _core.current_device()

    assert decorated() == "cpu"


def test_physical_devices():
    first, *_ = corten.config.list_physical_devices()
    assert (first.name, first.device_type) == ("cpu", "CPU")
    assert corten.config.list_logical_devices("cpu")[0] == first
    assert corten.device(first.name) == "cpu"


def test_information_on_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "corten", "info"], capture_output=True, text=True, check=True
    )
    assert f"corten        {corten.__version__}" in done.stdout
    assert "gpu" in done.stdout
    wrong = subprocess.run([sys.executable, "-m", "corten", "sing"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "usage" in wrong.stderr


def test_new_tensors_are_made_on_the_device(device):
    made = [
        ops.zeros((2, 3)),
        ops.ones(2),
        ops.full((2,), 3.5),
        ops.arange(5),
        ops.arange(0.0, 1.0, 0.25),
        ops.linspace(0.0, 1.0, 5),
        ops.eye(3),
        corten.tensor([1.0, 2.0]),
        corten.tensor(2.5),
        corten.tensor(np.ones(3, np.float32)),
        corten.tensor(np.arange(3)),
        corten.tensor([1.5, 2.5], dtype="float32"),
        ops.convert_to_tensor([[1, 2], [3, 4]]),
        corten.random.normal((4,)),
        corten.random.uniform((4,)),
        corten.Variable([1.0, 2.0]).value,
        ops.add(np.ones(2, np.float32), 1.0),
    ]
    assert {one.device for one in made} == {device}
    assert made[3].tolist() == [0, 1, 2, 3, 4]
    assert made[4].tolist() == [0.0, 0.25, 0.5, 0.75]
    with corten.device("cpu"):
        assert ops.zeros(2).device == "cpu"


def test_random_bits_do_not_depend_on_the_device(device):
    for draw in (corten.random.uniform, corten.random.normal, corten.random.truncated_normal):
        found = draw((257,), seed=3).numpy()
        with corten.device("cpu"):
            np.testing.assert_allclose(found, draw((257,), seed=3).numpy(), rtol=1e-5, atol=1e-6)


def test_results_are_where_the_operands_are(gpu):
    x = corten.tensor(np.arange(6, dtype=np.float32).reshape(2, 3)).to(gpu)
    assert x.device == gpu
    results = [
        x + 1, 2 * x, x * x, -x, x > 2, x.sum(), x.mean(axis=0), x[0], x[:, 1:], x[[1, 0]], x.T,
        ops.softmax(x),
        ops.zeros_like(x), ops.tril(x), ops.one_hot(ops.argmax(x, 1), 3), ops.concatenate([x, x]),
        x @ x.T,
        ops.where(x > 2, x, 0.0), ops.cumsum(x, 1), ops.sort(x), ops.pad(x, 1), ops.take(x, [0, 2], axis=1),
    ]  # fmt: skip
    assert {result.device for result in results} == {gpu}
    with corten.device(gpu):
        y = corten.tensor(np.ones(3, np.float32), device="cpu")
        assert (y + 1).device == ops.softmax(y).device == ops.tril(ops.outer(y, y)).device == "cpu"


def test_operands_of_two_devices(gpu):
    here, there = ops.ones((2, 3)), ops.ones((2, 3)).to(gpu)
    for work in (lambda: here + there, lambda: there * here, lambda: ops.matmul(here, there.T)):
        with pytest.raises(RuntimeError, match=rf"different devices: {gpu} and cpu .*\.to\(\"{gpu}\"\)"):
            work()
    number = corten.tensor(2.0)
    assert number.device == "cpu"
    assert (there * number).device == (number - there).device == gpu
    with pytest.raises(RuntimeError, match="different devices"):
        here * there.sum()


def test_gradients_flow_through_moves(gpu):
    x = corten.tensor([1.0, 2.0, 3.0], requires_grad=True)
    factor = corten.tensor(2.0, requires_grad=True)
    y = (x.to(gpu) * factor) ** 2
    assert y.device == gpu
    y.sum().backward()
    assert x.grad.device == factor.grad.device == "cpu"
    assert x.grad.tolist() == [8.0, 16.0, 24.0]
    assert factor.grad.tolist() == 56.0
    back = corten.tensor([1.0], requires_grad=True).to(gpu).to("cpu")
    assert back.requires_grad


def test_values_come_back(gpu):
    values = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    x = corten.tensor(values).to(gpu)
    np.testing.assert_array_equal(x.numpy(), values)
    np.testing.assert_array_equal(np.asarray(x[:, ::2]), values[:, ::2])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(x)).numpy(), values)
    assert x.tolist() == values.tolist()
    assert float(x[0, 0]) == x.item(0) == -2.0
    assert bool(x[0, 0] < 0)
    assert f"device={gpu}" in repr(x)
    x.numpy()[0] = 7
    assert float(x[0, 0]) == -2.0
    for dtype in ("int32", "uint32", "bool"):
        other = corten.tensor(values > 0).astype(dtype)
        np.testing.assert_array_equal(other.to(gpu).numpy(), other.numpy())
    np.testing.assert_array_equal(np.from_dlpack(x.to("cpu")), values)
    with pytest.raises(BufferError, match=r'to\("cpu"\)'):
        x.__dlpack__()
    with pytest.raises(ValueError, match="without a copy"):
        x.__array__(copy=False)


def test_dtypes_that_a_gpu_lacks(gpu):
    with corten.device(gpu):
        assert corten.tensor(np.array([1, -2], np.int64)).dtype == "int32"
        assert corten.tensor(np.array([1, 255], np.uint8)).tolist() == [1, 255]
        with pytest.raises(ValueError, match="holds 4294967296"):
            corten.tensor(np.array([1 << 32]))
        with pytest.raises(TypeError, match=r"float64.*astype"):
            corten.tensor(np.ones(3))
        assert corten.tensor(np.ones(3), dtype="float32").device == gpu
        assert ops.cast(np.ones(3), "float32").device == gpu
        assert corten.tensor(np.ones(3), device="cpu").dtype == "float64"
        assert ops.ones(3).astype("int64").dtype == "int32"
    with pytest.raises(TypeError, match="int64"):
        corten.tensor(np.arange(3)).to(gpu)
    with pytest.raises(TypeError, match="float64"):
        ops.ones(3).to(gpu).astype("float64")


def test_decompositions_go_over_the_cpu(gpu):
    a = corten.tensor(np.array([[4.0, 1.0], [1.0, 3.0]], np.float32)).to(gpu)
    before = corten.config.device_statistics(gpu)["ops_over_the_cpu"]
    factor = ops.cholesky(a)
    assert factor.device == gpu
    assert corten.config.device_statistics(gpu)["ops_over_the_cpu"] == before + 1
    np.testing.assert_allclose((factor @ factor.T).numpy(), a.numpy(), rtol=1e-6)


def test_numbers_are_no_copies(gpu):
    x = ops.ones(8).to(gpu)
    y = x * 2.0 + 1.0
    before = corten.config.device_statistics(gpu)
    for _ in range(5):
        y = (y * 2.0 + 1.0) / 3
    after = corten.config.device_statistics(gpu)
    assert after["uploads"] == before["uploads"]
    assert after["downloads"] == before["downloads"]


def test_default_device_holds_in_all_threads(gpu):
    found = []
    corten.config.set_default_device(gpu)
    try:
        thread = threading.Thread(target=lambda: found.append(ops.ones(2).device))
        thread.start()
        thread.join()
        with corten.device("cpu"):
            found.append(ops.ones(2).device)
        found.append(ops.ones(2).device)
    finally:
        corten.config.set_default_device("cpu")
    assert found == [gpu, "cpu", gpu]


def test_assignment_stays_on_the_device(gpu):
    with corten.device(gpu):
        v = corten.Variable([1.0, 2.0])
    v.assign(np.array([3.0, 4.0]))
    v.assign_add([1.0, 1.0])
    assert v.device == gpu
    assert v.numpy().tolist() == [4.0, 5.0]
    x = ops.zeros((2, 2)).to(gpu)
    x[0] = 1.0
    x[1, 1] = 5
    assert x.device == gpu
    assert x.tolist() == [[1.0, 1.0], [0.0, 5.0]]


def test_memory_of_a_gpu(gpu):
    stats = corten.memory.stats(gpu)
    assert set(stats) == {"allocated", "cached", "peak"}
    corten.memory.empty_cache(gpu)
    assert corten.memory.limit(gpu) is None
