//! Products of 8-bit integers, summed in int32.

use super::{
    gemm::Size,
    integer::{self, Wrapping},
    pack::Matrix,
    tiles::{self, Cell, Kernel},
};
use crate::parallel::DisjointMut;

/// Sides below which packing tiles does not pay.
const NARROW: usize = 4;

fn kernel() -> Kernel<i32> {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = tiles::amx::integers().or_else(tiles::x86::integers) {
        return kernel;
    }
    tiles::twin::INTEGERS
}

/// `out = a b` in int32: `a` has rows as items, `b` columns. A sum beyond int32 wraps.
pub(super) fn wide(size: Size, a: &Matrix<'_, i8>, b: &Matrix<'_, i8>, out: &mut [i32], on_all_threads: bool) {
    into(size, a, b, out, |sum| sum, on_all_threads);
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
