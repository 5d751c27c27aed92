"""Gradients: functions of functions, tapes, custom gradients, recomputation."""

import numpy as np
import pytest

import corten
from corten import ops


def tensor(values, dtype="float64"):
    return corten.tensor(np.asarray(values), dtype=dtype)


def check(actual, expected):
    np.testing.assert_allclose(np.asarray(actual.numpy()), expected, rtol=1e-6, atol=1e-8)


# ---- grad --------------------------------------------------------------------------------------


def test_grad_of_a_scalar_function():
    check(corten.grad(lambda x: (x**3).sum())(tensor([1.0, 2.0])), [3, 12])


def test_higher_orders():
    f = lambda x: x**5  # noqa: E731
    x = 1.5
    expected = [5 * x**4, 20 * x**3, 60 * x**2, 120 * x]
    for value in expected:
        f = corten.grad(f)
        check(f(tensor(x)), value)


def test_inner_and_outer_variables_are_told_apart():
    # d/dx [x * d/dy (x * y) at y = x] = d/dx [x * x] = 2x
    result = corten.grad(lambda x: x * corten.grad(lambda y: x * y)(x))(tensor(3.0))
    check(result, 6)


def test_argnums_and_aux():
    def f(a, b, scale):
        return (a * b).sum() * scale, {"b": b}

    (value, aux), (da, db) = corten.value_and_grad(f, argnums=(0, 1), has_aux=True)(
        tensor([1.0, 2.0]), tensor([3.0, 4.0]), 2.0
    )
    check(value, 22)
    check(aux["b"], [3, 4])
    check(da, [6, 8])
    check(db, [2, 4])
    gradient, aux = corten.grad(f, has_aux=True)(tensor([1.0]), tensor([3.0]), 1.0)
    check(gradient, [3])
    with pytest.raises(ValueError, match="argnums"):
        corten.grad(f, argnums=5)(tensor(1.0))


def test_structures():
    params = {"w": tensor([2.0]), "b": [tensor([1.0])]}
    gradient = corten.grad(lambda p: (p["w"] ** 2 + 3 * p["b"][0]).sum())(params)
    check(gradient["w"], [4])
    check(gradient["b"][0], [3])


def test_variables():
    v = corten.Variable([2.0])
    frozen = corten.Variable([3.0], trainable=False)
    gradient = corten.grad(lambda vs: (vs[0] * vs[1]).sum())([v, frozen])
    check(gradient[0], [3])
    check(gradient[1], [2])
    assert not frozen.value.requires_grad


def test_an_argument_without_effect_has_a_zero_gradient():
    check(corten.grad(lambda a, b: a.sum(), argnums=1)(tensor([1.0]), tensor([2.0, 3.0])), [0, 0])


def test_grad_needs_scalars_and_floats():
    with pytest.raises(ValueError, match="must return a scalar"):
        corten.grad(lambda x: x)(tensor([1.0, 2.0]))
    with pytest.raises(TypeError, match="must be floats"):
        corten.grad(lambda x: x.sum())(corten.tensor([1, 2]))


def test_grad_works_inside_no_grad():
    with corten.no_grad():
        check(corten.grad(lambda x: x * x)(tensor(3.0)), 6)


def test_results_carry_no_history():
    value, gradient = corten.value_and_grad(lambda x: x * x)(tensor(3.0))
    assert not value.requires_grad
    assert not gradient.requires_grad


# ---- vjp, jvp, Jacobians -----------------------------------------------------------------------


def test_vjp():
    y, pull = corten.vjp(lambda a, b: {"p": a * b, "s": a + b}, tensor([1.0, 2.0]), tensor([3.0, 4.0]))
    check(y["p"], [3, 8])
    da, db = pull({"p": tensor([1.0, 0.0]), "s": tensor([0.0, 1.0])})
    check(da, [3, 1])
    check(db, [1, 1])
    with pytest.raises(ValueError, match="cotangent"):
        pull(tensor([1.0, 2.0]))


def test_jvp_matches_the_jacobian():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=4), rng.normal(size=4)

    def f(x):
        return ops.stack([ops.sum(ops.sin(x)), ops.prod(x)])

    y, tangent = corten.jvp(f, (tensor(x),), (tensor(t),))
    jacobian = corten.jacobian(f)(tensor(x)).numpy()
    np.testing.assert_allclose(y.numpy(), [np.sin(x).sum(), x.prod()])
    np.testing.assert_allclose(tangent.numpy(), jacobian @ t)
    np.testing.assert_allclose(jacobian[0], np.cos(x))


def test_jvp_of_a_function_that_ignores_its_input():
    _, tangent = corten.jvp(lambda x: tensor([1.0]), (tensor([2.0]),), (tensor([1.0]),))
    check(tangent, [0])


def test_jvp_checks_its_arguments():
    with pytest.raises(ValueError, match="shapes"):
        corten.jvp(lambda x: x, (tensor([1.0]),), (tensor([1.0, 2.0]),))
    with pytest.raises(TypeError, match="tuples"):
        corten.jvp(lambda x: x, tensor([1.0]), tensor([1.0]))


