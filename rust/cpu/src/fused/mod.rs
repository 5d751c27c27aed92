//! Fused forms. `None` means that the reference composition is used.
//!
//! Kernels are written for float32 and float64 on row-major operands; 16-bit floats are computed
//! in float32 and rounded once.

mod attention;
mod bias;
mod dropout;
mod linear;
mod losses;
mod math;
mod norm;
mod rnn;
mod rows;
mod softmax;
mod steps;
#[cfg(test)]
mod testing;

use corten_core::{
    DType, FusedOp, Layout, Result,
    half::{bf16, f16},
};

use self::math::Float;
pub(crate) use self::rows::{singles, singles_mut};
use crate::{
    In,
    dense::Dense,
    memory::Buffer,
    parallel::{self, DisjointMut},
    simd::convert::Half,
};

/// Elements of dear work (an exponential each) worth a task.
const DEAR: usize = 4 << 10;
/// Elements of cheap work worth a task.
const CHEAP: usize = 16 << 10;
/// Parts that sums over rows are cut into at most; they are added up in order.
const PARTS: usize = 32;

type Outputs = Result<Option<Vec<Buffer>>>;
type Gradients = Result<Option<Vec<Option<Buffer>>>>;

pub(crate) fn fused(op: &FusedOp, inputs: &[In<'_>]) -> Outputs {
    match inputs[0].dtype {
        DType::F32 => forward::<f32>(op, inputs),
        DType::F64 => forward::<f64>(op, inputs),
        DType::F16 => forward_of_half::<f16>(op, inputs),
        DType::BF16 => forward_of_half::<bf16>(op, inputs),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => Ok(None),
    }
}

pub(crate) fn fused_grad(
    op: &FusedOp,
    inputs: &[In<'_>],
    outputs: &[In<'_>],
    grads: &[Option<In<'_>>],
    needs: &[bool],
) -> Gradients {
    match inputs[0].dtype {
        DType::F32 => gradient::<f32>(op, &Gradient { inputs, outputs, grads, needs }),
        DType::F64 => gradient::<f64>(op, &Gradient { inputs, outputs, grads, needs }),
        DType::F16 => gradient_of_half::<f16>(op, inputs, outputs, grads, needs),
        DType::BF16 => gradient_of_half::<bf16>(op, inputs, outputs, grads, needs),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => Ok(None),
    }
}

/// What a gradient is computed of and from.
struct Gradient<'a> {
    inputs: &'a [In<'a>],
    outputs: &'a [In<'a>],
    grads: &'a [Option<In<'a>>],
    needs: &'a [bool],
}

fn forward<T: Float>(op: &FusedOp, inputs: &[In<'_>]) -> Outputs {
    match op {
        FusedOp::Softmax { axis } => softmax::forward::<T>(inputs[0], *axis, false),
        FusedOp::LogSoftmax { axis } => softmax::forward::<T>(inputs[0], *axis, true),
        FusedOp::CrossEntropy => losses::cross_entropy::<T>(inputs[0], inputs[1]),
        FusedOp::SparseCrossEntropy => losses::sparse_cross_entropy::<T>(inputs[0], inputs[1]),
        FusedOp::BinaryCrossEntropy => losses::binary_cross_entropy::<T>(inputs[0], inputs[1]),
        FusedOp::LayerNorm { axes, epsilon, scale, offset } => {
            norm::rows::<T>(inputs, *axes, *epsilon, true, *scale, *offset)
        }
        FusedOp::RmsNorm { axes, epsilon, scale } => norm::rows::<T>(inputs, *axes, *epsilon, false, *scale, false),
        FusedOp::BatchNorm { epsilon, scale, offset } => norm::batch::<T>(inputs, *epsilon, *scale, *offset),
        FusedOp::GroupNorm { groups, epsilon, scale, offset } => {
            norm::group::<T>(inputs, *groups, *epsilon, *scale, *offset)
        }
        FusedOp::Lstm => rnn::lstm::<T>(inputs),
        FusedOp::Gru => rnn::gru::<T>(inputs),
        FusedOp::BiasActivation(activation) => bias::forward::<T>(inputs, *activation),
        FusedOp::Linear(epilogue) => linear::forward::<T>(inputs, *epilogue),
        FusedOp::ConvBias { spec, epilogue } => linear::conv_forward::<T>(inputs, spec, *epilogue),
        FusedOp::Dropout(spec) => dropout::forward::<T>(inputs[0], *spec),
        FusedOp::Attention(spec) => attention::forward::<T>(inputs, *spec),
    }
}

fn gradient<T: Float>(op: &FusedOp, of: &Gradient<'_>) -> Gradients {
    match op {
        FusedOp::Softmax { axis } => softmax::gradient::<T>(of, *axis, false),
        FusedOp::LogSoftmax { axis } => softmax::gradient::<T>(of, *axis, true),
        FusedOp::CrossEntropy => losses::cross_entropy_gradient::<T>(of),
        FusedOp::SparseCrossEntropy => losses::sparse_cross_entropy_gradient::<T>(of),
        FusedOp::BinaryCrossEntropy => losses::binary_cross_entropy_gradient::<T>(of),
        FusedOp::LayerNorm { axes, epsilon, scale, offset } => {
            norm::rows_gradient::<T>(of, *axes, *epsilon, true, *scale, *offset)
        }
        FusedOp::RmsNorm { axes, epsilon, scale } => {
            norm::rows_gradient::<T>(of, *axes, *epsilon, false, *scale, false)
        }
        FusedOp::BatchNorm { epsilon, scale, offset } => norm::batch_gradient::<T>(of, *epsilon, *scale, *offset),
        FusedOp::GroupNorm { groups, epsilon, scale, offset } => {
            norm::group_gradient::<T>(of, *groups, *epsilon, *scale, *offset)
        }
        FusedOp::Lstm => rnn::lstm_gradient::<T>(of),
        FusedOp::Gru => rnn::gru_gradient::<T>(of),
        FusedOp::BiasActivation(activation) => bias::gradient::<T>(of, *activation),
        FusedOp::Linear(epilogue) => linear::gradient::<T>(of, *epilogue),
        FusedOp::ConvBias { spec, epilogue } => linear::conv_gradient::<T>(of, spec, *epilogue),
        FusedOp::Dropout(spec) => dropout::gradient::<T>(of, *spec),
        FusedOp::Attention(spec) => attention::gradient::<T>(of, *spec),
    }
}

/// Operands widened to float32 (others as they are), with their layouts.
struct Widened<'a> {
    made: Vec<Option<(Buffer, Layout)>>,
    operands: Vec<In<'a>>,
}

