//! The gradient of a convolution's input: `dx[p] = sum over taps of dy[q] w[tap]^T`, where output position q reads
//! p with the tap. Rows of the image (all positions of the last axis) are the unit: the output rows that reach
//! one are known from the other axes alone, and each tap of the last axis adds its product to the row, shifted.
//! So no product is computed that does not count: borders and strides leave nothing to multiply with zero.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::geometry::Geometry;
use crate::{
    matmul::{Job, MOST_ROWS, Matrix, Panels as _, Real, Scratch, Widen},
    parallel::{self, DisjointMut},
};

/// Output positions worth having in a task, so that tiles are full.
const POSITIONS: usize = 48;
/// Multiplications a task should have.
const TASK: usize = 256 << 10;
/// Input channels below which the taps of the last axis are columns of one product.
const FEW_CHANNELS: usize = 16;

/// The weights as right operands: for each panel of columns and each step of the last axis, the taps of the other
/// axes one below the other, each with its output channels.
struct Weights<T> {
    data: Scratch<T>,
    /// Columns of a step: input channels, or (tap of the last axis, input channel) where they are few.
    columns: usize,
    /// Columns of a panel, and of the panel as it lies.
    panel: usize,
    panels: usize,
    /// How many steps there are: taps of the last axis, or one.
    steps: usize,
    /// Taps of the other axes.
    taps: usize,
    depth: usize,
}

impl<T: Real> Weights<T> {
    fn new<S: Widen<T>>(g: &Geometry, w: &[S], group: usize) -> Self {
        let kernel = T::kernel();
        let all_out = g.channels_out * g.groups;
        let is_merged = g.channels_in < FEW_CHANNELS && g.dilation[2] == 1;
        let (columns, steps) = if is_merged { (g.kernel[2] * g.channels_in, 1) } else { (g.channels_in, g.kernel[2]) };
        let panels = columns.div_ceil(kernel.columns()).max(1);
        let panel = columns.div_ceil(panels).next_multiple_of(kernel.lanes);
        let taps = g.kernel[0] * g.kernel[1];
        let (depth, block) = (g.channels_out, g.channels_out * panel);
        let mut data = Scratch::new(panels * steps * taps * block);
        let pieces = DisjointMut::new(&mut data);
        parallel::for_ranges(panels * steps * taps, (TASK / 4 / block.max(1)).max(1), |range| {
            for index in range {
                let (tap, step, number) = (index % taps, index / taps % steps, index / taps / steps);
                // (tap, step) is the first row of the kernel; merged steps are rows of it one below the other.
                let first = (tap * g.kernel[2] + step) * g.channels_in * all_out + group * g.channels_out;
                let matrix = Matrix::new(w, first, (columns, all_out as isize), (depth, 1));
                let columns = number * panel..((number + 1) * panel).min(columns);
                // SAFETY: every index has its own range.
                let out = unsafe { pieces.range(index * block..(index + 1) * block) };
                matrix.pack(columns, 0..depth, panel, out);
            }
        });
        Self { data, columns, panel, panels, steps, taps, depth }
    }

    /// The right operand of a step and panel, from a tap of the other axes on.
    fn from(&self, panel: usize, step: usize, taps: &Range<usize>) -> &[T] {
        let block = self.depth * self.panel;
        let first = (panel * self.steps + step) * self.taps;
        &self.data[(first + taps.start) * block..(first + taps.end) * block]
    }
}

/// Output rows that reach an image row through taps of the other axes that follow one another.
struct Reach {
    taps: Range<usize>,
    /// For each tap, the output row.
    rows: SmallVec<[usize; 8]>,
}

/// What reaches the image row (a, b).
fn reaches(g: &Geometry, a: usize, b: usize) -> SmallVec<[Reach; 8]> {
    let along = |axis: usize, at: usize, tap: usize| -> Option<usize> {
        let distance = (at + g.before[axis]).checked_sub(tap * g.dilation[axis])?;
        let output = distance / g.strides[axis];
        (distance % g.strides[axis] == 0 && output < g.output[axis]).then_some(output)
    };
    let mut found: SmallVec<[Reach; 8]> = SmallVec::new();
    for tap_a in 0..g.kernel[0] {
        let Some(row_a) = along(0, a, tap_a) else { continue };
        for tap_b in 0..g.kernel[1] {
            let Some(row_b) = along(1, b, tap_b) else { continue };
            let (tap, row) = (tap_a * g.kernel[1] + tap_b, row_a * g.output[1] + row_b);
            match found.last_mut() {
                Some(reach) if reach.taps.end == tap => {
                    reach.taps.end += 1;
                    reach.rows.push(row);
                }
                _ => found.push(Reach { taps: tap..tap + 1, rows: smallvec![row] }),
            }
        }
    }
    found
}

/// Image rows of one number, of some images, while they are summed: with room for what falls into the padding.
struct Sums<T> {
    data: Scratch<T>,
    row: usize,
}

