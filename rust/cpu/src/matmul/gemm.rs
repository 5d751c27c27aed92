//! The blocked product. The left operand is read where it lies, if it can be; the right one too, or
//! it is packed into panels once for all. Tasks are blocks of rows by some panels. How the work is cut
//! depends on shapes alone, and the depth of one result element is always summed in the same order, so
//! the bits do not depend on threads.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::{
    kernel::{Job, Kernel, MOST_ROWS, Real},
    pack::{Columns, Panels, Rows, Segments},
    scratch::Scratch,
};
use crate::parallel::{self, DisjointMut};

/// Depth of one pass.
const DEPTH: usize = 512;
/// Rows of a task where all of `b` stays in the second-level cache, and of a packed piece of `a`.
pub(super) const ROWS: usize = 96;
/// Bytes of `a` a task reads again and again where `b` does not stay there: fewer tasks read more of `b` each.
const LEFT_CACHED: usize = 1 << 20;
/// Elements of `a` packed at a time.
const LEFT_PACKED: usize = 4 << 20;
/// Elements of `b` packed at a time.
const PACKED: usize = 4 << 20;
/// Columns of `b` packed at a time.
const COLUMNS: usize = 4096;
/// Rows from which packing `b` pays, as every block of rows reads it again.
const PACKING_ROWS: usize = 192;
/// The same where rows of `b` lie so that they fall on the same places of a cache.
const PACKING_ROWS_ALIASED: usize = 48;
/// Bytes between rows that do.
pub(super) const ALIASED: usize = 2048;
/// Bytes of `b` that stay in the second-level cache however they lie.
const CACHED: usize = 512 << 10;
/// Bytes between steps of the depth of `a` from which its rows are packed, as they are where they are aliased.
const FAR: usize = 1024;
/// Columns from which that pays.
const FAR_COLUMNS: usize = 96;
/// Multiplications below which one thread is faster than two.
const PARALLEL: usize = 512 << 10;
/// Multiplications a task should have.
const TASK: usize = 256 << 10;
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
    accumulate: bool,
    bias: Option<&'a [T]>,
    relu: bool,
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
            start: RowStart::Stride(stride),
            accumulate: false,
            bias: None,
            relu: false,
            finish: None,
        }
    }

    /// Row `i` starts at `map(i)`.
    ///
    /// # Safety
    /// Rows must not overlap. (That they lie inside is checked.)
    pub(crate) unsafe fn mapped(data: &'a mut [T], map: &'a (dyn Fn(usize) -> usize + Sync)) -> Self {
        Self { start: RowStart::Map(map), ..Self::strided(data, 0) }
    }

    /// Whether the product is added to what is there.
    pub(crate) fn accumulate(self, accumulate: bool) -> Self {
        Self { accumulate, ..self }
    }

    /// What is added to every row: as many elements as the result has columns.
    pub(crate) fn bias(self, bias: Option<&'a [T]>) -> Self {
        Self { bias, ..self }
    }

    /// Whether what is negative becomes zero at the end.
    pub(crate) fn relu(self, relu: bool) -> Self {
        Self { relu, ..self }
    }

    /// What is done to every piece of a row at the very end.
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

    /// The end of a row that did not go through tiles.
    fn end_row(&self, row: usize, piece: &mut [T]) {
        for (to, bias) in piece.iter_mut().zip(self.bias.unwrap_or(&[])) {
            *to = *to + *bias;
        }
        if self.relu {
            for to in piece.iter_mut().filter(|to| **to < T::ZERO) {
                *to = T::ZERO;
            }
        }
        if let Some(finish) = self.finish {
            finish(row, 0, piece);
        }
    }

    /// Where rows of a tile start.
    #[inline]
    fn place(&self, rows: &Range<usize>, columns: &Range<usize>) -> [*mut T; MOST_ROWS] {
        let mut pointers = [self.data; MOST_ROWS];
        match self.start {
            RowStart::Stride(stride) => {
                assert!((rows.end - 1) * stride + columns.end <= self.len, "a result row reaches outside its buffer");
                let first = self.data.wrapping_add(rows.start * stride + columns.start);
                for (i, to) in pointers.iter_mut().enumerate().take(rows.len()) {
                    *to = first.wrapping_add(i * stride);
                }
            }
            RowStart::Map(map) => {
                for (to, row) in pointers.iter_mut().zip(rows.clone()) {
                    let start = map(row) + columns.start;
                    assert!(start + columns.len() <= self.len, "a result row reaches outside its buffer");
                    *to = self.data.wrapping_add(start);
                }
            }
        }
        pointers
    }

    fn check(&self, size: Size) {
        assert!(self.bias.is_none_or(|bias| bias.len() == size.columns), "the bias does not fit the result");
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
    if size.depth == 0 {
        without_depth(size, out);
        return;
    }
    let kernel = T::kernel();
    let work = size.rows.saturating_mul(size.columns).saturating_mul(size.depth);
    let on_all_threads = on_all_threads && work >= PARALLEL;
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

/// Runs tasks on all threads or on this one.
fn for_each(on_all_threads: bool, count: usize, task: &(dyn Fn(usize) + Sync)) {
    if on_all_threads && count > 1 {
        parallel::for_chunks(count, task);
    } else {
        (0..count).for_each(task);
    }
}

/// `range` in pieces of `len`.
fn blocks(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(len.max(1)).map(move |start| start..(start + len).min(end))
}

/// The left operand: read where it lies, or packed by the tasks.
struct Left<'a, T> {
    rows: Option<&'a dyn Rows<T>>,
    panels: &'a dyn Panels<T>,
}

