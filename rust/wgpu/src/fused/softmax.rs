//! Softmax and its logarithm along the last axis.

use corten_core::Result;

use super::{
    Gradient, Gradients, Outputs,
    rows::{Rows, each, soft},
};
use crate::{
    In,
    copy::Dense,
    device::Gpu,
    kernel::{Bind, Parameters},
    memory::{Buffer, alloc},
};

/// The rows of an operand along its last axis.
pub(super) fn last_axis(x: In<'_>) -> Rows {
    let len = x.layout.shape().last().copied().unwrap_or(1);
    Rows { count: x.layout.len() / len.max(1), len }
}

pub(super) fn forward(gpu: &Gpu, x: In<'_>, axis: usize, log: bool) -> Outputs {
    if axis + 1 != x.layout.rank() {
        return Ok(None);
    }
    let (rows, dense, out) = (last_axis(x), Dense::new(gpu, x)?, alloc(gpu, x.layout.len())?);
    let name = if log { "log_softmax" } else { "softmax" };
    let mut parameters = Parameters::new();
    let offset = parameters.count(dense.offset());
    let bindings = [Bind::read("x", dense.buffer(), "f32"), Bind::write("result", &out, "f32")];
    rows.launch(gpu, name, name, parameters, &bindings, || {
        let (last, value) = if log {
            ("let rest = k_log(sum);\n", "x[base + i] - top - rest")
        } else {
            ("let scale = 1.0 / sum;\n", "k_exp(x[base + i] - top) * scale")
        };
        let body = format!(
            "let base = {offset} + row * len;\n{}{last}if here {{\n{}}}",
            soft("x"),
            each(&format!("result[row * len + i] = {value};"))
        );
        (String::new(), body)
    })?;
    Ok(Some(vec![out]))
}

/// `y (dy - sum(y dy))`, of the logarithm `dy - exp(y) sum(dy)`.
pub(super) fn gradient(gpu: &Gpu, of: &Gradient<'_>, axis: usize, log: bool) -> Gradients {
    let (y, Some(dy)) = (of.outputs[0], of.grads[0]) else { return Ok(None) };
    if axis + 1 != y.layout.rank() {
        return Ok(None);
    }
    Ok(Some(vec![Some(of_rows(gpu, y, dy, log)?)]))
}

fn of_rows(gpu: &Gpu, y: In<'_>, dy: In<'_>, log: bool) -> Result<Buffer> {
    let (rows, out) = (last_axis(y), alloc(gpu, y.layout.len())?);
    let (y, dy) = (Dense::new(gpu, y)?, Dense::new(gpu, dy)?);
    let name = if log { "log_softmax gradient" } else { "softmax gradient" };
    let mut parameters = Parameters::new();
    let (of_y, of_dy) = (parameters.count(y.offset()), parameters.count(dy.offset()));
    let bindings =
        [Bind::read("y", y.buffer(), "f32"), Bind::read("dy", dy.buffer(), "f32"), Bind::write("result", &out, "f32")];
    rows.launch(gpu, name, name, parameters, &bindings, || {
        let (y, dy) = (format!("y[{of_y} + row * len + i]"), format!("dy[{of_dy} + row * len + i]"));
        let (term, value) = if log {
            (dy.clone(), format!("{dy} - k_exp({y}) * sum"))
        } else {
            (format!("{y} * {dy}"), format!("{y} * ({dy} - sum)"))
        };
        let body = format!(
            "var sum = 0.0;\n{}sum = team_sum(lane, sum);\nif here {{\n{}}}",
            each(&format!("sum += {term};")),
            each(&format!("result[row * len + i] = {value};"))
        );
        (String::new(), body)
    })?;
    Ok(out)
}
