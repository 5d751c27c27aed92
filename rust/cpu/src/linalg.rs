//! Dense linear algebra, through the `faer` crate, batched over leading axes. Factorizations run
//! serially within one matrix (equal bits for any number of threads); batches are spread.

mod matrix;

use std::sync::Mutex;

use corten_core::{DType, Error, LinalgOp, Result};

use crate::parallel;
use crate::{In, memory::Buffer};

use matrix::{MatrixSource, Real};

/// Output sizes of one matrix of the batch, in elements.
fn output_sizes(op: LinalgOp, m: usize, n: usize, columns: usize) -> Vec<usize> {
    let k = m.min(n);
    match op {
        LinalgOp::Cholesky | LinalgOp::Inv => vec![n * n],
        LinalgOp::Qr { full: false } => vec![m * k, k * n],
        LinalgOp::Qr { full: true } => vec![m * m, m * n],
        LinalgOp::Svd { full: false } => vec![m * k, k, k * n],
        LinalgOp::Svd { full: true } => vec![m * m, k, n * n],
        LinalgOp::Eigh => vec![n, n * n],
        LinalgOp::Det => vec![1],
        LinalgOp::SlogDet => vec![1, 1],
        LinalgOp::Solve | LinalgOp::SolveTriangular { .. } => vec![n * columns],
        LinalgOp::LuFactor => vec![m * n, k],
    }
}

/// Runs `op` on every matrix of the batch.
pub(crate) fn linalg(op: LinalgOp, inputs: &[In<'_>]) -> Result<Vec<Buffer>> {
    match inputs[0].dtype {
        DType::F32 => batched::<f32>(op, inputs),
        DType::F64 => batched::<f64>(op, inputs),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64
        | DType::BF16
        | DType::F16 => {
            Err(Error::dtype(format!("{}: float32 or float64 is needed; got {}", op.name(), inputs[0].dtype)))
        }
    }
}

/// Multiply-adds one chunk of the batch should hold at least.
const CHUNK_WORK: usize = 1 << 16;

fn batched<T: Real>(op: LinalgOp, inputs: &[In<'_>]) -> Result<Vec<Buffer>> {
    let sources: Vec<MatrixSource<'_, T>> = inputs.iter().map(MatrixSource::new).collect();
    let (m, n, batch) = (sources[0].rows, sources[0].columns, sources[0].batch);
    let columns = sources.get(1).map_or(0, |b| b.columns);
    let sizes = output_sizes(op, m, n, columns);
    let is_pivot = |i: usize| op == LinalgOp::LuFactor && i == 1;
    let mut outputs = sizes
        .iter()
        .enumerate()
        .map(|(i, size)| Buffer::alloc(size * batch * if is_pivot(i) { 4 } else { size_of::<T>() }))
        .collect::<Result<Vec<_>>>()?;
    let targets: Vec<Target> = outputs
        .iter_mut()
        .zip(&sizes)
        .map(|(buffer, &size)| Target { data: buffer.as_mut_bytes().as_mut_ptr(), size })
        .collect();
    let per_chunk = (CHUNK_WORK / (m * n * m.max(n) + 1)).max(1);
    // The failure of the first matrix that fails is reported, whichever thread met it.
    let failure: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    parallel::for_chunks(batch.div_ceil(per_chunk), &|chunk| {
        for index in chunk * per_chunk..((chunk + 1) * per_chunk).min(batch) {
            if let Err(error) = one(op, &sources, index, &targets) {
                let mut first = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if first.as_ref().is_none_or(|(earlier, _)| index < *earlier) {
                    *first = Some((index, error));
                }
            }
        }
    });
    match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        None => Ok(outputs),
        Some((_, error)) => Err(error),
    }
}

/// An output array that batch entries fill side by side.
struct Target {
    data: *mut u8,
    /// Elements of one batch entry.
    size: usize,
}

// SAFETY: batch entries write disjoint parts (see `part`).
unsafe impl Sync for Target {}

impl Target {
    /// The part of batch entry `index`.
    ///
    /// # Safety
    /// `T` is the element type the array was allocated for, `index` lies in the batch, and no
    /// other part of the same index is alive.
    #[expect(clippy::mut_from_ref, reason = "parts of different indices are disjoint")]
    unsafe fn part<T>(&self, index: usize) -> &mut [T] {
        // SAFETY: the allocation holds batch * size elements of T; the caller keeps parts apart.
        unsafe { std::slice::from_raw_parts_mut(self.data.cast::<T>().add(index * self.size), self.size) }
    }
}

fn one<T: Real>(op: LinalgOp, sources: &[MatrixSource<'_, T>], index: usize, targets: &[Target]) -> Result<()> {
    let a = &sources[0];
    // SAFETY: every batch entry is visited once, each target is asked for one part per entry, and
    // only the pivots of an LU factorization have another element type.
    let part = |i: usize| unsafe { targets[i].part::<T>(index) };
    match op {
        LinalgOp::Cholesky => matrix::cholesky(&a.load(index), part(0)),
        LinalgOp::Qr { full } => {
            matrix::qr(&a.load(index), full, part(0), part(1));
            Ok(())
        }
        LinalgOp::Svd { full } => matrix::svd(&a.load(index), full, part(0), part(1), part(2)),
        LinalgOp::Eigh => matrix::eigh(&a.load(index), part(0), part(1)),
        LinalgOp::Inv => matrix::inverse(&a.load(index), part(0)),
        LinalgOp::Det => {
            let (sign, log) = matrix::sign_and_log_determinant(&a.load(index), false);
            part(0)[0] = sign * log;
            Ok(())
        }
        LinalgOp::SlogDet => {
            let (sign, log) = matrix::sign_and_log_determinant(&a.load(index), true);
            part(0)[0] = sign;
            part(1)[0] = log;
            Ok(())
        }
        LinalgOp::Solve => matrix::solve(&a.load(index), sources[1].load(index), part(0)),
        LinalgOp::SolveTriangular { upper, transposed, unit_diagonal } => {
            let b = sources[1].load(index);
            matrix::solve_triangular(&a.load(index), b, upper, transposed, unit_diagonal, part(0))
        }
        LinalgOp::LuFactor => {
            // SAFETY: as above; pivots were allocated as int32.
            let pivots = unsafe { targets[1].part::<i32>(index) };
            matrix::lu_factor(&a.load(index), part(0), pivots);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
