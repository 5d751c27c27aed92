//! Every derivative: one exhaustive match, written with the public ops. Broadcasting is undone by the
//! walker. Kinks: relu'(0) = 0, max pooling gives to the first maximum, ties of `maximum` share equally.

use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LN_10, PI};

use corten_core::{
    Activation, BinaryOp, CompareOp, Dims, FusedOp, Op, Range, ReduceOp, Result, Scalar, ScanOp, ScatterMode, UnaryOp,
};
use smallvec::SmallVec;

use super::{graph, rules_index, rules_linalg};
use crate::{
    execute::{self, run_one},
    fused,
    ops::{
        self, add, cast, compare, compare_scalar, div, mul, neg, permute, reshape, scale, select, shift, sigmoid,
        square, sub, zeros_like,
    },
    storage::Storage,
    tensor::Tensor,
};

/// Which values a rule reads; the others are dropped when the op is recorded.
#[derive(Clone, Copy)]
pub(super) struct Keeps {
    pub(super) inputs: bool,
    pub(super) outputs: bool,
}

const NOTHING: Keeps = Keeps { inputs: false, outputs: false };
const INPUTS: Keeps = Keeps { inputs: true, outputs: false };
const OUTPUTS: Keeps = Keeps { inputs: false, outputs: true };
const BOTH: Keeps = Keeps { inputs: true, outputs: true };

pub(super) fn keeps(op: &Op) -> Keeps {
    match op {
        Op::Unary(unary) => match unary {
            UnaryOp::Neg
            | UnaryOp::Sign
            | UnaryOp::Floor
            | UnaryOp::Ceil
            | UnaryOp::Round
            | UnaryOp::Trunc
            | UnaryOp::Not
            | UnaryOp::IsNan
            | UnaryOp::IsInf
            | UnaryOp::IsFinite
            | UnaryOp::SignBit => NOTHING,
            UnaryOp::Sqrt
            | UnaryOp::Rsqrt
            | UnaryOp::Reciprocal
            | UnaryOp::Exp
            | UnaryOp::Exp2
            | UnaryOp::Expm1
            | UnaryOp::Tan
            | UnaryOp::Tanh
            | UnaryOp::Erfinv
            | UnaryOp::Sigmoid
            | UnaryOp::Relu => OUTPUTS,
            UnaryOp::Abs
            | UnaryOp::Square
            | UnaryOp::Log
            | UnaryOp::Log2
            | UnaryOp::Log10
            | UnaryOp::Log1p
            | UnaryOp::Sin
            | UnaryOp::Cos
            | UnaryOp::Asin
            | UnaryOp::Acos
            | UnaryOp::Atan
            | UnaryOp::Sinh
            | UnaryOp::Cosh
            | UnaryOp::Asinh
            | UnaryOp::Acosh
            | UnaryOp::Atanh
            | UnaryOp::Erf
            | UnaryOp::Erfc
            | UnaryOp::Lgamma
            | UnaryOp::Polygamma(_)
            | UnaryOp::BesselI0
            | UnaryOp::BesselI1
            | UnaryOp::Softplus
            | UnaryOp::Silu
            | UnaryOp::Gelu
            | UnaryOp::GeluTanh => INPUTS,
        },
        Op::Binary(BinaryOp::Add | BinaryOp::Sub)
        | Op::Cast(_)
        | Op::Reshape(_)
        | Op::Permute(_)
        | Op::Expand(_)
        | Op::Slice(_)
        | Op::Copy
        | Op::SliceScatter(_)
        | Op::Pad { .. }
        | Op::Concat { .. }
        | Op::Reduce { op: ReduceOp::Sum | ReduceOp::Mean, .. }
        | Op::Scan { op: ScanOp::Sum, .. }
        | Op::AvgPool(_)
        | Op::AvgPoolGrad { .. } => NOTHING,
        Op::Sort { .. } | Op::TopK { .. } => OUTPUTS,
        Op::Fused(fused_op) => keeps_of_fused(fused_op),
        Op::Binary(BinaryOp::Div | BinaryOp::Pow | BinaryOp::Hypot | BinaryOp::LogAddExp)
        | Op::Scatter { .. }
        | Op::ScatterAlong { .. }
        | Op::Reduce { .. }
        | Op::Scan { .. }
        | Op::Linalg(_) => BOTH,
        Op::Binary(_)
        | Op::Full { .. }
        | Op::Iota { .. }
        | Op::Random { .. }
        | Op::RandomGamma { .. }
        | Op::Compare(_)
        | Op::Select
        | Op::Gather { .. }
        | Op::TakeAlong { .. }
        | Op::ArgReduce { .. }
        | Op::SearchSorted { .. }
        | Op::Matmul
        | Op::WideMatmul
        | Op::Conv(_)
        | Op::ConvGradInput { .. }
        | Op::ConvGradWeight { .. }
        | Op::MaxPool(_)
        | Op::MaxPoolGrad(_)
        | Op::MaxPoolSelect(_) => INPUTS,
    }
}

