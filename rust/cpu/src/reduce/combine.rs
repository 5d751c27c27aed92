//! Associative operations and the types they accumulate in: shared by reductions, scans and scatters.

use corten_core::Element;

/// A number as kernels accumulate it: float32 in float64, so that partial results add up without loss.
pub(crate) trait Number: Element {
    type Acc: Copy + Send + Sync;
    fn lift(self) -> Self::Acc;
    fn lower(acc: Self::Acc) -> Self;
    /// The accumulated value divided by a count.
    fn mean(acc: Self::Acc, count: usize) -> Self;
}

/// An associative operation with its neutral element.
pub(crate) trait Combine<T> {
    fn neutral() -> T;
    fn combine(a: T, b: T) -> T;
}

/// An operation on the elements and on their accumulators.
pub(crate) trait Operation<T: Number>: Combine<T> + Combine<T::Acc> + 'static {}
impl<T: Number, O: Combine<T> + Combine<T::Acc> + 'static> Operation<T> for O {}

pub(crate) struct Sum;
pub(crate) struct Prod;
pub(crate) struct Max;
pub(crate) struct Min;

macro_rules! operations {
    ($t:ty, $sum:expr, $prod:expr, $max:expr, $min:expr, $zero:expr, $one:expr, $lowest:expr, $highest:expr) => {
        operations!(@ $t, Sum, $zero, $sum);
        operations!(@ $t, Prod, $one, $prod);
        operations!(@ $t, Max, $lowest, $max);
        operations!(@ $t, Min, $highest, $min);
    };
    (@ $t:ty, $name:ident, $neutral:expr, $combine:expr) => {
        impl Combine<$t> for $name {
            #[inline(always)]
            fn neutral() -> $t { $neutral }
            #[inline(always)]
            fn combine(a: $t, b: $t) -> $t { let combine: fn($t, $t) -> $t = $combine; combine(a, b) }
        }
    };
}

macro_rules! float {
    ($($t:ty),*) => {$(
        operations!(
            $t,
            |a, b| a + b,
            |a, b| a * b,
            // NaN wins from either side; two selections become vector code.
            |a, b| {
                let larger = if a > b { a } else { b };
                if a.is_nan() { a } else { larger }
            },
            |a, b| {
                let smaller = if a < b { a } else { b };
                if a.is_nan() { a } else { smaller }
            },
            0.0, 1.0, <$t>::NEG_INFINITY, <$t>::INFINITY
        );
        impl Number for $t {
            type Acc = f64;
            #[inline(always)]
            fn lift(self) -> f64 { f64::from(self) }
            #[inline(always)]
            fn lower(acc: f64) -> Self { acc as Self }
            #[inline(always)]
            fn mean(acc: f64, count: usize) -> Self { (acc / count as f64) as Self }
        }
    )*};
}
float!(f32, f64);

macro_rules! int {
    ($($t:ty),*) => {$(
        operations!(
            $t, <$t>::wrapping_add, <$t>::wrapping_mul, |a, b| a.max(b), |a, b| a.min(b),
            0, 1, <$t>::MIN, <$t>::MAX
        );
        impl Number for $t {
            type Acc = Self;
            #[inline(always)]
            fn lift(self) -> Self { self }
            #[inline(always)]
            fn lower(acc: Self) -> Self { acc }
            #[inline(always)]
            fn mean(acc: Self, _count: usize) -> Self { acc }
        }
    )*};
}
int!(u8, u16, u32, u64, i8, i16, i32, i64);
