//! Float32 functions without branches, so that loops over them become vector code. Each takes `FMA`:
//! whether `mul_add` is one instruction (elsewhere it would be a slow call).
//!
//! Errors are below 4 units in the last place over the whole range; `math/tests.rs` measures them.

// Coefficients are written with the digits of their derivation.
#![allow(clippy::excessive_precision)]

use std::f32::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E, LOG10_2, LOG10_E};

/// Adding and subtracting it rounds a small number to an integer, which its low bits then hold.
const ROUND: f32 = 12_582_912.0;
const ROUND_BITS: i32 = ROUND.to_bits() as i32;
/// ln 2 in two parts; products of the first with small integers are exact.
const LN_2_HIGH: f32 = 0.693_359_375;
const LN_2_LOW: f32 = -2.121_944_4e-4;
const SQRT_HALF_BITS: u32 = 0x3f35_04f3;

#[inline(always)]
pub(crate) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn fma64<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// 2^k for k in -126..=127.
#[inline(always)]
fn power_of_two(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}

/// x * 2^k, right also where 2^k alone would overflow or lose its last bits.
#[inline(always)]
fn scale(x: f32, k: i32) -> f32 {
    let half = k >> 1;
    x * power_of_two(half) * power_of_two(k.wrapping_sub(half))
}

/// (e^r - 1 - r) / r^2 for |r| <= ln(2)/2, by its series.
#[inline(always)]
fn exp_tail<const FMA: bool>(r: f32) -> f32 {
    let p = fma::<FMA>(r, 1.0 / 5040.0, 1.0 / 720.0);
    let p = fma::<FMA>(r, p, 1.0 / 120.0);
    let p = fma::<FMA>(r, p, 1.0 / 24.0);
    let p = fma::<FMA>(r, p, 1.0 / 6.0);
    fma::<FMA>(r, p, 0.5)
}

/// x = k ln 2 + r with |r| <= ln(2)/2.
#[inline(always)]
fn reduce_exp<const FMA: bool>(x: f32) -> (i32, f32) {
    let t = fma::<FMA>(x, LOG2_E, ROUND);
    let n = t - ROUND;
    let r = fma::<FMA>(n, -LN_2_LOW, fma::<FMA>(n, -LN_2_HIGH, x));
    ((t.to_bits() as i32).wrapping_sub(ROUND_BITS), r)
}

/// factor e^(high + low) for a small low; digits are lost neither to a tiny power nor to the sum.
#[inline(always)]
fn exp_times<const FMA: bool>(high: f32, low: f32, factor: f32) -> f32 {
    // Beyond these the result is 0 and infinity; NaN passes both comparisons.
    let x = if high < -120.0 { -120.0 } else { high };
    let x = if x > 89.0 { 89.0 } else { x };
    let (k, r) = reduce_exp::<FMA>(x);
    let r = r + low;
    scale((fma::<FMA>(r * r, exp_tail::<FMA>(r), r) + 1.0) * factor, k)
}

#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    exp_times::<FMA>(x, 0.0, 1.0)
}

#[inline(always)]
pub(crate) fn exp2<const FMA: bool>(x: f32) -> f32 {
    let x = if x < -151.0 { -151.0 } else { x };
    let x = if x > 129.0 { 129.0 } else { x };
    let t = x + ROUND;
    let r = (x - (t - ROUND)) * LN_2;
    let k = (t.to_bits() as i32).wrapping_sub(ROUND_BITS);
    scale(fma::<FMA>(r * r, exp_tail::<FMA>(r), r) + 1.0, k)
}

#[inline(always)]
pub(crate) fn expm1<const FMA: bool>(x: f32) -> f32 {
    let bounded = if x < -18.0 { -18.0 } else { x };
    let bounded = if bounded > 89.0 { 89.0 } else { bounded };
    let (k, r) = reduce_exp::<FMA>(bounded);
    let q = fma::<FMA>(r * r, exp_tail::<FMA>(r), r);
    // Half the power, so that the largest results do not overflow early.
    let half = power_of_two(k.wrapping_sub(1));
    fma::<FMA>(half, q, half - 0.5) * 2.0
}

/// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for positive x.
#[inline(always)]
fn reduce_log(x: f32) -> (f32, f32) {
    let tiny = x < f32::MIN_POSITIVE;
    let y = if tiny { x * 33_554_432.0 } else { x };
    let t = y.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let k = (t as i32 >> 23) as f32;
    let f = f32::from_bits((t & 0x007f_ffff).wrapping_add(SQRT_HALF_BITS)) - 1.0;
    (if tiny { k - 25.0 } else { k }, f)
}

/// ln(1 + f) = f - f^2/2 + this.
#[inline(always)]
fn log_tail<const FMA: bool>(f: f32) -> f32 {
    let s = f / (2.0 + f);
    let z = s * s;
    let p = fma::<FMA>(z, 2.0 / 11.0, 2.0 / 9.0);
    let p = fma::<FMA>(z, p, 2.0 / 7.0);
    let p = fma::<FMA>(z, p, 2.0 / 5.0);
    let p = fma::<FMA>(z, p, 2.0 / 3.0);
    s * (0.5 * f * f + z * p)
}

/// The logarithm's values outside the positive numbers.
#[inline(always)]
fn log_ends(x: f32, value: f32) -> f32 {
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    let value = if x < 0.0 { f32::NAN } else { value };
    // Infinity and NaN are their own logarithms.
    if x < f32::INFINITY { value } else { x }
}

/// k ln 2 + ln(1 + f) + c for a small c.
#[inline(always)]
fn log_sum<const FMA: bool>(k: f32, f: f32, c: f32) -> f32 {
    let low = log_tail::<FMA>(f) + fma::<FMA>(k, LN_2_LOW, c);
    fma::<FMA>(k, LN_2_HIGH, f - (0.5 * f * f - low))
}

#[inline(always)]
pub(crate) fn log<const FMA: bool>(x: f32) -> f32 {
    let (k, f) = reduce_log(x);
    log_ends(x, log_sum::<FMA>(k, f, 0.0))
}

#[inline(always)]
pub(crate) fn log2<const FMA: bool>(x: f32) -> f32 {
    let (k, f) = reduce_log(x);
    log_ends(x, fma::<FMA>(f - (0.5 * f * f - log_tail::<FMA>(f)), LOG2_E, k))
}

#[inline(always)]
pub(crate) fn log10<const FMA: bool>(x: f32) -> f32 {
    let (k, f) = reduce_log(x);
    log_ends(x, fma::<FMA>(f - (0.5 * f * f - log_tail::<FMA>(f)), LOG10_E, k * LOG10_2))
}

#[inline(always)]
pub(crate) fn log1p<const FMA: bool>(x: f32) -> f32 {
    let u = 1.0 + x;
    let (k, f) = reduce_log(u);
    // What rounding 1 + x lost, relative to it.
    let lost = if u > 2.0 { 1.0 - (u - x) } else { x - (u - 1.0) } / u;
    let value = log_sum::<FMA>(k, f, lost);
    let value = if u == 0.0 { f32::NEG_INFINITY } else { value };
    let value = if u < 0.0 { f32::NAN } else { value };
    if x < f32::INFINITY { value } else { x }
}

#[inline(always)]
pub(crate) fn tanh<const FMA: bool>(x: f32) -> f32 {
    let magnitude = x.abs();
    let magnitude = if magnitude > 10.0 { 10.0 } else { magnitude };
    let t = expm1::<FMA>(2.0 * magnitude);
    (t / (t + 2.0)).copysign(x)
}

