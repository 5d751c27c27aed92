"""Ops on random values, shapes and dtypes beside NumPy."""

import numpy as np
from tests.ops.table import ROWS, draw, outputs

import corten
from corten import ops

TOLERANCES = {"float64": 1e-10, "float32": 2e-5}
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
PAIRS = [np.add, np.subtract, np.multiply, np.maximum, np.minimum]
RULED = [one for one in ROWS if one.result]


def shape_of(generator, most=4, largest=9):
    return tuple(int(n) for n in generator.integers(1, largest, generator.integers(0, most + 1)))


def values_of(generator, shape, dtype):
    if dtype.startswith("float"):
        return generator.uniform(-2, 2, shape).astype(dtype)
    low = 0 if dtype.startswith("u") else -9
    return generator.integers(low, 10, shape).astype(dtype)


def rows_of_the_op_table(generator, folder):
    """Ten ops with float64 values against their references."""
    for index in generator.integers(len(ROWS), size=10):
        one = ROWS[index]
        arrays = draw(one, int(generator.integers(2**31)))
        result = one.call(*map(corten.tensor, arrays), **one.kwargs)
        with np.errstate(all="ignore"):
            expected = one.reference(*arrays)
        for got, wanted in zip(outputs(result), outputs(expected), strict=True):
            got = np.asarray(ops.convert_to_numpy(got)).astype("float64")
            wanted = np.asarray(wanted, "float64")
            # Values the tests do not draw come near the edges of domains: the tolerance is wider.
            np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-7, err_msg=one.id)


def rows_in_float32(generator, folder):
    """Ten ops with float32 values give finite numbers of the shape that float64 gives."""
    for index in generator.integers(len(RULED), size=10):
        one = RULED[index]
        arrays = draw(one, int(generator.integers(2**31)))
        wide = outputs(one.call(*map(corten.tensor, arrays), **one.kwargs))
        narrow = outputs(
            one.call(
                *(corten.tensor(x.astype("float32") if x.dtype == "float64" else x) for x in arrays),
                **one.kwargs,
            )
        )
        for a, b in zip(wide, narrow, strict=True):
            assert a.shape == b.shape, one.id
            if a.dtype == "float64":
                assert (ops.isfinite(a) == ops.isfinite(b)).all(), one.id


def broadcast_pairs(generator, folder):
    """Arithmetic of two operands of any dtype whose shapes broadcast."""
    for _ in range(20):
        shape = shape_of(generator)
        other = tuple(1 if generator.random() < 0.3 else n for n in shape)[
            int(generator.integers(len(shape) + 1)) :
        ]
        dtype = str(generator.choice([*TOLERANCES, *WHOLE]))
        a, b = values_of(generator, shape, dtype), values_of(generator, other, dtype)
        function = PAIRS[generator.integers(len(PAIRS))]
        got = getattr(ops, function.__name__)(corten.tensor(a), corten.tensor(b))
        assert got.dtype == dtype
        np.testing.assert_array_equal(got.numpy(), function(a, b))


def reductions(generator, folder):
    """Sums, extremes and places of extremes along any axes."""
    for _ in range(20):
        shape = shape_of(generator, 4, 30)
        dtype = str(generator.choice([*TOLERANCES, *WHOLE]))
        x = values_of(generator, shape, dtype)
        axis = (
            int(generator.integers(-len(shape), len(shape))) if shape and generator.random() < 0.8 else None
        )
        keepdims = bool(generator.random() < 0.5)
        t = corten.tensor(x)
        for name in ("max", "min"):
            got = getattr(ops, name)(t, axis=axis, keepdims=keepdims).numpy()
            np.testing.assert_array_equal(got, getattr(np, name)(x, axis=axis, keepdims=keepdims))
        got = ops.sum(t, axis=axis, keepdims=keepdims).numpy()
        wanted = x.astype("float64").sum(axis=axis, keepdims=keepdims)
        bound = TOLERANCES.get(dtype, 0) * np.abs(x.astype("float64")).sum()
        if dtype in TOLERANCES or dtype.endswith(("32", "64")):
            np.testing.assert_allclose(got.astype("float64"), wanted, rtol=0, atol=bound)
        np.testing.assert_array_equal(ops.argmax(t, axis=axis).numpy(), np.argmax(x, axis=axis))


