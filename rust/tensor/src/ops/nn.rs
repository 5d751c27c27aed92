//! Fused forms.

use corten_core::{Error, FusedOp, Op, Result, resolve_axis};

use super::to_float;
use crate::{
    execute::{Outputs, run, run_one},
    tensor::Tensor,
};

/// Runs a fused op on float operands.
pub fn fused(op: FusedOp, inputs: &[&Tensor]) -> Result<Outputs> {
    run(Op::Fused(op), inputs)
}

/// Softmax along an axis.
pub fn softmax(x: &Tensor, axis: isize) -> Result<Tensor> {
    let x = to_float(x)?;
    let axis = resolve_axis("softmax", axis, x.rank())?;
    run_one(Op::Fused(FusedOp::Softmax { axis }), &[&x])
}

/// Logarithm of softmax along an axis.
pub fn log_softmax(x: &Tensor, axis: isize) -> Result<Tensor> {
    let x = to_float(x)?;
    let axis = resolve_axis("log_softmax", axis, x.rank())?;
    run_one(Op::Fused(FusedOp::LogSoftmax { axis }), &[&x])
}

/// Cross-entropy of integer labels with logits over the last axis.
pub fn sparse_cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let logits = to_float(logits)?;
    if logits.rank() == 0 {
        return Err(Error::shape("sparse_cross_entropy: the logits need a class axis"));
    }
    let labels = super::index::as_index("sparse_cross_entropy", labels)?;
    run_one(Op::Fused(FusedOp::SparseCrossEntropy), &[&logits, &labels])
}
