//! Products and decompositions.

use corten_tensor::core::LinalgOp;
use corten_tensor::{Tensor, ops};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::convert::{self, Array, Ints};
use crate::funnel;
use crate::tensor::PyTensor;

/// Matrix product with NumPy's rules for vectors and batches.
///
/// Args:
///     a: Left operand.
///     b: Right operand.
///
/// Returns:
///     A tensor of the promoted dtype.
#[pyfunction]
pub(crate) fn matmul(py: Python<'_>, a: Array, b: Array) -> PyResult<PyTensor> {
    funnel::run(py, funnel::product_cost(&a.0, &b.0), || ops::matmul(&a.0, &b.0)).map(Into::into)
}

/// Einstein's summation.
///
/// Args:
///     equation: Such as `"ij,jk->ik"`; `...` stands for broadcast axes.
///     *operands: One tensor for each term.
///
/// Returns:
///     A tensor.
#[pyfunction]
#[pyo3(signature = (equation, *operands))]
pub(crate) fn einsum(py: Python<'_>, equation: &str, operands: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
    let operands = convert::tensors(operands.as_any())?;
    funnel::run(py, funnel::LONG, || ops::einsum(equation, &operands)).map(Into::into)
}

/// Sum of products over axes of both operands.
///
/// Args:
///     a: Left operand.
///     b: Right operand.
///     axes: How many last axes of `a` and first of `b`, or a pair of axis lists.
///
/// Returns:
///     A tensor with the other axes of `a`, then those of `b`.
#[pyfunction]
#[pyo3(signature = (a, b, axes=None))]
pub(crate) fn tensordot(py: Python<'_>, a: Array, b: Array, axes: Option<&Bound<'_, PyAny>>) -> PyResult<PyTensor> {
    let count = |n: isize| ((-n..0).collect::<Vec<_>>(), (0..n).collect::<Vec<_>>());
    let (left, right) = match axes {
        None => count(2),
        Some(axes) => {
            if let Ok(n) = axes.extract::<isize>() {
                count(n)
            } else {
                let (left, right) = axes.extract::<(Ints, Ints)>()?;
                (left.0, right.0)
            }
        }
    };
    funnel::run(py, funnel::LONG, || ops::tensordot(&a.0, &b.0, &left, &right)).map(Into::into)
}

/// Work of a decomposition, in elementwise steps.
fn cost(x: &Tensor) -> usize {
    x.len().saturating_mul(x.shape().last().copied().unwrap_or(1))
}

fn one(py: Python<'_>, op: LinalgOp, inputs: &[&Tensor]) -> PyResult<PyTensor> {
    funnel::run(py, cost(inputs[0]), || ops::linalg_one(op, inputs)).map(Into::into)
}

fn two(py: Python<'_>, op: LinalgOp, x: &Tensor) -> PyResult<(PyTensor, PyTensor)> {
    let mut outputs = funnel::run(py, cost(x), || ops::linalg(op, &[x]))?.into_iter().map(PyTensor::from);
    match (outputs.next(), outputs.next()) {
        (Some(first), Some(second)) => Ok((first, second)),
        _ => Err(pyo3::exceptions::PyRuntimeError::new_err(format!("{}: a result is missing", op.name()))),
    }
}

/// Lower Cholesky factor.
///
/// Args:
///     a: Positive definite matrices; the lower triangle is read.
///
/// Returns:
///     A tensor of the shape of `a`.
#[pyfunction]
pub(crate) fn cholesky(py: Python<'_>, a: Array) -> PyResult<PyTensor> {
    one(py, LinalgOp::Cholesky, &[&a.0])
}

/// QR decomposition.
///
/// Args:
///     a: Matrices `(..., m, n)`.
///     full: Whether q is square.
///
/// Returns:
///     q and r.
#[pyfunction]
#[pyo3(signature = (a, full=false))]
pub(crate) fn qr(py: Python<'_>, a: Array, full: bool) -> PyResult<(PyTensor, PyTensor)> {
    two(py, LinalgOp::Qr { full }, &a.0)
}

