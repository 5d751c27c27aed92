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

struct FoldRow<'a, T, O>(&'a [T], PhantomData<O>);

impl<T: Number, O: Operation<T>> Routine for FoldRow<'_, T, O> {
    type Output = T::Acc;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> T::Acc {
        let mut total = O::neutral();
        for block in self.0.chunks(BLOCK) {
            let mut lanes = [<O as super::combine::Combine<T>>::neutral(); LANES];
            let (steps, rest) = block.as_chunks::<LANES>();
            for step in steps {
                for i in 0..LANES {
                    lanes[i] = O::combine(lanes[i], step[i]);
                }
            }
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane = O::combine(*lane, x);
            }
            let mut width = LANES / 2;
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
}

/// Rows shorter than this are folded one element after the other.
const SHORT: usize = 24;

/// The combination of a row's elements.
#[inline]
pub(super) fn row<T: Number, O: Operation<T>>(row: &[T]) -> T::Acc {
    if row.len() < SHORT {
        return row.iter().fold(O::neutral(), |acc, &x| O::combine(acc, x.lift()));
    }
    dispatch(FoldRow::<T, O>(row, PhantomData))
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
