"""The array API namespace: values against NumPy, whose main namespace follows the same standard."""

import inspect
import math

import numpy as np
import pytest

import corten
from corten import array_api as xp

rng = np.random.default_rng(0)
REAL = rng.normal(size=(2, 3)).astype(np.float32)
COMPLEX = (rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))).astype(np.complex64)
SQUARE = rng.normal(size=(2, 3, 3))

SAME_NAME = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "conj", "cos", "cosh", "exp",
    "expm1", "floor", "imag", "isfinite", "isinf", "isnan", "log", "log1p", "log2", "log10", "negative",
    "positive", "real", "reciprocal", "round", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan",
    "tanh", "trunc",
]  # fmt: skip
ONLY_REAL = {"ceil", "floor", "trunc", "signbit"}
PAIRS = ["add", "subtract", "multiply", "divide", "pow", "equal", "not_equal"]
REAL_PAIRS = [
    "atan2", "copysign", "floor_divide", "hypot", "less", "less_equal", "greater", "greater_equal",
    "logaddexp", "maximum", "minimum", "nextafter", "remainder",
]  # fmt: skip


def close(result, expected, tolerance=1e-5):
    assert tuple(result.shape) == np.shape(expected)
    assert np.dtype(result.dtype) == np.asarray(expected).dtype
    np.testing.assert_allclose(np.asarray(result), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", SAME_NAME)
@pytest.mark.parametrize("values", [REAL / 4, COMPLEX], ids=["real", "complex"])
def test_functions_of_one_array(name, values):
    if values.dtype.kind == "c" and name in ONLY_REAL:
        with pytest.raises(TypeError, match=name):
            getattr(xp, name)(xp.asarray(values))
        return
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(values)
    close(getattr(xp, name)(xp.asarray(values)), expected)


@pytest.mark.parametrize("name", PAIRS + REAL_PAIRS)
def test_functions_of_two_arrays(name):
    a, b = np.abs(REAL) + 1, np.abs(REAL[::-1]) + 2
    close(getattr(xp, name)(xp.asarray(a), xp.asarray(b)), getattr(np, name)(a, b))
    if name in PAIRS:
        a, b = COMPLEX, COMPLEX[::-1].copy()
        close(getattr(xp, name)(xp.asarray(a), xp.asarray(b)), getattr(np, name)(a, b), 1e-4)
    else:
        with pytest.raises(TypeError, match=name):
            getattr(xp, name)(xp.asarray(COMPLEX), xp.asarray(COMPLEX))


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift"])
def test_bits(name):
    a, b = np.array([1, 6, 7], np.int16), np.array([3, 2, 1], np.int16)
    close(getattr(xp, name)(xp.asarray(a), xp.asarray(b)), getattr(np, name)(a, b))


def test_integers_stay_integers():
    x = xp.asarray([1, -2], dtype=xp.int8)
    for name in ("ceil", "floor", "trunc", "round", "abs", "square", "negative", "sign"):
        assert getattr(xp, name)(x).dtype == xp.int8, name
    assert xp.sum(x).dtype == xp.int32
    assert xp.sum(xp.asarray([1], dtype=xp.uint8)).dtype == xp.uint32
    assert xp.prod(xp.asarray([1], dtype=xp.int64)).dtype == xp.int64
    assert xp.clip(x, 0, None).tolist() == [1, 0]


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min", "std", "var"])
@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": (0, 1), "keepdims": True}])
def test_reductions(name, options):
    close(getattr(xp, name)(xp.asarray(REAL), **options), getattr(np, name)(REAL, **options))


def test_variance_with_a_correction():
    close(xp.var(xp.asarray(REAL), axis=1, correction=1), np.var(REAL, axis=1, ddof=1))
    assert math.isnan(xp.var(xp.asarray([1.0]), correction=1).item())


def test_running_sums():
    x = np.arange(6, dtype=np.float32).reshape(2, 3) + 1
    ours = xp.cumulative_sum(xp.asarray(x), axis=1, include_initial=True)
    close(ours, np.cumulative_sum(x, axis=1, include_initial=True))
    close(xp.cumulative_prod(xp.asarray(x), axis=0), np.cumprod(x, axis=0))
    with pytest.raises(ValueError, match="axis must be given"):
        xp.cumulative_sum(xp.asarray(x))


def test_dtypes():
    assert xp.result_type(xp.int8, xp.uint8) == "int16"
    assert xp.result_type(xp.float32, 1j) == "complex64"
    assert xp.result_type(xp.complex64, xp.float64) == "complex128"
    assert xp.isdtype(xp.float32, ("integral", "real floating"))
    assert not xp.isdtype(xp.bool, "numeric")
    assert xp.isdtype(np.dtype("int16"), "signed integer")
    with pytest.raises(ValueError, match="unknown kind"):
        xp.isdtype(xp.int8, "whole")
    assert xp.can_cast(xp.int32, xp.int64)
    assert not xp.can_cast(xp.int32, xp.float64)
    assert xp.finfo(xp.complex128).eps == np.finfo(np.float64).eps
    assert xp.iinfo(xp.asarray([1], dtype=xp.uint16)).max == 65535
    with pytest.raises(TypeError, match="iinfo"):
        xp.iinfo(xp.float32)


def test_asarray():
    assert xp.asarray(3).dtype == "int32"
    assert xp.asarray([1.5, 2]).dtype == "float32"
    assert xp.asarray(np.arange(3.0)).dtype == "float64"
    assert xp.asarray(np.float64(1.5)).dtype == "float64"
    assert xp.asarray([np.float64(1.5), 1]).dtype == "float64"
    assert xp.asarray(2**63, dtype=xp.uint64).item() == 2**63
    assert xp.asarray([xp.asarray(1, dtype=xp.int8), xp.asarray(2, dtype=xp.int8)]).dtype == "int8"
    x = xp.ones(3)
    assert xp.asarray(x) is x
    assert xp.asarray(x, copy=True) is not x
    with pytest.raises(OverflowError, match="300 does not fit into uint8"):
        xp.asarray([300], dtype=xp.uint8)
    with pytest.raises(ValueError, match="without a copy"):
        xp.asarray([1], copy=False)
    with pytest.raises(ValueError, match="unknown device"):
        xp.asarray(1, device="cuda")


def test_creation():
    close(xp.arange(5, 1, -2), np.arange(5, 1, -2, dtype=np.int32))
    close(xp.arange(0.0, 1.0, 0.25), np.arange(0, 1, 0.25, dtype=np.float32))
    close(xp.linspace(0, 1, 5, endpoint=False), np.linspace(0, 1, 5, endpoint=False, dtype=np.float32))
    close(xp.eye(2, 3, k=1, dtype=xp.int16), np.eye(2, 3, k=1, dtype=np.int16))
    close(xp.full((2,), 1j), np.full((2,), 1j, np.complex64))
    close(xp.tril(xp.asarray(COMPLEX), k=-1), np.tril(COMPLEX, -1))
    one, other = xp.meshgrid(xp.arange(2), xp.arange(3), indexing="ij")
    assert one.shape == other.shape == (2, 3)
    assert xp.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]
    assert np.from_dlpack(xp.arange(3)).tolist() == [0, 1, 2]


