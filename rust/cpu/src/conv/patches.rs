//! An image as the matrix of its patches, never written out: packing reads the image.

use std::ops::Range;

use super::geometry::Grid;
use crate::matmul::{Matrix, Panels, Real, WIDEST, Widen};

/// Channels below which packing goes by positions rather than by channels.
const FEW_CHANNELS: usize = 8;

/// Rows: one per position of the grid; depth: (tap, channel).
pub(crate) struct PatchRows<'a, S> {
    pub(crate) image: &'a [S],
    pub(crate) grid: &'a Grid,
    /// Elements from one cell of the image to the next, and the first channel of the group.
    pub(crate) cell: usize,
    pub(crate) first_channel: usize,
    pub(crate) channels: usize,
}

/// The parts of a range of (tap, channel): tap, channels.
fn segments(range: Range<usize>, channels: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut next = range.start;
    std::iter::from_fn(move || {
        (next < range.end).then(|| {
            let (tap, channel) = (next / channels, next % channels);
            let len = (channels - channel).min(range.end - next);
            next += len;
            (tap, channel..channel + len)
        })
    })
}

impl<T: Real, S: Widen<T>> Panels<T> for PatchRows<'_, S> {
    fn pack(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [T]) {
        assert!(items.len() <= width && width <= WIDEST && items.end <= self.grid.len());
        if self.channels < FEW_CHANNELS {
            self.pack_by_positions(items, depth, width, out);
        } else {
            self.pack_by_channels(items, depth, width, out);
        }
    }
}

impl<S: Copy> PatchRows<'_, S> {
    /// Each position is a row of adjacent channels per tap; rows are interleaved.
    fn pack_by_channels<T: Real>(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [T])
    where
        S: Widen<T>,
    {
        let grid = self.grid;
        let mut positions = [(0isize, [0isize; 3]); WIDEST];
        for (to, item) in positions.iter_mut().zip(items.clone()) {
            let (image, at) = grid.position(item);
            *to = (image as isize, std::array::from_fn(|axis| (at[axis] * grid.steps[axis]) as isize));
        }
        let [_, height, length] = grid.image.map(|size| size as isize);
        let start = depth.start;
        let mut done = 0;
        for (tap, channels) in segments(start..depth.end, self.channels) {
            let tap = grid.tap(tap);
            let origin: [isize; 3] = std::array::from_fn(|axis| grid.origins[axis][tap[axis]]);
            let mut rows: [Option<&[S]>; WIDEST] = [None; WIDEST];
            for (row, (image, at)) in rows.iter_mut().zip(&positions[..items.len()]) {
                let [a, b, c] = [at[0] + origin[0], at[1] + origin[1], at[2] + origin[2]];
                // A negative coordinate is a huge unsigned one.
                if (a as usize) < grid.image[0] && (b as usize) < grid.image[1] && (c as usize) < grid.image[2] {
                    let cell = ((image * grid.image[0] as isize + a) * height + b) * length + c;
                    let from = cell as usize * self.cell + self.first_channel + channels.start;
                    *row = Some(&self.image[from..from + channels.len()]);
                }
            }
            let len = channels.len();
            S::interleave(&rows[..items.len()], len, width, &mut out[done * width..(done + len) * width]);
            done += len;
        }
    }

    /// Each (tap, channel) is a run of positions a fixed step apart.
    fn pack_by_positions<T: Real>(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [T])
    where
        S: Widen<T>,
    {
        let grid = self.grid;
        let out = &mut out[..depth.len() * width];
        out.fill(T::ZERO);
        let step = grid.steps[2] * self.cell;
        let mut first = 0;
        for run in grid.runs(items) {
            let mut done = 0;
            for (tap, channels) in segments(depth.clone(), self.channels) {
                let len = channels.len();
                if let Some((cell, inside)) = grid.reach(&run, grid.tap(tap)) {
                    for (k, channel) in channels.enumerate() {
                        let from = (cell + (inside.start * grid.steps[2]) as isize) as usize * self.cell
                            + self.first_channel
                            + channel;
                        let to = (done + k) * width + first;
                        let to = &mut out[to + inside.start..to + inside.end];
                        for (to, from) in to.iter_mut().zip(self.image[from..].iter().step_by(step)) {
                            *to = from.widen();
                        }
                    }
                }
                done += len;
            }
            first += run.len;
        }
    }
}

