//! Where the elements of a tensor lie: shape, strides, offset. Views are arithmetic on these.

use smallvec::SmallVec;

use crate::error::{Error, Result, Tuple};

pub type Dims = SmallVec<[usize; 6]>;
pub type Strides = SmallVec<[isize; 6]>;

/// Shape, strides and offset in elements. Strides may be zero (broadcast) or negative (flip).
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Dims,
    strides: Strides,
    offset: usize,
}

impl Clone for Layout {
    /// Copies as slices; the derived form would go element by element.
    fn clone(&self) -> Self {
        Self {
            shape: SmallVec::from_slice(&self.shape),
            strides: SmallVec::from_slice(&self.strides),
            offset: self.offset,
        }
    }
}

/// A range of one axis: `start, start + step, ...`, `len` elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: usize,
    pub step: isize,
    pub len: usize,
}

/// Row-major strides of a shape.
pub fn contiguous_strides(shape: &[usize]) -> Strides {
    let mut strides: Strides = SmallVec::from_elem(0, shape.len());
    let mut stride = 1isize;
    for axis in (0..shape.len()).rev() {
        strides[axis] = stride;
        // Of an empty tensor the strides mean nothing, whatever its other sizes are.
        stride = stride.wrapping_mul(shape[axis].max(1) as isize);
    }
    strides
}

/// The number of elements of a shape, or the largest number where they are more.
#[inline]
pub fn saturating_len(shape: &[usize]) -> usize {
    shape.iter().fold(1, |len: usize, &dim| len.saturating_mul(dim))
}

/// The number of elements of a shape, refused where it does not fit.
pub fn checked_len(op: &str, shape: &[usize]) -> Result<usize> {
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(1usize, |len, &dim| len.checked_mul(dim))
        .filter(|&len| len <= isize::MAX as usize / 8)
        .ok_or_else(|| Error::shape(format!("{op}: a tensor of shape {} is too large", Tuple(shape))))
}

/// NumPy's broadcasting of two shapes.
pub fn broadcast(op: &str, a: &[usize], b: &[usize]) -> Result<Dims> {
    let rank = a.len().max(b.len());
    let mut out: Dims = SmallVec::from_elem(1, rank);
    for i in 0..rank {
        let x = if i < rank - a.len() { 1 } else { a[i + a.len() - rank] };
        let y = if i < rank - b.len() { 1 } else { b[i + b.len() - rank] };
        out[i] = match (x, y) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => {
                return Err(Error::shape(format!(
                    "{op}: shapes {} and {} do not broadcast: axis {} is {x} and {y}",
                    Tuple(a),
                    Tuple(b),
                    i as isize - rank as isize
                )));
            }
        };
    }
    Ok(out)
}

impl Layout {
    /// Row-major from offset 0.
    pub fn contiguous(shape: &[usize]) -> Self {
        Self { shape: SmallVec::from_slice(shape), strides: contiguous_strides(shape), offset: 0 }
    }

    pub fn new(shape: Dims, strides: Strides, offset: usize) -> Self {
        debug_assert_eq!(shape.len(), strides.len());
        Self { shape, strides, offset }
    }

