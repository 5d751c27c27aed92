//! Products of bfloat16 and of 8-bit integers by instructions that take words: 32 bits of depth at a time, two or
//! four neighbours of an item side by side. Both operands are packed into tiles of 16 items by 16 words, which AMX
//! loads whole and AVX-512 and the safe twin read as they are, so packing and blocking are tested on any CPU.

#[cfg(target_arch = "x86_64")]
pub(super) mod amx;
#[cfg(test)]
mod tests;
pub(super) mod twin;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

use std::ops::Range;

use corten_core::{Element, half::bf16};

use super::{
    gemm::{Size, blocks, for_each},
    pack::Matrix,
    scratch::Scratch,
};
use crate::{parallel::DisjointMut, simd::vectorized};

/// Items of a tile, and words of depth.
const EDGE: usize = 16;
const TILE: usize = EDGE * EDGE;
/// Items of a panel: two tiles, so that each that is loaded is used twice.
const SIDE: usize = 2 * EDGE;
/// Words of one step of depth in a panel.
const STEP: usize = 2 * TILE;
/// Steps of one pass: so much of a panel of `b` stays in the first-level cache while rows go by.
const PASS: usize = 16;
/// Panels of a task, down and across: its rows of `a` and its sums stay in the second-level cache.
const GROUP: usize = 8;
/// Words of an operand packed at a time.
const PACKED: usize = 4 << 20;
/// Multiplications below which one thread is faster than two, and which a task should have.
const PARALLEL: usize = 4 << 20;
const TASK: usize = 1 << 20;
const TASKS: usize = 8;

/// An element of which several fill a word.
pub(super) trait Cell: Element {
    /// What products are summed in.
    type Sum: Element;
    /// Elements of a word, lowest bits first.
    const COUNT: usize;
    fn bits(self) -> u32;
}

impl Cell for bf16 {
    type Sum = f32;
    const COUNT: usize = 2;
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.to_bits())
    }
}

impl Cell for i8 {
    type Sum = i32;
    const COUNT: usize = 4;
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self as u8)
    }
}

/// Taken for signed: the lowest eight bits of a sum, all that is used of it, are the same.
impl Cell for u8 {
    type Sum = i32;
    const COUNT: usize = 4;
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self)
    }
}

/// What adds a product of panels to a square of sums.
#[derive(Clone, Copy)]
pub(super) struct Kernel<T> {
    /// `c[i * stride + j] += a[i] b[j]` for a panel of `a` and one of `b`, of as many steps.
    ///
    /// # Safety
    /// The CPU must have the instructions, and the call come from inside `around`.
    run: unsafe fn(&[u32], &[u32], &mut [T], usize),
    /// Runs work on a thread that is prepared for it.
    ///
    /// # Safety
    /// The CPU must have the instructions.
    around: unsafe fn(&mut dyn FnMut()),
    /// Whether bytes of `a` are read as unsigned, so that 128 is added to each.
    is_offset: bool,
}

/// Added to four bytes at once (as it is to none of them a carry).
const OFFSET: u32 = 0x8080_8080;

/// Work that needs no preparation.
fn directly(work: &mut dyn FnMut()) {
    work();
}

vectorized! {
    /// Packs a panel: step after step, two tiles each. Tiles of `a` have items as rows, those of `b` words.
    fn pack_panel<E: Cell>(matrix: &Matrix<'_, E>, items: Range<usize>, depth: usize, by_item: bool, flip: u32, out: &mut [u32]) {
        for (index, tile) in out.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
            let (step, half) = (index / 2, index % 2);
            let first = (items.start + half * EDGE).min(items.end);
            let start = step * EDGE * E::COUNT;
            let depth = start..(start + EDGE * E::COUNT).min(depth);
            pack_tile(matrix, first..(first + EDGE).min(items.end), depth, by_item, tile);
            if flip != 0 {
                for word in tile {
                    *word ^= flip;
                }
            }
        }
    }

    /// Adds up the bytes of every column of a packed panel of `b`.
    fn column_sums(panel: &[u32], sums: &mut [i32; SIDE]) {
        for (index, tile) in panel.as_chunks::<TILE>().0.iter().enumerate() {
            let half = index % 2 * EDGE;
            for row in tile.as_chunks::<EDGE>().0 {
                for (sum, word) in sums[half..half + EDGE].iter_mut().zip(row) {
                    let word = *word as i32;
                    *sum += (word << 24 >> 24) + (word << 16 >> 24) + (word << 8 >> 24) + (word >> 24);
                }
            }
        }
    }
}

