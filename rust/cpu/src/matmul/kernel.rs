//! The register tile: `rows x (vectors * lanes)` sums of products kept in registers over the whole
//! depth of two packed panels. Written once over [`Vector`], compiled once per instruction set.

use corten_core::Element;

#[cfg(target_arch = "x86_64")]
use crate::simd::{self, Isa};

/// What the tile needs of a vector register. Every method needs the instruction set of the type.
trait Vector: Copy {
    type Lane: Copy;
    const LANES: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(from: *const Self::Lane) -> Self;
    unsafe fn load(from: *const Self::Lane) -> Self;
    unsafe fn store(self, to: *mut Self::Lane);
    unsafe fn add(self, other: Self) -> Self;
    /// `self * b + c`
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
}

/// One call of a tile: two panels and the corner of the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<T> {
    pub(crate) depth: usize,
    /// `depth` groups of [`Kernel::rows`] values.
    pub(crate) a: *const T,
    /// `depth` groups of [`Kernel::columns`] values.
    pub(crate) b: *const T,
    pub(crate) c: *mut T,
    /// Elements from one row of the result to the next.
    pub(crate) row_stride: usize,
    /// Whether the result is added to what is there.
    pub(crate) accumulate: bool,
}

/// A compiled tile and its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel<T> {
    /// Rows of a full tile: the width of panels of `a`.
    pub(crate) rows: usize,
    /// Columns of a full tile: the width of panels of `b`.
    pub(crate) columns: usize,
    pub(crate) lanes: usize,
    run: unsafe fn(usize, usize, &Job<T>),
}

impl<T> Kernel<T> {
    /// Computes the first `rows` rows and `vectors * lanes` columns of a tile.
    ///
    /// # Safety
    /// `a` and `b` must be readable for `depth` full groups, `c` writable (and readable when
    /// accumulating) for `rows` rows of `vectors * lanes` elements at `row_stride`.
    #[inline]
    pub(crate) unsafe fn run(&self, rows: usize, vectors: usize, job: &Job<T>) {
        // SAFETY: passed on; `Real::kernel` only gives kernels whose instruction set is there.
        unsafe { (self.run)(rows, vectors, job) }
    }
}

/// The two element types sums of products are computed in.
pub(crate) trait Real: Element + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> {
    /// The tile for the instruction set in use.
    fn kernel() -> Kernel<Self>;
}

#[inline(always)]
unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize, const A_STEP: usize, const B_STEP: usize>(
    job: &Job<V::Lane>,
) {
    // SAFETY: the caller of `Kernel::run` guarantees the extents; the instruction set is the one
    // of the function this is inlined into.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        let (mut a, mut b) = (job.a, job.b);
        for _ in 0..job.depth {
            let mut right = [V::zero(); VECTORS];
            for (j, vector) in right.iter_mut().enumerate() {
                *vector = V::load(b.add(j * V::LANES));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let left = V::splat(a.add(i));
                for (sum, vector) in row.iter_mut().zip(right) {
                    *sum = left.mul_add(vector, *sum);
                }
            }
            a = a.add(A_STEP);
            b = b.add(B_STEP);
        }
        for (i, row) in sums.into_iter().enumerate() {
            let to = job.c.add(i * job.row_stride);
            for (j, sum) in row.into_iter().enumerate() {
                let to = to.add(j * V::LANES);
                let sum = if job.accumulate { sum.add(V::load(to)) } else { sum };
                sum.store(to);
            }
        }
    }
}

