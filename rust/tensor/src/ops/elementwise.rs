//! Elementwise functions.

use corten_core::{BinaryOp, CompareOp, DType, Op, Result, Scalar, UnaryOp, needs_int64};

use super::promotion::{Arg, common_dtype, to_float};
use crate::{
    device::{self, Device},
    execute::{self, run_one},
    tensor::Tensor,
};

/// Applies `op`; float-valued functions of integers compute in float32.
pub fn unary(op: UnaryOp, x: &Tensor) -> Result<Tensor> {
    if op.is_float_valued() && !x.dtype().is_float() {
        return run_one(Op::Unary(op), &[&to_float(x)?]);
    }
    if x.dtype() == DType::Bool && !op.is_predicate() && op != UnaryOp::Not {
        return run_one(Op::Unary(op), &[&cast(x, DType::I32)?]);
    }
    run_one(Op::Unary(op), &[x])
}

/// Applies `op` with `NumPy`'s broadcasting and the promotion table.
pub fn binary(op: BinaryOp, a: impl Into<Arg>, b: impl Into<Arg>) -> Result<Tensor> {
    let (a, b) = (a.into(), b.into());
    let mut dtype = common_dtype(&[&a, &b]);
    let mut op = op;
    match op {
        BinaryOp::Div | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::LogAddExp => dtype = dtype.to_float(),
        // Sums and products of truth values are logical, as in NumPy.
        BinaryOp::Add if dtype == DType::Bool => op = BinaryOp::Or,
        BinaryOp::Mul if dtype == DType::Bool => op = BinaryOp::And,
        BinaryOp::FloorDiv
        | BinaryOp::Mod
        | BinaryOp::Fmod
        | BinaryOp::Pow
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRight
        | BinaryOp::Gcd
            if dtype == DType::Bool =>
        {
            dtype = DType::I32;
        }
        BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::FloorDiv
        | BinaryOp::Mod
        | BinaryOp::Fmod
        | BinaryOp::Pow
        | BinaryOp::Max
        | BinaryOp::Min
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Xor
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRight
        | BinaryOp::Gcd => {}
    }
    let (a, b) = (a.into_tensor(dtype)?, b.into_tensor(dtype)?);
    run_one(Op::Binary(op), &[&a, &b])
}

/// Compares elementwise; gives bool.
pub fn compare(op: CompareOp, a: impl Into<Arg>, b: impl Into<Arg>) -> Result<Tensor> {
    let (a, b) = (a.into(), b.into());
    let (a, b) = exact(a, b)?;
    let dtype = common_dtype(&[&a, &b]);
    run_one(Op::Compare(op), &[&a.into_tensor(dtype)?, &b.into_tensor(dtype)?])
}

/// Both operands as int64 where the dtype that they get otherwise does not hold their values: for
/// comparisons, and for Python's operators, which are the array API's.
pub fn exact(a: Arg, b: Arg) -> Result<(Arg, Arg)> {
    match (&a, &b) {
        (Arg::Tensor(x), Arg::Tensor(y)) if needs_int64(x.dtype(), y.dtype()) => {
            Ok((Arg::Tensor(cast(x, DType::I64)?), Arg::Tensor(cast(y, DType::I64)?)))
        }
        _ => Ok((a, b)),
    }
}

/// `a` where the condition holds, else `b`.
pub fn select(condition: &Tensor, a: impl Into<Arg>, b: impl Into<Arg>) -> Result<Tensor> {
    let (a, b) = (a.into(), b.into());
    let dtype = common_dtype(&[&a, &b]);
    let condition = cast(condition, DType::Bool)?;
    run_one(Op::Select, &[&condition, &a.into_tensor(dtype)?, &b.into_tensor(dtype)?])
}

/// The same values as another dtype; itself if it has that dtype.
pub fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    run_one(Op::Cast(dtype), &[x])
}

/// As [`cast`] for users: a GPU, which has no int64, gives int32 for it.
pub fn cast_there(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let narrow = dtype == DType::I64 && !matches!(x.device(), Device::Cpu | Device::Meta);
    cast(x, if narrow { DType::I32 } else { dtype })
}

/// A row-major copy.
pub fn copy(x: &Tensor) -> Result<Tensor> {
    run_one(Op::Copy, &[x])
}

/// A fresh start of history over the same values: gradients stop at the result if asked for it, and flow
/// on to `x` if asked for that.
pub fn alias(x: &Tensor) -> Result<Tensor> {
    if x.requires_grad() {
        return run_one(Op::Reshape(x.shape().into()), &[x]);
    }
    Ok(x.watched())
}

macro_rules! binary_functions {
    ($($(#[$doc:meta])* $name:ident = $op:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(a: &Tensor, b: &Tensor) -> Result<Tensor> {
            binary(BinaryOp::$op, a, b)
        }
    )*};
}
binary_functions! {
    /// `a + b`
    add = Add;
    /// `a - b`
    sub = Sub;
    /// `a * b`
    mul = Mul;
    /// `a / b`
    div = Div;
    /// `a ** b`
    pow = Pow;
    /// The larger, NaN if either is.
    maximum = Max;
    /// The smaller, NaN if either is.
    minimum = Min;
}

macro_rules! unary_functions {
    ($($name:ident = $op:ident;)*) => {$(
        /// The function of that name, elementwise.
        pub fn $name(x: &Tensor) -> Result<Tensor> {
            unary(UnaryOp::$op, x)
        }
    )*};
}
unary_functions! {
    neg = Neg;
    abs = Abs;
    sign = Sign;
    square = Square;
    sqrt = Sqrt;
    rsqrt = Rsqrt;
    reciprocal = Reciprocal;
    exp = Exp;
    log = Log;
    log1p = Log1p;
    sin = Sin;
    cos = Cos;
    sinh = Sinh;
    cosh = Cosh;
    tanh = Tanh;
    sigmoid = Sigmoid;
    relu = Relu;
    not = Not;
}

/// `x * factor`
pub fn scale(x: &Tensor, factor: f64) -> Result<Tensor> {
    binary(BinaryOp::Mul, x, Scalar::Float(factor))
}

/// `x + term`
pub fn shift(x: &Tensor, term: f64) -> Result<Tensor> {
    binary(BinaryOp::Add, x, Scalar::Float(term))
}

/// `x ** exponent`
pub fn powf(x: &Tensor, exponent: f64) -> Result<Tensor> {
    binary(BinaryOp::Pow, x, Scalar::Float(exponent))
}

/// Where `x` compares so with a number.
pub fn compare_scalar(op: CompareOp, x: &Tensor, value: f64) -> Result<Tensor> {
    compare(op, x, Scalar::Float(value))
}

/// A tensor of one value with the shape and dtype of another.
pub fn full_like(x: &Tensor, value: f64) -> Result<Tensor> {
    let _here = device::within(x.device());
    execute::full(x.shape(), Scalar::Float(value), x.dtype())
}

/// Zeros with the shape and dtype of another tensor.
pub fn zeros_like(x: &Tensor) -> Result<Tensor> {
    full_like(x, 0.0)
}
