//! Reference compositions of the fused ops: what a device without a fast kernel runs, what tests compare
//! the kernels with, and what is differentiated where the gradient of a gradient is wanted.

use corten_core::{
    Activation, AttentionSpec, CompareOp, DType, Dims, Distribution, DropoutSpec, Epilogue, FusedOp, Op, Result,
    Scalar, UnaryOp,
};

use crate::{
    execute::run_one,
    ops::{
        self, add, cast, compare, compare_scalar, concatenate, div, einsum, expand_dims, gather, logsumexp, matmul,
        mean, mul, narrow, neg, relu, reshape, scale, select, shift, sigmoid, square, stack, sub, sum, tanh,
    },
    tensor::Tensor,
};

/// What the op gives, from primitives alone.
pub fn reference(op: &FusedOp, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let x = &inputs[0];
    let one = |result: Result<Tensor>| result.map(|result| vec![result]);
    match op {
        FusedOp::Softmax { axis } => {
            if x.is_empty() {
                return Ok(vec![x.clone()]);
            }
            let largest = ops::reduce(corten_core::ReduceOp::Max, &x.detach(), &[*axis], true)?;
            let e = ops::exp(&sub(x, &largest)?)?;
            one(div(&e, &sum(&e, &[*axis], true)?))
        }
        FusedOp::LogSoftmax { axis } => one(sub(x, &logsumexp(x, &[*axis], true)?)),
        FusedOp::CrossEntropy => {
            let last = x.rank() - 1;
            let log_probability = sub(x, &logsumexp(x, &[last], true)?)?;
            one(neg(&sum(&mul(&inputs[1], &log_probability)?, &[last], false)?))
        }
        FusedOp::SparseCrossEntropy => {
            let last = x.rank() - 1;
            let labels = expand_dims(&inputs[1], &[-1])?;
            let picked = run_one(Op::TakeAlong { axis: last }, &[x, &labels])?;
            let picked = reshape(&picked, inputs[1].shape())?;
            one(sub(&logsumexp(x, &[last], false)?, &picked))
        }
        FusedOp::BinaryCrossEntropy => {
            // max(x, 0) - x z + log(1 + exp(-|x|))
            let rest = ops::unary(UnaryOp::Softplus, &neg(&ops::abs(x)?)?)?;
            one(add(&sub(&relu(x)?, &mul(x, &inputs[1])?)?, &rest))
        }
        FusedOp::LayerNorm { axes, epsilon, scale, offset } => {
            let axes: Dims = (x.rank() - axes..x.rank()).collect();
            let (centered, inverse) = ops::standardized(x, &axes, *epsilon)?;
            one(affine(&mul(&centered, &inverse)?, &inputs[1..], *scale, *offset))
        }
        FusedOp::RmsNorm { axes, epsilon, scale } => {
            let axes: Dims = (x.rank() - axes..x.rank()).collect();
            let inverse = ops::rsqrt(&shift(&mean(&square(x)?, &axes, true)?, *epsilon)?)?;
            one(affine(&mul(x, &inverse)?, &inputs[1..], *scale, false))
        }
        FusedOp::BatchNorm { epsilon, scale, offset } => batch_norm(x, &inputs[1..], *epsilon, *scale, *offset),
        FusedOp::GroupNorm { groups, epsilon, scale, offset } => {
            let rank = x.rank();
            let channels = x.shape()[rank - 1];
            let grouped: Dims = x.shape()[..rank - 1].iter().copied().chain([*groups, channels / groups]).collect();
            let split = reshape(x, &grouped)?;
            let axes: Dims = (1..rank - 1).chain([rank]).collect();
            let (centered, inverse) = ops::standardized(&split, &axes, *epsilon)?;
            let normal = reshape(&mul(&centered, &inverse)?, x.shape())?;
            one(affine(&normal, &inputs[1..], *scale, *offset))
        }
        FusedOp::BiasActivation(activation) => one(activate(*activation, &add(x, &inputs[1])?)),
        FusedOp::Linear(epilogue) => ended(*epilogue, matmul(x, &inputs[1])?, &inputs[2..]),
        FusedOp::ConvBias { spec, epilogue } => ended(*epilogue, ops::conv(x, &inputs[1], spec.clone())?, &inputs[2..]),
        FusedOp::Dropout(spec) => one(dropout(x, *spec)),
        FusedOp::Attention(spec) => {
            one(attention(x, &inputs[1], &inputs[2], if spec.mask { Some(&inputs[3]) } else { None }, *spec))
        }
        FusedOp::Lstm => lstm(inputs),
        FusedOp::Gru => gru(inputs),
    }
}