#[inline(always)]
pub(crate) fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    // e^-|x| never overflows, and small results keep their digits.
    let e = exp::<FMA>(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

#[inline(always)]
pub(crate) fn silu<const FMA: bool>(x: f32) -> f32 {
    let e = exp::<FMA>(-x.abs());
    // The product before scaling: e alone may be too small to have digits.
    let low = exp_times::<FMA>(x, 0.0, if x < -120.0 { -120.0 } else { x });
    (if x < 0.0 { low } else { x }) / (1.0 + e)
}

#[inline(always)]
pub(crate) fn softplus<const FMA: bool>(x: f32) -> f32 {
    (if x > 0.0 { x } else { 0.0 }) + log1p::<FMA>(exp::<FMA>(-x.abs()))
}

/// e^(y^2) erfc(y) for y >= 0: a polynomial in (y - 2)/(y + 2), fitted to (1 + 2y) times it.
#[inline(always)]
fn erfcx<const FMA: bool>(y: f32) -> f32 {
    let t = (y - 2.0) / (y + 2.0);
    let p = fma::<FMA>(t, 4.077_207_406e-5, -3.361_005_636e-4);
    let p = fma::<FMA>(t, p, -1.251_820_164e-3);
    let p = fma::<FMA>(t, p, 1.248_008_303e-3);
    let p = fma::<FMA>(t, p, 8.629_641_860e-3);
    let p = fma::<FMA>(t, p, -8.037_208_691e-3);
    let p = fma::<FMA>(t, p, -5.420_214_438e-2);
    let p = fma::<FMA>(t, p, 1.640_523_681_5e-1);
    let p = fma::<FMA>(t, p, -1.660_316_395_8e-1);
    let p = fma::<FMA>(t, p, -9.276_387_307_1e-2);
    let p = fma::<FMA>(t, p, 1.276_978_395_79);
    p / fma::<FMA>(2.0, y, 1.0)
}

/// x^2 as an exact sum of two numbers.
#[inline(always)]
fn square_split<const FMA: bool>(x: f32) -> (f32, f32) {
    if FMA {
        let high = x * x;
        (high, x.mul_add(x, -high))
    } else {
        // Twelve leading bits: their square is exact.
        let lead = f32::from_bits(x.to_bits() & 0xffff_f000);
        (lead * lead, (x - lead) * (x + lead))
    }
}

/// erfc(y) for y >= 0.
#[inline(always)]
fn erfc_positive<const FMA: bool>(y: f32) -> f32 {
    let y = if y > 11.0 { 11.0 } else { y };
    let (high, low) = square_split::<FMA>(y);
    exp_times::<FMA>(-high, -low, erfcx::<FMA>(y))
}

/// erf(x) for |x| <= 1: a polynomial in x^2, fitted to erf(x)/x.
#[inline(always)]
fn erf_small<const FMA: bool>(x: f32) -> f32 {
    let z = x * x;
    let p = fma::<FMA>(z, 7.853_847_329e-5, -8.010_189_376e-4);
    let p = fma::<FMA>(z, p, 5.188_327_202e-3);
    let p = fma::<FMA>(z, p, -2.685_381_168e-2);
    let p = fma::<FMA>(z, p, 1.128_358_514e-1);
    let p = fma::<FMA>(z, p, -3.761_262_582e-1);
    let p = fma::<FMA>(z, p, 1.283_791_657e-1);
    fma::<FMA>(x, p, x)
}

#[inline(always)]
pub(crate) fn erf<const FMA: bool>(x: f32) -> f32 {
    let y = x.abs();
    let small = erf_small::<FMA>(x);
    let large = (1.0 - erfc_positive::<FMA>(y)).copysign(x);
    if y < 1.0 { small } else { large }
}

#[inline(always)]
pub(crate) fn erfc<const FMA: bool>(x: f32) -> f32 {
    let y = x.abs();
    let tail = erfc_positive::<FMA>(y);
    let far = if x < 0.0 { 2.0 - tail } else { tail };
    if y < 0.5 { 1.0 - erf::<FMA>(x) } else { far }
}

#[inline(always)]
pub(crate) fn gelu<const FMA: bool>(x: f32) -> f32 {
    // x times the normal distribution function, whose small tail is half of erfc(|x| / sqrt(2)).
    let y = x.abs();
    let y = if y > 15.0 { 15.0 } else { y };
    let (high, low) = square_split::<FMA>(y);
    let tail = exp_times::<FMA>(-0.5 * high, -0.5 * low, 0.5 * y * erfcx::<FMA>(y * FRAC_1_SQRT_2));
    let far = if x < 0.0 { -tail } else { x - tail };
    let near = fma::<FMA>(0.5 * x, erf_small::<FMA>(x * FRAC_1_SQRT_2), 0.5 * x);
    if y < 0.8 { near } else { far }
}

#[inline(always)]
pub(crate) fn gelu_tanh<const FMA: bool>(x: f32) -> f32 {
    // x (1 + tanh(u)) / 2 = x / (1 + e^-2u); u in float64, because e^-2u magnifies its error.
    let wide = f64::from(if x.abs() > 20.0 { 20f32.copysign(x) } else { x });
    let u = -2.0 * 0.797_884_560_802_865_4 * wide * fma64::<FMA>(0.044_715 * wide, wide, 1.0);
    let high = u as f32;
    let low = (u - f64::from(high)) as f32;
    // As for silu: e^-|2u| does not overflow, and the product is scaled last.
    let (high, low) = if x < 0.0 { (-high, -low) } else { (high, low) };
    let numerator = exp_times::<FMA>(high, low, wide as f32);
    let e = exp_times::<FMA>(high, low, 1.0);
    (if x < 0.0 { numerator } else { x }) / (1.0 + e)
}

/// Beyond this [`sin_cos`] would lose digits; callers go to float64 there.
pub(crate) const TRIGONOMETRY_LIMIT: f32 = 1_048_576.0;

/// Sine and cosine in float64 of a float32 up to [`TRIGONOMETRY_LIMIT`].
#[inline(always)]
fn sin_cos<const FMA: bool>(x: f32) -> (f64, f64) {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// pi/2 in two parts; products of the first with small integers are exact.
    const HIGH: f64 = 1.570_796_326_734_125_614_17;
    const LOW: f64 = 6.077_100_506_506_192_249_32e-11;
    let x = f64::from(x);
    let t = fma64::<FMA>(x, std::f64::consts::FRAC_2_PI, ROUND);
    let n = t - ROUND;
    let quadrant = t.to_bits();
    let r = fma64::<FMA>(n, -LOW, fma64::<FMA>(n, -HIGH, x));
    let z = r * r;
    let s = fma64::<FMA>(z, -1.0 / 39_916_800.0, 1.0 / 362_880.0);
    let s = fma64::<FMA>(z, s, -1.0 / 5040.0);
    let s = fma64::<FMA>(z, s, 1.0 / 120.0);
    let s = fma64::<FMA>(z, s, -1.0 / 6.0);
    let s = fma64::<FMA>(r * z, s, r);
    let c = fma64::<FMA>(z, 1.0 / 479_001_600.0, -1.0 / 3_628_800.0);
    let c = fma64::<FMA>(z, c, 1.0 / 40_320.0);
    let c = fma64::<FMA>(z, c, -1.0 / 720.0);
    let c = fma64::<FMA>(z, c, 1.0 / 24.0);
    let c = fma64::<FMA>(z, c, -0.5);
    let c = fma64::<FMA>(z, c, 1.0);
    let (sine, cosine) = if quadrant & 1 == 0 { (s, c) } else { (c, s) };
    let flip = |value: f64, quadrant: u64| f64::from_bits(value.to_bits() ^ ((quadrant & 2) << 62));
    (flip(sine, quadrant), flip(cosine, quadrant.wrapping_add(1)))
}

#[inline(always)]
pub(crate) fn sin<const FMA: bool>(x: f32) -> f32 {
    sin_cos::<FMA>(x).0 as f32
}

#[inline(always)]
pub(crate) fn cos<const FMA: bool>(x: f32) -> f32 {
    sin_cos::<FMA>(x).1 as f32
}

#[inline(always)]
pub(crate) fn tan<const FMA: bool>(x: f32) -> f32 {
    let (sine, cosine) = sin_cos::<FMA>(x);
    (sine / cosine) as f32
}

/// ln(e^a + e^b)
#[inline(always)]
pub(crate) fn log_add_exp<const FMA: bool>(a: f32, b: f32) -> f32 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    let sum = large + log1p::<FMA>(exp::<FMA>(-(large - small).abs()));
    // Equal infinities have no difference.
    if a == b { a + LN_2 } else { sum }
}

