//! Reductions, scans, order.

use corten_core::{
    ArgReduceOp, DType, Dims, Error, Op, ReduceOp, Result, ScanOp, Tuple, promote, resolve_axes, resolve_axis,
};

use super::{mul, shift, square, sub};
use crate::{
    execute::{run, run_one},
    tensor::Tensor,
};

/// Every axis, or the named ones.
pub fn axes_or_all(op: &str, axes: Option<&[isize]>, rank: usize) -> Result<Dims> {
    axes.map_or_else(|| Ok((0..rank).collect()), |axes| resolve_axes(op, axes, rank))
}

/// Reduces over sorted axes. Sums and products of bool and of narrow integers are int32 or uint32; means
/// of integers are float32; `any` and `all` take what is not zero for true.
pub fn reduce(op: ReduceOp, x: &Tensor, axes: &[usize], keepdims: bool) -> Result<Tensor> {
    let dtype = match op {
        ReduceOp::Sum | ReduceOp::Prod => match x.dtype() {
            DType::Bool | DType::I8 | DType::I16 => DType::I32,
            DType::U8 | DType::U16 => DType::U32,
            other @ (DType::U32
            | DType::U64
            | DType::I32
            | DType::I64
            | DType::BF16
            | DType::F16
            | DType::F32
            | DType::F64) => other,
        },
        ReduceOp::Mean => x.dtype().to_float(),
        ReduceOp::Any | ReduceOp::All => DType::Bool,
        ReduceOp::Max | ReduceOp::Min => x.dtype(),
    };
    let x = super::cast(x, dtype)?;
    run_one(Op::Reduce { op, axes: Dims::from_slice(axes), keepdims }, &[&x])
}

/// Sum over sorted axes.
pub fn sum(x: &Tensor, axes: &[usize], keepdims: bool) -> Result<Tensor> {
    reduce(ReduceOp::Sum, x, axes, keepdims)
}

/// Mean over sorted axes.
pub fn mean(x: &Tensor, axes: &[usize], keepdims: bool) -> Result<Tensor> {
    reduce(ReduceOp::Mean, x, axes, keepdims)
}

/// Variance over sorted axes in two passes; divides by `n - ddof`.
pub fn var(x: &Tensor, axes: &[usize], keepdims: bool, ddof: f64) -> Result<Tensor> {
    let x = super::to_float(x)?;
    let centered = sub(&x, &mean(&x, axes, true)?)?;
    let n: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
    if ddof == 0.0 {
        return mean(&square(&centered)?, axes, keepdims);
    }
    let total = sum(&square(&centered)?, axes, keepdims)?;
    super::scale(&total, 1.0 / (n as f64 - ddof))
}

/// `log(sum(exp(x)))` without overflow.
pub fn logsumexp(x: &Tensor, axes: &[usize], keepdims: bool) -> Result<Tensor> {
    let x = super::to_float(x)?;
    if x.is_empty() {
        return super::log(&sum(&super::exp(&x)?, axes, keepdims)?);
    }
    let largest = reduce(ReduceOp::Max, &x.detach(), axes, true)?;
    // Where all are -inf (or one is inf) the shift would be NaN.
    let finite = super::unary(corten_core::UnaryOp::IsFinite, &largest)?;
    let largest = super::select(&finite, &largest, &super::zeros_like(&largest)?)?;
    let total = sum(&super::exp(&sub(&x, &largest)?)?, axes, true)?;
    let result = super::add(&super::log(&total)?, &largest)?;
    if keepdims {
        return Ok(result);
    }
    let shape: Dims = (0..x.rank()).filter(|axis| !axes.contains(axis)).map(|axis| x.shape()[axis]).collect();
    super::reshape(&result, &shape)
}

/// Index of the first extreme element; over all elements where no axis is named.
pub fn arg_reduce(op: ArgReduceOp, x: &Tensor, axis: Option<isize>, keepdims: bool) -> Result<Tensor> {
    let Some(axis) = axis else {
        let flat = super::reshape(x, &[x.len()])?;
        let index = run_one(Op::ArgReduce { op, axis: 0, keepdims: false }, &[&flat])?;
        let shape: Dims = if keepdims { x.shape().iter().map(|_| 1).collect() } else { Dims::new() };
        return super::reshape(&index, &shape);
    };
    let axis = resolve_axis(op.name(), axis, x.rank())?;
    run_one(Op::ArgReduce { op, axis, keepdims }, &[x])
}

/// Cumulative sum, product, maximum or minimum.
pub fn scan(op: ScanOp, x: &Tensor, axis: isize, reverse: bool) -> Result<Tensor> {
    let axis = resolve_axis(op.name(), axis, x.rank())?;
    let x = if x.dtype() == DType::Bool { super::cast(x, DType::I32)? } else { x.clone() };
    run_one(Op::Scan { op, axis, reverse }, &[&x])
}

/// Sorted values and their indices, stable.
pub fn sort(x: &Tensor, axis: isize, descending: bool) -> Result<(Tensor, Tensor)> {
    let axis = resolve_axis("sort", axis, x.rank())?;
    pair(Op::Sort { axis, descending }, x)
}

/// The `k` largest along the last axis and their indices.
pub fn top_k(x: &Tensor, k: usize) -> Result<(Tensor, Tensor)> {
    if x.rank() == 0 {
        return Err(Error::shape(format!("top_k: an axis is needed; got shape {}", Tuple(x.shape()))));
    }
    pair(Op::TopK { k }, x)
}

fn pair(op: Op, x: &Tensor) -> Result<(Tensor, Tensor)> {
    let mut outputs = run(op, &[x])?;
    let indices = outputs.swap_remove(1);
    Ok((outputs.swap_remove(0), indices))
}

/// Where `values` would be inserted into a sorted sequence.
pub fn search_sorted(sorted: &Tensor, values: &Tensor, right: bool) -> Result<Tensor> {
    let dtype = promote(sorted.dtype(), values.dtype());
    run_one(Op::SearchSorted { right }, &[&super::cast(sorted, dtype)?, &super::cast(values, dtype)?])
}

/// `x - mean` and `1 / sqrt(variance + epsilon)` over sorted axes, with kept axes; what normalizations need.
pub(crate) fn standardized(x: &Tensor, axes: &[usize], epsilon: f64) -> Result<(Tensor, Tensor)> {
    let centered = sub(x, &mean(x, axes, true)?)?;
    let variance = mean(&mul(&centered, &centered)?, axes, true)?;
    Ok((centered, super::rsqrt(&shift(&variance, epsilon)?)?))
}
