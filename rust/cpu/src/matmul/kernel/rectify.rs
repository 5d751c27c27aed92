//! Vectors whose lanes become zero where they are not above zero. NaN stays.

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::{
    float32x4_t, float64x2_t, vbicq_u32, vbicq_u64, vclezq_f32, vclezq_f64, vreinterpretq_f32_u32,
    vreinterpretq_f64_u64, vreinterpretq_u32_f32, vreinterpretq_u64_f64,
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m256d, __m512, __m512d, _CMP_NLE_UQ, _mm256_and_pd, _mm256_and_ps, _mm256_cmp_pd, _mm256_cmp_ps,
    _mm256_setzero_pd, _mm256_setzero_ps, _mm512_cmp_pd_mask, _mm512_cmp_ps_mask, _mm512_maskz_mov_pd,
    _mm512_maskz_mov_ps, _mm512_setzero_pd, _mm512_setzero_ps,
};

use super::{Portable, Vector};

pub(super) trait Rectify: Vector {
    /// # Safety
    /// Needs the instruction set of the type.
    unsafe fn rectified(self) -> Self;
}

macro_rules! portable {
    ($lane:ty, $lanes:literal) => {
        impl Rectify for Portable<$lane, $lanes> {
            #[inline(always)]
            unsafe fn rectified(self) -> Self {
                Self(self.0.map(|lane| if lane <= 0.0 { 0.0 } else { lane }))
            }
        }
    };
}
portable!(f32, 4);
portable!(f64, 2);

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
macro_rules! registers {
    ($($vector:ty, |$x:ident| $body:expr;)*) => {$(
        impl Rectify for $vector {
            #[inline(always)]
            unsafe fn rectified(self) -> Self {
                let $x = self;
                // SAFETY: the instruction set is there by the contract of the trait.
                unsafe { $body }
            }
        }
    )*};
}
// "Not less or equal" also holds for NaN.
#[cfg(target_arch = "x86_64")]
registers! {
    __m256, |x| _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_NLE_UQ>(x, _mm256_setzero_ps()));
    __m256d, |x| _mm256_and_pd(x, _mm256_cmp_pd::<_CMP_NLE_UQ>(x, _mm256_setzero_pd()));
    __m512, |x| _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(x, _mm512_setzero_ps()), x);
    __m512d, |x| _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_NLE_UQ>(x, _mm512_setzero_pd()), x);
}
// "Less or equal" does not hold for NaN.
#[cfg(target_arch = "aarch64")]
registers! {
    float32x4_t, |x| vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), vclezq_f32(x)));
    float64x2_t, |x| vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(x), vclezq_f64(x)));
}
