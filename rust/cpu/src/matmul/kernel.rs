//! The register tile: `rows x (vectors * lanes)` sums of products kept in registers over the whole
//! depth. The left operand is read where it lies, through a table of pointers; the right one lies in
//! rows of adjacent columns. Written once over [`Vector`], compiled once per instruction set.

use corten_core::Element;

mod rectify;

use self::rectify::Rectify;
use crate::simd::{self, Isa};

/// What the tile needs of a vector register.
///
/// # Safety
/// Every method needs the instruction set of the type; pointers must be valid for the lanes that are read or written.
trait Vector: Copy {
    type Lane: Copy;
    /// Says which of the first lanes take part.
    type Mask: Copy;
    const LANES: usize;
    unsafe fn mask(lanes: usize) -> Self::Mask;
    unsafe fn zero() -> Self;
    unsafe fn splat(from: *const Self::Lane) -> Self;
    unsafe fn load(from: *const Self::Lane) -> Self;
    /// Reads the lanes of the mask only; the others are zero.
    unsafe fn load_part(from: *const Self::Lane, mask: Self::Mask) -> Self;
    unsafe fn store(self, to: *mut Self::Lane);
    /// Writes the lanes of the mask only.
    unsafe fn store_part(self, to: *mut Self::Lane, mask: Self::Mask);
    unsafe fn add(self, other: Self) -> Self;
    /// `self * b + c`
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// Says that memory will be written soon.
    unsafe fn prefetch(to: *mut Self::Lane);
}

/// The most rows any tile has.
pub(crate) const MOST_ROWS: usize = 12;
/// The most columns any tile has.
pub(crate) const MOST_COLUMNS: usize = 64;

/// Depth up to which the place of the result is fetched before the sums: after more, it would be gone again.
const PREFETCHED: usize = 640;

/// One call of a tile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<T> {
    /// For each segment, where each row of the left operand starts.
    pub(crate) left: *const *const T,
    pub(crate) segments: usize,
    /// Elements of a row in one segment, and the step between them.
    pub(crate) depth: usize,
    pub(crate) left_step: isize,
    /// The rows of the right operand, one for each element of a row of the left, all segments in order.
    pub(crate) right: *const T,
    pub(crate) right_step: isize,
    /// Where each row of the result starts.
    pub(crate) out: *const *mut T,
    pub(crate) columns: usize,
    /// Whether the result is added to what is there.
    pub(crate) accumulate: bool,
    /// Added to every row at the end, unless null.
    pub(crate) bias: *const T,
    /// Whether what is not above zero becomes zero at the very end.
    pub(crate) rectify: bool,
}

/// A compiled tile and its sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel<T> {
    pub(crate) lanes: usize,
    /// The most rows of a tile of 1, 2, ... vectors of columns; zero where there is none.
    pub(crate) rows: [usize; 4],
    run: unsafe fn(usize, usize, &Job<T>),
}

impl<T> Kernel<T> {
    /// Columns of the widest tile: the width of a panel of the right operand.
    #[inline]
    pub(crate) fn columns(&self) -> usize {
        self.lanes * self.rows.iter().filter(|&&rows| rows > 0).count()
    }

    /// The most rows of a tile of so many columns.
    #[inline]
    pub(crate) fn rows_of(&self, columns: usize) -> usize {
        self.rows[columns.div_ceil(self.lanes).clamp(1, 4) - 1]
    }

    /// Computes a tile of `rows` rows.
    ///
    /// # Safety
    /// `rows` is 1 to `rows_of(columns)`. The left table has `segments * rows` pointers, each readable
    /// for `depth` elements at `left_step`; the right operand has `segments * depth` rows at
    /// `right_step`, readable for `columns` elements; the result has `rows` pointers, each writable (and
    /// readable when accumulating) for `columns` elements; a bias has `columns` elements.
    #[inline]
    pub(crate) unsafe fn run(&self, rows: usize, job: &Job<T>) {
        debug_assert!(job.columns > 0 && job.columns <= self.columns() && rows <= self.rows_of(job.columns));
        // SAFETY: passed on; `Real::kernel` only gives kernels whose instruction set is there.
        unsafe { (self.run)(rows, job.columns.div_ceil(self.lanes), job) }
    }
}

