//! Iteration over several layouts of one shape at once.
//!
//! Kernels see only runs of contiguous elements: [`map`] hands them operands in blocks, gathered into
//! scratch memory where strides demand it. So one loop per op and type is all there is to compile.

use std::{mem::MaybeUninit, ops::Range};

use corten_core::{Dims, Layout, Result};
use smallvec::SmallVec;

use crate::{
    In, copy,
    memory::Buffer,
    parallel::{self, DisjointMut, GRAIN_CHEAP},
    simd::stream::{self, STREAM_FROM, copy_past_cache},
};

/// Bytes of a large result that are made at a time.
const STREAM_BYTES: usize = BLOCK * 8;
/// Elements gathered at a time: the operands of one block stay in the first-level cache.
const BLOCK: usize = 1024;
/// Rows at least this long are handed to kernels in place rather than gathered.
const DIRECT_ROW: usize = 64;
/// From here on an operand with large inner strides is first copied in tiles.
const COPY_FROM: usize = 4096;

/// The axes of `N` layouts of one shape, merged where all of them allow it. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Axes<const N: usize> {
    pub(crate) shape: Dims,
    pub(crate) strides: SmallVec<[[isize; N]; 6]>,
}

/// Drops axes of one element and merges neighbours that each layout walks evenly.
pub(crate) fn coalesce<const N: usize>(shape: &[usize], strides: [&[isize]; N]) -> Axes<N> {
    let mut axes = Axes { shape: Dims::new(), strides: SmallVec::new() };
    for (axis, &dim) in shape.iter().enumerate() {
        if dim == 1 {
            continue;
        }
        let step: [isize; N] = std::array::from_fn(|k| strides[k][axis]);
        if let (Some(last), Some(last_step)) = (axes.shape.last_mut(), axes.strides.last_mut())
            && (0..N).all(|k| last_step[k] == step[k] * dim as isize)
        {
            *last *= dim;
            *last_step = step;
        } else {
            axes.shape.push(dim);
            axes.strides.push(step);
        }
    }
    if axes.shape.is_empty() {
        axes.shape.push(1);
        axes.strides.push([0; N]);
    }
    axes
}

impl<const N: usize> Axes<N> {
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// The length of the innermost axis.
    pub(crate) fn row(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }
    /// The strides of the innermost axis.
    pub(crate) fn step(&self) -> [isize; N] {
        self.strides[self.strides.len() - 1]
    }

    /// Where the element of this row-major position lies in each layout.
    pub(crate) fn offset(&self, mut position: usize) -> [isize; N] {
        let mut offsets = [0; N];
        for (dim, strides) in self.shape.iter().zip(&self.strides).rev() {
            let index = (position % dim) as isize;
            position /= dim;
            for (offset, stride) in offsets.iter_mut().zip(strides) {
                *offset += index * stride;
            }
        }
        offsets
    }

    /// Calls `visit(offsets, at, n)` for each piece of an innermost row within the row-major `range`:
    /// `n` elements from position `at`, whose first lies at `offsets` (in elements).
    #[inline]
    pub(crate) fn for_rows(&self, range: Range<usize>, mut visit: impl FnMut([isize; N], usize, usize)) {
        if range.is_empty() {
            return;
        }
        let rank = self.shape.len();
        let mut index: Dims = SmallVec::from_elem(0, rank);
        let mut offsets = [0isize; N];
        let mut rest = range.start;
        for axis in (0..rank).rev() {
            index[axis] = rest % self.shape[axis];
            rest /= self.shape[axis];
            for (offset, stride) in offsets.iter_mut().zip(self.strides[axis]) {
                *offset += index[axis] as isize * stride;
            }
        }
        let row = self.row();
        let mut at = range.start;
        loop {
            let n = (row - index[rank - 1]).min(range.end - at);
            visit(offsets, at, n);
            at += n;
            if at == range.end {
                return;
            }
            // To the start of the next row.
            let step = self.step();
            for k in 0..N {
                offsets[k] -= index[rank - 1] as isize * step[k];
            }
            index[rank - 1] = 0;
            for axis in (0..rank - 1).rev() {
                let strides = self.strides[axis];
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    for k in 0..N {
                        offsets[k] += strides[k];
                    }
                    break;
                }
                for k in 0..N {
                    offsets[k] -= (index[axis] - 1) as isize * strides[k];
                }
                index[axis] = 0;
            }
        }
    }
}

