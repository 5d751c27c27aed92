//! Sorting and searching.
//!
//! Elements become unsigned keys of the same order (NaN above everything, both zeros equal), each with its position:
//! no two pairs are equal, so the bitonic network that sorts them is stable. Rows are filled up to a power of two.

use corten_core::{DType, Dims, Layout, Result};

use crate::{
    In,
    copy::{self, Dense, fill_bits, to_contiguous},
    device::Gpu,
    elementwise::element,
    half::arithmetic,
    kernel::{Bind, Grid, ITEMS, Kernel, LANES, Parameters, Source, each_element, launch},
    memory::{Buffer, alloc, alloc_like},
    strided::Walk,
};

/// Pairs that a workgroup sorts in its own memory.
const LOCAL: usize = LANES * ITEMS;

/// Keys and positions in rows of a power of two.
pub(crate) struct Pairs {
    pub(crate) keys: Buffer,
    pub(crate) places: Buffer,
    pub(crate) rows: usize,
    pub(crate) length: usize,
}

impl Pairs {
    pub(crate) fn new(gpu: &Gpu, rows: usize, length: usize) -> Result<Self> {
        let length = length.next_power_of_two();
        let len = rows * length;
        Ok(Self { keys: alloc(gpu, len)?, places: alloc(gpu, len)?, rows, length })
    }

    fn len(&self) -> usize {
        self.rows * self.length
    }

    /// Sorts every row by key, equal keys by position.
    pub(crate) fn sort(&self, gpu: &Gpu) -> Result<()> {
        self.local(gpu, 2, self.length.min(LOCAL))?;
        let mut stage = LOCAL * 2;
        while stage <= self.length {
            let mut distance = stage / 2;
            while distance >= LOCAL {
                self.step(gpu, stage, distance)?;
                distance /= 2;
            }
            self.local(gpu, stage, stage)?;
            stage *= 2;
        }
        Ok(())
    }

    /// The network's stages from `first` to `last`, of each only the steps inside a workgroup's memory.
    fn local(&self, gpu: &Gpu, first: usize, last: usize) -> Result<()> {
        let mut parameters = Parameters::new();
        let (n, mask, first, last) = (
            parameters.count(self.len()),
            parameters.count(self.length - 1),
            parameters.count(first),
            parameters.count(last),
        );
        let kernel = Kernel {
            name: "sort",
            key: "sort local",
            parameters: &parameters,
            bindings: &[Bind::write("keys", &self.keys, "u32"), Bind::write("places", &self.places, "u32")],
            grid: Grid::groups(self.len().div_ceil(LOCAL)),
        };
        launch(gpu, &kernel, || {
            let body = format!(
                "let base = group * {LOCAL}u;\nfor (var item = 0u; item < {ITEMS}u; item++) {{\n\
                 let at = item * {LANES}u + lane;\nshared_keys[at] = 0xffffffffu;\nshared_places[at] = 0xffffffffu;\n\
                 if base + at < {n} {{\nshared_keys[at] = keys[base + at];\nshared_places[at] = places[base + at];\n}}\n}}\n\
                 workgroupBarrier();\nfor (var stage = {first}; stage <= {last}; stage = stage * 2u) {{\n\
                 for (var distance = min(stage / 2u, {half}u); distance > 0u; distance = distance / 2u) {{\n\
                 for (var item = 0u; item < {pairs}u; item++) {{\nlet pair = item * {LANES}u + lane;\n\
                 let low = pair / distance * distance * 2u + pair % distance;\nlet high = low + distance;\n\
                 let rises = ((base + low) & {mask} & stage) == 0u;\n\
                 let swap = shared_keys[high] < shared_keys[low] || (shared_keys[high] == shared_keys[low] && shared_places[high] < shared_places[low]);\n\
                 if swap == rises {{\nlet key = shared_keys[low];\nshared_keys[low] = shared_keys[high];\nshared_keys[high] = key;\n\
                 let place = shared_places[low];\nshared_places[low] = shared_places[high];\nshared_places[high] = place;\n}}\n}}\n\
                 workgroupBarrier();\n}}\n}}\nfor (var item = 0u; item < {ITEMS}u; item++) {{\nlet at = item * {LANES}u + lane;\n\
                 if base + at < {n} {{\nkeys[base + at] = shared_keys[at];\nplaces[base + at] = shared_places[at];\n}}\n}}",
                half = LOCAL / 2,
                pairs = ITEMS / 2,
            );
            Source::new(body).with(&format!(
                "var<workgroup> shared_keys: array<u32, {LOCAL}>;\nvar<workgroup> shared_places: array<u32, {LOCAL}>;\n"
            ))
        })
    }

