//! LSTM and GRU over whole sequences. Samples do not meet, so tasks are groups of samples, each of which walks through
//! all steps alone: the inputs' share of a few steps is one product; then each step is a product with the recurrent
//! kernel, packed once, and a pass over the gates. What a step works on lies close together, as rows of a sequence are
//! often a power of two apart and would fall on the same places of a cache.

mod cells;
mod gru;
mod lstm;

use std::ops::Range;

use corten_core::Result;

pub(super) use self::{
    gru::{gru, gru_gradient},
    lstm::{lstm, lstm_gradient},
};
use super::math::{Float, add_row};
use crate::{
    In,
    matmul::{Matrix, Output, Packed, Panels, Rows, Segments, Size, gemm, product},
    memory::Buffer,
    parallel,
};

/// Samples of one task at most.
const SAMPLES: usize = 24;
/// Tasks worth having.
const TASKS: usize = 4;
/// Rows of one product for the inputs' share.
const SHARE_ROWS: usize = 64;
/// Elements of the gates' gradient that are packed once for both weight gradients.
const PACKED: usize = 4 << 20;

/// Sizes of a layer: samples, steps, features of the input, units, gates.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    samples: usize,
    steps: usize,
    features: usize,
    units: usize,
    gates: usize,
}

impl Sizes {
    fn new(inputs: &[In<'_>], gates: usize) -> Self {
        let (x, h) = (inputs[0].layout.shape(), inputs[4].layout.shape());
        Self { samples: x[0], steps: x[1], features: x[2], units: h[1], gates }
    }
    /// Elements of the gates of one step.
    fn wide(&self) -> usize {
        self.gates * self.units
    }
    fn rows(&self) -> usize {
        self.samples * self.steps
    }

    /// Samples of a group.
    fn group(&self) -> usize {
        if self.samples < TASKS { self.samples.max(1) } else { self.samples.div_ceil(TASKS).clamp(1, SAMPLES) }
    }
    fn groups(&self) -> usize {
        self.samples.div_ceil(self.group())
    }

    /// Calls `run(group, samples, alone)` for groups of samples; `alone` says that there is one group,
    /// whose products may use all threads.
    fn for_groups(&self, run: impl Fn(usize, Range<usize>, bool) + Sync) {
        let (group, groups) = (self.group(), self.groups());
        if groups <= 1 {
            run(0, 0..self.samples, true);
        } else {
            parallel::for_chunks(groups, &|index| {
                run(index, index * group..((index + 1) * group).min(self.samples), false);
            });
        }
    }

    /// Steps whose share of the gates is computed at a time.
    fn share_steps(&self) -> usize {
        (SHARE_ROWS / self.group()).clamp(1, self.steps.max(1))
    }

    /// Where a step of a sample lies: rows of `len` elements, step after step, sample after sample.
    fn at(&self, sample: usize, step: usize, len: usize) -> Range<usize> {
        let start = (sample * self.steps + step) * len;
        start..start + len
    }

    /// Where the steps of some samples lie.
    fn span(&self, samples: &Range<usize>, len: usize) -> Range<usize> {
        samples.start * self.steps * len..samples.end * self.steps * len
    }
}

/// The inputs of some steps of some samples as rows of a product: step after step, all samples of each.
struct StepInputs<'a, T> {
    x: &'a [T],
    sizes: Sizes,
    samples: Range<usize>,
    steps: Range<usize>,
}

impl<T: Float> StepInputs<'_, T> {
    fn row(&self, row: usize) -> &[T] {
        let (step, sample) = (row / self.samples.len(), row % self.samples.len());
        assert!(step < self.steps.len(), "a row is outside the steps");
        &self.x[self.sizes.at(self.samples.start + sample, self.steps.start + step, self.sizes.features)]
    }
}

// SAFETY: `row` slices the operand, and every row has as many elements as there are features.
unsafe impl<T: Float> Rows<T> for StepInputs<'_, T> {
    fn segments(&self) -> Segments {
        Segments { count: 1, depth: self.sizes.features, step: 1 }
    }
    fn place(&self, rows: Range<usize>, _: Range<usize>, out: &mut [*const T]) {
        for (to, row) in out.iter_mut().zip(rows) {
            *to = self.row(row).as_ptr();
        }
    }
}

impl<T: Float> Panels<T> for StepInputs<'_, T> {
    fn pack(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [T]) {
        for (k, group) in depth.zip(out.chunks_exact_mut(width)) {
            group.fill(T::ZERO);
            for (to, row) in group.iter_mut().zip(items.clone()) {
                *to = self.row(row)[k];
            }
        }
    }
    fn rows(&self) -> Option<&dyn Rows<T>> {
        Some(self)
    }
}

