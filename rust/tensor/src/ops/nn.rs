//! Fused forms.

use corten_core::{
    Activation, ConvSpec, DType, Dims, Epilogue, Error, FusedOp, Op, Result, Tuple, promote, resolve_axis,
};
use smallvec::SmallVec;

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

/// What follows a product: `activation(scale * product + residual + bias)`.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    pub bias: &'a Tensor,
    pub activation: Activation,
    pub scale: f64,
    /// Of the shape of the result.
    pub residual: Option<&'a Tensor>,
}

impl<'a> Ending<'a> {
    /// A bias and an activation.
    pub const fn new(bias: &'a Tensor, activation: Activation) -> Self {
        Self { bias, activation, scale: 1.0, residual: None }
    }
}

/// `x @ w` and its ending, summed over the last `axes` axes of x and the first of w; the bias has the others of w.
pub fn linear(x: &Tensor, w: &Tensor, ending: Ending<'_>, axes: usize) -> Result<Tensor> {
    if axes == 1 && w.rank() == 2 {
        return with_ending([x, w], ending, FusedOp::Linear);
    }
    let bias = ending.bias;
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
    let shape: Dims = x.shape()[..lead].iter().chain(bias.shape()).copied().collect();
    let (depth, columns) = (w.shape()[..axes].iter().product(), bias.len());
    let under = |last: usize| -> Dims { x.shape()[..lead].iter().copied().chain([last]).collect() };
    let (flat, kernel) = (reshape(x, &under(depth))?, reshape(w, &[depth, columns])?);
    let residual = match ending.residual {
        Some(residual) if *residual.shape() != shape[..] => {
            return Err(Error::shape(format!(
                "linear: the residual must have the shape of the result, {}; got {}",
                Tuple(&shape),
                Tuple(residual.shape())
            )));
        }
        residual => residual.map(|residual| reshape(residual, &under(columns))).transpose()?,
    };
    let ending = Ending { bias: &reshape(bias, &[columns])?, residual: residual.as_ref(), ..ending };
    reshape(&with_ending([&flat, &kernel], ending, FusedOp::Linear)?, &shape)
}

/// A convolution and its ending, the bias along the channels.
pub fn conv_bias(x: &Tensor, w: &Tensor, ending: Ending<'_>, spec: ConvSpec) -> Result<Tensor> {
    with_ending([x, w], ending, |epilogue| FusedOp::ConvBias { spec, epilogue })
}

fn with_ending(
    [x, w]: [&Tensor; 2],
    Ending { bias, activation, scale, residual }: Ending<'_>,
    op: impl FnOnce(Epilogue) -> FusedOp,
) -> Result<Tensor> {
    let inputs: SmallVec<[&Tensor; 4]> = [x, w, bias].into_iter().chain(residual).collect();
    let recorded = autograd::is_grad_enabled() && inputs.iter().any(|x| x.requires_grad());
    let op = Op::Fused(op(Epilogue { activation, scale, residual: residual.is_some(), recorded }));
    let dtype = x.dtype();
    if dtype.is_float() && inputs.iter().all(|x| x.dtype() == dtype) {
        return run_one(op, &inputs);
    }
    let dtype = inputs.iter().map(|x| x.dtype()).fold(DType::Bool, promote).to_float();
    let inputs: Vec<Tensor> = inputs.into_iter().map(|x| cast(x, dtype)).collect::<Result<_>>()?;
    run_one(op, &inputs.iter().collect::<SmallVec<[&Tensor; 4]>>())
}
