//! Functions of one float.

use std::marker::PhantomData;

use corten_core::{DType, Result, UnaryOp};
use half::{bf16, f16};

use crate::{
    In,
    math::{single as fast, special, wide},
    memory::Buffer,
    parallel::GRAIN_DEAR,
    simd::map::{Loop1, Map1, loop1, wide1},
};

/// A function with its float32 and its float64 form.
trait Function {
    fn single<const FMA: bool>(x: f32) -> f32;
    fn double(x: f64) -> f64;
}
struct Single<F>(PhantomData<F>);
impl<F: Function> Map1 for Single<F> {
    type In = f32;
    type Out = f32;
    #[inline(always)]
    fn apply<const FMA: bool>(x: f32) -> f32 {
        F::single::<FMA>(x)
    }
}
struct Double<F>(PhantomData<F>);
impl<F: Function> Map1 for Double<F> {
    type In = f64;
    type Out = f64;
    #[inline(always)]
    fn apply<const FMA: bool>(x: f64) -> f64 {
        F::double(x)
    }
}

/// A question about a float.
trait Predicate {
    fn single(x: f32) -> bool;
    fn double(x: f64) -> bool;
}
impl<F: Predicate> Map1 for (f32, PhantomData<F>) {
    type In = f32;
    type Out = bool;
    #[inline(always)]
    fn apply<const FMA: bool>(x: f32) -> bool {
        F::single(x)
    }
}
impl<F: Predicate> Map1 for (f64, PhantomData<F>) {
    type In = f64;
    type Out = bool;
    #[inline(always)]
    fn apply<const FMA: bool>(x: f64) -> bool {
        F::double(x)
    }
}

/// `Name: |x| float32 form, |x| float64 form`; the float32 form may use the constant `FMA`.
macro_rules! functions {
    ($($name:ident: |$x:ident| $single:expr, |$y:ident| $double:expr;)*) => {$(
        struct $name;
        impl Function for $name {
            #[inline(always)]
            fn single<const FMA: bool>($x: f32) -> f32 { $single }
            #[inline(always)]
            fn double($y: f64) -> f64 { $double }
        }
    )*};
}

/// Functions whose float32 form is the float64 one, rounded.
macro_rules! rounded {
    ($($name:ident: $double:path;)*) => {
        functions! { $($name: |x| $double(f64::from(x)) as f32, |x| $double(x);)* }
    };
}

functions! {
    Neg: |x| -x, |x| -x;
    Abs: |x| x.abs(), |x| x.abs();
    Sign: |x| sign(x), |x| sign64(x);
    Square: |x| x * x, |x| x * x;
    Sqrt: |x| x.sqrt(), |x| x.sqrt();
    Rsqrt: |x| 1.0 / x.sqrt(), |x| 1.0 / x.sqrt();
    Reciprocal: |x| 1.0 / x, |x| 1.0 / x;
    Exp: |x| fast::exp::<FMA>(x), |x| x.exp();
    Exp2: |x| fast::exp2::<FMA>(x), |x| x.exp2();
    Expm1: |x| fast::expm1::<FMA>(x), |x| x.exp_m1();
    Log: |x| fast::log::<FMA>(x), |x| x.ln();
    Log2: |x| fast::log2::<FMA>(x), |x| x.log2();
    Log10: |x| fast::log10::<FMA>(x), |x| x.log10();
    Log1p: |x| fast::log1p::<FMA>(x), |x| x.ln_1p();
    Tanh: |x| fast::tanh::<FMA>(x), |x| x.tanh();
    Erf: |x| fast::erf::<FMA>(x), |x| special::erf(x);
    Erfc: |x| fast::erfc::<FMA>(x), |x| special::erfc(x);
    Floor: |x| x.floor(), |x| x.floor();
    Ceil: |x| x.ceil(), |x| x.ceil();
    Round: |x| x.round_ties_even(), |x| x.round_ties_even();
    Trunc: |x| x.trunc(), |x| x.trunc();
    Sigmoid: |x| fast::sigmoid::<FMA>(x), |x| sigmoid64(x);
    Softplus: |x| fast::softplus::<FMA>(x), |x| (if x > 0.0 { x } else { 0.0 }) + (-x.abs()).exp().ln_1p();
    Relu: |x| if x <= 0.0 { 0.0 } else { x }, |x| if x <= 0.0 { 0.0 } else { x };
    Silu: |x| fast::silu::<FMA>(x), |x| if x == f64::NEG_INFINITY { -0.0 } else { x * sigmoid64(x) };
    Gelu: |x| fast::gelu::<FMA>(x), |x| gelu64(x);
    GeluTanh: |x| fast::gelu_tanh::<FMA>(x), |x| gelu_tanh64(x);
}

