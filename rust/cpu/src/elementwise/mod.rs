//! Elementwise kernels. Each op and type is one loop over contiguous runs; [`crate::strided`] brings
//! operands of any layout into that form. 16-bit floats are computed in float32 blocks.

// Loops take bytes; `map` checks alignment for the dtype whose loop it calls.
#![allow(clippy::cast_ptr_alignment)]

mod cast;
mod compare;
mod float_binary;
mod float_unary;
mod in_place;
mod integer;

pub(crate) use cast::cast;
pub(crate) use compare::{compare, select};
pub(crate) use in_place::{binary_in_place, unary_in_place};

use corten_core::{BinaryOp, DType, Error, Result, UnaryOp};
use half::{bf16, f16};

use crate::{
    In,
    memory::Buffer,
    parallel::{GRAIN_CHEAP, GRAIN_DEAR},
    simd::{
        convert::Half,
        map::{Loop1, Loop2},
        stream::STREAM_FROM,
    },
    strided,
};

/// How many 16-bit elements are computed at a time.
const HALF_BLOCK: usize = 512;

fn refuse<T>(op: &str, dtype: DType) -> Result<T> {
    Err(Error::unsupported(format!("{op}: not defined for {dtype}")))
}

pub(crate) fn unary(op: UnaryOp, x: In<'_>) -> Result<Buffer> {
    if let UnaryOp::Polygamma(order @ 1..) = op {
        return float_unary::polygamma(order, x);
    }
    let out_size = if op.is_predicate() { 1 } else { x.dtype.size() };
    let grain = grain_of(op);
    match x.dtype {
        DType::F32 => run1(x, out_size, grain, float_unary::single(op, x.layout.len() * 4 >= STREAM_FROM)),
        DType::F64 => run1(x, out_size, grain, float_unary::double(op)),
        DType::F16 => half1::<f16>(x, op.is_predicate(), grain, float_unary::single(op, false)),
        DType::BF16 => half1::<bf16>(x, op.is_predicate(), grain, float_unary::single(op, false)),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => match integer::unary(op, x.dtype) {
            Some(kernel) => run1(x, out_size, grain, kernel),
            None => refuse(op.name(), x.dtype),
        },
    }
}

/// How many elements of an op are worth a chunk.
fn grain_of(op: UnaryOp) -> usize {
    if op.is_float_valued() { GRAIN_DEAR } else { GRAIN_CHEAP }
}

pub(crate) fn binary(op: BinaryOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    let grain = float_binary::grain(op);
    match a.dtype {
        DType::F32 => match float_binary::power_by_constant(op, b) {
            Some(same) => unary(same, a),
            None => match float_binary::single(op) {
                Some(kernel) => run2(a, b, 4, grain, kernel),
                None => refuse(op.name(), a.dtype),
            },
        },
        DType::F64 => match float_binary::double(op) {
            Some(kernel) => run2(a, b, 8, grain, kernel),
            None => refuse(op.name(), a.dtype),
        },
        DType::F16 => match float_binary::single(op) {
            Some(kernel) => half2::<f16>(a, b, false, grain, kernel),
            None => refuse(op.name(), a.dtype),
        },
        DType::BF16 => match float_binary::single(op) {
            Some(kernel) => half2::<bf16>(a, b, false, grain, kernel),
            None => refuse(op.name(), a.dtype),
        },
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => match integer::binary(op, a.dtype) {
            Some(kernel) => run2(a, b, a.dtype.size(), grain, kernel),
            None => refuse(op.name(), a.dtype),
        },
    }
}

/// Applies a loop whose operand has the type of `x`.
fn run1(x: In<'_>, out_size: usize, grain: usize, kernel: Loop1) -> Result<Buffer> {
    // SAFETY: `map` gives `n` aligned elements of each side.
    strided::map([x], out_size, grain, &|[x], out, n| unsafe { kernel(x, out, n) })
}

/// Applies a loop whose operands have the type of `a` and `b`.
fn run2(a: In<'_>, b: In<'_>, out_size: usize, grain: usize, kernel: Loop2) -> Result<Buffer> {
    // SAFETY: as in `run1`.
    strided::map([a, b], out_size, grain, &|[a, b], out, n| unsafe { kernel(a, b, out, n) })
}

/// Applies a float32 loop to 16-bit floats; gives 16-bit floats, or bool for a predicate.
fn half1<H: Half>(x: In<'_>, predicate: bool, grain: usize, kernel: Loop1) -> Result<Buffer> {
    strided::map([x], if predicate { 1 } else { 2 }, grain, &|[x], out, n| {
        // SAFETY: `map` gives `n` aligned elements of each side.
        let x = unsafe { std::slice::from_raw_parts(x.cast::<H>(), n) };
        let (mut wide, mut result) = ([0f32; HALF_BLOCK], [0f32; HALF_BLOCK]);
        for (block, x) in x.chunks(HALF_BLOCK).enumerate() {
            let len = x.len();
            H::widen(x, &mut wide[..len]);
            // SAFETY: the blocks hold `len` elements, and `out` has room for all `n`.
            unsafe {
                finish::<H>(out, block * HALF_BLOCK, len, predicate, &mut result, |to| {
                    kernel(wide.as_ptr().cast(), to, len);
                });
            };
        }
    })
}

/// Applies a float32 loop to pairs of 16-bit floats.
fn half2<H: Half>(a: In<'_>, b: In<'_>, predicate: bool, grain: usize, kernel: Loop2) -> Result<Buffer> {
    strided::map([a, b], if predicate { 1 } else { 2 }, grain, &|[a, b], out, n| {
        // SAFETY: `map` gives `n` aligned elements of each side.
        let (a, b) =
            unsafe { (std::slice::from_raw_parts(a.cast::<H>(), n), std::slice::from_raw_parts(b.cast::<H>(), n)) };
        let (mut left, mut right, mut result) = ([0f32; HALF_BLOCK], [0f32; HALF_BLOCK], [0f32; HALF_BLOCK]);
        for (block, (a, b)) in a.chunks(HALF_BLOCK).zip(b.chunks(HALF_BLOCK)).enumerate() {
            let len = a.len();
            H::widen(a, &mut left[..len]);
            H::widen(b, &mut right[..len]);
            // SAFETY: the blocks hold `len` elements, and `out` has room for all `n`.
            unsafe {
                finish::<H>(out, block * HALF_BLOCK, len, predicate, &mut result, |to| {
                    kernel(left.as_ptr().cast(), right.as_ptr().cast(), to, len);
                });
            }
        }
    })
}

/// Runs `compute` on the result's block at `at`: predicates go straight to `out`, floats are narrowed.
///
/// # Safety
/// `out` must have room for the block; `compute` must write `len` elements where it is told.
#[inline]
unsafe fn finish<H: Half>(
    out: *mut u8,
    at: usize,
    len: usize,
    predicate: bool,
    result: &mut [f32; HALF_BLOCK],
    compute: impl FnOnce(*mut u8),
) {
    if predicate {
        // SAFETY: see the function.
        compute(unsafe { out.add(at) });
    } else {
        compute(result.as_mut_ptr().cast());
        // SAFETY: see the function.
        H::narrow(&result[..len], unsafe { std::slice::from_raw_parts_mut(out.cast::<H>().add(at), len) });
    }
}

#[cfg(test)]
mod tests;
