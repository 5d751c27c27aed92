//! Tiles of NEON registers.

use std::arch::aarch64::{
    float32x4_t, float64x2_t, vaddq_f32, vaddq_f64, vdupq_n_f32, vdupq_n_f64, vfmaq_f32, vfmaq_f64, vld1q_dup_f32,
    vld1q_dup_f64, vld1q_f32, vld1q_f64, vst1q_f32, vst1q_f64,
};

use super::{Job, Kernel, Vector, tile};

macro_rules! vector {
    (
        $vector:ty, $lane:ty, $lanes:literal,
        $fill:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident
    ) => {
        impl Vector for $vector {
            type Lane = $lane;
            type Mask = usize;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn mask(lanes: usize) -> usize {
                lanes
            }
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the instruction set is there by the contract of `Vector`.
                unsafe { $fill(0.0) }
            }
            #[inline(always)]
            unsafe fn splat(from: *const $lane) -> Self {
                // SAFETY: as for `zero`, and readable by the contract of the tile.
                unsafe { $splat(from) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $lane) -> Self {
                // SAFETY: as for `splat`.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn load_part(from: *const $lane, lanes: usize) -> Self {
                let mut all = [0.0; $lanes];
                // SAFETY: as for `splat`, for the first lanes; the array has room for all.
                unsafe {
                    std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), lanes);
                    $load(all.as_ptr())
                }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $lane) {
                // SAFETY: as for `splat`, writable.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn store_part(self, to: *mut $lane, lanes: usize) {
                let mut all = [0.0; $lanes];
                // SAFETY: as for `load_part`, writable.
                unsafe {
                    $store(all.as_mut_ptr(), self);
                    std::ptr::copy_nonoverlapping(all.as_ptr(), to, lanes);
                }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: as for `zero`.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as for `zero`.
                unsafe { $fma(c, self, b) }
            }
            /// Nothing: stable Rust has no name for the instruction here.
            #[inline(always)]
            unsafe fn prefetch(_: *mut $lane) {}
        }
    };
}
vector!(float32x4_t, f32, 4, vdupq_n_f32, vld1q_dup_f32, vld1q_f32, vst1q_f32, vaddq_f32, vfmaq_f32);
vector!(float64x2_t, f64, 2, vdupq_n_f64, vld1q_dup_f64, vld1q_f64, vst1q_f64, vaddq_f64, vfmaq_f64);
// 24 of 32 registers hold sums, as with AVX-512.
kernel!(
    neon_f32, NEON_F32, float32x4_t, f32, plain, [12, 12, 8, 6], "neon";
    1 x 4: [1 2 3 4 5 6 7 8 9 10 11 12]
    2 x 2: [1 2 3 4 5 6 7 8 9 10 11 12]
    3 x 1: [1 2 3 4 5 6 7 8]
    4 x 1: [1 2 3 4 5 6]
);
kernel!(
    neon_f64, NEON_F64, float64x2_t, f64, plain, [12, 12, 8, 6], "neon";
    1 x 4: [1 2 3 4 5 6 7 8 9 10 11 12]
    2 x 2: [1 2 3 4 5 6 7 8 9 10 11 12]
    3 x 1: [1 2 3 4 5 6 7 8]
    4 x 1: [1 2 3 4 5 6]
);
