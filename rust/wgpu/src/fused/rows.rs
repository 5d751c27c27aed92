//! Kernels in which a team of lanes has one row: 32 of a workgroup, or all 256 for long rows.

use corten_core::Result;

use crate::{
    device::Gpu,
    kernel::{Bind, Grid, Kernel, LANES, Parameters, Source, launch},
};

/// Elements up to which 32 lanes have a row.
const SHORT: usize = 1024;

/// The rows of a kernel.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) count: usize,
    pub(super) len: usize,
}

impl Rows {
    const fn team(self) -> usize {
        if self.len <= SHORT { 32 } else { LANES }
    }

    /// Runs `text`, the statements for one row. They find `row`, `here` (whether there is such a row: else it is the
    /// last one, and must not be written), `rows`, `len`, and visit elements with [`each`]; `team_sum(lane, value)` and
    /// `team_max(lane, value)` join the lanes.
    pub(super) fn launch(
        self,
        gpu: &Gpu,
        name: &str,
        key: &str,
        mut parameters: Parameters,
        bindings: &[Bind<'_>],
        text: impl FnOnce() -> (String, String),
    ) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let team = self.team();
        let (count, len) = (parameters.count(self.count), parameters.count(self.len));
        let kernel = Kernel {
            name,
            key: &format!("rows {key} {team}"),
            parameters: &parameters,
            bindings,
            grid: Grid::groups(self.count.div_ceil(LANES / team)),
        };
        launch(gpu, &kernel, || {
            let (module, body) = text();
            Source::new(format!(
                "let len = {len};\nlet slot = group * {}u + lane / {team}u;\nlet here = slot < {count};\n\
                 let row = min(slot, {count} - 1u);\nlet member = lane % {team}u;\n{body}",
                LANES / team
            ))
            .with(&format!("const TEAM = {team}u;\n{}{module}", functions(team)))
        })
    }
}

/// `statements` for each element `i` of the row that is the lane's own.
pub(super) fn each(statements: &str) -> String {
    format!("for (var i = member; i < len; i += TEAM) {{\n{statements}\n}}\n")
}

fn functions(team: usize) -> String {
    let mut text = format!("var<workgroup> shared_row: array<f32, {LANES}>;\n");
    for (name, join) in [
        ("team_sum", "shared_row[lane] + shared_row[lane + W]"),
        ("team_max", "k_max(shared_row[lane], shared_row[lane + W])"),
    ] {
        text +=
            &format!("fn {name}(lane: u32, value: f32) -> f32 {{\nshared_row[lane] = value;\nworkgroupBarrier();\n");
        let mut width = team / 2;
        while width > 0 {
            text += &format!(
                "if lane % {team}u < {width}u {{\nshared_row[lane] = {};\n}}\nworkgroupBarrier();\n",
                join.replace('W', &format!("{width}u"))
            );
            width /= 2;
        }
        text +=
            &format!("let joined = shared_row[lane / {team}u * {team}u];\nworkgroupBarrier();\nreturn joined;\n}}\n");
    }
    text
}

/// Statements that define `top`, the largest element of the row from `base` on, and `sum` of the exponentials.
pub(super) fn soft(x: &str) -> String {
    format!(
        "var top = k_neg(k_inf());\n{}top = team_max(lane, top);\nvar sum = 0.0;\n{}sum = team_sum(lane, sum);\n",
        each(&format!("top = k_max(top, {x}[base + i]);")),
        each(&format!("sum += k_exp({x}[base + i] - top);"))
    )
}
