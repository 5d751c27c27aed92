//! Products and convolutions with a bias and an activation: one pass forward; backward one pass for the gradients of
//! activation and bias, then the two products.

use corten_core::{Activation, BinaryOp, ConvSpec, Epilogue, FusedOp, Layout, Result, Scalar};

use super::{
    Gradient, Gradients, Outputs, Widened, bias,
    math::{Float, add_row},
    narrow,
    norm::sum_rows,
};
use crate::{
    In, conv, copy,
    dense::Dense,
    elementwise,
    matmul::{self, Ending, Function, Matrix, Ready, Size},
    memo::Prepared,
    memory::{self, Buffer},
    parallel::DisjointMut,
    simd::{convert::Half, vectorized},
};

/// Elements of a piece that is copied to the stack, so that the activation can be written over it.
const PIECE: usize = 64;

/// An operand with its leading axes as one: `(rows, last)`.
struct Flat {
    copied: Option<Buffer>,
    layout: Layout,
}

impl Flat {
    fn new(x: In<'_>) -> Result<Self> {
        let shape = x.layout.shape();
        let last = shape[shape.len() - 1];
        let flat = [shape[..shape.len() - 1].iter().product(), last];
        if let Some(layout) = x.layout.reshape(&flat) {
            return Ok(Self { copied: None, layout });
        }
        let mut copied = Buffer::for_elements(x.dtype, x.layout.len())?;
        copy::copy(x, &mut copied, &Layout::contiguous(shape))?;
        Ok(Self { copied: Some(copied), layout: Layout::contiguous(&flat) })
    }

    fn of<'a>(&'a self, x: In<'a>) -> In<'a> {
        In { buffer: self.copied.as_ref().unwrap_or(x.buffer), layout: &self.layout, dtype: x.dtype }
    }
}

fn transposed(layout: &Layout) -> Layout {
    layout.permute(&[1, 0])
}

