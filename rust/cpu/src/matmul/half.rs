//! Products of 16-bit floats. Where the CPU cannot multiply them they are widened on the way into the float32
//! product, a block at a time, and rounded once as they leave it.

use std::ops::Range;

use corten_core::half::bf16;

use super::{
    TINY,
    gemm::{Output, Packed, Size, blocks, for_each, gemm},
    pack::{Matrix, Panels, WIDEST, Widen},
    product,
    scratch::Scratch,
    tiles,
};
use crate::{parallel::DisjointMut, simd::convert::Half};

/// Elements of `b` packed at a time.
const PACKED: usize = 4 << 20;
/// Elements of `a` widened at a time, and of the result before they are rounded.
const WIDENED: usize = 2 << 20;
const SUMS: usize = 1 << 20;
/// Rows up to which a task has some columns only, and elements of `b` that then stay in its cache.
const FEW: usize = 48;
const COLUMNS: usize = 128 << 10;
/// Columns of a block of `b` are a multiple of this.
const UNIT: usize = 64;
/// Rows of a block of `a` are.
const ROW_UNIT: usize = 12;
/// A sum this deep with a result this small is the float32 product's to cut into parts.
const DEEP: usize = 2048;
const SMALL: usize = 64 << 10;
/// Steps of depth interleaved at a time.
const STEPS: usize = 32;
/// Rows, columns and depth from which the tiles of a CPU that has them are full enough.
const TILED: usize = 16;
/// Elements worth a task.
const GRAIN: usize = 32 << 10;

/// `out = a b`: `a` has rows as items, `b` columns.
pub(super) fn multiply<S: Half + Widen<f32>>(
    size: Size,
    a: &Matrix<'_, S>,
    b: &Matrix<'_, S>,
    out: &mut [S],
    on_all_threads: bool,
) {
    let Size { rows, columns, depth } = size;
    assert_eq!(out.len(), rows * columns);
    if rows * columns * depth <= TINY || rows == 1 || columns == 1 {
        let mut sums = Scratch::<f32>::new(out.len());
        product(size, a, b, &mut sums, on_all_threads);
        <S as Half>::narrow(&sums, out);
        return;
    }
    if depth >= DEEP && out.len() <= SMALL {
        let mut sums = Scratch::<f32>::new(out.len());
        let (a, b) = (Block { matrix: a, first: 0 }, Block { matrix: b, first: 0 });
        gemm(size, &a, &b, &Output::strided(&mut sums, columns), on_all_threads);
        <S as Half>::narrow(&sums, out);
        return;
    }
    let pieces = DisjointMut::new(out);
    let mut left = Scratch::<f32>::new(0);
    if rows <= FEW && rows * depth <= WIDENED {
        // Little is done with an element of `b`: tasks take columns, and pack what stays in their cache.
        let a = widened(a, (rows, depth), 0..rows, &mut left, on_all_threads);
        let width = width(COLUMNS, depth);
        for_each(on_all_threads, columns.div_ceil(width), &|task| {
            let first = task * width;
            times_columns(rows, &a, b, first..(first + width).min(columns), (depth, columns), &pieces, (0, false));
        });
        return;
    }
    let width = width(PACKED, depth).min(columns);
    let most = (WIDENED / depth).min(SUMS / width).max(FEW);
    let height = rows.div_ceil(rows.div_ceil(most)).next_multiple_of(ROW_UNIT);
    let spans = columns.div_ceil(width);
    for span in (0..spans).map(|i| i * columns / spans..(i + 1) * columns / spans) {
        let packed = Packed::new(&Block { matrix: b, first: span.start }, rows, span.len(), depth);
        for first in (0..rows).step_by(height) {
            let part = first..(first + height).min(rows);
            let count = part.len();
            let a = widened(a, (rows, depth), part, &mut left, on_all_threads);
            rounded(&packed, count, &a, &span, columns, &pieces, (first, on_all_threads));
        }
    }
}

/// The same for bfloat16, by the instructions for it where there are some.
pub(super) fn multiply_brain(
    size: Size,
    a: &Matrix<'_, bf16>,
    b: &Matrix<'_, bf16>,
    out: &mut [bf16],
    on_all_threads: bool,
) {
    match brain_kernel() {
        Some(kernel) if size.rows.min(size.columns) >= TILED && size.depth >= TILED => {
            in_tiles(kernel, size, a, b, out, on_all_threads);
        }
        _ => multiply(size, a, b, out, on_all_threads),
    }
}

#[cfg(target_arch = "x86_64")]
fn brain_kernel() -> Option<tiles::Kernel<f32>> {
    tiles::amx::brain().or_else(tiles::x86::brain)
}

#[cfg(not(target_arch = "x86_64"))]
fn brain_kernel() -> Option<tiles::Kernel<f32>> {
    None
}

fn in_tiles(
    kernel: tiles::Kernel<f32>,
    size: Size,
    a: &Matrix<'_, bf16>,
    b: &Matrix<'_, bf16>,
    out: &mut [bf16],
    on_all_threads: bool,
) {
    assert_eq!(out.len(), size.rows * size.columns);
    let pieces = DisjointMut::new(out);
    let finish = |row: usize, column: usize, sums: &[f32]| {
        let start = row * size.columns + column;
        // SAFETY: every piece of the result comes once.
        <bf16 as Half>::narrow(sums, unsafe { pieces.range(start..start + sums.len()) });
    };
    tiles::multiply(kernel, size, a, b, &finish, on_all_threads);
}