def test_shapes_and_joining():
    x = xp.asarray(COMPLEX)
    close(xp.concat([x, xp.asarray(REAL)], axis=1), np.concat([COMPLEX, REAL], axis=1))
    close(xp.stack([x, x], axis=-1), np.stack([COMPLEX, COMPLEX], axis=-1))
    close(xp.flip(x, axis=1), np.flip(COMPLEX, 1))
    close(xp.roll(x, (1, 1), axis=(0, 1)), np.roll(COMPLEX, (1, 1), axis=(0, 1)))
    close(xp.repeat(x, xp.asarray([1, 0, 2]), axis=1), np.repeat(COMPLEX, [1, 0, 2], axis=1))
    close(xp.tile(x, (2, 1)), np.tile(COMPLEX, (2, 1)))
    close(xp.diff(x, axis=1, prepend=x[:, :1]), np.diff(COMPLEX, axis=1, prepend=COMPLEX[:, :1]))
    assert len(xp.unstack(x, axis=1)) == 3
    with pytest.raises(IndexError, match="expand_dims"):
        xp.expand_dims(x, axis=5)
    with pytest.raises(ValueError, match="at least one"):
        xp.stack([])


def test_searching_and_sets():
    x = np.array([3, 1, 2, 3], np.int32)
    assert xp.argsort(xp.asarray(x), descending=True).tolist() == [0, 3, 2, 1]
    assert xp.sort(xp.asarray(x)).tolist() == [1, 2, 3, 3]
    assert xp.searchsorted(
        xp.asarray([2, 1, 3]), xp.asarray([2, 4]), sorter=xp.asarray([1, 0, 2])
    ).tolist() == [1, 3]
    assert [one.tolist() for one in xp.unique_all(xp.asarray(x))] == [
        [1, 2, 3],
        [1, 2, 0],
        [2, 0, 1, 2],
        [1, 1, 2],
    ]
    assert xp.unique_values(xp.asarray([math.nan, math.nan])).shape == (2,)
    assert xp.take(xp.asarray(x), xp.asarray([0, 1])).tolist() == [3, 1]
    assert xp.where(xp.asarray([True, False]), xp.asarray([1, 2]), 5).tolist() == [1, 5]
    assert xp.nonzero(xp.asarray(COMPLEX) * 0)[0].shape == (0,)


