//! Functions of two floats.

use std::marker::PhantomData;

use corten_core::{BinaryOp, UnaryOp};

use crate::{
    In,
    math::single as fast,
    parallel::{GRAIN_CHEAP, GRAIN_DEAR},
    simd::map::{Loop2, Map2, loop2},
    strided::is_constant,
};

trait Function {
    fn single<const FMA: bool>(a: f32, b: f32) -> f32;
    fn double(a: f64, b: f64) -> f64;
}
struct Single<F>(PhantomData<F>);
impl<F: Function> Map2 for Single<F> {
    type In = f32;
    type Out = f32;
    #[inline(always)]
    fn apply<const FMA: bool>(a: f32, b: f32) -> f32 {
        F::single::<FMA>(a, b)
    }
}
struct Double<F>(PhantomData<F>);
impl<F: Function> Map2 for Double<F> {
    type In = f64;
    type Out = f64;
    #[inline(always)]
    fn apply<const FMA: bool>(a: f64, b: f64) -> f64 {
        F::double(a, b)
    }
}

macro_rules! functions {
    ($($name:ident: |$a:ident, $b:ident| $single:expr, $double:expr;)*) => {$(
        struct $name;
        impl Function for $name {
            #[inline(always)]
            fn single<const FMA: bool>($a: f32, $b: f32) -> f32 { $single }
            #[inline(always)]
            fn double($a: f64, $b: f64) -> f64 { $double }
        }
    )*};
}
/// Functions written once for both types.
macro_rules! same {
    ($($name:ident: |$a:ident, $b:ident| $body:expr;)*) => { functions! { $($name: |$a, $b| $body, $body;)* } };
}

same! {
    Add: |a, b| a + b;
    Sub: |a, b| a - b;
    Mul: |a, b| a * b;
    Div: |a, b| a / b;
    Max: |a, b| if a > b || a.is_nan() { a } else { b };
    Min: |a, b| if a < b || a.is_nan() { a } else { b };
    Fmod: |a, b| a % b;
}
functions! {
    Mod: |a, b| modulo(f64::from(a), f64::from(b)) as f32, modulo(a, b);
    FloorDiv: |a, b| floor_divide(f64::from(a), f64::from(b)) as f32, floor_divide(a, b);
    Pow: |a, b| fast::pow::<FMA>(a, b), a.powf(b);
    Atan2: |a, b| f64::from(a).atan2(f64::from(b)) as f32, a.atan2(b);
    Hypot: |a, b| hypot(a, b), a.hypot(b);
    LogAddExp: |a, b| fast::log_add_exp::<FMA>(a, b), log_add_exp(a, b);
}

/// The remainder with the sign of the divisor.
fn modulo(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        return 0f64.copysign(b);
    }
    if (rest < 0.0) == (b < 0.0) { rest } else { rest + b }
}

/// The quotient rounded down, consistent with [`modulo`].
fn floor_divide(a: f64, b: f64) -> f64 {
    if b == 0.0 || a.is_infinite() {
        return a / b;
    }
    let rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0f64.copysign(a / b);
    }
    // The division above is exact but for rounding: go to the nearest integer.
    let down = quotient.floor();
    if quotient - down > 0.5 { down + 1.0 } else { down }
}

#[inline(always)]
fn hypot(a: f32, b: f32) -> f32 {
    let (x, y) = (f64::from(a), f64::from(b));
    let root = (x * x + y * y).sqrt() as f32;
    if a.is_infinite() || b.is_infinite() { f32::INFINITY } else { root }
}

fn log_add_exp(a: f64, b: f64) -> f64 {
    if a == b {
        return a + std::f64::consts::LN_2;
    }
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    large + (-(large - small).abs()).exp().ln_1p()
}

macro_rules! table {
    ($op:expr, $wrap:ident) => {
        match $op {
            BinaryOp::Add => Some(loop2::<$wrap<Add>>),
            BinaryOp::Sub => Some(loop2::<$wrap<Sub>>),
            BinaryOp::Mul => Some(loop2::<$wrap<Mul>>),
            BinaryOp::Div => Some(loop2::<$wrap<Div>>),
            BinaryOp::FloorDiv => Some(loop2::<$wrap<FloorDiv>>),
            BinaryOp::Mod => Some(loop2::<$wrap<Mod>>),
            BinaryOp::Fmod => Some(loop2::<$wrap<Fmod>>),
            BinaryOp::Pow => Some(loop2::<$wrap<Pow>>),
            BinaryOp::Max => Some(loop2::<$wrap<Max>>),
            BinaryOp::Min => Some(loop2::<$wrap<Min>>),
            BinaryOp::Atan2 => Some(loop2::<$wrap<Atan2>>),
            BinaryOp::Hypot => Some(loop2::<$wrap<Hypot>>),
            BinaryOp::LogAddExp => Some(loop2::<$wrap<LogAddExp>>),
            BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::ShiftLeft
            | BinaryOp::ShiftRight
            | BinaryOp::Gcd => None,
        }
    };
}

/// The float32 loop of an op, if floats have it.
pub(super) fn single(op: BinaryOp) -> Option<Loop2> {
    table!(op, Single)
}

/// The float64 loop of an op, if floats have it.
pub(super) fn double(op: BinaryOp) -> Option<Loop2> {
    table!(op, Double)
}

/// How many elements of an op are worth a chunk.
pub(super) fn grain(op: BinaryOp) -> usize {
    match op {
        BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::Div
        | BinaryOp::Max
        | BinaryOp::Min
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Xor
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRight => GRAIN_CHEAP,
        BinaryOp::FloorDiv
        | BinaryOp::Mod
        | BinaryOp::Fmod
        | BinaryOp::Pow
        | BinaryOp::Atan2
        | BinaryOp::Hypot
        | BinaryOp::LogAddExp
        | BinaryOp::Gcd => GRAIN_DEAR / 4,
    }
}

/// The function that a float32 power by one small constant is.
pub(super) fn power_by_constant(op: BinaryOp, exponent: In<'_>) -> Option<UnaryOp> {
    if op != BinaryOp::Pow || exponent.layout.is_empty() || !is_constant(exponent.layout) {
        return None;
    }
    let exponent = exponent.buffer.as_slice::<f32>()[exponent.layout.offset()];
    // Not the square root for 1/2: they differ at minus infinity and minus zero.
    if exponent == 2.0 {
        Some(UnaryOp::Square)
    } else if exponent == -1.0 {
        Some(UnaryOp::Reciprocal)
    } else {
        None
    }
}
