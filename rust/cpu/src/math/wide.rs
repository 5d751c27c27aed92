//! The float32 functions that models call most, over registers: as in [`super::single`], with fewer and
//! cheaper instructions. Errors are below 4 units in the last place; `math/tests.rs` measures them.

// Coefficients are written with the digits of their derivation.
#![allow(clippy::excessive_precision)]

use std::f32::consts::LOG2_E;

use crate::simd::lanes::Lanes;

/// Adding and subtracting it rounds a small number to an integer.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; products of the first with small integers are exact.
const LN_2_HIGH: f32 = 0.693_359_375;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// A function of one number.
pub(crate) trait Function {
    fn apply<L: Lanes>(x: L) -> L;
}

macro_rules! functions {
    ($($name:ident = $function:ident;)*) => {$(
        pub(crate) struct $name;
        impl Function for $name {
            #[inline(always)]
            fn apply<L: Lanes>(x: L) -> L {
                $function(x)
            }
        }
    )*};
}
functions! {
    Exp = exp;
    Tanh = tanh;
    Sigmoid = sigmoid;
    Silu = silu;
    Gelu = gelu;
    GeluTanh = gelu_tanh;
    SigmoidSlope = sigmoid_slope;
    TanhSlope = tanh_slope;
    SiluSlope = silu_slope;
    GeluSlope = gelu_slope;
    GeluTanhSlope = gelu_tanh_slope;
}

/// The polynomial with these coefficients, highest first.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(x: L, coefficients: [f32; N]) -> L {
    let mut sum = x.constant(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = sum.mul_add(x, x.constant(*coefficient));
    }
    sum
}

/// x = n ln 2 + r with |r| <= ln(2)/2, for moderate x.
#[inline(always)]
fn reduce_exp<L: Lanes>(x: L) -> (L, L) {
    let n = x.mul_add(x.constant(LOG2_E), x.constant(ROUND)) - x.constant(ROUND);
    let r = n.mul_from(x.constant(LN_2_LOW), n.mul_from(x.constant(LN_2_HIGH), x));
    (n, r)
}

/// (e^r - 1) / r for |r| <= ln(2)/2.
const EXP_TAIL: [f32; 6] =
    [1.383_673_283_3e-3, 8.374_898_694_5e-3, 4.166_823_253_0e-2, 1.666_641_980_4e-1, 4.999_999_105_9e-1, 1.0];

/// e^r for |r| <= ln(2)/2.
#[inline(always)]
fn exp_reduced<L: Lanes>(r: L) -> L {
    polynomial(r, EXP_TAIL).mul_add(r, r.constant(1.0))
}

#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
    // Beyond these the result is 0 and infinity; NaN passes.
    exp_bounded(x.at_least(x.constant(-120.0)).at_most(x.constant(89.0)))
}

/// The exponential of numbers that are at most 89, as differences from a maximum are.
#[inline(always)]
pub(crate) fn exp_below<L: Lanes>(x: L) -> L {
    exp_bounded(x.at_least(x.constant(-120.0)))
}

#[inline(always)]
fn exp_bounded<L: Lanes>(x: L) -> L {
    let (n, r) = reduce_exp(x);
    exp_reduced(r).times_power(n)
}

#[inline(always)]
pub(crate) fn tanh<L: Lanes>(x: L) -> L {
    /// (e^r - 1) / r
    const SERIES: [f32; 6] =
        [1.388_886_361_4e-3, 8.369_140_327_0e-3, 4.166_713_729_5e-2, 1.666_650_623_1e-1, 4.999_999_701_98e-1, 1.0];
    let doubled = x.abs() + x.abs();
    let (n, r) = reduce_exp(doubled.at_most(x.constant(20.0)));
    let q = polynomial(r, SERIES) * r;
    let power = x.constant(1.0).times_power(n);
    // t = e^2|x| - 1; tanh = t / (t + 2), with one correction of the quotient.
    let t = power.mul_add(q, power - x.constant(1.0));
    let below = t + x.constant(2.0);
    let inverse = below.reciprocal();
    let y = t * inverse;
    inverse.mul_add(y.mul_from(below, t), y).with_sign_of(x)
}