fn keeps_of_fused(op: &FusedOp) -> Keeps {
    match op {
        FusedOp::Dropout(_) => NOTHING,
        FusedOp::Linear(epilogue) | FusedOp::ConvBias { epilogue, .. } if epilogue.activation == Activation::Linear => {
            INPUTS
        }
        FusedOp::Softmax { .. }
        | FusedOp::LogSoftmax { .. }
        | FusedOp::CrossEntropy
        | FusedOp::SparseCrossEntropy
        | FusedOp::BinaryCrossEntropy
        | FusedOp::LayerNorm { .. }
        | FusedOp::RmsNorm { .. }
        | FusedOp::BatchNorm { .. }
        | FusedOp::GroupNorm { .. }
        | FusedOp::BiasActivation(_)
        | FusedOp::Linear(_)
        | FusedOp::ConvBias { .. }
        | FusedOp::Attention(_)
        | FusedOp::Lstm
        | FusedOp::Gru => BOTH,
    }
}

/// Gradients of the inputs from those of the outputs. `needs` says which are asked for; others may be given.
pub(super) fn vjp(
    op: &Op,
    inputs: &[Tensor],
    outputs: &[Tensor],
    grads: &[Option<Tensor>],
    needs: &[bool],
) -> Result<Vec<Option<Tensor>>> {
    // Ops whose further outputs carry gradients of their own.
    if let Op::Linalg(linalg) = op {
        return rules_linalg::vjp(*linalg, inputs, outputs, grads, needs);
    }
    let Some(g) = grads[0].as_ref() else {
        if let Op::Fused(fused_op) = op {
            return fused_vjp(fused_op, inputs, outputs, grads, needs);
        }
        return Ok(vec![None; inputs.len()]);
    };
    // Computes a gradient only where it is asked for.
    let when = |i: usize, rule: &dyn Fn() -> Result<Tensor>| -> Result<Option<Tensor>> {
        if needs[i] { rule().map(Some) } else { Ok(None) }
    };
    let one = |gradient: Result<Tensor>| gradient.map(|gradient| vec![Some(gradient)]);
    match op {
        Op::Full { .. }
        | Op::Iota { .. }
        | Op::Random { .. }
        | Op::RandomGamma { .. }
        | Op::Compare(_)
        | Op::ArgReduce { .. }
        | Op::SearchSorted { .. }
        | Op::WideMatmul => Ok(vec![None; inputs.len()]),

        Op::Unary(unary) => Ok(vec![unary_vjp(*unary, &inputs[0], &outputs[0], g)?]),
        Op::Binary(binary) => binary_vjp(*binary, inputs, &outputs[0], g, needs),
        Op::Select => {
            let zero = execute::full(&[], Scalar::Float(0.0), g.dtype())?;
            Ok(vec![None, when(1, &|| select(&inputs[0], g, &zero))?, when(2, &|| select(&inputs[0], &zero, g))?])
        }
        Op::Cast(_) => one(cast(g, inputs[0].dtype())),

        Op::Reshape(_) => one(reshape(g, inputs[0].shape())),
        Op::Permute(axes) => {
            let mut inverse: Dims = SmallVec::from_elem(0, axes.len());
            for (to, &from) in axes.iter().enumerate() {
                inverse[from] = to;
            }
            one(permute(g, &inverse))
        }
        Op::Expand(_) | Op::Copy => Ok(vec![Some(g.clone())]),
        Op::Slice(ranges) => {
            let base = zeros_like(&inputs[0])?;
            one(run_one(Op::SliceScatter(ranges.clone()), &[&base, g]))
        }
        Op::SliceScatter(ranges) => {
            let erase = || run_one(Op::SliceScatter(ranges.clone()), &[g, &zeros_like(&inputs[1])?]);
            Ok(vec![when(0, &erase)?, when(1, &|| run_one(Op::Slice(ranges.clone()), &[g]))?])
        }
        Op::Pad { padding, .. } => {
            let ranges: SmallVec<[Range; 6]> = padding
                .iter()
                .zip(inputs[0].shape())
                .map(|((low, _), &len)| Range { start: *low, step: 1, len })
                .collect();
            one(run_one(Op::Slice(ranges), &[g]))
        }
        Op::Concat { axis } => {
            let mut start = 0;
            let mut gradients = Vec::with_capacity(inputs.len());
            for (i, x) in inputs.iter().enumerate() {
                let len = x.shape()[*axis];
                gradients.push(when(i, &|| ops::narrow(g, *axis, start, len))?);
                start += len;
            }
            Ok(gradients)
        }
        Op::Gather { axis } => {
            let base = zero_base(&inputs[0])?;
            let gradient = run_one(Op::Scatter { axis: *axis, mode: ScatterMode::Add }, &[&base, &inputs[1], g])?;
            Ok(vec![Some(gradient), None])
        }
        Op::TakeAlong { axis } => {
            let base = zero_base(&inputs[0])?;
            let gradient = run_one(Op::ScatterAlong { axis: *axis, mode: ScatterMode::Add }, &[&base, &inputs[1], g])?;
            Ok(vec![Some(gradient), None])
        }
        Op::Scatter { axis, mode } => {
            rules_index::scatter_vjp(&rules_index::Access::Whole(*axis), *mode, inputs, &outputs[0], g, needs)
        }
        Op::ScatterAlong { axis, mode } => {
            rules_index::scatter_vjp(&rules_index::Access::Along(*axis), *mode, inputs, &outputs[0], g, needs)
        }

        Op::Reduce { op: reduce, axes, .. } => one(reduce_vjp(*reduce, axes, &inputs[0], &outputs[0], g)),
        Op::Scan { op: scan, axis, reverse } => one(scan_vjp(*scan, *axis, *reverse, &inputs[0], &outputs[0], g)),
        Op::Sort { axis, .. } => one(unsort(&inputs[0], &outputs[1], g, *axis)),
        Op::TopK { .. } => one(unsort(&inputs[0], &outputs[1], g, inputs[0].rank() - 1)),

        Op::Matmul => Ok(vec![
            when(0, &|| ops::matmul(g, &ops::matrix_transpose(&inputs[1])?))?,
            when(1, &|| ops::matmul(&ops::matrix_transpose(&inputs[0])?, g))?,
        ]),
        Op::Linalg(linalg) => rules_linalg::vjp(*linalg, inputs, outputs, grads, needs),

        Op::Conv(spec) => {
            let (input, kernel) = (spatial(&inputs[0]), kernel_size(&inputs[1]));
            let to_x = Op::ConvGradInput { spec: spec.clone(), input };
            let to_w = Op::ConvGradWeight { spec: spec.clone(), kernel };
            // Both read it row-major: a broadcast gradient is written out once for both.
            let g = &g.contiguous()?;
            Ok(vec![
                when(0, &|| run_one(to_x.clone(), &[g, &inputs[1]]))?,
                when(1, &|| run_one(to_w.clone(), &[&inputs[0], g]))?,
            ])
        }
        Op::ConvGradInput { spec, .. } => {
            let to_w = Op::ConvGradWeight { spec: spec.clone(), kernel: kernel_size(&inputs[1]) };
            Ok(vec![
                when(0, &|| run_one(Op::Conv(spec.clone()), &[g, &inputs[1]]))?,
                when(1, &|| run_one(to_w.clone(), &[g, &inputs[0]]))?,
            ])
        }
        Op::ConvGradWeight { spec, .. } => {
            let to_x = Op::ConvGradInput { spec: spec.clone(), input: spatial(&inputs[0]) };
            Ok(vec![
                when(0, &|| run_one(to_x.clone(), &[&inputs[1], g]))?,
                when(1, &|| run_one(Op::Conv(spec.clone()), &[&inputs[0], g]))?,
            ])
        }
        Op::MaxPool(spec) => one(run_one(Op::MaxPoolGrad(spec.clone()), &[&inputs[0], g])),
        Op::MaxPoolGrad(spec) => {
            Ok(vec![None, when(1, &|| run_one(Op::MaxPoolSelect(spec.clone()), &[&inputs[0], g]))?])
        }
        Op::MaxPoolSelect(spec) => {
            Ok(vec![None, when(1, &|| run_one(Op::MaxPoolGrad(spec.clone()), &[&inputs[0], g]))?])
        }
        Op::AvgPool(spec) => {
            let input = spatial(&inputs[0]);
            one(run_one(Op::AvgPoolGrad { spec: spec.clone(), input }, &[g]))
        }
        Op::AvgPoolGrad { spec, .. } => one(run_one(Op::AvgPool(spec.clone()), &[g])),

        Op::Fused(FusedOp::Dropout(_)) => one(run_one(op.clone(), &[g])),
        Op::Fused(fused_op) => fused_vjp(fused_op, inputs, outputs, grads, needs),
    }
}

