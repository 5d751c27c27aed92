use corten_core::{BinaryOp, CompareOp, DType, Element, Layout, UnaryOp};
use half::{bf16, f16};

use super::*;

fn one<T: Element, R: Element>(op: UnaryOp, values: &[T]) -> Vec<R> {
    let buffer = Buffer::from_slice(values).unwrap();
    let layout = Layout::contiguous(&[values.len()]);
    unary(op, In { buffer: &buffer, layout: &layout, dtype: T::DTYPE }).unwrap().as_slice::<R>().to_vec()
}

fn two<T: Element>(op: BinaryOp, a: &[T], b: &[T]) -> Vec<T> {
    let buffers = [a, b].map(|values| Buffer::from_slice(values).unwrap());
    let layout = Layout::contiguous(&[a.len()]);
    let [a, b] = [&buffers[0], &buffers[1]].map(|buffer| In { buffer, layout: &layout, dtype: T::DTYPE });
    binary(op, a, b).unwrap().as_slice::<T>().to_vec()
}

fn convert<T: Element, R: Element>(values: &[T]) -> Vec<R> {
    let buffer = Buffer::from_slice(values).unwrap();
    let layout = Layout::contiguous(&[values.len()]);
    cast(In { buffer: &buffer, layout: &layout, dtype: T::DTYPE }, R::DTYPE).unwrap().as_slice::<R>().to_vec()
}

#[test]
fn integers_divide_as_python_does() {
    let (a, b) = ([7, -7, 7, -7, 5, i32::MIN], [2, 2, -2, -2, 0, -1]);
    assert_eq!(two(BinaryOp::FloorDiv, &a, &b), [3, -4, -4, 3, 0, i32::MIN]);
    assert_eq!(two(BinaryOp::Mod, &a, &b), [1, 1, -1, -1, 0, 0]);
    assert_eq!(two(BinaryOp::Fmod, &a, &b), [1, -1, 1, -1, 0, 0]);
    let (a, b) = ([7.0f32, -7.0, 7.0, -7.0, 1.0, -1.0], [2.0f32, 2.0, -2.0, -2.0, 0.0, 0.0]);
    assert_eq!(two(BinaryOp::FloorDiv, &a, &b), [3.0, -4.0, -4.0, 3.0, f32::INFINITY, f32::NEG_INFINITY]);
    assert_eq!(two(BinaryOp::Mod, &a[..4], &b[..4]), [1.0, 1.0, -1.0, -1.0]);
    assert!(two(BinaryOp::Mod, &a, &b)[4].is_nan());
}

#[test]
fn integers_wrap_and_shift() {
    assert_eq!(two(BinaryOp::Add, &[250u8, 1], &[10, 2]), [4, 3]);
    assert_eq!(one::<i8, i8>(UnaryOp::Abs, &[-128, -3, 3]), [-128, 3, 3]);
    assert_eq!(two(BinaryOp::Pow, &[3i64, -1, -1, 2, 2, 0], &[4, -3, -2, -1, 64, 0]), [81, -1, 1, 0, 0, 1]);
    assert_eq!(two(BinaryOp::ShiftLeft, &[1i8, 1, 1], &[3, 8, -1]), [8, 0, 0]);
    assert_eq!(two(BinaryOp::ShiftRight, &[-16i32, -16, 16, 16], &[2, 40, 40, -1]), [-4, -1, 0, 0]);
    assert_eq!(two(BinaryOp::Gcd, &[12i16, -12, 0, 0], &[18, 18, 5, 0]), [6, 6, 5, 0]);
    assert_eq!(two(BinaryOp::Max, &[u64::MAX, 1], &[1, 2]), [u64::MAX, 2]);
    assert_eq!(one::<bool, bool>(UnaryOp::Not, &[true, false]), [false, true]);
    assert_eq!(two(BinaryOp::And, &[true, true], &[true, false]), [true, false]);
}

#[test]
fn nan_wins_and_ties_go_to_even() {
    for op in [BinaryOp::Max, BinaryOp::Min] {
        let out = two(op, &[f32::NAN, 1.0, f32::NAN], &[1.0, f32::NAN, f32::NAN]);
        assert!(out.iter().all(|x| x.is_nan()));
    }
    assert!(one::<f32, f32>(UnaryOp::Relu, &[f32::NAN])[0].is_nan());
    assert_eq!(one::<f32, f32>(UnaryOp::Relu, &[-1.0, 0.0, 2.0]), [0.0, 0.0, 2.0]);
    assert_eq!(one::<f32, f32>(UnaryOp::Round, &[0.5, 1.5, 2.5, -0.5]), [0.0, 2.0, 2.0, -0.0]);
    assert_eq!(one::<f64, bool>(UnaryOp::IsInf, &[f64::NAN, f64::INFINITY]), [false, true]);
    assert_eq!(one::<f32, f32>(UnaryOp::Sign, &[-3.0, -0.0, 9.0]), [-1.0, 0.0, 1.0]);
}

