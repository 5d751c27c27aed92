//! Reductions.
//!
//! After merging axes there are two fast forms: the reduced elements lie side by side (fold rows), or
//! the kept ones do (fold columns). Anything else is copied into the first form. Long reductions are
//! cut into pieces of fixed size whose results are combined in order.

pub(crate) mod combine;
mod fold;

use corten_core::{ArgReduceOp, DType, Dims, Layout, ReduceOp, Result};

use self::combine::{Max, Min, Number, Operation, Prod, Sum};
use crate::{
    In, copy, elementwise,
    memory::Buffer,
    parallel::{self, DisjointMut},
    strided::{self, Axes, Bytes},
};

/// Elements whose reduction is worth one chunk.
const PIECE: usize = 64 * 1024;
/// Columns that are folded together.
const COLUMNS: usize = 512;

/// Runs `$body` with `$t` bound to a number type that sums, compares and multiplies as the dtype does;
/// 16-bit floats were converted before.
macro_rules! with_number {
    ($dtype:expr, $t:ident => $body:expr) => {{
        macro_rules! arm {
            ($type:ty) => {{
                type $t = $type;
                $body
            }};
        }
        match $dtype {
            DType::Bool | DType::U8 => arm!(u8),
            DType::U16 => arm!(u16),
            DType::U32 => arm!(u32),
            DType::U64 => arm!(u64),
            DType::I8 => arm!(i8),
            DType::I16 => arm!(i16),
            DType::I32 => arm!(i32),
            DType::I64 => arm!(i64),
            DType::F32 => arm!(f32),
            DType::F64 => arm!(f64),
            DType::F16 | DType::BF16 => unreachable!("16-bit floats are computed in float32"),
        }
    }};
}
pub(crate) use with_number;

/// The type whose sums and products have the same bits.
pub(crate) fn wrapping(dtype: DType) -> DType {
    match dtype {
        DType::I8 | DType::Bool => DType::U8,
        DType::I16 => DType::U16,
        DType::I32 => DType::U32,
        DType::I64 => DType::U64,
        DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::F16 | DType::BF16 | DType::F32 | DType::F64 => dtype,
    }
}

pub(crate) fn reduce(op: ReduceOp, x: In<'_>, axes: &[usize]) -> Result<Buffer> {
    if matches!(x.dtype, DType::F16 | DType::BF16) {
        let wide = elementwise::cast(x, DType::F32)?;
        let layout = Layout::contiguous(x.layout.shape());
        let out = reduce(op, In { buffer: &wide, layout: &layout, dtype: DType::F32 }, axes)?;
        let len = out.len_bytes() / 4;
        return elementwise::cast(In { buffer: &out, layout: &Layout::contiguous(&[len]), dtype: DType::F32 }, x.dtype);
    }
    match op {
        ReduceOp::Sum => with_number!(wrapping(x.dtype), T => reduce_as::<T, Sum>(x, axes, |acc, _| T::lower(acc))),
        ReduceOp::Prod => with_number!(wrapping(x.dtype), T => reduce_as::<T, Prod>(x, axes, |acc, _| T::lower(acc))),
        ReduceOp::Mean => match x.dtype {
            DType::F64 => reduce_as::<f64, Sum>(x, axes, f64::mean),
            DType::F32
            | DType::F16
            | DType::BF16
            | DType::Bool
            | DType::U8
            | DType::U16
            | DType::U32
            | DType::U64
            | DType::I8
            | DType::I16
            | DType::I32
            | DType::I64 => reduce_as::<f32, Sum>(x, axes, f32::mean),
        },
        ReduceOp::Max => with_number!(x.dtype, T => reduce_as::<T, Max>(x, axes, |acc, _| T::lower(acc))),
        ReduceOp::Min => with_number!(x.dtype, T => reduce_as::<T, Min>(x, axes, |acc, _| T::lower(acc))),
        // Bools are bytes of 0 and 1; the neutral elements of an empty reduction differ from those of bytes.
        ReduceOp::Any => reduce_as::<u8, Max>(x, axes, |acc, _| acc),
        ReduceOp::All => reduce_as::<u8, Min>(x, axes, |acc, count| if count == 0 { 1 } else { acc }),
    }
}

/// A reduction with its axes sorted into kept and reduced ones.
struct Plan<T> {
    base: Bytes,
    kept: Axes<1>,
    reduced: Axes<1>,
    element: std::marker::PhantomData<T>,
}

