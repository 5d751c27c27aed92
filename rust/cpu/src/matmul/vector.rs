//! Matrix times vector: bound by memory, so nothing is packed.

use std::ops::Range;

use super::{
    kernel::Real,
    pack::{Matrix, Widen},
    scratch::Scratch,
};
use crate::{
    parallel::{self, DisjointMut},
    simd::vectorized,
};

/// Items computed by one task.
const ITEMS: usize = 256;
/// Partial sums of a dot product, added up in order at the end.
const SUMS: usize = 32;
/// Items whose sums stay in registers.
const BLOCK: usize = 64;
/// Multiplications below which one thread is faster than two.
const PARALLEL: usize = 64 << 10;

vectorized! {
    /// The sum of products, in [`SUMS`] interleaved parts.
    fn dot<T: Real, S: Widen<T>>(row: &[S], vector: &[T]) -> T {
        let mut sums = [T::ZERO; SUMS];
        let (rows, row_tail) = row.as_chunks::<SUMS>();
        let (vectors, vector_tail) = vector.as_chunks::<SUMS>();
        for (x, y) in rows.iter().zip(vectors) {
            for i in 0..SUMS {
                sums[i] = sums[i] + x[i].widen() * y[i];
            }
        }
        for ((sum, x), y) in sums.iter_mut().zip(row_tail).zip(vector_tail) {
            *sum = *sum + x.widen() * *y;
        }
        let mut width = SUMS / 2;
        while width > 0 {
            for i in 0..width {
                sums[i] = sums[i] + sums[i + width];
            }
            width /= 2;
        }
        sums[0]
    }
}

vectorized! {
    /// `out[i] = sum over k of matrix(first + i, k) * vector[k]` for adjacent items: sums of a block of
    /// items stay in registers over the whole depth.
    fn sum_columns<T: Real, S: Widen<T>>(out: &mut [T], matrix: &Matrix<'_, S>, first: usize, vector: &[T]) {
        let (blocks, tail) = out.as_chunks_mut::<BLOCK>();
        let mut from = first;
        for block in blocks {
            let mut sums = [T::ZERO; BLOCK];
            for (k, factor) in vector.iter().enumerate() {
                let Some(column) = matrix.column(k, &(from..from + BLOCK)) else { return };
                for (sum, value) in sums.iter_mut().zip(column) {
                    *sum = *sum + value.widen() * *factor;
                }
            }
            *block = sums;
            from += BLOCK;
        }
        tail.fill(T::ZERO);
        for (k, factor) in vector.iter().enumerate() {
            let Some(column) = matrix.column(k, &(from..from + tail.len())) else { return };
            for (sum, value) in tail.iter_mut().zip(column) {
                *sum = *sum + value.widen() * *factor;
            }
        }
    }
}

/// `out[i] = sum over k of matrix(i, k) * vector[k]` for the items of `matrix`; false if its layout
/// has neither items nor depth side by side.
pub(crate) fn multiply<T: Real, S: Widen<T>>(
    matrix: &Matrix<'_, S>,
    (items, depth): (usize, usize),
    vector: impl Fn(usize) -> S,
    out: &mut [T],
    on_all_threads: bool,
) -> bool {
    assert_eq!(out.len(), items);
    if !(matrix.items_adjacent() || matrix.depth_adjacent()) {
        return false;
    }
    let mut right = Scratch::<T>::new(depth);
    for (k, to) in right.iter_mut().enumerate() {
        *to = vector(k).widen();
    }
    let right = &right[..];
    let pieces = DisjointMut::new(out);
    let run = |task: usize| {
        let mine: Range<usize> = task * ITEMS..((task + 1) * ITEMS).min(items);
        // SAFETY: every task has its own range.
        let out = unsafe { pieces.range(mine.clone()) };
        if matrix.depth_adjacent() {
            for (item, to) in mine.zip(out) {
                *to = matrix.row(item, &(0..depth)).map_or(T::ZERO, |row| dot(row, right));
            }
        } else {
            sum_columns(out, matrix, mine.start, right);
        }
    };
    let tasks = items.div_ceil(ITEMS);
    if on_all_threads && tasks > 1 && items * depth >= PARALLEL {
        parallel::for_chunks(tasks, &run);
    } else {
        (0..tasks).for_each(run);
    }
    true
}
