//! Matrix products: any strides, batched, every numeric dtype.

mod bytes;
mod ending;
mod gemm;
mod half;
mod integer;
mod kernel;
mod pack;
mod scratch;
#[cfg(test)]
mod tests;
mod tiles;
mod vector;

use corten_core::{
    DType, Element, Error, Layout, Result,
    half::{bf16, f16},
};

pub(crate) use self::{
    ending::{Ending, Function},
    gemm::{Finish, Output, Packed, Ready, Size, blocks, gemm},
    kernel::{Job, MOST_ROWS, Real},
    pack::{Matrix, Panels, Rows, Segments, WIDEST, Widen},
    scratch::Scratch,
};
use crate::{
    In,
    memory::{self, Buffer},
    parallel::{self, DisjointMut},
};

/// Multiplications up to which three plain loops are faster than packing.
const TINY: usize = 1024;
/// Elements of a matrix that is read faster by tiles than by rows, if it has one row to be multiplied with.
const CACHED: usize = 4 << 20;
/// Multiplications a task of a batched product should have.
const TASK: usize = 256 << 10;

/// `(..., m, k) @ (..., k, n)`; batch axes are equal.
pub(crate) fn matmul(a: In<'_>, b: In<'_>) -> Result<Buffer> {
    match a.dtype {
        DType::F32 => multiply::<f32, f32>(a, b, product),
        DType::F64 => multiply::<f64, f64>(a, b, product),
        DType::F16 => multiply::<f16, f16>(a, b, half::multiply),
        DType::BF16 => multiply::<bf16, bf16>(a, b, half::multiply_brain),
        DType::I8 => multiply::<i8, i8>(a, b, bytes::wrapping),
        DType::I16 => multiply::<i16, i16>(a, b, integer::multiply),
        DType::I32 => multiply::<i32, i32>(a, b, integer::multiply),
        DType::I64 => multiply::<i64, i64>(a, b, integer::multiply),
        DType::U8 => multiply::<u8, u8>(a, b, bytes::wrapping),
        DType::U16 => multiply::<u16, u16>(a, b, integer::multiply),
        DType::U32 => multiply::<u32, u32>(a, b, integer::multiply),
        DType::U64 => multiply::<u64, u64>(a, b, integer::multiply),
        DType::Bool => Err(Error::dtype("matmul: bool matrices have no product; cast them to int32 or float32 first")),
    }
}

/// `(..., m, k) @ (..., k, n)` of int8 in int32.
pub(crate) fn matmul_i8_i32(a: In<'_>, b: In<'_>) -> Result<Buffer> {
    multiply::<i8, i32>(a, b, bytes::wide)
}

/// One product of a batch: `a` has rows as items, `b` columns.
pub(crate) fn product<T: Real, S: Widen<T>>(
    size: Size,
    a: &Matrix<'_, S>,
    b: &Matrix<'_, S>,
    out: &mut [T],
    on_all_threads: bool,
) {
    let Size { rows, columns, depth } = size;
    if rows * columns * depth <= TINY {
        for row in 0..rows {
            for column in 0..columns {
                out[row * columns + column] =
                    (0..depth).fold(T::ZERO, |sum, k| sum + a.at(row, k).widen() * b.at(column, k).widen());
            }
        }
        return;
    }
    let done = if rows == 1 {
        vector::multiply(b, (columns, depth), |k| a.at(0, k), out, on_all_threads)
    } else if columns == 1 {
        vector::multiply(a, (rows, depth), |k| b.at(0, k), out, on_all_threads)
    } else {
        false
    };
    if !done {
        gemm(size, a, b, &Output::strided(out, columns), on_all_threads);
    }
}

/// A product with bias and activation; `ready` is `b` in panels, if someone keeps them.
pub(crate) fn product_with_ending<T: Real + Widen<T>>(
    size: Size,
    a: &Matrix<'_, T>,
    b: &Matrix<'_, T>,
    ready: Option<&Ready<'_, T>>,
    out: &mut [T],
    ending: &Ending<'_, T>,
) {
    let Size { rows, columns, depth } = size;
    if let Some(ready) = ready {
        ready.multiply(rows, a, &Output::strided(out, columns).ending(ending, 0, columns), true);
    } else if (rows == 1 && !in_tiles(size, b)) || columns == 1 || rows * columns * depth <= TINY {
        product(size, a, b, out, true);
        ending.apply(out, true);
    } else {
        gemm(size, a, b, &Output::strided(out, columns).ending(ending, 0, columns), true);
    }
}

