//! Fused forms of float32. `None` means that the reference composition is used.

mod attention;
mod columns;
mod dropout;
mod linear;
mod losses;
mod norm;
mod recurrent;
mod rows;
mod softmax;

use corten_core::{DType, FusedOp, Result};
use smallvec::SmallVec;

use crate::{
    In,
    copy::Dense,
    device::Gpu,
    half::{arithmetic, narrow, wide},
    kernel::{Bind, Grid, Kernel, Parameters, Source, Word, each_element, launch},
    memory::{Buffer, alloc},
};

type Outputs = Result<Option<Vec<Buffer>>>;
type Gradients = Result<Option<Vec<Option<Buffer>>>>;

/// What a gradient is computed of and from.
struct Gradient<'a> {
    inputs: &'a [In<'a>],
    outputs: &'a [In<'a>],
    grads: &'a [Option<In<'a>>],
    needs: &'a [bool],
}

pub(crate) fn fused(gpu: &Gpu, op: &FusedOp, inputs: &[In<'_>]) -> Outputs {
    if arithmetic(inputs[0].dtype) != DType::F32 {
        return Ok(None);
    }
    let made = forward(gpu, op, &widened(inputs))?;
    made.map(|made| made.into_iter().map(|buffer| narrow(gpu, inputs[0].dtype, buffer)).collect()).transpose()
}

/// Operands as kernels see them.
fn widened<'a>(operands: &[In<'a>]) -> SmallVec<[In<'a>; 6]> {
    operands.iter().map(|x| wide(*x)).collect()
}

