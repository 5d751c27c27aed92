//! Cumulative reductions along an axis.

use corten_core::{DType, Layout, Result, ScanOp};

use crate::{
    In, copy, elementwise,
    memory::Buffer,
    parallel::{self, DisjointMut},
    reduce::{
        combine::{Max, Min, Number, Operation, Prod, Sum},
        with_number, wrapping,
    },
};

/// Elements whose scan is worth one chunk.
const PIECE: usize = 32 * 1024;
/// Columns that are scanned together.
const COLUMNS: usize = 256;

pub(crate) fn scan(op: ScanOp, x: In<'_>, axis: usize, reverse: bool) -> Result<Buffer> {
    if matches!(x.dtype, DType::F16 | DType::BF16) {
        let wide = elementwise::cast(x, DType::F32)?;
        let layout = Layout::contiguous(x.layout.shape());
        let out = scan(op, In { buffer: &wide, layout: &layout, dtype: DType::F32 }, axis, reverse)?;
        return elementwise::cast(In { buffer: &out, layout: &layout, dtype: DType::F32 }, x.dtype);
    }
    let shape = x.layout.shape();
    let inner = shape[axis + 1..].iter().product();
    let mut out = copy::to_contiguous(x)?;
    if x.layout.is_empty() {
        return Ok(out);
    }
    let job = Job { length: shape[axis], inner, reverse };
    match op {
        ScanOp::Sum => with_number!(wrapping(x.dtype), T => job.run::<T, Sum>(out.as_mut_slice())),
        ScanOp::Prod => with_number!(wrapping(x.dtype), T => job.run::<T, Prod>(out.as_mut_slice())),
        ScanOp::Max => with_number!(x.dtype, T => job.run::<T, Max>(out.as_mut_slice())),
        ScanOp::Min => with_number!(x.dtype, T => job.run::<T, Min>(out.as_mut_slice())),
    }
    Ok(out)
}

/// `length` elements along the axis, `inner` apart.
struct Job {
    length: usize,
    inner: usize,
    reverse: bool,
}

impl Job {
    /// Scans one dense row in place.
    fn row<T: Number, O: Operation<T>>(&self, row: &mut [T]) {
        let mut total = O::neutral();
        let mut step = |x: &mut T| {
            total = O::combine(total, x.lift());
            *x = T::lower(total);
        };
        if self.reverse { row.iter_mut().rev().for_each(step) } else { row.iter_mut().for_each(&mut step) }
    }

    /// Scans in place.
    fn run<T: Number, O: Operation<T>>(&self, data: &mut [T]) {
        let matrix = self.length * self.inner;
        let blocks = self.inner.div_ceil(COLUMNS);
        let jobs = data.len() / matrix * blocks;
        let grain = (PIECE / (self.length * self.inner.min(COLUMNS))).max(1);
        let target = DisjointMut::new(data);
        parallel::for_ranges(jobs, grain, |range| {
            for job in range {
                if self.inner == 1 {
                    // SAFETY: jobs have disjoint rows.
                    self.row::<T, O>(unsafe { target.range(job * matrix..(job + 1) * matrix) });
                    continue;
                }
                let left = (job % blocks) * COLUMNS;
                let width = COLUMNS.min(self.inner - left);
                let first = job / blocks * matrix + left;
                let mut totals = [O::neutral(); COLUMNS];
                for step in 0..self.length {
                    let row = if self.reverse { self.length - 1 - step } else { step };
                    let start = first + row * self.inner;
                    // SAFETY: jobs have disjoint columns.
                    let row = unsafe { target.range(start..start + width) };
                    for (total, x) in totals.iter_mut().zip(row) {
                        *total = O::combine(*total, x.lift());
                        *x = T::lower(*total);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn along_any_axis_both_ways() {
        let values: Vec<i32> = (1..=6).collect();
        let buffer = Buffer::from_slice(&values).unwrap();
        let layout = Layout::contiguous(&[2, 3]);
        let x = In { buffer: &buffer, layout: &layout, dtype: DType::I32 };
        let run = |op, axis, reverse| scan(op, x, axis, reverse).unwrap().as_slice::<i32>().to_vec();
        assert_eq!(run(ScanOp::Sum, 1, false), [1, 3, 6, 4, 9, 15]);
        assert_eq!(run(ScanOp::Sum, 1, true), [6, 5, 3, 15, 11, 6]);
        assert_eq!(run(ScanOp::Prod, 0, false), [1, 2, 3, 4, 10, 18]);
        assert_eq!(run(ScanOp::Max, 1, true), [3, 3, 3, 6, 6, 6]);
        let flipped = layout.permute(&[1, 0]);
        let x = In { layout: &flipped, ..x };
        assert_eq!(scan(ScanOp::Sum, x, 0, false).unwrap().as_slice::<i32>(), [1, 4, 3, 9, 6, 15]);
    }

    #[test]
    fn long_sums_stay_accurate() {
        let buffer = Buffer::from_slice(&vec![0.1f32; 1_000_000]).unwrap();
        let layout = Layout::contiguous(&[1_000_000]);
        let out = scan(ScanOp::Sum, In { buffer: &buffer, layout: &layout, dtype: DType::F32 }, 0, false).unwrap();
        assert!((out.as_slice::<f32>()[999_999] - 100_000.0).abs() < 0.01);
    }
}
