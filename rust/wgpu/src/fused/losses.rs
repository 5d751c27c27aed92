//! Cross-entropies of logits.

use std::sync::Arc;

use corten_core::{DType, Error};

use super::{
    Gradient, Gradients, Operand, Outputs, map,
    rows::{each, soft},
    softmax::last_axis,
};
use crate::{
    In,
    copy::Dense,
    device::{Gpu, lock},
    kernel::{Bind, Parameters},
    memory::{Buffer, alloc},
};

/// `sum(p (log sum exp(x) - x))`
pub(super) fn cross_entropy(gpu: &Gpu, x: In<'_>, p: In<'_>) -> Outputs {
    let rows = last_axis(x);
    if rows.len == 0 {
        return Ok(None);
    }
    let out = alloc(gpu, rows.count)?;
    let (x, p) = (Dense::new(gpu, x)?, Dense::new(gpu, p)?);
    let mut parameters = Parameters::new();
    let (of_x, of_p) = (parameters.count(x.offset()), parameters.count(p.offset()));
    let bindings =
        [Bind::read("x", x.buffer(), "f32"), Bind::read("p", p.buffer(), "f32"), Bind::write("result", &out, "f32")];
    rows.launch(gpu, "cross_entropy", "cross_entropy", parameters, &bindings, || {
        let body = format!(
            "let base = {of_x} + row * len;\n{}let rest = k_log(sum);\nvar loss = 0.0;\n{}loss = team_sum(lane, loss);\n\
             if here && member == 0u {{\nresult[row] = loss;\n}}",
            soft("x"),
            each(&format!("loss += p[{of_p} + row * len + i] * ((top - x[base + i]) + rest);")),
        );
        (String::new(), body)
    })?;
    Ok(Some(vec![out]))
}

/// `g (softmax(x) sum(p) - p)` and `g (log sum exp(x) - x)`.
pub(super) fn cross_entropy_gradient(gpu: &Gpu, of: &Gradient<'_>) -> Gradients {
    let Some(g) = of.grads[0] else { return Ok(None) };
    let rows = last_axis(of.inputs[0]);
    let (x, p, g) = (Dense::new(gpu, of.inputs[0])?, Dense::new(gpu, of.inputs[1])?, Dense::new(gpu, g)?);
    let make = |needed: bool| needed.then(|| alloc(gpu, rows.count * rows.len)).transpose();
    let (dx, dp) = (make(of.needs[0])?, make(of.needs[1])?);
    let mut parameters = Parameters::new();
    let (of_x, of_p, of_g) = (parameters.count(x.offset()), parameters.count(p.offset()), parameters.count(g.offset()));
    let mut bindings = vec![
        Bind::read("x", x.buffer(), "f32"),
        Bind::read("p", p.buffer(), "f32"),
        Bind::read("g", g.buffer(), "f32"),
    ];
    bindings.extend(dx.as_ref().map(|dx| Bind::write("dx", dx, "f32")));
    bindings.extend(dp.as_ref().map(|dp| Bind::write("dp", dp, "f32")));
    let key = format!("cross_entropy gradient {:?}", &of.needs[..2]);
    rows.launch(gpu, "cross_entropy", &key, parameters, &bindings, || {
        let mut body = format!("let base = {of_x} + row * len;\nlet factor = g[{of_g} + row];\n{}", soft("x"));
        if dx.is_some() {
            body += &format!(
                "var total = 0.0;\n{}total = team_sum(lane, total);\nlet scale = total / sum;\nif here {{\n{}}}\n",
                each(&format!("total += p[{of_p} + row * len + i];")),
                each(&format!(
                    "dx[row * len + i] = (k_exp(x[base + i] - top) * scale - p[{of_p} + row * len + i]) * factor;"
                ))
            );
        }
        if dp.is_some() {
            body += &format!(
                "let rest = k_log(sum);\nif here {{\n{}}}\n",
                each("dp[row * len + i] = ((top - x[base + i]) + rest) * factor;")
            );
        }
        (String::new(), body)
    })?;
    Ok(Some(vec![dx, dp]))
}

fn need_labels(dtype: DType) -> Result<(), Error> {
    if dtype == DType::I32 {
        return Ok(());
    }
    Err(Error::dtype(format!("sparse_cross_entropy: labels must be int32 on the GPU; got {dtype}")))
}