/// A kernel `(depth, wide)`, packed for products with about so many rows.
fn pack_kernel<T: Float>(kernel: &[T], rows: usize, depth: usize, wide: usize) -> Packed<T> {
    Packed::new(&Matrix::new(kernel, 0, (wide, 1), (depth, wide as isize)), rows, wide, depth)
}

/// The recurrent kernel `(units, wide)`, packed for `gradient kernel^T`.
fn pack_transposed<T: Float>(sizes: &Sizes, kernel: &[T]) -> Packed<T> {
    let (units, wide) = (sizes.units, sizes.wide());
    Packed::new(&Matrix::new(kernel, 0, (units, wide as isize), (wide, 1)), sizes.group(), units, wide)
}

/// States or gates of a group at one step as an operand: a row for each sample.
fn compact<T: Float>(of: &[T], samples: usize, len: usize) -> Matrix<'_, T> {
    Matrix::new(of, 0, (samples, len as isize), (len, 1))
}

/// Writes the hidden states before each step of some samples, which lie from the first of `out` on.
fn shift<T: Float>(sizes: &Sizes, h0: &[T], hs: &[T], samples: &Range<usize>, out: &mut [T]) {
    let (units, len) = (sizes.units, sizes.steps * sizes.units);
    for (sample, out) in samples.clone().zip(out.chunks_exact_mut(len.max(1))) {
        out[..units].copy_from_slice(&h0[sample * units..(sample + 1) * units]);
        out[units..].copy_from_slice(&hs[sample * len..(sample + 1) * len - units]);
    }
}

/// `left^T right` for `(rows, len)` and `(rows, wide)`.
fn transposed_product<T: Float>(left: &[T], len: usize, right: &[T], wide: usize, rows: usize) -> Result<Buffer> {
    let mut out = Buffer::for_elements(T::DTYPE, len * wide)?;
    let a = Matrix::new(left, 0, (len, 1), (rows, len as isize));
    let b = Matrix::new(right, 0, (wide, 1), (rows, wide as isize));
    product(Size { rows: len, columns: wide, depth: rows }, &a, &b, out.as_mut_slice::<T>(), true);
    Ok(out)
}

/// The gradients of a kernel and a recurrent kernel (where wanted) whose gates have one gradient.
fn weight_gradients<T: Float>(
    sizes: &Sizes,
    x: Option<&[T]>,
    before: Option<&[T]>,
    dgates: &[T],
) -> Result<(Option<Buffer>, Option<Buffer>)> {
    let (features, units, wide, rows) = (sizes.features, sizes.units, sizes.wide(), sizes.rows());
    if let (Some(x), Some(before)) = (x, before)
        && features.min(units) >= SHARE_ROWS
        && rows * wide <= PACKED
    {
        let packed = pack_kernel(dgates, units, rows, wide);
        let multiply = |left: &[T], len: usize| -> Result<Buffer> {
            let mut out = Buffer::for_elements(T::DTYPE, len * wide)?;
            let left = Matrix::new(left, 0, (len, 1), (rows, len as isize));
            packed.multiply(len, &left, &Output::strided(out.as_mut_slice::<T>(), wide), true);
            Ok(out)
        };
        return Ok((Some(multiply(x, features)?), Some(multiply(before, units)?)));
    }
    let one = |left: Option<&[T]>, len| left.map(|left| transposed_product(left, len, dgates, wide, rows)).transpose();
    Ok((one(x, features)?, one(before, units)?))
}

/// The gradient of the input: `dgates kernel^T`.
fn input_gradient<T: Float>(sizes: &Sizes, dgates: &[T], kernel: &[T]) -> Result<Buffer> {
    let size = Size { rows: sizes.rows(), columns: sizes.features, depth: sizes.wide() };
    let a = Matrix::new(dgates, 0, (size.rows, size.depth as isize), (size.depth, 1));
    let b = Matrix::new(kernel, 0, (size.columns, size.depth as isize), (size.depth, 1));
    let mut out = Buffer::for_elements(T::DTYPE, size.rows * size.columns)?;
    gemm(size, &a, &b, &Output::strided(out.as_mut_slice::<T>(), size.columns), true);
    Ok(out)
}

/// Adds up the sums of all groups, in order.
fn total<T: Float>(sums: &[T], len: usize) -> Vec<T> {
    let mut total = vec![T::ZERO; len];
    sums.chunks_exact(len.max(1)).for_each(|sums| add_row(&mut total, sums));
    total
}

#[cfg(test)]
#[path = "tests/rnn.rs"]
mod tests;