/// Whether one row times `b` goes by tiles, which is faster where the columns lie side by side and in the caches.
fn in_tiles<T: Real>(size: Size, b: &Matrix<'_, T>) -> bool {
    b.items_adjacent() && size.columns * size.depth <= CACHED
}

/// The products of a batch, each by `one`.
fn multiply<S: Element, T: Element>(
    a: In<'_>,
    b: In<'_>,
    one: impl Fn(Size, &Matrix<'_, S>, &Matrix<'_, S>, &mut [T], bool) + Sync,
) -> Result<Buffer> {
    let batch = Batch::new(&a, &b);
    let mut out = Buffer::for_elements(T::DTYPE, batch.count * batch.size.rows * batch.size.columns)?;
    batch.run(memory::elements::<S>(a), memory::elements::<S>(b), out.as_mut_slice::<T>(), one);
    Ok(out)
}

/// A batch of products, as few and as large as the layouts allow.
struct Batch {
    a: Layout,
    b: Layout,
    count: usize,
    size: Size,
}

impl Batch {
    fn new(a: &In<'_>, b: &In<'_>) -> Self {
        let rank = a.layout.rank();
        let (shape, columns) = (a.layout.shape(), b.layout.shape()[rank - 1]);
        let count: usize = shape[..rank - 2].iter().product();
        let (rows, depth) = (shape[rank - 2], shape[rank - 1]);
        // One `b` for the whole batch: the batch is more rows of `a`, if strides can say so.
        let shared =
            b.layout.shape()[..rank - 2].iter().zip(b.layout.strides()).all(|(&dim, &stride)| dim == 1 || stride == 0);
        if count > 1
            && shared
            && let Some(merged) = a.layout.reshape(&[count * rows, depth])
        {
            let b = Layout::new(
                b.layout.shape()[rank - 2..].into(),
                b.layout.strides()[rank - 2..].into(),
                b.layout.offset(),
            );
            return Self { a: merged, b, count: 1, size: Size { rows: count * rows, columns, depth } };
        }
        Self { a: a.layout.clone(), b: b.layout.clone(), count, size: Size { rows, columns, depth } }
    }

    /// Where the matrix `index` of a batch starts.
    fn start(layout: &Layout, index: usize) -> usize {
        let batch_axes = layout.rank() - 2;
        let (mut rest, mut start) = (index, layout.offset() as isize);
        for (&dim, &stride) in layout.shape()[..batch_axes].iter().zip(layout.strides()).rev() {
            start += (rest % dim) as isize * stride;
            rest /= dim;
        }
        start as usize
    }

    fn run<S: Copy + Sync, T: Send>(
        &self,
        left: &[S],
        right: &[S],
        out: &mut [T],
        multiply: impl Fn(Size, &Matrix<'_, S>, &Matrix<'_, S>, &mut [T], bool) + Sync,
    ) {
        let Size { rows, columns, depth } = self.size;
        let len = rows * columns;
        if self.count * len == 0 {
            return;
        }
        let matrix = |data, layout: &Layout, index, by_columns: bool| {
            let axes = layout.rank() - 2;
            let (shape, strides) = (&layout.shape()[axes..], &layout.strides()[axes..]);
            let (items, depth) = if by_columns { (1, 0) } else { (0, 1) };
            Matrix::new(
                data,
                Self::start(layout, index),
                (shape[items], strides[items]),
                (shape[depth], strides[depth]),
            )
        };
        let pieces = DisjointMut::new(out);
        let one = |index: usize, on_all_threads: bool| {
            // SAFETY: every index has its own range.
            let out = unsafe { pieces.range(index * len..(index + 1) * len) };
            let (a, b) = (matrix(left, &self.a, index, false), matrix(right, &self.b, index, true));
            multiply(self.size, &a, &b, out, on_all_threads);
        };
        // Small products go to tasks by the handful; large ones are cut themselves.
        let group = (TASK / (len * depth).max(1)).clamp(1, self.count);
        let tasks = self.count.div_ceil(group);
        if tasks < 4 {
            (0..self.count).for_each(|index| one(index, true));
        } else {
            parallel::for_chunks(tasks, &|task| {
                (task * group..((task + 1) * group).min(self.count)).for_each(|index| one(index, false));
            });
        }
    }
}