/// A label out of range is raised by the next reading.
pub(super) fn sparse_cross_entropy(gpu: &Gpu, x: In<'_>, y: In<'_>) -> Outputs {
    need_labels(y.dtype)?;
    let rows = last_axis(x);
    if rows.len == 0 {
        return Ok(None);
    }
    let out = alloc(gpu, rows.count)?;
    let (flags, mark) = {
        let mut stream = lock(&gpu.0.stream);
        let mark = stream.mark("sparse_cross_entropy", x.layout.rank() - 1);
        (Arc::clone(&stream.flags), mark)
    };
    let (x, y) = (Dense::new(gpu, x)?, Dense::new(gpu, y)?);
    let mut parameters = Parameters::new();
    let (of_x, of_y, mark) = (parameters.count(x.offset()), parameters.count(y.offset()), parameters.count(mark));
    let bindings = [
        Bind::read("x", x.buffer(), "f32"),
        Bind::read("labels", y.buffer(), "i32"),
        Bind::write("result", &out, "f32"),
        Bind::flags(&flags),
    ];
    rows.launch(gpu, "sparse_cross_entropy", "sparse_cross_entropy", parameters, &bindings, || {
        let body = format!(
            "let base = {of_x} + row * len;\n{}if here && member == 0u {{\nlet label = labels[{of_y} + row];\n\
             var loss = k_nan();\nif label >= 0 && u32(label) < len {{\nloss = (top - x[base + u32(label)]) + k_log(sum);\n\
             }} else if atomicAdd(&flags[0], 1u) == 0u {{\natomicStore(&flags[1], bitcast<u32>(label));\n\
             atomicStore(&flags[2], len);\natomicStore(&flags[3], {mark});\n}}\nresult[row] = loss;\n}}",
            soft("x")
        );
        (String::new(), body)
    })?;
    Ok(Some(vec![out]))
}

/// `g softmax(x)`, less `g` at the label.
pub(super) fn sparse_cross_entropy_gradient(gpu: &Gpu, of: &Gradient<'_>) -> Gradients {
    let Some(g) = of.grads[0] else { return Ok(None) };
    if !of.needs[0] {
        return Ok(Some(vec![None, None]));
    }
    need_labels(of.inputs[1].dtype)?;
    let rows = last_axis(of.inputs[0]);
    let out = alloc(gpu, rows.count * rows.len)?;
    let (x, y, g) = (Dense::new(gpu, of.inputs[0])?, Dense::new(gpu, of.inputs[1])?, Dense::new(gpu, g)?);
    let mut parameters = Parameters::new();
    let (of_x, of_y, of_g) = (parameters.count(x.offset()), parameters.count(y.offset()), parameters.count(g.offset()));
    let bindings = [
        Bind::read("x", x.buffer(), "f32"),
        Bind::read("labels", y.buffer(), "i32"),
        Bind::read("g", g.buffer(), "f32"),
        Bind::write("result", &out, "f32"),
    ];
    rows.launch(gpu, "sparse_cross_entropy", "sparse_cross_entropy gradient", parameters, &bindings, || {
        let body = format!(
            "let base = {of_x} + row * len;\nlet factor = g[{of_g} + row];\nlet label = bitcast<u32>(labels[{of_y} + row]);\n\
             {}let scale = factor / sum;\nif here {{\n{}}}",
            soft("x"),
            each("result[row * len + i] = k_exp(x[base + i] - top) * scale - select(0.0, factor, i == label);")
        );
        (String::new(), body)
    })?;
    Ok(Some(vec![Some(out), None]))
}

/// `log(1 + exp(x)) - x t` without overflow.
pub(super) fn binary_cross_entropy(gpu: &Gpu, x: In<'_>, t: In<'_>) -> Outputs {
    let len = x.layout.len();
    let (x, t) = (Dense::new(gpu, x)?, Dense::new(gpu, t)?);
    let operands = [Operand { name: "x", dense: &x }, Operand { name: "t", dense: &t }];
    let value = "k_relu(of_x) - of_x * of_t + k_log1p(k_exp(k_neg(k_abs(of_x))))";
    Ok(Some(vec![map(gpu, "binary_cross_entropy", &operands, &[], len, value)?]))
}

/// `g (sigmoid(x) - t)` and `-g x`.
pub(super) fn binary_cross_entropy_gradient(gpu: &Gpu, of: &Gradient<'_>) -> Gradients {
    let Some(g) = of.grads[0] else { return Ok(None) };
    let len = g.layout.len();
    let (x, t, g) = (Dense::new(gpu, of.inputs[0])?, Dense::new(gpu, of.inputs[1])?, Dense::new(gpu, g)?);
    let operand = |name, dense| Operand { name, dense };
    let made = |needed: bool, operands: &[Operand<'_>], value: &str| -> Result<Option<Buffer>, Error> {
        needed.then(|| map(gpu, "binary_cross_entropy", operands, &[], len, value)).transpose()
    };
    let dx =
        made(of.needs[0], &[operand("x", &x), operand("t", &t), operand("g", &g)], "(k_sigmoid(of_x) - of_t) * of_g")?;
    let dt = made(of.needs[1], &[operand("x", &x), operand("g", &g)], "k_neg(of_x * of_g)")?;
    Ok(Some(vec![dx, dt]))
}
