//! Movement by index.
//!
//! Operands are seen as `(outer, axis, inner)` around the indexed axis. Scatters use no atomics: each element of the
//! destination looks for its updates among the sorted indices and applies them in row-major order. An index out of
//! range touches nothing; it is recorded on the device and raised by the next reading.

use std::sync::Arc;

use corten_core::{DType, Layout, ReduceOp, Result, ScatterMode};

use crate::{
    In,
    copy::{Dense, to_contiguous},
    device::{Gpu, lock},
    elementwise::element,
    kernel::{Bind, Grid, Kernel, Parameters, Source, Word, each_element, launch},
    memory::{Block, Buffer, alloc, alloc_like},
    reduce::combine,
    sort::Pairs,
    strided::Walk,
};

/// The extents before, along and after an axis.
#[derive(Clone, Copy)]
struct Extents {
    outer: usize,
    axis: usize,
    inner: usize,
}

impl Extents {
    fn of(layout: &Layout, axis: usize) -> Self {
        let shape = layout.shape();
        Self { outer: shape[..axis].iter().product(), axis: shape[axis], inner: shape[axis + 1..].iter().product() }
    }
}

/// How kernels make places of indices: counted from the start, 0xffffffff if out of range.
struct Resolver {
    flags: Arc<Block>,
    mark: usize,
}

impl Resolver {
    fn new(gpu: &Gpu, op: &'static str, axis: usize) -> Self {
        let mut stream = lock(&gpu.0.stream);
        Self { mark: stream.mark(op, axis), flags: Arc::clone(&stream.flags) }
    }

    fn function(extent: &Word, mark: &Word) -> String {
        format!(
            "fn resolve(index: i32) -> u32 {{\nlet counted = select(index, index + i32({extent}), index < 0);\n\
             if counted >= 0 && u32(counted) < {extent} {{\nreturn u32(counted);\n}}\n\
             if atomicAdd(&flags[0], 1u) == 0u {{\natomicStore(&flags[1], bitcast<u32>(index));\n\
             atomicStore(&flags[2], {extent});\natomicStore(&flags[3], {mark});\n}}\nreturn 0xffffffffu;\n}}\n"
        )
    }
}

pub(crate) fn gather(gpu: &Gpu, x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
    let Extents { outer, inner, .. } = Extents::of(x.layout, axis);
    let rows = indices.layout.len();
    taken(gpu, "take", x, indices, axis, rows, outer * rows * inner)
}

pub(crate) fn take_along(gpu: &Gpu, x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
    taken(gpu, "take_along_axis", x, indices, axis, indices.layout.shape()[axis], indices.layout.len())
}

/// `len` elements of `x`, `rows` along the axis; the indices are one for each row or one for each element.
fn taken(
    gpu: &Gpu,
    name: &'static str,
    x: In<'_>,
    indices: In<'_>,
    axis: usize,
    rows: usize,
    len: usize,
) -> Result<Buffer> {
    gpu.check(name, x.dtype)?;
    gpu.check(name, indices.dtype)?;
    let Extents { axis: extent, inner, .. } = Extents::of(x.layout, axis);
    let out = alloc_like(gpu, x.buffer, len)?;
    if len == 0 {
        return Ok(out);
    }
    let resolver = Resolver::new(gpu, name, axis);
    let dense = Dense::new(gpu, x)?;
    let walk = Walk::new(name, &[indices.layout])?;
    let which = if indices.layout.len() == len { "i" } else { "row" };
    let mut parameters = Parameters::new();
    let (n, rows, extent, inner, start, mark) = (
        parameters.count(len),
        parameters.count(rows),
        parameters.count(extent),
        parameters.count(inner),
        parameters.count(dense.offset()),
        parameters.count(resolver.mark),
    );
    let words = walk.push(&mut parameters);
    let kernel = Kernel {
        name,
        key: &format!("take by {which} {}", walk.key()),
        parameters: &parameters,
        bindings: &[
            Bind::read("x", dense.buffer(), out.moved()),
            Bind::read("indices", indices.buffer, "i32"),
            Bind::write("result", &out, out.moved()),
            Bind::flags(&resolver.flags),
        ],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        Source::new(each_element(
            &n,
            &format!(
                "let line = i / {inner};\nlet row = line % {rows};\n{}let place = resolve(indices[at0]);\n\
                 var value = {};\nif place != 0xffffffffu {{\n\
                 value = x[{start} + (line / {rows} * {extent} + place) * {inner} + i % {inner}];\n}}\n\
                 result[i] = value;",
                walk.places(&words, which, "at"),
                if out.is_half() { "0.0" } else { "0u" }
            ),
        ))
        .with(&Resolver::function(&extent, &mark))
    })?;
    Ok(out)
}