/// e^-|x| and 1 / (1 + e^-|x|).
#[inline(always)]
fn logistic<L: Lanes>(x: L) -> (L, L) {
    let e = exp_below(x.constant(0.0) - x.abs());
    (e, (e + x.constant(1.0)).reciprocal())
}

#[inline(always)]
pub(crate) fn sigmoid<L: Lanes>(x: L) -> L {
    let (e, inverse) = logistic(x);
    L::pick(x.is_below(x.constant(0.0)), e * inverse, inverse)
}

#[inline(always)]
pub(crate) fn silu<L: Lanes>(x: L) -> L {
    // Beyond the bound the result is zero.
    let x = x.at_least(x.constant(-120.0));
    let (n, r) = reduce_exp(x.constant(0.0) - x.abs().at_most(x.constant(120.0)));
    let p = exp_reduced(r);
    let y = x * (p.times_power(n) + x.constant(1.0)).reciprocal();
    // The product before scaling: e^-|x| alone may be too small to have digits.
    L::pick(x.is_below(x.constant(0.0)), (y * p).times_power(n), y)
}

/// For 0 <= y <= 14.5: factor e^(y^2/2) times the normal distribution function at -y; with
/// t = 1 / (1 + c y) that is factor t (1 + t times a polynomial in t) / 8, as c makes it at infinity.
#[inline(always)]
fn mills<L: Lanes>(y: L, factor: L) -> L {
    const RATE: f32 = 0.313_328_534_4;
    const SERIES: [f32; 8] = [
        -0.163_777_935,
        0.787_661_471,
        -1.327_045_08,
        0.746_376_957,
        -0.157_432_774,
        0.516_645_532,
        0.695_094_841,
        0.902_487_403,
    ];
    const LAST: f32 = 0.999_989_526;
    /// How much more than `t` itself the result changes with it, where it is largest.
    const SLOPE: f32 = 8.0;
    let (rate, one) = (y.constant(RATE), y.constant(1.0));
    let below = y.mul_add(rate, one);
    let low = y.mul_add(rate, one - below);
    let t = below.reciprocal();
    // What t lacks, relative to it.
    let lost = t.mul_from(low, t.mul_from(below, one));
    let last = lost.mul_add(y.constant(SLOPE), y.constant(LAST));
    let first = (factor * y.constant(0.125)) * t;
    first.mul_add(polynomial(t, SERIES).mul_add(t, last) * t, first)
}

/// e^(-y^2/2) as (1 + q) 2^n, without the error that rounding y^2 would bring.
#[inline(always)]
fn bell<L: Lanes>(y: L) -> (L, L) {
    let half = y * y.constant(-0.5);
    let high = half * y;
    let lost = half.mul_from(y, high);
    let (n, r) = reduce_exp(high);
    let r = r - lost;
    (polynomial(r, EXP_TAIL) * r, n)
}

#[inline(always)]
pub(crate) fn gelu<L: Lanes>(x: L) -> L {
    // x times the normal distribution function; what is missing from x, or the result itself, is
    // |x| times the function at -|x|.
    let y = x.abs().at_most(x.constant(14.5));
    let (q, n) = bell(y);
    let part = mills(y, y);
    let tail = part.mul_add(q, part).times_power(n);
    x.at_least(x.constant(0.0)) - tail
}

