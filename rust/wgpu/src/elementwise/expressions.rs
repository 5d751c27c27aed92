//! What each elementwise op is in the shader language.

use corten_core::{BinaryOp, DType, UnaryOp};

/// The op of an expression, if the dtype has it; predicates give `u32`.
pub(crate) fn unary_expression(op: UnaryOp, dtype: DType, x: &str) -> Option<String> {
    if dtype == DType::F32 { Some(float_unary(op, x)) } else { integer_unary(op, dtype, x) }
}

fn float_unary(op: UnaryOp, x: &str) -> String {
    let call = |name: &str| format!("k_{name}({x})");
    let truth = |name: &str| format!("select(0u, 1u, k_{name}({x}))");
    // Rounding passes NaN on; the driver's functions need not.
    let rounded = |name: &str| format!("select({name}({x}), {x}, k_is_nan({x}))");
    match op {
        // Inference refuses `Not` for floats.
        UnaryOp::Neg | UnaryOp::Not => call("neg"),
        UnaryOp::Abs => call("abs"),
        UnaryOp::Sign => call("sign"),
        UnaryOp::Square => format!("{x} * {x}"),
        UnaryOp::Sqrt => format!("select(sqrt({x}), {x}, k_is_nan({x}))"),
        UnaryOp::Rsqrt => format!("k_divide(1.0, select(sqrt({x}), {x}, k_is_nan({x})))"),
        UnaryOp::Reciprocal => format!("k_divide(1.0, {x})"),
        UnaryOp::Exp => call("exp"),
        UnaryOp::Exp2 => call("exp2"),
        UnaryOp::Expm1 => call("expm1"),
        UnaryOp::Log => call("log"),
        UnaryOp::Log2 => call("log2"),
        UnaryOp::Log10 => call("log10"),
        UnaryOp::Log1p => call("log1p"),
        UnaryOp::Sin => call("sin"),
        UnaryOp::Cos => call("cos"),
        UnaryOp::Tan => call("tan"),
        UnaryOp::Asin => call("asin"),
        UnaryOp::Acos => call("acos"),
        UnaryOp::Atan => call("atan"),
        UnaryOp::Sinh => call("sinh"),
        UnaryOp::Cosh => call("cosh"),
        UnaryOp::Tanh => call("tanh"),
        UnaryOp::Asinh => call("asinh"),
        UnaryOp::Acosh => call("acosh"),
        UnaryOp::Atanh => call("atanh"),
        UnaryOp::Erf => call("erf"),
        UnaryOp::Erfc => call("erfc"),
        UnaryOp::Erfinv => call("erfinv"),
        UnaryOp::Lgamma => call("lgamma"),
        UnaryOp::Polygamma(0) => call("digamma"),
        UnaryOp::Polygamma(order) => format!("k_polygamma({order}u, {x})"),
        UnaryOp::BesselI0 => call("bessel_i0"),
        UnaryOp::BesselI1 => call("bessel_i1"),
        UnaryOp::Floor => rounded("floor"),
        UnaryOp::Ceil => rounded("ceil"),
        UnaryOp::Round => rounded("round"),
        UnaryOp::Trunc => rounded("trunc"),
        UnaryOp::Sigmoid => call("sigmoid"),
        UnaryOp::Softplus => call("softplus"),
        UnaryOp::Relu => call("relu"),
        UnaryOp::Silu => call("silu"),
        UnaryOp::Gelu => call("gelu"),
        UnaryOp::GeluTanh => call("gelu_tanh"),
        UnaryOp::IsNan => truth("is_nan"),
        UnaryOp::IsInf => truth("is_inf"),
        UnaryOp::IsFinite => truth("is_finite"),
        UnaryOp::SignBit => truth("sign_bit"),
    }
}