/// Spatial sizes of `(n, spatial..., c)`.
fn spatial(x: &Tensor) -> Dims {
    Dims::from_slice(&x.shape()[1..x.rank() - 1])
}

/// Sizes of `(size..., c_in, c_out)`.
fn kernel_size(w: &Tensor) -> Dims {
    Dims::from_slice(&w.shape()[..w.rank() - 2])
}

fn unary_vjp(op: UnaryOp, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
    let one_minus_square = |v: &Tensor| shift(&neg(&square(v)?)?, 1.0);
    let one_plus_square = |v: &Tensor| shift(&square(v)?, 1.0);
    let gaussian = |v: &Tensor| ops::exp(&neg(&square(v)?)?);
    let gradient = match op {
        UnaryOp::Sign
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round
        | UnaryOp::Trunc
        | UnaryOp::Not
        | UnaryOp::IsNan
        | UnaryOp::IsInf
        | UnaryOp::IsFinite
        | UnaryOp::SignBit => return Ok(None),
        UnaryOp::Neg => neg(g),
        UnaryOp::Abs => mul(g, &ops::sign(x)?),
        UnaryOp::Square => scale(&mul(g, x)?, 2.0),
        UnaryOp::Sqrt => scale(&div(g, y)?, 0.5),
        UnaryOp::Rsqrt => scale(&mul(g, &mul(y, &square(y)?)?)?, -0.5),
        UnaryOp::Reciprocal => neg(&mul(g, &square(y)?)?),
        UnaryOp::Exp => mul(g, y),
        UnaryOp::Exp2 => scale(&mul(g, y)?, LN_2),
        UnaryOp::Expm1 => mul(g, &shift(y, 1.0)?),
        UnaryOp::Log => div(g, x),
        UnaryOp::Log2 => scale(&div(g, x)?, 1.0 / LN_2),
        UnaryOp::Log10 => scale(&div(g, x)?, 1.0 / LN_10),
        UnaryOp::Log1p => div(g, &shift(x, 1.0)?),
        UnaryOp::Sin => mul(g, &ops::cos(x)?),
        UnaryOp::Cos => neg(&mul(g, &ops::sin(x)?)?),
        UnaryOp::Tan => mul(g, &one_plus_square(y)?),
        UnaryOp::Asin => mul(g, &ops::rsqrt(&one_minus_square(x)?)?),
        UnaryOp::Acos => neg(&mul(g, &ops::rsqrt(&one_minus_square(x)?)?)?),
        UnaryOp::Atan => div(g, &one_plus_square(x)?),
        UnaryOp::Sinh => mul(g, &ops::cosh(x)?),
        UnaryOp::Cosh => mul(g, &ops::sinh(x)?),
        UnaryOp::Tanh => mul(g, &one_minus_square(y)?),
        UnaryOp::Asinh => mul(g, &ops::rsqrt(&one_plus_square(x)?)?),
        UnaryOp::Acosh => mul(g, &ops::rsqrt(&mul(&shift(x, -1.0)?, &shift(x, 1.0)?)?)?),
        UnaryOp::Atanh => div(g, &one_minus_square(x)?),
        UnaryOp::Erf => scale(&mul(g, &gaussian(x)?)?, FRAC_2_SQRT_PI),
        UnaryOp::Erfc => scale(&mul(g, &gaussian(x)?)?, -FRAC_2_SQRT_PI),
        UnaryOp::Erfinv => scale(&mul(g, &ops::exp(&square(y)?)?)?, 1.0 / FRAC_2_SQRT_PI),
        UnaryOp::Lgamma => mul(g, &ops::unary(UnaryOp::Polygamma(0), x)?),
        UnaryOp::Polygamma(order) => mul(g, &ops::unary(UnaryOp::Polygamma(order + 1), x)?),
        UnaryOp::BesselI0 => mul(g, &ops::unary(UnaryOp::BesselI1, x)?),
        UnaryOp::BesselI1 => {
            let zero = compare_scalar(CompareOp::Eq, x, 0.0)?;
            let safe = select(&zero, &ops::full_like(x, 1.0)?, x)?;
            let slope =
                sub(&ops::unary(UnaryOp::BesselI0, &safe)?, &div(&ops::unary(UnaryOp::BesselI1, &safe)?, &safe)?)?;
            mul(g, &select(&zero, &ops::full_like(x, 0.5)?, &slope)?)
        }
        UnaryOp::Sigmoid => mul(g, &mul(y, &shift(&neg(y)?, 1.0)?)?),
        UnaryOp::Softplus => mul(g, &sigmoid(x)?),
        UnaryOp::Relu => select(&compare_scalar(CompareOp::Gt, y, 0.0)?, g, Scalar::Float(0.0)),
        UnaryOp::Silu => {
            let s = sigmoid(x)?;
            let slope = mul(&s, &shift(&mul(x, &shift(&neg(&s)?, 1.0)?)?, 1.0)?)?;
            mul(g, &slope)
        }
        UnaryOp::Gelu => {
            let cdf = scale(&shift(&ops::unary(UnaryOp::Erf, &scale(x, 0.5f64.sqrt())?)?, 1.0)?, 0.5)?;
            let pdf = scale(&ops::exp(&scale(&square(x)?, -0.5)?)?, 1.0 / (2.0 * PI).sqrt())?;
            mul(g, &add(&cdf, &mul(x, &pdf)?)?)
        }
        UnaryOp::GeluTanh => {
            let c = (2.0 / PI).sqrt();
            let x2 = square(x)?;
            let t = ops::tanh(&scale(&mul(x, &shift(&scale(&x2, 0.044_715)?, 1.0)?)?, c)?)?;
            let inner = scale(&shift(&scale(&x2, 3.0 * 0.044_715)?, 1.0)?, c)?;
            let slope =
                add(&scale(&shift(&t, 1.0)?, 0.5)?, &scale(&mul(x, &mul(&one_minus_square(&t)?, &inner)?)?, 0.5)?)?;
            mul(g, &slope)
        }
    };
    gradient.map(Some)
}

