//! Movement by index. Operands are seen as (outer, axis, inner); tasks own a range of inner columns, so
//! that updates of one element happen in row-major order on any number of threads.

use std::ops::Range;

use corten_core::{DType, Element, Error, Result, ScatterMode, with_dtype};

use crate::{In, dense::Dense, memory::Buffer, parallel};

/// Columns one task owns.
const COLUMNS: usize = 256;

/// The three factors of a shape around an axis.
#[derive(Clone, Copy)]
struct Split {
    outer: usize,
    axis: usize,
    inner: usize,
}

impl Split {
    fn new(shape: &[usize], axis: usize) -> Self {
        Self { outer: shape[..axis].iter().product(), axis: shape[axis], inner: shape[axis + 1..].iter().product() }
    }

    /// Runs `work(outer index, inner columns)` for every task.
    fn for_tasks(self, work: impl Fn(usize, Range<usize>) + Sync) {
        let pieces = self.inner.div_ceil(COLUMNS);
        parallel::for_chunks(self.outer * pieces, &|task| {
            let start = task % pieces * COLUMNS;
            work(task / pieces, start..(start + COLUMNS).min(self.inner));
        });
    }
}

/// Indices as places in `0..dim`.
fn places(op: &str, indices: In<'_>, axis: usize, dim: usize) -> Result<Vec<usize>> {
    let wide: Vec<i64> = if indices.dtype == DType::I32 {
        Dense::<i32>::new(indices)?.slice().iter().map(|&index| i64::from(index)).collect()
    } else {
        Dense::<i64>::new(indices)?.slice().to_vec()
    };
    wide.into_iter()
        .map(|index| {
            let place = if index < 0 { index + dim as i64 } else { index };
            if (0..dim as i64).contains(&place) {
                Ok(place as usize)
            } else {
                Err(Error::index(format!("{op}: index {index} is out of bounds for axis {axis} of length {dim}")))
            }
        })
        .collect()
}

/// Elements of one size move as integers of that size: four kernels instead of thirteen.
macro_rules! by_size {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype.size() {
            1 => {
                type $t = u8;
                $body
            }
            2 => {
                type $t = u16;
                $body
            }
            4 => {
                type $t = u32;
                $body
            }
            _ => {
                type $t = u64;
                $body
            }
        }
    };
}

pub(crate) fn gather(x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
    let split = Split::new(x.layout.shape(), axis);
    let places = places("take", indices, axis, split.axis)?;
    let mut out = Buffer::for_elements(x.dtype, split.outer * places.len() * split.inner)?;
    by_size!(x.dtype, T => {
        let source = Moved::<T>::new(x)?;
        let source = source.slice();
        let target = parallel::DisjointMut::new(T::of(&mut out));
        let rows = split.outer * places.len();
        let grain = (parallel::GRAIN_CHEAP / split.inner.max(1)).max(1);
        parallel::for_ranges(rows, grain, |range| {
            for row in range {
                let from = (row / places.len() * split.axis + places[row % places.len()]) * split.inner;
                // SAFETY: every row belongs to one range, and ranges do not overlap.
                let to = unsafe { target.range(row * split.inner..(row + 1) * split.inner) };
                to.copy_from_slice(&source[from..from + split.inner]);
            }
        });
    });
    Ok(out)
}

pub(crate) fn take_along(x: In<'_>, indices: In<'_>, axis: usize) -> Result<Buffer> {
    let split = Split::new(x.layout.shape(), axis);
    let count = indices.layout.shape()[axis];
    let places = places("take_along_axis", indices, axis, split.axis)?;
    let mut out = Buffer::for_elements(x.dtype, places.len())?;
    by_size!(x.dtype, T => {
        let source = Moved::<T>::new(x)?;
        let source = source.slice();
        let target = parallel::DisjointMut::new(T::of(&mut out));
        let grain = (parallel::GRAIN_DEAR / split.inner.max(1)).max(1);
        parallel::for_ranges(split.outer * count, grain, |range| {
            for row in range {
                // SAFETY: every row belongs to one range, and ranges do not overlap.
                let to = unsafe { target.range(row * split.inner..(row + 1) * split.inner) };
                for (column, value) in to.iter_mut().enumerate() {
                    let place = places[row * split.inner + column];
                    *value = source[(row / count * split.axis + place) * split.inner + column];
                }
            }
        });
    });
    Ok(out)
}