/// Singular value decomposition.
///
/// Args:
///     a: Matrices `(..., m, n)`.
///     full: Whether u and v are square.
///
/// Returns:
///     u, the singular values in descending order, and v transposed.
#[pyfunction]
#[pyo3(signature = (a, full=false))]
pub(crate) fn svd(py: Python<'_>, a: Array, full: bool) -> PyResult<Bound<'_, PyTuple>> {
    let outputs = funnel::run(py, cost(&a.0), || ops::linalg(LinalgOp::Svd { full }, &[&a.0]))?;
    PyTuple::new(py, outputs.into_iter().map(PyTensor::from))
}

/// Eigenvalues and eigenvectors of symmetric matrices.
///
/// Args:
///     a: Symmetric matrices; the lower triangle is read.
///
/// Returns:
///     Eigenvalues in ascending order, and eigenvectors in columns.
#[pyfunction]
pub(crate) fn eigh(py: Python<'_>, a: Array) -> PyResult<(PyTensor, PyTensor)> {
    two(py, LinalgOp::Eigh, &a.0)
}

/// Inverse matrices.
///
/// Args:
///     a: Square matrices.
///
/// Returns:
///     A tensor of the shape of `a`.
#[pyfunction]
pub(crate) fn inv(py: Python<'_>, a: Array) -> PyResult<PyTensor> {
    one(py, LinalgOp::Inv, &[&a.0])
}

/// Determinants.
///
/// Args:
///     a: Square matrices.
///
/// Returns:
///     A tensor of the batch shape.
#[pyfunction]
pub(crate) fn det(py: Python<'_>, a: Array) -> PyResult<PyTensor> {
    one(py, LinalgOp::Det, &[&a.0])
}

/// Sign and logarithm of the absolute value of determinants.
///
/// Args:
///     a: Square matrices.
///
/// Returns:
///     The signs and the logarithms.
#[pyfunction]
pub(crate) fn slogdet(py: Python<'_>, a: Array) -> PyResult<(PyTensor, PyTensor)> {
    two(py, LinalgOp::SlogDet, &a.0)
}

/// Solves `a @ x = b`.
///
/// Args:
///     a: Square matrices `(..., n, n)`.
///     b: Right sides `(..., n, k)`.
///
/// Returns:
///     A tensor of the shape of `b`.
#[pyfunction]
pub(crate) fn solve(py: Python<'_>, a: Array, b: Array) -> PyResult<PyTensor> {
    one(py, LinalgOp::Solve, &[&a.0, &b.0])
}

/// Solves `a @ x = b` with triangular `a`.
///
/// Args:
///     a: Square matrices, of which one triangle is read.
///     b: Right sides `(..., n, k)`.
///     upper: Whether the upper triangle is read.
///     transposed: Whether to solve with the transpose.
///     unit_diagonal: Whether the diagonal counts as ones.
///
/// Returns:
///     A tensor of the shape of `b`.
#[pyfunction]
#[pyo3(signature = (a, b, upper=false, transposed=false, unit_diagonal=false))]
pub(crate) fn solve_triangular(
    py: Python<'_>,
    a: Array,
    b: Array,
    upper: bool,
    transposed: bool,
    unit_diagonal: bool,
) -> PyResult<PyTensor> {
    one(py, LinalgOp::SolveTriangular { upper, transposed, unit_diagonal }, &[&a.0, &b.0])
}

/// LU factorization with row exchanges.
///
/// Args:
///     a: Matrices `(..., m, n)`.
///
/// Returns:
///     L below the diagonal (ones on it) and U in one matrix, and int32 pivots: row i was exchanged
///     with row `pivots[i]`.
#[pyfunction]
pub(crate) fn lu_factor(py: Python<'_>, a: Array) -> PyResult<(PyTensor, PyTensor)> {
    two(py, LinalgOp::LuFactor, &a.0)
}