/// What is not there is zero.
#[inline(always)]
fn pack_tile<E: Cell>(
    matrix: &Matrix<'_, E>,
    items: Range<usize>,
    depth: Range<usize>,
    by_item: bool,
    out: &mut [u32; TILE],
) {
    let shift = 32 / E::COUNT;
    assert!(depth.len() <= EDGE * E::COUNT && size_of::<E>() * E::COUNT == 4);
    out.fill(0);
    let is_by_item = if matrix.depth_adjacent() {
        for (item, words) in items.zip(out.as_chunks_mut::<EDGE>().0) {
            let row = matrix.row(item, &depth).unwrap_or(&[]);
            if cfg!(target_endian = "little") {
                // SAFETY: `depth` is at most the bytes of 16 words, and the elements are numbers without padding,
                // whose bytes in memory are those of the words.
                unsafe {
                    std::ptr::copy_nonoverlapping(
                        row.as_ptr().cast::<u8>(),
                        words.as_mut_ptr().cast(),
                        size_of_val(row),
                    );
                }
                continue;
            }
            let groups = row.chunks_exact(E::COUNT);
            let rest = groups.remainder();
            let whole = groups.len();
            for (word, group) in words.iter_mut().zip(groups) {
                for (place, value) in group.iter().enumerate() {
                    *word |= value.bits() << (place * shift);
                }
            }
            for (place, value) in rest.iter().enumerate() {
                words[whole] |= value.bits() << (place * shift);
            }
        }
        true
    } else if matrix.items_adjacent() {
        for (offset, k) in depth.enumerate() {
            let words = &mut out[offset / E::COUNT * EDGE..][..EDGE];
            let place = offset % E::COUNT * shift;
            let column = matrix.column(k, &items).unwrap_or(&[]);
            if let Ok(column) = <&[E; EDGE]>::try_from(column) {
                // A length known to the compiler becomes one vector.
                for (word, value) in words.iter_mut().zip(column) {
                    *word |= value.bits() << place;
                }
            } else {
                for (word, value) in words.iter_mut().zip(column) {
                    *word |= value.bits() << place;
                }
            }
        }
        false
    } else {
        for (item, words) in items.zip(out.as_chunks_mut::<EDGE>().0) {
            for (offset, k) in depth.clone().enumerate() {
                words[offset / E::COUNT] |= matrix.at(item, k).bits() << (offset % E::COUNT * shift);
            }
        }
        true
    };
    if is_by_item != by_item {
        for i in 1..EDGE {
            for j in 0..i {
                out.swap(i * EDGE + j, j * EDGE + i);
            }
        }
    }
}

/// What takes the finished pieces of rows: (row, first column, sums).
pub(super) type Finish<'a, T> = &'a (dyn Fn(usize, usize, &[T]) + Sync);

/// `a b`, piece by piece: `a` has rows as items, `b` columns.
pub(super) fn multiply<E: Cell>(
    kernel: Kernel<E::Sum>,
    size: Size,
    a: &Matrix<'_, E>,
    b: &Matrix<'_, E>,
    finish: Finish<'_, E::Sum>,
    on_all_threads: bool,
) {
    let steps = size.depth.div_ceil(EDGE * E::COUNT);
    let most = (PACKED / (steps * STEP).max(1)).max(1) * SIDE;
    let work = size.rows.saturating_mul(size.columns).saturating_mul(size.depth);
    let on_all_threads = on_all_threads && work >= PARALLEL;
    for columns in blocks(0..size.columns, most) {
        let right = Operand::new(b, columns, size.depth, false, kernel.is_offset, on_all_threads);
        for rows in blocks(0..size.rows, most) {
            let left = Operand::new(a, rows, size.depth, true, kernel.is_offset, on_all_threads);
            multiply_packed(kernel, &left, &right, finish, on_all_threads);
        }
    }
}

/// Some items of an operand, in panels.
struct Operand {
    items: Range<usize>,
    steps: usize,
    words: Scratch<u32>,
    /// For each column of `b`, how much too large its sums are where `a` has an offset.
    excess: Option<Scratch<i32>>,
}

