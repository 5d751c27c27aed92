//! Cumulative reductions along an axis.
//!
//! One lane scans a short line. Long lines are cut into pieces: a workgroup scans one, the totals of the pieces are
//! scanned the same way, and each piece is combined with what comes before it.

use corten_core::{ReduceOp, Result, ScanOp};

use crate::{
    In,
    copy::{Dense, to_contiguous},
    device::Gpu,
    elementwise::element,
    kernel::{Bind, Grid, Kernel, LANES, Parameters, Source, each_element, launch},
    memory::{Buffer, alloc},
    reduce::{Combine, combine},
};

/// The longest line that one lane scans.
const SHORT: usize = 128;
/// Consecutive elements of a lane.
const RUN: usize = 4;
/// Elements of a workgroup.
const PIECE: usize = LANES * RUN;

pub(crate) fn scan(gpu: &Gpu, op: ScanOp, x: In<'_>, axis: usize, reverse: bool) -> Result<Buffer> {
    gpu.check(op.name(), x.dtype)?;
    let shape = x.layout.shape();
    if x.layout.is_empty() {
        return alloc(gpu, 0);
    }
    let how = combine(
        match op {
            ScanOp::Sum => ReduceOp::Sum,
            ScanOp::Prod => ReduceOp::Prod,
            ScanOp::Max => ReduceOp::Max,
            ScanOp::Min => ReduceOp::Min,
        },
        x.dtype,
    );
    let lines = Lines {
        name: op.name(),
        how,
        kind: element(x.dtype),
        outer: shape[..axis].iter().product(),
        length: shape[axis],
        inner: shape[axis + 1..].iter().product(),
        reverse,
    };
    if lines.length == 1 {
        return to_contiguous(gpu, x);
    }
    let dense = Dense::new(gpu, x)?;
    lines.run(gpu, dense.buffer(), dense.offset())
}

/// `length` elements along the axis, `inner` apart.
struct Lines {
    name: &'static str,
    how: Combine,
    kind: &'static str,
    outer: usize,
    length: usize,
    inner: usize,
    reverse: bool,
}

impl Lines {
    fn count(&self) -> usize {
        self.outer * self.inner
    }

    fn function(&self) -> String {
        format!("fn combine(a: {0}, b: {0}) -> {0} {{ return {1}; }}\n", self.kind, self.how.text)
    }

    fn run(&self, gpu: &Gpu, x: &Buffer, offset: usize) -> Result<Buffer> {
        let out = alloc(gpu, self.count() * self.length)?;
        if self.length <= SHORT {
            self.by_lanes(gpu, x, offset, &out)?;
        } else {
            self.by_groups(gpu, x, offset, &out)?;
        }
        Ok(out)
    }

    fn by_lanes(&self, gpu: &Gpu, x: &Buffer, offset: usize, out: &Buffer) -> Result<()> {
        let mut parameters = Parameters::new();
        let (lines, length, inner, start) = (
            parameters.count(self.count()),
            parameters.count(self.length),
            parameters.count(self.inner),
            parameters.count(offset),
        );
        let kernel = Kernel {
            name: self.name,
            key: &format!("scan {} {}", self.how.name, self.reverse),
            parameters: &parameters,
            bindings: &[Bind::read("x", x, self.kind), Bind::write("result", out, self.kind)],
            grid: Grid::elements(self.count()),
        };
        let step = if self.reverse { format!("{length} - 1u - k") } else { "k".to_owned() };
        launch(gpu, &kernel, || {
            Source::new(each_element(
                &lines,
                &format!(
                    "let first = i / {inner} * {length} * {inner} + i % {inner};\nvar total = x[{start} + first + \
                     ({from}) * {inner}];\nfor (var k = 0u; k < {length}; k++) {{\nlet at = first + ({step}) * {inner};\n\
                     if k > 0u {{\ntotal = combine(total, x[{start} + at]);\n}}\nresult[at] = total;\n}}",
                    from = if self.reverse { format!("{length} - 1u") } else { "0u".to_owned() },
                ),
            ))
            .with(&self.function())
        })
    }

