//! Functions of one number and of one row, written so that the compiler vectorizes them.

use std::ops::{AddAssign, Div, Neg, Sub};

use crate::{
    matmul::{Real, Widen},
    simd::vectorized,
};

/// Adding 1.5 * 2^23 rounds a float32 to an integer, which its low bits then hold.
const ROUND: f32 = 12_582_912.0;

/// float32 and float64 with what fused kernels need. Functions propagate NaN and are right at the
/// ends of their range.
pub(crate) trait Float:
    Real + Widen<Self> + AddAssign + Div<Output = Self> + Neg<Output = Self> + Sub<Output = Self>
{
    const NEG_INFINITY: Self;
    fn exp(self) -> Self;
    fn tanh(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;

    /// The larger; `self` if `other` is NaN.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    #[inline(always)]
    fn sigmoid(self) -> Self {
        // Of a negative exponent only, which cannot overflow.
        let e = (-self.abs()).exp();
        let numerator = if self < Self::ZERO { e } else { Self::ONE };
        numerator / (Self::ONE + e)
    }
}

impl Float for f64 {
    const NEG_INFINITY: Self = Self::NEG_INFINITY;
    #[inline(always)]
    fn exp(self) -> Self {
        self.exp()
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        self.tanh()
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.ln_1p()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }
}

impl Float for f32 {
    const NEG_INFINITY: Self = Self::NEG_INFINITY;

    /// `2^n e^r` with `x = n ln 2 + r`, the second factor by its series.
    #[inline(always)]
    fn exp(self) -> Self {
        // Beyond these the result is 0 or infinite; NaN passes both comparisons.
        let x = if self < -104.0 { -104.0 } else { self };
        let x = if x > 89.0 { 89.0 } else { x };
        let shifted = x * std::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let bits = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
        // ln 2 in two parts, the first with so few bits that its product with n is exact.
        let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
        let series = 1.0 / 5040.0;
        let series = series * r + 1.0 / 720.0;
        let series = series * r + 1.0 / 120.0;
        let series = series * r + 1.0 / 24.0;
        let series = series * r + 1.0 / 6.0;
        let series = series * r + 0.5;
        let series = (series * r) * r + r + 1.0;
        // 2^n in two factors, so that the result may be subnormal.
        let half = bits >> 1;
        let power = |n: i32| Self::from_bits((n.wrapping_add(127) as u32) << 23);
        series * power(half) * power(bits.wrapping_sub(half))
    }

    #[inline(always)]
    fn tanh(self) -> Self {
        let x = Self::abs(self);
        let large = 1.0 - 2.0 / (Float::exp(x + x) + 1.0);
        let y = x * x;
        let series = -1382.0 / 155_925.0;
        let series = series * y + 62.0 / 2835.0;
        let series = series * y - 17.0 / 315.0;
        let series = series * y + 2.0 / 15.0;
        let series = series * y - 1.0 / 3.0;
        let small = x + x * y * series;
        let result = if x < 0.35 { small } else { large };
        result.copysign(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.ln_1p()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }
}

/// Partial results of a reduction along a row, combined in order at the end.
const LANES: usize = 32;

/// `fold` over interleaved lanes, then the lanes pairwise: one order for every instruction set.
#[inline(always)]
pub(crate) fn reduce<T: Float>(
    len: usize,
    start: T,
    value: impl Fn(usize) -> T,
    combine: impl Fn(T, T) -> T + Copy,
) -> T {
    let mut lanes = [start; LANES];
    let whole = len / LANES * LANES;
    let mut at = 0;
    while at < whole {
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane = combine(*lane, value(at + i));
        }
        at += LANES;
    }
    for (i, lane) in lanes.iter_mut().enumerate().take(len - whole) {
        *lane = combine(*lane, value(whole + i));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = combine(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub(crate) fn sum_of<T: Float>(len: usize, value: impl Fn(usize) -> T) -> T {
    reduce(len, T::ZERO, value, |a, b| a + b)
}

/// The largest element; NaN is passed over (the sums that follow meet it).
#[inline(always)]
pub(crate) fn largest<T: Float>(row: &[T]) -> T {
    reduce(row.len(), T::NEG_INFINITY, |i| row[i], T::larger)
}

vectorized! {
    /// `sums += row`
    pub(crate) fn add_row<T: Float>(sums: &mut [T], row: &[T]) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps(got: f32, exact: f64) -> f64 {
        let rounded = exact as f32;
        if got == rounded || (got.is_nan() && rounded.is_nan()) {
            return 0.0;
        }
        let spacing = (rounded.abs().next_up() - rounded.abs()).max(f32::from_bits(1));
        ((f64::from(got) - exact) / f64::from(spacing)).abs()
    }

    fn inputs() -> impl Iterator<Item = f32> {
        (0..=u32::MAX).step_by(5077).map(f32::from_bits).chain((-120_000..120_000).map(|i| i as f32 / 1000.0))
    }

    #[test]
    fn functions_stay_within_four_units_in_the_last_place() {
        for x in inputs() {
            let wide = f64::from(x);
            assert!(ulps(Float::exp(x), wide.exp()) <= 2.0, "exp({x})");
            assert!(ulps(Float::tanh(x), wide.tanh()) <= 4.0, "tanh({x})");
            let sigmoid = if wide.is_nan() { wide } else { 1.0 / (1.0 + (-wide).exp()) };
            assert!(ulps(x.sigmoid(), sigmoid) <= 4.0, "sigmoid({x}) = {} not {sigmoid}", x.sigmoid());
        }
        assert_eq!(Float::exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(Float::exp(f32::NEG_INFINITY), 0.0);
        assert_eq!((Float::tanh(f32::INFINITY), Float::tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!((f32::INFINITY.sigmoid(), f32::NEG_INFINITY.sigmoid()), (1.0, 0.0));
        assert!(Float::tanh(-0.0f32).is_sign_negative());
    }
}
