//! The blocked product: panels of `b` are packed once for all, blocks of `a` per task, and tasks
//! are tiles of the result. How the work is cut depends on shapes alone, and the depth of one
//! result element is always summed in the same order, so the bits do not depend on threads.

use std::ops::Range;

use super::{
    kernel::{Job, Kernel, Real},
    pack::Panels,
    scratch::Scratch,
};
use crate::parallel::{self, DisjointMut};

/// Depth of one pass: a panel of `b` this deep stays in the first-level cache.
const DEPTH: usize = 320;
/// Rows of a block of `a`, which stays in the second-level cache.
const ROWS: usize = 240;
/// Elements of `b` packed at a time.
const PACKED: usize = 2 << 20;
/// Columns of `b` packed at a time.
const COLUMNS: usize = 4096;
/// Multiplications below which one thread is faster than two.
const PARALLEL: usize = 512 << 10;
/// Tasks worth having, so that a slow thread does not hold up the others.
const TASKS: usize = 8;
/// Depth above which a small result is summed in parts.
const DEEP: usize = 2048;
/// A result this small is summed in parts too where its sums are far deeper than it is wide: a part
/// of both operands fits into a cache, all of them do not.
const SMALL: usize = 64 << 10;
/// Parts a deep sum is cut into at most.
const PARTS: usize = 16;

/// Sizes of a product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) depth: usize,
}

/// What is done to a finished piece of a row: (row, first column, elements).
pub(crate) type Finish<'a, T> = &'a (dyn Fn(usize, usize, &mut [T]) + Sync);

/// Where rows of the result start.
#[derive(Clone, Copy)]
enum RowStart<'a> {
    Stride(usize),
    Map(&'a (dyn Fn(usize) -> usize + Sync)),
}

/// Where the result goes: rows of adjacent elements.
#[derive(Clone, Copy)]
pub(crate) struct Output<'a, T> {
    data: *mut T,
    len: usize,
    start: RowStart<'a>,
    pub(crate) accumulate: bool,
    pub(crate) finish: Option<Finish<'a, T>>,
}

// SAFETY: tasks write disjoint tiles of the exclusive borrow the pointer was made of.
unsafe impl<T: Send> Send for Output<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Output<'_, T> {}

impl<'a, T: Real> Output<'a, T> {
    /// Row `i` starts at `i * stride`.
    pub(crate) fn strided(data: &'a mut [T], stride: usize) -> Self {
        Self {
            data: data.as_mut_ptr(),
            len: data.len(),
            start: RowStart::Stride(stride),
            accumulate: false,
            finish: None,
        }
    }

    /// Row `i` starts at `map(i)`.
    ///
    /// # Safety
    /// Rows must not overlap. (That they lie inside is checked.)
    pub(crate) unsafe fn mapped(data: &'a mut [T], map: &'a (dyn Fn(usize) -> usize + Sync)) -> Self {
        Self { data: data.as_mut_ptr(), len: data.len(), start: RowStart::Map(map), accumulate: false, finish: None }
    }

    pub(crate) fn accumulate(self, accumulate: bool) -> Self {
        Self { accumulate, ..self }
    }

    pub(crate) fn finish(self, finish: Finish<'a, T>) -> Self {
        Self { finish: Some(finish), ..self }
    }

    fn row_start(&self, row: usize) -> usize {
        match self.start {
            RowStart::Stride(stride) => row * stride,
            RowStart::Map(map) => map(row),
        }
    }

    /// A piece of a row.
    ///
    /// # Safety
    /// No other piece that overlaps may be alive.
    #[allow(clippy::mut_from_ref)]
    unsafe fn piece(&self, row: usize, columns: Range<usize>) -> &mut [T] {
        let start = self.row_start(row) + columns.start;
        assert!(start + columns.len() <= self.len, "a result row reaches outside its buffer");
        // SAFETY: inside, as just checked; not aliased by the contract.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), columns.len()) }
    }

    fn check(&self, size: Size) {
        if let RowStart::Stride(stride) = self.start
            && size.rows > 0
            && size.columns > 0
        {
            assert!(size.rows == 1 || stride >= size.columns, "result rows overlap");
            assert!((size.rows - 1) * stride + size.columns <= self.len, "the result is too short");
        }
    }
}

