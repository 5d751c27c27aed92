//! Convolutions of one to three spatial axes, channels last, and their two gradients, as products
//! of matrices whose packing reads the image ([`patches`]); depthwise ones directly ([`depthwise`]).

mod depthwise;
mod few_channels;
pub(crate) mod geometry;
mod input_gradient;
mod patches;
#[cfg(test)]
mod tests;

use corten_core::{
    ConvSpec, DType, Dims, Element, Error, Result,
    half::{bf16, f16},
};

use self::{
    geometry::{Geometry, Grid},
    patches::{PatchColumns, PatchRows},
};
use crate::{
    In,
    dense::Dense,
    matmul::{Ending, Matrix, Output, Real, Size, Widen, gemm},
    memory::Buffer,
    parallel::{self, DisjointMut},
};

/// Channels below which an image is copied with its padding rather than read tap by tap.
const FEW_CHANNELS: usize = 16;

pub(crate) fn conv(spec: &ConvSpec, x: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
    let geometry = Geometry::new(spec, x.layout.shape(), w.layout.shape(), out);
    by_dtype("conv", Pass::Forward, &geometry, x, w, out)
}

/// A convolution of float32 or float64 with bias and activation.
pub(crate) fn conv_with_ending<T: Real + Widen<T>>(
    spec: &ConvSpec,
    x: In<'_>,
    w: In<'_>,
    out: &[usize],
    result: &mut [T],
    ending: &Ending<'_, T>,
) -> Result<()> {
    let geometry = Geometry::new(spec, x.layout.shape(), w.layout.shape(), out);
    let (x, w) = (Dense::<T>::new(x)?, Dense::<T>::new(w)?);
    compute::<T, T>(Pass::Forward, &geometry, x.slice(), w.slice(), result, Some(ending))
}

pub(crate) fn conv_grad_input(spec: &ConvSpec, dy: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
    let geometry = Geometry::new(spec, out, w.layout.shape(), dy.layout.shape());
    by_dtype("conv_transpose", Pass::Input, &geometry, dy, w, out)
}

pub(crate) fn conv_grad_weight(spec: &ConvSpec, x: In<'_>, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
    let geometry = Geometry::new(spec, x.layout.shape(), out, dy.layout.shape());
    // Inference cannot know the kernel's sizes from the operands, so this pair is checked here.
    let rank = x.layout.rank();
    let spatial = corten_core::conv_output("conv_grad_weight", spec, &x.layout.shape()[1..rank - 1], &out[..rank - 2])?;
    let expected: Dims = std::iter::once(x.layout.shape()[0]).chain(spatial).chain([out[rank - 1]]).collect();
    if expected[..] != *dy.layout.shape() {
        return Err(Error::shape(format!(
            "conv_grad_weight: the gradient must be {}; got {}",
            corten_core::Tuple(&expected),
            corten_core::Tuple(dy.layout.shape())
        )));
    }
    by_dtype("conv_grad_weight", Pass::Weight, &geometry, x, dy, out)
}

#[derive(Clone, Copy, Debug)]
enum Pass {
    Forward,
    Input,
    Weight,
}

fn by_dtype(name: &str, pass: Pass, geometry: &Geometry, a: In<'_>, b: In<'_>, out: &[usize]) -> Result<Buffer> {
    match a.dtype {
        DType::F32 => run::<f32, f32>(pass, geometry, a, b, out),
        DType::F64 => run::<f64, f64>(pass, geometry, a, b, out),
        DType::F16 => run::<f32, f16>(pass, geometry, a, b, out),
        DType::BF16 => run::<f32, bf16>(pass, geometry, a, b, out),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => {
            Err(Error::dtype(format!("{name}: a float dtype is needed; got {}; cast the operands to float32", a.dtype)))
        }
    }
}

fn run<T: Real, S: Widen<T> + Element>(
    pass: Pass,
    geometry: &Geometry,
    a: In<'_>,
    b: In<'_>,
    out: &[usize],
) -> Result<Buffer> {
    let len = out.iter().product();
    let mut result = Buffer::for_elements(S::DTYPE, len)?;
    let (a, b) = (Dense::<S>::new(a)?, Dense::<S>::new(b)?);
    if T::DTYPE == S::DTYPE {
        compute::<T, S>(pass, geometry, a.slice(), b.slice(), result.as_mut_slice::<T>(), None)?;
    } else {
        let mut sums = Buffer::for_elements(T::DTYPE, len)?;
        compute::<T, S>(pass, geometry, a.slice(), b.slice(), sums.as_mut_slice::<T>(), None)?;
        for (to, sum) in result.as_mut_slice::<S>().iter_mut().zip(sums.as_slice::<T>()) {
            *to = S::narrow(*sum);
        }
    }
    Ok(result)
}

fn compute<T: Real, S: Widen<T>>(
    pass: Pass,
    geometry: &Geometry,
    a: &[S],
    b: &[S],
    out: &mut [T],
    ending: Option<&Ending<'_, T>>,
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    // Few channels are read several taps at a time, and the weights' gradient whole rows at a time, so the image
    // needs its padding there.
    let wants_padding = match pass {
        Pass::Forward => geometry.channels_in * geometry.groups < FEW_CHANNELS,
        Pass::Weight => true,
        Pass::Input => false,
    };
    if wants_padding && !geometry.is_depthwise() && T::DTYPE == S::DTYPE && geometry.is_padded() {
        let padded = geometry.with_padding();
        let image = padded_image(geometry, &padded, a)?;
        return compute::<T, S>(pass, &padded, image.as_slice::<S>(), b, out, ending);
    }
    match (pass, geometry.is_depthwise()) {
        (Pass::Forward, false) => forward(geometry, a, b, out, ending),
        (Pass::Input, false) if geometry.is_pointwise() => pointwise_grad_input(geometry, a, b, out),
        (Pass::Input, false) => input_gradient::run(geometry, a, b, out),
        (Pass::Weight, false) => grad_weight(geometry, a, b, out),
        (Pass::Forward, true) => {
            depthwise::forward(geometry, a, b, out);
            if let Some(ending) = ending {
                ending.apply(out, true);
            }
        }
        (Pass::Input, true) => depthwise::grad_input(geometry, a, b, out),
        (Pass::Weight, true) => depthwise::grad_weight(geometry, a, b, out),
    }
    Ok(())
}

