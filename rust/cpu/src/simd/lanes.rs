//! Registers of float32 for loops that the compiler does not turn into good vector code by itself:
//! reciprocals without a division, powers of two without integers, partial loads.
//!
//! A value of a register type proves that the CPU has its instructions: only the unsafe functions make
//! one from nothing. Kernels are written once over [`Lanes`]; plain Rust remains their twin elsewhere.

use std::ops::{Add, Mul, Sub};

/// A register of float32.
pub(crate) trait Lanes: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    const WIDTH: usize;
    /// One truth value per lane.
    type Mask: Copy;

    /// # Safety
    /// The CPU must have the instruction set, as for all functions here that take no register.
    unsafe fn splat(value: f32) -> Self;
    /// # Safety
    /// `WIDTH` elements must be readable.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `n < WIDTH` elements, zeros after them.
    ///
    /// # Safety
    /// `n` elements must be readable.
    unsafe fn load_part(from: *const f32, n: usize) -> Self;
    /// # Safety
    /// `WIDTH` elements must be writable.
    unsafe fn store(self, to: *mut f32);
    /// As [`Self::store`], past the caches.
    ///
    /// # Safety
    /// As there, and the place must be aligned for a register.
    unsafe fn stream(self, to: *mut f32);
    /// Writes the first `n < WIDTH` elements.
    ///
    /// # Safety
    /// `n` elements must be writable.
    unsafe fn store_part(self, to: *mut f32, n: usize);

    /// A constant, of the type of this register.
    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        // SAFETY: `self` exists, so the instruction set is there.
        unsafe { Self::splat(value) }
    }
    /// `self * b + c`
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `c - self * b`
    fn mul_from(self, b: Self, c: Self) -> Self;
    /// The larger; `self` where that is NaN.
    fn at_least(self, least: Self) -> Self;
    /// The smaller; `self` where that is NaN.
    fn at_most(self, most: Self) -> Self;
    fn abs(self) -> Self;
    /// The magnitude of `self`, the sign of the other.
    fn with_sign_of(self, sign: Self) -> Self;
    fn is_below(self, other: Self) -> Self::Mask;
    /// Where the mask holds `yes`, else `no`.
    fn pick(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// `1 / self` to the last place or two, for normal numbers whose reciprocal is one.
    fn reciprocal(self) -> Self;
    /// The square root to the last place or two, for finite numbers; less for subnormal ones.
    fn root(self) -> Self;
    /// `self * 2^n` for whole numbers n, rounded once where that is subnormal.
    fn times_power(self, n: Self) -> Self;
    /// The sum of the lanes, pairwise.
    fn total(self) -> f32;
    /// The largest lane; lanes must not be NaN.
    fn largest(self) -> f32;
}

/// Work compiled for each register type: all that `run` calls must be `#[inline(always)]`.
pub(crate) trait WideRoutine {
    type Output;
    /// # Safety
    /// The CPU must have the instruction set of the registers.
    unsafe fn run<L: Lanes>(self) -> Self::Output;
}