    fn by_groups(&self, gpu: &Gpu, x: &Buffer, offset: usize, out: &Buffer) -> Result<()> {
        let pieces = self.length.div_ceil(PIECE);
        let totals = alloc(gpu, self.count() * pieces)?;
        let mut parameters = Parameters::new();
        let (length, inner, start, per_line, all, neutral) = (
            parameters.count(self.length),
            parameters.count(self.inner),
            parameters.count(offset),
            parameters.count(pieces),
            parameters.count(self.count() * pieces),
            parameters.bits(self.how.neutral),
        );
        let kind = self.kind;
        let kernel = Kernel {
            name: self.name,
            key: &format!("scan pieces {} {}", self.how.name, self.reverse),
            parameters: &parameters,
            bindings: &[
                Bind::read("x", x, kind),
                Bind::write("result", out, kind),
                Bind::write("totals", &totals, kind),
            ],
            grid: Grid::groups(self.count() * pieces),
        };
        let place = if self.reverse { format!("{length} - 1u - position") } else { "position".to_owned() };
        launch(gpu, &kernel, || {
            let body = format!(
                "let line = min(group, {all} - 1u) / {per_line};\nlet piece = group % {per_line};\n\
                 let first = line / {inner} * {length} * {inner} + line % {inner};\n\
                 let neutral = bitcast<{kind}>({neutral});\nvar total = neutral;\nvar run: array<{kind}, {RUN}>;\n\
                 for (var k = 0u; k < {RUN}u; k++) {{\nlet position = piece * {PIECE}u + lane * {RUN}u + k;\n\
                 if position < {length} {{\ntotal = combine(total, x[{start} + first + ({place}) * {inner}]);\n}}\n\
                 run[k] = total;\n}}\nshared_totals[lane] = total;\nworkgroupBarrier();\n\
                 for (var step = 1u; step < {LANES}u; step = step * 2u) {{\nvar before = neutral;\n\
                 if lane >= step {{\nbefore = shared_totals[lane - step];\n}}\nworkgroupBarrier();\n\
                 if lane >= step {{\nshared_totals[lane] = combine(before, shared_totals[lane]);\n}}\nworkgroupBarrier();\n}}\n\
                 if group >= {all} {{\nreturn;\n}}\nvar before = neutral;\nif lane > 0u {{\nbefore = shared_totals[lane - 1u];\n}}\n\
                 for (var k = 0u; k < {RUN}u; k++) {{\nlet position = piece * {PIECE}u + lane * {RUN}u + k;\n\
                 if position < {length} {{\nvar value = run[k];\nif lane > 0u {{\nvalue = combine(before, value);\n}}\n\
                 result[first + ({place}) * {inner}] = value;\n}}\n}}\n\
                 if lane == {last}u {{\ntotals[group] = shared_totals[lane];\n}}",
                last = LANES - 1
            );
            Source::new(body)
                .with(&format!("var<workgroup> shared_totals: array<{kind}, {LANES}>;\n{}", self.function()))
        })?;
        if pieces == 1 {
            return Ok(());
        }
        let of_totals = Self { outer: self.count(), length: pieces, inner: 1, reverse: false, ..*self };
        let before = of_totals.run(gpu, &totals, 0)?;
        self.add(gpu, out, &before, pieces)
    }

    /// Combines each piece with the scanned total of those before it.
    fn add(&self, gpu: &Gpu, out: &Buffer, before: &Buffer, pieces: usize) -> Result<()> {
        let len = self.count() * self.length;
        let mut parameters = Parameters::new();
        let (n, length, inner, per_line) = (
            parameters.count(len),
            parameters.count(self.length),
            parameters.count(self.inner),
            parameters.count(pieces),
        );
        let kernel = Kernel {
            name: self.name,
            key: &format!("scan joins {} {}", self.how.name, self.reverse),
            parameters: &parameters,
            bindings: &[Bind::write("result", out, self.kind), Bind::read("before", before, self.kind)],
            grid: Grid::elements(len),
        };
        let position = if self.reverse { format!("{length} - 1u - along") } else { "along".to_owned() };
        launch(gpu, &kernel, || {
            Source::new(each_element(
                &n,
                &format!(
                    "let along = i / {inner} % {length};\nlet line = i / ({inner} * {length}) * {inner} + i % {inner};\n\
                     let piece = ({position}) / {PIECE}u;\nif piece > 0u {{\n\
                     result[i] = combine(before[line * {per_line} + piece - 1u], result[i]);\n}}"
                ),
            ))
            .with(&self.function())
        })
    }
}
