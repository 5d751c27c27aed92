//! One matrix at a time: loading from any layout, factoring, writing row-major.

use corten_core::{Element, Error, Layout, Result};
use faer::linalg::solvers::{PartialPivLu, Solve};
use faer::{Mat, MatRef, Side};

use crate::In;

/// float32 and float64.
pub(super) trait Real:
    Element
    + faer::traits::RealField
    + std::ops::Mul<Output = Self>
    + std::ops::Add<Output = Self>
    + std::ops::Neg<Output = Self>
{
    fn magnitude(self) -> Self;
    fn log(self) -> Self;
    fn negative_infinity() -> Self;
}

impl Real for f32 {
    fn magnitude(self) -> Self {
        self.abs()
    }
    fn log(self) -> Self {
        self.ln()
    }
    fn negative_infinity() -> Self {
        Self::NEG_INFINITY
    }
}

impl Real for f64 {
    fn magnitude(self) -> Self {
        self.abs()
    }
    fn log(self) -> Self {
        self.ln()
    }
    fn negative_infinity() -> Self {
        Self::NEG_INFINITY
    }
}

/// A batch of matrices in any layout.
pub(super) struct MatrixSource<'a, T> {
    data: &'a [T],
    layout: &'a Layout,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// How many matrices the leading axes hold.
    pub(super) batch: usize,
}

impl<'a, T: Real> MatrixSource<'a, T> {
    pub(super) fn new(view: &In<'a>) -> Self {
        let shape = view.layout.shape();
        let lead = shape.len() - 2;
        Self {
            data: view.buffer.as_slice::<T>(),
            layout: view.layout,
            rows: shape[lead],
            columns: shape[lead + 1],
            batch: shape[..lead].iter().product(),
        }
    }

    /// Copies matrix `index` of the batch.
    pub(super) fn load(&self, index: usize) -> Mat<T> {
        let (shape, strides) = (self.layout.shape(), self.layout.strides());
        let lead = shape.len() - 2;
        let mut base = self.layout.offset() as isize;
        let mut rest = index;
        for axis in (0..lead).rev() {
            base += (rest % shape[axis]) as isize * strides[axis];
            rest /= shape[axis];
        }
        Mat::from_fn(self.rows, self.columns, |i, j| {
            self.data[(base + i as isize * strides[lead] + j as isize * strides[lead + 1]) as usize]
        })
    }
}

/// Writes a matrix row-major.
fn store<T: Real>(matrix: MatRef<'_, T>, out: &mut [T]) {
    let columns = matrix.ncols();
    for i in 0..matrix.nrows() {
        for (j, slot) in out[i * columns..(i + 1) * columns].iter_mut().enumerate() {
            *slot = matrix[(i, j)];
        }
    }
}

fn singular(op: &str) -> Error {
    Error::argument(format!("{op}: the matrix is singular"))
}

pub(super) fn cholesky<T: Real>(a: &Mat<T>, out: &mut [T]) -> Result<()> {
    let n = a.nrows();
    if n == 0 {
        return Ok(());
    }
    let not_definite = || Error::argument("cholesky: the matrix is not positive definite");
    let factor = a.llt(Side::Lower).map_err(|_| not_definite())?;
    store(factor.L(), out);
    // NaN in the input passes through the factorization's comparisons; NumPy refuses it too.
    if (0..n).all(|i| out[i * n + i].to_f64().is_finite()) { Ok(()) } else { Err(not_definite()) }
}

pub(super) fn qr<T: Real>(a: &Mat<T>, full: bool, q_out: &mut [T], r_out: &mut [T]) {
    let (m, n) = (a.nrows(), a.ncols());
    let k = m.min(n);
    let rows = if full { m } else { k };
    if k == 0 {
        // No columns to reduce: the full basis is the identity.
        for (i, slot) in q_out.iter_mut().enumerate() {
            *slot = if rows > 0 && i / rows == i % rows { T::ONE } else { T::ZERO };
        }
        return;
    }
    let factor = a.qr();
    let q = if full { factor.compute_Q() } else { factor.compute_thin_Q() };
    store(q.as_ref(), q_out);
    let r = factor.thin_R();
    for i in 0..rows {
        for j in 0..n {
            r_out[i * n + j] = if i < k && j >= i { r[(i, j)] } else { T::ZERO };
        }
    }
}

pub(super) fn svd<T: Real>(a: &Mat<T>, full: bool, u_out: &mut [T], s_out: &mut [T], vt_out: &mut [T]) -> Result<()> {
    let (m, n) = (a.nrows(), a.ncols());
    if m.min(n) == 0 {
        for (out, size) in [(u_out, m), (vt_out, n)] {
            for (i, slot) in out.iter_mut().enumerate() {
                *slot = if i / size == i % size { T::ONE } else { T::ZERO };
            }
        }
        return Ok(());
    }
    let diverged = |_| Error::argument("svd: the iteration did not converge (the matrix may hold NaN or infinity)");
    let factor = if full { a.svd() } else { a.thin_svd() }.map_err(diverged)?;
    store(factor.U(), u_out);
    for (i, slot) in s_out.iter_mut().enumerate() {
        *slot = factor.S().column_vector()[i];
    }
    store(factor.V().transpose(), vt_out);
    Ok(())
}

