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
/// Steps of depth of a task of few rows: it reads whole rows of memory in order.
const STEPS: usize = 256;
/// Items of a task where the depth lies side by side.
const ITEMS: usize = 256;
/// Multiplications below which one thread is faster than two.
const PARALLEL: usize = 64 << 10;

vectorized! {
    /// `out[i] = sum over k of matrix(i, start + k) * vector[k]`, wrapping. Four parts of the depth are read side by
    /// side, each in order, which is what prefetching is made for.
    fn sum_columns(out: &mut [i32], matrix: &Matrix<'_, i8>, start: usize, vector: &[i8]) {
        out.fill(0);
        let items = 0..out.len();
        let part = vector.len() / 4;
        let column = |k: usize| matrix.column(start + k, &items);
        for k in 0..part {
            let at = [k, k + part, k + 2 * part, k + 3 * part];
            let [Some(c0), Some(c1), Some(c2), Some(c3)] = at.map(column) else { return };
            let [v0, v1, v2, v3] = at.map(|k| i32::from(vector[k]));
            let len = out.len();
            let (c0, c1, c2, c3) = (&c0[..len], &c1[..len], &c2[..len], &c3[..len]);
            for i in 0..len {
                // Four products of bytes are far from the ends of int32.
                let left = i32::from(c0[i]) * v0 + i32::from(c1[i]) * v1;
                let right = i32::from(c2[i]) * v2 + i32::from(c3[i]) * v3;
                out[i] = out[i].wrapping_add(left + right);
            }
        }
        for (k, factor) in vector.iter().enumerate().skip(4 * part) {
            let Some(column) = column(k) else { return };
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
    if !(b.items_adjacent() || b.depth_adjacent()) || out.is_empty() || depth == 0 {
        return false;
    }
    let left: Vec<i8> = (0..rows).flat_map(|row| (0..depth).map(move |k| a.at(row, k))).collect();
    let parallel = on_all_threads && rows * columns * depth >= PARALLEL;
    if b.depth_adjacent() {
        let pieces = DisjointMut::new(out);
        for_each(parallel, columns.div_ceil(ITEMS), &|task| {
            let mine = task * ITEMS..((task + 1) * ITEMS).min(columns);
            for (row, vector) in left.chunks_exact(depth.max(1)).enumerate() {
                // SAFETY: every task has columns of its own.
                let out = unsafe { pieces.range(row * columns + mine.start..row * columns + mine.end) };
                for (item, to) in mine.clone().zip(out) {
                    *to = b.row(item, &(0..depth)).map_or(0, |row| dot(row, vector));
                }
            }
        });
        return true;
    }
    let tasks = depth.div_ceil(STEPS).max(1);
    let mut sums = vec![0_i32; tasks * out.len()];
    let (pieces, len) = (DisjointMut::new(&mut sums), out.len());
    for_each(parallel, tasks, &|task| {
        // SAFETY: every task has its own range.
        let sums = unsafe { pieces.range(task * len..(task + 1) * len) };
        let mine = task * STEPS..((task + 1) * STEPS).min(depth);
        for (row, sums) in sums.chunks_exact_mut(columns).enumerate() {
            sum_columns(sums, b, mine.start, &left[row * depth + mine.start..row * depth + mine.end]);
        }
    });
    out.fill(0);
    for sums in sums.chunks_exact(len) {
        out.iter_mut().zip(sums).for_each(|(to, sum)| *to = to.wrapping_add(*sum));
    }
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