/// The function by which updates meet the base.
fn meeting(mode: ScatterMode, dtype: DType) -> (&'static str, String) {
    let kind = element(dtype);
    // Adding and multiplying truth values means "or" and "and".
    let op = match mode {
        ScatterMode::Set => None,
        ScatterMode::Add if dtype == DType::Bool => Some(ReduceOp::Max),
        ScatterMode::Mul if dtype == DType::Bool => Some(ReduceOp::Min),
        ScatterMode::Add => Some(ReduceOp::Sum),
        ScatterMode::Mul => Some(ReduceOp::Prod),
        ScatterMode::Max => Some(ReduceOp::Max),
        ScatterMode::Min => Some(ReduceOp::Min),
    };
    let text = op.map_or("b", |op| combine(op, dtype).text);
    (text, format!("fn meet(a: {kind}, b: {kind}) -> {kind} {{ return {text}; }}\n"))
}

pub(crate) fn scatter(
    gpu: &Gpu,
    mode: ScatterMode,
    base: In<'_>,
    indices: In<'_>,
    updates: In<'_>,
    axis: usize,
) -> Result<Buffer> {
    slices(gpu, "scatter", mode, base, indices, updates, axis)
}

/// One index for a whole slice.
fn slices(
    gpu: &Gpu,
    name: &'static str,
    mode: ScatterMode,
    base: In<'_>,
    indices: In<'_>,
    updates: In<'_>,
    axis: usize,
) -> Result<Buffer> {
    gpu.check(name, base.dtype)?;
    gpu.check(name, indices.dtype)?;
    let (len, rows) = (base.layout.len(), indices.layout.len());
    if len == 0 || updates.layout.is_empty() {
        return to_contiguous(gpu, base);
    }
    let Extents { axis: extent, inner, .. } = Extents::of(base.layout, axis);
    let pairs = sorted_places(gpu, &Resolver::new(gpu, name, axis), indices, extent)?;
    let out = alloc(gpu, len)?;
    let dense = Dense::new(gpu, updates)?;
    let walk = Walk::new(name, &[base.layout])?;
    let (text, function) = meeting(mode, base.dtype);
    let kind = element(base.dtype);
    let mut parameters = Parameters::new();
    let (n, rows, extent, inner, start, padded) = (
        parameters.count(len),
        parameters.count(rows),
        parameters.count(extent),
        parameters.count(inner),
        parameters.count(dense.offset()),
        parameters.count(pairs.length),
    );
    let words = walk.push(&mut parameters);
    let kernel = Kernel {
        name,
        key: &format!("scatter {text} {}", walk.key()),
        parameters: &parameters,
        bindings: &[
            Bind::read("base", base.buffer, kind),
            Bind::read("keys", &pairs.keys, "u32"),
            Bind::read("places", &pairs.places, "u32"),
            Bind::read("updates", dense.buffer(), kind),
            Bind::write("result", &out, kind),
        ],
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        Source::new(each_element(
            &n,
            &format!(
                "{}var value = base[at0];\nlet place = i / {inner} % {extent};\nlet matrix = i / {inner} / {extent};\n\
                 var low = 0u;\nvar high = {padded};\nwhile low < high {{\nlet middle = (low + high) / 2u;\n\
                 if keys[middle] < place {{\nlow = middle + 1u;\n}} else {{\nhigh = middle;\n}}\n}}\n\
                 while low < {padded} && keys[min(low, {padded} - 1u)] == place {{\n\
                 value = meet(value, updates[{start} + (matrix * {rows} + places[low]) * {inner} + i % {inner}]);\nlow++;\n}}\n\
                 result[i] = value;",
                walk.places(&words, "i", "at")
            ),
        ))
        .with(&function)
    })?;
    Ok(out)
}