impl<'a> Widened<'a> {
    fn new<S: Half>(operands: &[In<'a>]) -> Result<Self> {
        let made = operands.iter().map(|x| {
            if x.dtype != S::DTYPE {
                return Ok(None);
            }
            let dense = Dense::<S>::new(*x)?;
            let mut wide = Buffer::for_elements(DType::F32, x.layout.len())?;
            in_parts(dense.slice(), wide.as_mut_slice(), S::widen);
            Ok(Some((wide, Layout::contiguous(x.layout.shape()))))
        });
        Ok(Self { made: made.collect::<Result<_>>()?, operands: operands.to_vec() })
    }

    fn views(&self) -> Vec<In<'_>> {
        let pairs = self.made.iter().zip(&self.operands);
        pairs
            .map(|(made, operand)| match made {
                Some((buffer, layout)) => In { buffer, layout, dtype: DType::F32 },
                None => *operand,
            })
            .collect()
    }
}

/// Converts slices of one length on all threads.
fn in_parts<A: Sync, B: Send>(from: &[A], to: &mut [B], convert: impl Fn(&[A], &mut [B]) + Sync) {
    let pieces = DisjointMut::new(to);
    parallel::for_ranges(from.len(), CHEAP, |range| {
        // SAFETY: every range has its own elements.
        convert(&from[range.clone()], unsafe { pieces.range(range) });
    });
}

fn narrow<S: Half>(wide: &Buffer) -> Result<Buffer> {
    let wide = wide.as_slice::<f32>();
    let mut result = Buffer::for_elements(S::DTYPE, wide.len())?;
    in_parts(wide, result.as_mut_slice(), S::narrow);
    Ok(result)
}

fn forward_of_half<S: Half>(op: &FusedOp, inputs: &[In<'_>]) -> Outputs {
    if let FusedOp::Linear(epilogue) = op {
        return linear::forward_of_half::<S>(inputs, *epilogue);
    }
    let inputs = Widened::new::<S>(inputs)?;
    let outputs = forward::<f32>(op, &inputs.views())?;
    outputs.map(|outputs| outputs.iter().map(narrow::<S>).collect()).transpose()
}

fn gradient_of_half<S: Half>(
    op: &FusedOp,
    inputs: &[In<'_>],
    outputs: &[In<'_>],
    grads: &[Option<In<'_>>],
    needs: &[bool],
) -> Gradients {
    if let FusedOp::Linear(epilogue) = op {
        return linear::gradient_of_half::<S>(&Gradient { inputs, outputs, grads, needs }, *epilogue);
    }
    let (inputs, outputs) = (Widened::new::<S>(inputs)?, Widened::new::<S>(outputs)?);
    let given = Widened::new::<S>(&grads.iter().copied().flatten().collect::<Vec<_>>())?;
    let given = given.views();
    let mut given = given.into_iter();
    let grads: Vec<Option<In<'_>>> = grads.iter().map(|grad| grad.and_then(|_| given.next())).collect();
    let of = Gradient { inputs: &inputs.views(), outputs: &outputs.views(), grads: &grads, needs };
    let results = gradient::<f32>(op, &of)?;
    let narrowed = results.map(|results| {
        results.iter().map(|result| result.as_ref().map(narrow::<S>).transpose()).collect::<Result<Vec<_>>>()
    });
    narrowed.transpose()
}