impl<'a, T: Real> Left<'a, T> {
    fn new(panels: &'a dyn Panels<T>, size: Size) -> Self {
        let rows = panels.rows().filter(|rows| {
            let segments = rows.segments();
            let bytes = segments.step.unsigned_abs() * size_of::<T>();
            let is_far = segments.count == 1 && bytes >= FAR || segments.is_aliased;
            !(is_far && size.depth > 64 && size.columns >= FAR_COLUMNS)
        });
        Self { rows, panels }
    }

    /// What the depth may be cut into multiples of.
    fn unit(&self) -> usize {
        self.rows.map_or(1, |rows| if rows.segments().count > 1 { rows.segments().depth } else { 1 })
    }
}

/// The left operand packed: pieces of [`ROWS`] rows, each step after step with the rows side by side.
struct PackedRows<'a, T> {
    data: &'a [T],
    depth: usize,
}

// SAFETY: a piece has `ROWS` elements for each step of the depth, so that is what can be read from each of its rows
// on; the rows are asserted to lie in one piece, which indexing finds inside the data.
unsafe impl<T: Real> Rows<T> for PackedRows<'_, T> {
    fn segments(&self) -> Segments {
        Segments { count: 1, depth: self.depth, step: ROWS as isize, is_aliased: false }
    }

    fn place(&self, rows: Range<usize>, _: Range<usize>, out: &mut [*const T]) {
        let (piece, first) = (rows.start / ROWS, rows.start % ROWS);
        assert!(first + rows.len() <= ROWS, "rows of two pieces");
        let piece = &self.data[piece * ROWS * self.depth..(piece + 1) * ROWS * self.depth];
        for (i, to) in out.iter_mut().enumerate().take(rows.len()) {
            *to = piece.as_ptr().wrapping_add(first + i);
        }
    }
}

/// Packs a left operand for [`PackedRows`].
fn pack_left<T: Real>(a: &dyn Panels<T>, rows: usize, depth: &Range<usize>, packed: &mut [T], on_all_threads: bool) {
    let pieces = DisjointMut::new(packed);
    for_each(on_all_threads, rows.div_ceil(ROWS), &|piece| {
        let len = ROWS * depth.len();
        // SAFETY: every piece has its own range.
        let to = unsafe { pieces.range(piece * len..(piece + 1) * len) };
        a.pack(piece * ROWS..((piece + 1) * ROWS).min(rows), depth.clone(), ROWS, to);
    });
}

/// The right operand: where it lies, or panel after panel, each with its steps of depth one after the other.
#[derive(Clone, Copy)]
enum Right<'a, T> {
    InPlace(Columns<T>),
    Packed(&'a [T]),
}

/// How wide the panels of a product are: as few as there must be, as equal as whole vectors allow.
fn panel_width<T>(kernel: &Kernel<T>, columns: usize) -> usize {
    let panels = columns.div_ceil(kernel.columns()).max(1);
    columns.div_ceil(panels).next_multiple_of(kernel.lanes)
}

/// Elements from one step of depth to the next in a packed panel of so many columns.
fn packed_width<T>(kernel: &Kernel<T>, columns: usize) -> usize {
    columns.next_multiple_of(kernel.lanes)
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
    columns: usize,
    depth: usize,
}