fn binary_vjp(op: BinaryOp, inputs: &[Tensor], y: &Tensor, g: &Tensor, needs: &[bool]) -> Result<Vec<Option<Tensor>>> {
    let (a, b) = (&inputs[0], &inputs[1]);
    let pair = |to_a: &dyn Fn() -> Result<Tensor>, to_b: &dyn Fn() -> Result<Tensor>| {
        Ok(vec![if needs[0] { Some(to_a()?) } else { None }, if needs[1] { Some(to_b()?) } else { None }])
    };
    match op {
        BinaryOp::Add => pair(&|| Ok(g.clone()), &|| Ok(g.clone())),
        BinaryOp::Sub => pair(&|| Ok(g.clone()), &|| neg(g)),
        BinaryOp::Mul => pair(&|| mul(g, b), &|| mul(g, a)),
        BinaryOp::Div => pair(&|| div(g, b), &|| neg(&div(&mul(g, y)?, b)?)),
        BinaryOp::Mod => pair(&|| Ok(g.clone()), &|| neg(&mul(g, &ops::unary(UnaryOp::Floor, &div(a, b)?)?)?)),
        BinaryOp::Fmod => pair(&|| Ok(g.clone()), &|| neg(&mul(g, &ops::unary(UnaryOp::Trunc, &div(a, b)?)?)?)),
        BinaryOp::Pow => pair(
            &|| {
                // x ** 0 is constant, also where x ** -1 is infinite.
                let slope = mul(b, &ops::pow(a, &shift(b, -1.0)?)?)?;
                let constant = compare_scalar(CompareOp::Eq, b, 0.0)?;
                mul(g, &select(&constant, Scalar::Float(0.0), &slope)?)
            },
            &|| {
                // 0 ** y is constant where y > 0.
                let zero = compare_scalar(CompareOp::Eq, a, 0.0)?;
                let safe = select(&zero, Scalar::Float(1.0), a)?;
                mul(g, &mul(y, &ops::log(&safe)?)?)
            },
        ),
        BinaryOp::Max | BinaryOp::Min => {
            let wins = if op == BinaryOp::Max { CompareOp::Gt } else { CompareOp::Lt };
            let tie = cast(&compare(CompareOp::Eq, a, b)?, g.dtype())?;
            let share = |p: &Tensor, q: &Tensor| -> Result<Tensor> {
                let won = cast(&compare(wins, p, q)?, g.dtype())?;
                mul(g, &add(&won, &scale(&tie, 0.5)?)?)
            };
            pair(&|| share(a, b), &|| share(b, a))
        }
        BinaryOp::Atan2 => {
            let norm = add(&square(a)?, &square(b)?)?;
            pair(&|| div(&mul(g, b)?, &norm), &|| neg(&div(&mul(g, a)?, &norm)?))
        }
        BinaryOp::Hypot => {
            let zero = compare_scalar(CompareOp::Eq, y, 0.0)?;
            let safe = select(&zero, Scalar::Float(1.0), y)?;
            pair(&|| mul(g, &div(a, &safe)?), &|| mul(g, &div(b, &safe)?))
        }
        BinaryOp::LogAddExp => pair(&|| mul(g, &ops::exp(&sub(a, y)?)?), &|| mul(g, &ops::exp(&sub(b, y)?)?)),
        BinaryOp::FloorDiv
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Xor
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRight
        | BinaryOp::Gcd => Ok(vec![None, None]),
    }
}