/// A copy of the images with zeros around each.
fn padded_image<S: Element>(geometry: &Geometry, padded: &Geometry, x: &[S]) -> Result<Buffer> {
    let cell = geometry.channels_in * geometry.groups;
    let [depth, height, length] = padded.input;
    let mut result = Buffer::for_elements(S::DTYPE, padded.input_positions() * cell)?;
    let rows = DisjointMut::new(result.as_mut_slice::<S>());
    let (row, inner) = (length * cell, geometry.input[2] * cell);
    let inside = |at: usize, axis: usize| at.checked_sub(geometry.before[axis]).filter(|&at| at < geometry.input[axis]);
    parallel::for_ranges(geometry.batch * depth * height, (parallel::GRAIN_CHEAP / row.max(1)).max(1), |range| {
        for index in range {
            // SAFETY: every row has its own range.
            let to = unsafe { rows.range(index * row..(index + 1) * row) };
            let (image, a, b) = (index / height / depth, index / height % depth, index % height);
            let (Some(a), Some(b)) = (inside(a, 0), inside(b, 1)) else {
                to.fill(S::ZERO);
                continue;
            };
            let from = ((image * geometry.input[0] + a) * geometry.input[1] + b) * inner;
            let (before, rest) = to.split_at_mut(geometry.before[2] * cell);
            let (middle, after) = rest.split_at_mut(inner);
            before.fill(S::ZERO);
            middle.copy_from_slice(&x[from..from + inner]);
            after.fill(S::ZERO);
        }
    });
    Ok(result)
}

fn forward<T: Real, S: Widen<T>>(g: &Geometry, x: &[S], w: &[S], y: &mut [T], ending: Option<&Ending<'_, T>>) {
    let grid = g.reading();
    if !g.is_pointwise() && few_channels::is_for::<T, S>(g, &grid) {
        few_channels::forward(g, &grid, (x, w), y, ending);
    } else {
        by_tiles(g, &grid, (x, w), y, ending);
    }
}

/// A convolution as a product of patches and weights.
fn by_tiles<T: Real, S: Widen<T>>(
    g: &Geometry,
    grid: &Grid,
    (x, w): (&[S], &[S]),
    y: &mut [T],
    ending: Option<&Ending<'_, T>>,
) {
    let (all_in, all_out) = (g.channels_in * g.groups, g.channels_out * g.groups);
    let depth = g.taps() * g.channels_in;
    let size = Size { rows: g.output_positions(), columns: g.channels_out, depth };
    for group in 0..g.groups {
        let weights = Matrix::new(w, group * g.channels_out, (g.channels_out, 1), (depth, all_out as isize));
        let first_column = group * g.channels_out;
        let plain = Output::strided(&mut y[first_column..], all_out);
        let out = ending.map_or(plain, |ending| plain.ending(ending, first_column, g.channels_out));
        let first_channel = group * g.channels_in;
        if g.is_pointwise() {
            let rows = Matrix::new(x, first_channel, (size.rows, all_in as isize), (g.channels_in, 1));
            gemm(size, &rows, &weights, &out, true);
        } else {
            let rows = PatchRows::new(x, grid, all_in, first_channel, g.channels_in);
            gemm(size, &rows, &weights, &out, true);
        }
    }
}

/// The input gradient where every position reads one: a product with the turned weights.
fn pointwise_grad_input<T: Real, S: Widen<T>>(g: &Geometry, dy: &[S], w: &[S], dx: &mut [T]) {
    let (all_in, all_out) = (g.channels_in * g.groups, g.channels_out * g.groups);
    let size = Size { rows: g.input_positions(), columns: g.channels_in, depth: g.channels_out };
    for group in 0..g.groups {
        let first = group * g.channels_out;
        let rows = Matrix::new(dy, first, (size.rows, all_out as isize), (size.depth, 1));
        let weights = Matrix::new(w, first, (g.channels_in, all_out as isize), (size.depth, 1));
        let out = Output::strided(&mut dx[group * g.channels_in..], all_in);
        gemm(size, &rows, &weights, &out, true);
    }
}

fn grad_weight<T: Real, S: Widen<T>>(g: &Geometry, x: &[S], dy: &[S], dw: &mut [T]) {
    let (all_in, all_out) = (g.channels_in * g.groups, g.channels_out * g.groups);
    let size = Size { rows: g.taps() * g.channels_in, columns: g.channels_out, depth: g.output_positions() };
    let grid = g.reading();
    for group in 0..g.groups {
        let first_channel = group * g.channels_in;
        let gradient = Matrix::new(dy, group * g.channels_out, (g.channels_out, 1), (size.depth, all_out as isize));
        let out = Output::strided(&mut dw[group * g.channels_out..], all_out);
        if g.is_pointwise() {
            let columns = Matrix::new(x, first_channel, (g.channels_in, 1), (size.depth, all_in as isize));
            gemm(size, &columns, &gradient, &out, true);
        } else {
            let columns = PatchColumns { image: x, grid: &grid, cell: all_in, first_channel, channels: g.channels_in };
            gemm(size, &columns, &gradient, &out, true);
        }
    }
}