/// Work on a run of elements: operands, result, count. It reads and writes exactly that many elements.
pub(crate) type Kernel<'a, const N: usize> = dyn Fn([*const u8; N], *mut u8, usize) + Sync + 'a;

/// Rows at most this long that repeat are unrolled into scratch memory once.
const PERIOD: usize = 512;

/// Uninitialised, aligned scratch for one operand of a block.
#[repr(align(64))]
struct Scratch(MaybeUninit<[u8; (BLOCK + PERIOD) * 8]>);

impl Scratch {
    const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }
    fn pointer(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}

/// Where an operand's elements come from.
struct Operand {
    base: *const u8,
    size: usize,
    walk: Walk,
}

enum Walk {
    /// Row-major without gaps.
    Direct,
    /// One element for all positions.
    Constant,
    /// A short dense row, over and over.
    Periodic(usize),
    Strided(Axes<1>),
}

// SAFETY: operands are read only.
unsafe impl Sync for Operand {}

/// Whether all positions of a view show one element.
pub(crate) fn is_constant(layout: &Layout) -> bool {
    layout.shape().iter().zip(layout.strides()).all(|(&dim, &stride)| dim == 1 || stride == 0)
}

impl Operand {
    /// A copy that `map` makes of an operand stays in `copied` as long as the operand.
    fn new(x: In<'_>, copied: &mut Option<Buffer>) -> Result<Self> {
        let (base, size) = (start(x), x.dtype.size());
        let operand = |walk| Ok(Self { base, size, walk });
        if x.layout.is_contiguous() {
            return operand(Walk::Direct);
        }
        if is_constant(x.layout) {
            return operand(Walk::Constant);
        }
        let axes = coalesce(x.layout.shape(), [x.layout.strides()]);
        let ([step], row) = (axes.step(), axes.row());
        if step == 1 && axes.shape.len() == 2 && axes.strides[0] == [0] && row <= PERIOD {
            return operand(Walk::Periodic(row));
        }
        if axes.len() >= COPY_FROM && step.unsigned_abs() > 1 && axes.shape.len() > 1 {
            // Better walked in tiles.
            let copy = copied.insert(copy::to_contiguous(x)?);
            return Ok(Self { base: copy.as_ptr(), size, walk: Walk::Direct });
        }
        operand(Walk::Strided(axes))
    }
}

