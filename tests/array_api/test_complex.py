"""Complex numbers as pairs of tensors."""

import numpy as np
import pytest

import corten
from corten.complex_tensor import ComplexTensor, is_complex

A = np.array([1 + 2j, -3 + 0.5j, 0 + 1j], np.complex64)
B = np.array([2 - 1j, 0.25 + 4j, -2 + 0j], np.complex64)


def test_description():
    z = ComplexTensor.of(A)
    assert (z.dtype, z.shape, z.ndim, z.size, z.itemsize, z.nbytes) == ("complex64", (3,), 1, 3, 8, 24)
    assert ComplexTensor.of(A.astype(np.complex128)).dtype == "complex128"
    assert repr(z).startswith("ComplexTensor([ 1.+2.j")
    assert is_complex(z)
    assert not is_complex(z.real)
    np.testing.assert_array_equal(np.asarray(z), A)


@pytest.mark.parametrize("operate", [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b,
    lambda a, b: 2 * a - 1j, lambda a, b: 1 / a, lambda a, b: -a, lambda a, b: abs(a), lambda a, b: a @ b,
    lambda a, b: a == b, lambda a, b: a != b, lambda a, b: a[1:], lambda a, b: a.T, lambda a, b: a.conj(),
    lambda a, b: 2.0 ** a,
])  # fmt: skip
def test_operators(operate):
    result = operate(ComplexTensor.of(A), ComplexTensor.of(B))
    np.testing.assert_allclose(np.asarray(result), operate(A, B), rtol=1e-5, atol=1e-6)


def test_division_does_not_overflow_on_the_way():
    z = ComplexTensor.of(np.array([1e38 + 1e38j], np.complex64))
    np.testing.assert_allclose(np.asarray(z / z), [1.0], rtol=1e-6)


def test_assignment_and_conversion():
    z = ComplexTensor.of(A)
    z[0] = 5j
    assert z[0].item() == 5j
    assert complex(z[0]) == 5j
    assert [one.item() for one in z] == z.tolist()
    with pytest.raises(TypeError, match="cannot become 'float32'"):
        z.astype("float32")
    with pytest.raises(TypeError):
        float(z[0])


def test_assignment_leaves_numbers_with_the_same_parts_alone():
    real = corten.tensor([1.0, 2.0])
    z = ComplexTensor(real, corten.tensor([3.0, 4.0]))
    before = z.conj()
    z[0] = 5j
    assert real.tolist() == [1.0, 2.0]
    assert before.tolist() == [1 - 3j, 2 - 4j]
    assert z.tolist() == [5j, 2 + 4j]


def test_gradients_with_respect_to_the_parts():
    def loss(real, imag):
        z = ComplexTensor(real, imag)
        return abs(z * z / (z + 1)).sum()

    real, imag = corten.tensor([1.0, 2.0]), corten.tensor([0.5, -1.0])
    gradient = corten.grad(loss)(real, imag)
    step = corten.tensor([1e-2, 0.0])
    slope = (loss(real + step, imag) - loss(real - step, imag)).item() / 2e-2
    assert gradient[0].item() == pytest.approx(slope, rel=1e-2)


def test_functions_without_a_gradient_say_so():
    def loss(real):
        return corten.array_api.exp(ComplexTensor(real)).real.sum()

    with pytest.raises(NotImplementedError, match="no gradient"):
        corten.grad(loss)(corten.tensor([1.0]))