fn reduce_as<T: Number, O: Operation<T>>(
    x: In<'_>,
    axes: &[usize],
    finish: impl Fn(T::Acc, usize) -> T + Sync,
) -> Result<Buffer> {
    let split = |wanted: bool| -> (Dims, smallvec::SmallVec<[isize; 6]>) {
        (0..x.layout.rank())
            .filter(|axis| axes.contains(axis) == wanted)
            .map(|axis| (x.layout.shape()[axis], x.layout.strides()[axis]))
            .unzip()
    };
    let ((kept_shape, kept_strides), (shape, strides)) = (split(false), split(true));
    let outputs: usize = kept_shape.iter().product();
    let count: usize = shape.iter().product();
    let mut out = Buffer::alloc(outputs * size_of::<T>())?;
    if outputs == 0 || count == 0 {
        // The loop runs over nothing if there are no outputs either.
        let neutral = finish(O::neutral(), 0);
        typed::<T>(&mut out).fill(neutral);
        return Ok(out);
    }
    let plan = Plan {
        base: Bytes(strided::start(x)),
        kept: strided::coalesce(&kept_shape, [&kept_strides]),
        reduced: strided::coalesce(&shape, [&strides]),
        element: std::marker::PhantomData::<T>,
    };
    let dense_rows =
        count == 1 || (plan.reduced.step() == [1] && (plan.reduced.row() >= 8 || plan.reduced.shape.len() == 1));
    if dense_rows {
        plan.rows::<O>(typed(&mut out), count, finish);
    } else if plan.kept.step() == [1] && plan.kept.row() > 1 {
        plan.columns::<O>(typed(&mut out), count, finish);
    } else {
        let order: Dims = (0..x.layout.rank())
            .filter(|axis| !axes.contains(axis))
            .chain((0..x.layout.rank()).filter(|axis| axes.contains(axis)))
            .collect();
        let permuted = x.layout.permute(&order);
        let copied = copy::to_contiguous(In { layout: &permuted, ..x })?;
        let plan = Plan {
            base: Bytes(copied.as_ptr()),
            kept: strided::coalesce(&[outputs], [&[count as isize]]),
            reduced: strided::coalesce(&[count], [&[1]]),
            element: std::marker::PhantomData::<T>,
        };
        plan.rows::<O>(typed(&mut out), count, finish);
    }
    Ok(out)
}

/// The elements of an own buffer. Bools are written as bytes.
fn typed<T: Number>(buffer: &mut Buffer) -> &mut [T] {
    buffer.as_mut_slice::<T>()
}

impl<T: Number> Plan<T> {
    /// Folds the reduced elements in `range` of the output whose first element lies at `offset`.
    fn fold<O: Operation<T>>(&self, offset: isize, range: std::ops::Range<usize>) -> T::Acc {
        let base = self.base.at(0).cast::<T>();
        let mut acc = O::neutral();
        self.reduced.for_rows(range, |[inner], _, n| {
            // SAFETY: the axes lie within the buffer, as `start` checked, and their inner step is 1.
            let row = unsafe { std::slice::from_raw_parts(base.wrapping_offset(offset + inner), n) };
            acc = O::combine(acc, fold::row::<T, O>(row));
        });
        acc
    }

    /// The reduced elements of an output lie in dense rows.
    fn rows<O: Operation<T>>(&self, out: &mut [T], count: usize, finish: impl Fn(T::Acc, usize) -> T + Sync) {
        let outputs = out.len();
        let [step] = self.kept.step();
        if count <= 2 * PIECE {
            let target = DisjointMut::new(out);
            let dense = self.reduced.shape.len() == 1 && self.kept.shape.len() == 1 && step == count as isize;
            parallel::for_ranges(outputs, (PIECE / count).max(1), |range| {
                if dense && count > 1 {
                    let first = self.base.at(0).cast::<T>().wrapping_add(range.start * count);
                    // SAFETY: rows follow one another from the base, within the buffer as `start` checked;
                    // chunks do not overlap.
                    let (data, target) =
                        unsafe { (std::slice::from_raw_parts(first, range.len() * count), target.range(range)) };
                    fold::rows::<T, O>(data, count, target, &finish);
                    return;
                }
                self.kept.for_rows(range, |[offset], at, n| {
                    // SAFETY: chunks do not overlap.
                    let target = unsafe { target.range(at..at + n) };
                    for (i, to) in target.iter_mut().enumerate() {
                        *to = finish(self.fold::<O>(offset + i as isize * step, 0..count), count);
                    }
                });
            });
            return;
        }
        let pieces = parallel::chunks(count, PIECE);
        let mut partial = vec![O::neutral(); outputs * pieces.count()];
        let target = DisjointMut::new(&mut partial);
        parallel::for_chunks(outputs * pieces.count(), &|job| {
            let (output, piece) = (job / pieces.count(), job % pieces.count());
            let [offset] = self.kept.offset(output);
            // SAFETY: each job has its own element.
            let to = unsafe { target.range(job..job + 1) };
            to[0] = self.fold::<O>(offset, pieces.range(piece));
        });
        for (to, partial) in out.iter_mut().zip(partial.chunks(pieces.count())) {
            *to = finish(partial.iter().fold(O::neutral(), |acc, &x| O::combine(acc, x)), count);
        }
    }

    /// Folds the rows in `range` of the reduced axes for the outputs from `output`, which lie side by side.
    fn fold_columns<O: Operation<T>>(&self, output: usize, range: std::ops::Range<usize>, totals: &mut [T::Acc]) {
        let base = self.base.at(0).cast::<T>();
        let [offset] = self.kept.offset(output);
        let [step] = self.reduced.step();
        totals.fill(O::neutral());
        self.reduced.for_rows(range, |[row], _, n| {
            // SAFETY: the axes lie within the buffer, as `start` checked, and the kept inner step is 1.
            unsafe { fold::columns::<T, O>(base.wrapping_offset(offset + row), step, n, totals) };
        });
    }