rounded! {
    Asin: f64::asin;
    Acos: f64::acos;
    Atan: f64::atan;
    Sinh: f64::sinh;
    Cosh: f64::cosh;
    Asinh: f64::asinh;
    Acosh: f64::acosh;
    Atanh: f64::atanh;
    Erfinv: special::erfinv;
    Lgamma: special::lgamma;
    Digamma: special::digamma;
    BesselI0: special::bessel_i0;
    BesselI1: special::bessel_i1;
}

#[inline(always)]
fn sign(x: f32) -> f32 {
    let positive = if x > 0.0 { 1.0 } else { 0.0 };
    let value = if x < 0.0 { -1.0 } else { positive };
    if x.is_nan() { x } else { value }
}
#[inline(always)]
fn sign64(x: f64) -> f64 {
    let positive = if x > 0.0 { 1.0 } else { 0.0 };
    let value = if x < 0.0 { -1.0 } else { positive };
    if x.is_nan() { x } else { value }
}
fn sigmoid64(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}
fn gelu64(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return -0.0;
    }
    0.5 * x * special::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}
fn gelu_tanh64(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return -0.0;
    }
    let bounded = x.clamp(-40.0, 40.0);
    x * sigmoid64(2.0 * 0.797_884_560_802_865_4 * bounded * (1.0 + 0.044_715 * bounded * bounded))
}

macro_rules! predicates {
    ($($name:ident: |$x:ident| $body:expr;)*) => {$(
        struct $name;
        impl Predicate for $name {
            #[inline(always)]
            fn single($x: f32) -> bool { $body }
            #[inline(always)]
            fn double($x: f64) -> bool { $body }
        }
    )*};
}
predicates! {
    IsNan: |x| x.is_nan();
    IsInf: |x| x.is_infinite();
    IsFinite: |x| x.is_finite();
    SignBit: |x| x.is_sign_negative();
}

// Sine, cosine and tangent have a fast form for moderate arguments and go to float64 beyond.
macro_rules! trigonometry {
    ($($name:ident: $fast:ident, $double:path;)*) => {$(
        functions! { $name: |x| fast::$fast::<FMA>(x), |x| $double(x); }
        impl $name {
            /// # Safety
            /// As for [`Loop1`].
            unsafe fn single_loop(x: *const u8, out: *mut u8, n: usize) {
                // SAFETY: see the function.
                unsafe {
                    loop1::<Single<$name>>(x, out, n);
                    patch(x, out, n, $double);
                }
            }
        }
    )*};
}
trigonometry! {
    Sin: sin, f64::sin;
    Cos: cos, f64::cos;
    Tan: tan, f64::tan;
}

/// Computes the elements beyond the limit of the fast functions again.
///
/// # Safety
/// As for [`Loop1`].
unsafe fn patch(x: *const u8, out: *mut u8, n: usize, truth: fn(f64) -> f64) {
    // SAFETY: see the function.
    let (x, out) = unsafe {
        (std::slice::from_raw_parts(x.cast::<f32>(), n), std::slice::from_raw_parts_mut(out.cast::<f32>(), n))
    };
    let beyond = |x: &f32| x.abs() > fast::TRIGONOMETRY_LIMIT;
    // Counting has no branches, so it is cheap where there is nothing to do.
    if x.iter().map(|x| u32::from(beyond(x))).sum::<u32>() > 0 {
        for (to, x) in out.iter_mut().zip(x).filter(|(_, x)| beyond(x)) {
            *to = truth(f64::from(*x)) as f32;
        }
    }
}

