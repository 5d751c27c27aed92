//! Fused forms.

use corten_core::{
    Activation, ConvSpec, DType, Dims, Epilogue, Error, FusedOp, Op, Result, Tuple, promote, resolve_axis,
};

use super::{cast, reshape, to_float};
use crate::{
    autograd,
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

/// `activation(x @ w + bias)`, summed over the last `axes` axes of x and the first of w; the bias has the others of w.
pub fn linear(x: &Tensor, w: &Tensor, bias: &Tensor, activation: Activation, axes: usize) -> Result<Tensor> {
    if axes == 1 && w.rank() == 2 {
        return with_bias([x, w, bias], activation, FusedOp::Linear);
    }
    let lead = x.rank().checked_sub(axes).filter(|_| axes > 0 && axes < w.rank());
    let Some(lead) = lead.filter(|&lead| x.shape()[lead..] == w.shape()[..axes] && *bias.shape() == w.shape()[axes..])
    else {
        return Err(Error::shape(format!(
            "linear: the last {axes} axes of x must be the first of the weights, whose others are the bias's; \
             got x={}, weights={}, bias={}",
            Tuple(x.shape()),
            Tuple(w.shape()),
            Tuple(bias.shape())
        )));
    };
    let (depth, columns) = (w.shape()[..axes].iter().product(), bias.len());
    let flat: Dims = x.shape()[..lead].iter().copied().chain([depth]).collect();
    let (flat, kernel) = (reshape(x, &flat)?, reshape(w, &[depth, columns])?);
    let result = with_bias([&flat, &kernel, &reshape(bias, &[columns])?], activation, FusedOp::Linear)?;
    let shape: Dims = x.shape()[..lead].iter().chain(bias.shape()).copied().collect();
    reshape(&result, &shape)
}

/// `activation(conv(x, w) + bias)`, the bias along the channels.
pub fn conv_bias(x: &Tensor, w: &Tensor, bias: &Tensor, activation: Activation, spec: ConvSpec) -> Result<Tensor> {
    with_bias([x, w, bias], activation, |epilogue| FusedOp::ConvBias { spec, epilogue })
}

fn with_bias(inputs: [&Tensor; 3], activation: Activation, op: impl FnOnce(Epilogue) -> FusedOp) -> Result<Tensor> {
    let recorded = autograd::is_grad_enabled() && inputs.iter().any(|x| x.requires_grad());
    let op = Op::Fused(op(Epilogue { activation, recorded }));
    let dtype = inputs[0].dtype();
    if dtype.is_float() && inputs.iter().all(|x| x.dtype() == dtype) {
        return run_one(op, &inputs);
    }
    let dtype = inputs.iter().map(|x| x.dtype()).fold(DType::Bool, promote).to_float();
    let [x, w, bias] = inputs.map(|x| cast(x, dtype));
    run_one(op, &[&x?, &w?, &bias?])
}
