//! One pass of a product over some depth: the panels of a task stay in the second-level cache while rows of the left
//! operand pass by, tile by tile.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::{
    super::{
        kernel::{Job, Kernel, MOST_ROWS, Real},
        pack::{Columns, Panels, Rows, Segments},
        scratch::Scratch,
    },
    Output, PACKED, PACKING_ROWS, ROWS, Size, blocks, equal, even, for_each, for_work,
};
use crate::parallel::DisjointMut;

/// Bytes of the panels of a task, for the depth of one pass: a third of a second-level cache, as results and rows pass
/// through it, and other guests of the core use it too.
const RESIDENT: usize = 640 << 10;
/// Depth of a pass where the right operand is larger than that, and the most where it is not, or rows are few.
const DEPTH: usize = 512;
const DEEPEST: usize = 1152;
/// Multiplications a task should have, and tasks of a block at most: where rows are few, fewer.
const TASK: usize = 128 << 10;
const MOST_TASKS: usize = 64;
const FEW_TASKS: usize = 16;
/// Tiles of rows a task should have there.
const FEW_TILES: usize = 4;
/// Rows of a task that packs them.
const PACKED_ROWS: usize = 48;
/// Bytes between steps of the depth of `a` from which its rows are packed.
const FAR: usize = 1024;
/// Columns from which that pays.
const FAR_COLUMNS: usize = 96;

/// The left operand: read where it lies, or packed by the tasks.
pub(super) struct Left<'a, T> {
    rows: Option<&'a dyn Rows<T>>,
    panels: &'a dyn Panels<T>,
}

impl<'a, T: Real> Left<'a, T> {
    pub(super) fn new(panels: &'a dyn Panels<T>, size: Size) -> Self {
        let rows = panels.rows().filter(|rows| {
            let segments = rows.segments();
            let bytes = segments.step.unsigned_abs() * size_of::<T>();
            let is_far = segments.count == 1 && bytes >= FAR && size.depth > 64;
            !(is_far && size.columns >= FAR_COLUMNS)
        });
        let is_deep = |segments: Segments| segments.count * segments.depth >= size.depth;
        assert!(rows.is_none_or(|rows| is_deep(rows.segments())), "the left operand is not as deep as the product");
        Self { rows, panels }
    }

    /// What the depth may be cut into multiples of.
    pub(super) fn unit(&self) -> usize {
        self.rows.map_or(1, |rows| if rows.segments().count > 1 { rows.segments().depth } else { 1 })
    }
}

/// Rows of the left operand for one task and one pass of depth: where they lie, or step after step, the rows of
/// the task side by side in each.
enum Source<'a, T> {
    InPlace(&'a dyn Rows<T>),
    Packed(&'a [T]),
}

/// The right operand: where it lies, or panel after panel, each with its steps of some depth one after the other.
pub(super) enum Right<'a, T> {
    InPlace(Columns<T>),
    Packed(&'a [T], Range<usize>),
}

/// How wide the panels of a product are: as wide as a tile of all rows allows, if there is one, and as equal as whole
/// vectors allow.
pub(super) fn panel_width<T>(kernel: &Kernel<T>, rows: usize, columns: usize) -> usize {
    let vectors = (1..=4).rev().find(|&vectors| rows <= kernel.rows[vectors - 1]);
    let most = vectors.map_or(kernel.columns(), |vectors| vectors * kernel.lanes);
    let panels = columns.div_ceil(most).max(1);
    columns.div_ceil(panels).next_multiple_of(kernel.lanes)
}

/// Elements from one step of depth to the next in a packed panel of so many columns.
pub(super) fn packed_width<T>(kernel: &Kernel<T>, columns: usize) -> usize {
    columns.next_multiple_of(kernel.lanes)
}

/// Steps of depth of one pass: as many as keep the panels of a task in the second-level cache while its rows pass
/// by.
pub(super) fn pass_depth<T>(kernel: &Kernel<T>, width: usize, size: Size, depth: usize, unit: usize) -> usize {
    if size.rows <= kernel.rows_of(width) {
        return depth;
    }
    let resident = RESIDENT / size_of::<T>() / size.columns;
    let most = if size.rows < PACKING_ROWS { DEEPEST } else { resident.clamp(DEPTH, DEEPEST) };
    even(depth, most.max(unit), unit).min(depth)
}

/// Some columns and some depth of a product, for all rows.
pub(super) struct Block<'a, T> {
    pub(super) kernel: &'a Kernel<T>,
    /// Columns of a panel.
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) columns: Range<usize>,
    pub(super) depth: Range<usize>,
    pub(super) right: Right<'a, T>,
    /// Whether the depth of the block begins and ends that of the product.
    pub(super) is_first: bool,
    pub(super) is_last: bool,
}