/// A reduced tensor with its axes back at length 1.
fn kept(x: &Tensor, shape: &[usize], axes: &[usize]) -> Result<Tensor> {
    let shape: Dims = shape.iter().enumerate().map(|(axis, &dim)| if axes.contains(&axis) { 1 } else { dim }).collect();
    reshape(x, &shape)
}

fn reduce_vjp(op: ReduceOp, axes: &[usize], x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
    let wide = ops::broadcast_to(&kept(g, x.shape(), axes)?, x.shape())?;
    match op {
        ReduceOp::Sum | ReduceOp::Any | ReduceOp::All => Ok(wide),
        ReduceOp::Mean => {
            let n: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
            scale(&wide, 1.0 / n as f64)
        }
        ReduceOp::Max | ReduceOp::Min => {
            let y = kept(y, x.shape(), axes)?;
            let extreme = cast(&compare(CompareOp::Eq, x, &y)?, x.dtype())?;
            let count = ops::sum(&extreme, axes, true)?;
            mul(&wide, &div(&extreme, &count)?)
        }
        ReduceOp::Prod => {
            // The product of the others, right also where some are zero.
            let rest: Dims = (0..x.rank()).filter(|axis| !axes.contains(axis)).collect();
            let order: Dims = rest.iter().chain(axes).copied().collect();
            let moved = permute(x, &order)?;
            let shape: Dims = rest
                .iter()
                .map(|&axis| x.shape()[axis])
                .chain([axes.iter().map(|&axis| x.shape()[axis]).product()])
                .collect();
            let flat = reshape(&moved, &shape)?;
            let others = mul(&exclusive_product(&flat, false)?, &exclusive_product(&flat, true)?)?;
            let mut inverse: Dims = SmallVec::from_elem(0, order.len());
            for (to, &from) in order.iter().enumerate() {
                inverse[from] = to;
            }
            mul(&wide, &permute(&reshape(&others, moved.shape())?, &inverse)?)
        }
    }
}

