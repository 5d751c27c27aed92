//! The blocked product. The left operand is read where it lies, if it can be; the right one too, or
//! it is packed into panels once for all. Tasks are some rows by the panels that stay in a cache ([`block`]). How
//! the work is cut depends on shapes alone, and the depth of one result element is always summed in the same
//! order, so the bits do not depend on threads.

mod block;

use std::ops::Range;

use self::block::{Block, Left, Right, packed_width, panel_width, pass_depth};
use super::{
    ending::{Ending, Function},
    kernel::{Kernel, MOST_ROWS, Real},
    pack::{Columns, Panels},
    scratch::Scratch,
};
use crate::parallel::{self, DisjointMut};

/// The most rows of a task.
pub(super) const ROWS: usize = 96;
/// Elements of `b` packed at a time.
const PACKED: usize = 4 << 20;
/// Columns of `b` packed at a time.
const COLUMNS: usize = 4096;
/// Rows from which packing `b` pays, as every block of rows reads it again.
const PACKING_ROWS: usize = 192;
/// The same where rows of `b` lie so that they fall on the same places of a cache.
const PACKING_ROWS_ALIASED: usize = 48;
/// Bytes between rows that do.
const ALIASED: usize = 2048;
/// Bytes of `b` that stay in the second-level cache however they lie.
const CACHED: usize = 512 << 10;
/// Multiplications below which one thread is faster than two.
const PARALLEL: usize = 256 << 10;
/// The same for one row, which waits for memory.
const PARALLEL_ROW: usize = 128 << 10;
/// Multiplications up to which it is not worth waking a thread.
const WAKING: usize = 1 << 20;
/// Tasks worth having, so that a slow thread does not hold up the others.
const TASKS: usize = 8;
/// Depth above which a small result is summed in parts.
const DEEP: usize = 2048;
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

