//! Elementwise kernels: one shader for each op, dtype and class of strides.

mod expressions;

use corten_core::{BinaryOp, CompareOp, DType, Error, Layout, Result, UnaryOp};

use crate::{
    In,
    copy::to_contiguous,
    device::Gpu,
    kernel::{Bind, Grid, Kernel, Parameters, Source, each_element, launch},
    memory::{Buffer, alloc},
    strided::Walk,
};

pub(crate) use expressions::{binary_expression, unary_expression};

/// What shaders call the elements of a dtype.
pub(crate) const fn element(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 | DType::F64 | DType::F16 | DType::BF16 => "f32",
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => "i32",
        DType::Bool | DType::U8 | DType::U16 | DType::U32 | DType::U64 => "u32",
    }
}

fn refuse<T>(op: &str, dtype: DType) -> Result<T> {
    Err(Error::unsupported(format!("{op}: not defined for {dtype}")))
}

/// Names of operands in kernels.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// Computes `expression` of the operands' elements, which it calls `x0`, `x1`, `x2`.
fn map(
    gpu: &Gpu,
    name: &str,
    operands: &[(In<'_>, &'static str)],
    result: &'static str,
    expression: &str,
) -> Result<Buffer> {
    let layouts: Vec<&Layout> = operands.iter().map(|(x, _)| x.layout).collect();
    let len = layouts[0].len();
    let out = alloc(gpu, len)?;
    if len == 0 {
        return Ok(out);
    }
    let walk = Walk::new(name, &layouts)?;
    let mut parameters = Parameters::new();
    let n = parameters.count(len);
    let words = walk.push(&mut parameters);
    let mut bindings: Vec<Bind<'_>> =
        operands.iter().zip(NAMES).map(|((x, kind), name)| Bind::read(name, x.buffer, kind)).collect();
    bindings.push(Bind::write("result", &out, result));
    let kernel = Kernel {
        name,
        key: &format!("{expression} {}", walk.key()),
        parameters: &parameters,
        bindings: &bindings,
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        let mut text = walk.places(&words, "i", "at");
        for (i, name) in NAMES.iter().enumerate().take(operands.len()) {
            text += &format!("let x{i} = {name}[at{i}];\n");
        }
        Source::new(each_element(&n, &format!("{text}result[i] = {expression};")))
    })?;
    Ok(out)
}

pub(crate) fn cast(gpu: &Gpu, x: In<'_>, to: DType) -> Result<Buffer> {
    gpu.check("cast", x.dtype)?;
    gpu.check("cast", to)?;
    let expression = match (x.dtype, to) {
        (from, to) if from == to => return to_contiguous(gpu, x),
        (DType::Bool, DType::U32) => return to_contiguous(gpu, x),
        (DType::F32, DType::Bool) => "select(1u, 0u, (bitcast<u32>(x0) & 0x7fffffffu) == 0u)",
        (DType::I32, DType::Bool) => "select(1u, 0u, x0 == 0)",
        (_, DType::Bool) => "select(1u, 0u, x0 == 0u)",
        (DType::F32, DType::I32) => "k_f32_to_i32(x0)",
        (DType::F32, DType::U32) => "k_f32_to_u32(x0)",
        (_, DType::F32) => "f32(x0)",
        (DType::I32, DType::U32) => "bitcast<u32>(x0)",
        (_, _) => "bitcast<i32>(x0)",
    };
    map(gpu, "cast", &[(x, element(x.dtype))], element(to), expression)
}

pub(crate) fn unary(gpu: &Gpu, op: UnaryOp, x: In<'_>) -> Result<Buffer> {
    gpu.check(op.name(), x.dtype)?;
    let Some(expression) = unary_expression(op, x.dtype, "x0") else { return refuse(op.name(), x.dtype) };
    let result = if op.is_predicate() { "u32" } else { element(x.dtype) };
    map(gpu, op.name(), &[(x, element(x.dtype))], result, &expression)
}

pub(crate) fn binary(gpu: &Gpu, op: BinaryOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    gpu.check(op.name(), a.dtype)?;
    let Some(expression) = binary_expression(op, a.dtype, "x0", "x1") else { return refuse(op.name(), a.dtype) };
    let kind = element(a.dtype);
    map(gpu, op.name(), &[(a, kind), (b, kind)], kind, &expression)
}

pub(crate) fn compare(gpu: &Gpu, op: CompareOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    gpu.check(op.name(), a.dtype)?;
    let kind = element(a.dtype);
    let test = if a.dtype == DType::F32 {
        match op {
            CompareOp::Eq => "k_eq(x0, x1)",
            CompareOp::Ne => "!k_eq(x0, x1)",
            CompareOp::Lt => "k_lt(x0, x1)",
            CompareOp::Le => "k_le(x0, x1)",
            CompareOp::Gt => "k_lt(x1, x0)",
            CompareOp::Ge => "k_le(x1, x0)",
        }
    } else {
        match op {
            CompareOp::Eq => "x0 == x1",
            CompareOp::Ne => "x0 != x1",
            CompareOp::Lt => "x0 < x1",
            CompareOp::Le => "x0 <= x1",
            CompareOp::Gt => "x0 > x1",
            CompareOp::Ge => "x0 >= x1",
        }
    };
    map(gpu, op.name(), &[(a, kind), (b, kind)], "u32", &format!("select(0u, 1u, {test})"))
}

pub(crate) fn select(gpu: &Gpu, condition: In<'_>, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    gpu.check("where", a.dtype)?;
    map(gpu, "where", &[(condition, "u32"), (a, "u32"), (b, "u32")], "u32", "select(x2, x1, x0 != 0u)")
}

/// Computes `expression` of `x0`, the element, and `x1`, that of `other`, over the elements of `x`.
fn over(gpu: &Gpu, name: &str, x: &Buffer, len: usize, other: Option<In<'_>>, expression: &str) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    let mut parameters = Parameters::new();
    let n = parameters.count(len);
    let start = parameters.count(other.map_or(0, |other| other.layout.offset()));
    let mut bindings = vec![Bind::write("result", x, "f32")];
    if let Some(other) = other {
        bindings.push(Bind::read("b", other.buffer, "f32"));
    }
    let kernel = Kernel {
        name,
        key: &format!("{expression} in place"),
        parameters: &parameters,
        bindings: &bindings,
        grid: Grid::elements(len),
    };
    launch(gpu, &kernel, || {
        let second = if other.is_some() { format!("let x1 = b[{start} + i];\n") } else { String::new() };
        Source::new(each_element(&n, &format!("let x0 = result[i];\n{second}result[i] = {expression};")))
    })
}

pub(crate) fn unary_in_place(gpu: &Gpu, op: UnaryOp, x: &Buffer, dtype: DType) -> Result<()> {
    match unary_expression(op, dtype, "x0") {
        Some(expression) if dtype == DType::F32 && !op.is_predicate() => {
            over(gpu, op.name(), x, x.elements(), None, &expression)
        }
        _ => refuse(op.name(), dtype),
    }
}

pub(crate) fn binary_in_place(gpu: &Gpu, op: BinaryOp, x: &Buffer, other: In<'_>, other_is_left: bool) -> Result<()> {
    let (a, b) = if other_is_left { ("x1", "x0") } else { ("x0", "x1") };
    match binary_expression(op, other.dtype, a, b) {
        Some(expression) if other.dtype == DType::F32 => {
            over(gpu, op.name(), x, other.layout.len(), Some(other), &expression)
        }
        _ => refuse(op.name(), other.dtype),
    }
}