    /// One step of a stage over the device's memory.
    fn step(&self, gpu: &Gpu, stage: usize, distance: usize) -> Result<()> {
        let pairs = self.len() / 2;
        let mut parameters = Parameters::new();
        let (n, mask, stage, distance) = (
            parameters.count(pairs),
            parameters.count(self.length - 1),
            parameters.count(stage),
            parameters.count(distance),
        );
        let kernel = Kernel {
            name: "sort",
            key: "sort step",
            parameters: &parameters,
            bindings: &[Bind::write("keys", &self.keys, "u32"), Bind::write("places", &self.places, "u32")],
            grid: Grid::elements(pairs),
        };
        launch(gpu, &kernel, || {
            Source::new(each_element(
                &n,
                &format!(
                    "let low = i / {distance} * {distance} * 2u + i % {distance};\nlet high = low + {distance};\n\
                     let rises = (low & {mask} & {stage}) == 0u;\nlet a = keys[low];\nlet b = keys[high];\n\
                     let p = places[low];\nlet q = places[high];\nif (b < a || (b == a && q < p)) == rises {{\n\
                     keys[low] = b;\nkeys[high] = a;\nplaces[low] = q;\nplaces[high] = p;\n}}"
                ),
            ))
        })
    }
}

/// Values and positions of the first `k` of each row of the last axis.
fn rows(gpu: &Gpu, name: &str, x: In<'_>, k: usize, descending: bool) -> Result<(Buffer, Buffer)> {
    let length = x.layout.shape().last().copied().unwrap_or(1);
    let count = x.layout.len().checked_div(length).unwrap_or(0);
    let (values, indices) = (alloc_like(gpu, x.buffer, count * k)?, alloc(gpu, count * k)?);
    if count * k == 0 {
        return Ok((values, indices));
    }
    let pairs = Pairs::new(gpu, count, length)?;
    let walk = Walk::new(name, &[x.layout])?;
    let kind = element(arithmetic(x.dtype));
    let mut parameters = Parameters::new();
    let (n, row, padded) = (parameters.count(pairs.len()), parameters.count(length), parameters.count(pairs.length));
    let flip = parameters.bits(if descending { u32::MAX } else { 0 });
    let words = walk.push(&mut parameters);
    let kernel = Kernel {
        name,
        key: &format!("sort keys {kind} {}", walk.key()),
        parameters: &parameters,
        bindings: &[
            Bind::read("x", x.buffer, kind),
            Bind::write("keys", &pairs.keys, "u32"),
            Bind::write("places", &pairs.places, "u32"),
        ],
        grid: Grid::elements(pairs.len()),
    };
    launch(gpu, &kernel, || {
        Source::new(each_element(
            &n,
            &format!(
                "let place = i % {padded};\nplaces[i] = place;\nkeys[i] = 0xffffffffu;\nif place < {row} {{\n\
                 let number = i / {padded} * {row} + place;\n{}keys[i] = k_order_{kind}(x[at0]) ^ {flip};\n}}",
                walk.places(&words, "number", "at")
            ),
        ))
    })?;
    pairs.sort(gpu)?;
    let mut parameters = Parameters::new();
    let (n, row, padded, kept) =
        (parameters.count(count * k), parameters.count(length), parameters.count(pairs.length), parameters.count(k));
    let words = walk.push(&mut parameters);
    let kernel = Kernel {
        name,
        key: &format!("sorted {}", walk.key()),
        parameters: &parameters,
        bindings: &[
            Bind::read("x", x.buffer, values.moved()),
            Bind::read("places", &pairs.places, "u32"),
            Bind::write("values", &values, values.moved()),
            Bind::write("indices", &indices, "u32"),
        ],
        grid: Grid::elements(count * k),
    };
    launch(gpu, &kernel, || {
        Source::new(each_element(
            &n,
            &format!(
                "let place = places[i / {kept} * {padded} + i % {kept}];\nlet number = i / {kept} * {row} + place;\n\
                 {}values[i] = x[at0];\nindices[i] = place;",
                walk.places(&words, "number", "at")
            ),
        ))
    })?;
    Ok((values, indices))
}