/// Columns so that a block of `b` has about so many elements.
fn width(elements: usize, depth: usize) -> usize {
    (elements / depth / UNIT).max(1) * UNIT
}

fn times_columns<S: Half + Widen<f32>>(
    rows: usize,
    a: &Matrix<'_, f32>,
    b: &Matrix<'_, S>,
    span: Range<usize>,
    (depth, columns): (usize, usize),
    out: &DisjointMut<'_, S>,
    place: (usize, bool),
) {
    let packed = Packed::new(&Block { matrix: b, first: span.start }, rows, span.len(), depth);
    rounded(&packed, rows, a, &span, columns, out, place);
}

/// Some rows times some columns, rounded into the result as soon as the sums of a tile are complete.
fn rounded<S: Half>(
    packed: &Packed<f32>,
    rows: usize,
    a: &Matrix<'_, f32>,
    span: &Range<usize>,
    columns: usize,
    out: &DisjointMut<'_, S>,
    (first_row, on_all_threads): (usize, bool),
) {
    let mut sums = Scratch::<f32>::new(rows * span.len());
    let round = |row: usize, column: usize, sums: &mut [f32]| {
        let start = (first_row + row) * columns + span.start + column;
        // SAFETY: every tile of the result is finished once, by one task.
        <S as Half>::narrow(sums, unsafe { out.range(start..start + sums.len()) });
    };
    packed.multiply(rows, a, &Output::strided(&mut sums, span.len()).finish(&round), on_all_threads);
}

/// The items of a matrix from `first`.
struct Block<'a, S> {
    matrix: &'a Matrix<'a, S>,
    first: usize,
}

impl<S: Half + Widen<f32>> Panels<f32> for Block<'_, S> {
    fn pack(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [f32]) {
        let items = self.first + items.start..self.first + items.end;
        let (matrix, count) = (self.matrix, items.len());
        assert!(count <= width && width <= WIDEST);
        if matrix.items_adjacent() {
            for (k, group) in depth.zip(out.chunks_exact_mut(width)) {
                let column = matrix.column(k, &items).unwrap_or(&[]);
                <S as Half>::widen(column, &mut group[..column.len()]);
                group[column.len()..].fill(0.0);
            }
        } else if matrix.depth_adjacent() {
            let mut wide = Scratch::<f32>::new(WIDEST * STEPS);
            for (steps, out) in blocks(depth, STEPS).zip(out.chunks_mut(STEPS * width)) {
                for (item, to) in items.clone().zip(wide.chunks_exact_mut(STEPS)) {
                    let row = matrix.row(item, &steps).unwrap_or(&[]);
                    <S as Half>::widen(row, &mut to[..row.len()]);
                }
                let mut rows: [Option<&[f32]>; WIDEST] = [None; WIDEST];
                for (row, wide) in rows.iter_mut().zip(wide.chunks_exact(STEPS)).take(count) {
                    *row = Some(&wide[..steps.len()]);
                }
                <f32 as Widen<f32>>::interleave(&rows[..count], steps.len(), width, out);
            }
        } else {
            Panels::<f32>::pack(matrix, items, depth, width, out);
        }
    }
}

/// Some rows of `a` in float32, in the order they lie in.
fn widened<'a, S: Half + Widen<f32>>(
    a: &Matrix<'_, S>,
    (all, depth): (usize, usize),
    rows: Range<usize>,
    to: &'a mut Scratch<f32>,
    on_all_threads: bool,
) -> Matrix<'a, f32> {
    debug_assert!(rows.end <= all);
    let count = rows.len();
    let by_depth = !a.depth_adjacent() && a.items_adjacent();
    let (lines, len) = if by_depth { (depth, count) } else { (count, depth) };
    // Lines a power of two apart would fall on the same places of the cache.
    let stride = if len.is_multiple_of(256) { len + 16 } else { len };
    if to.len() < lines * stride {
        *to = Scratch::new(lines * stride);
    }
    let pieces = DisjointMut::new(to);
    let per_task = (GRAIN / len).max(1);
    for_each(on_all_threads, lines.div_ceil(per_task), &|task| {
        for line in task * per_task..((task + 1) * per_task).min(lines) {
            // SAFETY: every line has its own range.
            let to = unsafe { pieces.range(line * stride..line * stride + len) };
            let from = if by_depth { a.column(line, &rows) } else { a.row(rows.start + line, &(0..depth)) };
            if let Some(from) = from {
                <S as Half>::widen(from, to);
            } else {
                for (k, to) in to.iter_mut().enumerate() {
                    *to = a.at(rows.start + line, k).widen();
                }
            }
        }
    });
    let (item_stride, depth_stride) = if by_depth { (1, stride) } else { (stride, 1) };
    Matrix::new(to, 0, (count, item_stride as isize), (depth, depth_stride as isize))
}