fn affine(x: &Tensor, rest: &[Tensor], has_scale: bool, has_offset: bool) -> Result<Tensor> {
    let mut y = x.clone();
    let mut rest = rest.iter();
    if has_scale && let Some(gamma) = rest.next() {
        y = mul(&y, gamma)?;
    }
    if has_offset && let Some(beta) = rest.next() {
        y = add(&y, beta)?;
    }
    Ok(y)
}

fn batch_norm(x: &Tensor, rest: &[Tensor], epsilon: f64, has_scale: bool, has_offset: bool) -> Result<Vec<Tensor>> {
    let axes: Dims = (0..x.rank() - 1).collect();
    let center = mean(x, &axes, true)?;
    let centered = sub(x, &center)?;
    let variance = mean(&square(&centered)?, &axes, true)?;
    let y = mul(&centered, &ops::rsqrt(&shift(&variance, epsilon)?)?)?;
    let channels = &x.shape()[x.rank() - 1..];
    Ok(vec![affine(&y, rest, has_scale, has_offset)?, reshape(&center, channels)?, reshape(&variance, channels)?])
}

fn ended(epilogue: Epilogue, mut product: Tensor, rest: &[Tensor]) -> Result<Vec<Tensor>> {
    if epilogue.scale != 1.0 {
        product = scale(&product, epilogue.scale)?;
    }
    if let Some(residual) = rest.get(1) {
        product = add(&product, residual)?;
    }
    let result = activate(epilogue.activation, &add(&product, &rest[0])?)?;
    Ok(if epilogue.gives_product() { vec![result, product] } else { vec![result] })
}

fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Linear => Ok(x.clone()),
        Activation::Relu => relu(x),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => tanh(x),
        Activation::Gelu => ops::unary(UnaryOp::Gelu, x),
        Activation::GeluTanh => ops::unary(UnaryOp::GeluTanh, x),
        Activation::Silu => ops::unary(UnaryOp::Silu, x),
    }
}

/// Element i is kept where uniform number i of the key is at least `rate`.
fn dropout(x: &Tensor, DropoutSpec { rate, key }: DropoutSpec) -> Result<Tensor> {
    let uniform = ops::random(Distribution::Uniform, x.shape(), DType::F32, key)?;
    let kept = compare_scalar(CompareOp::Ge, &uniform, rate)?;
    select(&kept, &scale(x, 1.0 / (1.0 - rate))?, Scalar::Float(0.0))
}

/// What a score becomes that must not be attended: so low that its weight is 0, yet a row without any
/// allowed key gives equal weights and no NaN.
fn masked_score(dtype: DType) -> Scalar {
    let largest = if dtype == DType::F16 {
        65504.0
    } else if dtype == DType::F64 {
        f64::MAX
    } else {
        f64::from(f32::MAX)
    };
    Scalar::Float(-0.7 * largest)
}

fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, spec: AttentionSpec) -> Result<Tensor> {
    let mut scores = einsum("btnh,bsnh->bnts", &[scale(q, spec.scale)?, k.clone()])?;
    if let Some(mask) = mask {
        scores = if mask.dtype() == DType::Bool {
            select(mask, &scores, masked_score(q.dtype()))?
        } else {
            add(&scores, mask)?
        };
    }
    if spec.causal {
        let count = |n| ops::arange(Scalar::Int(0), Scalar::Int(1), n, ops::counting_dtype(q));
        let (t, s) = (q.shape()[1], k.shape()[1]);
        let allowed = compare(CompareOp::Le, &expand_dims(&count(s)?, &[0])?, &expand_dims(&count(t)?, &[1])?)?;
        scores = select(&allowed, &scores, masked_score(q.dtype()))?;
    }
    let mut weights = ops::softmax(&scores, -1)?;
    if let Some(dropped) = spec.dropout {
        weights = dropout(&weights, dropped)?;
    }
    einsum("bnts,bsnh->btnh", &[weights, v.clone()])
}