/// `out = a b` (or `out += a b`), on this thread only or on all.
pub(crate) fn gemm<T: Real>(
    size: Size,
    a: &dyn Panels<T>,
    b: &dyn Panels<T>,
    out: &Output<'_, T>,
    on_all_threads: bool,
) {
    out.check(size);
    if size.rows == 0 || size.columns == 0 {
        return;
    }
    let kernel = T::kernel();
    if size.depth == 0 {
        for row in 0..size.rows {
            // SAFETY: the only piece alive.
            let piece = unsafe { out.piece(row, 0..size.columns) };
            if !out.accumulate {
                piece.fill(T::ZERO);
            }
            if let Some(finish) = out.finish {
                finish(row, 0, piece);
            }
        }
        return;
    }
    let work = size.rows.saturating_mul(size.columns).saturating_mul(size.depth);
    let on_all_threads = on_all_threads && work >= PARALLEL;
    // The tile size differs between instruction sets, and with it, where sums are cut: results
    // are only promised to be equal on one instruction set.
    let tiles = size.rows.div_ceil(kernel.rows) * size.columns.div_ceil(kernel.columns);
    let is_lopsided = size.rows * size.columns <= SMALL && size.depth >= 8 * size.rows.max(size.columns);
    if size.depth >= DEEP && work >= PARALLEL && (tiles < TASKS || is_lopsided) {
        in_parts(size, a, b, out, on_all_threads);
    } else {
        blocked(&kernel, size, 0..size.depth, a, b, out, on_all_threads);
    }
}

/// A small result of a deep sum: parts of the depth side by side, added up in order.
fn in_parts<T: Real>(size: Size, a: &dyn Panels<T>, b: &dyn Panels<T>, out: &Output<'_, T>, on_all_threads: bool) {
    let kernel = T::kernel();
    let part = size.depth.div_ceil(PARTS).max(DEEP / 2);
    let parts = size.depth.div_ceil(part);
    let len = size.rows * size.columns;
    let mut sums = Scratch::<T>::new(parts * len);
    let pieces = DisjointMut::new(&mut sums);
    let run = |index: usize| {
        let depth = index * part..((index + 1) * part).min(size.depth);
        // SAFETY: every index has its own range.
        let piece = unsafe { pieces.range(index * len..(index + 1) * len) };
        blocked(&kernel, size, depth, a, b, &Output::strided(piece, size.columns), false);
    };
    if on_all_threads {
        parallel::for_chunks(parts, &run);
    } else {
        (0..parts).for_each(run);
    }
    let sums = &sums[..];
    for_each(on_all_threads && len >= SMALL / 4, size.rows, &|row| {
        // SAFETY: every row is its own piece.
        let piece = unsafe { out.piece(row, 0..size.columns) };
        for part in 0..parts {
            let from = &sums[part * len + row * size.columns..][..size.columns];
            if part == 0 && !out.accumulate {
                piece.copy_from_slice(from);
            } else {
                for (to, from) in piece.iter_mut().zip(from) {
                    *to = *to + *from;
                }
            }
        }
        if let Some(finish) = out.finish {
            finish(row, 0, piece);
        }
    });
}

/// `len` cut into equal pieces of at most `most`, each a multiple of `unit`.
fn even(len: usize, most: usize, unit: usize) -> usize {
    let pieces = len.div_ceil(most).max(1);
    len.div_ceil(pieces).div_ceil(unit) * unit
}

/// Runs tasks on all threads or on this one.
fn for_each(on_all_threads: bool, count: usize, task: &(dyn Fn(usize) + Sync)) {
    if on_all_threads && count > 1 {
        parallel::for_chunks(count, task);
    } else {
        (0..count).for_each(task);
    }
}

/// Packs a block of `b`: panel after panel, each with its steps of depth one after the other.
fn pack_right<T: Real>(
    kernel: &Kernel<T>,
    b: &dyn Panels<T>,
    columns: &Range<usize>,
    depth: &Range<usize>,
    packed: &mut [T],
    on_all_threads: bool,
) {
    let panel_len = depth.len() * kernel.columns;
    let pieces = DisjointMut::new(packed);
    for_each(on_all_threads, columns.len().div_ceil(kernel.columns), &|panel| {
        // SAFETY: every panel has its own range.
        let piece = unsafe { pieces.range(panel * panel_len..(panel + 1) * panel_len) };
        let first = columns.start + panel * kernel.columns;
        b.pack(first..(first + kernel.columns).min(columns.end), depth.clone(), kernel.columns, piece);
    });
}