@pytest.mark.parametrize("values", [SQUARE, SQUARE + 1j * SQUARE[::-1]], ids=["real", "complex"])
def test_linear_algebra(values):
    x = xp.asarray(values)
    hermitian = values @ np.conj(values.swapaxes(-1, -2)) + np.eye(3)
    linalg = xp.linalg
    close(linalg.det(x), np.linalg.det(values))
    close(linalg.inv(x), np.linalg.inv(values), 1e-8)
    close(linalg.solve(x, x[0, :, 0]), np.linalg.solve(values, values[0, :, 0]), 1e-8)
    close(linalg.matrix_power(x, -2), np.linalg.matrix_power(values, -2), 1e-6)
    close(linalg.cholesky(xp.asarray(hermitian), upper=True), np.linalg.cholesky(hermitian, upper=True))
    close(linalg.eigh(xp.asarray(hermitian)).eigenvalues, np.linalg.eigh(hermitian).eigenvalues)
    left, values_, right = linalg.svd(x)
    close((left * values_[:, None, :]) @ right, values, 1e-8)
    q, r = linalg.qr(x)
    close(q @ r, values, 1e-8)
    close(linalg.pinv(x[..., :2]), np.linalg.pinv(values[..., :2]), 1e-8)
    assert linalg.matrix_rank(x).tolist() == [3, 3]
    for order in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        close(linalg.matrix_norm(x, ord=order), np.linalg.matrix_norm(values, ord=order))
    for order in (0, 1, 2, 3.5, math.inf, -math.inf):
        close(linalg.vector_norm(x, axis=1, ord=order), np.linalg.vector_norm(values, axis=1, ord=order))
    close(linalg.vecdot(x, x), np.linalg.vecdot(values, values))
    close(linalg.trace(x, offset=1), np.linalg.trace(values, offset=1))
    close(linalg.outer(x[0, 0], x[0, 1]), np.linalg.outer(values[0, 0], values[0, 1]))
    close(linalg.cross(x[0], x[1]), np.linalg.cross(values[0], values[1]))
    close(xp.tensordot(x, x, axes=((0, 1), (0, 2))), np.tensordot(values, values, axes=((0, 1), (0, 2))))


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [None, 2, 4, 5])
def test_fourier(norm, n):
    options = {"axis": 1, "norm": norm, "n": n}
    z, x = COMPLEX.astype(np.complex128), REAL.astype(np.float64)
    for name in ("fft", "ifft", "irfft", "hfft"):
        close(getattr(xp.fft, name)(xp.asarray(z), **options), getattr(np.fft, name)(z, **options), 1e-9)
    for name in ("rfft", "ihfft"):
        close(getattr(xp.fft, name)(xp.asarray(x), **options), getattr(np.fft, name)(x, **options), 1e-9)


@pytest.mark.parametrize("name", ["fft", "irfft", "hfft"])
def test_fourier_of_nothing(name):
    with pytest.raises(ValueError, match="at least one number"):
        getattr(xp.fft, name)(xp.asarray(COMPLEX), n=0)


def test_fourier_over_axes():
    z, x = rng.normal(size=(2, 3, 4)) + 1j, rng.normal(size=(2, 3, 4))
    close(xp.fft.fftn(xp.asarray(z), s=(4, 2), axes=(0, 2)), np.fft.fftn(z, s=(4, 2), axes=(0, 2)), 1e-9)
    close(xp.fft.ifftn(xp.asarray(z)), np.fft.ifftn(z), 1e-9)
    close(xp.fft.rfftn(xp.asarray(x)), np.fft.rfftn(x), 1e-9)
    close(xp.fft.irfftn(xp.asarray(z)), np.fft.irfftn(z), 1e-9)
    close(xp.fft.fftshift(xp.asarray(x), axes=(1,)), np.fft.fftshift(x, axes=(1,)))
    close(xp.fft.ifftshift(xp.asarray(x)), np.fft.ifftshift(x))
    with pytest.raises(ValueError, match="norm must be"):
        xp.fft.fft(xp.asarray(z), norm="none")
    with pytest.raises(TypeError, match="expected real numbers"):
        xp.fft.rfft(xp.asarray(z))


def test_information():
    info = xp.__array_namespace_info__()
    assert info.default_device() in info.devices()
    assert info.default_dtypes()["real floating"] == "float32"
    assert set(info.dtypes(kind="complex floating")) == {"complex64", "complex128"}
    assert xp.namespace_of_version("2022.12") is xp
    with pytest.raises(ValueError, match="not known"):
        xp.namespace_of_version("2031.12")


def test_functions_take_their_arguments_as_the_standard_says():
    kinds = {name: one.kind for name, one in inspect.signature(xp.sum).parameters.items()}
    assert kinds["x"] is inspect.Parameter.POSITIONAL_ONLY
    assert kinds["axis"] is kinds["keepdims"] is inspect.Parameter.KEYWORD_ONLY


def test_gradients_pass_through():
    def loss(x):
        return xp.linalg.vector_norm(xp.fft.rfft(x).real * xp.cumulative_sum(x)[:3])

    x = corten.tensor([1.0, 2.0, 3.0, 4.0])
    gradient = corten.grad(loss)(x)
    steps = np.eye(4, dtype=np.float32) * 1e-2
    slopes = [(loss(x + step).item() - loss(x - step).item()) / 2e-2 for step in steps]
    np.testing.assert_allclose(np.asarray(gradient), slopes, rtol=1e-2)