def test_jacobian_shapes():
    x = tensor(np.ones((2, 3)))
    assert corten.jacobian(lambda x: x.sum(axis=0))(x).shape == (3, 2, 3)
    assert corten.jacobian(lambda x: x.sum())(x).shape == (2, 3)


def test_hessian_and_hvp():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(3, 3))
    x, v = rng.normal(size=3), rng.normal(size=3)
    matrix = tensor(a)

    def f(x):
        return ops.sum(x * ops.matmul(matrix, x)) + ops.sum(x**3)

    expected = a + a.T + np.diag(6 * x)
    np.testing.assert_allclose(corten.hessian(f)(tensor(x)).numpy(), expected)
    np.testing.assert_allclose(corten.hvp(f, (tensor(x),), (tensor(v),)).numpy(), expected @ v)


# ---- tapes -------------------------------------------------------------------------------------


def test_tape_with_variables_and_structures():
    v, w = corten.Variable([1.0]), corten.Variable([2.0])
    with corten.GradientTape() as tape:
        y = (v * w).sum()
    gradient = tape.gradient(y, {"v": v, "w": [w]})
    check(gradient["v"], [2])
    check(gradient["w"][0], [1])


def test_a_tape_is_used_once_unless_persistent():
    v = corten.Variable(3.0)
    with corten.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="non-persistent"):
        tape.gradient(y, v)
    with corten.GradientTape(persistent=True) as tape:
        y, z = v * v, v * 5
    check(tape.gradient(y, v), 6)
    check(tape.gradient(z, v), 5)


def test_watch():
    x = tensor([1.0, 2.0])
    with corten.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    check(tape.gradient(y, x), [2, 4])
    with pytest.raises(TypeError, match="floats"):
        corten.GradientTape().watch(corten.tensor([1]))
    with pytest.raises(TypeError, match="tensors"):
        corten.GradientTape().watch(3.0)


def test_watch_accessed_variables_off():
    v, w = corten.Variable(1.0), corten.Variable(2.0)
    with corten.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        y = v * w
    dv, dw = tape.gradient(y, [v, w])
    assert dv is None
    check(dw, 1)


def test_unconnected_gradients():
    v, w = corten.Variable(1.0), corten.Variable([2.0, 3.0])
    with corten.GradientTape(persistent=True) as tape:
        y = v * 2
    assert tape.gradient(y, w) is None
    check(tape.gradient(y, w, unconnected_gradients="zero"), [0, 0])
    with pytest.raises(ValueError, match="unconnected"):
        tape.gradient(y, w, unconnected_gradients="one")


def test_output_gradients_and_several_targets():
    v = corten.Variable([1.0, 2.0])
    with corten.GradientTape(persistent=True) as tape:
        y = v * v
        z = v * 3
    check(tape.gradient(y, v, output_gradients=tensor([1.0, 10.0], "float32")), [2, 40])
    check(tape.gradient([y, z], v), [5, 7])


def test_nested_tapes():
    x = corten.Variable(3.0)
    with corten.GradientTape() as outer:
        with corten.GradientTape() as inner:
            y = x**3
        first = inner.gradient(y, x)
    check(first, 27)
    check(outer.gradient(first, x), 18)


def test_gradient_penalty():
    w = corten.Variable([2.0])
    x = tensor([3.0], "float32")
    with corten.GradientTape() as tape:
        with corten.GradientTape() as inner:
            inner.watch(x)
            y = (w * x * x).sum()
        penalty = (inner.gradient(y, x) ** 2).sum()  # (2 w x)^2
    check(tape.gradient(penalty, w), [8 * 2 * 9])


def test_assignment_under_the_tape():
    v = corten.Variable(2.0)
    with corten.GradientTape() as tape:
        y = v * v
        v.assign(10.0)
        y = y + v
    check(tape.gradient(y, v), 5)


def test_stop_recording():
    v = corten.Variable(2.0)
    with corten.GradientTape() as tape:
        y = v * v
        with tape.stop_recording():
            z = v * 100
        y = y + z
    check(tape.gradient(y, v), 4)


def test_tape_jacobians():
    v = corten.Variable([[1.0, 2.0], [3.0, 4.0]])
    with corten.GradientTape(persistent=True) as tape:
        y = v * v
    full = tape.jacobian(y, v).numpy()
    assert full.shape == (2, 2, 2, 2)
    rows = tape.batch_jacobian(y, v).numpy()
    np.testing.assert_allclose(rows[0], np.diag([2, 4]))
    np.testing.assert_allclose(rows[1], full[1][:, 1])


def test_watched_variables():
    v, w = corten.Variable(1.0), corten.Variable(1.0, trainable=False)
    with corten.GradientTape() as tape:
        _ = v * w
    assert [u is v for u in tape.watched_variables()] == [True]


def test_a_model_under_a_tape():
    model = corten.Sequential([corten.Input((3,)), corten.layers.Dense(2)])
    x = np.ones((4, 3), "float32")
    with corten.GradientTape() as tape:
        loss = ops.sum(model(x))
    kernel, bias = tape.gradient(loss, model.trainable_variables)
    check(kernel, np.full((3, 2), 4))
    check(bias, [4, 4])