#[inline(always)]
pub(crate) fn gelu_tanh<L: Lanes>(x: L) -> L {
    // x (1 + tanh(u)) / 2 = x / (1 + 2^-w) with w = x (K + C x^2). The exponential magnifies errors of w,
    // so the bracket is kept as a sum of two numbers; K's first part is short, so that its difference
    // from the bracket is exact.
    const K_HIGH: f32 = 2.302_207_946_777_343_75;
    const K_LOW: f32 = (K - K_HIGH as f64) as f32;
    const C_HIGH: f32 = C as f32;
    const C_LOW: f32 = (C - C_HIGH as f64) as f32;
    const K: f64 = 2.0 * 0.797_884_560_802_865_4 * std::f64::consts::LOG2_E;
    const C: f64 = K * 0.044_715;
    /// 2^r for |r| <= 1/2.
    const SERIES: [f32; 7] = [
        1.534_557_086_4e-4,
        1.340_019_516_6e-3,
        9.618_491_865_7e-3,
        5.550_328_269_6e-2,
        2.402_264_624_8e-1,
        6.931_471_824_6e-1,
        1.0,
    ];
    let y = x.abs().at_most(x.constant(12.0));
    let square = y * y;
    let square_lost = y.mul_from(y, square);
    let high = square.mul_add(x.constant(C_HIGH), x.constant(K_HIGH));
    let low = square.mul_add(x.constant(C_HIGH), x.constant(K_HIGH) - high)
        + square_lost.mul_from(x.constant(C_HIGH), square.mul_add(x.constant(C_LOW), x.constant(K_LOW)));
    // -w = n + r
    let whole = y.mul_add(high, x.constant(ROUND)) - x.constant(ROUND);
    let n = x.constant(0.0) - whole;
    let r = y.mul_from(low, y.mul_from(high, whole));
    let p = polynomial(r, SERIES);
    let x = x.at_least(x.constant(-12.0));
    let y = x * (p.times_power(n) + x.constant(1.0)).reciprocal();
    L::pick(x.is_below(x.constant(0.0)), (y * p).times_power(n), y)
}

/// The derivative of [`gelu`].
#[inline(always)]
pub(crate) fn gelu_slope<L: Lanes>(x: L) -> L {
    // Of x Phi(x): Phi(x) + x phi(x). Below zero both parts are the bell times something; their
    // difference is taken before that product.
    let y = x.abs().at_most(x.constant(14.5));
    let (q, n) = bell(y);
    let part = y.mul_from(y.constant(0.398_942_280_4), mills(y, y.constant(1.0)));
    let tail = part.mul_add(q, part).times_power(n);
    L::pick(x.is_below(x.constant(0.0)), tail, x.constant(1.0) - tail)
}

/// The derivative of [`gelu_tanh`].
#[inline(always)]
pub(crate) fn gelu_tanh_slope<L: Lanes>(x: L) -> L {
    const ROOT: f32 = 0.797_884_560_8;
    const CUBIC: f32 = 0.044_715;
    // With s the sigmoid of 2u: s + x s (1 - s) 2u'.
    let y = x.at_least(x.constant(-14.5)).at_most(x.constant(14.5));
    let square = y * y;
    let u = y * square.mul_add(x.constant(2.0 * ROOT * CUBIC), x.constant(2.0 * ROOT));
    let (e, inverse) = logistic(u);
    let s = L::pick(x.is_below(x.constant(0.0)), e * inverse, inverse);
    let slope = square.mul_add(x.constant(6.0 * ROOT * CUBIC), x.constant(2.0 * ROOT));
    (y * slope).mul_add((e * inverse) * inverse, s)
}

/// The derivative of [`sigmoid`].
#[inline(always)]
pub(crate) fn sigmoid_slope<L: Lanes>(x: L) -> L {
    let (e, inverse) = logistic(x);
    (e * inverse) * inverse
}

/// The derivative of [`tanh`].
#[inline(always)]
pub(crate) fn tanh_slope<L: Lanes>(x: L) -> L {
    let y = tanh(x);
    y.mul_from(y, y.constant(1.0))
}

/// The derivative of [`silu`].
#[inline(always)]
pub(crate) fn silu_slope<L: Lanes>(x: L) -> L {
    let (e, inverse) = logistic(x);
    let s = L::pick(x.is_below(x.constant(0.0)), e * inverse, inverse);
    let y = x.at_least(x.constant(-120.0)).at_most(x.constant(120.0));
    y.mul_add((e * inverse) * inverse, s)
}
