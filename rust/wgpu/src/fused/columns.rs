//! Sums over rows, column by column. Rows are cut into parts; the parts' sums are added afterwards, in order.

use corten_core::{DType, Layout, ReduceOp, Result};

use crate::{
    In,
    copy::fill_bits,
    device::Gpu,
    kernel::{Bind, Grid, Kernel, LANES, Parameters, Source, launch},
    memory::{Buffer, alloc},
    reduce::reduce,
};

/// Columns of a workgroup.
const WIDTH: usize = 32;
/// Rows of a workgroup at a time.
const SLICES: usize = LANES / WIDTH;
/// Rows that a lane adds up at least.
const RUN: usize = 16;
/// Workgroups that fill a device.
const BUSY: usize = 256;
const PARTS: usize = 64;

/// A matrix whose columns are added up.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub(super) rows: usize,
    pub(super) width: usize,
    /// What the sums are multiplied by.
    pub(super) factor: f64,
}

impl Columns {
    /// The sums of `value0`, `value1`, ... (as many as `N`), which the statements define for row `r` and column `c`.
    pub(super) fn sum<const N: usize>(
        self,
        gpu: &Gpu,
        name: &str,
        key: &str,
        mut parameters: Parameters,
        operands: &[Bind<'_>],
        statements: impl FnOnce() -> String,
    ) -> Result<[Buffer; N]> {
        const RESULTS: [&str; 2] = ["result0", "result1"];
        let Self { rows, width: columns, factor } = self;
        if rows == 0 || columns == 0 {
            return collect((0..N).map(|_| fill_bits(gpu, columns, 0)));
        }
        let blocks = columns.div_ceil(WIDTH);
        let wanted = BUSY.div_ceil(blocks).min(rows / (SLICES * RUN)).clamp(1, PARTS);
        let part = rows.div_ceil(wanted);
        let parts = rows.div_ceil(part);
        let results: [Buffer; N] = collect((0..N).map(|_| alloc(gpu, parts * columns)))?;
        let groups = blocks * parts;
        let [groups_word, blocks, part, rows, columns_word] =
            [groups, blocks, part, rows, columns].map(|n| parameters.count(n));
        let factor = parameters.float(factor);
        let mut bindings = operands.to_vec();
        bindings.extend(results.iter().zip(RESULTS).map(|(result, name)| Bind::write(name, result, "f32")));
        let kernel = Kernel {
            name,
            key: &format!("columns {key} {N}"),
            parameters: &parameters,
            bindings: &bindings,
            grid: Grid::groups(groups),
        };
        launch(gpu, &kernel, || {
            let each = |text: &dyn Fn(usize) -> String| (0..N).map(text).collect::<String>();
            let mut body = format!(
                "let work = min(group, {groups_word} - 1u);\nlet c = work % {blocks} * {WIDTH}u + lane % {WIDTH}u;\n\
                 let part = work / {blocks};\nlet slice = lane / {WIDTH}u;\nlet end = min((part + 1u) * {part}, {rows});\n\
                 {}if c < {columns_word} {{\nfor (var r = part * {part} + slice; r < end; r += {SLICES}u) {{\n{}\n{}}}\n}}\n\
                 {}workgroupBarrier();\n",
                each(&|k| format!("var sum{k} = 0.0;\n")),
                statements(),
                each(&|k| format!("sum{k} += value{k};\n")),
                each(&|k| format!("shared_sums[lane + {}u] = sum{k};\n", k * LANES)),
            );
            let mut width = SLICES / 2;
            while width > 0 {
                body += &format!(
                    "if slice < {width}u {{\n{}}}\nworkgroupBarrier();\n",
                    each(&|k| format!(
                        "shared_sums[lane + {0}u] += shared_sums[lane + {1}u];\n",
                        k * LANES,
                        k * LANES + width * WIDTH
                    ))
                );
                width /= 2;
            }
            body += &format!(
                "if slice == 0u && c < {columns_word} {{\n{}}}",
                each(&|k| format!(
                    "result{k}[part * {columns_word} + c] = shared_sums[lane + {}u] * {factor};\n",
                    k * LANES
                ))
            );
            Source::new(body).with(&format!("var<workgroup> shared_sums: array<f32, {}>;\n", N * LANES))
        })?;
        if parts == 1 {
            return Ok(results);
        }
        let layout = Layout::contiguous(&[parts, columns]);
        collect(
            results
                .iter()
                .map(|buffer| reduce(gpu, ReduceOp::Sum, In { buffer, layout: &layout, dtype: DType::F32 }, &[0])),
        )
    }
}

fn collect<const N: usize>(mut made: impl Iterator<Item = Result<Buffer>>) -> Result<[Buffer; N]> {
    let all: Vec<Buffer> = made.by_ref().collect::<Result<_>>()?;
    match all.try_into() {
        Ok(all) => Ok(all),
        Err(_) => unreachable!("as many results as sums"),
    }
}