/// Lets `run` make a product of `len` elements and end it with scale, residual and bias; gives the result, and what the
/// activation read too if that is wanted.
fn ended<T: Float>(
    epilogue: Epilogue,
    vector: &[T],
    residual: Option<&[T]>,
    len: usize,
    run: impl FnOnce(&mut [T], &Ending<'_, T>) -> Result<()>,
) -> Outputs {
    let Epilogue { activation, scale, .. } = epilogue;
    let factor = (scale != 1.0).then(|| T::from_f64(scale));
    let mut product = Buffer::for_elements(T::DTYPE, len)?;
    let mut result = epilogue.gives_product().then(|| Buffer::for_elements(T::DTYPE, len)).transpose()?;
    let apart = result.as_mut().map(|result| DisjointMut::new(result.as_mut_slice::<T>()));
    let finish = |row: usize, column: usize, piece: &mut [T]| {
        let (start, vector) = (row * vector.len() + column, &vector[column..column + piece.len()]);
        if let Some(factor) = factor {
            scale_by(factor, piece);
        }
        if let Some(residual) = residual {
            add_row(piece, &residual[start..start + piece.len()]);
        }
        if let Some(apart) = &apart {
            // SAFETY: every piece of the product comes once.
            bias::forward_row(activation, piece, vector, unsafe { apart.range(start..start + piece.len()) });
            return;
        }
        let mut sums = [T::ZERO; PIECE];
        for (piece, vector) in piece.chunks_mut(PIECE).zip(vector.chunks(PIECE)) {
            let sums = &mut sums[..piece.len()];
            sums.copy_from_slice(piece);
            bias::forward_row(activation, sums, vector, piece);
        }
    };
    let function = match activation {
        Activation::Linear | Activation::Relu if factor.is_some() || residual.is_some() => Function::Finish(&finish),
        Activation::Linear => Function::None,
        Activation::Relu => Function::Rectify,
        Activation::Sigmoid | Activation::Tanh | Activation::Gelu | Activation::GeluTanh | Activation::Silu => {
            Function::Finish(&finish)
        }
    };
    run(product.as_mut_slice(), &Ending { bias: vector, function })?;
    Ok(Some(match result {
        Some(result) => vec![result, product],
        None => vec![product],
    }))
}

pub(super) fn forward<T: Float>(inputs: &[In<'_>], epilogue: Epilogue) -> Outputs {
    let flat = Flat::new(inputs[0])?;
    let (x, w, vector) = (flat.of(inputs[0]), inputs[1], Dense::<T>::new(inputs[2])?);
    let residual = inputs.get(3).map(|&residual| Dense::<T>::new(residual)).transpose()?;
    let residual = residual.as_ref().map(Dense::slice);
    let (of_x, of_w) = (x.layout, w.layout);
    let size = Size { rows: of_x.shape()[0], columns: of_w.shape()[1], depth: of_x.shape()[1] };
    let a = Matrix::new(
        memory::elements::<T>(x),
        of_x.offset(),
        (size.rows, of_x.strides()[0]),
        (size.depth, of_x.strides()[1]),
    );
    let b = Matrix::new(
        memory::elements::<T>(w),
        of_w.offset(),
        (size.columns, of_w.strides()[1]),
        (size.depth, of_w.strides()[0]),
    );
    let repeated;
    let mut vector = vector.slice();
    if size.columns == 1 {
        // A row of one element would be little to do at a time.
        repeated = vec![vector[0]; size.rows.clamp(1, PIECE)];
        vector = &repeated;
    }
    let ready = if epilogue.recorded { None } else { kept_panels(w, size, &b)? };
    ended(epilogue, vector, residual, size.rows * size.columns, |out, ending| {
        if !out.is_empty() {
            let ready = ready.map(|made| Ready::new(made.data.as_slice::<T>(), size.columns, size.depth));
            matmul::product_with_ending(size, &a, &b, ready.as_ref(), out, ending);
        }
        Ok(())
    })
}

/// Weights in panels, where keeping them pays.
fn kept_panels<'a, T: Float>(w: In<'a>, size: Size, b: &Matrix<'_, T>) -> Result<Option<&'a Prepared>> {
    // Parts of one buffer would be taken for one another.
    let is_whole =
        w.layout.is_contiguous() && w.layout.offset() == 0 && w.layout.len() * size_of::<T>() == w.buffer.len_bytes();
    if !is_whole || w.buffer.is_foreign() || !Ready::<T>::pays(size.columns, size.depth) {
        return Ok(None);
    }
    let kept = w.buffer.memo().panels(|| {
        let mut data = Buffer::for_elements(T::DTYPE, Ready::<T>::len(size.columns, size.depth))?;
        Ready::pack(b, size.columns, size.depth, data.as_mut_slice());
        Ok(Prepared { data, dtype: T::DTYPE, depth: size.depth, columns: size.columns })
    })?;
    // The same memory may be read as another matrix.
    let fits = |kept: &&Prepared| (kept.dtype, kept.depth, kept.columns) == (T::DTYPE, size.depth, size.columns);
    Ok(kept.filter(fits))
}

pub(super) fn conv_forward<T: Float>(inputs: &[In<'_>], spec: &ConvSpec, epilogue: Epilogue) -> Outputs {
    let [x, w] = [inputs[0], inputs[1]];
    let vector = Dense::<T>::new(inputs[2])?;
    let residual = inputs.get(3).map(|&residual| Dense::<T>::new(residual)).transpose()?;
    let residual = residual.as_ref().map(Dense::slice);
    let shape = output_shape(spec, x, w)?;
    let len = shape.iter().product();
    ended(epilogue, vector.slice(), residual, len, |out, ending| {
        conv::conv_with_ending(spec, x, w, &shape, out, ending)
    })
}

fn output_shape(spec: &ConvSpec, x: In<'_>, w: In<'_>) -> Result<Vec<usize>> {
    let (of_x, of_w) = (x.layout.shape(), w.layout.shape());
    let last = of_x.len() - 1;
    let spatial = corten_core::conv_output("conv_bias", spec, &of_x[1..last], &of_w[..last - 1])?;
    Ok(std::iter::once(of_x[0]).chain(spatial).chain([of_w[last]]).collect())
}

/// `x * factor` in memory of its own.
fn scaled(x: In<'_>, factor: f64) -> Result<Buffer> {
    let factor = copy::fill(x.dtype, 1, Scalar::Float(factor))?;
    let layout = Layout::contiguous(&[]).expand(x.layout.shape());
    elementwise::binary(BinaryOp::Mul, x, In { buffer: &factor, layout: &layout, dtype: x.dtype })
}

/// Of 16-bit floats: their own product, then the rest in float32.
pub(super) fn forward_of_half<S: Half>(inputs: &[In<'_>], epilogue: Epilogue) -> Outputs {
    let flat = Flat::new(inputs[0])?;
    let x = flat.of(inputs[0]);
    let mut product = matmul::matmul(x, inputs[1])?;
    let layout = Layout::contiguous(&[x.layout.shape()[0], inputs[1].layout.shape()[1]]);
    let dtype = S::DTYPE;
    if epilogue.scale != 1.0 {
        product = scaled(In { buffer: &product, layout: &layout, dtype }, epilogue.scale)?;
    }
    if let Some(&residual) = inputs.get(3) {
        let flat = Flat::new(residual)?;
        let sums = In { buffer: &product, layout: &layout, dtype };
        product = elementwise::binary(BinaryOp::Add, sums, flat.of(residual))?;
    }
    let sums = In { buffer: &product, layout: &layout, dtype };
    let op = FusedOp::BiasActivation(epilogue.activation);
    let Some(mut results) = super::forward_of_half::<S>(&op, &[sums, inputs[2]])? else { return Ok(None) };
    if epilogue.gives_product() {
        results.push(product);
    }
    Ok(Some(results))
}

/// Columns whose sums stay in registers.
const NARROW: usize = 32;

/// [`rectified_gradient`] of the columns from `first` on, of rows of `len`.
#[inline(always)]
fn rectified_columns<T: Float>(y: &[T], dy: &[T], out: &mut [T], (first, len): (usize, usize), sums: &mut [T; NARROW]) {
    let mut totals = *sums;
    for ((y, dy), out) in y.chunks_exact(len).zip(dy.chunks_exact(len)).zip(out.chunks_exact_mut(len)) {
        let columns = first..first + NARROW;
        let (y, dy, out) = (&y[columns.clone()], &dy[columns.clone()], &mut out[columns]);
        for (((to, y), dy), total) in out.iter_mut().zip(y).zip(dy).zip(&mut totals) {
            let value = if *y > T::ZERO { *dy } else { T::ZERO };
            *to = value;
            *total += value;
        }
    }
    *sums = totals;
}

vectorized! {
    fn scale_by<T: Float>(factor: T, piece: &mut [T]) {
        for value in piece {
            *value = *value * factor;
        }
    }
    /// `sums += row` for every row.
    fn add_rows<T: Float>(rows: &[T], sums: &mut [T]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += *value;
            }
        }
    }
    /// `out = dy` where y is above zero, else 0; and [`add_rows`] of it.
    fn rectified_gradient<T: Float>(y: &[T], dy: &[T], out: &mut [T], sums: &mut [T]) {
        let len = sums.len();
        // Sums stay in registers while rows pass by.
        let narrow = len - len % NARROW;
        for first in (0..narrow).step_by(NARROW) {
            let of_columns: &mut [T; NARROW] = (&mut sums[first..first + NARROW]).try_into().expect("as many columns");
            rectified_columns(y, dy, out, (first, len), of_columns);
        }
        if narrow == len {
            return;
        }
        for ((y, dy), out) in y.chunks_exact(len).zip(dy.chunks_exact(len)).zip(out.chunks_exact_mut(len)) {
            let (y, dy, out) = (&y[narrow..], &dy[narrow..], &mut out[narrow..]);
            for (((to, y), dy), sum) in out.iter_mut().zip(y).zip(dy).zip(&mut sums[narrow..]) {
                let value = if *y > T::ZERO { *dy } else { T::ZERO };
                *to = value;
                *sum += value;
            }
        }
    }
    fn sigmoid_gradient<T: Float>(y: &[T], dy: &[T], out: &mut [T]) {
        for ((to, y), dy) in out.iter_mut().zip(y).zip(dy) {
            *to = *dy * *y * (T::ONE - *y);
        }
    }
    fn tanh_gradient<T: Float>(y: &[T], dy: &[T], out: &mut [T]) {
        for ((to, y), dy) in out.iter_mut().zip(y).zip(dy) {
            *to = *dy * (T::ONE - *y * *y);
        }
    }
}

/// The gradients of the product (none where it is `dy` itself) and of the bias.
struct Ended {
    product: Option<Buffer>,
    bias: Buffer,
}

/// `read` is what the derivative of the activation reads: the product if the op gives it, else the result.
fn ended_gradient<T: Float>(activation: Activation, read: Option<In<'_>>, vector: In<'_>, dy: In<'_>) -> Result<Ended> {
    let (vector, dy) = (Dense::<T>::new(vector)?, Dense::<T>::new(dy)?);
    let (vector, dy) = (vector.slice(), dy.slice());
    let width = vector.len();
    let rows = dy.len() / width.max(1);
    let Some(read) = read.filter(|_| activation != Activation::Linear) else {
        let sums = sum_rows(rows, width, width, |rows, sums| {
            add_rows(&dy[rows.start * width..rows.end * width], sums);
        });
        return Ok(Ended { product: None, bias: Buffer::from_slice(&sums)? });
    };
    let read = Dense::<T>::new(read)?;
    let read = read.slice();
    let mut product = Buffer::for_elements(T::DTYPE, dy.len())?;
    let out = DisjointMut::new(product.as_mut_slice::<T>());
    let sums = sum_rows(rows, width, width, |rows, sums| {
        let range = rows.start * width..rows.end * width;
        // SAFETY: every part has rows of its own.
        let out = unsafe { out.range(range.clone()) };
        let (read, dy) = (&read[range.clone()], &dy[range]);
        if activation == Activation::Relu {
            rectified_gradient(read, dy, out, sums);
            return;
        }
        let rows = read.chunks_exact(width).zip(dy.chunks_exact(width));
        for ((read, dy), out) in rows.zip(out.chunks_exact_mut(width)) {
            match activation {
                Activation::Sigmoid => sigmoid_gradient(read, dy, out),
                Activation::Tanh => tanh_gradient(read, dy, out),
                Activation::Linear | Activation::Relu | Activation::Gelu | Activation::GeluTanh | Activation::Silu => {
                    bias::gradient_row(activation, read, vector, dy, out);
                }
            }
            add_row(sums, out);
        }
    });
    Ok(Ended { product: Some(product), bias: Buffer::from_slice(&sums)? })
}

/// What the derivative of the activation reads (nothing if there is none) and the gradient of the result. The reference
/// has what is rare: a gradient of the product alone, or no product where the derivative reads it.
fn parts<'a>(of: &Gradient<'a>, epilogue: Epilogue) -> Option<(Option<In<'a>>, In<'a>)> {
    let dy = of.grads[0]?;
    let lacks_product = epilogue.activation.derivative_reads_operand() && !epilogue.recorded;
    (!lacks_product && of.grads[1..].iter().all(Option::is_none)).then_some((of.outputs.last().copied(), dy))
}

/// The gradients of both products of a linear layer from that of its product.
fn products(of: &Gradient<'_>, epilogue: Epilogue, dy: In<'_>, ended: Ended) -> Gradients {
    let (x, g) = (Flat::new(of.inputs[0])?, Flat::new(dy)?);
    let (x, w) = (x.of(of.inputs[0]), of.inputs[1]);
    let contiguous = Layout::contiguous(g.layout.shape());
    let scaled = scaled_gradient(epilogue, ended.product.as_ref(), &contiguous, g.of(dy))?;
    let g = match scaled.as_ref().or(ended.product.as_ref()) {
        Some(buffer) => In { buffer, layout: &contiguous, dtype: dy.dtype },
        None => g.of(dy),
    };
    let (x_t, w_t) = (transposed(x.layout), transposed(w.layout));
    let dx = of.needs[0].then(|| matmul::matmul(g, In { layout: &w_t, ..w })).transpose()?;
    let dw = of.needs[1].then(|| matmul::matmul(In { layout: &x_t, ..x }, g)).transpose()?;
    with_the_others(of, [dx, dw], ended, dy)
}

/// The gradient of the product where that is not the gradient of what the activation reads.
fn scaled_gradient(epilogue: Epilogue, made: Option<&Buffer>, layout: &Layout, dy: In<'_>) -> Result<Option<Buffer>> {
    if epilogue.scale == 1.0 {
        return Ok(None);
    }
    let g = made.map_or(dy, |buffer| In { buffer, layout, dtype: dy.dtype });
    scaled(g, epilogue.scale).map(Some)
}

/// All gradients: those of the operands of the product, of the bias, of the residual.
fn with_the_others(of: &Gradient<'_>, products: [Option<Buffer>; 2], ended: Ended, dy: In<'_>) -> Gradients {
    let [dx, dw] = products;
    let mut gradients = vec![dx, dw, of.needs[2].then_some(ended.bias)];
    if let Some(&needed) = of.needs.get(3) {
        let residual = || ended.product.map_or_else(|| copy::to_contiguous(dy), Ok);
        gradients.push(needed.then(residual).transpose()?);
    }
    Ok(Some(gradients))
}

pub(super) fn gradient<T: Float>(of: &Gradient<'_>, epilogue: Epilogue) -> Gradients {
    let Some((read, dy)) = parts(of, epilogue) else { return Ok(None) };
    let ended = ended_gradient::<T>(epilogue.activation, read, of.inputs[2], dy)?;
    products(of, epilogue, dy, ended)
}

pub(super) fn gradient_of_half<S: Half>(of: &Gradient<'_>, epilogue: Epilogue) -> Gradients {
    let Some((read, dy)) = parts(of, epilogue) else { return Ok(None) };
    let wide = Widened::new::<S>(&[of.inputs[2], dy, read.unwrap_or(dy)])?;
    let wide = wide.views();
    let ended = ended_gradient::<f32>(epilogue.activation, read.map(|_| wide[2]), wide[0], wide[1])?;
    let product = ended.product.as_ref().map(narrow::<S>).transpose()?;
    products(of, epilogue, dy, Ended { product, bias: narrow::<S>(&ended.bias)? })
}

pub(super) fn conv_gradient<T: Float>(of: &Gradient<'_>, spec: &ConvSpec, epilogue: Epilogue) -> Gradients {
    let Some((read, dy)) = parts(of, epilogue) else { return Ok(None) };
    let (x, w) = (of.inputs[0], of.inputs[1]);
    let ended = ended_gradient::<T>(epilogue.activation, read, of.inputs[2], dy)?;
    let contiguous = Layout::contiguous(dy.layout.shape());
    let scaled = scaled_gradient(epilogue, ended.product.as_ref(), &contiguous, dy)?;
    let g = match scaled.as_ref().or(ended.product.as_ref()) {
        Some(buffer) => In { buffer, layout: &contiguous, dtype: dy.dtype },
        None => dy,
    };
    let dx = of.needs[0].then(|| conv::conv_grad_input(spec, g, w, x.layout.shape())).transpose()?;
    let dw = of.needs[1].then(|| conv::conv_grad_weight(spec, x, g, w.layout.shape())).transpose()?;
    with_the_others(of, [dx, dw], ended, dy)
}

#[cfg(test)]
#[path = "tests/linear.rs"]
mod tests;
