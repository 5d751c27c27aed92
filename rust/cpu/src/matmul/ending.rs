//! What is done to a product as it leaves its tiles: a bias is added and an activation applied, while it is in the
//! first-level cache.

use super::{Finish, kernel::Real};
use crate::parallel::{self, DisjointMut};

/// Elements worth a task where a product did not go through tiles.
const GRAIN: usize = 16 << 10;

/// Bias and activation of a product.
#[derive(Clone, Copy)]
pub(crate) struct Ending<'a, T> {
    /// As many elements as the result has columns.
    pub(crate) bias: &'a [T],
    pub(crate) function: Function<'a, T>,
}

/// What follows the sums.
#[derive(Clone, Copy)]
pub(crate) enum Function<'a, T> {
    /// The bias.
    None,
    /// The bias, then what is not above zero becomes zero.
    Rectify,
    /// This, which adds the bias itself.
    Finish(Finish<'a, T>),
}

impl<T: Real> Ending<'_, T> {
    /// Does it to whole rows of a result that did not go through tiles.
    pub(crate) fn apply(&self, out: &mut [T], on_all_threads: bool) {
        let width = self.bias.len();
        if width == 0 {
            return;
        }
        let (rows, len) = (out.len().div_ceil(width), out.len());
        let pieces = DisjointMut::new(out);
        let run = |row: usize| {
            // SAFETY: every row has its own range.
            self.end_row(row, unsafe { pieces.range(row * width..((row + 1) * width).min(len)) });
        };
        if on_all_threads {
            parallel::for_ranges(rows, (GRAIN / width).max(1), |rows| rows.for_each(run));
        } else {
            (0..rows).for_each(run);
        }
    }

    fn end_row(&self, row: usize, piece: &mut [T]) {
        match self.function {
            Function::None => {
                for (to, bias) in piece.iter_mut().zip(self.bias) {
                    *to = *to + *bias;
                }
            }
            Function::Rectify => {
                for (to, bias) in piece.iter_mut().zip(self.bias) {
                    let sum = *to + *bias;
                    // This way round NaN stays.
                    *to = if sum <= T::ZERO { T::ZERO } else { sum };
                }
            }
            Function::Finish(finish) => finish(row, 0, piece),
        }
    }
}
