//! Functions of one number and of one row, written so that the compiler vectorizes them.

use std::ops::{AddAssign, Div, Neg, Sub};

use crate::{
    math::{single, special},
    matmul::{Real, Widen},
    simd::vectorized,
};

/// float32 and float64 with what fused kernels need.
pub(crate) trait Float:
    Real + Widen<Self> + AddAssign + Div<Output = Self> + Neg<Output = Self> + Sub<Output = Self>
{
    const NEG_INFINITY: Self;
    fn exp(self) -> Self;
    fn tanh(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn erfc(self) -> Self;
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

/// The functions of each type; `false`: the copies of a [`vectorized`] body share one form, which
/// must do without fused multiplication.
macro_rules! float {
    ($float:ty: $($name:ident = $function:expr;)*) => {
        impl Float for $float {
            const NEG_INFINITY: Self = Self::NEG_INFINITY;
            $(
                #[inline(always)]
                fn $name(self) -> Self {
                    $function(self)
                }
            )*
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
        }
    };
}
float! { f32:
    exp = single::exp::<false>;
    tanh = single::tanh::<false>;
    ln = single::log::<false>;
    ln_1p = single::log1p::<false>;
    erfc = single::erfc::<false>;
}
float! { f64:
    exp = f64::exp;
    tanh = f64::tanh;
    ln = f64::ln;
    ln_1p = f64::ln_1p;
    erfc = special::erfc;
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