/// Where the result goes: rows of adjacent elements.
#[derive(Clone, Copy)]
pub(crate) struct Output<'a, T> {
    data: *mut T,
    len: usize,
    /// Elements from one row to the next.
    stride: usize,
    accumulate: bool,
    bias: Option<&'a [T]>,
    rectify: bool,
    /// What `finish` is told the first column is.
    first_column: usize,
    finish: Option<Finish<'a, T>>,
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
            stride,
            accumulate: false,
            bias: None,
            rectify: false,
            first_column: 0,
            finish: None,
        }
    }

    /// Whether the product is added to what is there.
    pub(crate) fn accumulate(self, accumulate: bool) -> Self {
        Self { accumulate, ..self }
    }

    /// What is added to every row: as many elements as the result has columns.
    pub(crate) fn bias(self, bias: Option<&'a [T]>) -> Self {
        Self { bias, ..self }
    }

    /// Whether what is not above zero becomes zero, after the bias.
    pub(crate) fn rectify(self, rectify: bool) -> Self {
        Self { rectify, ..self }
    }

    /// What is done to every piece of a row at the very end.
    pub(crate) fn finish(self, finish: Finish<'a, T>) -> Self {
        Self { finish: Some(finish), ..self }
    }

    /// Bias and activation of a result of which these are the columns from `first`.
    pub(crate) fn ending(self, ending: &'a Ending<'a, T>, first: usize, columns: usize) -> Self {
        let bias = &ending.bias[first..first + columns];
        match ending.function {
            Function::None => self.bias(Some(bias)),
            Function::Rectify => self.bias(Some(bias)).rectify(true),
            Function::Finish(finish) => Self { first_column: first, ..self }.finish(finish),
        }
    }

    /// A piece of a row.
    ///
    /// # Safety
    /// No other piece that overlaps may be alive.
    #[allow(clippy::mut_from_ref)]
    unsafe fn piece(&self, row: usize, columns: Range<usize>) -> &mut [T] {
        let start = row * self.stride + columns.start;
        assert!(start + columns.len() <= self.len, "a result row reaches outside its buffer");
        // SAFETY: inside, as just checked; not aliased by the contract.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), columns.len()) }
    }

    /// The end of a row that did not go through tiles.
    fn end_row(&self, row: usize, piece: &mut [T]) {
        for (to, bias) in piece.iter_mut().zip(self.bias.unwrap_or(&[])) {
            *to = *to + *bias;
        }
        if self.rectify {
            for to in piece.iter_mut().filter(|to| **to <= T::ZERO) {
                *to = T::ZERO;
            }
        }
        if let Some(finish) = self.finish {
            finish(row, self.first_column, piece);
        }
    }

    /// Where rows of a tile start.
    #[inline]
    fn place(&self, rows: &Range<usize>, columns: &Range<usize>) -> [*mut T; MOST_ROWS] {
        assert!((rows.end - 1) * self.stride + columns.end <= self.len, "a result row reaches outside its buffer");
        let first = self.data.wrapping_add(rows.start * self.stride + columns.start);
        let mut pointers = [first; MOST_ROWS];
        for (i, to) in pointers.iter_mut().enumerate().take(rows.len()) {
            *to = first.wrapping_add(i * self.stride);
        }
        pointers
    }

    fn check(&self, size: Size) {
        assert!(self.bias.is_none_or(|bias| bias.len() == size.columns), "the bias does not fit the result");
        if size.rows > 0 && size.columns > 0 {
            assert!(size.rows == 1 || self.stride >= size.columns, "result rows overlap");
            assert!((size.rows - 1) * self.stride + size.columns <= self.len, "the result is too short");
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
    if size.depth == 0 {
        without_depth(size, out);
        return;
    }
    let kernel = T::kernel();
    let work = size.rows.saturating_mul(size.columns).saturating_mul(size.depth);
    let on_all_threads = on_all_threads && is_parallel(size.rows, work);
    let left = Left::new(a, size);
    let tasks = size.rows.div_ceil(ROWS) * size.columns.div_ceil(kernel.columns());
    if size.depth >= DEEP && work >= PARALLEL && tasks < TASKS {
        in_parts(&kernel, size, &left, b, out, on_all_threads);
    } else {
        blocked(&kernel, size, 0..size.depth, &left, b, out, on_all_threads);
    }
}

/// The result of sums without terms.
fn without_depth<T: Real>(size: Size, out: &Output<'_, T>) {
    for row in 0..size.rows {
        // SAFETY: the only piece alive.
        let piece = unsafe { out.piece(row, 0..size.columns) };
        if !out.accumulate {
            piece.fill(T::ZERO);
        }
        out.end_row(row, piece);
    }
}

/// A small result of a deep sum: parts of the depth side by side, added up in order.
fn in_parts<T: Real>(
    kernel: &Kernel<T>,
    size: Size,
    a: &Left<'_, T>,
    b: &dyn Panels<T>,
    out: &Output<'_, T>,
    on_all_threads: bool,
) {
    let unit = a.unit();
    let part = size.depth.div_ceil(PARTS).max(DEEP / 2).div_ceil(unit) * unit;
    let parts = size.depth.div_ceil(part);
    let len = size.rows * size.columns;
    let mut sums = Scratch::<T>::new(parts * len);
    let pieces = DisjointMut::new(&mut sums);
    let run = |index: usize| {
        let depth = index * part..((index + 1) * part).min(size.depth);
        // SAFETY: every index has its own range.
        let piece = unsafe { pieces.range(index * len..(index + 1) * len) };
        blocked(kernel, size, depth, a, b, &Output::strided(piece, size.columns), false);
    };
    for_each(on_all_threads, parts, &run);
    let sums = &sums[..];
    for_each(on_all_threads && parts * len >= PARALLEL / 8, size.rows, &|row| {
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
        out.end_row(row, piece);
    });
}

/// `len` cut into equal pieces of at most `most`, each a multiple of `unit`.
fn even(len: usize, most: usize, unit: usize) -> usize {
    let pieces = len.div_ceil(most).max(1);
    len.div_ceil(pieces).div_ceil(unit) * unit
}

/// Runs the tasks of so many multiplications on all threads or on this one.
fn for_work(on_all_threads: bool, work: usize, count: usize, task: &(dyn Fn(usize) + Sync)) {
    if on_all_threads && work <= WAKING {
        parallel::for_small_chunks(count, task);
    } else {
        for_each(on_all_threads, count, task);
    }
}

/// Runs tasks on all threads or on this one.
pub(super) fn for_each(on_all_threads: bool, count: usize, task: &(dyn Fn(usize) + Sync)) {
    if on_all_threads && count > 1 {
        parallel::for_chunks(count, task);
    } else {
        (0..count).for_each(task);
    }
}

/// `range` in pieces of `len`.
pub(crate) fn blocks(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(len.max(1)).map(move |start| start..(start + len).min(end))
}

/// `range` in as few pieces of at most `most` as there must be, as equal as they can be.
fn equal(range: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let (len, count) = (range.len(), range.len().div_ceil(most));
    (0..count).map(move |i| range.start + i * len / count..range.start + (i + 1) * len / count)
}

fn pack_right<T: Real>(
    kernel: &Kernel<T>,
    width: usize,
    b: &dyn Panels<T>,
    columns: &Range<usize>,
    depth: &Range<usize>,
    packed: &mut [T],
    on_all_threads: bool,
) {
    let pieces = DisjointMut::new(packed);
    for_each(on_all_threads, columns.len().div_ceil(width), &|panel| {
        let first = columns.start + panel * width;
        let span = first..(first + width).min(columns.end);
        let (start, packed_width) = (panel * width * depth.len(), packed_width(kernel, span.len()));
        // SAFETY: every panel has its own range.
        let piece = unsafe { pieces.range(start..start + packed_width * depth.len()) };
        b.pack(span, depth.clone(), packed_width, piece);
    });
}

/// A right operand packed once for many products.
pub(crate) struct Packed<T> {
    data: Scratch<T>,
    width: usize,
    columns: usize,
    depth: usize,
}

impl<T: Real> Packed<T> {
    /// For products with about so many rows.
    pub(crate) fn new(b: &dyn Panels<T>, rows: usize, columns: usize, depth: usize) -> Self {
        let kernel = T::kernel();
        let mut data = Scratch::new(packed_width(&kernel, columns) * depth);
        let width = panel_width(&kernel, rows, columns);
        pack_right(&kernel, width, b, &(0..columns), &(0..depth), &mut data, columns * depth >= PARALLEL);
        Self { data, width, columns, depth }
    }

    /// `out = a b` (or `out += a b`) for `rows` rows.
    pub(crate) fn multiply(&self, rows: usize, a: &dyn Panels<T>, out: &Output<'_, T>, on_all_threads: bool) {
        let packed = Ready { data: &self.data, width: self.width, columns: self.columns, depth: self.depth };
        packed.multiply(rows, a, out, on_all_threads);
    }
}

/// A right operand in panels that someone else keeps.
pub(crate) struct Ready<'a, T> {
    data: &'a [T],
    width: usize,
    columns: usize,
    depth: usize,
}