impl<T: Real> Packed<T> {
    pub(crate) fn new(b: &dyn Panels<T>, columns: usize, depth: usize) -> Self {
        let kernel = T::kernel();
        let mut data = Scratch::new(packed_width(&kernel, columns) * depth);
        let width = panel_width(&kernel, columns);
        pack_right(&kernel, width, b, &(0..columns), &(0..depth), &mut data, columns * depth >= PARALLEL);
        Self { data, columns, depth }
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
        let on_all_threads = on_all_threads && rows * self.columns * self.depth >= PARALLEL;
        let mut packed = None;
        let left = match a.rows() {
            Some(rows) => rows,
            None => {
                let packed = packed.insert(Scratch::<T>::new(rows.next_multiple_of(ROWS) * self.depth));
                pack_left(a, rows, &(0..self.depth), packed, on_all_threads);
                &PackedRows { data: packed, depth: self.depth } as &dyn Rows<T>
            }
        };
        let block = Block {
            kernel: &kernel,
            width: panel_width(&kernel, self.columns),
            rows,
            columns: 0..self.columns,
            depth: 0..self.depth,
            right: Right::Packed(&self.data),
            is_first: true,
            is_last: true,
        };
        block.multiply(left, 0..self.depth, out, on_all_threads);
    }
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
    let width = panel_width(kernel, size.columns);
    let in_place = b.columns().filter(|columns| is_read_in_place(kernel, size, depth.len(), columns));
    let unit = a.unit();
    // As many columns and steps of depth at a time as there is room for in what is packed.
    let (mut most_columns, mut most_depth) = (size.columns, depth.len());
    if in_place.is_none() {
        most_columns = even(size.columns, COLUMNS, width).min(size.columns);
        most_depth = even(depth.len(), (PACKED / most_columns).max(unit), unit).min(depth.len());
    }
    if a.rows.is_none() {
        most_depth = even(depth.len(), (LEFT_PACKED / size.rows).clamp(DEPTH, most_depth.max(DEPTH)), unit);
        most_depth = most_depth.min(depth.len());
    }
    let right_len = if in_place.is_none() { packed_width(kernel, most_columns) * most_depth } else { 0 };
    let left_len = if a.rows.is_none() { size.rows.next_multiple_of(ROWS) * most_depth } else { 0 };
    let (mut right_packed, mut left_packed) = (Scratch::<T>::new(right_len), Scratch::<T>::new(left_len));
    for part in blocks(depth.clone(), most_depth) {
        if a.rows.is_none() {
            pack_left(a.panels, size.rows, &part, &mut left_packed, on_all_threads);
        }
        let packed_rows = PackedRows { data: &left_packed, depth: part.len() };
        let (left, left_depth) = match a.rows {
            Some(rows) => (rows, part.clone()),
            None => (&packed_rows as &dyn Rows<T>, 0..part.len()),
        };
        for columns in blocks(0..size.columns, most_columns) {
            let right = match in_place {
                Some(columns) => Right::InPlace(columns),
                None => {
                    pack_right(kernel, width, b, &columns, &part, &mut right_packed, on_all_threads);
                    Right::Packed(&right_packed)
                }
            };
            let block = Block {
                kernel,
                width,
                rows: size.rows,
                columns,
                right,
                is_first: part.start == depth.start,
                is_last: part.end == depth.end,
                depth: part.clone(),
            };
            block.multiply(left, left_depth.clone(), out, on_all_threads);
        }
    }
}

/// Some columns and some depth of a product, for all rows.
struct Block<'a, T> {
    kernel: &'a Kernel<T>,
    /// Columns of a panel.
    width: usize,
    rows: usize,
    columns: Range<usize>,
    depth: Range<usize>,
    right: Right<'a, T>,
    /// Whether the depth of the block begins and ends that of the product.
    is_first: bool,
    is_last: bool,
}

impl<T: Real> Block<'_, T> {
    /// `depth` says which part of `a` the block's depth is.
    fn multiply(&self, a: &dyn Rows<T>, depth: Range<usize>, out: &Output<'_, T>, on_all_threads: bool) {
        let segments = a.segments();
        let unit = if segments.count > 1 { segments.depth } else { 1 };
        let step = even(depth.len(), DEPTH.max(unit), unit);
        let panels = self.columns.len().div_ceil(self.width);
        // Where all panels stay in the cache, rows come first: each tile meets all panels in turn. Else panels do:
        // each meets all tiles of a high block.
        let is_wide = self.columns.len() * step * size_of::<T>() > CACHED;
        let height = if is_wide {
            even(self.rows, (LEFT_CACHED / size_of::<T>() / step).max(ROWS), ROWS)
        } else {
            even(self.rows, ROWS, self.kernel.rows)
        };
        let row_blocks = self.rows.div_ceil(height);
        let least = TASK.div_ceil(height.min(self.rows) * self.width * depth.len());
        let group = panels.div_ceil(TASKS.div_ceil(row_blocks)).max(least).min(panels);
        let plan = Plan { first_depth: depth.start, step, is_wide };
        for_each(on_all_threads, row_blocks * panels.div_ceil(group), &|task| {
            let (block, first) = (task % row_blocks, task / row_blocks * group);
            let rows = block * height..((block + 1) * height).min(self.rows);
            self.task(&plan, a, out, &rows, &(first..(first + group).min(panels)));
        });
    }

    /// Some rows by some panels, over the whole depth of the block.
    fn task(&self, plan: &Plan, a: &dyn Rows<T>, out: &Output<'_, T>, rows: &Range<usize>, panels: &Range<usize>) {
        let segments = a.segments();
        let segments_per_step = if segments.count > 1 { plan.step.div_ceil(segments.depth) } else { 1 };
        let most = rows.len().min(self.kernel.rows);
        let mut table: SmallVec<[*const T; 128]> = smallvec![std::ptr::null(); most * segments_per_step];
        let tiles = || blocks(rows.clone(), self.kernel.rows);
        for part in blocks(self.depth.clone(), plan.step) {
            let mut pass = Pass::new(self, plan, out, &part);
            if plan.is_wide {
                for panel in panels.clone() {
                    for tile in tiles() {
                        pass.place(a, &segments, &tile, &mut table);
                        pass.multiply(out, &tile, panel);
                    }
                }
            } else {
                for tile in tiles() {
                    pass.place(a, &segments, &tile, &mut table);
                    for panel in panels.clone() {
                        pass.multiply(out, &tile, panel);
                    }
                }
            }
        }
    }
}