/// Along the last axis, the product of the elements before (or after) each.
fn exclusive_product(x: &Tensor, reverse: bool) -> Result<Tensor> {
    let axis = x.rank() - 1;
    let n = x.shape()[axis];
    let mut ends: Vec<(usize, usize)> = vec![(0, 0); x.rank()];
    ends[axis] = if reverse { (0, 1) } else { (1, 0) };
    let padded = ops::pad(x, &ends, Scalar::Float(1.0))?;
    let shifted = ops::narrow(&padded, axis, usize::from(reverse), n)?;
    ops::scan(ScanOp::Prod, &shifted, -1, reverse)
}

fn scan_vjp(op: ScanOp, axis: usize, reverse: bool, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
    let at = axis as isize;
    match op {
        ScanOp::Sum => ops::scan(ScanOp::Sum, g, at, !reverse),
        ScanOp::Prod => {
            let has_zero = !matches!(x.storage(), Storage::Meta)
                && ops::reduce(
                    ReduceOp::Any,
                    &compare_scalar(CompareOp::Eq, &x.detach(), 0.0)?,
                    &(0..x.rank()).collect::<Dims>(),
                    false,
                )?
                .item()?
                    != 0.0;
            if has_zero {
                return cumprod_vjp_with_zeros(axis, reverse, x, g);
            }
            div(&ops::scan(ScanOp::Sum, &mul(g, y)?, at, !reverse)?, x)
        }
        ScanOp::Max | ScanOp::Min => {
            // Each output came from the latest element so far that equals it.
            let n = x.shape()[axis];
            let iota = ops::arange(Scalar::Int(0), Scalar::Int(1), n, ops::counting_dtype(x))?;
            let mut shape: Dims = SmallVec::from_elem(1, x.rank());
            shape[axis] = n;
            let iota = ops::broadcast_to(&reshape(&iota, &shape)?, x.shape())?;
            let (none, pick) = if reverse { (n as i64 - 1, ScanOp::Min) } else { (0, ScanOp::Max) };
            let own = select(&compare(CompareOp::Eq, x, y)?, &iota, Scalar::Int(none))?;
            let source = ops::scan(pick, &own, at, reverse)?;
            unsort(x, &source, g, axis)
        }
    }
}