/// A right operand packed once for many products.
pub(crate) struct Packed<T> {
    data: Scratch<T>,
    columns: usize,
    depth: usize,
}

impl<T: Real> Packed<T> {
    pub(crate) fn new(b: &dyn Panels<T>, columns: usize, depth: usize) -> Self {
        let kernel = T::kernel();
        let mut data = Scratch::new(columns.div_ceil(kernel.columns) * kernel.columns * depth);
        pack_right(&kernel, b, &(0..columns), &(0..depth), &mut data, columns * depth >= PARALLEL);
        Self { data, columns, depth }
    }

    /// `out = a b` (or `out += a b`) for `rows` rows.
    pub(crate) fn multiply(&self, rows: usize, a: &dyn Panels<T>, out: &Output<'_, T>, on_all_threads: bool) {
        let size = Size { rows, columns: self.columns, depth: self.depth };
        out.check(size);
        if rows == 0 || self.columns == 0 || self.depth == 0 {
            gemm(size, a, &Nothing, out, false);
            return;
        }
        let kernel = T::kernel();
        let on_all_threads = on_all_threads && rows * self.columns * self.depth >= PARALLEL;
        let block = Block {
            kernel: &kernel,
            rows,
            columns: 0..self.columns,
            depth: 0..self.depth,
            step: even(self.depth, DEPTH, 1),
            right: &self.data,
        };
        block.multiply(a, out, out.accumulate, out.finish, on_all_threads);
    }
}

/// The right operand of a product without elements.
struct Nothing;

impl<T> Panels<T> for Nothing {
    fn pack(&self, _: Range<usize>, _: Range<usize>, _: usize, _: &mut [T]) {}
}

fn blocked<T: Real>(
    kernel: &Kernel<T>,
    size: Size,
    depth: Range<usize>,
    a: &dyn Panels<T>,
    b: &dyn Panels<T>,
    out: &Output<'_, T>,
    on_all_threads: bool,
) {
    let step = even(depth.len(), DEPTH, 1);
    let most_columns = even(size.columns, COLUMNS, kernel.columns);
    // As many steps of depth at a time as the packed `b` has room for.
    let most_depth = ((PACKED / most_columns / step).max(1) * step).min(depth.len());
    let mut packed = Scratch::<T>::new(most_columns * most_depth);
    for columns in blocks(0..size.columns, most_columns) {
        for block in blocks(depth.clone(), most_depth) {
            pack_right(kernel, b, &columns, &block, &mut packed, on_all_threads);
            let accumulate = out.accumulate || block.start > depth.start;
            let finish = if block.end == depth.end { out.finish } else { None };
            let columns = columns.clone();
            Block { kernel, rows: size.rows, columns, depth: block, step, right: &packed }.multiply(
                a,
                out,
                accumulate,
                finish,
                on_all_threads,
            );
        }
    }
}

/// A packed block of `b` that all rows of `a` are multiplied with.
struct Block<'a, T> {
    kernel: &'a Kernel<T>,
    rows: usize,
    columns: Range<usize>,
    depth: Range<usize>,
    /// Depth of one pass.
    step: usize,
    right: &'a [T],
}

