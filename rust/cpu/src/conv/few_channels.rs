//! The first convolution of an image network. Its sums are so short that finding the patches of a tile would cost more
//! than the tile: here the positions of an image row go through registers one after another. Sums have the order, and so
//! the bits, of the tiles.

use std::ops::Range;

use corten_core::{DType, Element};

use super::geometry::{Geometry, Grid};
use crate::{
    fused::{singles, singles_mut},
    matmul::{Ending, Function, Real, Widen},
    parallel::{self, DisjointMut},
    simd::{
        self, Isa,
        lanes::{Lanes, WideRoutine, dispatch_wide},
    },
};

/// The longest sums that go here.
const MOST_DEPTH: usize = 32;
/// Multiplications of one task.
const TASK: usize = 128 << 10;

/// Whether [`forward`] can do it.
pub(super) fn is_for<T: Real, S: Element>(g: &Geometry, grid: &Grid) -> bool {
    let is_short = g.groups == 1 && (1..=MOST_DEPTH).contains(&(g.taps() * g.channels_in));
    T::DTYPE == DType::F32 && S::DTYPE == DType::F32 && is_short && grid.is_inside() && simd::isa() != Isa::Scalar
}

/// The convolution of a float32 image, with bias and activation.
pub(super) fn forward<T: Real, S: Widen<T>>(
    g: &Geometry,
    grid: &Grid,
    (x, w): (&[S], &[S]),
    y: &mut [T],
    ending: Option<&Ending<'_, T>>,
) {
    let (Some(image), Some(weights)) = (singles(x), singles(w)) else { unreachable!("is_for") };
    let (columns, length) = (g.channels_out, grid.positions[2]);
    let (bias, rectify, finish) = match ending {
        Some(Ending { bias, function: Function::None }) => (singles(bias), false, None),
        Some(Ending { bias, function: Function::Rectify }) => (singles(bias), true, None),
        Some(Ending { function: Function::Finish(finish), .. }) => (None, false, Some(finish)),
        None => (None, false, None),
    };
    let offsets = offsets(g, grid);
    let out = DisjointMut::new(y);
    let grain = (TASK / (length * columns * offsets.len()).max(1)).max(1);
    parallel::for_ranges(grid.len() / length.max(1), grain, |runs| {
        let first = runs.start * length;
        // SAFETY: every task has its own runs.
        let out = unsafe { out.range(first * columns..runs.end * length * columns) };
        let Some(sums) = singles_mut(out) else { unreachable!("is_for") };
        let job = Job {
            image,
            grid,
            cell: g.channels_in,
            runs,
            offsets: &offsets,
            weights,
            columns,
            bias,
            rectify,
            out: sums,
        };
        assert!(dispatch_wide(job).is_ok(), "is_for");
        if let Some(finish) = finish {
            for (position, out) in out.chunks_exact_mut(columns).enumerate() {
                finish(first + position, 0, out);
            }
        }
    });
}

/// Where the elements of a sum lie, seen from the cell of their position.
fn offsets(g: &Geometry, grid: &Grid) -> Vec<usize> {
    let [_, height, length] = grid.image;
    let inside = |origin: isize| usize::try_from(origin).expect("reads inside the image");
    let mut offsets = Vec::with_capacity(grid.taps() * g.channels_in);
    for tap in 0..grid.taps() {
        let tap = grid.tap(tap);
        let [a, b, c]: [usize; 3] = std::array::from_fn(|axis| inside(grid.origins[axis][tap[axis]]));
        let cell = ((a * height + b) * length + c) * g.channels_in;
        offsets.extend(cell..cell + g.channels_in);
    }
    offsets
}

/// Some runs: positions of one row of the result each.
struct Job<'a> {
    image: &'a [f32],
    grid: &'a Grid,
    /// Elements from one cell of the image to the next.
    cell: usize,
    runs: Range<usize>,
    offsets: &'a [usize],
    weights: &'a [f32],
    columns: usize,
    bias: Option<&'a [f32]>,
    rectify: bool,
    out: &'a mut [f32],
}

