//! Tiles of AVX2 and AVX-512 registers.

use std::arch::x86_64::{
    __m256, __m256d, __m256i, __m512, __m512d, __mmask8, __mmask16, _MM_HINT_ET0, _mm_prefetch, _mm256_add_pd,
    _mm256_add_ps, _mm256_cmpgt_epi32, _mm256_cmpgt_epi64, _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_loadu_pd,
    _mm256_loadu_ps, _mm256_maskload_pd, _mm256_maskload_ps, _mm256_maskstore_pd, _mm256_maskstore_ps,
    _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_set1_pd, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setr_epi64x,
    _mm256_setzero_pd, _mm256_setzero_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm512_add_pd, _mm512_add_ps,
    _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps, _mm512_mask_storeu_pd, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_pd, _mm512_maskz_loadu_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_setzero_pd, _mm512_setzero_ps,
    _mm512_storeu_pd, _mm512_storeu_ps,
};

use super::{Job, Kernel, Vector, tile};

macro_rules! vector {
    (
        $vector:ty, $lane:ty, $lanes:literal, $mask:ty, |$count:ident| $make_mask:expr, |$from:ident, $part:ident| $load_part:expr,
        $zero:ident, $splat:ident, $load:ident, $store:ident, $store_part:ident, $add:ident, $fma:ident
    ) => {
        impl Vector for $vector {
            type Lane = $lane;
            type Mask = $mask;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn mask($count: usize) -> $mask {
                // SAFETY: the instruction set is there by the contract of `Vector`.
                #[allow(unused_unsafe)]
                unsafe {
                    $make_mask
                }
            }
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the instruction set is there by the contract of `Vector`.
                unsafe { $zero() }
            }
            #[inline(always)]
            unsafe fn splat(from: *const $lane) -> Self {
                // SAFETY: as above, and the pointer is readable by the contract of the tile.
                unsafe { $splat(*from) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $lane) -> Self {
                // SAFETY: as for `splat`.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn load_part($from: *const $lane, $part: $mask) -> Self {
                // SAFETY: as for `splat`, for the lanes of the mask; the others are not touched.
                unsafe { $load_part }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $lane) {
                // SAFETY: as for `splat`, writable.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn store_part(self, to: *mut $lane, mask: $mask) {
                // SAFETY: as for `load_part`, writable.
                unsafe { $store_part(to, mask, self) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: the instruction set is there by the contract of `Vector`.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the instruction set is there by the contract of `Vector`.
                unsafe { $fma(self, b, c) }
            }
            #[inline(always)]
            unsafe fn prefetch(to: *mut $lane) {
                // SAFETY: a hint, which never faults.
                unsafe { _mm_prefetch::<_MM_HINT_ET0>(to.cast()) }
            }
        }
    };
}
vector!(
    __m256,
    f32,
    8,
    __m256i,
    |count| _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
    |from, mask| _mm256_maskload_ps(from, mask),
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_maskstore_ps,
    _mm256_add_ps,
    _mm256_fmadd_ps
);
vector!(
    __m256d,
    f64,
    4,
    __m256i,
    |count| _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3)),
    |from, mask| _mm256_maskload_pd(from, mask),
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_maskstore_pd,
    _mm256_add_pd,
    _mm256_fmadd_pd
);
vector!(
    __m512,
    f32,
    16,
    __mmask16,
    |count| ((1u32 << count) - 1) as __mmask16,
    |from, mask| _mm512_maskz_loadu_ps(mask, from),
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps,
    _mm512_add_ps,
    _mm512_fmadd_ps
);
vector!(
    __m512d,
    f64,
    8,
    __mmask8,
    |count| ((1u32 << count) - 1) as __mmask8,
    |from, mask| _mm512_maskz_loadu_pd(mask, from),
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd,
    _mm512_add_pd,
    _mm512_fmadd_pd
);
kernel!(avx2_f32, AVX2_F32, __m256, f32, plain, [6, 6, 0, 0], "avx2,fma"; 1 x 1: [1 2 3 4 5 6] 2 x 1: [1 2 3 4 5 6]);
kernel!(avx2_f64, AVX2_F64, __m256d, f64, plain, [6, 6, 0, 0], "avx2,fma"; 1 x 1: [1 2 3 4 5 6] 2 x 1: [1 2 3 4 5 6]);
// 24 registers of sums; pointers are loaded once for two steps where rows are many.
kernel!(
    avx512_f32, AVX512_F32, __m512, f32, masked, [12, 12, 8, 6], "avx512f";
    1 x 4: [1 2 3 4 5 6 7 8 9 10 11 12]
    2 x 2: [1 2 3 4 5 6 7 8 9 10 11 12]
    3 x 1: [1 2 3 4 5 6 7 8]
    4 x 1: [1 2 3 4 5 6]
);
kernel!(
    avx512_f64, AVX512_F64, __m512d, f64, masked, [12, 12, 8, 6], "avx512f";
    1 x 4: [1 2 3 4 5 6 7 8 9 10 11 12]
    2 x 2: [1 2 3 4 5 6 7 8 9 10 11 12]
    3 x 1: [1 2 3 4 5 6 7 8]
    4 x 1: [1 2 3 4 5 6]
);
