"""The tensor class: indexing, iteration, methods, errors, gradients."""

from __future__ import annotations

import threading
import traceback

import numpy as np
import pytest

from corten import _core

ARRAY = np.arange(60, dtype="float32").reshape(3, 4, 5)

KEYS = [
    0,
    -1,
    (1, 2),
    (1, 2, 3),
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    slice(5, 0, -2),
    slice(-100, 100),
    slice(2, 1),
    ...,
    (..., 0),
    (0, ..., slice(1, 3)),
    None,
    (None, 1, None),
    (slice(None), None, [0, 2]),
    [0, 2],
    [],
    [True, False, True],
    ([0, 1], [2, 3]),
    ([[0], [1]], [2, 3]),
    (slice(None), [0, 1], [2, 3]),
    ([0, 1], slice(None), [2, 3]),
    (0, slice(None), [1, 1, 2]),
    np.array([1, 0]),
    np.array([1, 0], dtype="uint8"),
    np.array([-1]),
    ARRAY > 30,
    (ARRAY[:, :, 0] > 10, 1),
    (0, np.array([True, False, True, False])),
    np.int64(2),
    (np.array(1), slice(None)),
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key)[:40].replace("\n", ""))
def test_getitem(key):
    result = _core.tensor(ARRAY)[key]
    np.testing.assert_array_equal(result.numpy(), ARRAY[key])


@pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key)[:40].replace("\n", ""))
def test_setitem(key):
    tensor, array = _core.tensor(ARRAY), ARRAY.copy()
    alias = tensor[:]
    tensor[key] = -1.0
    array[key] = -1.0
    np.testing.assert_array_equal(tensor.numpy(), array)
    np.testing.assert_array_equal(alias.numpy(), ARRAY)


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (3, IndexError, "out of bounds"),
        ((0, 0, 0, 0), IndexError, "too many"),
        ((..., ...), IndexError, "ellipsis"),
        ("a", IndexError, "valid indices"),
        (1.5, IndexError, "valid indices"),
        ([0.5], IndexError, "valid indices"),
        ([7], IndexError, None),
        ([True, False], IndexError, "bool index"),
        (slice(None, None, 0), ValueError, "zero"),
    ],
)
def test_bad_keys(key, error, message):
    with pytest.raises(error, match=message):
        _core.tensor(ARRAY)[key]


def test_setitem_with_itself():
    x = _core.tensor([2, 0, 1])
    x[x] = x
    assert x.tolist() == [0, 1, 2]
    x[:] = x
    assert x.tolist() == [0, 1, 2]


def test_setitem_keeps_the_digits_of_numbers():
    x = _core.tensor(np.zeros(3))
    x[0], x[1:] = 16777217.0, [0.1, 2**40 + 1]
    assert x.tolist() == [16777217.0, 0.1, 2.0**40 + 1]
    y = _core.tensor(np.zeros(3, np.int64))
    y[0], y[1:] = 2**40, (-(2**40), 7)
    assert y.tolist() == [2**40, -(2**40), 7]


@pytest.mark.parametrize(
    ("dtype", "value"), [("uint8", 256), ("uint8", -1), ("int8", [1, -129]), ("int32", 2**31), ("uint64", -1)]
)
def test_setitem_refuses_integers_that_do_not_fit(dtype, value):
    x = _core.tensor([3, 4], dtype=dtype)
    with pytest.raises(OverflowError, match=dtype):
        x[:] = value
    assert x.tolist() == [3, 4]


def test_setitem_broadcasts_and_refuses():
    x = _core.tensor(np.zeros((2, 3), "float32"))
    x[:, 1] = [1, 2]
    x[0] += 1
    assert x.tolist() == [[1, 2, 1], [0, 2, 0]]
    with pytest.raises(_core.ShapeError, match="region"):
        x[0] = [1, 2]


