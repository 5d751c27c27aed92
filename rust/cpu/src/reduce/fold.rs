//! The loops of reductions: a row into one value, and rows into one row.
//!
//! Both keep many accumulators side by side for a short block, then add the block's result to the
//! accumulator type. The order depends on the length alone.

use std::marker::PhantomData;

use super::combine::{Number, Operation};
use crate::simd::{Routine, dispatch};

/// Accumulators of a row: four 512-bit registers of float32.
const LANES: usize = 64;
/// Elements of a row per block.
const BLOCK: usize = 1024;
/// Rows per block.
const ROWS: usize = 32;

/// Rows shorter than this keep fewer accumulators.
const SHORT: usize = 256;
const SHORT_LANES: usize = 16;
/// Rows shorter than this are folded one element after the other.
const TINY: usize = 16;

#[inline(always)]
fn fold<T: Number, O: Operation<T>, const WIDTH: usize>(row: &[T]) -> T::Acc {
    let mut total = O::neutral();
    for block in row.chunks(BLOCK) {
        let mut lanes = [<O as super::combine::Combine<T>>::neutral(); WIDTH];
        let (steps, rest) = block.as_chunks::<WIDTH>();
        for step in steps {
            for i in 0..WIDTH {
                lanes[i] = O::combine(lanes[i], step[i]);
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane = O::combine(*lane, x);
        }
        let mut width = WIDTH / 2;
        while width > 0 {
            for i in 0..width {
                lanes[i] = O::combine(lanes[i], lanes[i + width]);
            }
            width /= 2;
        }
        total = O::combine(total, lanes[0].lift());
    }
    total
}

#[inline(always)]
fn fold_any<T: Number, O: Operation<T>>(row: &[T]) -> T::Acc {
    if row.len() < TINY {
        row.iter().fold(O::neutral(), |acc, &x| O::combine(acc, x.lift()))
    } else if row.len() < SHORT {
        fold::<T, O, SHORT_LANES>(row)
    } else {
        fold::<T, O, LANES>(row)
    }
}

struct FoldRow<'a, T, O>(&'a [T], PhantomData<O>);

impl<T: Number, O: Operation<T>> Routine for FoldRow<'_, T, O> {
    type Output = T::Acc;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> T::Acc {
        fold_any::<T, O>(self.0)
    }
}

/// The combination of a row's elements.
#[inline]
pub(super) fn row<T: Number, O: Operation<T>>(row: &[T]) -> T::Acc {
    dispatch(FoldRow::<T, O>(row, PhantomData))
}

struct FindRows<'a, T, O> {
    data: &'a [T],
    length: usize,
    out: &'a mut [i32],
    operation: PhantomData<O>,
}

/// The first element for which the test holds, looked for in blocks without branches.
#[inline(always)]
fn find<T: Copy>(row: &[T], test: impl Fn(T) -> bool) -> usize {
    for (at, block) in row.chunks(256).enumerate() {
        let mut first = u32::MAX;
        for (i, &x) in block.iter().enumerate() {
            first = first.min(if test(x) { i as u32 } else { u32::MAX });
        }
        if first != u32::MAX {
            return at * 256 + first as usize;
        }
    }
    0
}

impl<T: Number, O: Operation<T>> Routine for FindRows<'_, T, O> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (to, row) in self.out.iter_mut().zip(self.data.chunks_exact(self.length)) {
            let extreme = T::lower(fold_any::<T, O>(row));
            // Only NaN differs from itself, and where there is one it is the extreme.
            #[allow(clippy::eq_op)]
            let place = if extreme == extreme { find(row, |x| x == extreme) } else { find(row, |x| x != x) };
            *to = place as i32;
        }
    }
}

/// Where each of many rows of one length has its first extreme element.
pub(super) fn find_rows<T: Number, O: Operation<T>>(data: &[T], length: usize, out: &mut [i32]) {
    dispatch(FindRows::<T, O> { data, length, out, operation: PhantomData });
}

struct FoldRows<'a, T, O, F> {
    data: &'a [T],
    length: usize,
    out: &'a mut [T],
    finish: F,
    operation: PhantomData<O>,
}

impl<T: Number, O: Operation<T>, F: Fn(T::Acc, usize) -> T> Routine for FoldRows<'_, T, O, F> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (to, row) in self.out.iter_mut().zip(self.data.chunks_exact(self.length)) {
            *to = (self.finish)(fold_any::<T, O>(row), self.length);
        }
    }
}

/// The combinations of many rows of one length, as [`row`] gives each.
pub(super) fn rows<T: Number, O: Operation<T>>(
    data: &[T],
    length: usize,
    out: &mut [T],
    finish: impl Fn(T::Acc, usize) -> T,
) {
    dispatch(FoldRows::<T, O, _> { data, length, out, finish, operation: PhantomData });
}

struct FoldColumns<'a, T: Number, O> {
    first: *const T,
    /// From row to row.
    step: isize,
    rows: usize,
    totals: &'a mut [T::Acc],
    operation: PhantomData<O>,
}

impl<T: Number, O: Operation<T>> FoldColumns<'_, T, O> {
    /// Folds all rows of the `width <= LANES` columns from `left`.
    #[inline(always)]
    fn strip(&mut self, left: usize, width: usize) {
        let mut at = 0;
        while at < self.rows {
            let end = (at + ROWS).min(self.rows);
            let mut lanes = [<O as super::combine::Combine<T>>::neutral(); LANES];
            for row in at..end {
                // SAFETY: the creator of this structure promises `rows` rows of `totals.len()` elements.
                let row =
                    unsafe { std::slice::from_raw_parts(self.first.offset(row as isize * self.step).add(left), width) };
                for (lane, &x) in lanes.iter_mut().zip(row) {
                    *lane = O::combine(*lane, x);
                }
            }
            for (total, lane) in self.totals[left..left + width].iter_mut().zip(lanes) {
                *total = O::combine(*total, lane.lift());
            }
            at = end;
        }
    }
}

impl<T: Number, O: Operation<T>> Routine for FoldColumns<'_, T, O> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        let width = self.totals.len();
        let whole = width - width % LANES;
        for left in (0..whole).step_by(LANES) {
            self.strip(left, LANES);
        }
        if whole < width {
            self.strip(whole, width - whole);
        }
    }
}

/// Combines `rows` rows, which lie `step` apart, into the totals, column by column.
///
/// # Safety
/// Each row must have `totals.len()` valid elements.
pub(super) unsafe fn columns<T: Number, O: Operation<T>>(
    first: *const T,
    step: isize,
    rows: usize,
    totals: &mut [T::Acc],
) {
    dispatch(FoldColumns::<T, O> { first, step, rows, totals, operation: PhantomData });
}
