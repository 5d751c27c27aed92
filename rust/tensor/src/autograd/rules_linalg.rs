//! Derivatives of decompositions and solvers.
//!
//! Sources: M. Giles, "An extended collection of matrix derivative results for forward and reverse mode
//! automatic differentiation" (2008); J. Townsend, "Differentiating the singular value decomposition" (2016).

use corten_core::{CompareOp, Error, LinalgOp, Result, Scalar};

use crate::{
    ops::{
        self, add, compare, div, expand_dims, linalg_one, matmul, matrix_transpose, mul, narrow, neg, scale, select,
        square, sub,
    },
    tensor::Tensor,
};

pub(super) fn vjp(
    op: LinalgOp,
    inputs: &[Tensor],
    outputs: &[Tensor],
    grads: &[Option<Tensor>],
    needs: &[bool],
) -> Result<Vec<Option<Tensor>>> {
    let a = &inputs[0];
    let upstream = |i: usize| grads[i].clone().map_or_else(|| ops::zeros_like(&outputs[i].detach()), Ok);
    let one = |gradient: Result<Tensor>| gradient.map(|gradient| vec![Some(gradient)]);
    match op {
        LinalgOp::Cholesky => one(cholesky(&outputs[0], &upstream(0)?)),
        LinalgOp::Inv => {
            let t = matrix_transpose(&outputs[0])?;
            one(neg(&matmul(&matmul(&t, &upstream(0)?)?, &t)?))
        }
        LinalgOp::Det => {
            let weight = as_matrix(&mul(&upstream(0)?, &outputs[0])?)?;
            one(mul(&weight, &matrix_transpose(&linalg_one(LinalgOp::Inv, &[a])?)?))
        }
        LinalgOp::SlogDet => {
            let weight = as_matrix(&upstream(1)?)?;
            one(mul(&weight, &matrix_transpose(&linalg_one(LinalgOp::Inv, &[a])?)?))
        }
        LinalgOp::Solve => {
            let to_b = linalg_one(LinalgOp::Solve, &[&matrix_transpose(a)?, &upstream(0)?])?;
            let to_a = if needs[0] { Some(neg(&matmul(&to_b, &matrix_transpose(&outputs[0])?)?)?) } else { None };
            Ok(vec![to_a, Some(to_b)])
        }
        LinalgOp::SolveTriangular { upper, transposed, unit_diagonal } => {
            let back = LinalgOp::SolveTriangular { upper, transposed: !transposed, unit_diagonal };
            let to_b = linalg_one(back, &[a, &upstream(0)?])?;
            if !needs[0] {
                return Ok(vec![None, Some(to_b)]);
            }
            let x = &outputs[0];
            let full =
                if transposed { matmul(x, &matrix_transpose(&to_b)?)? } else { matmul(&to_b, &matrix_transpose(x)?)? };
            let offset = i64::from(unit_diagonal);
            let part = if upper { triangle(&full, offset, false)? } else { triangle(&full, -offset, true)? };
            Ok(vec![Some(neg(&part)?), Some(to_b)])
        }
        LinalgOp::Qr { full } => {
            let (m, n) = (a.shape()[a.rank() - 2], a.shape()[a.rank() - 1]);
            if full && m > n {
                return Err(no_gradient("qr with mode=\"complete\" of a tall matrix; use mode=\"reduced\""));
            }
            one(qr(a, &outputs[0], &outputs[1], &upstream(0)?, &upstream(1)?))
        }
        LinalgOp::Eigh => one(eigh(&outputs[0], &outputs[1], &upstream(0)?, grads[1].as_ref())),
        LinalgOp::Svd { full } => {
            let (m, n) = (a.shape()[a.rank() - 2], a.shape()[a.rank() - 1]);
            if full && m != n {
                return Err(no_gradient("svd with full_matrices=True; use full_matrices=False"));
            }
            let s = &upstream(1)?;
            one(svd(outputs, grads[0].as_ref(), s, grads[2].as_ref()))
        }
        LinalgOp::LuFactor => Err(no_gradient("lu_factor; use solve, inv or det")),
    }
}

fn no_gradient(what: &str) -> Error {
    Error::unsupported(format!("no gradient is defined for {what}"))
}

/// `(...)` as `(..., 1, 1)`.
fn as_matrix(x: &Tensor) -> Result<Tensor> {
    expand_dims(x, &[-2, -1])
}

/// Row and column numbers of a matrix, as `(n, 1)` and `(1, n)`.
fn numbers(x: &Tensor, rows: usize, columns: usize) -> Result<(Tensor, Tensor)> {
    let count = |n| ops::arange(Scalar::Int(0), Scalar::Int(1), n, ops::counting_dtype(x));
    Ok((expand_dims(&count(rows)?, &[1])?, expand_dims(&count(columns)?, &[0])?))
}

/// The elements on and below (or above) a diagonal; others zero.
fn triangle(x: &Tensor, diagonal: i64, lower: bool) -> Result<Tensor> {
    let (rows, columns) = numbers(x, x.shape()[x.rank() - 2], x.shape()[x.rank() - 1])?;
    let limit = ops::binary(corten_core::BinaryOp::Add, &rows, Scalar::Int(diagonal))?;
    let kept = compare(if lower { CompareOp::Le } else { CompareOp::Ge }, &columns, &limit)?;
    select(&kept, x, Scalar::Float(0.0))
}

