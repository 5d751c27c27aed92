//! Products of 8-bit integers, summed in int32.

use super::{
    gemm::{Size, for_each},
    integer::{self, Wrapping},
    pack::Matrix,
    tiles::{self, Cell, Kernel},
};
use crate::{parallel::DisjointMut, simd::vectorized};

/// Sides below which packing tiles does not pay.
const NARROW: usize = 4;
/// Columns of a task of few rows, where there are many and where there are not.
const WIDE: usize = 1024;
const ITEMS: usize = 256;
/// Multiplications below which one thread is faster than two.
const PARALLEL: usize = 64 << 10;

vectorized! {
    /// `out[i] = sum over k of matrix(first + i, k) * vector[k]`, wrapping, four steps of depth at a time.
    fn sum_columns(out: &mut [i32], matrix: &Matrix<'_, i8>, first: usize, vector: &[i8]) {
        out.fill(0);
        let items = first..first + out.len();
        let (fours, rest) = vector.as_chunks::<4>();
        for (step, factors) in fours.iter().enumerate() {
            let [v0, v1, v2, v3] = factors.map(i32::from);
            let column = |i: usize| matrix.column(step * 4 + i, &items);
            let (Some(c0), Some(c1), Some(c2), Some(c3)) = (column(0), column(1), column(2), column(3)) else { return };
            for ((((sum, a), b), c), d) in out.iter_mut().zip(c0).zip(c1).zip(c2).zip(c3) {
                // Four products of bytes are far from the ends of int32.
                let [a, b, c, d] = [*a, *b, *c, *d].map(i32::from);
                *sum = sum.wrapping_add((a * v0 + b * v1) + (c * v2 + d * v3));
            }
        }
        for (k, factor) in rest.iter().enumerate() {
            let Some(column) = matrix.column(fours.len() * 4 + k, &items) else { return };
            for (sum, value) in out.iter_mut().zip(column) {
                *sum = sum.wrapping_add(i32::from(*value) * i32::from(*factor));
            }
        }
    }

    /// The sum of products, wrapping.
    fn dot(row: &[i8], vector: &[i8]) -> i32 {
        let mut sum = 0_i32;
        for (x, y) in row.iter().zip(vector) {
            sum = sum.wrapping_add(i32::from(*x) * i32::from(*y));
        }
        sum
    }
}

/// A few rows times a matrix that is read once where it lies; false if its layout has neither columns nor depth side
/// by side.
fn few(size: Size, a: &Matrix<'_, i8>, b: &Matrix<'_, i8>, out: &mut [i32], on_all_threads: bool) -> bool {
    let Size { rows, columns, depth } = size;
    if !(b.items_adjacent() || b.depth_adjacent()) {
        return false;
    }
    let left: Vec<i8> = (0..rows).flat_map(|row| (0..depth).map(move |k| a.at(row, k))).collect();
    let width = if columns >= 2 * WIDE { WIDE } else { ITEMS };
    let pieces = DisjointMut::new(out);
    let parallel = on_all_threads && rows * columns * depth >= PARALLEL;
    for_each(parallel, columns.div_ceil(width), &|task| {
        let mine = task * width..((task + 1) * width).min(columns);
        for row in 0..rows {
            let vector = &left[row * depth..(row + 1) * depth];
            // SAFETY: every task has columns of its own.
            let out = unsafe { pieces.range(row * columns + mine.start..row * columns + mine.end) };
            if b.depth_adjacent() {
                for (item, to) in mine.clone().zip(out) {
                    *to = b.row(item, &(0..depth)).map_or(0, |row| dot(row, vector));
                }
            } else {
                sum_columns(out, b, mine.start, vector);
            }
        }
    });
    true
}

fn kernel() -> Kernel<i32> {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = tiles::amx::integers().or_else(tiles::x86::integers) {
        return kernel;
    }
    tiles::twin::INTEGERS
}

/// `out = a b` in int32: `a` has rows as items, `b` columns. A sum beyond int32 wraps.
pub(super) fn wide(size: Size, a: &Matrix<'_, i8>, b: &Matrix<'_, i8>, out: &mut [i32], on_all_threads: bool) {
    if size.rows >= NARROW || !few(size, a, b, out, on_all_threads) {
        into(size, a, b, out, |sum| sum, on_all_threads);
    }
}

/// The same, of which the lowest eight bits are kept: exact, wrapping at the width of the dtype.
pub(super) fn wrapping<T: Cell<Sum = i32> + Wrapping>(
    size: Size,
    a: &Matrix<'_, T>,
    b: &Matrix<'_, T>,
    out: &mut [T],
    on_all_threads: bool,
) {
    if size.rows < NARROW || size.columns < NARROW || size.depth < NARROW {
        integer::multiply(size, a, b, out, on_all_threads);
    } else {
        into(size, a, b, out, |sum| T::from_i64(i64::from(sum)), on_all_threads);
    }
}

fn into<S: Cell<Sum = i32>, T: Send>(
    size: Size,
    a: &Matrix<'_, S>,
    b: &Matrix<'_, S>,
    out: &mut [T],
    convert: impl Fn(i32) -> T + Sync,
    on_all_threads: bool,
) {
    assert_eq!(out.len(), size.rows * size.columns);
    let pieces = DisjointMut::new(out);
    let finish = |row: usize, column: usize, sums: &[i32]| {
        let start = row * size.columns + column;
        // SAFETY: every piece of the result comes once.
        let to = unsafe { pieces.range(start..start + sums.len()) };
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = convert(*sum));
    };
    tiles::multiply(kernel(), size, a, b, &finish, on_all_threads);
}
