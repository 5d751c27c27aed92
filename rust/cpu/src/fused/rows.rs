//! Results made row by row, and the row kernels of float32 over registers. Where there are no registers
//! the generic kernels beside their callers serve: they are the twins.

use std::marker::PhantomData;

use corten_core::{DType, Element};

use crate::{
    math::wide::{self, Function},
    parallel::{self, DisjointMut},
    simd::{
        lanes::{Lanes, WideRoutine, dispatch_wide},
        stream::{STREAM_FROM, copy_past_cache, fence},
    },
};

/// The longest row, in bytes, that is made in the first-level cache before it is stored past it.
const ROW_BYTES: usize = 16 << 10;

/// Calls `row(index, out)` for each row of `len` elements of a result, in tasks of some `grain` elements.
pub(super) fn for_rows<T: Element>(out: &mut [T], len: usize, grain: usize, row: impl Fn(usize, &mut [T]) + Sync) {
    let rows = out.len() / len.max(1);
    let streams = size_of_val(out) >= STREAM_FROM && len * size_of::<T>() <= ROW_BYTES;
    let out = DisjointMut::new(out);
    parallel::for_ranges(rows, (grain / len.max(1)).max(1), |range| {
        let mut made = if streams { vec![T::ZERO; len] } else { Vec::new() };
        for index in range {
            // SAFETY: every row has its own range.
            let out = unsafe { out.range(index * len..(index + 1) * len) };
            if streams {
                row(index, &mut made);
                copy_past_cache(&made, out);
            } else {
                row(index, out);
            }
        }
        if streams {
            fence();
        }
    });
}

/// The slice as float32 if that is its type.
pub(crate) fn singles<T: Element>(x: &[T]) -> Option<&[f32]> {
    // SAFETY: the types are one.
    (T::DTYPE == DType::F32).then(|| unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len()) })
}

/// As [`singles`], for writing.
pub(crate) fn singles_mut<T: Element>(x: &mut [T]) -> Option<&mut [f32]> {
    // SAFETY: the types are one.
    (T::DTYPE == DType::F32).then(|| unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) })
}

// Loops over registers are macros, because a closure is not sure to be inlined into the function that
// has the instruction set.

/// Runs the body for each register of `len` elements from `at`: `n` is `WIDTH`, at the end less.
macro_rules! for_registers {
    ($lanes:ident, $len:expr, |$at:ident, $n:ident| $body:expr) => {{
        let len = $len;
        let mut done = 0;
        while done + $lanes::WIDTH <= len {
            let ($at, $n) = (done, $lanes::WIDTH);
            $body;
            done += $lanes::WIDTH;
        }
        if done < len {
            let ($at, $n) = (done, len - done);
            $body;
        }
    }};
}

/// The sum of the body's registers over `len` elements, in four sums side by side whose order is fixed.
/// Places after `n` must be zero.
macro_rules! sum_of {
    ($lanes:ident, $len:expr, |$at:ident, $n:ident| $body:expr) => {{
        let len = $len;
        let mut sums = [$lanes::splat(0.0); 4];
        let mut done = 0;
        while done + 4 * $lanes::WIDTH <= len {
            for (k, sum) in sums.iter_mut().enumerate() {
                let ($at, $n) = (done + k * $lanes::WIDTH, $lanes::WIDTH);
                *sum = *sum + $body;
            }
            done += 4 * $lanes::WIDTH;
        }
        while done < len {
            let ($at, $n) = (done, $lanes::WIDTH.min(len - done));
            sums[0] = sums[0] + $body;
            done += $n;
        }
        ((sums[0] + sums[2]) + (sums[1] + sums[3])).total()
    }};
}

/// `n` elements of a slice from `at`, zeros after them.
///
/// # Safety
/// The instruction set must be there, and the elements within the slice.
#[inline(always)]
pub(super) unsafe fn load<L: Lanes>(from: &[f32], at: usize, n: usize) -> L {
    debug_assert!(at + n <= from.len());
    // SAFETY: see the function.
    unsafe {
        let from = from.as_ptr().add(at);
        if n == L::WIDTH { L::load(from) } else { L::load_part(from, n) }
    }
}