/// `sum_j g_j * prod_{k <= j, k != i} x_k`, from the n by n table of products that leave one out.
fn cumprod_vjp_with_zeros(axis: usize, reverse: bool, x: &Tensor, g: &Tensor) -> Result<Tensor> {
    let last = x.rank() - 1;
    let mut order: Dims = (0..x.rank()).collect();
    order.swap(axis, last);
    let (x, g) = (permute(x, &order)?, permute(g, &order)?);
    let n = x.shape()[last];
    let rows = ops::arange(Scalar::Int(0), Scalar::Int(1), n, ops::counting_dtype(&x))?;
    let rows = ops::expand_dims(&rows, &[1])?;
    let columns = ops::expand_dims(&reshape(&rows, &[n])?, &[0])?;
    let left_out = compare(CompareOp::Eq, &rows, &columns)?;
    let table = select(&left_out, Scalar::Float(1.0), &ops::expand_dims(&x, &[-2])?)?;
    let products = ops::scan(ScanOp::Prod, &table, -1, reverse)?;
    let reached = compare(if reverse { CompareOp::Le } else { CompareOp::Ge }, &columns, &rows)?;
    let weighted = select(&reached, &mul(&products, &ops::expand_dims(&g, &[-2])?)?, Scalar::Float(0.0))?;
    permute(&ops::sum(&weighted, &[last + 1], false)?, &order)
}