impl<'a, T: Real> Ready<'a, T> {
    /// Whether products with a row-major right operand of that size are worth panels that are kept: not where the
    /// columns make one panel as they lie, nor where they stay in the cache; and only where the depth is summed in the
    /// same pieces as by [`gemm`], so that both give the same bits.
    pub(crate) fn pays(columns: usize, depth: usize) -> bool {
        let row = columns * size_of::<T>();
        let is_read_badly = row * depth > CACHED || (depth > 64 && row.is_multiple_of(ALIASED));
        let fits = columns <= COLUMNS && depth < DEEP && columns * depth <= PACKED;
        columns > T::kernel().columns() && is_read_badly && fits
    }

    /// How many elements the panels of so many columns have.
    pub(crate) fn len(columns: usize, depth: usize) -> usize {
        packed_width(&T::kernel(), columns) * depth
    }

    /// Packs `b` into `data`, which is [`Self::len`] long.
    pub(crate) fn pack(b: &dyn Panels<T>, columns: usize, depth: usize, data: &mut [T]) {
        let kernel = T::kernel();
        let width = panel_width(&kernel, usize::MAX, columns);
        pack_right(&kernel, width, b, &(0..columns), &(0..depth), data, columns * depth >= PARALLEL);
    }

    /// What [`Self::pack`] made.
    pub(crate) fn new(data: &'a [T], columns: usize, depth: usize) -> Self {
        assert!(data.len() >= Self::len(columns, depth), "the panels are too short");
        Self { data, width: panel_width(&T::kernel(), usize::MAX, columns), columns, depth }
    }

