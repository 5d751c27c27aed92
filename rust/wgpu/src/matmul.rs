//! Products of matrices of any strides.

use corten_core::{Layout, Result};

use crate::{
    In,
    device::Gpu,
    elementwise::element,
    ending::Ending,
    half::arithmetic,
    kernel::Parameters,
    memory::Buffer,
    product::{Place, Product, Side, cooperative::Way},
    strided::Walk,
};

/// A matrix as lines along the axis `line` by the depth along the axis `depth` of its last two; the others are batches.
fn side<'a>(parameters: &mut Parameters, x: In<'a>, line: usize, depth: usize) -> Result<Side<'a>> {
    let (layout, leading) = (x.layout, x.layout.rank() - 2);
    let stride = |axis: usize| layout.strides()[leading + axis];
    let walk = Walk::over("matmul", layout, 0..leading)?;
    let offset = parameters.count(layout.offset());
    let (of_line, of_depth) = (parameters.stride(stride(line)), parameters.stride(stride(depth)));
    let words = walk.push(parameters);
    // Of one element any stride is right.
    let along_lines = layout.shape()[leading + line] > 1 && (stride(line) == 1 || stride(depth) != 1);
    let whole = |n: isize| n % 4 == 0;
    let fours = stride(line) == 1
        && layout.shape()[leading + line].is_multiple_of(4)
        && layout.offset().is_multiple_of(4)
        && (0..layout.rank()).all(|axis| axis == leading + line || whole(layout.strides()[axis]));
    Ok(Side {
        buffer: x.buffer,
        along_lines,
        fours,
        state: "u32",
        key: format!("s{}{along_lines}{fours}", walk.key()),
        text: Box::new(move |name| {
            format!(
                "fn {name}_line(batch: u32, line: u32) -> u32 {{\n{}return {offset} + of0 + line * {of_line};\n}}\n\
                 fn {name}_depth(k: u32) -> u32 {{\nreturn k * {of_depth};\n}}\n\
                 fn {name}_place(line: u32, depth: u32) -> u32 {{\nreturn line + depth;\n}}\n",
                walk.places(&words, "batch", "of")
            )
        }),
    })
}

pub(crate) fn matmul(gpu: &Gpu, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    matmul_with_ending(gpu, a, b, None)
}

/// The batch axes are broadcast already.
pub(crate) fn matmul_with_ending(gpu: &Gpu, a: In<'_>, b: In<'_>, ending: Option<Ending<'_>>) -> Result<Buffer> {
    product(gpu, a, b, ending, Way::Chosen)
}

/// Made in a way of one's choice.
pub(crate) fn product(gpu: &Gpu, a: In<'_>, b: In<'_>, ending: Option<Ending<'_>>, way: Way) -> Result<Buffer> {
    gpu.check("matmul", a.dtype)?;
    let leading = a.layout.rank() - 2;
    let (rows, depth) = (a.layout.shape()[leading], a.layout.shape()[leading + 1]);
    let columns = b.layout.shape()[leading + 1];
    let batches = a.layout.shape()[..leading].iter().product();
    let mut parameters = Parameters::new();
    let product = Product {
        name: "matmul",
        kind: element(arithmetic(a.dtype)),
        dtype: a.dtype,
        batches,
        rows,
        columns,
        depth,
        a: side(&mut parameters, a, 0, 1)?,
        b: side(&mut parameters, b, 1, 0)?,
        place: Place::linear(&mut parameters, rows * columns, columns),
        ending: ending.map(|ending| ending.push(&mut parameters)),
        way,
    };
    product.run(gpu, parameters, batches * rows * columns)
}

/// A matrix turned over.
pub(crate) fn transposed(layout: &Layout) -> Layout {
    layout.permute(&[1, 0])
}
