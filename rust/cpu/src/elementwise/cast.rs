//! Conversions between element types.
//!
//! Common pairs have one loop. The others go through an intermediate that holds every value of the
//! source exactly: int64 for integers, float64 for floats. Floats become integers by truncation,
//! saturating at the ends of the range (NaN gives 0); integers wrap; not zero is true.

use std::marker::PhantomData;

use corten_core::{DType, Element, Kind, Result};
use half::{bf16, f16};

use crate::{
    In, copy,
    memory::Buffer,
    parallel::GRAIN_CHEAP,
    simd::{
        convert::Half,
        map::{Loop1, Map1, loop1, plain1},
    },
    strided,
};

/// Elements converted at a time on the way through an intermediate.
const BLOCK: usize = 512;

/// A conversion by `as`.
struct Convert<A, B>(PhantomData<(A, B)>);

macro_rules! convert {
    ($($from:ty => $($to:ty),*;)*) => {$($(
        impl Map1 for Convert<$from, $to> {
            type In = $from;
            type Out = $to;
            #[inline(always)]
            fn apply<const FMA: bool>(x: $from) -> $to { x as $to }
        }
    )*)*};
}
convert! {
    u8 => i64, i32, f32;
    u16 => i64;
    u32 => i64, u64;
    u64 => f32, f64, u32;
    i8 => i64;
    i16 => i64;
    i32 => i64, f32;
    i64 => u8, u16, u32, i8, i16, i32, f32, f64;
    f32 => f64, i64, u8;
    f64 => u8, u16, u32, u64, i8, i16, i32, i64, f32;
}

impl Map1 for Convert<f32, i32> {
    type In = f32;
    type Out = i32;
    /// What `as` gives, in a form that becomes vector code.
    #[inline(always)]
    fn apply<const FMA: bool>(x: f32) -> i32 {
        const LIMIT: f32 = 2_147_483_648.0;
        let bounded = if x.abs() < LIMIT { x } else { 0.0 };
        // SAFETY: the value is within the range of int32; NaN and large values became zero.
        let near = unsafe { bounded.to_int_unchecked::<i32>() };
        let high = if x >= LIMIT { i32::MAX } else { near };
        if x <= -LIMIT { i32::MIN } else { high }
    }
}

/// Whether a number is not zero.
struct Truth<T>(PhantomData<T>);
impl<T: Element> Map1 for Truth<T> {
    type In = T;
    type Out = bool;
    #[inline(always)]
    fn apply<const FMA: bool>(x: T) -> bool {
        x != T::ZERO
    }
}

/// A 16-bit float to float64 and back.
struct Wide<T>(PhantomData<T>);
impl<T: Element> Map1 for Wide<T> {
    type In = T;
    type Out = f64;
    #[inline(always)]
    fn apply<const FMA: bool>(x: T) -> f64 {
        x.to_f64()
    }
}
struct Narrow<T>(PhantomData<T>);
impl<T: Half> Map1 for Narrow<T> {
    type In = f64;
    type Out = T;
    #[inline(always)]
    fn apply<const FMA: bool>(x: f64) -> T {
        T::from_wide(x)
    }
}

/// # Safety
/// As for [`Loop1`].
unsafe fn widen<H: Half>(x: *const u8, out: *mut u8, n: usize) {
    // SAFETY: see the function.
    unsafe { H::widen(std::slice::from_raw_parts(x.cast(), n), std::slice::from_raw_parts_mut(out.cast(), n)) };
}

/// # Safety
/// As for [`Loop1`].
unsafe fn narrow<H: Half>(x: *const u8, out: *mut u8, n: usize) {
    // SAFETY: see the function.
    unsafe { H::narrow(std::slice::from_raw_parts(x.cast(), n), std::slice::from_raw_parts_mut(out.cast(), n)) };
}

/// # Safety
/// As for [`Loop1`].
unsafe fn bytes(x: *const u8, out: *mut u8, n: usize) {
    // SAFETY: see the function.
    unsafe { std::ptr::copy_nonoverlapping(x, out, n) };
}

/// # Safety
/// As for [`Loop1`].
unsafe fn words(x: *const u8, out: *mut u8, n: usize) {
    // SAFETY: see the function.
    unsafe { std::ptr::copy_nonoverlapping(x.cast::<u64>(), out.cast::<u64>(), n) };
}

pub(crate) fn cast(x: In<'_>, to: DType) -> Result<Buffer> {
    if x.dtype == to {
        return copy::to_contiguous(x);
    }
    if let Some(kernel) = direct(x.dtype, to) {
        // SAFETY: `map` gives `n` aligned elements of each side.
        return strided::map([x], to.size(), GRAIN_CHEAP, &|[x], out, n| unsafe { kernel(x, out, n) });
    }
    let (first, second) = through(x.dtype, to);
    let (from_size, to_size) = (x.dtype.size(), to.size());
    strided::map([x], to_size, GRAIN_CHEAP / 4, &|[x], out, n| {
        let mut middle = [0u64; BLOCK];
        for at in (0..n).step_by(BLOCK) {
            let len = BLOCK.min(n - at);
            // SAFETY: `map` gives `n` aligned elements of each side; the middle holds any 8-byte block.
            unsafe {
                first(x.add(at * from_size), middle.as_mut_ptr().cast(), len);
                second(middle.as_ptr().cast(), out.add(at * to_size), len);
            }
        }
    })
}

