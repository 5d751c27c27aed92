//! Products and convolutions with a bias and an activation; bias and activation alone.

use corten_core::{Activation, ConvSpec, DType, Epilogue, Layout, Result};

use super::{Gradient, Gradients, Operand, Outputs, columns::Columns, map};
use crate::{
    In, conv,
    copy::{Dense, to_contiguous},
    device::Gpu,
    ending::Ending,
    kernel::{Bind, Parameters},
    matmul::{matmul, matmul_with_ending, transposed},
    memory::{Buffer, alloc},
};

/// An operand with its leading axes as one: `(rows, last)`.
struct Flat {
    copied: Option<Buffer>,
    layout: Layout,
}

impl Flat {
    fn new(gpu: &Gpu, x: In<'_>) -> Result<Self> {
        let shape = x.layout.shape();
        let last = shape[shape.len() - 1];
        let flat = [shape[..shape.len() - 1].iter().product(), last];
        if let Some(layout) = x.layout.reshape(&flat) {
            return Ok(Self { copied: None, layout });
        }
        Ok(Self { copied: Some(to_contiguous(gpu, x)?), layout: Layout::contiguous(&flat) })
    }

    fn of<'a>(&'a self, x: In<'a>) -> In<'a> {
        In { buffer: self.copied.as_ref().unwrap_or(x.buffer), layout: &self.layout, dtype: x.dtype }
    }
}