/// Applies `kernel` to `N` operands of one shape; gives a new row-major buffer with elements of
/// `out_size` bytes. `grain` is how many elements are worth a chunk.
pub(crate) fn map<const N: usize>(
    inputs: [In<'_>; N],
    out_size: usize,
    grain: usize,
    kernel: &Kernel<'_, N>,
) -> Result<Buffer> {
    let len = inputs[0].layout.len();
    let mut out = Buffer::alloc(len * out_size)?;
    if len == 0 {
        return Ok(out);
    }
    if inputs.iter().all(|x| x.layout.is_contiguous()) {
        let bases: [Bytes; N] = inputs.map(|x| Bytes(start(x)));
        let sizes = inputs.map(|x| x.dtype.size());
        if len <= grain {
            kernel(bases.map(|base| base.0), out.as_mut_bytes().as_mut_ptr(), len);
            return Ok(out);
        }
        // Dear work hides its stores better where its own loop makes them.
        let streams = len * out_size >= STREAM_FROM && grain >= GRAIN_CHEAP;
        let target = DisjointMut::new(out.as_mut_bytes());
        parallel::for_ranges(len, grain, |range| {
            // SAFETY: chunks do not overlap.
            let target = unsafe { target.range(range.start * out_size..range.end * out_size) };
            if streams {
                // Made in the first-level cache, stored past the others.
                let mut block = Scratch::new();
                let step = STREAM_BYTES / out_size;
                for start in range.clone().step_by(step) {
                    let n = step.min(range.end - start);
                    kernel(std::array::from_fn(|k| bases[k].at(start * sizes[k])), block.pointer(), n);
                    // SAFETY: the kernel wrote `n` elements.
                    let made = unsafe { std::slice::from_raw_parts(block.pointer(), n * out_size) };
                    let at = (start - range.start) * out_size;
                    copy_past_cache(made, &mut target[at..at + n * out_size]);
                }
                stream::fence();
                return;
            }
            // `Bytes::at` keeps the pointers within the views, whose length is `len`.
            kernel(std::array::from_fn(|k| bases[k].at(range.start * sizes[k])), target.as_mut_ptr(), range.len());
        });
        return Ok(out);
    }
    map_strided(inputs, &mut out, out_size, grain, kernel)?;
    Ok(out)
}

/// A pointer that chunks share for reading.
#[derive(Clone, Copy)]
pub(crate) struct Bytes(pub(crate) *const u8);
// SAFETY: only read through.
unsafe impl Sync for Bytes {}
// SAFETY: as above.
unsafe impl Send for Bytes {}
impl Bytes {
    #[inline]
    pub(crate) fn at(self, offset: usize) -> *const u8 {
        self.0.wrapping_add(offset)
    }
}

/// The first element of a view, after checking that all of it lies within the buffer.
pub(crate) fn start(x: In<'_>) -> *const u8 {
    let size = x.dtype.size();
    if let Some((_, end)) = x.layout.bounds() {
        assert!(end * size <= x.buffer.len_bytes(), "a layout reaches outside its buffer");
    }
    assert!(x.buffer.as_ptr().addr().is_multiple_of(size), "a buffer is not aligned for {}", x.dtype);
    x.buffer.as_ptr().wrapping_add(x.layout.offset() * size)
}

fn map_strided<const N: usize>(
    inputs: [In<'_>; N],
    out: &mut Buffer,
    out_size: usize,
    grain: usize,
    kernel: &Kernel<'_, N>,
) -> Result<()> {
    let len = inputs[0].layout.len();
    let mut copies: [Option<Buffer>; N] = [const { None }; N];
    let mut operands: SmallVec<[Operand; 3]> = SmallVec::new();
    for (x, copied) in inputs.into_iter().zip(&mut copies) {
        operands.push(Operand::new(x, copied)?);
    }
    // The rows that all strided operands share: blocks end where they end if they are long enough.
    let rows = operands.iter().filter_map(|operand| match &operand.walk {
        Walk::Strided(axes) if axes.row() >= DIRECT_ROW => Some(axes.row()),
        Walk::Strided(_) | Walk::Direct | Walk::Constant | Walk::Periodic(_) => None,
    });
    let row = rows.min().unwrap_or(len);
    let target = DisjointMut::new(out.as_mut_bytes());
    parallel::for_ranges(len, grain.min(32 * 1024), |range| {
        let mut scratch: [Scratch; N] = [const { Scratch::new() }; N];
        for (operand, scratch) in operands.iter().zip(&mut scratch) {
            operand.prepare(range.len(), scratch.pointer());
        }
        let mut at = range.start;
        while at < range.end {
            let n = BLOCK.min(range.end - at).min(row - at % row);
            let sources = std::array::from_fn(|k| operands[k].block(at, n, scratch[k].pointer()));
            // SAFETY: blocks do not overlap.
            let target = unsafe { target.range(at * out_size..(at + n) * out_size) };
            kernel(sources, target.as_mut_ptr(), n);
            at += n;
        }
    });
    Ok(())
}

impl Operand {
    /// Writes what serves all blocks of a chunk of `len` elements.
    fn prepare(&self, len: usize, scratch: *mut u8) {
        match &self.walk {
            Walk::Direct | Walk::Strided(_) => {}
            // SAFETY: the base is an element of the buffer, and the scratch holds a block.
            Walk::Constant => unsafe { self.copy(self.base, 0, scratch, BLOCK.min(len)) },
            Walk::Periodic(period) => {
                let wanted = (BLOCK.min(len) + period).next_multiple_of(*period);
                for at in (0..wanted).step_by(*period) {
                    let n = (*period).min(BLOCK + PERIOD - at);
                    // SAFETY: a row of the buffer; what does not fit into the scratch is cut off.
                    unsafe { self.copy(self.base, 1, scratch.add(at * self.size), n) };
                }
            }
        }
    }

    /// The address of `n <= BLOCK` elements from position `at`, side by side: where they lie, or in scratch.
    fn block(&self, at: usize, n: usize, scratch: *mut u8) -> *const u8 {
        match &self.walk {
            Walk::Direct => self.base.wrapping_add(at * self.size),
            Walk::Constant => scratch,
            Walk::Periodic(period) => scratch.wrapping_add(at % period * self.size),
            Walk::Strided(axes) => {
                let [step] = axes.step();
                let row = axes.row();
                if at % row + n <= row {
                    let [offset] = axes.offset(at);
                    let first = self.base.wrapping_offset(offset * self.size as isize);
                    if step == 1 {
                        return first;
                    }
                    // SAFETY: the elements are within one row of the buffer; the scratch holds a block.
                    unsafe { self.copy(first, step, scratch, n) };
                } else {
                    axes.for_rows(at..at + n, |[offset], here, count| {
                        let first = self.base.wrapping_offset(offset * self.size as isize);
                        // SAFETY: as above.
                        unsafe { self.copy(first, step, scratch.add((here - at) * self.size), count) };
                    });
                }
                scratch
            }
        }
    }

    /// Copies `n` elements that lie `step` apart to `target`, side by side.
    ///
    /// # Safety
    /// As for [`copy_row`] with the type of this size.
    // `start` checked the alignment.
    #[allow(clippy::cast_ptr_alignment)]
    unsafe fn copy(&self, source: *const u8, step: isize, target: *mut u8, n: usize) {
        // SAFETY: see the function.
        unsafe {
            match self.size {
                1 => copy_row(source, step, target, n),
                2 => copy_row(source.cast::<u16>(), step, target.cast(), n),
                4 => copy_row(source.cast::<u32>(), step, target.cast(), n),
                _ => copy_row(source.cast::<u64>(), step, target.cast(), n),
            }
        }
    }
}

/// Copies `n` elements that lie `step` apart to `target`, side by side.
///
/// # Safety
/// All elements named must be valid for reading, and for writing at the target.
#[inline]
pub(crate) unsafe fn copy_row<T: Copy>(source: *const T, step: isize, target: *mut T, n: usize) {
    // SAFETY: see the function.
    unsafe {
        match step {
            1 if n >= 16 => std::ptr::copy_nonoverlapping(source, target, n),
            1 => (0..n).for_each(|i| *target.add(i) = *source.add(i)),
            0 => std::slice::from_raw_parts_mut(target.cast::<MaybeUninit<T>>(), n).fill(MaybeUninit::new(*source)),
            _ => {
                for i in 0..n {
                    *target.add(i) = *source.offset(i as isize * step);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_ptr_alignment)]
mod tests {
    use corten_core::DType;

    use super::*;

    #[test]
    fn neighbours_merge_where_all_layouts_allow() {
        let a = Layout::contiguous(&[2, 3, 4]);
        let b = Layout::contiguous(&[1, 3, 4]).expand(&[2, 3, 4]);
        assert_eq!(coalesce(a.shape(), [a.strides()]).shape[..], [24]);
        let axes = coalesce(a.shape(), [a.strides(), b.strides()]);
        assert_eq!((&axes.shape[..], &axes.strides[..]), (&[2, 12][..], &[[12, 0], [1, 1]][..]));
        assert_eq!(coalesce::<1>(&[], [&[]]).len(), 1);
    }

    #[test]
    fn rows_cover_any_range() {
        let x = Layout::contiguous(&[3, 5, 7]).permute(&[2, 0, 1]);
        let axes = coalesce(x.shape(), [x.strides()]);
        let all: Vec<isize> = (0..105).map(|i| (i / 15) + 35 * ((i / 5) % 3) + 7 * (i % 5)).collect();
        for range in [0..105, 1..2, 4..6, 13..77, 104..105, 9..9] {
            let mut got = vec![];
            axes.for_rows(range.clone(), |[offset], at, n| {
                assert_eq!(at, range.start + got.len());
                got.extend((0..n as isize).map(|i| offset + i * axes.step()[0]));
            });
            assert_eq!(got, all[range]);
        }
    }

    /// Adds by `map` and compares with plain indexing.
    fn check_add(a: &Layout, b: &Layout) {
        let values: Vec<f32> = (0..20_000).map(|i| i as f32).collect();
        let buffer = Buffer::from_slice(&values).unwrap();
        let at = |layout: &Layout, mut i: usize| {
            let mut offset = layout.offset() as isize;
            for axis in (0..layout.rank()).rev() {
                offset += (i % layout.shape()[axis]) as isize * layout.strides()[axis];
                i /= layout.shape()[axis];
            }
            values[offset as usize]
        };
        let views = [a, b].map(|layout| In { buffer: &buffer, layout, dtype: DType::F32 });
        let out = map(views, 4, 1000, &|[a, b], out, n| {
            for i in 0..n {
                // SAFETY: `map` gives `n` elements of each.
                unsafe { *out.cast::<f32>().add(i) = *a.cast::<f32>().add(i) + *b.cast::<f32>().add(i) };
            }
        })
        .unwrap();
        let expected: Vec<f32> = (0..a.len()).map(|i| at(a, i) + at(b, i)).collect();
        assert_eq!(out.as_slice::<f32>(), expected);
    }

    #[test]
    fn any_mix_of_layouts() {
        use corten_core::Range;
        let plain = Layout::contiguous(&[70, 80]);
        let transposed = Layout::contiguous(&[80, 70]).permute(&[1, 0]);
        let row = Layout::contiguous(&[80]).expand(&[70, 80]);
        let column = Layout::contiguous(&[70, 1]).expand(&[70, 80]);
        let scalar = Layout::contiguous(&[]).expand(&[70, 80]);
        let flipped = plain.slice(&[Range { start: 69, step: -1, len: 70 }, Range { start: 79, step: -1, len: 80 }]);
        let wide = Layout::contiguous(&[70, 200])
            .slice(&[Range { start: 0, step: 1, len: 70 }, Range { start: 3, step: 2, len: 80 }]);
        let layouts = [plain, transposed, row, column, scalar, flipped, wide];
        for a in &layouts {
            for b in &layouts {
                check_add(a, b);
            }
        }
        check_add(&Layout::contiguous(&[3, 1, 5]).expand(&[3, 4, 5]), &Layout::contiguous(&[4, 1]).expand(&[3, 4, 5]));
        for width in [3, 300, 511, 512, 513] {
            let repeated = Layout::contiguous(&[width]).expand(&[30, width]);
            check_add(&repeated, &Layout::contiguous(&[30, width]));
        }
        check_add(&Layout::contiguous(&[0, 5]), &Layout::contiguous(&[5]).expand(&[0, 5]));
        check_add(&Layout::contiguous(&[]), &Layout::contiguous(&[]));
    }
}