/// The one loop of a common pair.
fn direct(from: DType, to: DType) -> Option<Loop1> {
    use DType::{BF16, Bool, F16, F32, F64, I32, I64, U8, U32, U64};
    Some(match (from, to) {
        (Bool, U8 | DType::I8) | (U8, DType::I8) | (DType::I8, U8) => bytes,
        (U64, I64) | (I64, U64) => words,
        (Bool | U8, I32) => loop1::<Convert<u8, i32>>,
        (Bool | U8, F32) => loop1::<Convert<u8, f32>>,
        (I32, F32) => loop1::<Convert<i32, f32>>,
        (I32, I64) => loop1::<Convert<i32, i64>>,
        (I64, I32) => loop1::<Convert<i64, i32>>,
        (I64, F32) => loop1::<Convert<i64, f32>>,
        (I64, F64) => loop1::<Convert<i64, f64>>,
        (U64, F32) => plain1::<Convert<u64, f32>>,
        (U64, F64) => plain1::<Convert<u64, f64>>,
        (U64, U32) => plain1::<Convert<u64, u32>>,
        (U32, U64) => plain1::<Convert<u32, u64>>,
        (F32, F64) => loop1::<Convert<f32, f64>>,
        (F64, F32) => loop1::<Convert<f64, f32>>,
        (F32, I32) => loop1::<Convert<f32, i32>>,
        (F32, I64) => loop1::<Convert<f32, i64>>,
        (F32, U8) => loop1::<Convert<f32, u8>>,
        (F32, Bool) => loop1::<Truth<f32>>,
        (U8 | DType::I8, Bool) => plain1::<Truth<u8>>,
        (U64 | I64, Bool) => plain1::<Truth<u64>>,
        (F32, F16) => narrow::<f16>,
        (F32, BF16) => narrow::<bf16>,
        (F16, F32) => widen::<f16>,
        (BF16, F32) => widen::<bf16>,
        // Every other pair takes two steps.
        (Bool | U8 | DType::U16 | U32 | U64 | DType::I8 | DType::I16 | I32 | I64 | BF16 | F16 | F32 | F64, _) => {
            return None;
        }
    })
}

/// The two loops of a rare pair: to int64 or float64, and on.
fn through(from: DType, to: DType) -> (Loop1, Loop1) {
    if from.kind() != Kind::Float && to.kind() != Kind::Float {
        return (to_i64(from), from_i64(to));
    }
    (to_f64(from), from_f64(to))
}

fn to_i64(from: DType) -> Loop1 {
    match from {
        DType::Bool | DType::U8 => plain1::<Convert<u8, i64>>,
        DType::U16 => plain1::<Convert<u16, i64>>,
        DType::U32 => plain1::<Convert<u32, i64>>,
        DType::I8 => plain1::<Convert<i8, i64>>,
        DType::I16 => plain1::<Convert<i16, i64>>,
        DType::I32 => plain1::<Convert<i32, i64>>,
        // The bits of uint64: going on to a narrower integer keeps the low ones, as it should.
        DType::U64 | DType::I64 => words,
        DType::BF16 | DType::F16 | DType::F32 | DType::F64 => unreachable!("floats go through float64"),
    }
}

fn from_i64(to: DType) -> Loop1 {
    match to {
        DType::Bool => plain1::<Truth<i64>>,
        DType::U8 => plain1::<Convert<i64, u8>>,
        DType::U16 => plain1::<Convert<i64, u16>>,
        DType::U32 => plain1::<Convert<i64, u32>>,
        DType::I8 => plain1::<Convert<i64, i8>>,
        DType::I16 => plain1::<Convert<i64, i16>>,
        DType::I32 => plain1::<Convert<i64, i32>>,
        DType::U64 | DType::I64 => words,
        DType::BF16 | DType::F16 | DType::F32 | DType::F64 => unreachable!("floats go through float64"),
    }
}

/// Integers beyond 2^53 are rounded here; pairs where that could round twice have their own loop, except
/// to 16-bit floats, whose range or precision makes it immaterial.
fn to_f64(from: DType) -> Loop1 {
    match from {
        DType::Bool | DType::U8 => plain1::<Wide<u8>>,
        DType::U16 => plain1::<Wide<u16>>,
        DType::U32 => plain1::<Wide<u32>>,
        DType::U64 => plain1::<Wide<u64>>,
        DType::I8 => plain1::<Wide<i8>>,
        DType::I16 => plain1::<Wide<i16>>,
        DType::I32 => plain1::<Wide<i32>>,
        DType::I64 => plain1::<Wide<i64>>,
        DType::BF16 => plain1::<Wide<bf16>>,
        DType::F16 => plain1::<Wide<f16>>,
        DType::F32 => loop1::<Convert<f32, f64>>,
        DType::F64 => words,
    }
}

fn from_f64(to: DType) -> Loop1 {
    match to {
        DType::Bool => plain1::<Truth<f64>>,
        DType::U8 => plain1::<Convert<f64, u8>>,
        DType::U16 => plain1::<Convert<f64, u16>>,
        DType::U32 => plain1::<Convert<f64, u32>>,
        DType::U64 => plain1::<Convert<f64, u64>>,
        DType::I8 => plain1::<Convert<f64, i8>>,
        DType::I16 => plain1::<Convert<f64, i16>>,
        DType::I32 => plain1::<Convert<f64, i32>>,
        DType::I64 => plain1::<Convert<f64, i64>>,
        DType::BF16 => plain1::<Narrow<bf16>>,
        DType::F16 => plain1::<Narrow<f16>>,
        DType::F32 => loop1::<Convert<f64, f32>>,
        DType::F64 => words,
    }
}