    /// The outputs lie side by side: one block of them at a time, over a piece of the rows.
    fn columns<O: Operation<T>>(&self, out: &mut [T], count: usize, finish: impl Fn(T::Acc, usize) -> T + Sync) {
        let width = self.kept.row();
        // Blocks of one size, so that no block is much narrower than the others.
        let block = width.div_ceil(width.div_ceil(COLUMNS)).next_multiple_of(16).min(width);
        let blocks = width.div_ceil(block);
        let jobs = out.len() / width * blocks;
        let columns = |job: usize| {
            let first = (job % blocks) * block;
            let start = job / blocks * width + first;
            start..start + block.min(width - first)
        };
        let pieces = parallel::chunks(count, (PIECE / block).max(64));
        if pieces.count() == 1 {
            let target = DisjointMut::new(out);
            parallel::for_ranges(jobs, (PIECE / (count * block)).max(1), |range| {
                let mut totals = [O::neutral(); COLUMNS];
                for columns in range.map(columns) {
                    let totals = &mut totals[..columns.len()];
                    self.fold_columns::<O>(columns.start, 0..count, totals);
                    // SAFETY: jobs have disjoint columns.
                    for (to, &total) in unsafe { target.range(columns) }.iter_mut().zip(&*totals) {
                        *to = finish(total, count);
                    }
                }
            });
            return;
        }
        let mut partial = vec![O::neutral(); pieces.count() * out.len()];
        let len = out.len();
        let target = DisjointMut::new(&mut partial);
        parallel::for_chunks(jobs * pieces.count(), &|chunk| {
            let (piece, columns) = (chunk / jobs, columns(chunk % jobs));
            // SAFETY: chunks have disjoint places.
            let totals = unsafe { target.range(piece * len + columns.start..piece * len + columns.end) };
            self.fold_columns::<O>(columns.start, pieces.range(piece), totals);
        });
        for (i, to) in out.iter_mut().enumerate() {
            let total = (0..pieces.count()).fold(O::neutral(), |acc, piece| O::combine(acc, partial[piece * len + i]));
            *to = finish(total, count);
        }
    }
}

/// The position of the first extreme element along an axis; NaN counts as extreme.
pub(crate) fn arg_reduce(op: ArgReduceOp, x: In<'_>, axis: usize) -> Result<Buffer> {
    if matches!(x.dtype, DType::F16 | DType::BF16) {
        let wide = elementwise::cast(x, DType::F32)?;
        let layout = Layout::contiguous(x.layout.shape());
        return arg_reduce(op, In { buffer: &wide, layout: &layout, dtype: DType::F32 }, axis);
    }
    let rows = axis_last(x, axis)?;
    let x = rows.view(x);
    with_number!(x.dtype, T => match op {
        ArgReduceOp::Max => arg_rows::<T, Max>(x),
        ArgReduceOp::Min => arg_rows::<T, Min>(x),
    })
}

/// A view whose axis of interest is the last and dense, with the copy it may have needed.
pub(crate) struct Rows {
    layout: Layout,
    copied: Option<Buffer>,
}

impl Rows {
    /// The view to use in place of `x`.
    pub(crate) fn view<'a>(&'a self, x: In<'a>) -> In<'a> {
        In { buffer: self.copied.as_ref().unwrap_or(x.buffer), layout: &self.layout, dtype: x.dtype }
    }
}

/// Moves an axis to the end, copying unless all is row-major then.
pub(crate) fn axis_last(x: In<'_>, axis: usize) -> Result<Rows> {
    let order: Dims = (0..x.layout.rank()).filter(|&other| other != axis).chain([axis]).collect();
    let layout = x.layout.permute(&order);
    if layout.is_contiguous() {
        return Ok(Rows { layout, copied: None });
    }
    let copied = copy::to_contiguous(In { layout: &layout, ..x })?;
    Ok(Rows { layout: Layout::contiguous(layout.shape()), copied: Some(copied) })
}

fn arg_rows<T: Number, O: Operation<T>>(x: In<'_>) -> Result<Buffer> {
    let length = x.layout.shape()[x.layout.rank() - 1];
    let outputs = x.layout.len() / length.max(1);
    let mut out = Buffer::for_elements(DType::I32, outputs)?;
    let base = Bytes(strided::start(x));
    let target = DisjointMut::new(out.as_mut_slice::<i32>());
    parallel::for_ranges(outputs, (PIECE / length.max(1)).max(1), |range| {
        let first = base.at(0).cast::<T>().wrapping_add(range.start * length);
        // SAFETY: the view is row-major with rows of this length, within the buffer; chunks do not overlap.
        let (data, target) = unsafe { (std::slice::from_raw_parts(first, range.len() * length), target.range(range)) };
        fold::find_rows::<T, O>(data, length, target);
    });
    Ok(out)
}

#[cfg(test)]
mod tests;