/// Zeros for a scatter to start from: one element in all places, as the kernel writes its result anew.
fn zero_base(x: &Tensor) -> Result<Tensor> {
    ops::broadcast_to(&crate::execute::full(&[], Scalar::Float(0.0), x.dtype())?, x.shape())
}

/// Sends each gradient back to the element it came from.
fn unsort(x: &Tensor, indices: &Tensor, g: &Tensor, axis: usize) -> Result<Tensor> {
    run_one(Op::ScatterAlong { axis, mode: ScatterMode::Add }, &[&zero_base(x)?, indices, g])
}

/// The fused kernel's own gradient, or that of the reference composition: where the device has no
/// kernel, and where the gradient itself is to be differentiated.
fn fused_vjp(
    op: &FusedOp,
    inputs: &[Tensor],
    outputs: &[Tensor],
    grads: &[Option<Tensor>],
    needs: &[bool],
) -> Result<Vec<Option<Tensor>>> {
    let differentiable = graph::is_grad_enabled();
    let read = if keeps_of_fused(op).outputs { outputs } else { &[] };
    if !differentiable && let Some(gradients) = execute::fused_grad(op, inputs, read, grads, needs)? {
        return Ok(gradients);
    }
    let _guard = graph::enable_grad();
    let starts: Vec<Tensor> = inputs
        .iter()
        .zip(needs)
        .map(|(x, &need)| match (need, differentiable) {
            (true, true) => ops::alias(x),
            (true, false) => Ok(x.watched()),
            (false, _) => Ok(x.detach()),
        })
        .collect::<Result<_>>()?;
    let results = fused::reference(op, &starts)?;
    let (used, upstream): (Vec<Tensor>, Vec<Option<Tensor>>) = results
        .into_iter()
        .zip(grads)
        .filter_map(|(result, grad)| grad.clone().map(|grad| (result, Some(grad))))
        .unzip();
    graph::gradients(&used, &upstream, &starts, differentiable)
}