# ---- own gradients -----------------------------------------------------------------------------


def test_stop_gradient():
    v = corten.Variable([2.0])
    with corten.GradientTape() as tape:
        y = v * corten.stop_gradient(v)
    check(tape.gradient(y, v), [2])
    result = corten.stop_gradient({"a": v, "b": [1.0]})
    assert not result["a"].requires_grad


def test_custom_gradient_several_arguments_and_outputs():
    @corten.custom_gradient
    def f(a, b):
        def grad(da, db):
            return da * 10, db * 100

        return (a * 1, b * 1), grad

    def total(a, b):
        p, q = f(a, b)
        return (p + q).sum()

    da, db = corten.grad(total, argnums=(0, 1))(tensor([1.0]), tensor([2.0]))
    check(da, [10])
    check(db, [100])


def test_custom_gradient_second_order():
    @corten.custom_gradient
    def square(x):
        return x * x, lambda upstream: upstream * 2 * x

    check(corten.grad(corten.grad(lambda x: square(x) * x))(tensor(2.0)), 12)


def test_custom_gradient_keras_form():
    @corten.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def grad(*args, upstream=None):
            if upstream is None:
                (upstream,) = args
            return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

        return ops.log(1 + e), grad

    check(corten.grad(log1pexp)(tensor(100.0)), 1.0)


def test_custom_gradient_with_variables():
    v = corten.Variable(3.0)

    @corten.custom_gradient
    def f(x):
        def grad(upstream, variables):
            return upstream * v, [upstream * 7 for _ in variables]

        return x * v, grad

    x = tensor(2.0, "float32")
    with corten.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    dx, dv = tape.gradient(y, [x, v])
    check(dx, 3)
    check(dv, 7)


def test_custom_gradient_checks():
    with pytest.raises(TypeError, match="grad_fn"):
        corten.custom_gradient(lambda x: x)(tensor(1.0))
    bad = corten.custom_gradient(lambda x, y: (x * y, lambda u: u))
    with pytest.raises(ValueError, match="2 gradient"):
        corten.grad(bad)(tensor(1.0), tensor(2.0))


def test_custom_gradient_symbolic():
    f = corten.custom_gradient(lambda x: (x * 2, lambda u: u))
    x = corten.Input((3,))
    model = corten.Model(x, f(x))
    check(model(np.ones((1, 3), "float32")), [[2, 2, 2]])


# ---- remat -------------------------------------------------------------------------------------


def test_remat_gives_the_same_gradients():
    calls = []

    def f(x, w):
        calls.append(1)
        return ops.sum(ops.sin(x * w) ** 2)

    x, w = tensor([1.0, 2.0]), tensor([0.5, 3.0])
    expected = corten.grad(f, (0, 1))(x, w)
    calls.clear()
    actual = corten.grad(corten.remat(f), (0, 1))(x, w)
    assert len(calls) == 2
    for a, b in zip(actual, expected, strict=True):
        check(a, b.numpy())


def test_remat_second_order():
    f = corten.remat(lambda x: x**4)
    check(corten.grad(corten.grad(f))(tensor(2.0)), 48)


def test_remat_finds_the_variables_of_a_layer():
    layer = corten.layers.Dense(2, activation="tanh")
    x = np.ones((3, 4), "float32")
    layer(x)
    wrapped = corten.remat(layer)
    with corten.GradientTape(persistent=True) as tape:
        plain, again = ops.sum(layer(x)), ops.sum(wrapped(x))
    for a, b in zip(
        tape.gradient(plain, layer.trainable_variables),
        tape.gradient(again, layer.trainable_variables),
        strict=True,
    ):
        check(b, a.numpy())


def test_remat_repeats_random_numbers_and_updates_once():
    dropout = corten.layers.Dropout(0.5, seed=3)
    norm = corten.layers.BatchNormalization(momentum=0.5)
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    norm(x)

    def block(inputs):
        return dropout(norm(inputs, training=True), training=True)

    v = corten.Variable(x)
    before = norm.moving_mean.numpy().copy()
    with corten.GradientTape() as tape:
        y = corten.remat(block)(v)
        loss = ops.sum(y * y)
    dropped = y.numpy() == 0
    moved = norm.moving_mean.numpy().copy()
    gradient_of_gamma = tape.gradient(loss, norm.gamma)
    assert 0.3 < dropped.mean() < 0.7
    np.testing.assert_allclose(norm.moving_mean.numpy(), moved)
    assert not np.allclose(moved, before)
    # sum(y^2) is quadratic in gamma where beta is zero: d/dgamma = 2 * sum(y^2) / gamma.
    np.testing.assert_allclose(gradient_of_gamma.numpy(), 2 * (y.numpy() ** 2).sum(0), rtol=1e-4)


def test_no_grad_as_a_decorator():
    v = corten.Variable(1.0)
    assert not corten.no_grad()(lambda: v * 2)().requires_grad
    assert (v * 2).requires_grad