impl WideRoutine for Job<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let (grid, columns, length) = (self.grid, self.columns, self.grid.positions[2]);
        assert!(self.weights.len() == self.offsets.len() * columns);
        assert!(self.bias.is_none_or(|bias| bias.len() == columns));
        assert!(self.out.len() == self.runs.len() * length * columns);
        let step = grid.steps[2] * self.cell;
        let reach = self.offsets.last().map_or(0, |last| last + (length - 1) * step);
        for (run, out) in self.runs.clone().zip(self.out.chunks_exact_mut(length * columns)) {
            let (image, at) = grid.position(run * length);
            let row = (image * grid.image[0] + at[0] * grid.steps[0]) * grid.image[1] + at[1] * grid.steps[1];
            let start = row * grid.image[2] * self.cell;
            assert!(start + reach < self.image.len(), "a row reads outside the image");
            let mut column = 0;
            while column < columns {
                let count = (columns - column).min(2 * L::WIDTH);
                // SAFETY: the instruction set is there; what positions of the row read lies within the image, as
                // offsets ascend, and columns and positions within weights, bias and result: all asserted above.
                unsafe {
                    let from = Tile {
                        image: self.image.as_ptr().add(start),
                        step,
                        offsets: self.offsets,
                        weights: self.weights.as_ptr().add(column),
                        bias: self.bias.map(|bias| bias.as_ptr().add(column)),
                        rectify: self.rectify,
                        columns,
                        last: if count > L::WIDTH { count - L::WIDTH } else { count },
                    };
                    let to = out.as_mut_ptr().add(column);
                    if count > L::WIDTH { from.row::<L, 2>(length, to) } else { from.row::<L, 1>(length, to) }
                }
                column += count;
            }
        }
    }
}

/// Some columns of the positions of a row.
struct Tile<'a> {
    image: *const f32,
    /// Elements from what a position reads to what the next one does.
    step: usize,
    offsets: &'a [usize],
    weights: *const f32,
    bias: Option<*const f32>,
    rectify: bool,
    /// Elements from one row of the weights to the next, and from one position of the result.
    columns: usize,
    /// Columns in the last register.
    last: usize,
}

impl Tile<'_> {
    /// # Safety
    /// The instruction set must be there; `length` positions must be inside of the image and of `out`.
    #[inline(always)]
    unsafe fn row<L: Lanes, const REGISTERS: usize>(&self, length: usize, out: *mut f32) {
        let mut done = 0;
        // SAFETY: as for the function.
        unsafe {
            // With the weights, sums of six positions fit into sixteen registers.
            while done + 6 <= length {
                self.positions::<L, 6, REGISTERS>(done, out);
                done += 6;
            }
            while done + 2 <= length {
                self.positions::<L, 2, REGISTERS>(done, out);
                done += 2;
            }
            if done < length {
                self.positions::<L, 1, REGISTERS>(done, out);
            }
        }
    }

    /// # Safety
    /// As for [`Self::row`], of positions from `first` on.
    #[inline(always)]
    unsafe fn positions<L: Lanes, const POSITIONS: usize, const REGISTERS: usize>(&self, first: usize, out: *mut f32) {
        // SAFETY: as for the function.
        unsafe {
            let image = self.image.add(first * self.step);
            let mut sums = [[L::splat(0.0); REGISTERS]; POSITIONS];
            for (k, &offset) in self.offsets.iter().enumerate() {
                let weights = self.load::<L, REGISTERS>(self.weights.add(k * self.columns));
                for (position, sums) in sums.iter_mut().enumerate() {
                    let value = L::splat(*image.add(offset + position * self.step));
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum = value.mul_add(weight, *sum);
                    }
                }
            }
            if let Some(bias) = self.bias {
                let bias = self.load::<L, REGISTERS>(bias);
                for sums in &mut sums {
                    for (sum, bias) in sums.iter_mut().zip(bias) {
                        *sum = *sum + bias;
                    }
                }
            }
            for (position, sums) in sums.into_iter().enumerate() {
                let to = out.add((first + position) * self.columns);
                for (register, mut sum) in sums.into_iter().enumerate() {
                    if self.rectify {
                        // Adding zero leaves no negative zero.
                        sum = sum.at_least(L::splat(0.0)) + L::splat(0.0);
                    }
                    let to = to.add(register * L::WIDTH);
                    if register + 1 < REGISTERS || self.last == L::WIDTH {
                        sum.store(to);
                    } else {
                        sum.store_part(to, self.last);
                    }
                }
            }
        }
    }

    /// # Safety
    /// As for [`Self::row`]; the columns must be readable.
    #[inline(always)]
    unsafe fn load<L: Lanes, const REGISTERS: usize>(&self, from: *const f32) -> [L; REGISTERS] {
        // SAFETY: as for the function.
        unsafe {
            let mut registers = [L::splat(0.0); REGISTERS];
            for (register, to) in registers.iter_mut().enumerate() {
                let from = from.add(register * L::WIDTH);
                let is_whole = register + 1 < REGISTERS || self.last == L::WIDTH;
                *to = if is_whole { L::load(from) } else { L::load_part(from, self.last) };
            }
            registers
        }
    }
}
