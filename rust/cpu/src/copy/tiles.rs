//! Strided copies: along rows where source and target agree on the inner axis, in square tiles where
//! they do not (transposes), so that both sides use whole cache lines.

use std::mem::MaybeUninit;

#[cfg(target_arch = "x86_64")]
use crate::simd;
use crate::{
    parallel,
    strided::{Axes, Bytes},
};

/// Bytes of strided copying worth one chunk.
const GRAIN_BYTES: usize = 128 * 1024;
/// Side of a tile in bytes of the wider direction: one cache line at a time, several lines deep.
const TILE_BYTES: usize = 256;

/// A pointer that chunks write through at disjoint places.
#[derive(Clone, Copy)]
struct Target(*mut u8);
// SAFETY: chunks write disjoint elements.
unsafe impl Sync for Target {}
// SAFETY: as above.
unsafe impl Send for Target {}
impl Target {
    fn get(self) -> *mut u8 {
        self.0
    }
}

/// Copies all elements; `axes` holds the strides of source and target.
///
/// # Safety
/// Every element that the axes reach from the two pointers must be valid, and no target element may
/// be reached twice.
pub(super) unsafe fn copy<T: Copy>(source: *const u8, target: *mut u8, mut axes: Axes<2>) {
    order(&mut axes);
    let (source, target) = (Bytes(source), Target(target));
    let rank = axes.shape.len();
    let [from, to] = axes.step();
    // The axis along which the source is dense, if that is not the inner one.
    let dense = (0..rank - 1).rev().find(|&axis| axes.strides[axis][0].abs() == 1 && axes.shape[axis] >= 4);
    if let Some(axis) = dense
        && from.abs() > 1
        && axes.row() >= 4
    {
        // SAFETY: as the caller promises.
        unsafe { copy_tiles::<T>(source, target, &axes, axis) };
        return;
    }
    let rows = axes.len() / axes.row();
    if rows == 1 {
        // One long row: cut it.
        parallel::for_ranges(axes.row(), GRAIN_BYTES / size_of::<T>(), |range| {
            let first = range.start as isize;
            // SAFETY: as the caller promises.
            unsafe {
                let source = source.at(0).cast::<T>().offset(first * from);
                copy_line(source, from, target.get().cast::<T>().offset(first * to), to, range.len());
            }
        });
        return;
    }
    parallel::for_ranges(axes.len(), GRAIN_BYTES / size_of::<T>(), |range| {
        axes.for_rows(range, |[a, b], _, n| {
            // SAFETY: as the caller promises.
            unsafe {
                copy_line(source.at(0).cast::<T>().offset(a), from, target.get().cast::<T>().offset(b), to, n);
            }
        });
    });
}

/// Puts the axis along which the target is densest last: then writes run along cache lines. Elements are
/// independent, so any order of axes copies the same.
fn order(axes: &mut Axes<2>) {
    let rank = axes.shape.len();
    let Some(densest) = (0..rank).min_by_key(|&axis| axes.strides[axis][1].unsigned_abs()) else { return };
    if densest != rank - 1 {
        let (dim, strides) = (axes.shape.remove(densest), axes.strides.remove(densest));
        axes.shape.push(dim);
        axes.strides.push(strides);
    }
}

/// # Safety
/// `n` elements must be valid at both sides with these steps.
#[inline(always)]
unsafe fn copy_line<T: Copy>(source: *const T, from: isize, target: *mut T, to: isize, n: usize) {
    // SAFETY: see the function.
    unsafe {
        match (from, to) {
            (1, 1) if n * size_of::<T>() > 64 => std::ptr::copy_nonoverlapping(source, target, n),
            (1, 1) => (0..n).for_each(|i| *target.add(i) = *source.add(i)),
            (0, 1) => {
                let value = *source;
                (0..n).for_each(|i| *target.add(i) = value);
            }
            (_, 1) => (0..n).for_each(|i| *target.add(i) = *source.offset(i as isize * from)),
            _ => (0..n).for_each(|i| *target.offset(i as isize * to) = *source.offset(i as isize * from)),
        }
    }
}

