//! Integer and bool arithmetic, as in NumPy: results wrap, dividing by zero gives zero.

use std::marker::PhantomData;

use corten_core::{BinaryOp, DType, UnaryOp};

use crate::simd::map::{Loop1, Loop2, Map1, Map2, loop2, plain1, plain2};

/// What the kernels need of an integer type.
trait Int: Copy + Ord {
    const ZERO: Self;
    const ONE: Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Both remainders need a divisor that is not zero.
    fn remainder(self, other: Self) -> Self;
    fn quotient(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn not(self) -> Self;
    fn abs(self) -> Self;
    fn is_odd(self) -> bool;
    fn half(self) -> Self;
    fn shift_left(self, by: Self) -> Self;
    fn shift_right(self, by: Self) -> Self;
}

macro_rules! int {
    ($sign:ident: $($t:ty),*) => {$(
        impl Int for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            #[inline(always)]
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline(always)]
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline(always)]
            fn remainder(self, other: Self) -> Self { self.wrapping_rem(other) }
            #[inline(always)]
            fn quotient(self, other: Self) -> Self { self.wrapping_div(other) }
            #[inline(always)]
            fn and(self, other: Self) -> Self { self & other }
            #[inline(always)]
            fn or(self, other: Self) -> Self { self | other }
            #[inline(always)]
            fn xor(self, other: Self) -> Self { self ^ other }
            #[inline(always)]
            fn not(self) -> Self { !self }
            #[inline(always)]
            fn abs(self) -> Self { int!(@abs $sign self) }
            #[inline(always)]
            fn is_odd(self) -> bool { self & 1 == 1 }
            #[inline(always)]
            fn half(self) -> Self { self >> 1 }
            #[inline(always)]
            fn shift_left(self, by: Self) -> Self {
                // Widening keeps negative counts out of range.
                if (by as u64) < u64::from(Self::BITS) { self.wrapping_shl(by as u32) } else { 0 }
            }
            #[inline(always)]
            fn shift_right(self, by: Self) -> Self {
                let in_range = (by as u64) < u64::from(Self::BITS);
                if in_range { self.wrapping_shr(by as u32) } else { int!(@fill $sign self) }
            }
        }
    )*};
    (@abs signed $x:ident) => { $x.wrapping_abs() };
    (@abs unsigned $x:ident) => { $x };
    (@fill signed $x:ident) => { if $x < 0 { -1 } else { 0 } };
    (@fill unsigned $x:ident) => { { let _ = $x; 0 } };
}
int!(signed: i8, i16, i32, i64);
int!(unsigned: u8, u16, u32, u64);

macro_rules! unary_functions {
    ($($name:ident: |$x:ident| -> $out:ty { $body:expr };)*) => {$(
        struct $name<T>(PhantomData<T>);
        impl<T: Int> Map1 for $name<T> {
            type In = T;
            type Out = $out;
            #[inline(always)]
            fn apply<const FMA: bool>($x: T) -> $out { $body }
        }
    )*};
}
unary_functions! {
    Neg: |x| -> T { T::ZERO.sub(x) };
    Abs: |x| -> T { x.abs() };
    Sign: |x| -> T { x.clamp(T::ZERO.sub(T::ONE).min(T::ZERO), T::ONE) };
    Square: |x| -> T { x.mul(x) };
    Same: |x| -> T { x };
    Relu: |x| -> T { x.max(T::ZERO) };
    Not: |x| -> T { x.not() };
    LogicalNot: |x| -> T { x.xor(T::ONE) };
    Never: |_x| -> bool { false };
    Always: |_x| -> bool { true };
    Negative: |x| -> bool { x < T::ZERO };
}

macro_rules! binary_functions {
    ($($name:ident: |$a:ident, $b:ident| $body:expr;)*) => {$(
        struct $name<T>(PhantomData<T>);
        impl<T: Int> Map2 for $name<T> {
            type In = T;
            type Out = T;
            #[inline(always)]
            fn apply<const FMA: bool>($a: T, $b: T) -> T { $body }
        }
    )*};
}
binary_functions! {
    Add: |a, b| a.add(b);
    Sub: |a, b| a.sub(b);
    Mul: |a, b| a.mul(b);
    FloorDiv: |a, b| floor_divide(a, b);
    Mod: |a, b| modulo(a, b);
    Fmod: |a, b| if b == T::ZERO { T::ZERO } else { a.remainder(b) };
    Pow: |a, b| power(a, b);
    Max: |a, b| a.max(b);
    Min: |a, b| a.min(b);
    And: |a, b| a.and(b);
    Or: |a, b| a.or(b);
    Xor: |a, b| a.xor(b);
    ShiftLeft: |a, b| a.shift_left(b);
    ShiftRight: |a, b| a.shift_right(b);
    Gcd: |a, b| greatest_common_divisor(a, b);
}

fn floor_divide<T: Int>(a: T, b: T) -> T {
    if b == T::ZERO {
        return T::ZERO;
    }
    let quotient = a.quotient(b);
    let uneven = a.remainder(b) != T::ZERO;
    if uneven && (a < T::ZERO) != (b < T::ZERO) { quotient.sub(T::ONE) } else { quotient }
}