pub(crate) fn sort(gpu: &Gpu, x: In<'_>, axis: usize, descending: bool) -> Result<(Buffer, Buffer)> {
    gpu.check("sort", x.dtype)?;
    let rank = x.layout.rank();
    if rank == 0 {
        return Ok((to_contiguous(gpu, x)?, fill_bits(gpu, 1, 0)?));
    }
    // The axis last, for the rows.
    let order: Dims = (0..rank).filter(|&other| other != axis).chain([axis]).collect();
    let moved = x.layout.permute(&order);
    let (values, indices) = rows(gpu, "sort", In { layout: &moved, ..x }, x.layout.shape()[axis], descending)?;
    if axis == rank - 1 {
        return Ok((values, indices));
    }
    let target = Layout::contiguous(x.layout.shape()).permute(&order);
    let source = Layout::contiguous(moved.shape());
    let back = |buffer: &Buffer, dtype: DType| -> Result<Buffer> {
        let out = alloc_like(gpu, buffer, source.len())?;
        copy::copy(gpu, In { buffer, layout: &source, dtype }, &out, &target)?;
        Ok(out)
    };
    Ok((back(&values, x.dtype)?, back(&indices, DType::I32)?))
}

pub(crate) fn top_k(gpu: &Gpu, x: In<'_>, k: usize) -> Result<(Buffer, Buffer)> {
    gpu.check("top_k", x.dtype)?;
    rows(gpu, "top_k", x, k, true)
}

pub(crate) fn search_sorted(gpu: &Gpu, sorted: In<'_>, values: In<'_>, right: bool) -> Result<Buffer> {
    gpu.check("searchsorted", sorted.dtype)?;
    let len = values.layout.len();
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let dense = Dense::new(gpu, sorted)?;
    let walk = Walk::new("searchsorted", &[values.layout])?;
    let kind = element(arithmetic(sorted.dtype));
    let mut parameters = Parameters::new();
    let (n, length, start) =
        (parameters.count(len), parameters.count(sorted.layout.len()), parameters.count(dense.offset()));
    let words = walk.push(&mut parameters);
    let kernel = Kernel {
        name: "searchsorted",
        key: &format!("searchsorted {right} {}", walk.key()),
        parameters: &parameters,
        bindings: &[
            Bind::read("sorted", dense.buffer(), kind),
            Bind::read("values", values.buffer, kind),
            Bind::write("result", &out, "i32"),
        ],
        grid: Grid::elements(len),
    };
    let before = if right { "<=" } else { "<" };
    launch(gpu, &kernel, || {
        Source::new(each_element(
            &n,
            &format!(
                "{}let wanted = k_order_{kind}(values[at0]);\nvar low = 0u;\nvar high = {length};\nwhile low < high {{\n\
                 let middle = (low + high) / 2u;\nif k_order_{kind}(sorted[{start} + middle]) {before} wanted {{\n\
                 low = middle + 1u;\n}} else {{\nhigh = middle;\n}}\n}}\nresult[i] = i32(low);",
                walk.places(&words, "i", "at")
            ),
        ))
    })?;
    Ok(out)
}
