//! Convolutions of one to three spatial axes, channels last, and their two gradients: products whose operand finds its
//! elements in the image ([`reading`]); depthwise ones directly ([`depthwise`]).

mod depthwise;
mod reading;

use corten_core::{ConvSpec, DType, Dims, Error, Layout, Result};

use self::reading::{Axes, Reading};
use crate::{
    In,
    copy::Dense,
    device::Gpu,
    ending::Ending,
    half::arithmetic,
    kernel::Parameters,
    matmul::matmul_with_ending,
    memory::{Buffer, alloc_of},
    product::{Place, Product, Side, cooperative::Way},
    windows::Geometry,
};

fn check(gpu: &Gpu, op: &str, dtype: DType) -> Result<()> {
    gpu.check(op, dtype)?;
    if arithmetic(dtype) == DType::F32 {
        return Ok(());
    }
    Err(Error::dtype(format!("{op}: a float dtype is needed; got {dtype}; cast the operands to float32")))
}

pub(crate) fn conv(gpu: &Gpu, spec: &ConvSpec, x: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
    conv_with_ending(gpu, spec, x, w, out, None)
}

pub(crate) fn conv_with_ending(
    gpu: &Gpu,
    spec: &ConvSpec,
    x: In<'_>,
    w: In<'_>,
    out: &[usize],
    ending: Option<Ending<'_>>,
) -> Result<Buffer> {
    check(gpu, "conv", x.dtype)?;
    let geometry = Geometry::new(spec, x.layout.shape(), w.layout.shape(), out);
    let len = out.iter().product();
    let (x_dense, w_dense) = (Dense::new(gpu, x)?, Dense::new(gpu, w)?);
    if geometry.is_depthwise() {
        let sums = depthwise::forward(gpu, &geometry, &x_dense, &w_dense)?;
        let Some(ending) = ending else { return Ok(sums) };
        let result = alloc_of(gpu, x.dtype, len)?;
        ending.apply(gpu, &sums, 0, &result, len)?;
        return Ok(result);
    }
    let (rows, inner, columns) =
        (geometry.outputs(), geometry.channels_in / geometry.groups, geometry.channels_out / geometry.groups);
    if geometry.is_pointwise() && geometry.groups == 1 {
        let layouts = [
            Layout::new(Dims::from_slice(&[rows, inner]), [inner as isize, 1].into_iter().collect(), x_dense.offset()),
            Layout::new(
                Dims::from_slice(&[inner, columns]),
                [columns as isize, 1].into_iter().collect(),
                w_dense.offset(),
            ),
        ];
        let [a, b] = [(&x_dense, &layouts[0]), (&w_dense, &layouts[1])].map(|(dense, layout)| In {
            buffer: dense.buffer(),
            layout,
            dtype: x.dtype,
        });
        return matmul_with_ending(gpu, a, b, ending);
    }
    let mut parameters = Parameters::new();
    let a = Reading::new(&mut parameters, &Axes::of_outputs(&geometry), &geometry.input, inner, geometry.channels_in);
    let offset = parameters.count(x_dense.offset());
    let product = Product {
        name: "conv",
        kind: "f32",
        dtype: x.dtype,
        batches: geometry.groups,
        rows,
        columns,
        depth: geometry.taps() * inner,
        a: a.positions_by_taps(x_dense.buffer(), offset),
        b: rows_side(&mut parameters, &w_dense, geometry.channels_out, columns),
        place: Place::linear(&mut parameters, columns, geometry.channels_out),
        ending: ending.map(|ending| ending.push(&mut parameters)),
        way: Way::Chosen,
    };
    product.run(gpu, parameters, len)
}

/// Row-major elements whose rows, of `width`, are the depth; a batch is `columns` of a row.
fn rows_side<'a>(parameters: &mut Parameters, x: &'a Dense<'_>, width: usize, columns: usize) -> Side<'a> {
    let (offset, width_word, columns_word) =
        (parameters.count(x.offset()), parameters.count(width), parameters.count(columns));
    let fours = [x.offset(), width, columns].iter().all(|n| n.is_multiple_of(4));
    Side {
        buffer: x.buffer(),
        along_lines: true,
        fours,
        state: "u32",
        key: format!("rows{fours}"),
        text: Box::new(move |name| {
            format!(
                "fn {name}_line(batch: u32, line: u32) -> u32 {{\nreturn {offset} + batch * {columns_word} + line;\n}}\n\
                 fn {name}_depth(k: u32) -> u32 {{\nreturn k * {width_word};\n}}\n\
                 fn {name}_place(line: u32, depth: u32) -> u32 {{\nreturn line + depth;\n}}\n"
            )
        }),
    }
}

