//! Depthwise convolutions, one input channel per group: too little arithmetic per element for a
//! product of matrices, so channels are computed side by side where they lie.

use super::geometry::Geometry;
use crate::{
    matmul::{Real, Scratch, Widen},
    parallel::{self, DisjointMut},
    simd::vectorized,
};

/// Channels whose sums stay in registers.
const BLOCK: usize = 64;
/// Multiplications a task should have.
const TASK: usize = 64 << 10;
/// Parts the sum over positions is cut into at most.
const PARTS: usize = 16;

vectorized! {
    /// `out[c] = sum over taps (from, w) of image[from + c] * weights[w + c]`
    fn sum_taps<T: Real, S: Widen<T>>(out: &mut [T], image: &[S], weights: &[S], taps: &[(usize, usize)]) {
        let channels = out.len();
        let (blocks, tail) = out.as_chunks_mut::<BLOCK>();
        for (index, block) in blocks.iter_mut().enumerate() {
            let first = index * BLOCK;
            let mut sums = [T::ZERO; BLOCK];
            for &(from, weight) in taps {
                let image = &image[from + first..from + first + BLOCK];
                let weights = &weights[weight + first..weight + first + BLOCK];
                for i in 0..BLOCK {
                    sums[i] = sums[i] + image[i].widen() * weights[i].widen();
                }
            }
            *block = sums;
        }
        let first = channels - tail.len();
        tail.fill(T::ZERO);
        for &(from, weight) in taps {
            let (image, weights) = (&image[from + first..from + channels], &weights[weight + first..weight + channels]);
            for ((sum, x), w) in tail.iter_mut().zip(image).zip(weights) {
                *sum = *sum + x.widen() * w.widen();
            }
        }
    }

    /// `out[c * repeat + j] += x[c] * y[c * repeat + j]`
    fn add_products<T: Real, S: Widen<T>>(out: &mut [T], x: &[S], y: &[S], repeat: usize) {
        if repeat == 1 {
            for ((sum, x), y) in out.iter_mut().zip(x).zip(y) {
                *sum = *sum + x.widen() * y.widen();
            }
        } else {
            for ((sums, x), y) in out.chunks_exact_mut(repeat).zip(x).zip(y.chunks_exact(repeat)) {
                for (sum, y) in sums.iter_mut().zip(y) {
                    *sum = *sum + x.widen() * y.widen();
                }
            }
        }
    }

    /// `out[c] += sum over j of x[c * repeat + j] * y[c * repeat + j]`
    fn add_dots<T: Real, S: Widen<T>>(out: &mut [T], x: &[S], y: &[S], repeat: usize) {
        for ((sum, x), y) in out.iter_mut().zip(x.chunks_exact(repeat)).zip(y.chunks_exact(repeat)) {
            for (x, y) in x.iter().zip(y) {
                *sum = *sum + x.widen() * y.widen();
            }
        }
    }
}

/// Cuts positions into tasks of enough work, by shape alone.
fn for_tasks(positions: usize, work: usize, run: &(dyn Fn(std::ops::Range<usize>) + Sync)) {
    parallel::for_ranges(positions, (TASK / work.max(1)).max(1), run);
}

pub(super) fn forward<T: Real, S: Widen<T>>(g: &Geometry, x: &[S], w: &[S], y: &mut [T]) {
    let (repeat, channels) = (g.channels_out, g.groups);
    let all_out = repeat * channels;
    let grid = g.reading();
    let out = DisjointMut::new(y);
    for_tasks(grid.len(), grid.taps() * all_out, &|positions| {
        grid.for_positions(positions, channels, &mut |position, taps| {
            // SAFETY: every position has its own range.
            let out = unsafe { out.range(position * all_out..(position + 1) * all_out) };
            if repeat == 1 {
                with_weights(taps, all_out, |taps| sum_taps(out, x, w, taps));
            } else {
                out.fill(T::ZERO);
                for &(from, tap) in taps {
                    add_products(out, &x[from..from + channels], &w[tap * all_out..(tap + 1) * all_out], repeat);
                }
            }
        });
    });
}

/// Turns indices of taps into places in the kernel.
fn with_weights(taps: &[(usize, usize)], row: usize, run: impl FnOnce(&[(usize, usize)])) {
    let placed: smallvec::SmallVec<[(usize, usize); 32]> = taps.iter().map(|&(from, tap)| (from, tap * row)).collect();
    run(&placed);
}

pub(super) fn grad_input<T: Real, S: Widen<T>>(g: &Geometry, dy: &[S], w: &[S], dx: &mut [T]) {
    let (repeat, channels) = (g.channels_out, g.groups);
    let all_out = repeat * channels;
    let out = DisjointMut::new(dx);
    for phase in g.written() {
        let grid = &phase.grid;
        // The kernel's index of each of the phase's taps.
        let kernel_tap = |tap: usize| {
            let at = grid.tap(tap);
            (0..3).fold(0, |index, axis| index * g.kernel[axis] + phase.taps[axis][at[axis]])
        };
        let kernel_taps: Vec<usize> = (0..grid.taps()).map(kernel_tap).collect();
        for_tasks(grid.len(), grid.taps().max(1) * all_out, &|positions| {
            grid.for_positions(positions, all_out, &mut |position, taps| {
                let (image, at) = grid.position(position);
                let cell = (0..3)
                    .fold(image, |cell, axis| cell * g.input[axis] + phase.first[axis] + at[axis] * g.strides[axis]);
                // SAFETY: every position has its own cell.
                let out = unsafe { out.range(cell * channels..(cell + 1) * channels) };
                let taps: smallvec::SmallVec<[(usize, usize); 32]> =
                    taps.iter().map(|&(from, tap)| (from, kernel_taps[tap])).collect();
                if repeat == 1 {
                    with_weights(&taps, all_out, |taps| sum_taps(out, dy, w, taps));
                } else {
                    out.fill(T::ZERO);
                    for &(from, tap) in &taps {
                        add_dots(out, &dy[from..from + all_out], &w[tap * all_out..(tap + 1) * all_out], repeat);
                    }
                }
            });
        });
    }
}

pub(super) fn grad_weight<T: Real, S: Widen<T>>(g: &Geometry, x: &[S], dy: &[S], dw: &mut [T]) {
    let (repeat, channels) = (g.channels_out, g.groups);
    let all_out = repeat * channels;
    let grid = g.reading();
    let (positions, len) = (grid.len(), dw.len());
    let part = positions.div_ceil(PARTS).max(TASK / len).max(1);
    let parts = positions.div_ceil(part);
    let mut sums = Scratch::<T>::zeroed(parts * len);
    let pieces = DisjointMut::new(&mut sums);
    parallel::for_chunks(parts, &|index| {
        // SAFETY: every part has its own range.
        let sums = unsafe { pieces.range(index * len..(index + 1) * len) };
        grid.for_positions(index * part..((index + 1) * part).min(positions), channels, &mut |position, taps| {
            let gradient = &dy[position * all_out..(position + 1) * all_out];
            for &(from, tap) in taps {
                let sums = &mut sums[tap * all_out..(tap + 1) * all_out];
                add_products(sums, &x[from..from + channels], gradient, repeat);
            }
        });
    });
    for (i, to) in dw.iter_mut().enumerate() {
        *to = (0..parts).fold(T::ZERO, |sum, part| sum + sums[part * len + i]);
    }
}
