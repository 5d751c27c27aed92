//! Maximum and average pooling, channels last, and their gradients. A maximum that occurs several times counts at its
//! first place; NaN is larger than any number.

use corten_core::{DType, Error, PoolSpec, Result};

use crate::{
    In,
    copy::{Dense, fill_bits},
    device::Gpu,
    elementwise::element,
    kernel::{Bind, Grid, Kernel, Parameters, Source, each_element, launch},
    memory::{Buffer, alloc, alloc_like},
    windows::{Geometry, split},
};

/// Whether `value` takes the place of `largest`, the largest so far.
const fn replaces(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "(k_is_nan(value) && !k_is_nan(largest)) || k_lt(largest, value)",
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64
        | DType::BF16
        | DType::F16
        | DType::F64 => "value > largest",
    }
}

/// What a window that holds only padding gives: the smallest value of the dtype.
const fn smallest(dtype: DType) -> u32 {
    match dtype {
        DType::F32 => f32::NEG_INFINITY.to_bits(),
        DType::I32 => i32::MIN.cast_unsigned(),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I64
        | DType::BF16
        | DType::F16
        | DType::F64 => 0,
    }
}

fn need_float(op: &str, dtype: DType) -> Result<()> {
    if dtype == DType::F32 {
        return Ok(());
    }
    Err(Error::dtype(format!("{op}: a float dtype is needed; got {dtype}")))
}

/// What is kept of each window.
#[derive(Clone, Copy)]
enum Kept<'a> {
    Largest,
    /// Another array's element at the place of the largest.
    Other(&'a Dense<'a>),
    /// The input position of the largest, 0xffffffff if there is none.
    Position,
}

pub(crate) fn max_pool(gpu: &Gpu, spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
    gpu.check("max_pool", x.dtype)?;
    largest(gpu, &Geometry::of_pool(spec, x.layout.shape(), out), &Dense::new(gpu, x)?, x.dtype, Kept::Largest)
}

pub(crate) fn max_pool_select(gpu: &Gpu, spec: &PoolSpec, x: In<'_>, v: In<'_>, out: &[usize]) -> Result<Buffer> {
    gpu.check("max_pool_select", x.dtype)?;
    let (x_dense, v) = (Dense::new(gpu, x)?, Dense::new(gpu, v)?);
    largest(gpu, &Geometry::of_pool(spec, x.layout.shape(), out), &x_dense, x.dtype, Kept::Other(&v))
}

fn largest(gpu: &Gpu, geometry: &Geometry, x: &Dense<'_>, dtype: DType, kept: Kept<'_>) -> Result<Buffer> {
    let len = geometry.outputs() * geometry.channels_in;
    let out = if let Kept::Other(v) = kept { alloc_like(gpu, v.buffer(), len) } else { alloc(gpu, len) }?;
    if len == 0 {
        return Ok(out);
    }
    let kind = element(dtype);
    let mut parameters = Parameters::new();
    let (n, start, of_other) = (
        parameters.count(len),
        parameters.count(x.offset()),
        parameters.count(if let Kept::Other(v) = kept { v.offset() } else { 0 }),
    );
    let least = parameters.bits(smallest(dtype));
    let words = geometry.push(&mut parameters);
    let mut bindings = vec![Bind::read("x", x.buffer(), kind)];
    let (name, result, value, element) = match kept {
        Kept::Largest => ("max_pool", "largest", "largest".to_owned(), kind),
        Kept::Other(v) => {
            bindings.push(Bind::read("other", v.buffer(), out.moved()));
            let value = format!(
                "{};\nif at != 0xffffffffu {{\nvalue = other[{of_other} + at * {} + channel];\n}}",
                if out.is_half() { "0.0" } else { "0u" },
                words.channels_in
            );
            ("max_pool_select", "value", value, out.moved())
        }
        Kept::Position => ("max_pool_grad", "at", "at".to_owned(), "u32"),
    };
    bindings.push(Bind::write("result", &out, element));
    let kernel = Kernel {
        name,
        key: &format!("{name} {dtype}"),
        parameters: &parameters,
        bindings: &bindings,
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        let channels = &words.channels_in;
        let visit = words.each_cell(&format!(
            "let value = x[{start} + cell * {channels} + channel];\nif at == 0xffffffffu || {} {{\nlargest = value;\n\
             at = cell;\n}}",
            replaces(dtype)
        ));
        let chosen = if let Kept::Other(_) = kept { format!("var value = {value}\n") } else { String::new() };
        Source::new(each_element(
            &n,
            &format!(
                "let channel = i % {channels};\nlet position = i / {channels};\n{}var largest = bitcast<{kind}>({least});\n\
                 var at = 0xffffffffu;\n{visit}{chosen}result[i] = {result};",
                split("position", &words.output, "o")
            ),
        ))
    })?;
    Ok(out)
}

pub(crate) fn max_pool_grad(gpu: &Gpu, spec: &PoolSpec, x: In<'_>, dy: In<'_>) -> Result<Buffer> {
    gpu.check("max_pool_grad", x.dtype)?;
    need_float("max_pool_grad", x.dtype)?;
    let geometry = Geometry::of_pool(spec, x.layout.shape(), dy.layout.shape());
    let positions = largest(gpu, &geometry, &Dense::new(gpu, x)?, x.dtype, Kept::Position)?;
    gradient(gpu, &geometry, &Dense::new(gpu, dy)?, &Share::Largest(&positions))
}