pub(crate) fn conv_grad_weight(gpu: &Gpu, spec: &ConvSpec, x: In<'_>, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
    check(gpu, "conv_grad_weight", x.dtype)?;
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
    let geometry = Geometry::new(spec, x.layout.shape(), out, dy.layout.shape());
    let dtype = x.dtype;
    let (x, dy) = (Dense::new(gpu, x)?, Dense::new(gpu, dy)?);
    if geometry.is_depthwise() {
        return depthwise::weight_gradient(gpu, &geometry, &x, &dy);
    }
    let (inner, columns) = (geometry.channels_in / geometry.groups, geometry.channels_out / geometry.groups);
    let mut parameters = Parameters::new();
    let a = Reading::new(&mut parameters, &Axes::of_outputs(&geometry), &geometry.input, inner, geometry.channels_in);
    let offset = parameters.count(x.offset());
    let fours = [inner, geometry.channels_in, x.offset()].iter().all(|n| n.is_multiple_of(4));
    let product = Product {
        name: "conv_grad_weight",
        kind: "f32",
        dtype,
        batches: geometry.groups,
        rows: geometry.taps() * inner,
        columns,
        depth: geometry.outputs(),
        a: a.taps_by_positions(x.buffer(), offset, fours),
        b: rows_side(&mut parameters, &dy, geometry.channels_out, columns),
        place: Place::linear(&mut parameters, columns, geometry.channels_out),
        ending: None,
        way: Way::Chosen,
    };
    product.run(gpu, parameters, out.iter().product())
}

pub(crate) fn conv_grad_input(gpu: &Gpu, spec: &ConvSpec, dy: In<'_>, w: In<'_>, out: &[usize]) -> Result<Buffer> {
    check(gpu, "conv_transpose", dy.dtype)?;
    let geometry = Geometry::new(spec, out, w.layout.shape(), dy.layout.shape());
    let dtype = dy.dtype;
    let (dy, w) = (Dense::new(gpu, dy)?, Dense::new(gpu, w)?);
    if geometry.is_depthwise() {
        return depthwise::input_gradient(gpu, &geometry, &dy, &w);
    }
    let result = alloc_of(gpu, dtype, out.iter().product())?;
    // Input positions of one residue by the strides meet the same taps, so that no zeros are multiplied.
    for residue in 0..geometry.strides.iter().product() {
        let [_, s1, s2] = geometry.strides;
        let first = [residue / s2 / s1, residue / s2 % s1, residue % s2];
        if (0..3).all(|axis| first[axis] < geometry.input[axis]) {
            input_phase(gpu, &geometry, &Axes::of_residue(&geometry, first), first, &dy, &w, &result)?;
        }
    }
    Ok(result)
}

fn input_phase(
    gpu: &Gpu,
    geometry: &Geometry,
    axes: &Axes,
    first: [usize; 3],
    dy: &Dense<'_>,
    w: &Dense<'_>,
    result: &Buffer,
) -> Result<()> {
    let (columns, inner) = (geometry.channels_in / geometry.groups, geometry.channels_out / geometry.groups);
    let mut parameters = Parameters::new();
    let a = Reading::new(&mut parameters, axes, &geometry.output, inner, geometry.channels_out);
    let offset = parameters.count(dy.offset());
    let product = Product {
        name: "conv_grad_input",
        kind: "f32",
        dtype: result.float(),
        batches: geometry.groups,
        rows: geometry.batch * axes.positions.iter().product::<usize>(),
        columns,
        depth: axes.taps.iter().product::<usize>() * inner,
        a: a.positions_by_taps(dy.buffer(), offset),
        b: reading::taps_of_weights(&mut parameters, geometry, axes, w),
        place: reading::strided_positions(&mut parameters, geometry, axes, first),
        ending: None,
        way: Way::Chosen,
    };
    product.run_whole(gpu, parameters, result)
}