/// Runs the routine with the registers of the instruction set in use; gives it back where there are none.
#[inline]
pub(crate) fn dispatch_wide<R: WideRoutine>(routine: R) -> Result<R::Output, R> {
    match super::isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `isa` only names instruction sets this CPU has.
        super::Isa::Avx512 => Ok(unsafe { run_avx512(routine) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        super::Isa::Avx2 => Ok(unsafe { run_avx2(routine) }),
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        super::Isa::Neon => Ok(unsafe { run_neon(routine) }),
        super::Isa::Scalar => Err(routine),
    }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn run_neon<R: WideRoutine>(routine: R) -> R::Output {
    // SAFETY: the features of this function are those of the registers.
    unsafe { routine.run::<neon::F32x4>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
unsafe fn run_avx512<R: WideRoutine>(routine: R) -> R::Output {
    // SAFETY: the features of this function are those of the registers.
    unsafe { routine.run::<x86::F32x16>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn run_avx2<R: WideRoutine>(routine: R) -> R::Output {
    // SAFETY: as above.
    unsafe { routine.run::<x86::F32x8>() }
}

#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::{
        arch::x86_64::{
            __m256, __m512, __mmask16, _CMP_LT_OQ, _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps, _mm256_andnot_ps,
            _mm256_blendv_ps, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtps_epi32, _mm256_div_ps, _mm256_fmadd_ps,
            _mm256_fnmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_or_ps,
            _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_sqrt_ps, _mm256_srai_epi32, _mm256_storeu_ps,
            _mm256_stream_ps, _mm256_sub_epi32, _mm256_sub_ps, _mm512_abs_ps, _mm512_add_ps, _mm512_castps_si512,
            _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_ps,
            _mm512_mask_blend_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps,
            _mm512_mul_ps, _mm512_rcp14_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_rsqrt14_ps,
            _mm512_scalef_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_storeu_ps, _mm512_stream_ps, _mm512_sub_ps,
            _mm512_ternarylogic_epi32,
        },
        ops::{Add, Mul, Sub},
    };

    use super::Lanes;

    #[derive(Clone, Copy)]
    #[repr(transparent)]
    pub(super) struct F32x16(__m512);
    #[derive(Clone, Copy)]
    #[repr(transparent)]
    pub(super) struct F32x8(__m256);

    macro_rules! operators {
        ($($register:ident: $trait:ident $name:ident $instruction:ident;)*) => {$(
            impl $trait for $register {
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
        F32x16: Add add _mm512_add_ps;
        F32x16: Sub sub _mm512_sub_ps;
        F32x16: Mul mul _mm512_mul_ps;
        F32x8: Add add _mm256_add_ps;
        F32x8: Sub sub _mm256_sub_ps;
        F32x8: Mul mul _mm256_mul_ps;
    }

    /// Methods that are one instruction.
    macro_rules! instructions {
        ($($name:ident($this:ident $(, $argument:ident)*) = $instruction:ident($($order:ident),*);)*) => {$(
            #[inline(always)]
            fn $name(self $(, $argument: Self)*) -> Self {
                let $this = self;
                // SAFETY: `self` exists, so the instruction set is there.
                Self(unsafe { $instruction($($order.0),*) })
            }
        )*};
    }

    impl Lanes for F32x16 {
        const WIDTH: usize = 16;
        type Mask = __mmask16;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: see the trait.
            Self(unsafe { _mm512_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see the trait.
            Self(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn load_part(from: *const f32, n: usize) -> Self {
            // SAFETY: see the trait; lanes that are masked out are not read.
            Self(unsafe { _mm512_maskz_loadu_ps((1 << n) - 1, from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see the trait.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn stream(self, to: *mut f32) {
            // SAFETY: see the trait.
            unsafe { _mm512_stream_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn store_part(self, to: *mut f32, n: usize) {
            // SAFETY: see the trait; lanes that are masked out are not written.
            unsafe { _mm512_mask_storeu_ps(to, (1 << n) - 1, self.0) }
        }
        // Of two operands these instructions give the second where one is NaN.
        instructions! {
            mul_add(this, b, c) = _mm512_fmadd_ps(this, b, c);
            mul_from(this, b, c) = _mm512_fnmadd_ps(this, b, c);
            at_least(this, least) = _mm512_max_ps(least, this);
            at_most(this, most) = _mm512_min_ps(most, this);
            abs(this) = _mm512_abs_ps(this);
            times_power(this, n) = _mm512_scalef_ps(this, n);
        }
        #[inline(always)]
        fn with_sign_of(self, sign: Self) -> Self {
            // SAFETY: `self` exists, so the instruction set is there.
            Self(unsafe {
                let magnitude = _mm512_set1_epi32(i32::MAX);
                let (x, sign) = (_mm512_castps_si512(self.0), _mm512_castps_si512(sign.0));
                // Table 0xca: the second where the first is set, else the third.
                _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xca>(magnitude, x, sign))
            })
        }
        #[inline(always)]
        fn is_below(self, other: Self) -> __mmask16 {
            // SAFETY: as above.
            unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
        }
        #[inline(always)]
        fn pick(mask: __mmask16, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_mask_blend_ps(mask, no.0, yes.0) })
        }
        #[inline(always)]
        fn reciprocal(self) -> Self {
            // SAFETY: as above.
            let near = Self(unsafe { _mm512_rcp14_ps(self.0) });
            near.mul_add(self.mul_from(near, self.constant(1.0)), near)
        }
        #[inline(always)]
        fn root(self) -> Self {
            let least = self.at_least(self.constant(f32::MIN_POSITIVE));
            // SAFETY: as above.
            let inverse = Self(unsafe { _mm512_rsqrt14_ps(least.0) });
            // One step of Newton's method, on the root itself.
            let near = self * inverse;
            near.mul_from(near, self).mul_add(inverse * self.constant(0.5), near)
        }
        #[inline(always)]
        fn total(self) -> f32 {
            // SAFETY: as above.
            unsafe { _mm512_reduce_add_ps(self.0) }
        }
        #[inline(always)]
        fn largest(self) -> f32 {
            // SAFETY: as above.
            unsafe { _mm512_reduce_max_ps(self.0) }
        }
    }

    impl F32x8 {
        #[inline(always)]
        fn to_array(self) -> [f32; 8] {
            let mut lanes = [0.0; 8];
            // SAFETY: the array has room for the register.
            unsafe { self.store(lanes.as_mut_ptr()) };
            lanes
        }
    }

    impl Lanes for F32x8 {
        const WIDTH: usize = 8;
        type Mask = __m256;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: see the trait.
            Self(unsafe { _mm256_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see the trait.
            Self(unsafe { _mm256_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn load_part(from: *const f32, n: usize) -> Self {
            let mut lanes = [0.0; 8];
            // SAFETY: see the trait; the array is larger.
            unsafe {
                std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n);
                Self::load(lanes.as_ptr())
            }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see the trait.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn stream(self, to: *mut f32) {
            // SAFETY: see the trait.
            unsafe { _mm256_stream_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn store_part(self, to: *mut f32, n: usize) {
            // SAFETY: see the trait.
            unsafe { std::ptr::copy_nonoverlapping(self.to_array().as_ptr(), to, n) }
        }
        instructions! {
            mul_add(this, b, c) = _mm256_fmadd_ps(this, b, c);
            mul_from(this, b, c) = _mm256_fnmadd_ps(this, b, c);
            at_least(this, least) = _mm256_max_ps(least, this);
            at_most(this, most) = _mm256_min_ps(most, this);
        }
        #[inline(always)]
        fn abs(self) -> Self {
            // SAFETY: `self` exists, so the instruction set is there.
            Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
        }
        #[inline(always)]
        fn with_sign_of(self, sign: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_or_ps(self.abs().0, _mm256_and_ps(_mm256_set1_ps(-0.0), sign.0)) })
        }
        #[inline(always)]
        fn is_below(self, other: Self) -> __m256 {
            // SAFETY: as above.
            unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) }
        }
        #[inline(always)]
        fn pick(mask: __m256, yes: Self, no: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_blendv_ps(no.0, yes.0, mask) })
        }
        #[inline(always)]
        fn reciprocal(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_div_ps(_mm256_set1_ps(1.0), self.0) })
        }
        #[inline(always)]
        fn root(self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_sqrt_ps(self.0) })
        }
        #[inline(always)]
        fn times_power(self, n: Self) -> Self {
            // Two factors, because one alone would overflow, or lose digits of subnormal results.
            // SAFETY: as above.
            unsafe {
                let n = _mm256_cvtps_epi32(n.0);
                let half = _mm256_srai_epi32::<1>(n);
                let bias = _mm256_set1_epi32(127);
                let power = |n| _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, bias)));
                Self(_mm256_mul_ps(_mm256_mul_ps(self.0, power(half)), power(_mm256_sub_epi32(n, half))))
            }
        }
        #[inline(always)]
        fn total(self) -> f32 {
            let [a, b, c, d, e, f, g, h] = self.to_array();
            ((a + e) + (c + g)) + ((b + f) + (d + h))
        }
        #[inline(always)]
        fn largest(self) -> f32 {
            self.to_array().into_iter().fold(f32::NEG_INFINITY, f32::max)
        }
    }
}