fn modulo<T: Int>(a: T, b: T) -> T {
    if b == T::ZERO {
        return T::ZERO;
    }
    let rest = a.remainder(b);
    if rest != T::ZERO && (rest < T::ZERO) != (b < T::ZERO) { rest.add(b) } else { rest }
}

/// Wraps. A negative power is the real one rounded towards zero: 0 but for bases of 1 and -1.
fn power<T: Int>(base: T, exponent: T) -> T {
    if exponent < T::ZERO {
        let minus_one = T::ZERO.sub(T::ONE);
        return if base == T::ONE || (base == minus_one && !exponent.is_odd()) {
            T::ONE
        } else if base == minus_one {
            minus_one
        } else {
            T::ZERO
        };
    }
    let (mut result, mut square, mut rest) = (T::ONE, base, exponent);
    while rest != T::ZERO {
        if rest.is_odd() {
            result = result.mul(square);
        }
        square = square.mul(square);
        rest = rest.half();
    }
    result
}

fn greatest_common_divisor<T: Int>(a: T, b: T) -> T {
    let (mut a, mut b) = (a, b);
    while b != T::ZERO {
        (a, b) = (b, a.remainder(b));
    }
    a.abs()
}

/// Runs `$body` with `$t` bound to the integer type of `$dtype`, bool as bytes.
macro_rules! with_int {
    ($dtype:expr, $t:ident => $body:expr) => {{
        macro_rules! arm {
            ($type:ty) => {{
                type $t = $type;
                Some($body)
            }};
        }
        match $dtype {
            DType::Bool | DType::U8 => arm!(u8),
            DType::U16 => arm!(u16),
            DType::U32 => arm!(u32),
            DType::U64 => arm!(u64),
            DType::I8 => arm!(i8),
            DType::I16 => arm!(i16),
            DType::I32 => arm!(i32),
            DType::I64 => arm!(i64),
            DType::BF16 | DType::F16 | DType::F32 | DType::F64 => None,
        }
    }};
}
pub(super) use with_int;

/// The type of one width whose sum, product and bits are those of both signs.
fn unsigned(dtype: DType) -> DType {
    match dtype.size() {
        1 => DType::U8,
        2 => DType::U16,
        4 => DType::U32,
        _ => DType::U64,
    }
}

/// The loop of an op, if integers (or bool) have it.
pub(super) fn unary(op: UnaryOp, dtype: DType) -> Option<Loop1> {
    match op {
        UnaryOp::Neg => with_int!(unsigned(dtype), T => plain1::<Neg<T>>),
        UnaryOp::Abs => with_int!(dtype, T => plain1::<Abs<T>>),
        UnaryOp::Sign => with_int!(dtype, T => plain1::<Sign<T>>),
        UnaryOp::Square => with_int!(unsigned(dtype), T => plain1::<Square<T>>),
        UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc => {
            with_int!(unsigned(dtype), T => plain1::<Same<T>>)
        }
        UnaryOp::Relu => with_int!(dtype, T => plain1::<Relu<T>>),
        UnaryOp::Not if dtype == DType::Bool => Some(plain1::<LogicalNot<u8>>),
        UnaryOp::Not => with_int!(unsigned(dtype), T => plain1::<Not<T>>),
        UnaryOp::IsNan | UnaryOp::IsInf => with_int!(unsigned(dtype), T => plain1::<Never<T>>),
        UnaryOp::IsFinite => with_int!(unsigned(dtype), T => plain1::<Always<T>>),
        UnaryOp::SignBit => with_int!(dtype, T => plain1::<Negative<T>>),
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
        | UnaryOp::GeluTanh => None,
    }
}

/// The loop of an op, if integers (or bool) have it.
pub(super) fn binary(op: BinaryOp, dtype: DType) -> Option<Loop2> {
    match op {
        BinaryOp::Add => with_int!(unsigned(dtype), T => loop2::<Add<T>>),
        BinaryOp::Sub => with_int!(unsigned(dtype), T => loop2::<Sub<T>>),
        BinaryOp::Mul => with_int!(unsigned(dtype), T => loop2::<Mul<T>>),
        BinaryOp::FloorDiv => with_int!(dtype, T => plain2::<FloorDiv<T>>),
        BinaryOp::Mod => with_int!(dtype, T => plain2::<Mod<T>>),
        BinaryOp::Fmod => with_int!(dtype, T => plain2::<Fmod<T>>),
        BinaryOp::Pow => with_int!(dtype, T => plain2::<Pow<T>>),
        BinaryOp::Max => with_int!(dtype, T => plain2::<Max<T>>),
        BinaryOp::Min => with_int!(dtype, T => plain2::<Min<T>>),
        // Bits have no types: bytes would do, but elements are what is counted.
        BinaryOp::And => with_int!(unsigned(dtype), T => plain2::<And<T>>),
        BinaryOp::Or => with_int!(unsigned(dtype), T => plain2::<Or<T>>),
        BinaryOp::Xor => with_int!(unsigned(dtype), T => plain2::<Xor<T>>),
        BinaryOp::ShiftLeft => with_int!(dtype, T => plain2::<ShiftLeft<T>>),
        BinaryOp::ShiftRight => with_int!(dtype, T => plain2::<ShiftRight<T>>),
        BinaryOp::Gcd => with_int!(dtype, T => plain2::<Gcd<T>>),
        BinaryOp::Div | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::LogAddExp => None,
    }
}