def test_iteration():
    x = _core.tensor([[1, 2], [3, 4]])
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    _, second = x
    assert second.tolist() == [3, 4]
    assert len(x) == 2
    assert 3 in x
    assert 5 not in x
    with pytest.raises(TypeError, match="0-dimensional"):
        iter(_core.tensor(1))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "std", "var"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(name, axis, keepdims):
    array = (ARRAY % 7) / 7 + 0.5
    if name in {"max", "min"} and axis == ():
        pytest.skip("NumPy reduces nothing here")
    expected = getattr(array, name)(axis=axis, keepdims=keepdims)
    result = getattr(_core.tensor(array), name)(axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(result.numpy(), expected, rtol=2e-5, atol=1e-6)


def test_methods():
    x = _core.tensor(ARRAY)
    assert x.reshape(12, 5).shape == x.reshape((12, -1)).shape == x.reshape([12, 5]).shape == (12, 5)
    assert x.transpose().shape == x.T.shape == (5, 4, 3)
    assert x.transpose(1, 0, 2).shape == x.transpose((1, 0, 2)).shape == (4, 3, 5)
    assert x.mT.shape == (3, 5, 4)
    assert x.flatten().shape == x.ravel().shape == (60,)
    assert x[:1].squeeze().shape == x[:1].squeeze(0).shape == (4, 5)
    assert x.argmax().item() == 59
    assert x.argmin(axis=1).shape == (3, 5)
    np.testing.assert_array_equal(x.cumsum(axis=1).numpy(), ARRAY.cumsum(axis=1))
    np.testing.assert_array_equal(x.clip(3, 10.0).numpy(), ARRAY.clip(3, 10))
    np.testing.assert_allclose((x / 7.0).round(2).numpy(), (ARRAY / 7).round(2), rtol=1e-6)
    np.testing.assert_allclose(x.dot(x[0].T).numpy(), ARRAY.dot(ARRAY[0].T), rtol=1e-6)
    assert (x.ndim, x.size, x.nbytes, x.device) == (3, 60, 240, "cpu")
    assert (x > 3).any().item() is True
    assert (x > 3).all().item() is False
    assert len({x, x, x.copy()}) == 2


@pytest.mark.parametrize(
    "expression",
    [
        "a + b",
        "a - 2",
        "2 - a",
        "a * b",
        "a / b",
        "3 / b",
        "a // b",
        "7 // b",
        "a % b",
        "7 % b",
        "a ** 2",
        "2 ** b",
        "-a",
        "abs(-a)",
        "+a",
        "a < b",
        "a >= 3",
        "a == b",
        "a != b",
        "a @ b",
    ],
)
def test_operators(expression):
    a = np.arange(1, 5, dtype="float32")
    b = np.array([2, 1, 5, 3], dtype="float32")
    expected = eval(expression, {}, {"a": a, "b": b})
    result = eval(expression, {}, {"a": _core.tensor(a), "b": _core.tensor(b)})
    assert isinstance(result, _core.Tensor)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("expression", ["a & b", "a | 1", "a ^ b", "a << 2", "1 << a", "a >> 1", "~a"])
def test_integer_operators(expression):
    a, b = np.array([1, 2, 3], "int32"), np.array([3, 6, 1], "int32")
    result = eval(expression, {}, {"a": _core.tensor(a), "b": _core.tensor(b)})
    np.testing.assert_array_equal(result.numpy(), eval(expression, {}, {"a": a, "b": b}))


def test_errors_have_types():
    x = _core.tensor(ARRAY)
    with pytest.raises(_core.ShapeError, match="do not broadcast"):
        x + _core.tensor([1.0, 2.0])
    assert issubclass(_core.ShapeError, ValueError)
    assert _core.ShapeError.__module__ == "corten._core"
    with pytest.raises(ValueError, match="axis 7"):
        x.sum(axis=7)
    with pytest.raises(TypeError, match="integers"):
        _ = ~x
    with pytest.raises(ValueError, match='unknown operation "adds"'):
        _core.binary("adds", x, x)
    with pytest.raises(TypeError, match="unknown dtype"):
        x.astype("float31")
    with pytest.raises(OverflowError, match="int64"):
        x + 2**70
    with pytest.raises((MemoryError, ValueError)):
        _core.full((1 << 40, 1 << 10), 1.0)


# Gradients


def test_backward_and_gradients():
    x = _core.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2, 4, 6]
    y.backward(gradient=2.0)
    assert x.grad.tolist() == [6, 12, 18]
    x.grad = None
    assert x.grad is None
    (first,) = _core.gradients([(x**3).sum()], [x], create_graph=True)
    (second,) = _core.gradients(first.sum(), x)
    assert second.tolist() == [6, 12, 18]
    assert _core.gradients([y], [_core.tensor([1.0])]) == [None]
    assert x.is_leaf
    assert not y.is_leaf
    assert not y.detach().requires_grad