/// How the tasks of a block go about it.
struct Plan {
    /// Where the left operand's depth starts.
    first_depth: usize,
    /// Depth of one pass.
    step: usize,
    /// Whether panels come before rows.
    is_wide: bool,
}

/// One pass over some depth.
struct Pass<'a, T> {
    block: &'a Block<'a, T>,
    job: Job<T>,
    /// The depth of the pass, in the left operand.
    left: Range<usize>,
    /// The depth of the pass, in the product.
    part: Range<usize>,
    is_last: bool,
}

impl<'a, T: Real> Pass<'a, T> {
    fn new(block: &'a Block<'a, T>, plan: &Plan, out: &Output<'_, T>, part: &Range<usize>) -> Self {
        let is_last = block.is_last && part.end == block.depth.end;
        let start = part.start - block.depth.start;
        let left = plan.first_depth + start..plan.first_depth + start + part.len();
        let job = Job {
            left: std::ptr::null(),
            segments: 1,
            depth: part.len(),
            left_step: 0,
            right: std::ptr::null(),
            right_step: 0,
            out: std::ptr::null(),
            columns: 0,
            accumulate: out.accumulate || !block.is_first || start > 0,
            bias: std::ptr::null(),
            relu: out.relu && is_last,
        };
        Self { block, job, left, part: part.clone(), is_last }
    }

    /// Writes where the rows of a tile start.
    #[inline]
    fn place(&mut self, a: &dyn Rows<T>, segments: &Segments, tile: &Range<usize>, table: &mut [*const T]) {
        if segments.count > 1 {
            let span = self.left.start / segments.depth..self.left.end / segments.depth;
            (self.job.segments, self.job.depth) = (span.len(), segments.depth);
            a.place(tile.clone(), span, table);
        } else {
            a.place(tile.clone(), 0..1, table);
            for pointer in &mut table[..tile.len()] {
                *pointer = pointer.wrapping_offset(self.left.start as isize * segments.step);
            }
        }
        self.job.left_step = segments.step;
        self.job.left = table.as_ptr();
    }

    /// The placed tile of rows by one panel.
    #[inline]
    fn multiply(&mut self, out: &Output<'_, T>, tile: &Range<usize>, panel: usize) {
        let Block { kernel, width, .. } = *self.block;
        let first = self.block.columns.start + panel * width;
        let columns = first..(first + width).min(self.block.columns.end);
        let job = &mut self.job;
        match self.block.right {
            Right::InPlace(all) => {
                let start = all.first.wrapping_offset(self.part.start as isize * all.step);
                (job.right, job.right_step) = (start.wrapping_add(columns.start), all.step);
            }
            Right::Packed(packed) => {
                let packed_width = packed_width(kernel, columns.len());
                let depth = &self.block.depth;
                let from = panel * width * depth.len() + (self.part.start - depth.start) * packed_width;
                let piece = &packed[from..from + self.part.len() * packed_width];
                (job.right, job.right_step) = (piece.as_ptr(), packed_width as isize);
            }
        }
        job.columns = columns.len();
        if let Some(bias) = out.bias.filter(|_| self.is_last) {
            job.bias = bias[columns.clone()].as_ptr();
        }
        let pointers = out.place(tile, &columns);
        job.out = pointers.as_ptr();
        // SAFETY: `Rows` and `Columns` vouch for the operands, packed ones were just cut to size, and `place`
        // checked the rows of the result, whose tiles belong to one task each.
        unsafe { kernel.run(tile.len(), job) };
        if let Some(finish) = out.finish.filter(|_| self.is_last) {
            for row in tile.clone() {
                // SAFETY: the tile belongs to this task.
                finish(row, columns.start, unsafe { out.piece(row, columns.clone()) });
            }
        }
    }
}