#[test]
fn halves_go_through_float32() {
    let x: Vec<bf16> = (0..1500).map(|i| bf16::from_f32(i as f32 / 100.0)).collect();
    let got = one::<bf16, bf16>(UnaryOp::Exp, &x);
    assert!(got.iter().zip(&x).all(|(y, x)| *y == bf16::from_f32(x.to_f32().exp())));
    let x = [f16::from_f32(1.0), f16::from_f32(65504.0)];
    assert_eq!(two(BinaryOp::Add, &x, &x), [f16::from_f32(2.0), f16::INFINITY]);
    assert_eq!(one::<f16, bool>(UnaryOp::SignBit, &[f16::from_f32(-1.0), f16::ONE]), [true, false]);
}

#[test]
fn large_angles_are_reduced() {
    let x = [1e6f32, 1e10, -3e30, f32::INFINITY];
    for (op, truth) in [(UnaryOp::Sin, f64::sin as fn(f64) -> f64), (UnaryOp::Cos, f64::cos), (UnaryOp::Tan, f64::tan)]
    {
        let got = one::<f32, f32>(op, &x);
        for (y, x) in got.iter().zip(x).take(3) {
            let want = truth(f64::from(x)) as f32;
            assert!((y - want).abs() <= 2e-7 * want.abs(), "{op:?} {x}: {y} {want}");
        }
        assert!(got[3].is_nan());
    }
}

#[test]
fn powers() {
    assert_eq!(two(BinaryOp::Pow, &[2.0f32, 9.0, -8.0], &[10.0, 0.5, 3.0]), [1024.0, 3.0, -512.0]);
    let buffers = [Buffer::from_slice(&[3.0f32, -2.0]).unwrap(), Buffer::from_slice(&[2.0f32]).unwrap()];
    let (plain, constant) = (Layout::contiguous(&[2]), Layout::contiguous(&[1]).expand(&[2]));
    let a = In { buffer: &buffers[0], layout: &plain, dtype: DType::F32 };
    let b = In { buffer: &buffers[1], layout: &constant, dtype: DType::F32 };
    assert_eq!(binary(BinaryOp::Pow, a, b).unwrap().as_slice::<f32>(), [9.0, 4.0]);
}

#[test]
fn comparisons_and_selection() {
    let buffers = [[1.0f32, f32::NAN, 3.0], [2.0, f32::NAN, 3.0]].map(|x| Buffer::from_slice(&x).unwrap());
    let layout = Layout::contiguous(&[3]);
    let [a, b] = [&buffers[0], &buffers[1]].map(|buffer| In { buffer, layout: &layout, dtype: DType::F32 });
    let run = |op| compare(op, a, b).unwrap().as_slice::<bool>().to_vec();
    assert_eq!(run(CompareOp::Eq), [false, false, true]);
    assert_eq!(run(CompareOp::Ne), [true, true, false]);
    assert_eq!(run(CompareOp::Lt), [true, false, false]);
    assert_eq!(run(CompareOp::Ge), [false, false, true]);
    assert_eq!(run(CompareOp::Gt), [false, false, false]);
    let condition = compare(CompareOp::Lt, a, b).unwrap();
    let condition = In { buffer: &condition, layout: &layout, dtype: DType::Bool };
    assert_eq!(select(condition, a, b).unwrap().as_slice::<f32>()[0], 1.0);
}

#[test]
fn casts() {
    assert_eq!(convert::<f32, i32>(&[1.9, -1.9, f32::NAN, 1e20]), [1, -1, 0, i32::MAX]);
    assert_eq!(convert::<f32, i32>(&[-1e20, -2_147_483_648.0, 2_147_483_520.0]), [i32::MIN, i32::MIN, 2_147_483_520]);
    assert_eq!(convert::<i64, u8>(&[257, -1]), [1, 255]);
    assert_eq!(convert::<u64, i16>(&[u64::MAX, 3]), [-1, 3]);
    assert_eq!(convert::<u64, f64>(&[u64::MAX]), [u64::MAX as f64]);
    assert_eq!(convert::<i64, bool>(&[0, i64::MIN, 2]), [false, true, true]);
    assert_eq!(convert::<f64, bool>(&[0.0, f64::NAN, 1e-300]), [false, true, true]);
    assert_eq!(convert::<bool, bf16>(&[true, false]), [bf16::ONE, bf16::ZERO]);
    assert_eq!(convert::<i16, f64>(&[-5]), [-5.0]);
    assert_eq!(convert::<f16, i8>(&[f16::from_f32(-3.5)]), [-3]);
    // One rounding, not two: just above the middle of two float16 values.
    let x = 1.0 + 2f64.powi(-11) + 2f64.powi(-30);
    assert_eq!(convert::<f64, f16>(&[x]), [f16::from_bits(0x3c01)]);
    for from in DType::ALL {
        for to in DType::ALL {
            let buffer = crate::copy::fill(from, 5, corten_core::Scalar::Int(1)).unwrap();
            let layout = Layout::contiguous(&[5]);
            let out = cast(In { buffer: &buffer, layout: &layout, dtype: from }, to).unwrap();
            let want = crate::copy::fill(to, 5, corten_core::Scalar::Int(1)).unwrap();
            assert_eq!(out.as_bytes(), want.as_bytes(), "{from} {to}");
        }
    }
}