    /// `out = a b` (or `out += a b`) for `rows` rows.
    pub(crate) fn multiply(&self, rows: usize, a: &dyn Panels<T>, out: &Output<'_, T>, on_all_threads: bool) {
        let size = Size { rows, columns: self.columns, depth: self.depth };
        out.check(size);
        if rows == 0 || self.columns == 0 {
            return;
        }
        if self.depth == 0 {
            without_depth(size, out);
            return;
        }
        let kernel = T::kernel();
        let a = Left::new(a, size);
        // The depth is cut as by `gemm`, whose panels may be narrower: the same bits.
        let width = panel_width(&kernel, rows, self.columns);
        let step = pass_depth(&kernel, width, size, self.depth, a.unit());
        for depth in blocks(0..self.depth, step) {
            let block = Block {
                kernel: &kernel,
                width: self.width,
                rows,
                columns: 0..self.columns,
                is_first: depth.start == 0,
                is_last: depth.end == self.depth,
                depth,
                right: Right::Packed(self.data, 0..self.depth),
            };
            block.multiply(&a, out, on_all_threads && is_parallel(rows, rows * self.columns * self.depth));
        }
    }
}

/// Whether so many multiplications are faster on all threads.
const fn is_parallel(rows: usize, work: usize) -> bool {
    work >= if rows == 1 { PARALLEL_ROW } else { PARALLEL }
}

/// Whether the right operand is read where it lies.
fn is_read_in_place<T>(kernel: &Kernel<T>, size: Size, depth: usize, columns: &Columns<T>) -> bool {
    let step = columns.step.unsigned_abs();
    let is_aliased = depth > 64 && (step * size_of::<T>()).is_multiple_of(ALIASED);
    let is_cached = !is_aliased && size.columns * depth * size_of::<T>() <= CACHED;
    step <= kernel.columns() || is_cached || size.rows < if is_aliased { PACKING_ROWS_ALIASED } else { PACKING_ROWS }
}

fn blocked<T: Real>(
    kernel: &Kernel<T>,
    size: Size,
    depth: Range<usize>,
    a: &Left<'_, T>,
    b: &dyn Panels<T>,
    out: &Output<'_, T>,
    on_all_threads: bool,
) {
    let (width, unit) = (panel_width(kernel, size.rows, size.columns), a.unit());
    let in_place = b.columns().filter(|columns| is_read_in_place(kernel, size, depth.len(), columns));
    let is_inside = |all: &Columns<T>| size.columns <= all.count && depth.end <= all.depth;
    assert!(in_place.as_ref().is_none_or(is_inside), "the right operand is too small");
    let most_columns = if in_place.is_some() { size.columns } else { even(size.columns, COLUMNS, width) };
    let mut step = pass_depth(kernel, width, Size { columns: most_columns, ..size }, depth.len(), unit);
    if in_place.is_none() {
        // As many steps of depth at a time as the packed `b` has room for.
        step = even(depth.len(), step.min(PACKED / most_columns).max(unit), unit).min(depth.len());
    }
    let room = if in_place.is_some() { 0 } else { packed_width(kernel, most_columns) * step };
    let mut packed = Scratch::<T>::new(room);
    for columns in blocks(0..size.columns, most_columns) {
        for part in blocks(depth.clone(), step) {
            let right = if let Some(all) = in_place {
                Right::InPlace(all)
            } else {
                pack_right(kernel, width, b, &columns, &part, &mut packed, on_all_threads);
                Right::Packed(&packed, part.clone())
            };
            let block = Block {
                kernel,
                width,
                rows: size.rows,
                columns: columns.clone(),
                right,
                is_first: part.start == depth.start,
                is_last: part.end == depth.end,
                depth: part,
            };
            block.multiply(a, out, on_all_threads);
        }
    }
}
