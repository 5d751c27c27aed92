//! Matrix times vector: bound by memory, so nothing is packed.

use std::ops::Range;

use super::{
    gemm::for_each,
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
const SUMS: usize = 16;
/// Items whose sums stay in registers.
const BLOCK: usize = 128;
/// Items from which rows of memory are so long that they are read in order rather than in blocks.
const WIDE: usize = 2048;
/// Elements from which such a matrix is read from memory, so that it is cut between its rows alone.
const STREAMED: usize = 4 << 20;
/// Elements from which that holds for narrower matrices, of which there are many in a model: short pieces of memory
/// far from one another would wait for each, and one block of items is too few for two threads.
const NARROW_STREAMED: usize = PARALLEL;
/// Rows of memory one task reads of it: a quarter of them, within these bounds.
const FEWEST_ROWS: usize = 64;
const MOST_ROWS: usize = 256;
/// Multiplications below which one thread is faster than two.
const PARALLEL: usize = 64 << 10;

vectorized! {
    /// The sum of products, in [`SUMS`] interleaved parts.
    fn dot<T: Real, S: Widen<T>>(row: &[S], vector: &[T]) -> T {
        let mut sums = [T::ZERO; SUMS];
        let (rows, row_tail) = row.as_chunks::<SUMS>();
        let (vectors, vector_tail) = vector.as_chunks::<SUMS>();
        for (x, y) in rows.iter().zip(vectors) {
            add_products(&mut sums, x, y);
        }
        total(sums, row_tail, vector_tail)
    }

    /// Those of four rows, which are read side by side.
    fn dots<T: Real, S: Widen<T>>(rows: [&[S]; 4], vector: &[T]) -> [T; 4] {
        let [mut s0, mut s1, mut s2, mut s3] = [[T::ZERO; SUMS]; 4];
        let [r0, r1, r2, r3] = rows.map(|row| row.as_chunks::<SUMS>().0);
        let (vectors, vector_tail) = vector.as_chunks::<SUMS>();
        for ((((a, b), c), d), y) in r0.iter().zip(r1).zip(r2).zip(r3).zip(vectors) {
            add_products(&mut s0, a, y);
            add_products(&mut s1, b, y);
            add_products(&mut s2, c, y);
            add_products(&mut s3, d, y);
        }
        let [t0, t1, t2, t3] = rows.map(|row| row.as_chunks::<SUMS>().1);
        [
            total(s0, t0, vector_tail), total(s1, t1, vector_tail),
            total(s2, t2, vector_tail), total(s3, t3, vector_tail),
        ]
    }
}

#[inline(always)]
fn add_products<T: Real, S: Widen<T>>(sums: &mut [T; SUMS], row: &[S; SUMS], vector: &[T; SUMS]) {
    for i in 0..SUMS {
        sums[i] = sums[i] + row[i].widen() * vector[i];
    }
}

#[inline(always)]
fn total<T: Real, S: Widen<T>>(mut sums: [T; SUMS], row_tail: &[S], vector_tail: &[T]) -> T {
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

vectorized! {
    /// `out[i] = sum over k of matrix(first + i, k) * vector[k]` for a block of adjacent items, whose sums
    /// stay in registers over the whole depth.
    fn sum_block<T: Real, S: Widen<T>>(out: &mut [T; BLOCK], matrix: &Matrix<'_, S>, first: usize, vector: &[T]) {
        let mut sums = [T::ZERO; BLOCK];
        for (k, factor) in vector.iter().enumerate() {
            let Some(column) = matrix.column(k, &(first..first + BLOCK)) else { return };
            for (sum, value) in sums.iter_mut().zip(column) {
                *sum = *sum + value.widen() * *factor;
            }
        }
        *out = sums;
    }

    /// The same for any number of items and the depth from `start`, of which four parts are read side by side: four
    /// long pieces of memory, each in order, which is what prefetching is made for.
    fn sum_columns<T: Real, S: Widen<T>>(
        out: &mut [T], matrix: &Matrix<'_, S>, first: usize, start: usize, vector: &[T]
    ) {
        out.fill(T::ZERO);
        let items = first..first + out.len();
        let part = vector.len() / 4;
        let column = |k: usize| matrix.column(start + k, &items);
        for k in 0..part {
            let at = [k, k + part, k + 2 * part, k + 3 * part];
            let [Some(c0), Some(c1), Some(c2), Some(c3)] = at.map(column) else { return };
            let [v0, v1, v2, v3] = at.map(|k| vector[k]);
            let len = out.len();
            let (c0, c1, c2, c3) = (&c0[..len], &c1[..len], &c2[..len], &c3[..len]);
            for i in 0..len {
                let left = c0[i].widen() * v0 + c1[i].widen() * v1;
                let right = c2[i].widen() * v2 + c3[i].widen() * v3;
                out[i] = out[i] + (left + right);
            }
        }
        for (k, factor) in vector.iter().enumerate().skip(4 * part) {
            let Some(column) = column(k) else { return };
            for (sum, value) in out.iter_mut().zip(column) {
                *sum = *sum + value.widen() * *factor;
            }
        }
    }
}

/// Rows whose depth lies side by side, as four long pieces of memory, and what remains.
fn dot_items<T: Real, S: Widen<T>>(out: &mut [T], matrix: &Matrix<'_, S>, first: usize, vector: &[T]) {
    let part = out.len() / 4;
    let row = |item: usize| matrix.row(first + item, &(0..vector.len()));
    for item in 0..part {
        let at = [item, item + part, item + 2 * part, item + 3 * part];
        let [Some(r0), Some(r1), Some(r2), Some(r3)] = at.map(row) else { return };
        for (at, sum) in at.into_iter().zip(dots([r0, r1, r2, r3], vector)) {
            out[at] = sum;
        }
    }
    for (item, to) in out.iter_mut().enumerate().skip(4 * part) {
        let Some(row) = row(item) else { return };
        *to = dot(row, vector);
    }
}

/// Blocks while they fit, then what remains.
fn sum_items<T: Real, S: Widen<T>>(out: &mut [T], matrix: &Matrix<'_, S>, first: usize, vector: &[T]) {
    if out.len() > ITEMS {
        return sum_columns(out, matrix, first, 0, vector);
    }
    let (blocks, tail) = out.as_chunks_mut::<BLOCK>();
    let whole = blocks.len() * BLOCK;
    for (number, block) in blocks.iter_mut().enumerate() {
        sum_block(block, matrix, first + number * BLOCK, vector);
    }
    if !tail.is_empty() {
        sum_columns(tail, matrix, first + whole, 0, vector);
    }
}

/// A matrix that is in no cache: every task reads some whole rows of memory from end to end, and the sums of the tasks
/// are added up in order.
fn stream<T: Real, S: Widen<T>>(matrix: &Matrix<'_, S>, vector: &[T], out: &mut [T], on_all_threads: bool) {
    let rows = vector.len().div_ceil(4).clamp(FEWEST_ROWS, MOST_ROWS);
    let (items, tasks) = (out.len(), vector.len().div_ceil(rows));
    let mut sums = Scratch::<T>::new(tasks * items);
    let pieces = DisjointMut::new(&mut sums);
    for_each(on_all_threads, tasks, &|task| {
        // SAFETY: every task has its own range.
        let sums = unsafe { pieces.range(task * items..(task + 1) * items) };
        let depth = task * rows..((task + 1) * rows).min(vector.len());
        sum_columns(sums, matrix, 0, depth.start, &vector[depth]);
    });
    let (first, others) = sums.split_at(items);
    out.copy_from_slice(first);
    for sums in others.chunks_exact(items) {
        for (to, from) in out.iter_mut().zip(sums) {
            *to = *to + *from;
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
    let streamed = if items >= WIDE { STREAMED } else { NARROW_STREAMED };
    if matrix.items_adjacent() && items >= BLOCK && items * depth >= streamed {
        stream(matrix, right, out, on_all_threads);
        return true;
    }
    let width = if items >= WIDE { WIDE / 2 } else { ITEMS };
    let pieces = DisjointMut::new(out);
    let run = |task: usize| {
        let mine: Range<usize> = task * width..((task + 1) * width).min(items);
        // SAFETY: every task has its own range.
        let out = unsafe { pieces.range(mine.clone()) };
        if matrix.depth_adjacent() {
            dot_items(out, matrix, mine.start, right);
        } else {
            sum_items(out, matrix, mine.start, right);
        }
    };
    let tasks = items.div_ceil(width);
    if on_all_threads && tasks > 1 && items * depth >= PARALLEL {
        parallel::for_chunks(tasks, &run);
    } else {
        (0..tasks).for_each(run);
    }
    true
}