fn forward(gpu: &Gpu, op: &FusedOp, inputs: &[In<'_>]) -> Outputs {
    match op {
        FusedOp::Softmax { axis } => softmax::forward(gpu, inputs[0], *axis, false),
        FusedOp::LogSoftmax { axis } => softmax::forward(gpu, inputs[0], *axis, true),
        FusedOp::CrossEntropy => losses::cross_entropy(gpu, inputs[0], inputs[1]),
        FusedOp::SparseCrossEntropy => losses::sparse_cross_entropy(gpu, inputs[0], inputs[1]),
        FusedOp::BinaryCrossEntropy => losses::binary_cross_entropy(gpu, inputs[0], inputs[1]),
        FusedOp::LayerNorm { axes, epsilon, scale, offset } => {
            norm::Norm::of_rows(inputs[0], *axes, *epsilon, true).forward(gpu, inputs, *scale, *offset)
        }
        FusedOp::RmsNorm { axes, epsilon, scale } => {
            norm::Norm::of_rows(inputs[0], *axes, *epsilon, false).forward(gpu, inputs, *scale, false)
        }
        FusedOp::GroupNorm { groups, epsilon, scale, offset } => {
            match norm::Norm::of_groups(inputs[0], *groups, *epsilon) {
                Some(of) => of.forward(gpu, inputs, *scale, *offset),
                None => Ok(None),
            }
        }
        FusedOp::BatchNorm { epsilon, scale, offset } => norm::batch(gpu, inputs, *epsilon, *scale, *offset),
        FusedOp::BiasActivation(activation) => linear::bias(gpu, inputs, *activation),
        FusedOp::Linear(epilogue) => linear::forward(gpu, inputs, *epilogue),
        FusedOp::ConvBias { spec, epilogue } => linear::conv_forward(gpu, inputs, spec, *epilogue),
        FusedOp::Dropout(spec) => dropout::apply(gpu, inputs[0], *spec).map(|y| Some(vec![y])),
        FusedOp::Attention(spec) => attention::forward(gpu, inputs, *spec),
        FusedOp::Lstm => recurrent::lstm(gpu, inputs),
        FusedOp::Gru => recurrent::gru(gpu, inputs),
    }
}

pub(crate) fn fused_grad(
    gpu: &Gpu,
    op: &FusedOp,
    inputs: &[In<'_>],
    outputs: &[In<'_>],
    grads: &[Option<In<'_>>],
    needs: &[bool],
) -> Gradients {
    if arithmetic(inputs[0].dtype) != DType::F32 {
        return Ok(None);
    }
    let grads: SmallVec<[Option<In<'_>>; 6]> = grads.iter().map(|grad| grad.map(wide)).collect();
    let (wide_inputs, outputs) = (widened(inputs), widened(outputs));
    let of = Gradient { inputs: &wide_inputs, outputs: &outputs, grads: &grads, needs };
    let Some(made) = gradient(gpu, op, &of)? else { return Ok(None) };
    let pairs = made.into_iter().zip(inputs);
    pairs.map(|(made, x)| made.map(|made| narrow(gpu, x.dtype, made)).transpose()).collect::<Result<_>>().map(Some)
}

fn gradient(gpu: &Gpu, op: &FusedOp, of: &Gradient<'_>) -> Gradients {
    let Gradient { inputs, grads, .. } = of;
    match op {
        FusedOp::Softmax { axis } => softmax::gradient(gpu, of, *axis, false),
        FusedOp::LogSoftmax { axis } => softmax::gradient(gpu, of, *axis, true),
        FusedOp::CrossEntropy => losses::cross_entropy_gradient(gpu, of),
        FusedOp::SparseCrossEntropy => losses::sparse_cross_entropy_gradient(gpu, of),
        FusedOp::BinaryCrossEntropy => losses::binary_cross_entropy_gradient(gpu, of),
        FusedOp::LayerNorm { axes, epsilon, scale, offset } => {
            norm::Norm::of_rows(inputs[0], *axes, *epsilon, true).gradient(gpu, of, *scale, *offset)
        }
        FusedOp::RmsNorm { axes, epsilon, scale } => {
            norm::Norm::of_rows(inputs[0], *axes, *epsilon, false).gradient(gpu, of, *scale, false)
        }
        FusedOp::GroupNorm { groups, epsilon, scale, offset } => {
            match norm::Norm::of_groups(inputs[0], *groups, *epsilon) {
                Some(norm) => norm.gradient(gpu, of, *scale, *offset),
                None => Ok(None),
            }
        }
        FusedOp::BatchNorm { epsilon, scale, offset } => norm::batch_gradient(gpu, of, *epsilon, *scale, *offset),
        FusedOp::BiasActivation(activation) => linear::bias_gradient(gpu, of, *activation),
        FusedOp::Linear(epilogue) => linear::gradient(gpu, of, *epilogue),
        FusedOp::ConvBias { spec, epilogue } => linear::conv_gradient(gpu, of, spec, *epilogue),
        FusedOp::Dropout(spec) => match grads[0] {
            Some(dy) => dropout::apply(gpu, dy, *spec).map(|dx| Some(vec![Some(dx)])),
            None => Ok(None),
        },
        FusedOp::Attention(spec) => attention::gradient(gpu, of, *spec),
        FusedOp::Lstm => recurrent::lstm_gradient(gpu, of),
        FusedOp::Gru => recurrent::gru_gradient(gpu, of),
    }
}

/// A float32 operand that kernels read element by element, row-major.
struct Operand<'a> {
    name: &'static str,
    dense: &'a Dense<'a>,
}

/// Computes `value`, in which an operand X is `of_X`: its element number `i`, or number `i % length` if it is shorter than
/// the result. Numbers have the names that they are given.
fn map(
    gpu: &Gpu,
    name: &str,
    operands: &[Operand<'_>],
    numbers: &[(&str, f64)],
    len: usize,
    value: &str,
) -> Result<Buffer> {
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let mut parameters = Parameters::new();
    let n = parameters.count(len);
    let places: Vec<(Word, Option<Word>)> = operands
        .iter()
        .map(|operand| {
            let own = operand.dense.len();
            (parameters.count(operand.dense.offset()), (own < len).then(|| parameters.count(own)))
        })
        .collect();
    let words: Vec<Word> = numbers.iter().map(|(_, number)| parameters.float(*number)).collect();
    let mut bindings: Vec<Bind<'_>> =
        operands.iter().map(|operand| Bind::read(operand.name, operand.dense.buffer(), "f32")).collect();
    bindings.push(Bind::write("result", &out, "f32"));
    let shorter: String = places.iter().map(|(_, repeat)| if repeat.is_some() { 'r' } else { 'i' }).collect();
    let kernel = Kernel {
        name,
        key: &format!("map {value} {shorter}"),
        parameters: &parameters,
        bindings: &bindings,
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        let mut statements = String::new();
        for (operand, (offset, repeat)) in operands.iter().zip(&places) {
            let at = repeat.as_ref().map_or_else(|| "i".to_owned(), |repeat| format!("i % {repeat}"));
            statements += &format!("let of_{0} = {0}[{offset} + {at}];\n", operand.name);
        }
        for ((name, _), word) in numbers.iter().zip(&words) {
            statements += &format!("let {name} = {word};\n");
        }
        Source::new(each_element(&n, &format!("{statements}result[i] = {value};")))
    })?;
    Ok(out)
}
