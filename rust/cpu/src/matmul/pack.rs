//! Packing: operands of any layout become panels, groups of `width` items side by side for each
//! step of depth, which the tile reads in order. An operand is anything that can be packed: a
//! strided matrix, or an image seen as the matrix of its patches.

use std::ops::Range;

use corten_core::{
    Element,
    half::{bf16, f16},
};

use super::{
    gemm::ROWS,
    kernel::{MOST_COLUMNS, Real},
};
use crate::simd::convert::{narrow_bf16, widen_bf16};

/// An operand of a product: items (rows of `a`, columns of `b`) by depth.
pub(crate) trait Panels<T>: Sync {
    /// Writes `out[step * width + item]` for `items` and `depth`; items up to `width` that are not
    /// there are zero.
    fn pack(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [T]);

    /// The items where they lie, if tiles can read them there as rows of the left operand.
    fn rows(&self) -> Option<&dyn Rows<T>> {
        None
    }

    /// The items where they lie, if they lie side by side: columns of the right operand.
    fn columns(&self) -> Option<Columns<T>> {
        None
    }
}

/// Rows of a left operand, read in place. Their depth is `segments` pieces of equal length; the elements of a
/// piece lie `step` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments {
    pub(crate) count: usize,
    pub(crate) depth: usize,
    pub(crate) step: isize,
}

/// See [`Segments`].
///
/// # Safety
/// Every pointer that `place` writes must be readable for `depth` elements at `step` while `self` lives.
pub(crate) unsafe trait Rows<T>: Sync {
    fn segments(&self) -> Segments;
    /// Writes where the rows start in each of the segments: `rows.len()` pointers for each.
    fn place(&self, rows: Range<usize>, segments: Range<usize>, out: &mut [*const T]);
}

/// Adjacent columns of a right operand: `first` is the one of the first column and step of depth, and `step`
/// leads from one step of depth to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<T> {
    pub(crate) first: *const T,
    pub(crate) step: isize,
    pub(crate) count: usize,
    pub(crate) depth: usize,
}

// SAFETY: only read through, by tiles that are handed the operand it was made of.
unsafe impl<T: Sync> Sync for Columns<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Send for Columns<T> {}

/// An element that is computed with as a `T`.
pub(crate) trait Widen<T: Real>: Element {
    fn widen(self) -> T;
    fn narrow(value: T) -> Self;

    /// Writes `out[k * width + i] = rows[i][k]` for `k < len`; a missing row is zero, and so are the
    /// places up to `width`.
    fn interleave(rows: &[Option<&[Self]>], len: usize, width: usize, out: &mut [T]) {
        interleave_plain(rows, 0, 0..len, width, out);
    }
}

/// The rows from `first` of [`Widen::interleave`], element by element.
fn interleave_plain<S: Widen<T>, T: Real>(
    rows: &[Option<&[S]>],
    first: usize,
    steps: Range<usize>,
    width: usize,
    out: &mut [T],
) {
    for i in first..width {
        match rows.get(i).copied().flatten() {
            Some(row) => {
                for (k, value) in steps.clone().zip(&row[steps.clone()]) {
                    out[k * width + i] = value.widen();
                }
            }
            None => {
                for k in steps.clone() {
                    out[k * width + i] = T::ZERO;
                }
            }
        }
    }
}

impl Widen<Self> for f64 {
    #[inline(always)]
    fn widen(self) -> Self {
        self
    }
    #[inline(always)]
    fn narrow(value: Self) -> Self {
        value
    }
}

impl Widen<f32> for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn narrow(value: f32) -> Self {
        Self::from_f32(value)
    }
}

impl Widen<f32> for bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        widen_bf16(self)
    }
    #[inline(always)]
    fn narrow(value: f32) -> Self {
        narrow_bf16(value)
    }
}

impl Widen<Self> for f32 {
    #[inline(always)]
    fn widen(self) -> Self {
        self
    }
    #[inline(always)]
    fn narrow(value: Self) -> Self {
        value
    }

    #[cfg(target_arch = "x86_64")]
    fn interleave(rows: &[Option<&[Self]>], len: usize, width: usize, out: &mut [Self]) {
        use std::arch::x86_64::{
            _mm_loadu_ps, _mm_movehl_ps, _mm_movelh_ps, _mm_setzero_ps, _mm_storeu_ps, _mm_unpackhi_ps, _mm_unpacklo_ps,
        };
        let (fours, steps) = (width / 4 * 4, len / 4 * 4);
        assert!(out.len() >= len * width, "the panel is too short");
        for first in (0..fours).step_by(4) {
            let row = |i: usize| rows.get(first + i).copied().flatten();
            let group = [row(0), row(1), row(2), row(3)];
            for row in group.into_iter().flatten() {
                assert!(row.len() >= len, "a row is too short");
            }
            for k in (0..steps).step_by(4) {
                // SAFETY: SSE is part of x86-64; rows have `len >= k + 4` elements and the panel
                // `len * width`, both asserted above.
                unsafe {
                    let load = |i: usize| match group[i] {
                        Some(row) => _mm_loadu_ps(row.as_ptr().add(k)),
                        None => _mm_setzero_ps(),
                    };
                    let (r0, r1, r2, r3) = (load(0), load(1), load(2), load(3));
                    let (a, b) = (_mm_unpacklo_ps(r0, r1), _mm_unpacklo_ps(r2, r3));
                    let (c, d) = (_mm_unpackhi_ps(r0, r1), _mm_unpackhi_ps(r2, r3));
                    let to = out.as_mut_ptr().add(k * width + first);
                    _mm_storeu_ps(to, _mm_movelh_ps(a, b));
                    _mm_storeu_ps(to.add(width), _mm_movehl_ps(b, a));
                    _mm_storeu_ps(to.add(2 * width), _mm_movelh_ps(c, d));
                    _mm_storeu_ps(to.add(3 * width), _mm_movehl_ps(d, c));
                }
            }
            for k in steps..len {
                for (i, row) in group.into_iter().enumerate() {
                    out[k * width + first + i] = row.map_or(0.0, |row| row[k]);
                }
            }
        }
        interleave_plain(rows, fours, 0..len, width, out);
    }
}