fn integer_unary(op: UnaryOp, dtype: DType, x: &str) -> Option<String> {
    let signed = dtype == DType::I32;
    Some(match op {
        UnaryOp::Neg if signed => format!("0 - {x}"),
        UnaryOp::Neg => format!("0u - {x}"),
        UnaryOp::Abs if signed => format!("k_abs_i32({x})"),
        UnaryOp::Sign if signed => format!("clamp({x}, -1, 1)"),
        UnaryOp::Sign => format!("min({x}, 1u)"),
        UnaryOp::Square => format!("{x} * {x}"),
        UnaryOp::Relu if signed => format!("max({x}, 0)"),
        UnaryOp::Abs | UnaryOp::Relu | UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc => x.to_owned(),
        UnaryOp::Not if dtype == DType::Bool => format!("{x} ^ 1u"),
        UnaryOp::Not => format!("~{x}"),
        UnaryOp::IsNan | UnaryOp::IsInf => "0u".to_owned(),
        UnaryOp::IsFinite => "1u".to_owned(),
        UnaryOp::SignBit if signed => format!("select(0u, 1u, {x} < 0)"),
        UnaryOp::SignBit => "0u".to_owned(),
        UnaryOp::Sqrt
        | UnaryOp::Rsqrt
        | UnaryOp::Reciprocal
        | UnaryOp::Exp
        | UnaryOp::Exp2
        | UnaryOp::Expm1
        | UnaryOp::Log
        | UnaryOp::Log2
        | UnaryOp::Log10
        | UnaryOp::Log1p
        | UnaryOp::Sin
        | UnaryOp::Cos
        | UnaryOp::Tan
        | UnaryOp::Asin
        | UnaryOp::Acos
        | UnaryOp::Atan
        | UnaryOp::Sinh
        | UnaryOp::Cosh
        | UnaryOp::Tanh
        | UnaryOp::Asinh
        | UnaryOp::Acosh
        | UnaryOp::Atanh
        | UnaryOp::Erf
        | UnaryOp::Erfc
        | UnaryOp::Erfinv
        | UnaryOp::Lgamma
        | UnaryOp::Polygamma(_)
        | UnaryOp::BesselI0
        | UnaryOp::BesselI1
        | UnaryOp::Sigmoid
        | UnaryOp::Softplus
        | UnaryOp::Silu
        | UnaryOp::Gelu
        | UnaryOp::GeluTanh => return None,
    })
}

/// The op of two expressions, if the dtype has it.
pub(crate) fn binary_expression(op: BinaryOp, dtype: DType, a: &str, b: &str) -> Option<String> {
    let float = dtype == DType::F32;
    let suffix = match dtype {
        DType::F32 => "",
        DType::I32 => "_i32",
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
        | DType::F64 => "_u32",
    };
    let call = |name: &str| format!("k_{name}{suffix}({a}, {b})");
    Some(match op {
        BinaryOp::Add => format!("{a} + {b}"),
        BinaryOp::Sub => format!("{a} - {b}"),
        BinaryOp::Mul => format!("{a} * {b}"),
        BinaryOp::Div if float => format!("k_divide({a}, {b})"),
        BinaryOp::FloorDiv => call("floor_div"),
        BinaryOp::Mod => call("mod"),
        BinaryOp::Fmod => call("fmod"),
        BinaryOp::Pow => call("pow"),
        BinaryOp::Max if float => call("max"),
        BinaryOp::Min if float => call("min"),
        BinaryOp::Max => format!("max({a}, {b})"),
        BinaryOp::Min => format!("min({a}, {b})"),
        BinaryOp::Atan2 if float => format!("k_atan2({a}, {b})"),
        BinaryOp::Hypot if float => format!("k_hypot({a}, {b})"),
        BinaryOp::LogAddExp if float => format!("k_log_add_exp({a}, {b})"),
        BinaryOp::And if !float => format!("{a} & {b}"),
        BinaryOp::Or if !float => format!("{a} | {b}"),
        BinaryOp::Xor if !float => format!("{a} ^ {b}"),
        BinaryOp::ShiftLeft if !float => call("shift_left"),
        BinaryOp::ShiftRight if !float => call("shift_right"),
        BinaryOp::Gcd if !float => call("gcd"),
        BinaryOp::Div
        | BinaryOp::Atan2
        | BinaryOp::Hypot
        | BinaryOp::LogAddExp
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Xor
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRight
        | BinaryOp::Gcd => return None,
    })
}