    #[inline]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
    #[inline]
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }
    #[inline]
    pub fn rank(&self) -> usize {
        self.shape.len()
    }
    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        saturating_len(&self.shape)
    }
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Whether the elements lie row-major without gaps (any offset).
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1isize;
        for (&dim, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if dim == 0 {
                return true;
            }
            if dim != 1 {
                if stride != expected {
                    return false;
                }
                // As in `contiguous_strides`: a size of zero may follow.
                expected = expected.wrapping_mul(dim as isize);
            }
        }
        true
    }

    /// The smallest and one past the largest element index touched; `None` if empty.
    pub fn bounds(&self) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        let (mut low, mut high) = (self.offset as isize, self.offset as isize);
        for (&dim, &stride) in self.shape.iter().zip(&self.strides) {
            let reach = (dim as isize - 1) * stride;
            if reach < 0 { low += reach } else { high += reach }
        }
        Some((low as usize, high as usize + 1))
    }

    /// The same elements under another shape, if strides can express it without a copy.
    pub fn reshape(&self, shape: &[usize]) -> Option<Self> {
        debug_assert_eq!(self.len(), saturating_len(shape));
        if self.is_empty() || self.is_contiguous() {
            return Some(Self { offset: self.offset, ..Self::contiguous(shape) });
        }
        let old: SmallVec<[(usize, isize); 6]> = self
            .shape
            .iter()
            .zip(&self.strides)
            .filter(|(dim, _)| **dim != 1)
            .map(|(dim, stride)| (*dim, *stride))
            .collect();
        let mut strides: Strides = SmallVec::from_elem(0, shape.len());
        let (mut from, mut to) = (0, 0);
        while from < old.len() {
            // One group of old axes covers the same elements as one group of new axes.
            let (mut old_len, mut old_end) = (old[from].0, from + 1);
            let mut new_end = to;
            let mut new_len = 1;
            while new_len != old_len || new_end == to {
                if new_len < old_len || new_end == to {
                    new_len *= shape[new_end];
                    new_end += 1;
                } else {
                    old_len *= old[old_end].0;
                    old_end += 1;
                }
            }
            for axis in from..old_end - 1 {
                if old[axis].1 != old[axis + 1].1 * old[axis + 1].0 as isize {
                    return None;
                }
            }
            let mut stride = old[old_end - 1].1;
            for axis in (to..new_end).rev() {
                strides[axis] = stride;
                stride *= shape[axis] as isize;
            }
            from = old_end;
            to = new_end;
        }
        Some(Self { shape: SmallVec::from_slice(shape), strides, offset: self.offset })
    }

    /// Axes in another order. `axes` is a permutation of `0..rank`.
    #[must_use]
    pub fn permute(&self, axes: &[usize]) -> Self {
        Self {
            shape: axes.iter().map(|&axis| self.shape[axis]).collect(),
            strides: axes.iter().map(|&axis| self.strides[axis]).collect(),
            offset: self.offset,
        }
    }

    /// Repeats axes of length 1 (and new leading axes) with stride 0. The shapes must broadcast.
    #[must_use]
    pub fn expand(&self, shape: &[usize]) -> Self {
        let lead = shape.len() - self.rank();
        let strides = (0..shape.len())
            .map(|axis| {
                if axis < lead || (self.shape[axis - lead] == 1 && shape[axis] != 1) {
                    0
                } else {
                    self.strides[axis - lead]
                }
            })
            .collect();
        Self { shape: SmallVec::from_slice(shape), strides, offset: self.offset }
    }

    /// One range per axis.
    #[must_use]
    pub fn slice(&self, ranges: &[Range]) -> Self {
        let mut out = self.clone();
        let mut offset = self.offset as isize;
        for (axis, range) in ranges.iter().enumerate() {
            if range.len > 0 {
                offset += range.start as isize * self.strides[axis];
            }
            out.shape[axis] = range.len;
            out.strides[axis] = self.strides[axis] * range.step;
        }
        out.offset = offset as usize;
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_of_a_transpose_needs_a_copy_but_of_its_parts_does_not() {
        let x = Layout::contiguous(&[2, 3, 4]).permute(&[2, 0, 1]);
        assert!(x.reshape(&[24]).is_none());
        let y = x.reshape(&[2, 2, 6]).expect("rows of the transpose split and merge");
        assert_eq!(y.strides(), &[2, 1, 4]);
    }

    #[test]
    fn flips_and_bounds() {
        let x = Layout::contiguous(&[4]).slice(&[Range { start: 3, step: -1, len: 4 }]);
        assert_eq!((x.offset(), x.strides()), (3, &[-1isize][..]));
        assert_eq!(x.bounds(), Some((0, 4)));
        assert!(!x.is_contiguous());
    }

    #[test]
    fn broadcasting_names_the_axis() {
        assert_eq!(&broadcast("add", &[3, 1], &[4]).unwrap()[..], &[3, 4]);
        let message = broadcast("add", &[2, 3], &[4]).unwrap_err().to_string();
        assert_eq!(message, "add: shapes (2, 3) and (4,) do not broadcast: axis -1 is 3 and 4");
    }
}