/// A match on all ops for one float type.
macro_rules! table {
    ($op:expr, $t:ty, $wrap:ident, $sin:expr, $cos:expr, $tan:expr, $dear:ident) => {
        match $op {
            UnaryOp::Neg => loop1::<$wrap<Neg>>,
            UnaryOp::Abs => loop1::<$wrap<Abs>>,
            UnaryOp::Sign => loop1::<$wrap<Sign>>,
            UnaryOp::Square => loop1::<$wrap<Square>>,
            UnaryOp::Sqrt => loop1::<$wrap<Sqrt>>,
            UnaryOp::Rsqrt => loop1::<$wrap<Rsqrt>>,
            UnaryOp::Reciprocal => loop1::<$wrap<Reciprocal>>,
            UnaryOp::Exp => $dear!(Exp),
            UnaryOp::Exp2 => loop1::<$wrap<Exp2>>,
            UnaryOp::Expm1 => loop1::<$wrap<Expm1>>,
            UnaryOp::Log => loop1::<$wrap<Log>>,
            UnaryOp::Log2 => loop1::<$wrap<Log2>>,
            UnaryOp::Log10 => loop1::<$wrap<Log10>>,
            UnaryOp::Log1p => loop1::<$wrap<Log1p>>,
            UnaryOp::Sin => $sin,
            UnaryOp::Cos => $cos,
            UnaryOp::Tan => $tan,
            UnaryOp::Asin => loop1::<$wrap<Asin>>,
            UnaryOp::Acos => loop1::<$wrap<Acos>>,
            UnaryOp::Atan => loop1::<$wrap<Atan>>,
            UnaryOp::Sinh => loop1::<$wrap<Sinh>>,
            UnaryOp::Cosh => loop1::<$wrap<Cosh>>,
            UnaryOp::Tanh => $dear!(Tanh),
            UnaryOp::Asinh => loop1::<$wrap<Asinh>>,
            UnaryOp::Acosh => loop1::<$wrap<Acosh>>,
            UnaryOp::Atanh => loop1::<$wrap<Atanh>>,
            UnaryOp::Erf => loop1::<$wrap<Erf>>,
            UnaryOp::Erfc => loop1::<$wrap<Erfc>>,
            UnaryOp::Erfinv => loop1::<$wrap<Erfinv>>,
            UnaryOp::Lgamma => loop1::<$wrap<Lgamma>>,
            // Higher orders carry their order along: see `polygamma`.
            UnaryOp::Polygamma(_) => loop1::<$wrap<Digamma>>,
            UnaryOp::BesselI0 => loop1::<$wrap<BesselI0>>,
            UnaryOp::BesselI1 => loop1::<$wrap<BesselI1>>,
            UnaryOp::Floor => loop1::<$wrap<Floor>>,
            UnaryOp::Ceil => loop1::<$wrap<Ceil>>,
            UnaryOp::Round => loop1::<$wrap<Round>>,
            UnaryOp::Trunc => loop1::<$wrap<Trunc>>,
            UnaryOp::Sigmoid => $dear!(Sigmoid),
            UnaryOp::Softplus => loop1::<$wrap<Softplus>>,
            UnaryOp::Relu => loop1::<$wrap<Relu>>,
            UnaryOp::Silu => $dear!(Silu),
            UnaryOp::Gelu => $dear!(Gelu),
            UnaryOp::GeluTanh => $dear!(GeluTanh),
            // Inference refuses it for floats.
            UnaryOp::Not => loop1::<$wrap<Neg>>,
            UnaryOp::IsNan => loop1::<($t, PhantomData<IsNan>)>,
            UnaryOp::IsInf => loop1::<($t, PhantomData<IsInf>)>,
            UnaryOp::IsFinite => loop1::<($t, PhantomData<IsFinite>)>,
            UnaryOp::SignBit => loop1::<($t, PhantomData<SignBit>)>,
        }
    };
}

/// The float32 loop of an op; for large results dear ones store past the caches.
pub(super) fn single(op: UnaryOp, large: bool) -> Loop1 {
    macro_rules! over_registers {
        ($name:ident) => {
            if large { wide1::<wide::$name, Single<$name>, true> } else { wide1::<wide::$name, Single<$name>, false> }
        };
    }
    table!(op, f32, Single, Sin::single_loop, Cos::single_loop, Tan::single_loop, over_registers)
}

/// The float64 loop of an op.
pub(super) fn double(op: UnaryOp) -> Loop1 {
    macro_rules! plain {
        ($name:ident) => {
            loop1::<Double<$name>>
        };
    }
    table!(op, f64, Double, loop1::<Double<Sin>>, loop1::<Double<Cos>>, loop1::<Double<Tan>>, plain)
}

/// Derivatives of digamma, whose order is known at run time only.
pub(super) fn polygamma(order: u32, x: In<'_>) -> Result<Buffer> {
    match x.dtype {
        DType::F16 => half_polygamma::<f16>(order, x),
        DType::BF16 => half_polygamma::<bf16>(order, x),
        DType::F64 => crate::strided::map([x], 8, GRAIN_DEAR / 16, &|[x], out, n| {
            for i in 0..n {
                // SAFETY: `map` gives `n` elements of each side.
                unsafe { *out.cast::<f64>().add(i) = special::polygamma(order, *x.cast::<f64>().add(i)) };
            }
        }),
        DType::F32
        | DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => crate::strided::map([x], 4, GRAIN_DEAR / 16, &|[x], out, n| {
            for i in 0..n {
                // SAFETY: `map` gives `n` elements of each side.
                unsafe {
                    *out.cast::<f32>().add(i) = special::polygamma(order, f64::from(*x.cast::<f32>().add(i))) as f32;
                }
            }
        }),
    }
}

fn half_polygamma<H: corten_core::Element>(order: u32, x: In<'_>) -> Result<Buffer> {
    crate::strided::map([x], 2, GRAIN_DEAR / 16, &|[x], out, n| {
        // SAFETY: `map` gives `n` elements of each side.
        let (x, out) = unsafe {
            (std::slice::from_raw_parts(x.cast::<H>(), n), std::slice::from_raw_parts_mut(out.cast::<H>(), n))
        };
        for (to, x) in out.iter_mut().zip(x) {
            *to = H::from_f64(special::polygamma(order, x.to_f64()));
        }
    })
}
