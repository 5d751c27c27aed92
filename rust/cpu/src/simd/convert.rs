//! 16-bit floats to float32 and back, by the run.

use half::{bf16, f16, slice::HalfFloatSliceExt};

use super::{Routine, dispatch};

/// The value of a bfloat16.
#[inline(always)]
pub(crate) fn widen_bf16(x: bf16) -> f32 {
    f32::from_bits(u32::from(x.to_bits()) << 16)
}

/// Rounds half to even; NaN stays NaN.
#[inline(always)]
pub(crate) fn narrow_bf16(x: f32) -> bf16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let quiet = (bits >> 16) | 0x40;
    bf16::from_bits(if x.is_nan() { quiet } else { rounded } as u16)
}

/// The float32 towards zero from `x`, its last bit set if it is not `x` itself: rounding that once more
/// to a shorter type gives what rounding `x` would (rounding to odd).
#[inline]
fn round_to_odd(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) == x || x.is_nan() || x.is_infinite() {
        return near;
    }
    let bits = near.to_bits() - u32::from(f64::from(near).abs() > x.abs());
    f32::from_bits(bits | 1)
}

struct Widen<'a>(&'a [bf16], &'a mut [f32]);
impl Routine for Widen<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.1.iter_mut().zip(self.0).for_each(|(to, &x)| *to = widen_bf16(x));
    }
}

struct Narrow<'a>(&'a [f32], &'a mut [bf16]);
impl Routine for Narrow<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.1.iter_mut().zip(self.0).for_each(|(to, &x)| *to = narrow_bf16(x));
    }
}

/// A 16-bit float that kernels compute with as float32.
pub(crate) trait Half: corten_core::Element {
    /// Slices must be of one length.
    fn widen(from: &[Self], to: &mut [f32]);
    /// Slices must be of one length.
    fn narrow(from: &[f32], to: &mut [Self]);
    /// Rounds once, half to even.
    fn from_wide(x: f64) -> Self;
}

impl Half for bf16 {
    fn widen(from: &[Self], to: &mut [f32]) {
        dispatch(Widen(from, to));
    }
    fn narrow(from: &[f32], to: &mut [Self]) {
        dispatch(Narrow(from, to));
    }
    fn from_wide(x: f64) -> Self {
        narrow_bf16(round_to_odd(x))
    }
}

impl Half for f16 {
    fn widen(from: &[Self], to: &mut [f32]) {
        from.convert_to_f32_slice(to);
    }
    fn narrow(from: &[f32], to: &mut [Self]) {
        to.convert_from_f32_slice(from);
    }
    fn from_wide(x: f64) -> Self {
        Self::from_f32(round_to_odd(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_agrees_with_the_reference() {
        for i in 0..=u16::MAX {
            for low in [0u32, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
                let x = f32::from_bits(u32::from(i) << 16 | low);
                let (got, want) = (narrow_bf16(x), bf16::from_f32(x));
                assert!(got == want || (got.is_nan() && want.is_nan()), "{x:e}");
            }
        }
        let values: Vec<f32> = (0..100).map(|i| i as f32 * 0.37 - 3.0).collect();
        let mut halves = vec![f16::ZERO; 100];
        f16::narrow(&values, &mut halves);
        assert!(halves.iter().zip(&values).all(|(half, &x)| *half == f16::from_f32(x)));
    }
}