/// Items: (tap, channel); depth: one step per position of the grid.
pub(crate) struct PatchColumns<'a, S> {
    pub(crate) image: &'a [S],
    pub(crate) grid: &'a Grid,
    pub(crate) cell: usize,
    pub(crate) first_channel: usize,
    pub(crate) channels: usize,
}

impl<T: Real, S: Widen<T>> Panels<T> for PatchColumns<'_, S> {
    fn pack(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [T]) {
        let (grid, step) = (self.grid, self.grid.steps[2] * self.cell);
        let out = &mut out[..depth.len() * width];
        let mut done = 0;
        for (tap, channels) in segments(items, self.channels) {
            let len = channels.len();
            let tap = grid.tap(tap);
            let mut group = 0;
            for run in grid.runs(depth.clone()) {
                let mut zero = |range: Range<usize>| {
                    for i in range {
                        let at = (group + i) * width + done;
                        out[at..at + len].fill(T::ZERO);
                    }
                };
                match grid.reach(&run, tap) {
                    Some((cell, inside)) => {
                        zero(0..inside.start);
                        zero(inside.end..run.len);
                        let cell = (cell + (inside.start * grid.steps[2]) as isize) as usize;
                        let from = cell * self.cell + self.first_channel + channels.start;
                        let to = (group + inside.start) * width + done;
                        copy_groups(len, &self.image[from..], step, &mut out[to..], width, inside.len());
                    }
                    None => zero(0..run.len),
                }
                group += run.len;
            }
            done += len;
        }
        if done < width {
            for group in out.chunks_exact_mut(width) {
                group[done..].fill(T::ZERO);
            }
        }
    }
}

/// Copies `count` groups of `len` elements. The length is a constant for the compiler, so that a
/// group is a few vector moves.
fn copy_groups<T: Real, S: Widen<T>>(len: usize, from: &[S], step: usize, to: &mut [T], width: usize, count: usize) {
    macro_rules! lengths {
        ($($len:literal)*) => {
            match len {
                $($len => copy_groups_of::<$len, T, S>(from, step, to, width, count),)*
                _ => {
                    for i in 0..count {
                        for (to, from) in to[i * width..i * width + len].iter_mut().zip(&from[i * step..]) {
                            *to = from.widen();
                        }
                    }
                }
            }
        };
    }
    lengths!(1 2 3 4 5 6 7 8 9 10 11 12 16 32);
}

#[inline(always)]
fn copy_groups_of<const LEN: usize, T: Real, S: Widen<T>>(
    from: &[S],
    step: usize,
    to: &mut [T],
    width: usize,
    count: usize,
) {
    for i in 0..count {
        let (to, from) = (&mut to[i * width..i * width + LEN], &from[i * step..i * step + LEN]);
        for k in 0..LEN {
            to[k] = from[k].widen();
        }
    }
}

/// Kernels of some taps, one below the other: items are input channels, depth is (tap, output channel).
pub(crate) struct TapColumns<'a, S> {
    pub(crate) taps: Vec<Matrix<'a, S>>,
    pub(crate) channels: usize,
}

impl<T: Real, S: Widen<T>> Panels<T> for TapColumns<'_, S> {
    fn pack(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [T]) {
        let mut done = 0;
        for (tap, channels) in segments(depth, self.channels) {
            let len = channels.len();
            self.taps[tap].pack(items.clone(), channels, width, &mut out[done * width..(done + len) * width]);
            done += len;
        }
    }
}
