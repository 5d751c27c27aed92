//! Comparisons and selection.

use std::marker::PhantomData;

use corten_core::{CompareOp, DType, Result};
use half::{bf16, f16};

use super::{half2, integer::with_int, refuse, run2};
use crate::{
    In,
    memory::Buffer,
    parallel::GRAIN_CHEAP,
    simd::{
        Routine, dispatch,
        map::{Loop2, Map2, loop2, plain2},
    },
    strided,
};

macro_rules! comparisons {
    ($($name:ident $operator:tt;)*) => {$(
        struct $name<T>(PhantomData<T>);
        impl<T: Copy + PartialOrd> Map2 for $name<T> {
            type In = T;
            type Out = bool;
            #[inline(always)]
            fn apply<const FMA: bool>(a: T, b: T) -> bool { a $operator b }
        }
    )*};
}
comparisons! {
    Eq ==;
    Ne !=;
    Lt <;
    Le <=;
}

pub(crate) fn compare(op: CompareOp, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    // Four loops serve six ops.
    let (op, a, b) = match op {
        CompareOp::Gt => (CompareOp::Lt, b, a),
        CompareOp::Ge => (CompareOp::Le, b, a),
        CompareOp::Eq | CompareOp::Ne | CompareOp::Lt | CompareOp::Le => (op, a, b),
    };
    macro_rules! float {
        ($t:ty) => {
            match op {
                CompareOp::Eq => loop2::<Eq<$t>> as Loop2,
                CompareOp::Ne => loop2::<Ne<$t>>,
                CompareOp::Lt | CompareOp::Gt => loop2::<Lt<$t>>,
                CompareOp::Le | CompareOp::Ge => loop2::<Le<$t>>,
            }
        };
    }
    match a.dtype {
        DType::F32 => run2(a, b, 1, GRAIN_CHEAP, float!(f32)),
        DType::F64 => run2(a, b, 1, GRAIN_CHEAP, float!(f64)),
        DType::F16 => half2::<f16>(a, b, true, GRAIN_CHEAP, float!(f32)),
        DType::BF16 => half2::<bf16>(a, b, true, GRAIN_CHEAP, float!(f32)),
        DType::Bool
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::I8
        | DType::I16
        | DType::I32
        | DType::I64 => {
            let kernel: Option<Loop2> = match op {
                CompareOp::Eq => with_int!(a.dtype, T => plain2::<Eq<T>>),
                CompareOp::Ne => with_int!(a.dtype, T => plain2::<Ne<T>>),
                CompareOp::Lt | CompareOp::Gt => with_int!(a.dtype, T => plain2::<Lt<T>>),
                CompareOp::Le | CompareOp::Ge => with_int!(a.dtype, T => plain2::<Le<T>>),
            };
            match kernel {
                Some(kernel) => run2(a, b, 1, GRAIN_CHEAP, kernel),
                None => refuse(op.name(), a.dtype),
            }
        }
    }
}

/// Takes each element from `a` where the condition holds, else from `b`.
pub(crate) fn select(condition: In<'_>, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    match a.dtype.size() {
        1 => select_as::<u8>(condition, a, b),
        2 => select_as::<u16>(condition, a, b),
        4 => select_as::<u32>(condition, a, b),
        _ => select_as::<u64>(condition, a, b),
    }
}

struct Choose<'a, T>(&'a [u8], &'a [T], &'a [T], &'a mut [T]);

impl<T: Copy> Routine for Choose<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (((to, &condition), &a), &b) in self.3.iter_mut().zip(self.0).zip(self.1).zip(self.2) {
            *to = if condition != 0 { a } else { b };
        }
    }
}

fn select_as<T: Copy>(condition: In<'_>, a: In<'_>, b: In<'_>) -> Result<Buffer> {
    strided::map([condition, a, b], size_of::<T>(), GRAIN_CHEAP, &|[condition, a, b], out, n| {
        // SAFETY: `map` gives `n` aligned elements of each.
        unsafe {
            dispatch(Choose(
                std::slice::from_raw_parts(condition, n),
                std::slice::from_raw_parts(a.cast::<T>(), n),
                std::slice::from_raw_parts(b.cast::<T>(), n),
                std::slice::from_raw_parts_mut(out.cast::<T>(), n),
            ));
        }
    })
}