impl<T: Real> Block<'_, T> {
    fn multiply(
        &self,
        a: &dyn Panels<T>,
        out: &Output<'_, T>,
        accumulate: bool,
        finish: Option<Finish<'_, T>>,
        on_all_threads: bool,
    ) {
        let kernel = self.kernel;
        // Tasks: blocks of rows, cut by columns too where rows alone give too few.
        let task_rows = even(self.rows, ROWS.min(self.rows.div_ceil(TASKS).max(kernel.rows)), kernel.rows);
        let row_tasks = self.rows.div_ceil(task_rows);
        let panels = self.columns.len().div_ceil(kernel.columns);
        let task_panels = panels.div_ceil(TASKS.div_ceil(row_tasks).min(panels));
        let column_tasks = panels.div_ceil(task_panels);
        let panel_len = self.depth.len() * kernel.columns;
        for_each(on_all_threads, row_tasks * column_tasks, &|task| {
            let (row_task, column_task) = (task / column_tasks, task % column_tasks);
            let rows = row_task * task_rows..((row_task + 1) * task_rows).min(self.rows);
            let mine = column_task * task_panels..((column_task + 1) * task_panels).min(panels);
            let row_panels = rows.len().div_ceil(kernel.rows);
            let mut left = Scratch::<T>::new(row_panels * kernel.rows * self.step.min(self.depth.len()));
            for part in blocks(self.depth.clone(), self.step) {
                let left_len = part.len() * kernel.rows;
                for (index, piece) in left.chunks_exact_mut(left_len).take(row_panels).enumerate() {
                    let first = rows.start + index * kernel.rows;
                    a.pack(first..(first + kernel.rows).min(rows.end), part.clone(), kernel.rows, piece);
                }
                let pass = Pass {
                    kernel,
                    depth: part.len(),
                    accumulate: accumulate || part.start > self.depth.start,
                    finish: if part.end == self.depth.end { finish } else { None },
                };
                for panel in mine.clone() {
                    let from = panel * panel_len + (part.start - self.depth.start) * kernel.columns;
                    let right = &self.right[from..from + part.len() * kernel.columns];
                    let first = self.columns.start + panel * kernel.columns;
                    let span = first..(first + kernel.columns).min(self.columns.end);
                    for (index, left) in left.chunks_exact(left_len).take(row_panels).enumerate() {
                        let first = rows.start + index * kernel.rows;
                        pass.tile(left, right, out, first..(first + kernel.rows).min(rows.end), span.clone());
                    }
                }
            }
        });
    }
}

/// `range` in pieces of `len`.
fn blocks(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(len.max(1)).map(move |start| start..(start + len).min(end))
}

/// What the tiles of one pass over some depth share.
struct Pass<'a, T> {
    kernel: &'a Kernel<T>,
    depth: usize,
    accumulate: bool,
    finish: Option<Finish<'a, T>>,
}

impl<T: Real> Pass<'_, T> {
    #[inline]
    fn tile(&self, left: &[T], right: &[T], out: &Output<'_, T>, rows: Range<usize>, columns: Range<usize>) {
        let kernel = self.kernel;
        assert!(left.len() == self.depth * kernel.rows && right.len() == self.depth * kernel.columns);
        let vectors = columns.len().div_ceil(kernel.lanes);
        let job = Job {
            depth: self.depth,
            a: left.as_ptr(),
            b: right.as_ptr(),
            c: out.data,
            row_stride: 0,
            accumulate: self.accumulate,
        };
        if let RowStart::Stride(stride) = out.start
            && columns.len().is_multiple_of(kernel.lanes)
        {
            // SAFETY: the panels were just checked, the rows by `Output::check`; tasks have their
            // own tiles.
            unsafe {
                let corner = out.data.add(rows.start * stride + columns.start);
                kernel.run(rows.len(), vectors, &Job { c: corner, row_stride: stride, ..job });
            }
        } else {
            // An edge, or rows anywhere: through a tile on the stack.
            let mut tile = [T::ZERO; 12 * 32];
            assert!(kernel.rows * kernel.columns <= tile.len());
            // SAFETY: the panels were just checked, the tile is large enough.
            unsafe {
                let job = Job { c: tile.as_mut_ptr(), row_stride: kernel.columns, accumulate: false, ..job };
                kernel.run(rows.len(), vectors, &job);
            }
            for (row, from) in rows.clone().zip(tile.chunks_exact(kernel.columns)) {
                // SAFETY: tasks have their own tiles, and this is the only piece of this one alive.
                let to = unsafe { out.piece(row, columns.clone()) };
                if self.accumulate {
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = *to + *from;
                    }
                } else {
                    to.copy_from_slice(&from[..columns.len()]);
                }
            }
        }
        if let Some(finish) = self.finish {
            for row in rows {
                // SAFETY: as above.
                finish(row, columns.start, unsafe { out.piece(row, columns.clone()) });
            }
        }
    }
}
