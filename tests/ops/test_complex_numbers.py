"""Functions that give or take complex numbers."""

import numpy as np
import pytest

import corten
from corten import ops


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_eigenvectors_are_stretched_by_eigenvalues(dtype):
    generator = np.random.default_rng(5)
    matrix = generator.normal(size=(2, 4, 4)).astype(dtype)
    if dtype.startswith("complex"):
        matrix = matrix + 1j * generator.normal(size=matrix.shape).astype(matrix.real.dtype)
    values, vectors = (ops.convert_to_numpy(part) for part in ops.eig(matrix))
    wide = dtype in ("float64", "complex128")
    assert values.dtype == vectors.dtype == ("complex128" if wide else "complex64")
    np.testing.assert_allclose(matrix @ vectors, vectors * values[:, None], atol=1e-12 if wide else 1e-4)


def test_a_rotation_has_imaginary_eigenvalues():
    values, _ = ops.linalg.eig([[0, -1], [1, 0]])
    assert sorted(values.numpy().imag.round(6).tolist()) == [-1.0, 1.0]


def test_symbolic_shapes_and_dtypes():
    values, vectors = ops.eig(corten.KerasTensor((None, 3, 3)))
    assert (values.shape, vectors.shape) == ((None, 3), (None, 3, 3))
    assert values.dtype == vectors.dtype == "complex64"
    real = ops.view_as_real(corten.KerasTensor((None, 5), dtype="complex128"))
    assert (real.shape, real.dtype) == ((None, 5, 2), "float64")
    assert ops.polar(corten.KerasTensor((None,)), 1.0).dtype == "complex64"


def test_a_functional_model_with_complex_numbers_inside():
    x = corten.Input((2,))
    model = corten.Model(x, ops.view_as_real(ops.view_as_complex(x)))
    np.testing.assert_array_equal(model.predict(np.eye(2, dtype="float32"), verbose=0), np.eye(2))


def test_gradients_flow_through_polar():
    radius, angle = corten.tensor([2.0]), corten.tensor([0.5])
    radius.requires_grad = angle.requires_grad = True
    ops.sum(ops.polar(radius, angle).real).backward()
    assert radius.grad.item() == pytest.approx(np.cos(0.5))
    assert angle.grad.item() == pytest.approx(-2 * np.sin(0.5))


def test_errors():
    with pytest.raises(ValueError, match="Last dimension of input must be size 2"):
        ops.view_as_complex(np.ones(3))
    with pytest.raises(ValueError, match="square"):
        ops.eig(np.ones((2, 3)))
    matrix = corten.tensor([[1.0, 2.0], [3.0, 4.0]])
    matrix.requires_grad = True
    with pytest.raises(NotImplementedError, match="gradient"):
        ops.eig(matrix)
    with pytest.raises((TypeError, ValueError), match="complex64"):
        ops.zeros((2,), dtype="complex64")
