//! An image as the matrix of its patches, never written out: packing reads the image.

use std::ops::Range;

use corten_core::Element;

use super::geometry::Grid;
use crate::matmul::{MOST_ROWS, Panels, Real, Rows, Segments, WIDEST, Widen};

/// Channels below which packing goes by positions rather than by channels.
const FEW_CHANNELS: usize = 8;

/// Rows: one per position of the grid; depth: (tap, channel).
pub(crate) struct PatchRows<'a, S> {
    image: &'a [S],
    grid: &'a Grid,
    /// Elements from one cell of the image to the next, and the first channel of the group.
    cell: usize,
    first_channel: usize,
    channels: usize,
    /// How many taps in a row lie side by side: one segment.
    merged: usize,
    /// The first tap of each segment, by axis.
    taps: Vec<[isize; 3]>,
    /// Where the first tap of each segment lies, seen from the cell of the position, in elements.
    offsets: Vec<isize>,
    /// What taps outside of the image read, if any do.
    zeros: Vec<S>,
    is_inside: bool,
}

impl<'a, S: Element> PatchRows<'a, S> {
    pub(crate) fn new(image: &'a [S], grid: &'a Grid, cell: usize, first_channel: usize, channels: usize) -> Self {
        let [a, b, c] = &grid.origins;
        let is_adjacent = c.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let is_inside = grid.is_inside();
        let merged = if cell == channels && is_adjacent && is_inside { c.len() } else { 1 };
        let mut taps = Vec::with_capacity(grid.taps());
        for &a in a {
            for &b in b {
                taps.extend(c.iter().step_by(merged.max(1)).map(|&c| [a, b, c]));
            }
        }
        let [_, height, length] = grid.image.map(|size| size as isize);
        let offsets = taps.iter().map(|[a, b, c]| ((a * height + b) * length + c) * cell as isize).collect();
        let zeros = vec![S::ZERO; if is_inside { 0 } else { channels }];
        Self { image, grid, cell, first_channel, channels, merged, taps, offsets, zeros, is_inside }
    }
}

// SAFETY: a pointer is one to the zeros, as many as a segment has elements, or one into the image to a cell that
// was checked to lie inside, for the channels of one group; where segments span several taps, all positions read
// inside the image only.
unsafe impl<T: Real, S: Widen<T>> Rows<T> for PatchRows<'_, S> {
    fn segments(&self) -> Segments {
        Segments { count: self.taps.len(), depth: self.channels * self.merged, step: 1 }
    }

    fn place(&self, rows: Range<usize>, segments: Range<usize>, out: &mut [*const T]) {
        let (grid, count) = (self.grid, rows.len());
        assert!(T::DTYPE == S::DTYPE && rows.end <= grid.len() && out.len() >= count * segments.len());
        let [depth, height, length] = grid.image.map(|size| size as isize);
        let (taps, offsets) = (&self.taps[segments.clone()], &self.offsets[segments]);
        let (mut image, mut at) = grid.position(rows.start);
        if self.is_inside {
            let step = (grid.steps[2] * self.cell) as isize;
            let mut row = 0;
            while row < count {
                let [a, b, c]: [isize; 3] = std::array::from_fn(|axis| (at[axis] * grid.steps[axis]) as isize);
                let cell = ((image as isize * depth + a) * height + b) * length + c;
                let base = self.image.as_ptr().wrapping_offset(cell * self.cell as isize + self.first_channel as isize);
                let run = (grid.positions[2] - at[2]).min(count - row);
                for (segment, &offset) in offsets.iter().enumerate() {
                    let first = base.wrapping_offset(offset);
                    let to = &mut out[segment * count + row..][..run];
                    for (i, to) in to.iter_mut().enumerate() {
                        *to = first.wrapping_offset(i as isize * step).cast();
                    }
                }
                row += run;
                at[2] += run - 1;
                grid.advance(&mut image, &mut at);
            }
            return;
        }
        for row in 0..count {
            let [a, b, c]: [isize; 3] = std::array::from_fn(|axis| (at[axis] * grid.steps[axis]) as isize);
            let cell = ((image as isize * depth + a) * height + b) * length + c;
            let start = cell * self.cell as isize + self.first_channel as isize;
            let base = self.image.as_ptr().wrapping_offset(start);
            let to = out[row..].iter_mut().step_by(count);
            if grid.reads_inside([a, b, c]) {
                for (to, &offset) in to.zip(offsets) {
                    *to = base.wrapping_offset(offset).cast();
                }
            } else {
                for ((to, &offset), tap) in to.zip(offsets).zip(taps) {
                    let [a, b, c] = [a + tap[0], b + tap[1], c + tap[2]];
                    // A negative coordinate is a huge unsigned one.
                    let is_inside =
                        (a as usize) < grid.image[0] && (b as usize) < grid.image[1] && (c as usize) < grid.image[2];
                    *to = if is_inside { base.wrapping_offset(offset) } else { self.zeros.as_ptr() }.cast();
                }
            }
            grid.advance(&mut image, &mut at);
        }
    }
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

    fn rows(&self) -> Option<&dyn Rows<T>> {
        (T::DTYPE == S::DTYPE && self.channels > 0 && !self.taps.is_empty()).then_some(self as &dyn Rows<T>)
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

// SAFETY: `rows` gives only grids that read inside the image everywhere, whose segments are positions side by side.
unsafe impl<T: Real, S: Widen<T>> Rows<T> for PatchColumns<'_, S> {
    fn segments(&self) -> Segments {
        let [a, b, c] = self.grid.positions;
        Segments { count: self.grid.batch * a * b, depth: c, step: (self.grid.steps[2] * self.cell) as isize }
    }

    fn place(&self, rows: Range<usize>, segments: Range<usize>, out: &mut [*const T]) {
        let (grid, count) = (self.grid, rows.len());
        assert!(T::DTYPE == S::DTYPE && grid.is_inside() && rows.end <= grid.taps() * self.channels);
        let [_, height, length] = grid.image;
        let mut offsets = [0isize; MOST_ROWS];
        for (to, item) in offsets.iter_mut().zip(rows) {
            let tap = grid.tap(item / self.channels);
            let [a, b, c]: [isize; 3] = std::array::from_fn(|axis| grid.origins[axis][tap[axis]]);
            let cell = (a * height as isize + b) * length as isize + c;
            *to = cell * self.cell as isize + (self.first_channel + item % self.channels) as isize;
        }
        let [_, per_plane, per_row] = grid.positions;
        for (segment, to) in segments.zip(out.chunks_exact_mut(count)) {
            let (image, [a, b, _]) = grid.position(segment * per_row);
            debug_assert!(b < per_plane);
            let cell = ((image * grid.image[0] + a * grid.steps[0]) * height + b * grid.steps[1]) * length;
            let base = self.image.as_ptr().wrapping_add(cell * self.cell);
            for (to, &offset) in to.iter_mut().zip(&offsets) {
                *to = base.wrapping_offset(offset).cast();
            }
        }
    }
}

impl<T: Real, S: Widen<T>> Panels<T> for PatchColumns<'_, S> {
    fn rows(&self) -> Option<&dyn Rows<T>> {
        let is_readable = T::DTYPE == S::DTYPE && self.grid.is_inside() && self.grid.len() > 0;
        is_readable.then_some(self as &dyn Rows<T>)
    }

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