pub(super) fn eigh<T: Real>(a: &Mat<T>, values: &mut [T], vectors: &mut [T]) -> Result<()> {
    if a.nrows() == 0 {
        return Ok(());
    }
    let factor = a
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| Error::argument("eigh: the iteration did not converge (the matrix may hold NaN or infinity)"))?;
    for (i, slot) in values.iter_mut().enumerate() {
        *slot = factor.S().column_vector()[i];
    }
    store(factor.U(), vectors);
    Ok(())
}

/// Whether a pivot is exactly zero, which is when `NumPy` calls a matrix singular.
fn has_zero_pivot<T: Real>(lu: &PartialPivLu<T>) -> bool {
    let u = lu.U();
    (0..u.nrows().min(u.ncols())).any(|i| u[(i, i)] == T::ZERO)
}

pub(super) fn inverse<T: Real>(a: &Mat<T>, out: &mut [T]) -> Result<()> {
    let n = a.nrows();
    if n == 0 {
        return Ok(());
    }
    let lu = a.partial_piv_lu();
    if has_zero_pivot(&lu) {
        return Err(singular("inv"));
    }
    store(lu.solve(Mat::<T>::identity(n, n)).as_ref(), out);
    Ok(())
}

pub(super) fn solve<T: Real>(a: &Mat<T>, b: Mat<T>, out: &mut [T]) -> Result<()> {
    if a.nrows() == 0 || b.ncols() == 0 {
        return Ok(());
    }
    let lu = a.partial_piv_lu();
    if has_zero_pivot(&lu) {
        return Err(singular("solve"));
    }
    store(lu.solve(b).as_ref(), out);
    Ok(())
}

pub(super) fn solve_triangular<T: Real>(
    a: &Mat<T>,
    mut b: Mat<T>,
    upper: bool,
    transposed: bool,
    unit_diagonal: bool,
    out: &mut [T],
) -> Result<()> {
    if a.nrows() == 0 || b.ncols() == 0 {
        return Ok(());
    }
    if !unit_diagonal && (0..a.nrows()).any(|i| a[(i, i)] == T::ZERO) {
        return Err(singular("solve_triangular"));
    }
    let triangle = if transposed { a.transpose() } else { a.as_ref() };
    match (upper != transposed, unit_diagonal) {
        (false, false) => triangle.solve_lower_triangular_in_place(&mut b),
        (false, true) => triangle.solve_unit_lower_triangular_in_place(&mut b),
        (true, false) => triangle.solve_upper_triangular_in_place(&mut b),
        (true, true) => triangle.solve_unit_upper_triangular_in_place(&mut b),
    }
    store(b.as_ref(), out);
    Ok(())
}

/// The parity of a permutation: -1 if odd.
fn parity(permutation: &[usize]) -> f64 {
    let mut seen = vec![false; permutation.len()];
    let mut sign = 1.0;
    for start in 0..permutation.len() {
        let mut at = start;
        let mut length = 0;
        while !seen[at] {
            seen[at] = true;
            at = permutation[at];
            length += 1;
        }
        if length > 0 && length % 2 == 0 {
            sign = -sign;
        }
    }
    sign
}

/// The sign and the magnitude of the determinant, or its logarithm if `log`.
pub(super) fn sign_and_log_determinant<T: Real>(a: &Mat<T>, log: bool) -> (T, T) {
    let n = a.nrows();
    if n == 0 {
        return (T::ONE, if log { T::ZERO } else { T::ONE });
    }
    let lu = a.partial_piv_lu();
    if has_zero_pivot(&lu) {
        return (T::ZERO, if log { T::negative_infinity() } else { T::ZERO });
    }
    let u = lu.U();
    let mut sign = T::from_f64(parity(lu.P().arrays().0));
    let mut magnitude = if log { T::ZERO } else { T::ONE };
    for i in 0..n {
        let pivot = u[(i, i)];
        if pivot < T::ZERO {
            sign = -sign;
        }
        let size = pivot.magnitude();
        magnitude = if log { magnitude + size.log() } else { magnitude * size };
    }
    (sign, magnitude)
}

/// L (unit, below the diagonal) and U in one matrix; pivots as LAPACK gives them, counted from 0:
/// row i was exchanged with row `pivots[i]`, in this order.
pub(super) fn lu_factor<T: Real>(a: &Mat<T>, out: &mut [T], pivots: &mut [i32]) {
    let (m, n) = (a.nrows(), a.ncols());
    if m.min(n) == 0 {
        return;
    }
    let lu = a.partial_piv_lu();
    let (l, u) = (lu.L(), lu.U());
    for i in 0..m {
        for j in 0..n {
            out[i * n + j] = if i > j { l[(i, j)] } else { u[(i, j)] };
        }
    }
    let order = lu.P().arrays().0;
    // `rows[p]` is the original row at place p after the exchanges so far, `place` its inverse.
    let mut rows: Vec<usize> = (0..m).collect();
    let mut place = rows.clone();
    for (i, pivot) in pivots.iter_mut().enumerate() {
        let from = place[order[i]];
        *pivot = from as i32;
        rows.swap(i, from);
        place[rows[from]] = from;
        place[rows[i]] = i;
    }
}
