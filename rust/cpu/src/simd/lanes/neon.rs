//! Registers of NEON, which every aarch64 CPU this is built for has.

use std::{
    arch::aarch64::{
        float32x4_t, uint32x4_t, vabsq_f32, vaddq_f32, vaddq_s32, vaddvq_f32, vbslq_f32, vcgtq_f32, vcltq_f32,
        vcvtnq_s32_f32, vdivq_f32, vdupq_n_f32, vdupq_n_s32, vdupq_n_u32, vfmaq_f32, vfmsq_f32, vld1q_f32, vmaxvq_f32,
        vmulq_f32, vreinterpretq_f32_s32, vshlq_n_s32, vshrq_n_s32, vsqrtq_f32, vst1q_f32, vsubq_f32, vsubq_s32,
    },
    ops::{Add, Mul, Sub},
};

use super::Lanes;

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct F32x4(float32x4_t);

macro_rules! operators {
    ($($trait:ident $name:ident $instruction:ident;)*) => {$(
        impl $trait for F32x4 {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                // SAFETY: `self` exists, so the instruction set is there.
                Self(unsafe { $instruction(self.0, other.0) })
            }
        }
    )*};
}
operators! {
    Add add vaddq_f32;
    Sub sub vsubq_f32;
    Mul mul vmulq_f32;
}

impl Lanes for F32x4 {
    const WIDTH: usize = 4;
    type Mask = uint32x4_t;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { vdupq_n_f32(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see the trait.
        Self(unsafe { vld1q_f32(from) })
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, n: usize) -> Self {
        let mut lanes = [0.0; 4];
        // SAFETY: see the trait; the array is larger.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n);
            Self::load(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see the trait.
        unsafe { vst1q_f32(to, self.0) }
    }
    /// An ordinary store: Rust has no name for the other kind.
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: see the trait.
        unsafe { self.store(to) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, n: usize) {
        let mut lanes = [0.0; 4];
        // SAFETY: see the trait; the array has room for the register.
        unsafe {
            self.store(lanes.as_mut_ptr());
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, n);
        }
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: `self` exists, so the instruction set is there.
        Self(unsafe { vfmaq_f32(c.0, self.0, b.0) })
    }
    #[inline(always)]
    fn mul_from(self, b: Self, c: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vfmsq_f32(c.0, self.0, b.0) })
    }
    // The instructions for the larger and the smaller number treat NaN in other ways than the trait says.
    #[inline(always)]
    fn at_least(self, least: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vbslq_f32(vcgtq_f32(least.0, self.0), least.0, self.0) })
    }
    #[inline(always)]
    fn at_most(self, most: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vbslq_f32(vcltq_f32(most.0, self.0), most.0, self.0) })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vabsq_f32(self.0) })
    }
    #[inline(always)]
    fn with_sign_of(self, sign: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vbslq_f32(vdupq_n_u32(1 << 31), sign.0, self.0) })
    }
    #[inline(always)]
    fn is_below(self, other: Self) -> uint32x4_t {
        // SAFETY: as above.
        unsafe { vcltq_f32(self.0, other.0) }
    }
    #[inline(always)]
    fn pick(mask: uint32x4_t, yes: Self, no: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vbslq_f32(mask, yes.0, no.0) })
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vdivq_f32(vdupq_n_f32(1.0), self.0) })
    }
    #[inline(always)]
    fn root(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { vsqrtq_f32(self.0) })
    }
    #[inline(always)]
    fn times_power(self, n: Self) -> Self {
        // Two factors, because one alone would overflow, or lose digits of subnormal results.
        // SAFETY: as above.
        unsafe {
            let n = vcvtnq_s32_f32(n.0);
            let half = vshrq_n_s32::<1>(n);
            let power = |n| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127))));
            Self(vmulq_f32(vmulq_f32(self.0, power(half)), power(vsubq_s32(n, half))))
        }
    }
    #[inline(always)]
    fn total(self) -> f32 {
        // SAFETY: as above.
        unsafe { vaddvq_f32(self.0) }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: as above.
        unsafe { vmaxvq_f32(self.0) }
    }
}