pub(crate) fn scatter(
    mode: ScatterMode,
    base: In<'_>,
    indices: In<'_>,
    updates: In<'_>,
    axis: usize,
) -> Result<Buffer> {
    let split = Split::new(base.layout.shape(), axis);
    let places = places("scatter", indices, axis, split.axis)?;
    scattered(mode, base, updates, split, places.len(), &|row, _| places[row % places.len().max(1)])
}

pub(crate) fn scatter_along(
    mode: ScatterMode,
    base: In<'_>,
    indices: In<'_>,
    updates: In<'_>,
    axis: usize,
) -> Result<Buffer> {
    let split = Split::new(base.layout.shape(), axis);
    let count = indices.layout.shape()[axis];
    let places = places("scatter_along_axis", indices, axis, split.axis)?;
    scattered(mode, base, updates, split, count, &|row, column| places[row * split.inner + column])
}

/// A copy of `base` with `count` rows of updates per outer index, each element sent to `place(row, column)`.
fn scattered(
    mode: ScatterMode,
    base: In<'_>,
    updates: In<'_>,
    split: Split,
    count: usize,
    place: &(dyn Fn(usize, usize) -> usize + Sync),
) -> Result<Buffer> {
    let mut out = crate::copy::to_contiguous(base)?;
    with_dtype!(base.dtype, T => {
        let updates = Dense::<T>::new(updates)?;
        let updates = updates.slice();
        let combine = combination::<T>(mode);
        let target = parallel::DisjointMut::new(&mut out.as_mut_slice::<T>()[..split.outer * split.axis * split.inner]);
        split.for_tasks(|outer, columns| {
            for row in outer * count..(outer + 1) * count {
                for column in columns.clone() {
                    let at = (outer * split.axis + place(row, column)) * split.inner + column;
                    // SAFETY: a task alone touches its columns of its outer index.
                    let value = unsafe { &mut target.range(at..at + 1)[0] };
                    *value = combine(*value, updates[row * split.inner + column]);
                }
            }
        });
    });
    Ok(out)
}

/// How an update meets what is there. Integers wrap; 16-bit floats round after each update; NaN stays.
fn combination<T: Element>(mode: ScatterMode) -> fn(T, T) -> T {
    match mode {
        ScatterMode::Set => |_, new| new,
        ScatterMode::Add if T::DTYPE.is_float() => |old, new| T::from_f64(old.to_f64() + new.to_f64()),
        ScatterMode::Mul if T::DTYPE.is_float() => |old, new| T::from_f64(old.to_f64() * new.to_f64()),
        ScatterMode::Add => |old, new| T::from_i64(old.to_i64().wrapping_add(new.to_i64())),
        ScatterMode::Mul => |old, new| T::from_i64(old.to_i64().wrapping_mul(new.to_i64())),
        ScatterMode::Max => |old, new| if is_nan(old) || old >= new { old } else { new },
        ScatterMode::Min => |old, new| if is_nan(old) || old <= new { old } else { new },
    }
}

#[expect(clippy::eq_op, reason = "NaN is the one value that differs from itself")]
fn is_nan<T: Element>(value: T) -> bool {
    value != value
}

/// The elements of an operand as unsigned integers of their size.
enum Moved<'a, U> {
    Here(&'a [U]),
    Copied(Buffer),
}

/// Unsigned integers that elements move as.
trait Word: Element {
    fn of(buffer: &mut Buffer) -> &mut [Self] {
        let len = buffer.len_bytes() / size_of::<Self>();
        &mut buffer.as_mut_slice::<Self>()[..len]
    }
}
impl Word for u8 {}
impl Word for u16 {}
impl Word for u32 {}
impl Word for u64 {}

impl<'a, U: Word> Moved<'a, U> {
    fn new(x: In<'a>) -> Result<Self> {
        if x.layout.is_contiguous() {
            let start = x.layout.offset();
            return Ok(Self::Here(&x.buffer.as_slice::<U>()[start..start + x.layout.len()]));
        }
        Ok(Self::Copied(crate::copy::to_contiguous(x)?))
    }

    fn slice(&self) -> &[U] {
        match self {
            Self::Here(slice) => slice,
            Self::Copied(buffer) => buffer.as_slice::<U>(),
        }
    }
}