/// Stores `n` elements at `at`.
///
/// # Safety
/// The elements must be within the slice.
#[inline(always)]
pub(super) unsafe fn store<L: Lanes>(value: L, to: &mut [f32], at: usize, n: usize) {
    debug_assert!(at + n <= to.len());
    // SAFETY: see the function.
    unsafe {
        let to = to.as_mut_ptr().add(at);
        if n == L::WIDTH { value.store(to) } else { value.store_part(to, n) }
    }
}

/// The largest element; NaN is passed over.
///
/// # Safety
/// The instruction set must be there.
#[inline(always)]
pub(super) unsafe fn largest<L: Lanes>(x: &[f32]) -> f32 {
    // SAFETY: all places are within the slice.
    unsafe {
        let mut tops = [L::splat(f32::NEG_INFINITY); 4];
        let group = 4 * L::WIDTH;
        let whole = x.len() - x.len() % group;
        for at in (0..whole).step_by(group) {
            for (k, top) in tops.iter_mut().enumerate() {
                *top = top.at_least(load(x, at + k * L::WIDTH, L::WIDTH));
            }
        }
        let mut at = whole;
        while at + L::WIDTH <= x.len() {
            tops[0] = tops[0].at_least(load(x, at, L::WIDTH));
            at += L::WIDTH;
        }
        let top = tops[0].at_least(tops[2]).at_least(tops[1].at_least(tops[3])).largest();
        x[at..].iter().fold(top, |top, &x| if x > top { x } else { top })
    }
}

/// Zero in the places after `n`.
#[inline(always)]
pub(super) fn first_only<L: Lanes>(value: L, n: usize) -> L {
    if n == L::WIDTH {
        return value;
    }
    let mut lanes = [0.0; 16];
    // SAFETY: the array holds the widest register.
    unsafe {
        value.store_part(lanes.as_mut_ptr(), n);
        L::load(lanes.as_ptr())
    }
}

/// Defines row kernels: `name(arguments) -> bool`, whether there were registers for it. In the body
/// `$lanes` is the register type.
macro_rules! row_kernels {
    ($(
        $(#[$meta:meta])*
        fn $name:ident[$routine:ident]<$lanes:ident>($($argument:ident: $type:ty),* $(,)?) $body:block
    )+) => {$(
        struct $routine<'a>($($type,)* PhantomData<&'a ()>);
        impl<'a> WideRoutine for $routine<'a> {
            type Output = ();
            #[inline(always)]
            unsafe fn run<$lanes: Lanes>(self) {
                let Self($($argument,)* _) = self;
                // SAFETY: the instruction set is there (see the trait), and bodies stay within the slices,
                // whose lengths the function below compares.
                unsafe { $body }
            }
        }
        $(#[$meta])*
        pub(super) fn $name<'a>($($argument: $type),*) -> bool {
            dispatch_wide($routine($($argument,)* PhantomData)).is_ok()
        }
    )+};
}

pub(super) use {for_registers, row_kernels, sum_of};

