//! Loops that apply one function to every element, compiled for each instruction set.

use std::marker::PhantomData;

use super::{
    Routine, dispatch,
    lanes::{Lanes, WideRoutine, dispatch_wide},
    stream::fence,
};
use crate::math::wide::Function;

/// A function of one element.
pub(crate) trait Map1 {
    type In: Copy;
    type Out: Copy;
    fn apply<const FMA: bool>(x: Self::In) -> Self::Out;
}

/// A function of two elements of one type.
pub(crate) trait Map2 {
    type In: Copy;
    type Out: Copy;
    fn apply<const FMA: bool>(a: Self::In, b: Self::In) -> Self::Out;
}

/// A loop over `n` elements: operands, result, count.
///
/// # Safety
/// `n` elements must be valid at each pointer, which must be aligned; the result overlaps no operand.
pub(crate) type Loop1 = unsafe fn(*const u8, *mut u8, usize);
/// As [`Loop1`] for two operands.
pub(crate) type Loop2 = unsafe fn(*const u8, *const u8, *mut u8, usize);

struct Run1<'a, M: Map1>(&'a [M::In], &'a mut [M::Out]);

impl<M: Map1> Routine for Run1<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (to, &x) in self.1.iter_mut().zip(self.0) {
            *to = M::apply::<FMA>(x);
        }
    }
}

struct Run2<'a, M: Map2>(&'a [M::In], &'a [M::In], &'a mut [M::Out]);

impl<M: Map2> Routine for Run2<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for ((to, &a), &b) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *to = M::apply::<FMA>(a, b);
        }
    }
}

/// The loop of `M` for the instruction set in use.
///
/// # Safety
/// As for [`Loop1`].
pub(crate) unsafe fn loop1<M: Map1>(x: *const u8, out: *mut u8, n: usize) {
    // SAFETY: see the function.
    dispatch(Run1::<M>(unsafe { std::slice::from_raw_parts(x.cast(), n) }, unsafe {
        std::slice::from_raw_parts_mut(out.cast(), n)
    }));
}

/// The loop of `M` for the instruction set in use.
///
/// # Safety
/// As for [`Loop2`].
pub(crate) unsafe fn loop2<M: Map2>(a: *const u8, b: *const u8, out: *mut u8, n: usize) {
    // SAFETY: see the function.
    unsafe {
        dispatch(Run2::<M>(
            std::slice::from_raw_parts(a.cast(), n),
            std::slice::from_raw_parts(b.cast(), n),
            std::slice::from_raw_parts_mut(out.cast(), n),
        ));
    }
}

struct RunWide<'a, F: Function, const STREAM: bool>(&'a [f32], &'a mut [f32], PhantomData<F>);

impl<F: Function, const STREAM: bool> WideRoutine for RunWide<'_, F, STREAM> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let n = self.1.len().min(self.0.len());
        let whole = n - n % L::WIDTH;
        let (x, out) = (self.0.as_ptr(), self.1.as_mut_ptr());
        // SAFETY: the instruction set is there (see the trait); all places are within both slices.
        unsafe {
            if STREAM && out.align_offset(64) == 0 {
                for at in (0..whole).step_by(L::WIDTH) {
                    F::apply(L::load(x.add(at))).stream(out.add(at));
                }
                fence();
            } else {
                for at in (0..whole).step_by(L::WIDTH) {
                    F::apply(L::load(x.add(at))).store(out.add(at));
                }
            }
            if whole < n {
                F::apply(L::load_part(x.add(whole), n - whole)).store_part(out.add(whole), n - whole);
            }
        }
    }
}

/// The loop of `F` over registers, or that of its twin `M` where there are none. `STREAM`: the result is
/// stored past the caches.
///
/// # Safety
/// As for [`Loop1`].
pub(crate) unsafe fn wide1<F: Function, M: Map1<In = f32, Out = f32>, const STREAM: bool>(
    x: *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: see the function.
    let (from, to) =
        unsafe { (std::slice::from_raw_parts(x.cast(), n), std::slice::from_raw_parts_mut(out.cast(), n)) };
    if let Err(RunWide(from, to, _)) = dispatch_wide(RunWide::<F, STREAM>(from, to, PhantomData)) {
        dispatch(Run1::<M>(from, to));
    }
}

/// The loop of `M` compiled for the baseline only: for rare types, to keep the binary small.
///
/// # Safety
/// As for [`Loop1`].
pub(crate) unsafe fn plain1<M: Map1>(x: *const u8, out: *mut u8, n: usize) {
    // SAFETY: see the function.
    Run1::<M>(unsafe { std::slice::from_raw_parts(x.cast(), n) }, unsafe {
        std::slice::from_raw_parts_mut(out.cast(), n)
    })
    .run::<false>();
}

/// The loop of `M` compiled for the baseline only.
///
/// # Safety
/// As for [`Loop2`].
pub(crate) unsafe fn plain2<M: Map2>(a: *const u8, b: *const u8, out: *mut u8, n: usize) {
    // SAFETY: see the function.
    unsafe {
        Run2::<M>(
            std::slice::from_raw_parts(a.cast(), n),
            std::slice::from_raw_parts(b.cast(), n),
            std::slice::from_raw_parts_mut(out.cast(), n),
        )
        .run::<false>();
    }
}