/// Where the elements of a square matrix on the diagonal are, of the side of the last axis of `x`.
fn is_diagonal(x: &Tensor) -> Result<Tensor> {
    let n = x.shape()[x.rank() - 1];
    let (rows, columns) = numbers(x, n, n)?;
    compare(CompareOp::Eq, &rows, &columns)
}

/// A vector on the diagonal of a matrix.
fn diagonal(x: &Tensor) -> Result<Tensor> {
    select(&is_diagonal(x)?, &expand_dims(x, &[-1])?, Scalar::Float(0.0))
}

fn symmetric(x: &Tensor) -> Result<Tensor> {
    scale(&add(x, &matrix_transpose(x)?)?, 0.5)
}

fn cholesky(l: &Tensor, g: &Tensor) -> Result<Tensor> {
    let product = triangle(&matmul(&matrix_transpose(l)?, g)?, 0, true)?;
    let half = select(&is_diagonal(l)?, &scale(&product, 0.5)?, &product)?;
    let back = LinalgOp::SolveTriangular { upper: false, transposed: true, unit_diagonal: false };
    let left = linalg_one(back, &[l, &half])?;
    let both = linalg_one(back, &[l, &matrix_transpose(&left)?])?;
    symmetric(&both)
}

fn qr(a: &Tensor, q: &Tensor, r: &Tensor, gq: &Tensor, gr: &Tensor) -> Result<Tensor> {
    let last = a.rank() - 1;
    let (m, n) = (a.shape()[last - 1], a.shape()[last]);
    if m >= n {
        return qr_tall(q, r, gq, gr);
    }
    // Wide: the first m columns fix q; the others are q times theirs of r.
    let (r1, gr1) = (narrow(r, last, 0, m)?, narrow(gr, last, 0, m)?);
    let (rest, gr2) = (narrow(a, last, m, n - m)?, narrow(gr, last, m, n - m)?);
    let gq = add(gq, &matmul(&rest, &matrix_transpose(&gr2)?)?)?;
    ops::concatenate(&[qr_tall(q, &r1, &gq, &gr1)?, matmul(q, &gr2)?], -1)
}

fn qr_tall(q: &Tensor, r: &Tensor, gq: &Tensor, gr: &Tensor) -> Result<Tensor> {
    let m = sub(&matmul(r, &matrix_transpose(gr)?)?, &matmul(&matrix_transpose(gq)?, q)?)?;
    let strict = triangle(&m, -1, true)?;
    let mirrored = add(&triangle(&m, 0, true)?, &matrix_transpose(&strict)?)?;
    let right = add(gq, &matmul(q, &mirrored)?)?;
    // right @ r^-T
    let solve = LinalgOp::SolveTriangular { upper: true, transposed: false, unit_diagonal: false };
    matrix_transpose(&linalg_one(solve, &[r, &matrix_transpose(&right)?])?)
}

/// `1 / (w_j - w_i)` off the diagonal, zero on it.
fn inverse_gaps(w: &Tensor) -> Result<Tensor> {
    let gaps = sub(&expand_dims(w, &[-2])?, &expand_dims(w, &[-1])?)?;
    let diagonal = is_diagonal(w)?;
    let safe = select(&diagonal, Scalar::Float(1.0), &gaps)?;
    select(&diagonal, Scalar::Float(0.0), &ops::reciprocal(&safe)?)
}

fn eigh(w: &Tensor, v: &Tensor, gw: &Tensor, gv: Option<&Tensor>) -> Result<Tensor> {
    let mut inner = diagonal(gw)?;
    if let Some(gv) = gv {
        inner = add(&inner, &mul(&matmul(&matrix_transpose(v)?, gv)?, &inverse_gaps(w)?)?)?;
    }
    symmetric(&matmul(&matmul(v, &inner)?, &matrix_transpose(v)?)?)
}

fn svd(outputs: &[Tensor], gu: Option<&Tensor>, gs: &Tensor, gvt: Option<&Tensor>) -> Result<Tensor> {
    let (u, s, vt) = (&outputs[0], &outputs[1], &outputs[2]);
    let (ut, v) = (matrix_transpose(u)?, matrix_transpose(vt)?);
    let gaps = || inverse_gaps(&square(s)?);
    let rows = expand_dims(s, &[-1])?;
    let columns = expand_dims(s, &[-2])?;
    let skew = |t: &Tensor, g: &Tensor| -> Result<Tensor> {
        let product = matmul(t, g)?;
        mul(&gaps()?, &sub(&product, &matrix_transpose(&product)?)?)
    };
    let mut inner = diagonal(gs)?;
    if let Some(gu) = gu {
        inner = add(&inner, &mul(&skew(&ut, gu)?, &columns)?)?;
    }
    let gv = gvt.map(matrix_transpose).transpose()?;
    if let Some(gv) = &gv {
        inner = add(&inner, &mul(&skew(vt, gv)?, &rows)?)?;
    }
    let mut gradient = matmul(&matmul(u, &inner)?, vt)?;
    if let Some(gu) = gu {
        let scaled = div(gu, &columns)?;
        let outside = sub(&scaled, &matmul(u, &matmul(&ut, &scaled)?)?)?;
        gradient = add(&gradient, &matmul(&outside, vt)?)?;
    }
    if let Some(gv) = &gv {
        let scaled = div(gv, &columns)?;
        let outside = sub(&scaled, &matmul(&v, &matmul(vt, &scaled)?)?)?;
        gradient = add(&gradient, &matmul(u, &matrix_transpose(&outside)?)?)?;
    }
    Ok(gradient)
}