pub(super) fn run<T: Real, S: Widen<T>>(g: &Geometry, dy: &[S], w: &[S], dx: &mut [T]) {
    if g.output_positions() * g.taps() * g.channels_in * g.channels_out == 0 {
        dx.fill(T::ZERO);
        return;
    }
    // Half types are computed with as float32.
    let mut wide = Vec::new();
    let dy: &[T] = if T::DTYPE == S::DTYPE {
        // SAFETY: the types are the same.
        unsafe { std::slice::from_raw_parts(dy.as_ptr().cast(), dy.len()) }
    } else {
        wide.extend(dy.iter().map(|value| value.widen()));
        &wide
    };
    let out = DisjointMut::new(dx);
    for group in 0..g.groups {
        let weights = Weights::<T>::new(g, w, group);
        let rows = g.input[0] * g.input[1];
        let images = POSITIONS.div_ceil(g.output[2]).min(g.batch);
        let parts = g.batch.div_ceil(images);
        // Of one row of those images, on average.
        let work = images * g.output[2] * g.taps() * g.channels_in * g.channels_out;
        let per_task = (TASK / work.max(1)).clamp(1, rows);
        let tasks = rows.div_ceil(per_task);
        parallel::for_chunks(parts * tasks, &|task| {
            let (part, first) = (task / tasks, task % tasks * per_task);
            let images = part * images..((part + 1) * images).min(g.batch);
            let row = g.input[2] + g.before[2];
            let row = row.max((g.output[2] - 1) * g.strides[2] + (g.kernel[2] - 1) * g.dilation[2] + 1);
            let mut sums = Sums { data: Scratch::new(images.len() * row * g.channels_in), row };
            for row in first..(first + per_task).min(rows) {
                one_row(g, dy, &weights, group, &images, row, &mut sums);
                for (number, image) in images.clone().enumerate() {
                    let from = &sums.data[(number * sums.row + g.before[2]) * g.channels_in..];
                    let all_in = g.channels_in * g.groups;
                    let start = (image * rows + row) * g.input[2] * all_in;
                    // SAFETY: every row of every image is written by one task, a group at a time.
                    let to = unsafe { out.range(start..start + g.input[2] * all_in) };
                    if g.groups == 1 {
                        to.copy_from_slice(&from[..to.len()]);
                    } else {
                        for (to, from) in to.chunks_exact_mut(all_in).zip(from.chunks_exact(g.channels_in)) {
                            to[group * g.channels_in..][..g.channels_in].copy_from_slice(from);
                        }
                    }
                }
            }
        });
    }
}

/// Sums image row `row` of some images.
fn one_row<T: Real>(
    g: &Geometry,
    dy: &[T],
    weights: &Weights<T>,
    group: usize,
    images: &Range<usize>,
    row: usize,
    sums: &mut Sums<T>,
) {
    let kernel = T::kernel();
    let all_out = g.channels_out * g.groups;
    let (width, output_rows) = (g.output[2], g.output[0] * g.output[1]);
    sums.data.fill(T::ZERO);
    let found = reaches(g, row / g.input[1], row % g.input[1]);
    let positions = images.len() * width;
    let most = kernel.rows_of(weights.panel);
    for reach in &found {
        let segments = reach.taps.len();
        let mut table: SmallVec<[*const T; 64]> = smallvec![std::ptr::null(); segments * most];
        for first in (0..positions).step_by(most) {
            let tile = first..(first + most).min(positions);
            let count = tile.len();
            // Where in the sums the positions start, with the first tap of the last axis.
            let mut starts = [0; MOST_ROWS];
            for (i, position) in tile.enumerate() {
                let (number, at) = (position / width, position % width);
                starts[i] = (number * sums.row + at * g.strides[2]) * g.channels_in;
                for (segment, output_row) in reach.rows.iter().enumerate() {
                    let cell = ((images.start + number) * output_rows + output_row) * width + at;
                    let start = cell * all_out + group * g.channels_out;
                    table[segment * count + i] = dy[start..start + g.channels_out].as_ptr();
                }
            }
            for step in 0..weights.steps {
                for panel in 0..weights.panels {
                    let first = panel * weights.panel;
                    let columns = weights.panel.min(weights.columns - first);
                    let shift = step * g.dilation[2] * g.channels_in + first;
                    let (data, len) = (sums.data.as_mut_ptr(), sums.data.len());
                    let mut pointers = [data; MOST_ROWS];
                    for (to, start) in pointers.iter_mut().zip(&starts[..count]) {
                        assert!(start + shift + columns <= len, "a row reaches outside the sums");
                        *to = data.wrapping_add(start + shift);
                    }
                    let right = weights.from(panel, step, &reach.taps);
                    let job = Job {
                        left: table.as_ptr(),
                        segments,
                        depth: g.channels_out,
                        left_step: 1,
                        right: right.as_ptr(),
                        right_step: weights.panel as isize,
                        out: pointers.as_ptr(),
                        columns,
                        accumulate: true,
                        bias: std::ptr::null(),
                        rectify: false,
                    };
                    // SAFETY: the rows of the left operand and of the result were just cut to size; the right one
                    // has `segments * channels_out` steps of a panel. Rows of the result may overlap: a tile adds
                    // to one after the other.
                    unsafe { kernel.run(count, &job) };
                }
            }
        }
    }
}
