//! Elementwise kernels: one shader for each op, dtype and class of strides.

mod expressions;
pub(crate) mod lazy;

use corten_core::{BinaryOp, CompareOp, DType, Error, Result, UnaryOp};

use crate::{
    In,
    copy::to_contiguous,
    device::Gpu,
    half::{HALF, arithmetic},
    kernel::{Bind, Grid, Kernel, Parameters, Source, each_element, launch},
    memory::{Buffer, alloc, alloc_of},
};

pub(crate) use expressions::{binary_expression, unary_expression};

/// What shaders call the elements of a dtype.
pub(crate) const fn element(dtype: DType) -> &'static str {
    match dtype {
        DType::F16 => HALF,
        DType::F32 | DType::F64 | DType::BF16 => "f32",
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => "i32",
        DType::Bool | DType::U8 | DType::U16 | DType::U32 | DType::U64 => "u32",
    }
}

fn refuse<T>(op: &str, dtype: DType) -> Result<T> {
    Err(Error::unsupported(format!("{op}: not defined for {dtype}")))
}

/// What computes `expression` of the operands' elements, which it calls `$0`, `$1`, `$2`.
fn map(
    gpu: &Gpu,
    name: &'static str,
    operands: &[(In<'_>, &'static str)],
    result: &'static str,
    expression: impl Into<String>,
) -> Result<Buffer> {
    gpu.alive()?;
    let len = operands[0].0.layout.len();
    if len == 0 {
        return if result == HALF { alloc_of(gpu, DType::F16, 0) } else { alloc(gpu, 0) };
    }
    lazy::record(gpu, name, operands, result, expression.into())
}

pub(crate) fn cast(gpu: &Gpu, x: In<'_>, to: DType) -> Result<Buffer> {
    gpu.check("cast", x.dtype)?;
    gpu.check("cast", to)?;
    if x.dtype == to {
        return to_contiguous(gpu, x);
    }
    let expression = match (arithmetic(x.dtype), arithmetic(to)) {
        (DType::F32, DType::F32) => "$0",
        (DType::Bool, DType::U32) => return to_contiguous(gpu, x),
        (DType::F32, DType::Bool) => "select(1u, 0u, (bitcast<u32>($0) & 0x7fffffffu) == 0u)",
        (DType::I32, DType::Bool) => "select(1u, 0u, $0 == 0)",
        (_, DType::Bool) => "select(1u, 0u, $0 == 0u)",
        (DType::F32, DType::I32) => "k_f32_to_i32($0)",
        (DType::F32, DType::U32) => "k_f32_to_u32($0)",
        (_, DType::F32) => "f32($0)",
        (DType::I32, DType::U32) => "bitcast<u32>($0)",
        (_, _) => "bitcast<i32>($0)",
    };
    map(gpu, "cast", &[(x, element(x.dtype))], element(to), expression)
}

pub(crate) fn unary(gpu: &Gpu, op: UnaryOp, x: In<'_>) -> Result<Buffer> {
    gpu.check(op.name(), x.dtype)?;
    let Some(expression) = unary_expression(op, arithmetic(x.dtype), "$0") else { return refuse(op.name(), x.dtype) };
    let result = if op.is_predicate() { "u32" } else { element(x.dtype) };
    map(gpu, op.name(), &[(x, element(x.dtype))], result, expression)
}

pub(crate) fn binary(gpu: &Gpu, op: BinaryOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    gpu.check(op.name(), a.dtype)?;
    let Some(expression) = binary_expression(op, arithmetic(a.dtype), "$0", "$1") else {
        return refuse(op.name(), a.dtype);
    };
    let kind = element(a.dtype);
    map(gpu, op.name(), &[(a, kind), (b, kind)], kind, expression)
}

pub(crate) fn compare(gpu: &Gpu, op: CompareOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    gpu.check(op.name(), a.dtype)?;
    let kind = element(a.dtype);
    let test = if arithmetic(a.dtype) == DType::F32 {
        match op {
            CompareOp::Eq => "k_eq($0, $1)",
            CompareOp::Ne => "!k_eq($0, $1)",
            CompareOp::Lt => "k_lt($0, $1)",
            CompareOp::Le => "k_le($0, $1)",
            CompareOp::Gt => "k_lt($1, $0)",
            CompareOp::Ge => "k_le($1, $0)",
        }
    } else {
        match op {
            CompareOp::Eq => "$0 == $1",
            CompareOp::Ne => "$0 != $1",
            CompareOp::Lt => "$0 < $1",
            CompareOp::Le => "$0 <= $1",
            CompareOp::Gt => "$0 > $1",
            CompareOp::Ge => "$0 >= $1",
        }
    };
    map(gpu, op.name(), &[(a, kind), (b, kind)], "u32", format!("select(0u, 1u, {test})"))
}

pub(crate) fn select(gpu: &Gpu, condition: In<'_>, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    gpu.check("where", a.dtype)?;
    let kind = element(a.dtype);
    map(gpu, "where", &[(condition, "u32"), (a, kind), (b, kind)], kind, "select($2, $1, $0 != 0u)")
}

/// Computes `expression` of `$0`, the element, and `$1`, that of `other`, over the elements of `x`.
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
        let value = expression.replace('$', "x");
        Source::new(each_element(&n, &format!("let x0 = result[i];\n{second}result[i] = {value};")))
    })
}

pub(crate) fn unary_in_place(gpu: &Gpu, op: UnaryOp, x: &Buffer, dtype: DType) -> Result<()> {
    match unary_expression(op, arithmetic(dtype), "$0") {
        Some(expression) if arithmetic(dtype) == DType::F32 && !op.is_predicate() => {
            over(gpu, op.name(), x, x.elements(), None, &expression)
        }
        _ => refuse(op.name(), dtype),
    }
}

pub(crate) fn binary_in_place(gpu: &Gpu, op: BinaryOp, x: &Buffer, other: In<'_>, other_is_left: bool) -> Result<()> {
    let (a, b) = if other_is_left { ("$1", "$0") } else { ("$0", "$1") };
    match binary_expression(op, arithmetic(other.dtype), a, b) {
        Some(expression) if arithmetic(other.dtype) == DType::F32 => {
            over(gpu, op.name(), x, other.layout.len(), Some(other), &expression)
        }
        _ => refuse(op.name(), other.dtype),
    }
}