/// The magnitude of |x|^y for ordinary x, in float64: the error of a float32 logarithm would be magnified
/// by the exponent.
#[inline(always)]
fn power_magnitude<const FMA: bool>(x: f32, y: f32) -> f32 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
    // |x| = 2^k m with m in [sqrt(1/2), sqrt(2)); ln m = 2 s (1 + s^2/3 + s^4/5 + ...).
    let t = f64::from(x.abs()).to_bits().wrapping_sub(SQRT_HALF_BITS);
    let k = (t as i64 >> 52) as i32;
    let m = f64::from_bits((t & 0x000f_ffff_ffff_ffff).wrapping_add(SQRT_HALF_BITS));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let p = fma64::<FMA>(z, 1.0 / 13.0, 1.0 / 11.0);
    let p = fma64::<FMA>(z, p, 1.0 / 9.0);
    let p = fma64::<FMA>(z, p, 1.0 / 7.0);
    let p = fma64::<FMA>(z, p, 1.0 / 5.0);
    let p = fma64::<FMA>(z, p, 1.0 / 3.0);
    let log2 = fma64::<FMA>(fma64::<FMA>(z, p, 1.0), s * (2.0 * std::f64::consts::LOG2_E), f64::from(k));
    // 2^(y log2), beyond the range of float32 in both directions; NaN passes.
    let t = f64::from(y) * log2;
    let t = if t > 200.0 { 200.0 } else { t };
    let t = if t < -200.0 { -200.0 } else { t };
    let shifted = t + ROUND;
    let g = (t - (shifted - ROUND)) * std::f64::consts::LN_2;
    let e = fma64::<FMA>(g, 1.0 / 40_320.0, 1.0 / 5040.0);
    let e = fma64::<FMA>(g, e, 1.0 / 720.0);
    let e = fma64::<FMA>(g, e, 1.0 / 120.0);
    let e = fma64::<FMA>(g, e, 1.0 / 24.0);
    let e = fma64::<FMA>(g, e, 1.0 / 6.0);
    let e = fma64::<FMA>(g, e, 0.5);
    let e = fma64::<FMA>(g, e, 1.0);
    let e = fma64::<FMA>(g, e, 1.0);
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(1023);
    (e * f64::from_bits(n << 52)) as f32
}

/// x^y with the special values of C's `pow`.
#[inline(always)]
pub(crate) fn pow<const FMA: bool>(x: f32, y: f32) -> f32 {
    let (magnitude, inverse) = (x.abs(), y < 0.0);
    let value = power_magnitude::<FMA>(x, y);
    let value = if magnitude == 1.0 { 1.0 } else { value };
    // Zero and infinity, whose logarithms the above does not know.
    let value = if magnitude == 0.0 { if inverse { f32::INFINITY } else { 0.0 } } else { value };
    let value = if magnitude == f32::INFINITY { if inverse { 0.0 } else { f32::INFINITY } } else { value };
    let value = if x.is_nan() || y.is_nan() { f32::NAN } else { value };
    let half = 0.5 * y;
    let (whole, even) = (y.trunc() == y, half.trunc() == half);
    let negative = x.to_bits() >> 31 == 1;
    let value = if negative && whole && !even { -value } else { value };
    let value = if x < 0.0 && !whole && x > f32::NEG_INFINITY { f32::NAN } else { value };
    if y == 0.0 || x == 1.0 { 1.0 } else { value }
}