impl Operand {
    fn new<E: Cell>(
        matrix: &Matrix<'_, E>,
        items: Range<usize>,
        depth: usize,
        by_item: bool,
        is_offset: bool,
        on_all_threads: bool,
    ) -> Self {
        let steps = depth.div_ceil(EDGE * E::COUNT);
        let panels = items.len().div_ceil(SIDE);
        let mut words = Scratch::<u32>::new(panels * steps * STEP);
        let mut excess = (is_offset && !by_item).then(|| Scratch::<i32>::zeroed(panels * SIDE));
        let flip = if is_offset && by_item { OFFSET } else { 0 };
        let pieces = DisjointMut::new(&mut words);
        let sums = excess.as_mut().map(|excess| DisjointMut::new(excess));
        for_each(on_all_threads, panels, &|panel| {
            // SAFETY: every panel has its own range.
            let out = unsafe { pieces.range(panel * steps * STEP..(panel + 1) * steps * STEP) };
            let first = items.start + panel * SIDE;
            pack_panel(matrix, first..(first + SIDE).min(items.end), depth, by_item, flip, out);
            if let Some(sums) = &sums {
                let mut of_columns = [0; SIDE];
                column_sums(out, &mut of_columns);
                // SAFETY: as above.
                let to = unsafe { sums.range(panel * SIDE..(panel + 1) * SIDE) };
                for (to, sum) in to.iter_mut().zip(of_columns) {
                    *to = sum.wrapping_mul(128);
                }
            }
        });
        Self { items, steps, words, excess }
    }

    fn panels(&self) -> usize {
        self.items.len().div_ceil(SIDE)
    }

    /// Some steps of a panel.
    fn piece(&self, panel: usize, steps: &Range<usize>) -> &[u32] {
        let start = panel * self.steps;
        &self.words[(start + steps.start) * STEP..(start + steps.end) * STEP]
    }
}

/// How many panels a task has, down and across. By shape alone, for the same bits on any number of threads.
fn task_panels(left: &Operand, right: &Operand) -> (usize, usize) {
    let (mut down, mut across) = (GROUP.min(left.panels()), GROUP.min(right.panels()));
    let work_per_pair = SIDE * STEP * left.steps.max(1);
    loop {
        let tasks = left.panels().div_ceil(down) * right.panels().div_ceil(across);
        if tasks >= TASKS || down * across * work_per_pair / 2 < TASK || down * across == 1 {
            return (down, across);
        }
        if down >= across {
            down = down.div_ceil(2);
        } else {
            across = across.div_ceil(2);
        }
    }
}

fn multiply_packed<T: Element>(
    kernel: Kernel<T>,
    left: &Operand,
    right: &Operand,
    finish: Finish<'_, T>,
    on_all_threads: bool,
) {
    let (down, across) = task_panels(left, right);
    let column_tasks = right.panels().div_ceil(across);
    for_each(on_all_threads, left.panels().div_ceil(down) * column_tasks, &|task| {
        let (row_task, column_task) = (task / column_tasks, task % column_tasks);
        let rows = row_task * down..((row_task + 1) * down).min(left.panels());
        let columns = column_task * across..((column_task + 1) * across).min(right.panels());
        let stride = columns.len() * SIDE;
        let mut sums = Scratch::<T>::zeroed(rows.len() * SIDE * stride);
        if let Some(excess) = &right.excess {
            for row in sums.chunks_exact_mut(stride) {
                for (sum, excess) in row.iter_mut().zip(&excess[columns.start * SIDE..]) {
                    *sum = T::from_i64(i64::from(excess.wrapping_neg()));
                }
            }
        }
        let mut work = || {
            for steps in blocks(0..left.steps, PASS) {
                for (j, column) in columns.clone().enumerate() {
                    let b = right.piece(column, &steps);
                    for (i, row) in rows.clone().enumerate() {
                        let a = left.piece(row, &steps);
                        let c = &mut sums[i * SIDE * stride + j * SIDE..];
                        assert!(a.len() == b.len() && c.len() >= (SIDE - 1) * stride + SIDE);
                        // SAFETY: kernels are only handed out where their instructions are, and this runs
                        // inside `around`; the extents were just checked.
                        unsafe { (kernel.run)(a, b, c, stride) };
                    }
                }
            }
        };
        // SAFETY: as above.
        unsafe { (kernel.around)(&mut work) };
        let first = left.items.start + rows.start * SIDE;
        let count = (left.items.end - first).min(rows.len() * SIDE);
        let column = right.items.start + columns.start * SIDE;
        let width = (right.items.end - column).min(stride);
        for (row, sums) in sums.chunks_exact(stride).take(count).enumerate() {
            finish(first + row, column, &sums[..width]);
        }
    });
}
