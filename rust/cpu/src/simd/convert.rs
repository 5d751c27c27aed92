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
        assert_eq!(from.len(), to.len(), "slices have one length");
        #[cfg(target_arch = "x86_64")]
        let (from, to) = if super::isa() > super::Isa::Scalar {
            let whole = from.len() - from.len() % 8;
            // SAFETY: every instruction set above the baseline has F16C here.
            unsafe { x86::widen(&from[..whole], &mut to[..whole]) };
            (&from[whole..], &mut to[whole..])
        } else {
            (from, to)
        };
        from.convert_to_f32_slice(to);
    }
    fn narrow(from: &[f32], to: &mut [Self]) {
        assert_eq!(from.len(), to.len(), "slices have one length");
        #[cfg(target_arch = "x86_64")]
        let (from, to) = if super::isa() > super::Isa::Scalar {
            let whole = from.len() - from.len() % 8;
            // SAFETY: as above.
            unsafe { x86::narrow(&from[..whole], &mut to[..whole]) };
            (&from[whole..], &mut to[whole..])
        } else {
            (from, to)
        };
        to.convert_from_f32_slice(from);
    }
    fn from_wide(x: f64) -> Self {
        Self::from_f32(round_to_odd(x))
    }
}

/// Eight at a time: [`HalfFloatSliceExt`] asks for the instructions anew for each eight.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128, _mm_storeu_si128, _mm256_cvtph_ps, _mm256_cvtps_ph,
        _mm256_loadu_ps, _mm256_storeu_ps,
    };

    use half::f16;

    #[target_feature(enable = "avx,f16c")]
    pub(super) fn widen(from: &[f16], to: &mut [f32]) {
        for (from, to) in from.as_chunks::<8>().0.iter().zip(to.as_chunks_mut::<8>().0) {
            // SAFETY: eight elements on both sides.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast()))) };
        }
    }

    #[target_feature(enable = "avx,f16c")]
    pub(super) fn narrow(from: &[f32], to: &mut [f16]) {
        for (from, to) in from.as_chunks::<8>().0.iter().zip(to.as_chunks_mut::<8>().0) {
            // SAFETY: eight elements on both sides.
            unsafe {
                let halves = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(from.as_ptr()));
                _mm_storeu_si128(to.as_mut_ptr().cast(), halves);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float16_agrees_with_the_reference() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        for len in [0, 1, 7, 8, 9, 23, halves.len()] {
            let mut wide = vec![0.0; len];
            f16::widen(&halves[..len], &mut wide);
            let same = |(got, half): (&f32, &f16)| *got == half.to_f32() || (got.is_nan() && half.is_nan());
            assert!(wide.iter().zip(&halves).all(same), "{len}");
        }
        // Every exponent and sign, with ends that round down, to even, and up.
        let values: Vec<f32> = (0..=0xffffu32)
            .flat_map(|high| [0u32, 1, 0xfff, 0x1000, 0x1001, 0x2fff, 0x3000, 0xffff].map(|low| high << 16 | low))
            .map(f32::from_bits)
            .collect();
        let mut narrow = vec![f16::ZERO; values.len()];
        f16::narrow(&values, &mut narrow);
        for (got, x) in narrow.iter().zip(&values) {
            let want = f16::from_f32(*x);
            assert!(got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()), "{x:e}");
        }
    }

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