/// Copies where the source is dense along `axis` and the target along the last.
///
/// # Safety
/// As for [`copy`].
unsafe fn copy_tiles<T: Copy>(source: Bytes, target: Target, axes: &Axes<2>, axis: usize) {
    let rank = axes.shape.len();
    let side = (TILE_BYTES / size_of::<T>()).clamp(16, 64);
    let (rows, columns) = (axes.shape[axis], axes.row());
    let ([row_from, row_to], [from, to]) = (axes.strides[axis], axes.step());
    // Four-byte elements, dense on both sides, are transposed in registers.
    #[cfg(target_arch = "x86_64")]
    let wide = size_of::<T>() == 4 && row_from == 1 && to == 1 && simd::isa() >= simd::Isa::Avx2;
    // One job: a strip of `side` rows of one matrix, all columns.
    let strips = rows.div_ceil(side);
    let outer: Vec<usize> = (0..rank - 1).filter(|&other| other != axis).collect();
    let matrices: usize = outer.iter().map(|&other| axes.shape[other]).product();
    let grain = (GRAIN_BYTES / size_of::<T>()).div_ceil(side * columns);
    parallel::for_ranges(matrices * strips, grain, |range| {
        for job in range {
            let (mut matrix, strip) = (job / strips, job % strips);
            let (mut a, mut b) = (0isize, 0isize);
            for &other in outer.iter().rev() {
                let index = (matrix % axes.shape[other]) as isize;
                matrix /= axes.shape[other];
                a += index * axes.strides[other][0];
                b += index * axes.strides[other][1];
            }
            let first = strip * side;
            let height = side.min(rows - first);
            for left in (0..columns).step_by(side) {
                let width = side.min(columns - left);
                let a = a + first as isize * row_from + left as isize * from;
                let b = b + first as isize * row_to + left as isize * to;
                // SAFETY: as the caller of `copy` promises.
                unsafe {
                    let source = source.at(0).cast::<T>().offset(a);
                    let target = target.get().cast::<T>().offset(b);
                    #[cfg(target_arch = "x86_64")]
                    if wide && height == side && width == side {
                        transpose::square(source.cast(), from, target.cast(), row_to, side);
                        continue;
                    }
                    tile(source, (row_from, from), target, (row_to, to), height, width);
                }
            }
        }
    });
}

/// # Safety
/// As for [`copy`].
#[inline(always)]
unsafe fn tile<T: Copy>(
    source: *const T,
    (row_from, from): (isize, isize),
    target: *mut T,
    (row_to, to): (isize, isize),
    height: usize,
    width: usize,
) {
    // SAFETY: see the function.
    unsafe {
        let mut row = 0;
        // Small squares through registers.
        while row + 8 <= height {
            let mut column = 0;
            while column + 8 <= width {
                let mut square = [[MaybeUninit::<T>::uninit(); 8]; 8];
                for (j, values) in square.iter_mut().enumerate() {
                    let line = source.offset(row as isize * row_from + (column + j) as isize * from);
                    for (i, value) in values.iter_mut().enumerate() {
                        value.write(*line.offset(i as isize * row_from));
                    }
                }
                for i in 0..8 {
                    let line = target.offset((row + i) as isize * row_to + column as isize * to);
                    for (j, values) in square.iter().enumerate() {
                        *line.offset(j as isize * to) = values[i].assume_init();
                    }
                }
                column += 8;
            }
            for i in row..row + 8 {
                let a = source.offset(i as isize * row_from + column as isize * from);
                let b = target.offset(i as isize * row_to + column as isize * to);
                copy_line(a, from, b, to, width - column);
            }
            row += 8;
        }
        for i in row..height {
            let a = source.offset(i as isize * row_from);
            copy_line(a, from, target.offset(i as isize * row_to), to, width);
        }
    }
}

/// Transposes of 4-byte elements with AVX2.
#[cfg(target_arch = "x86_64")]
mod transpose {
    use std::arch::x86_64::{
        _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
        _mm256_unpacklo_ps,
    };

    /// Transposes a square of `side` (a multiple of 16) elements whose lines lie these steps apart.
    ///
    /// # Safety
    /// The CPU must have AVX2, and all elements must be valid.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn square(source: *const f32, from: isize, target: *mut f32, to: isize, side: usize) {
        let side = side as isize;
        // Sixteen by sixteen at a time: whole cache lines on both sides.
        for row in (0..side).step_by(16) {
            for column in (0..side).step_by(16) {
                for (i, j) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
                    let (i, j) = (row + i, column + j);
                    // SAFETY: within the square.
                    unsafe { eight(source.offset(i + j * from), from, target.offset(i * to + j), to) };
                }
            }
        }
    }

    /// # Safety
    /// As for [`square`].
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn eight(source: *const f32, from: isize, target: *mut f32, to: isize) {
        // SAFETY: see the function.
        let r: [_; 8] = std::array::from_fn(|i| unsafe { _mm256_loadu_ps(source.offset(i as isize * from)) });
        let pair = |i: usize| (_mm256_unpacklo_ps(r[i], r[i + 1]), _mm256_unpackhi_ps(r[i], r[i + 1]));
        let [(a, b), (c, d), (e, f), (g, h)] = [pair(0), pair(2), pair(4), pair(6)];
        let low = [
            _mm256_shuffle_ps::<0x44>(a, c),
            _mm256_shuffle_ps::<0xee>(a, c),
            _mm256_shuffle_ps::<0x44>(b, d),
            _mm256_shuffle_ps::<0xee>(b, d),
        ];
        let high = [
            _mm256_shuffle_ps::<0x44>(e, g),
            _mm256_shuffle_ps::<0xee>(e, g),
            _mm256_shuffle_ps::<0x44>(f, h),
            _mm256_shuffle_ps::<0xee>(f, h),
        ];
        for i in 0..4 {
            let (first, second) =
                (_mm256_permute2f128_ps::<0x20>(low[i], high[i]), _mm256_permute2f128_ps::<0x31>(low[i], high[i]));
            // SAFETY: see the function.
            unsafe {
                _mm256_storeu_ps(target.offset(i as isize * to), first);
                _mm256_storeu_ps(target.offset((i as isize + 4) * to), second);
            }
        }
    }
}