def test_recording_can_be_switched_off():
    x = _core.tensor(1.0, requires_grad=True)
    before = _core.set_grad_enabled(False)
    try:
        assert not _core.is_grad_enabled()
        assert not (x * 2.0).requires_grad
    finally:
        _core.set_grad_enabled(before)
    assert (x * 2.0).requires_grad
    with pytest.raises(ValueError, match="no history"):
        _core.tensor(1.0).backward()
    with pytest.raises(TypeError, match="float"):
        _core.tensor(1, requires_grad=True)


def test_custom_nodes():
    x = _core.tensor([1.0, 2.0], requires_grad=True)
    seen = []

    def rule(upstream):
        seen.append([None if u is None else u.tolist() for u in upstream])
        return [upstream[0] * 10.0]

    first, _ = _core.custom_node([x.detach() * 2.0, x.detach() * 3.0], [x], rule)
    first.sum().backward()
    assert x.grad.tolist() == [10, 10]
    assert seen == [[[1, 1], None]]


def test_exceptions_of_custom_nodes_keep_their_traceback():
    x = _core.tensor([1.0], requires_grad=True)

    def explode(upstream):
        raise KeyError("from the rule")

    (y,) = _core.custom_node([x.detach()], [x], explode)
    with pytest.raises(KeyError, match="from the rule") as caught:
        y.sum().backward()
    assert any(frame.name == "explode" for frame in traceback.extract_tb(caught.value.__traceback__))
    (y,) = _core.custom_node([x.detach()], [x], lambda upstream: [_core.tensor([1.0, 2.0])])
    with pytest.raises(_core.ShapeError, match="custom_gradient"):
        y.sum().backward()


def test_optimizer_step_changes_in_place():
    w = _core.tensor([1.0, 2.0], requires_grad=True)
    view = w.detach()
    m, v = _core.tensor([0.0, 0.0]), _core.tensor([0.0, 0.0])
    hyper = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False, "step": 1}
    _core.optimizer_step("adam", hyper, [w], [_core.tensor([0.5, -0.5])], [[m, v]], 0.1, [0.0])
    np.testing.assert_allclose(w.numpy(), [0.9, 2.1], rtol=1e-5)
    np.testing.assert_allclose(m.numpy(), [0.05, -0.05], rtol=1e-5)
    assert view.tolist() == [1, 2]
    assert w.requires_grad
    _core.optimizer_step("sgd", {"momentum": 0.0, "nesterov": False}, [w, w], [None, None], [[], []], 1.0)
    with pytest.raises(TypeError, match="beta_1"):
        _core.optimizer_step("adam", {}, [w], [w], [[m, v]], 0.1)
    with pytest.raises(ValueError, match="unknown rule"):
        _core.optimizer_step("sgdd", {}, [w], [w], [[]], 0.1)
    with pytest.raises(ValueError, match="twice"):
        _core.optimizer_step("sgd", {"momentum": 0.0, "nesterov": False}, [w, w], [m, m], [[], []], 0.1)


def test_threads():
    x = _core.tensor(np.random.default_rng(0).normal(size=(300, 300)).astype("float32"))
    expected = (x @ x).numpy()
    failures = []

    def work():
        for _ in range(10):
            if not np.array_equal((x @ x).numpy(), expected):
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    before = _core.num_threads()
    _core.set_num_threads(1)
    assert np.array_equal((x @ x).numpy(), expected)
    _core.set_num_threads(before)
    with pytest.raises(ValueError, match="at least one"):
        _core.set_num_threads(0)


def test_machine_reports():
    assert set(_core.memory_stats()) == {"allocated", "cached", "peak"}
    features = _core.cpu_features()
    assert features["isa"] in {"scalar", "neon", "avx2", "avx512"}
    names = ("avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    assert all(isinstance(features[name], bool) for name in names)


def test_random_is_a_function_of_its_key():
    a = _core.random("normal", (100,), "float32", 1, 2)
    assert a.tolist() == _core.random("normal", (100,), "float32", 1, 2).tolist()
    assert a.tolist() != _core.random("normal", (100,), "float32", 1, 3).tolist()
    dice = _core.random("integers", (1000,), "int32", 1, low=1, high=7).numpy()
    assert set(dice.tolist()) == set(range(1, 7))
    uniform = _core.random("uniform", (1000,), "float32", 1, low=-3.0, high=-2.0).numpy()
    assert uniform.min() >= -3
    assert uniform.max() <= -2
    with pytest.raises(ValueError, match="unknown distribution"):
        _core.random("weird", (1,), "float32", 1)