pub(crate) fn avg_pool(gpu: &Gpu, spec: &PoolSpec, x: In<'_>, out: &[usize]) -> Result<Buffer> {
    gpu.check("average_pool", x.dtype)?;
    need_float("average_pool", x.dtype)?;
    let geometry = Geometry::of_pool(spec, x.layout.shape(), out);
    let x = Dense::new(gpu, x)?;
    let len = geometry.outputs() * geometry.channels_in;
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let mut parameters = Parameters::new();
    let (n, start, cells) =
        (parameters.count(len), parameters.count(x.offset()), parameters.count(fixed_count(&geometry, spec)));
    let words = geometry.push(&mut parameters);
    let kernel = Kernel {
        name: "average_pool",
        key: "average_pool",
        parameters: &parameters,
        bindings: &[Bind::read("x", x.buffer(), "f32"), Bind::write("result", &out, "f32")],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        let channels = &words.channels_in;
        let visit = words.each_cell(&format!("sum += x[{start} + cell * {channels} + channel];\ninside++;"));
        Source::new(each_element(
            &n,
            &format!(
                "let channel = i % {channels};\nlet position = i / {channels};\n{}var sum = 0.0;\nvar inside = 0u;\n{visit}\
                 result[i] = sum / f32(max(select({cells}, inside, {cells} == 0u), 1u));",
                split("position", &words.output, "o")
            ),
        ))
    })?;
    Ok(out)
}

/// How many cells a window counts, 0 where that depends on the window.
fn fixed_count(geometry: &Geometry, spec: &PoolSpec) -> usize {
    if spec.count_padding { geometry.taps() } else { 0 }
}

pub(crate) fn avg_pool_grad(gpu: &Gpu, spec: &PoolSpec, dy: In<'_>, out: &[usize]) -> Result<Buffer> {
    gpu.check("average_pool_grad", dy.dtype)?;
    need_float("average_pool_grad", dy.dtype)?;
    let geometry = Geometry::of_pool(spec, out, dy.layout.shape());
    gradient(gpu, &geometry, &Dense::new(gpu, dy)?, &Share::Mean(fixed_count(&geometry, spec)))
}

/// What a cell gets of the gradient of a window.
enum Share<'a> {
    /// All, if it is the position that the window names.
    Largest(&'a Buffer),
    /// One part of this count, or of the number of cells that are not padding where it is 0.
    Mean(usize),
}

fn gradient(gpu: &Gpu, geometry: &Geometry, dy: &Dense<'_>, share: &Share<'_>) -> Result<Buffer> {
    let len = geometry.inputs() * geometry.channels_in;
    if geometry.outputs() == 0 {
        return fill_bits(gpu, len, 0);
    }
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let mut parameters = Parameters::new();
    let (n, start) = (parameters.count(len), parameters.count(dy.offset()));
    let cells = parameters.count(if let Share::Mean(cells) = share { *cells } else { 0 });
    let words = geometry.push(&mut parameters);
    let mut bindings = vec![Bind::read("dy", dy.buffer(), "f32")];
    let name = match share {
        Share::Largest(positions) => {
            bindings.push(Bind::read("positions", positions, "u32"));
            "max_pool_grad"
        }
        Share::Mean(_) => "average_pool_grad",
    };
    bindings.push(Bind::write("result", &out, "f32"));
    let kernel = Kernel {
        name,
        key: &format!("{name} share"),
        parameters: &parameters,
        bindings: &bindings,
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        let channels = &words.channels_in;
        let (module, visit) = match share {
            Share::Largest(_) => (
                String::new(),
                format!(
                    "let at = window * {channels} + channel;\nif positions[at] == position {{\nsum += dy[{start} + at];\n}}"
                ),
            ),
            Share::Mean(_) => {
                let inside = (0..3).fold(String::new(), |text, a| {
                    text + &format!(
                        "fn inside{a}(o: u32) -> u32 {{\nvar count = 0u;\nfor (var t = 0u; t < {k}; t++) {{\n\
                         count += select(0u, 1u, o * {s} + t * {d} - {b} < {n});\n}}\nreturn count;\n}}\n",
                        k = words.kernel[a],
                        s = words.strides[a],
                        d = words.dilation[a],
                        b = words.before[a],
                        n = words.input[a]
                    )
                });
                let visit = format!(
                    "var count = {cells};\nif count == 0u {{\ncount = inside0(o0) * inside1(o1) * inside2(o2);\n}}\n\
                     sum += dy[{start} + window * {channels} + channel] / f32(count);"
                );
                (inside, visit)
            }
        };
        Source::new(each_element(
            &n,
            &format!(
                "let channel = i % {channels};\nlet position = i / {channels};\n{}var sum = 0.0;\n{}result[i] = sum;",
                split("position", &words.input, "p"),
                words.each_window(&visit)
            ),
        ))
        .with(&module)
    })?;
    Ok(out)
}