/// The two element types sums of products are computed in.
pub(crate) trait Real: Element + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> {
    /// The tile for the instruction set in use.
    fn kernel() -> Kernel<Self>;
}

/// Vector `j` of a row. (Not a closure: that would be compiled without the instruction set.)
///
/// # Safety
/// As for [`Vector`]: the row has `VECTORS` vectors, the last as long as the mask if `PART`.
#[inline(always)]
unsafe fn load<V: Vector, const VECTORS: usize, const PART: bool>(from: *const V::Lane, j: usize, mask: V::Mask) -> V {
    // SAFETY: passed on from the tile.
    unsafe {
        let from = from.add(j * V::LANES);
        if PART && j == VECTORS - 1 { V::load_part(from, mask) } else { V::load(from) }
    }
}

/// `UNROLL` steps of the depth share the pointers of the rows. With `PART`, the last vector may be partly
/// outside the columns.
// Indices, as nested iterators keep the sums in memory.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn tile<V: Rectify, const ROWS: usize, const VECTORS: usize, const UNROLL: usize, const PART: bool>(
    job: &Job<V::Lane>,
) {
    // SAFETY: the caller of `Kernel::run` guarantees the extents; the instruction set is the one
    // of the function this is inlined into.
    unsafe {
        let last = VECTORS - 1;
        let mask = V::mask(job.columns - last * V::LANES);
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        if job.segments * job.depth <= PREFETCHED {
            for i in 0..ROWS {
                for j in 0..VECTORS {
                    V::prefetch((*job.out.add(i)).wrapping_add(j * V::LANES));
                }
            }
        }
        let mut right = job.right;
        for segment in 0..job.segments {
            let table = job.left.add(segment * ROWS);
            let mut at = 0;
            let mut steps = job.depth;
            while steps >= UNROLL {
                let mut vectors = [[V::zero(); VECTORS]; UNROLL];
                for u in 0..UNROLL {
                    for j in 0..VECTORS {
                        vectors[u][j] = load::<V, VECTORS, PART>(right, j, mask);
                    }
                    right = right.wrapping_offset(job.right_step);
                }
                for i in 0..ROWS {
                    let mut from = (*table.add(i)).offset(at);
                    for u in 0..UNROLL {
                        let factor = V::splat(from);
                        from = from.wrapping_offset(job.left_step);
                        for j in 0..VECTORS {
                            sums[i][j] = factor.mul_add(vectors[u][j], sums[i][j]);
                        }
                    }
                }
                at += UNROLL as isize * job.left_step;
                steps -= UNROLL;
            }
            while UNROLL > 1 && steps > 0 {
                let mut vectors = [V::zero(); VECTORS];
                for j in 0..VECTORS {
                    vectors[j] = load::<V, VECTORS, PART>(right, j, mask);
                }
                for i in 0..ROWS {
                    let factor = V::splat((*table.add(i)).offset(at));
                    for j in 0..VECTORS {
                        sums[i][j] = factor.mul_add(vectors[j], sums[i][j]);
                    }
                }
                at += job.left_step;
                right = right.wrapping_offset(job.right_step);
                steps -= 1;
            }
        }
        let mut bias = [V::zero(); VECTORS];
        if !job.bias.is_null() {
            for j in 0..VECTORS {
                bias[j] = load::<V, VECTORS, PART>(job.bias, j, mask);
            }
        }
        for i in 0..ROWS {
            let to = *job.out.add(i);
            for j in 0..VECTORS {
                let mut sum = sums[i][j];
                if job.accumulate {
                    sum = sum.add(load::<V, VECTORS, PART>(to, j, mask));
                }
                if !job.bias.is_null() {
                    sum = sum.add(bias[j]);
                }
                if job.rectify {
                    sum = sum.rectified();
                }
                let to = to.add(j * V::LANES);
                if PART && j == last { sum.store_part(to, mask) } else { sum.store(to) }
            }
        }
    }
}

