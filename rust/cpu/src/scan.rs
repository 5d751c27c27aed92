//! Cumulative reductions along one axis.

use corten_core::{DType, Element, Result, ScanOp, half};

use crate::{In, dense::Dense, memory::Buffer, parallel};

/// Columns one task carries.
const COLUMNS: usize = 64;

/// An element with the type it accumulates in.
trait Cumulative: Element {
    type Sum: Copy + Send;
    fn widen(self) -> Self::Sum;
    fn narrow(sum: Self::Sum) -> Self;
    fn combine(op: ScanOp, sum: Self::Sum, next: Self::Sum) -> Self::Sum;
}

macro_rules! cumulative_integer {
    ($($t:ty),*) => {$(
        impl Cumulative for $t {
            type Sum = $t;
            fn widen(self) -> $t { self }
            fn narrow(sum: $t) -> $t { sum }
            fn combine(op: ScanOp, sum: $t, next: $t) -> $t {
                match op {
                    ScanOp::Sum => sum.wrapping_add(next),
                    ScanOp::Prod => sum.wrapping_mul(next),
                    ScanOp::Max => sum.max(next),
                    ScanOp::Min => sum.min(next),
                }
            }
        }
    )*};
}
cumulative_integer!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! cumulative_float {
    ($($t:ty => $sum:ty, $widen:expr, $narrow:expr);*) => {$(
        impl Cumulative for $t {
            type Sum = $sum;
            fn widen(self) -> $sum { $widen(self) }
            fn narrow(sum: $sum) -> $t { $narrow(sum) }
            fn combine(op: ScanOp, sum: $sum, next: $sum) -> $sum {
                match op {
                    ScanOp::Sum => sum + next,
                    ScanOp::Prod => sum * next,
                    // NaN stays once it came.
                    ScanOp::Max => if sum.is_nan() || sum >= next { sum } else { next },
                    ScanOp::Min => if sum.is_nan() || sum <= next { sum } else { next },
                }
            }
        }
    )*};
}
cumulative_float!(
    f32 => f32, std::convert::identity, std::convert::identity;
    f64 => f64, std::convert::identity, std::convert::identity;
    half::f16 => f32, half::f16::to_f32, half::f16::from_f32;
    half::bf16 => f32, half::bf16::to_f32, half::bf16::from_f32
);

pub(crate) fn scan(op: ScanOp, x: In<'_>, axis: usize, reverse: bool) -> Result<Buffer> {
    match x.dtype {
        DType::Bool | DType::U8 => typed::<u8>(op, x, axis, reverse),
        DType::U16 => typed::<u16>(op, x, axis, reverse),
        DType::U32 => typed::<u32>(op, x, axis, reverse),
        DType::U64 => typed::<u64>(op, x, axis, reverse),
        DType::I8 => typed::<i8>(op, x, axis, reverse),
        DType::I16 => typed::<i16>(op, x, axis, reverse),
        DType::I32 => typed::<i32>(op, x, axis, reverse),
        DType::I64 => typed::<i64>(op, x, axis, reverse),
        DType::BF16 => typed::<half::bf16>(op, x, axis, reverse),
        DType::F16 => typed::<half::f16>(op, x, axis, reverse),
        DType::F32 => typed::<f32>(op, x, axis, reverse),
        DType::F64 => typed::<f64>(op, x, axis, reverse),
    }
}

fn typed<T: Cumulative>(op: ScanOp, x: In<'_>, axis: usize, reverse: bool) -> Result<Buffer> {
    let shape = x.layout.shape();
    let outer: usize = shape[..axis].iter().product();
    let (n, inner): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
    let source = Dense::<T>::new(x)?;
    let source = source.slice();
    let mut out = Buffer::for_elements(x.dtype, source.len())?;
    let target = parallel::DisjointMut::new(&mut out.as_mut_slice::<T>()[..source.len()]);
    let pieces = inner.div_ceil(COLUMNS);
    let lines_per_task = (parallel::GRAIN_DEAR / (n * inner.min(COLUMNS)).max(1)).max(1);
    parallel::for_ranges(outer * pieces, lines_per_task, |range| {
        for task in range {
            let start = task % pieces * COLUMNS;
            let width = COLUMNS.min(inner - start);
            let mut sums: Option<[T::Sum; COLUMNS]> = None;
            for step in 0..n {
                let step = if reverse { n - 1 - step } else { step };
                let at = (task / pieces * n + step) * inner + start;
                let row = &source[at..at + width];
                // SAFETY: a task alone touches its columns of its outer index.
                let to = unsafe { target.range(at..at + width) };
                let mut next = sums.unwrap_or([row[0].widen(); COLUMNS]);
                for ((sum, value), to) in next.iter_mut().zip(row).zip(to) {
                    let value = value.widen();
                    *sum = if sums.is_some() { T::combine(op, *sum, value) } else { value };
                    *to = T::narrow(*sum);
                }
                sums = Some(next);
            }
        }
    });
    Ok(out)
}