row_kernels! {
    /// `y (dy - sum(y dy))`
    fn softmax_gradient[SoftmaxGradient]<L>(y: &'a [f32], dy: &'a [f32], out: &'a mut [f32]) {
        assert!(y.len() == out.len() && dy.len() == out.len());
        let dot = L::splat(sum_of!(L, y.len(), |at, n| load::<L>(y, at, n) * load(dy, at, n)));
        for_registers!(L, y.len(), |at, n| store(load::<L>(y, at, n) * (load::<L>(dy, at, n) - dot), out, at, n));
    }

    /// `x` minus the logarithm of the sum of exponentials.
    fn log_softmax[LogSoftmax]<L>(x: &'a [f32], out: &'a mut [f32]) {
        assert_eq!(x.len(), out.len());
        let (top, rest) = log_sum_exp::<L>(x);
        let (top, rest) = (L::splat(top), L::splat(rest));
        for_registers!(L, x.len(), |at, n| store((load::<L>(x, at, n) - top) - rest, out, at, n));
    }

    /// `dy - exp(y) sum(dy)`
    fn log_softmax_gradient[LogSoftmaxGradient]<L>(y: &'a [f32], dy: &'a [f32], out: &'a mut [f32]) {
        assert!(y.len() == out.len() && dy.len() == out.len());
        let total = L::splat(sum_of!(L, dy.len(), |at, n| load::<L>(dy, at, n)));
        for_registers!(L, y.len(), |at, n| {
            store(wide::exp(load::<L>(y, at, n)).mul_from(total, load(dy, at, n)), out, at, n);
        });
    }

    /// `factor exp(x - largest) / sum`
    fn softmax[Softmax]<L>(x: &'a [f32], factor: f32, out: &'a mut [f32]) {
        assert_eq!(x.len(), out.len());
        let top = L::splat(largest::<L>(x));
        let total = sum_of!(L, x.len(), |at, n| {
            let e = wide::exp_below(load::<L>(x, at, n) - top);
            store(e, out, at, n);
            first_only(e, n)
        });
        let factor = L::splat(factor / total);
        for_registers!(L, x.len(), |at, n| store(load::<L>(out, at, n) * factor, out, at, n));
    }

    /// The logarithm of the sum of exponentials: the largest element and the rest.
    fn log_sum_exp_row[LogSumExp]<L>(x: &'a [f32], out: &'a mut (f32, f32)) {
        *out = log_sum_exp::<L>(x);
    }

    /// `(x - mean) / deviation * scale + offset`
    fn normalize[Normalize]<L>(
        x: &'a [f32], epsilon: f32, centered: bool, scale: Option<&'a [f32]>, offset: Option<&'a [f32]>,
        out: &'a mut [f32],
    ) {
        assert!(x.len() == out.len());
        assert!(scale.is_none_or(|scale| scale.len() == x.len()) && offset.is_none_or(|o| o.len() == x.len()));
        let (mean, inverse) = moments::<L>(x, epsilon, centered);
        match (scale, offset) {
            (Some(scale), Some(offset)) => for_registers!(L, x.len(), |at, n| {
                let normal = (load::<L>(x, at, n) - mean) * inverse;
                store(normal.mul_add(load(scale, at, n), load(offset, at, n)), out, at, n);
            }),
            (Some(scale), None) => for_registers!(L, x.len(), |at, n| {
                store(((load::<L>(x, at, n) - mean) * inverse) * load(scale, at, n), out, at, n);
            }),
            (None, Some(offset)) => for_registers!(L, x.len(), |at, n| {
                store((load::<L>(x, at, n) - mean).mul_add(inverse, load(offset, at, n)), out, at, n);
            }),
            (None, None) => for_registers!(L, x.len(), |at, n| {
                store((load::<L>(x, at, n) - mean) * inverse, out, at, n);
            }),
        }
    }

    /// With `n` the normalized row and `g = dy scale`: `(g - mean(g) - n mean(g n)) / deviation`; adds
    /// `dy n` and `dy` to the sums for scale and offset.
    fn normalize_gradient[NormalizeGradient]<L>(
        x: &'a [f32], dy: &'a [f32], epsilon: f32, centered: bool, scale: Option<&'a [f32]>,
        sums: (&'a mut [f32], &'a mut [f32]), out: &'a mut [f32],
    ) {
        let len = x.len();
        let (dscale, doffset) = sums;
        assert!(dy.len() == len && out.len() == len && dscale.len() == len && doffset.len() == len);
        assert!(scale.is_none_or(|scale| scale.len() == len));
        let (mean, inverse) = moments::<L>(x, epsilon, centered);
        let count = 1.0 / len as f32;
        let mut slopes = L::splat(0.0);
        let level = sum_of!(L, len, |at, n| {
            let dy = load::<L>(dy, at, n);
            let normal = (load::<L>(x, at, n) - mean) * inverse;
            store(dy.mul_add(normal, load(dscale, at, n)), dscale, at, n);
            store(dy + load(doffset, at, n), doffset, at, n);
            let g = if let Some(scale) = scale { dy * load(scale, at, n) } else { dy };
            slopes = g.mul_add(normal, slopes);
            g
        });
        let level = L::splat(if centered { level * count } else { 0.0 });
        let slope = L::splat(slopes.total() * count);
        for_registers!(L, len, |at, n| {
            let dy = load::<L>(dy, at, n);
            let normal = (load::<L>(x, at, n) - mean) * inverse;
            let g = if let Some(scale) = scale { dy * load(scale, at, n) } else { dy };
            store(normal.mul_from(slope, g - level) * inverse, out, at, n);
        });
    }
}