/// Step `t` of `(b, t, f)` as `(b, f)`.
fn step(x: &Tensor, t: usize) -> Result<Tensor> {
    reshape(&narrow(x, 1, t, 1)?, &[x.shape()[0], x.shape()[2]])
}

fn lstm(inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let [x, kernel, recurrent, bias, h0, c0] = inputs else {
        return Err(corten_core::Error::argument("lstm: six operands are needed"));
    };
    let (steps, u) = (x.shape()[1], h0.shape()[1]);
    let projected = add(&matmul(x, kernel)?, bias)?;
    let (mut h, mut c) = (h0.clone(), c0.clone());
    let (mut hidden, mut cells, mut gates) = (Vec::new(), Vec::new(), Vec::new());
    for t in 0..steps {
        let z = add(&step(&projected, t)?, &matmul(&h, recurrent)?)?;
        let part = |i: usize| narrow(&z, 1, i * u, u);
        let (i, f, g, o) = (sigmoid(&part(0)?)?, sigmoid(&part(1)?)?, tanh(&part(2)?)?, sigmoid(&part(3)?)?);
        c = add(&mul(&f, &c)?, &mul(&i, &g)?)?;
        h = mul(&o, &tanh(&c)?)?;
        gates.push(concatenate(&[i, f, g, o], -1)?);
        hidden.push(h.clone());
        cells.push(c.clone());
    }
    sequence([(hidden, u), (cells, u), (gates, 4 * u)], x)
}

fn gru(inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let [x, kernel, recurrent, bias, h0] = inputs else {
        return Err(corten_core::Error::argument("gru: five operands are needed"));
    };
    let (steps, u) = (x.shape()[1], h0.shape()[1]);
    let row = |i: i64| gather(bias, &Tensor::from_slice(&[i], &[])?, 0);
    let projected = add(&matmul(x, kernel)?, &row(0)?)?;
    let recurrent_bias = row(1)?;
    let mut h = h0.clone();
    let (mut hidden, mut gates, mut terms) = (Vec::new(), Vec::new(), Vec::new());
    for t in 0..steps {
        let from_x = step(&projected, t)?;
        let from_h = add(&matmul(&h, recurrent)?, &recurrent_bias)?;
        let part = |v: &Tensor, i: usize| narrow(v, 1, i * u, u);
        let z = sigmoid(&add(&part(&from_x, 0)?, &part(&from_h, 0)?)?)?;
        let r = sigmoid(&add(&part(&from_x, 1)?, &part(&from_h, 1)?)?)?;
        let term = part(&from_h, 2)?;
        let candidate = tanh(&add(&part(&from_x, 2)?, &mul(&r, &term)?)?)?;
        h = add(&mul(&z, &h)?, &mul(&shift(&neg(&z)?, 1.0)?, &candidate)?)?;
        gates.push(concatenate(&[z, r, candidate], -1)?);
        terms.push(term);
        hidden.push(h.clone());
    }
    sequence([(hidden, u), (gates, 3 * u), (terms, u)], x)
}

/// Steps stacked on the time axis; no steps give an empty tensor.
fn sequence(lists: [(Vec<Tensor>, usize); 3], x: &Tensor) -> Result<Vec<Tensor>> {
    lists
        .into_iter()
        .map(|(list, width)| {
            if list.is_empty() {
                let empty = crate::execute::full(&[x.shape()[0], 0, width], Scalar::Float(0.0), x.dtype())?;
                return cast(&empty, x.dtype());
            }
            stack(&list, 1)
        })
        .collect()
}