def products(generator, folder):
    """Matrix products of any size, stacked or not, transposed or not."""
    for _ in range(5):
        m, k, n = (int(v) for v in generator.integers(1, 150, 3))
        dtype = str(generator.choice([*TOLERANCES]))
        stack = () if generator.random() < 0.6 else (int(generator.integers(1, 4)),)
        a, b = values_of(generator, (*stack, m, k), dtype), values_of(generator, (*stack, k, n), dtype)
        left, right = corten.tensor(a), corten.tensor(b)
        if generator.random() < 0.5:
            right = ops.swapaxes(corten.tensor(np.ascontiguousarray(np.swapaxes(b, -1, -2))), -1, -2)
        wanted = a.astype("float64") @ b.astype("float64")
        tolerance = TOLERANCES[dtype] * k
        np.testing.assert_allclose((left @ right).numpy(), wanted, rtol=tolerance, atol=tolerance)


def views(generator, folder):
    """Slices, steps, masks, joins and assignments."""
    for _ in range(20):
        shape = tuple(int(n) for n in generator.integers(2, 9, generator.integers(1, 4)))
        x = values_of(generator, shape, str(generator.choice([*TOLERANCES, *WHOLE])))
        t = corten.tensor(x)
        key = []
        for n in shape:
            start, step = int(generator.integers(n)), int(generator.choice([-2, -1, 1, 2]))
            key.append(slice(start, None, step) if generator.random() < 0.7 else start)
        key = tuple(key)
        np.testing.assert_array_equal(t[key].numpy(), x[key])
        np.testing.assert_array_equal(t[t > 0].numpy(), x[x > 0])
        changed, y = t.copy(), x.copy()
        changed[key], y[key] = 1, 1
        np.testing.assert_array_equal(changed.numpy(), y)
        np.testing.assert_array_equal(t.numpy(), x)
        both = ops.concatenate([t, t[::-1]], axis=0)
        np.testing.assert_array_equal(both.numpy(), np.concatenate([x, x[::-1]]))


def borrowed_memory(generator, folder):
    """Arrays that share memory with tensors stay right when their owners go."""
    x = generator.random((int(generator.integers(1, 400)), 33)).astype("float32")
    t = corten.tensor(x)
    view = t.numpy()
    shared = np.from_dlpack(t)
    back = corten.tensor(np.asarray(shared))
    del t
    np.testing.assert_array_equal(view, x)
    np.testing.assert_array_equal(shared, x)
    np.testing.assert_array_equal(back.numpy(), x)


def gradients(generator, folder):
    """First and second derivatives of a function known by hand, and a product of matrices."""
    x = generator.uniform(0.5, 2, (int(generator.integers(1, 60)),))
    t = corten.tensor(x, requires_grad=True)
    with corten.GradientTape() as outer:
        outer.watch(t)
        with corten.GradientTape() as inner:
            inner.watch(t)
            y = ops.sum(ops.sin(t) * t * t)
        first = inner.gradient(y, t)
        total = ops.sum(first)
    second = outer.gradient(total, t)
    np.testing.assert_allclose(first.numpy(), np.cos(x) * x * x + 2 * x * np.sin(x), rtol=1e-10, atol=1e-10)
    wanted = -np.sin(x) * x * x + 4 * x * np.cos(x) + 2 * np.sin(x)
    np.testing.assert_allclose(second.numpy(), wanted, rtol=1e-10, atol=1e-10)
    a, b = generator.random((5, 7)), generator.random((7, 3))
    left = corten.tensor(a, requires_grad=True)
    ops.sum(ops.matmul(left, corten.tensor(b))).backward()
    np.testing.assert_allclose(left.grad.numpy(), np.ones((5, 3)) @ b.T, rtol=1e-12)


def own_gradients(generator, folder):
    """A function with a gradient of its own, and one that is computed again for the gradient."""
    x = generator.uniform(-2, 2, (int(generator.integers(1, 200)),))

    @ops.custom_gradient
    def squashed(value):
        y = ops.sigmoid(value)
        return y, lambda upstream: upstream * y * (1 - y)

    t = corten.tensor(x, requires_grad=True)
    ops.sum(squashed(t)).backward()
    y = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(t.grad.numpy(), y * (1 - y), rtol=1e-10)
    t = corten.tensor(x, requires_grad=True)
    ops.sum(corten.remat(lambda value: ops.sin(value) * value)(t)).backward()
    np.testing.assert_allclose(t.grad.numpy(), np.cos(x) * x + np.sin(x), rtol=1e-10, atol=1e-12)


JOBS = [
    rows_of_the_op_table,
    rows_in_float32,
    broadcast_pairs,
    reductions,
    products,
    views,
    borrowed_memory,
    gradients,
    own_gradients,
]