/// # Safety
/// The instruction set must be there.
#[inline(always)]
unsafe fn log_sum_exp<L: Lanes>(x: &[f32]) -> (f32, f32) {
    // SAFETY: see the function; all places are within the slice.
    unsafe {
        let top = largest::<L>(x);
        let level = L::splat(top);
        let total = sum_of!(L, x.len(), |at, n| first_only(wide::exp_below(load::<L>(x, at, n) - level), n));
        (top, crate::math::single::log::<true>(total))
    }
}

/// Mean (zero if not `centered`) and one over the deviation.
///
/// # Safety
/// The instruction set must be there.
#[inline(always)]
unsafe fn moments<L: Lanes>(x: &[f32], epsilon: f32, centered: bool) -> (L, L) {
    let count = 1.0 / x.len() as f32;
    // SAFETY: see the function; all places are within the slice.
    unsafe {
        let mean = if centered { sum_of!(L, x.len(), |at, n| load::<L>(x, at, n)) * count } else { 0.0 };
        let mean = L::splat(mean);
        let squares = sum_of!(L, x.len(), |at, n| {
            let distance = load::<L>(x, at, n) - mean;
            first_only(distance * distance, n)
        });
        (mean, L::splat(1.0 / (squares * count + epsilon).sqrt()))
    }
}

struct BiasForward<'a, F>(&'a [f32], &'a [f32], &'a mut [f32], PhantomData<F>);
impl<F: Function> WideRoutine for BiasForward<'_, F> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self(x, bias, out, _) = self;
        assert!(bias.len() == x.len() && out.len() == x.len());
        // SAFETY: the instruction set is there (see the trait); all places are within the slices.
        unsafe {
            for_registers!(L, x.len(), |at, n| {
                store(F::apply(load::<L>(x, at, n) + load(bias, at, n)), out, at, n);
            });
        }
    }
}

/// `out = F(x + bias)`; gives whether there were registers for it.
pub(super) fn with_bias<F: Function>(x: &[f32], bias: &[f32], out: &mut [f32]) -> bool {
    dispatch_wide(BiasForward::<F>(x, bias, out, PhantomData)).is_ok()
}

struct BiasBackward<'a, F>(&'a [f32], &'a [f32], &'a [f32], &'a mut [f32], PhantomData<F>);
impl<F: Function> WideRoutine for BiasBackward<'_, F> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self(x, bias, dy, out, _) = self;
        assert!(bias.len() == x.len() && dy.len() == x.len() && out.len() == x.len());
        // SAFETY: as above.
        unsafe {
            for_registers!(L, x.len(), |at, n| {
                store(F::apply(load::<L>(x, at, n) + load(bias, at, n)) * load(dy, at, n), out, at, n);
            });
        }
    }
}

/// `out = dy F(x + bias)` with F the derivative; gives whether there were registers for it.
pub(super) fn gradient_with_bias<F: Function>(x: &[f32], bias: &[f32], dy: &[f32], out: &mut [f32]) -> bool {
    dispatch_wide(BiasBackward::<F>(x, bias, dy, out, PhantomData)).is_ok()
}
