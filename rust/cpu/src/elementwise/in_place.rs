//! Elementwise ops whose result takes the place of an operand. The same loops as elsewhere, so the same bits: they read
//! a copy of a short block, as their operands must not overlap the result.

use corten_core::{BinaryOp, DType, Element, Result, UnaryOp};

use super::{float_binary, float_unary, grain_of, refuse};
use crate::{
    In,
    memory::{self, Buffer},
    parallel::{self, DisjointMut},
    simd::map::{Loop1, Loop2},
};

/// Elements copied at a time.
const BLOCK: usize = 1024;

pub(crate) fn unary_in_place(op: UnaryOp, x: &mut Buffer, dtype: DType) -> Result<()> {
    let kept = !op.is_predicate() && !matches!(op, UnaryOp::Polygamma(_));
    if dtype == DType::F32 && kept {
        over::<f32>(x, float_unary::single(op, false), grain_of(op));
    } else if dtype == DType::F64 && kept {
        over::<f64>(x, float_unary::double(op), grain_of(op));
    } else {
        return refuse(op.name(), dtype);
    }
    Ok(())
}

pub(crate) fn binary_in_place(op: BinaryOp, x: &mut Buffer, other: In<'_>, other_is_left: bool) -> Result<()> {
    let grain = float_binary::grain(op);
    let (single, double) = (float_binary::single(op), float_binary::double(op));
    if other.dtype == DType::F32
        && let Some(kernel) = single
    {
        both::<f32>(x, other, other_is_left, kernel, grain);
    } else if other.dtype == DType::F64
        && let Some(kernel) = double
    {
        both::<f64>(x, other, other_is_left, kernel, grain);
    } else {
        return refuse(op.name(), other.dtype);
    }
    Ok(())
}

fn over<T: Element>(x: &mut Buffer, kernel: Loop1, grain: usize) {
    in_blocks(x.as_mut_slice::<T>(), grain, |_, copy, out| {
        // SAFETY: both hold as many elements, and the copy is apart.
        unsafe { kernel(copy.as_ptr().cast(), out.as_mut_ptr().cast(), out.len()) };
    });
}

fn both<T: Element>(x: &mut Buffer, other: In<'_>, other_is_left: bool, kernel: Loop2, grain: usize) {
    let start = other.layout.offset();
    let other = &memory::elements::<T>(other)[start..start + other.layout.len()];
    let x = x.as_mut_slice::<T>();
    assert_eq!(x.len(), other.len(), "operands are of one length");
    in_blocks(x, grain, |at, copy, out| {
        let (copy, other) = (copy.as_ptr().cast(), other[at..at + out.len()].as_ptr().cast());
        let (a, b) = if other_is_left { (other, copy) } else { (copy, other) };
        // SAFETY: all hold as many elements, and none overlaps the result.
        unsafe { kernel(a, b, out.as_mut_ptr().cast(), out.len()) };
    });
}

/// Calls `run` with the place, a copy and the memory of every block.
fn in_blocks<T: Element>(x: &mut [T], grain: usize, run: impl Fn(usize, &[T], &mut [T]) + Sync) {
    let len = x.len();
    let pieces = DisjointMut::new(x);
    parallel::for_ranges(len, grain, |range| {
        // SAFETY: every range has its own elements.
        let piece = unsafe { pieces.range(range.clone()) };
        let mut copy = [T::ZERO; BLOCK];
        for (block, out) in piece.chunks_mut(BLOCK).enumerate() {
            let copy = &mut copy[..out.len()];
            copy.copy_from_slice(out);
            run(range.start + block * BLOCK, copy, out);
        }
    });
}

#[cfg(test)]
mod tests {
    use corten_core::{Layout, View};

    use super::*;
    use crate::elementwise::{binary, unary};

    fn values<T: Element>(len: usize, seed: usize) -> Buffer {
        let value = |i: usize| match (i * 7919 + seed * 104_729) % 1013 {
            0 => f64::NAN,
            1 => f64::INFINITY,
            n => n as f64 / 300.0 - 1.5,
        };
        Buffer::from_slice(&(0..len).map(|i| T::from_f64(value(i))).collect::<Vec<T>>()).expect("memory")
    }

    fn same(what: &str, got: &Buffer, expected: &Buffer) {
        assert!(got.as_bytes() == expected.as_bytes(), "{what}: other bits than with memory of its own");
    }

    fn check<T: Element>() {
        for len in [0, 1, 1023, 1024, 70_001, 200_000] {
            let layout = Layout::contiguous(&[len]);
            let copy = |x: &Buffer| Buffer::from_slice(x.as_slice::<T>()).expect("memory");
            let (x, y) = (values::<T>(len, 1), values::<T>(len, 2));
            let view = |buffer| View { buffer, layout: &layout, dtype: T::DTYPE };
            for op in [UnaryOp::Neg, UnaryOp::Exp, UnaryOp::Tanh, UnaryOp::Relu, UnaryOp::Floor, UnaryOp::GeluTanh] {
                let mut got = copy(&x);
                unary_in_place(op, &mut got, T::DTYPE).expect("floats have it");
                same(op.name(), &got, &unary(op, view(&x)).expect("floats have it"));
            }
            for op in [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div, BinaryOp::Max, BinaryOp::Pow] {
                let (mut left, mut right) = (copy(&x), copy(&y));
                binary_in_place(op, &mut left, view(&y), false).expect("floats have it");
                binary_in_place(op, &mut right, view(&x), true).expect("floats have it");
                let expected = binary(op, view(&x), view(&y)).expect("floats have it");
                same(op.name(), &left, &expected);
                same(op.name(), &right, &expected);
            }
        }
    }

    #[test]
    fn the_same_bits_as_with_memory_of_its_own() {
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn what_has_no_such_form_is_refused() {
        let mut x = values::<f32>(4, 1);
        assert!(unary_in_place(UnaryOp::IsNan, &mut x, DType::F32).is_err());
        assert!(unary_in_place(UnaryOp::Neg, &mut x, DType::I32).is_err());
        let layout = Layout::contiguous(&[4]);
        let other = values::<f32>(4, 2);
        let other = View { buffer: &other, layout: &layout, dtype: DType::F32 };
        assert!(binary_in_place(BinaryOp::Gcd, &mut x, other, false).is_err());
    }
}