/// Compiles the tile of one vector type for every number of rows and one or two vectors of columns.
macro_rules! kernel {
    ($run:ident, $constant:ident, $vector:ty, $lane:ty, [$($row:literal)*], $most:literal $(, $feature:literal)?) => {
        $(#[target_feature(enable = $feature)])?
        unsafe fn $run(rows: usize, vectors: usize, job: &Job<$lane>) {
            const LANES: usize = <$vector as Vector>::LANES;
            // SAFETY: passed on from the caller.
            unsafe {
                match (rows, vectors) {
                    $(
                        ($row, 1) => tile::<$vector, $row, 1, $most, { 2 * LANES }>(job),
                        ($row, 2) => tile::<$vector, $row, 2, $most, { 2 * LANES }>(job),
                    )*
                    _ => unreachable!("no tile of {rows} rows and {vectors} vectors"),
                }
            }
        }
        pub(super) const $constant: Kernel<$lane> = Kernel {
            rows: $most,
            columns: 2 * <$vector as Vector>::LANES,
            lanes: <$vector as Vector>::LANES,
            run: $run,
        };
    };
}

/// A vector of the portable twin: plain arrays, which the compiler maps to what the target has.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Portable<T, const LANES: usize>([T; LANES]);

macro_rules! portable {
    ($lane:ty, $lanes:literal) => {
        impl Vector for Portable<$lane, $lanes> {
            type Lane = $lane;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn zero() -> Self {
                Self([0.0; $lanes])
            }
            #[inline(always)]
            unsafe fn splat(from: *const $lane) -> Self {
                // SAFETY: readable by the contract of the tile.
                Self([unsafe { *from }; $lanes])
            }
            #[inline(always)]
            unsafe fn load(from: *const $lane) -> Self {
                // SAFETY: readable by the contract of the tile.
                Self(unsafe { from.cast::<[$lane; $lanes]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $lane) {
                // SAFETY: writable by the contract of the tile.
                unsafe { to.cast::<[$lane; $lanes]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] * b.0[i] + c.0[i]))
            }
        }
    };
}
portable!(f32, 4);
portable!(f64, 2);
kernel!(portable_f32, PORTABLE_F32, Portable<f32, 4>, f32, [1 2 3 4], 4);
kernel!(portable_f64, PORTABLE_F64, Portable<f64, 2>, f64, [1 2 3 4], 4);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256d, __m512, __m512d, _mm256_add_pd, _mm256_add_ps, _mm256_fmadd_pd, _mm256_fmadd_ps,
        _mm256_loadu_pd, _mm256_loadu_ps, _mm256_set1_pd, _mm256_set1_ps, _mm256_setzero_pd, _mm256_setzero_ps,
        _mm256_storeu_pd, _mm256_storeu_ps, _mm512_add_pd, _mm512_add_ps, _mm512_fmadd_pd, _mm512_fmadd_ps,
        _mm512_loadu_pd, _mm512_loadu_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_setzero_pd, _mm512_setzero_ps,
        _mm512_storeu_pd, _mm512_storeu_ps,
    };

    use super::{Job, Kernel, Vector, tile};

    macro_rules! vector {
        ($vector:ty, $lane:ty, $lanes:literal, $zero:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident) => {
            impl Vector for $vector {
                type Lane = $lane;
                const LANES: usize = $lanes;
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
                unsafe fn store(self, to: *mut $lane) {
                    // SAFETY: as for `splat`, writable.
                    unsafe { $store(to, self) }
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
            }
        };
    }
    vector!(
        __m256,
        f32,
        8,
        _mm256_setzero_ps,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_fmadd_ps
    );
    vector!(
        __m256d,
        f64,
        4,
        _mm256_setzero_pd,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_add_pd,
        _mm256_fmadd_pd
    );
    vector!(
        __m512,
        f32,
        16,
        _mm512_setzero_ps,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_fmadd_ps
    );
    vector!(
        __m512d,
        f64,
        8,
        _mm512_setzero_pd,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_add_pd,
        _mm512_fmadd_pd
    );
    kernel!(avx2_f32, AVX2_F32, __m256, f32, [1 2 3 4 5 6], 6, "avx2,fma");
    kernel!(avx2_f64, AVX2_F64, __m256d, f64, [1 2 3 4 5 6], 6, "avx2,fma");
    kernel!(avx512_f32, AVX512_F32, __m512, f32, [1 2 3 4 5 6 7 8 9 10 11 12], 12, "avx512f");
    kernel!(avx512_f64, AVX512_F64, __m512d, f64, [1 2 3 4 5 6 7 8 9 10 11 12], 12, "avx512f");
}

impl Real for f32 {
    fn kernel() -> Kernel<Self> {
        #[cfg(target_arch = "x86_64")]
        match simd::isa() {
            Isa::Avx512 => return x86::AVX512_F32,
            Isa::Avx2 => return x86::AVX2_F32,
            Isa::Scalar => {}
        }
        PORTABLE_F32
    }
}

impl Real for f64 {
    fn kernel() -> Kernel<Self> {
        #[cfg(target_arch = "x86_64")]
        match simd::isa() {
            Isa::Avx512 => return x86::AVX512_F64,
            Isa::Avx2 => return x86::AVX2_F64,
            Isa::Scalar => {}
        }
        PORTABLE_F64
    }
}
