//! Matrix products and decompositions.

use corten_core::{Error, LinalgOp, Op, Result, Tuple, promote};

use super::{cast, expand_dims, squeeze};
use crate::{
    execute::{Outputs, run, run_one},
    tensor::Tensor,
};

/// `NumPy`'s matmul: vectors get a temporary axis, batch axes broadcast. bool and integers multiply as such, but int8 is summed in
/// int32, as Keras does.
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.rank() == 0 || b.rank() == 0 {
        return Err(Error::shape(format!(
            "matmul: operands need at least 1 dimension; got a={}, b={}. Use `*` to multiply by a scalar",
            Tuple(a.shape()),
            Tuple(b.shape())
        )));
    }
    let mut dtype = promote(a.dtype(), b.dtype());
    if dtype == corten_core::DType::Bool {
        dtype = corten_core::DType::I32;
    }
    let (mut left, mut right) = (cast(a, dtype)?, cast(b, dtype)?);
    if a.rank() == 1 {
        left = expand_dims(&left, &[0])?;
    }
    if b.rank() == 1 {
        right = expand_dims(&right, &[1])?;
    }
    let op = if dtype == corten_core::DType::I8 { Op::WideMatmul } else { Op::Matmul };
    let mut out = run_one(op, &[&left, &right])?;
    if b.rank() == 1 {
        out = squeeze(&out, Some(&[-1]))?;
    }
    if a.rank() == 1 {
        out = squeeze(&out, Some(&[if b.rank() == 1 { -1 } else { -2 }]))?;
    }
    if promote(a.dtype(), b.dtype()) == corten_core::DType::Bool {
        out = cast(&out, corten_core::DType::Bool)?;
    }
    Ok(out)
}

/// A decomposition or solver; integers are computed in float32.
pub fn linalg(op: LinalgOp, inputs: &[&Tensor]) -> Result<Outputs> {
    let mut dtype = inputs[0].dtype().to_float();
    for x in inputs {
        dtype = promote(dtype, x.dtype());
    }
    let inputs: Vec<Tensor> = inputs.iter().map(|x| cast(x, dtype)).collect::<Result<_>>()?;
    run(Op::Linalg(op), &inputs.iter().collect::<Vec<_>>())
}

/// A decomposition that gives one tensor.
pub fn linalg_one(op: LinalgOp, inputs: &[&Tensor]) -> Result<Tensor> {
    Ok(linalg(op, inputs)?.swap_remove(0))
}