/// The widest panel: of columns, or of the rows of a task.
pub(crate) const WIDEST: usize = if ROWS > MOST_COLUMNS { ROWS } else { MOST_COLUMNS };

/// A matrix somewhere in a slice, with any strides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, S> {
    data: &'a [S],
    offset: usize,
    items: usize,
    depth: usize,
    item_stride: isize,
    depth_stride: isize,
}

impl<'a, S: Copy> Matrix<'a, S> {
    /// Panics if an element lies outside the slice.
    pub(crate) fn new(
        data: &'a [S],
        offset: usize,
        (items, item_stride): (usize, isize),
        (depth, depth_stride): (usize, isize),
    ) -> Self {
        if items > 0 && depth > 0 {
            let reach = [(items - 1) as isize * item_stride, (depth - 1) as isize * depth_stride];
            let low = offset as isize + reach[0].min(0) + reach[1].min(0);
            let high = offset as isize + reach[0].max(0) + reach[1].max(0);
            assert!(low >= 0 && (high as usize) < data.len(), "a matrix reaches outside its buffer");
        }
        Self { data, offset, items, depth, item_stride, depth_stride }
    }

    /// The element at (item, depth), which must be inside.
    #[inline(always)]
    pub(crate) fn at(&self, item: usize, depth: usize) -> S {
        debug_assert!(item < self.items && depth < self.depth);
        let index = self.offset as isize + item as isize * self.item_stride + depth as isize * self.depth_stride;
        self.data[index as usize]
    }

    /// The depth of one item, if it lies side by side.
    #[inline]
    pub(crate) fn row(&self, item: usize, depth: &Range<usize>) -> Option<&'a [S]> {
        (self.depth_stride == 1 || self.depth == 1).then(|| {
            let start = (self.offset as isize + item as isize * self.item_stride) as usize + depth.start;
            &self.data[start..start + depth.len()]
        })
    }

    /// The items of one step of depth, if they lie side by side.
    #[inline]
    pub(crate) fn column(&self, depth: usize, items: &Range<usize>) -> Option<&'a [S]> {
        (self.item_stride == 1 || self.items == 1).then(|| {
            let start = (self.offset as isize + depth as isize * self.depth_stride) as usize + items.start;
            &self.data[start..start + items.len()]
        })
    }

    pub(crate) fn items_adjacent(&self) -> bool {
        self.item_stride == 1 || self.items == 1
    }

    pub(crate) fn depth_adjacent(&self) -> bool {
        self.depth_stride == 1 || self.depth == 1
    }
}

// SAFETY: `Matrix::new` checked that every element lies inside the slice; `place` is asserted to stay inside the
// matrix, and `rows` only gives matrices whose elements are `T`.
unsafe impl<T: Real, S: Widen<T>> Rows<T> for Matrix<'_, S> {
    fn segments(&self) -> Segments {
        Segments { count: 1, depth: self.depth, step: self.depth_stride }
    }

    #[inline]
    fn place(&self, rows: Range<usize>, _: Range<usize>, out: &mut [*const T]) {
        assert!(rows.end <= self.items && T::DTYPE == S::DTYPE);
        let start = self.offset as isize + rows.start as isize * self.item_stride;
        let mut pointer = self.data.as_ptr().cast::<T>().wrapping_offset(start);
        for to in &mut out[..rows.len()] {
            *to = pointer;
            pointer = pointer.wrapping_offset(self.item_stride);
        }
    }
}

impl<T: Real, S: Widen<T>> Panels<T> for Matrix<'_, S> {
    fn rows(&self) -> Option<&dyn Rows<T>> {
        (T::DTYPE == S::DTYPE && self.items > 0 && self.depth > 0).then_some(self as &dyn Rows<T>)
    }

    fn columns(&self) -> Option<Columns<T>> {
        (T::DTYPE == S::DTYPE && self.items_adjacent() && self.depth > 0).then(|| Columns {
            first: self.data[self.offset..].as_ptr().cast(),
            step: self.depth_stride,
            count: self.items,
            depth: self.depth,
        })
    }

    fn pack(&self, items: Range<usize>, depth: Range<usize>, width: usize, out: &mut [T]) {
        let count = items.len();
        assert!(items.end <= self.items && depth.end <= self.depth && count <= width && width <= WIDEST);
        if self.items_adjacent() {
            for (k, group) in depth.zip(out.chunks_exact_mut(width)) {
                let column = self.column(k, &items).unwrap_or(&[]);
                for (to, from) in group.iter_mut().zip(column) {
                    *to = from.widen();
                }
                group[count..].fill(T::ZERO);
            }
        } else if self.depth_adjacent() {
            let mut rows: [Option<&[S]>; WIDEST] = [None; WIDEST];
            for (row, item) in rows.iter_mut().zip(items) {
                *row = self.row(item, &depth);
            }
            S::interleave(&rows[..count], depth.len(), width, out);
        } else {
            for (k, group) in depth.zip(out.chunks_exact_mut(width)) {
                for (to, item) in group.iter_mut().zip(items.clone()) {
                    *to = self.at(item, k).widen();
                }
                group[count..].fill(T::ZERO);
            }
        }
    }
}