/// Lets `run` make a product of `len` elements with its ending; gives the result, and what the activation read too if that
/// is wanted.
fn ended(
    gpu: &Gpu,
    epilogue: Epilogue,
    inputs: &[In<'_>],
    len: usize,
    run: impl FnOnce(Ending<'_>) -> Result<Buffer>,
) -> Outputs {
    let bias = Dense::new(gpu, inputs[2])?;
    let residual = inputs.get(3).map(|&residual| Dense::new(gpu, residual)).transpose()?;
    let product = epilogue.gives_product().then(|| alloc(gpu, len)).transpose()?;
    let ending = Ending::new(inputs[2].layout.len().max(1))
        .scaled(epilogue.scale)
        .biased((bias.buffer(), bias.offset()), epilogue.activation)
        .with_residual(residual.as_ref().map(|residual| (residual.buffer(), residual.offset())))
        .keeping(product.as_ref());
    let mut results = vec![run(ending)?];
    results.extend(product);
    Ok(Some(results))
}

pub(super) fn forward(gpu: &Gpu, inputs: &[In<'_>], epilogue: Epilogue) -> Outputs {
    let flat = Flat::new(gpu, inputs[0])?;
    let (x, w) = (flat.of(inputs[0]), inputs[1]);
    let len = x.layout.shape()[0] * w.layout.shape()[1];
    ended(gpu, epilogue, inputs, len, |ending| matmul_with_ending(gpu, x, w, Some(ending)))
}

pub(super) fn conv_forward(gpu: &Gpu, inputs: &[In<'_>], spec: &ConvSpec, epilogue: Epilogue) -> Outputs {
    let [x, w] = [inputs[0], inputs[1]];
    let (of_x, of_w) = (x.layout.shape(), w.layout.shape());
    let last = of_x.len() - 1;
    let spatial = corten_core::conv_output("conv_bias", spec, &of_x[1..last], &of_w[..last - 1])?;
    let shape: Vec<usize> = std::iter::once(of_x[0]).chain(spatial).chain([of_w[last]]).collect();
    let len = shape.iter().product();
    ended(gpu, epilogue, inputs, len, |ending| conv::conv_with_ending(gpu, spec, x, w, &shape, Some(ending)))
}

pub(super) fn bias(gpu: &Gpu, inputs: &[In<'_>], activation: Activation) -> Outputs {
    let (x, vector) = (Dense::new(gpu, inputs[0])?, Dense::new(gpu, inputs[1])?);
    let result = alloc(gpu, x.len())?;
    Ending::new(vector.len().max(1)).biased((vector.buffer(), vector.offset()), activation).apply(
        gpu,
        x.buffer(),
        x.offset(),
        &result,
        x.len(),
    )?;
    Ok(Some(vec![result]))
}

/// `dy` times the derivative, of the result or of the operand of the activation.
const fn slope(activation: Activation, of_result: bool) -> &'static str {
    match activation {
        Activation::Linear => "of_dy",
        Activation::Relu if of_result => "select(0.0, of_dy, k_lt(0.0, of_known))",
        Activation::Relu => "select(0.0, of_dy, k_lt(0.0, of_known + of_bias))",
        Activation::Sigmoid if of_result => "of_dy * of_known * (1.0 - of_known)",
        Activation::Sigmoid => "of_dy * k_sigmoid_slope(of_known + of_bias)",
        Activation::Tanh if of_result => "of_dy * (1.0 - of_known * of_known)",
        Activation::Tanh => "of_dy * k_tanh_slope(of_known + of_bias)",
        Activation::Gelu => "of_dy * k_gelu_slope(of_known + of_bias)",
        Activation::GeluTanh => "of_dy * k_gelu_tanh_slope(of_known + of_bias)",
        Activation::Silu => "of_dy * k_silu_slope(of_known + of_bias)",
    }
}

/// The gradient of what an activation reads, from its result or, with the bias, from its operand.
fn through(gpu: &Gpu, activation: Activation, read: In<'_>, bias: Option<In<'_>>, dy: In<'_>) -> Result<Buffer> {
    let (read, dy) = (Dense::new(gpu, read)?, Dense::new(gpu, dy)?);
    let bias = bias.map(|bias| Dense::new(gpu, bias)).transpose()?;
    let mut operands = vec![Operand { name: "known", dense: &read }, Operand { name: "dy", dense: &dy }];
    operands.extend(bias.as_ref().map(|dense| Operand { name: "bias", dense }));
    map(gpu, "activation gradient", &operands, &[], dy.len(), slope(activation, bias.is_none()))
}

/// The sums over all axes but the last, of `width`.
pub(super) fn column_sums(gpu: &Gpu, x: In<'_>, width: usize) -> Result<Buffer> {
    let rows = x.layout.len() / width.max(1);
    let x = Dense::new(gpu, x)?;
    let mut parameters = Parameters::new();
    let (offset, width_word) = (parameters.count(x.offset()), parameters.count(width));
    let columns = Columns { rows, width, factor: 1.0 };
    let operands = [Bind::read("x", x.buffer(), "f32")];
    let [sums] = columns.sum(gpu, "bias gradient", "bias gradient", parameters, &operands, || {
        format!("let value0 = x[{offset} + r * {width_word} + c];")
    })?;
    Ok(sums)
}

pub(super) fn bias_gradient(gpu: &Gpu, of: &Gradient<'_>, activation: Activation) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    let dx = through(gpu, activation, of.inputs[0], Some(of.inputs[1]), dy)?;
    let layout = Layout::contiguous(dy.layout.shape());
    let g = In { buffer: &dx, layout: &layout, dtype: DType::F32 };
    let dbias = of.needs[1].then(|| column_sums(gpu, g, of.inputs[1].layout.len())).transpose()?;
    Ok(Some(vec![of.needs[0].then_some(dx), dbias]))
}

/// All gradients of a product with its ending: `run` gives those of the product's operands from the product's.
fn gradients(
    gpu: &Gpu,
    of: &Gradient<'_>,
    epilogue: Epilogue,
    run: impl FnOnce(In<'_>) -> Result<[Option<Buffer>; 2]>,
) -> Gradients {
    let Some(dy) = of.grads[0] else { return Ok(None) };
    let reads_operand = epilogue.activation.derivative_reads_operand();
    // The reference has what is rare: a gradient of the product alone, or no product where the derivative reads it.
    if (reads_operand && !epilogue.recorded) || of.grads[1..].iter().any(Option::is_some) {
        return Ok(None);
    }
    let Some(&read) = of.outputs.last() else { return Ok(None) };
    let layout = Layout::contiguous(dy.layout.shape());
    let made = if epilogue.activation == Activation::Linear {
        None
    } else {
        Some(through(gpu, epilogue.activation, read, reads_operand.then_some(of.inputs[2]), dy)?)
    };
    let g = made.as_ref().map_or(dy, |buffer| In { buffer, layout: &layout, dtype: dy.dtype });
    let dbias = of.needs[2].then(|| column_sums(gpu, g, of.inputs[2].layout.len())).transpose()?;
    let scaled = if epilogue.scale == 1.0 {
        None
    } else {
        let dense = Dense::new(gpu, g)?;
        let operands = [Operand { name: "g", dense: &dense }];
        Some(map(gpu, "scale", &operands, &[("scale", epilogue.scale)], dense.len(), "of_g * scale")?)
    };
    let of_product = scaled.as_ref().map_or(g, |buffer| In { buffer, layout: &layout, dtype: dy.dtype });
    let mut results = Vec::from(run(of_product)?);
    results.push(dbias);
    if let Some(&needed) = of.needs.get(3) {
        let residual = || made.map_or_else(|| to_contiguous(gpu, dy), Ok);
        results.push(needed.then(residual).transpose()?);
    }
    Ok(Some(results))
}

pub(super) fn gradient(gpu: &Gpu, of: &Gradient<'_>, epilogue: Epilogue) -> Gradients {
    gradients(gpu, of, epilogue, |g| {
        let (x_flat, g_flat) = (Flat::new(gpu, of.inputs[0])?, Flat::new(gpu, g)?);
        let (x, w, g) = (x_flat.of(of.inputs[0]), of.inputs[1], g_flat.of(g));
        let (x_t, w_t) = (transposed(x.layout), transposed(w.layout));
        let dx = of.needs[0].then(|| matmul(gpu, g, In { layout: &w_t, ..w })).transpose()?;
        let dw = of.needs[1].then(|| matmul(gpu, In { layout: &x_t, ..x }, g)).transpose()?;
        Ok([dx, dw])
    })
}

pub(super) fn conv_gradient(gpu: &Gpu, of: &Gradient<'_>, spec: &ConvSpec, epilogue: Epilogue) -> Gradients {
    gradients(gpu, of, epilogue, |g| {
        let (x, w) = (of.inputs[0], of.inputs[1]);
        let dx = of.needs[0].then(|| conv::conv_grad_input(gpu, spec, g, w, x.layout.shape())).transpose()?;
        let dw = of.needs[1].then(|| conv::conv_grad_weight(gpu, spec, x, g, w.layout.shape())).transpose()?;
        Ok([dx, dw])
    })
}
