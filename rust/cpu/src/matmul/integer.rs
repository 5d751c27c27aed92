//! Products of integers: exact, wrapping at the width of the dtype, rows times whole rows of `b`.

use corten_core::Element;

use super::{gemm::Size, pack::Matrix};
use crate::parallel::{self, DisjointMut};

/// Integers with wrapping arithmetic.
pub(crate) trait Wrapping: Element {
    fn add_product(self, a: Self, b: Self) -> Self;
}

macro_rules! wrapping {
    ($($t:ty)*) => {$(
        impl Wrapping for $t {
            #[inline(always)]
            fn add_product(self, a: Self, b: Self) -> Self {
                self.wrapping_add(a.wrapping_mul(b))
            }
        }
    )*};
}
wrapping!(u8 u16 u32 u64 i8 i16 i32 i64);

const PARALLEL: usize = 256 << 10;

/// `a` has the rows of the result as items, `b` its columns.
pub(crate) fn multiply<T: Wrapping>(
    size: Size,
    a: &Matrix<'_, T>,
    b: &Matrix<'_, T>,
    out: &mut [T],
    on_all_threads: bool,
) {
    assert_eq!(out.len(), size.rows * size.columns);
    let pieces = DisjointMut::new(out);
    let run = |row: usize| {
        // SAFETY: every row is its own range.
        let out = unsafe { pieces.range(row * size.columns..(row + 1) * size.columns) };
        out.fill(T::ZERO);
        for k in 0..size.depth {
            let factor = a.at(row, k);
            if let Some(values) = b.column(k, &(0..size.columns)) {
                for (to, value) in out.iter_mut().zip(values) {
                    *to = to.add_product(factor, *value);
                }
            } else {
                for (column, to) in out.iter_mut().enumerate() {
                    *to = to.add_product(factor, b.at(column, k));
                }
            }
        }
    };
    if on_all_threads && size.rows > 1 && size.rows * size.columns * size.depth >= PARALLEL {
        parallel::for_chunks(size.rows, &run);
    } else {
        (0..size.rows).for_each(run);
    }
}