/// The resolved indices, sorted, and which update each belongs to; those out of range come last.
fn sorted_places(gpu: &Gpu, resolver: &Resolver, indices: In<'_>, extent: usize) -> Result<Pairs> {
    let rows = indices.layout.len();
    let pairs = Pairs::new(gpu, 1, rows)?;
    let walk = Walk::new("scatter", &[indices.layout])?;
    let mut parameters = Parameters::new();
    let (n, rows, extent, mark) = (
        parameters.count(pairs.length),
        parameters.count(rows),
        parameters.count(extent),
        parameters.count(resolver.mark),
    );
    let words = walk.push(&mut parameters);
    let kernel = Kernel {
        name: "scatter",
        key: &format!("scatter places {}", walk.key()),
        parameters: &parameters,
        bindings: &[
            Bind::read("indices", indices.buffer, "i32"),
            Bind::write("keys", &pairs.keys, "u32"),
            Bind::write("places", &pairs.places, "u32"),
            Bind::flags(&resolver.flags),
        ],
        grid: Grid::elements(pairs.length),
    };
    launch(gpu, &kernel, || {
        Source::new(each_element(
            &n,
            &format!(
                "places[i] = i;\nkeys[i] = 0xffffffffu;\nif i < {rows} {{\n{}keys[i] = resolve(indices[at0]);\n}}",
                walk.places(&words, "i", "at")
            ),
        ))
        .with(&Resolver::function(&extent, &mark))
    })?;
    pairs.sort(gpu)?;
    Ok(pairs)
}

pub(crate) fn scatter_along(
    gpu: &Gpu,
    mode: ScatterMode,
    base: In<'_>,
    indices: In<'_>,
    updates: In<'_>,
    axis: usize,
) -> Result<Buffer> {
    let name = "scatter_along_axis";
    let Extents { outer, axis: extent, inner } = Extents::of(base.layout, axis);
    if outer * inner == 1 {
        // One line: the same as slices of one element.
        return slices(gpu, name, mode, base, indices, updates, axis);
    }
    gpu.check(name, base.dtype)?;
    gpu.check(name, indices.dtype)?;
    let out = to_contiguous(gpu, base)?;
    if updates.layout.is_empty() || base.layout.is_empty() {
        return Ok(out);
    }
    let resolver = Resolver::new(gpu, name, axis);
    let (places, dense) = (Dense::new(gpu, indices)?, Dense::new(gpu, updates)?);
    let rows = updates.layout.len() / outer / inner;
    let (text, function) = meeting(mode, base.dtype);
    let kind = element(base.dtype);
    let lines = outer * inner;
    let mut parameters = Parameters::new();
    let (n, rows, extent, inner, first_place, start, mark) = (
        parameters.count(lines),
        parameters.count(rows),
        parameters.count(extent),
        parameters.count(inner),
        parameters.count(places.offset()),
        parameters.count(dense.offset()),
        parameters.count(resolver.mark),
    );
    let kernel = Kernel {
        name,
        key: &format!("scatter along {text}"),
        parameters: &parameters,
        bindings: &[
            Bind::read("indices", places.buffer(), "i32"),
            Bind::read("updates", dense.buffer(), kind),
            Bind::write("result", &out, kind),
            Bind::flags(&resolver.flags),
        ],
        grid: Grid::elements(lines),
    };
    launch(gpu, &kernel, || {
        // An invocation owns the whole line, so that updates of one place come in order.
        Source::new(each_element(
            &n,
            &format!(
                "let matrix = i / {inner};\nlet column = i % {inner};\nfor (var row = 0u; row < {rows}; row++) {{\n\
                 let source = (matrix * {rows} + row) * {inner} + column;\nlet place = resolve(indices[{first_place} + source]);\n\
                 if place != 0xffffffffu {{\nlet to = (matrix * {extent} + place) * {inner} + column;\n\
                 result[to] = meet(result[to], updates[{start} + source]);\n}}\n}}"
            ),
        ))
        .with(&function)
        .with(&Resolver::function(&extent, &mark))
    })?;
    Ok(out)
}