/// Compiles the tiles of one vector type: for each number of vectors its unrolling and numbers of rows.
/// `masked` vectors have one copy, as a mask costs them nothing; the others have one with and one without.
macro_rules! kernel {
    (@tiles masked, $vector:ty, $job:ident, $vectors:literal, $unroll:literal, $rows:ident, [$($row:literal)*]) => {
        match $rows {
            $($row => one::<$row, $vectors, $unroll, true>($job),)*
            _ => unreachable!("no tile of {} rows", $rows),
        }
    };
    (@tiles plain, $vector:ty, $job:ident, $vectors:literal, $unroll:literal, $rows:ident, [$($row:literal)*]) => {
        match ($rows, $job.columns == $vectors * <$vector as Vector>::LANES) {
            $(
                ($row, true) => one::<$row, $vectors, $unroll, false>($job),
                ($row, false) => one::<$row, $vectors, $unroll, true>($job),
            )*
            _ => unreachable!("no tile of {} rows", $rows),
        }
    };
    (
        $run:ident, $constant:ident, $vector:ty, $lane:ty, $masks:ident, $most:expr
        $(, $feature:literal)?; $($vectors:literal x $unroll:literal: $rows:tt)*
    ) => {
        // SAFETY of both functions: the caller has the instruction set and a valid job, see `Kernel::run`.
        $(#[target_feature(enable = $feature)])?
        unsafe fn $run(rows: usize, vectors: usize, job: &Job<$lane>) {
            // Each tile is a function of its own: together they are too much for the compiler, which then keeps
            // sums in memory.
            $(#[target_feature(enable = $feature)])?
            #[inline(never)]
            unsafe fn one<const ROWS: usize, const VECTORS: usize, const UNROLL: usize, const PART: bool>(
                job: &Job<$lane>,
            ) {
                // SAFETY: passed on from the caller.
                unsafe { tile::<$vector, ROWS, VECTORS, UNROLL, PART>(job) }
            }
            // SAFETY: passed on from the caller.
            unsafe {
                match vectors {
                    $($vectors => kernel!(@tiles $masks, $vector, job, $vectors, $unroll, rows, $rows),)*
                    _ => unreachable!("no tile of {vectors} vectors"),
                }
            }
        }
        pub(super) const $constant: Kernel<$lane> =
            Kernel { lanes: <$vector as Vector>::LANES, rows: $most, run: $run };
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
            type Mask = usize;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn mask(lanes: usize) -> usize {
                lanes
            }
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
            unsafe fn load_part(from: *const $lane, lanes: usize) -> Self {
                // SAFETY: the first lanes are readable by the contract of the tile.
                Self(std::array::from_fn(|i| if i < lanes { unsafe { *from.add(i) } } else { 0.0 }))
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $lane) {
                // SAFETY: writable by the contract of the tile.
                unsafe { to.cast::<[$lane; $lanes]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_part(self, to: *mut $lane, lanes: usize) {
                for (i, value) in self.0.into_iter().enumerate().take(lanes) {
                    // SAFETY: the first lanes are writable by the contract of the tile.
                    unsafe { *to.add(i) = value }
                }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] * b.0[i] + c.0[i]))
            }
            #[inline(always)]
            unsafe fn prefetch(_: *mut $lane) {}
        }
    };
}
portable!(f32, 4);
portable!(f64, 2);
kernel!(portable_f32, PORTABLE_F32, Portable<f32, 4>, f32, plain, [4, 4, 0, 0]; 1 x 1: [1 2 3 4] 2 x 1: [1 2 3 4]);
kernel!(portable_f64, PORTABLE_F64, Portable<f64, 2>, f64, plain, [4, 4, 0, 0]; 1 x 1: [1 2 3 4] 2 x 1: [1 2 3 4]);

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

impl Real for f32 {
    fn kernel() -> Kernel<Self> {
        match simd::isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::AVX512_F32,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::AVX2_F32,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::NEON_F32,
            Isa::Scalar => PORTABLE_F32,
        }
    }
}

impl Real for f64 {
    fn kernel() -> Kernel<Self> {
        match simd::isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::AVX512_F64,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::AVX2_F64,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::NEON_F64,
            Isa::Scalar => PORTABLE_F64,
        }
    }
}
