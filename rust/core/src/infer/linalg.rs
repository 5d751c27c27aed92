//! Products and decompositions.

use smallvec::{SmallVec, smallvec};

use super::{Spec, Specs, same_dtype};
use crate::{DType, Dims, Error, LinalgOp, Result, Tuple, broadcast};

pub(super) fn matmul(op: &str, a: &Spec, b: &Spec) -> Result<Dims> {
    if a.rank() < 2 || b.rank() < 2 {
        return Err(Error::shape(format!(
            "{op}: operands need at least 2 dimensions here; got a={}, b={}",
            Tuple(&a.shape),
            Tuple(&b.shape)
        )));
    }
    let (m, k) = (a.shape[a.rank() - 2], a.shape[a.rank() - 1]);
    let (kb, n) = (b.shape[b.rank() - 2], b.shape[b.rank() - 1]);
    if k != kb {
        let hint = if k == n {
            " Did you mean `a @ b.T`?"
        } else if m == kb {
            " Did you mean `a.T @ b`?"
        } else {
            ""
        };
        return Err(Error::shape(format!(
            "{op}: last axis of `a` must equal second-to-last axis of `b`; got a={}, b={}.{hint}",
            Tuple(&a.shape),
            Tuple(&b.shape)
        )));
    }
    let mut shape = broadcast(op, &a.shape[..a.rank() - 2], &b.shape[..b.rank() - 2])?;
    shape.push(m);
    shape.push(n);
    Ok(shape)
}

pub(super) fn linalg(op: LinalgOp, inputs: &[Spec]) -> Result<Specs> {
    let name = op.name();
    let a = &inputs[0];
    if !matches!(a.dtype, DType::F32 | DType::F64) {
        return Err(Error::dtype(format!("{name}: float32 or float64 is needed; got {}", a.dtype)));
    }
    if a.rank() < 2 {
        return Err(Error::shape(format!("{name}: a matrix is needed; got shape {}", Tuple(&a.shape))));
    }
    let batch: Dims = SmallVec::from_slice(&a.shape[..a.rank() - 2]);
    let (m, n) = (a.shape[a.rank() - 2], a.shape[a.rank() - 1]);
    let with = |tail: &[usize]| Spec { shape: batch.iter().chain(tail).copied().collect(), dtype: a.dtype };
    let square = || {
        if m == n {
            return Ok(());
        }
        Err(Error::shape(format!("{name}: a square matrix is needed; got shape {}", Tuple(&a.shape))))
    };
    let k = m.min(n);
    Ok(match op {
        LinalgOp::Cholesky | LinalgOp::Inv => {
            square()?;
            smallvec![with(&[n, n])]
        }
        LinalgOp::Qr { full: false } => smallvec![with(&[m, k]), with(&[k, n])],
        LinalgOp::Qr { full: true } => smallvec![with(&[m, m]), with(&[m, n])],
        LinalgOp::Svd { full: false } => smallvec![with(&[m, k]), with(&[k]), with(&[k, n])],
        LinalgOp::Svd { full: true } => smallvec![with(&[m, m]), with(&[k]), with(&[n, n])],
        LinalgOp::Eigh => {
            square()?;
            smallvec![with(&[n]), with(&[n, n])]
        }
        LinalgOp::Det => {
            square()?;
            smallvec![with(&[])]
        }
        LinalgOp::SlogDet => {
            square()?;
            smallvec![with(&[]), with(&[])]
        }
        LinalgOp::Solve | LinalgOp::SolveTriangular { .. } => {
            square()?;
            let b = &inputs[1];
            same_dtype(name, a, b)?;
            if b.rank() != a.rank() || b.shape[..b.rank() - 1] != a.shape[..a.rank() - 1] {
                return Err(Error::shape(format!(
                    "{name}: `b` must have the rows of `a`; got a={}, b={}",
                    Tuple(&a.shape),
                    Tuple(&b.shape)
                )));
            }
            smallvec![b.clone()]
        }
        LinalgOp::LuFactor => {
            let mut pivots = with(&[k]);
            pivots.dtype = DType::I32;
            smallvec![with(&[m, n]), pivots]
        }
    })
}