impl<T: Real> Block<'_, T> {
    /// Tasks are some rows by a group of panels. Where rows are many, all rows of a group come before the next group,
    /// whose panels then stay in the caches; else the groups come first, so that threads that keep pace read
    /// different ones.
    pub(super) fn multiply(&self, a: &Left<'_, T>, out: &Output<'_, T>, on_all_threads: bool) {
        let (tile, depth) = (self.kernel.rows_of(self.width), self.depth.len());
        let (panels, tiles) = (self.columns.len().div_ceil(self.width), self.rows.div_ceil(tile));
        let resident = (RESIDENT / size_of::<T>() / (self.width * depth)).max(1);
        let has_few_rows = self.rows < PACKING_ROWS;
        let work = self.rows * self.columns.len() * depth;
        let most = (work / TASK).clamp(1, if has_few_rows { FEW_TASKS } else { MOST_TASKS });
        let mut row_blocks = if has_few_rows {
            self.rows.div_ceil(ROWS).max(most.div_ceil(panels).min(tiles / FEW_TILES))
        } else {
            (most * resident.min(panels) / panels).clamp(tiles.div_ceil(ROWS / tile), tiles)
        };
        if !on_all_threads || (a.rows.is_none() && !has_few_rows) {
            row_blocks = row_blocks.min(self.rows.div_ceil(if on_all_threads { PACKED_ROWS } else { ROWS }));
        }
        // Whole tiles of rows each.
        let row_blocks = tiles.div_ceil(tiles.div_ceil(row_blocks));
        let groups = panels.div_ceil(resident).max(most.min(FEW_TASKS).div_ceil(row_blocks)).min(panels);
        let group = panels.div_ceil(if on_all_threads { groups } else { panels.div_ceil(resident) });
        let groups = panels.div_ceil(group);
        let rows = |index: usize| index * self.rows / row_blocks..(index + 1) * self.rows / row_blocks;
        // Rows that are packed for several groups are packed once for all of them.
        let is_shared = a.rows.is_none() && groups > 1 && self.rows * depth <= PACKED;
        let mut packed = is_shared.then(|| Scratch::<T>::new(self.rows * depth));
        if let Some(packed) = &mut packed {
            let pieces = DisjointMut::new(packed);
            for_each(on_all_threads, row_blocks, &|index| {
                let rows = rows(index);
                // SAFETY: every block of rows has its own range.
                let piece = unsafe { pieces.range(rows.start * depth..rows.end * depth) };
                a.panels.pack(rows.clone(), self.depth.clone(), rows.len(), piece);
            });
        }
        for_work(on_all_threads, work, row_blocks * groups, &|task| {
            let (index, group_index) =
                if has_few_rows { (task / groups, task % groups) } else { (task % row_blocks, task / row_blocks) };
            let (rows, first) = (rows(index), group_index * group);
            let packed = packed.as_ref().map(|packed| &packed[rows.start * depth..rows.end * depth]);
            self.task(a, packed, out, &rows, first..(first + group).min(panels));
        });
    }

    /// Some rows, perhaps packed already, by some panels, over the whole depth of the block.
    fn task(
        &self,
        a: &Left<'_, T>,
        packed: Option<&[T]>,
        out: &Output<'_, T>,
        rows: &Range<usize>,
        panels: Range<usize>,
    ) {
        // The depth of a block is one pass, unless its rows are so few that no panel is read twice.
        let unit = a.unit();
        let step = if packed.is_some() { self.depth.len() } else { even(self.depth.len(), DEEPEST.max(unit), unit) };
        let most = rows.len().min(MOST_ROWS);
        let table_len = match a.rows.map(Rows::segments) {
            Some(segments) if segments.count > 1 => most * step.div_ceil(segments.depth),
            _ => most,
        };
        let mut table: SmallVec<[*const T; 128]> = smallvec![std::ptr::null(); table_len];
        let mut own = (a.rows.is_none() && packed.is_none()).then(|| Scratch::<T>::new(rows.len() * step));
        for part in blocks(self.depth.clone(), step) {
            let source = match (a.rows, packed, own.as_mut()) {
                (Some(rows), _, _) => Source::InPlace(rows),
                (None, Some(packed), _) => Source::Packed(packed),
                (None, None, Some(own)) => {
                    let own = &mut own[..rows.len() * part.len()];
                    a.panels.pack(rows.clone(), part.clone(), rows.len(), own);
                    Source::Packed(own)
                }
                (None, None, None) => return,
            };
            self.pass(&source, out, rows, &part, &panels, &mut table);
        }
    }

    /// Some rows by some panels, over one pass of depth.
    fn pass(
        &self,
        source: &Source<'_, T>,
        out: &Output<'_, T>,
        rows: &Range<usize>,
        part: &Range<usize>,
        panels: &Range<usize>,
        table: &mut [*const T],
    ) {
        let kernel = self.kernel;
        let is_last = self.is_last && part.end == self.depth.end;
        let mut job = Job {
            left: table.as_ptr(),
            segments: 1,
            depth: part.len(),
            left_step: 0,
            right: std::ptr::null(),
            right_step: 0,
            out: std::ptr::null(),
            columns: 0,
            accumulate: out.accumulate || !self.is_first || part.start > self.depth.start,
            bias: std::ptr::null(),
            rectify: out.rectify && is_last,
        };
        for tile in equal(rows.clone(), kernel.rows_of(self.width)) {
            (job.segments, job.depth, job.left_step) = source.place(&tile, rows, part, table);
            job.left = table.as_ptr();
            for panel in panels.clone() {
                let first = self.columns.start + panel * self.width;
                let columns = first..(first + self.width).min(self.columns.end);
                (job.right, job.right_step) = self.right(panel, &columns, part);
                job.columns = columns.len();
                if let Some(bias) = out.bias.filter(|_| is_last) {
                    job.bias = bias[columns.clone()].as_ptr();
                }
                let pointers = out.place(&tile, &columns);
                job.out = pointers.as_ptr();
                // SAFETY: `Rows` and `Columns` vouch for the operands, packed ones were just cut to size, and
                // `place` checked the rows of the result, whose tiles belong to one task each.
                unsafe { kernel.run(tile.len(), &job) };
                if is_last && let Some(finish) = out.finish {
                    for row in tile.clone() {
                        // SAFETY: the tile belongs to this task.
                        finish(row, out.first_column + columns.start, unsafe { out.piece(row, columns.clone()) });
                    }
                }
            }
        }
    }

    /// Where a panel starts at a depth, and its step.
    #[inline]
    fn right(&self, panel: usize, columns: &Range<usize>, part: &Range<usize>) -> (*const T, isize) {
        match &self.right {
            Right::InPlace(all) => {
                let first = all.first.wrapping_offset(part.start as isize * all.step);
                (first.wrapping_add(columns.start), all.step)
            }
            Right::Packed(packed, depth) => {
                let width = packed_width(self.kernel, columns.len());
                let from = panel * self.width * depth.len() + (part.start - depth.start) * width;
                (packed[from..from + part.len() * width].as_ptr(), width as isize)
            }
        }
    }
}

impl<T: Real> Source<'_, T> {
    /// Writes where the rows of a tile start; gives segments, their depth and the step of their elements.
    #[inline]
    fn place(
        &self,
        tile: &Range<usize>,
        rows: &Range<usize>,
        part: &Range<usize>,
        table: &mut [*const T],
    ) -> (usize, usize, isize) {
        match self {
            Source::InPlace(source) => {
                let segments = source.segments();
                if segments.count > 1 {
                    let span = part.start / segments.depth..part.end / segments.depth;
                    let count = span.len();
                    source.place(tile.clone(), span, table);
                    return (count, segments.depth, segments.step);
                }
                source.place(tile.clone(), 0..1, table);
                for pointer in &mut table[..tile.len()] {
                    *pointer = pointer.wrapping_offset(part.start as isize * segments.step);
                }
                (1, part.len(), segments.step)
            }
            Source::Packed(packed) => {
                for (row, pointer) in tile.clone().zip(table.iter_mut()) {
                    *pointer = packed.as_ptr().wrapping_add(row - rows.start);
                }
                (1, part.len(), rows.len() as isize)
            }
        }
    }
}
