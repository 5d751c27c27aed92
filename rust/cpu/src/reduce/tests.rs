use corten_core::{Element, Range};
use half::{bf16, f16};

use super::*;

fn view<'a>(buffer: &'a Buffer, layout: &'a Layout, dtype: DType) -> In<'a> {
    In { buffer, layout, dtype }
}

/// The elements of a view, as float64, in row-major order.
fn listed<T: Element>(layout: &Layout, data: &[T]) -> Vec<f64> {
    let axes = strided::coalesce(layout.shape(), [layout.strides()]);
    (0..layout.len()).map(|i| data[(layout.offset() as isize + axes.offset(i)[0]) as usize].to_f64()).collect()
}

fn check<T: Element>(layout: &Layout, axes: &[usize], op: ReduceOp, tolerance: f64) {
    let data: Vec<T> = (0..700_000).map(|i| T::from_i64((i * 7919) % 11 - 3)).collect();
    let buffer = Buffer::from_slice(&data).unwrap();
    let got = reduce(op, view(&buffer, layout, T::DTYPE), axes).unwrap();
    let got: Vec<f64> = got.as_slice::<T>().iter().map(|x| x.to_f64()).collect();
    let shape = layout.shape();
    let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
    let mut want = vec![vec![]; kept.iter().map(|&axis| shape[axis]).product()];
    for (mut i, value) in listed(layout, &data).into_iter().enumerate() {
        let mut index = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            index[axis] = i % shape[axis];
            i /= shape[axis];
        }
        want[kept.iter().fold(0, |at, &axis| at * shape[axis] + index[axis])].push(value);
    }
    assert_eq!(got.len(), want.len());
    for (got, values) in got.iter().zip(want) {
        let want = match op {
            ReduceOp::Sum => values.iter().sum(),
            ReduceOp::Mean => values.iter().sum::<f64>() / values.len() as f64,
            ReduceOp::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            ReduceOp::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            ReduceOp::Prod | ReduceOp::Any | ReduceOp::All => unreachable!(),
        };
        assert!((got - want).abs() <= tolerance * want.abs().max(1.0), "{op:?} {layout:?} {axes:?}: {got} {want}");
    }
}

#[test]
fn all_forms_agree_with_plain_sums() {
    let cases: [(Layout, &[usize]); 9] = [
        (Layout::contiguous(&[300_000]), &[0]),
        (Layout::contiguous(&[1000, 67]), &[1]),
        (Layout::contiguous(&[1000, 67]), &[0]),
        (Layout::contiguous(&[9000, 70]), &[0]),
        (Layout::contiguous(&[7, 40, 600]), &[1]),
        (Layout::contiguous(&[7, 40, 30]), &[0, 2]),
        (Layout::contiguous(&[40, 300]).permute(&[1, 0]), &[1]),
        (Layout::contiguous(&[50, 1, 30]).expand(&[50, 20, 30]), &[1]),
        (Layout::contiguous(&[90]).slice(&[Range { start: 89, step: -2, len: 45 }]), &[0]),
    ];
    for (layout, axes) in &cases {
        for op in [ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min] {
            check::<f32>(layout, axes, op, 1e-6);
            check::<f64>(layout, axes, op, 1e-13);
            check::<bf16>(layout, axes, op, 0.01);
            if op != ReduceOp::Mean {
                check::<i32>(layout, axes, op, 0.0);
                check::<i64>(layout, axes, op, 0.0);
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let data: Vec<f32> = (0..1_000_000).map(|i| ((i * 2_654_435_761u64) % 1000) as f32 * 0.001 - 0.3).collect();
    let buffer = Buffer::from_slice(&data).unwrap();
    let before = parallel::num_threads();
    let layouts = [Layout::contiguous(&[1_000_000]), Layout::contiguous(&[10_000, 100])];
    let run = || {
        layouts
            .iter()
            .map(|layout| {
                reduce(ReduceOp::Sum, view(&buffer, layout, DType::F32), &[0]).unwrap().as_slice::<f32>().to_vec()
            })
            .collect::<Vec<_>>()
    };
    parallel::set_num_threads(1);
    let one = run();
    parallel::set_num_threads(2);
    assert_eq!(run(), one);
    parallel::set_num_threads(before);
}

#[test]
fn empty_reductions_give_the_neutral_element() {
    let layout = Layout::contiguous(&[2, 0]);
    let run = |op, dtype| reduce(op, view(&Buffer::alloc(0).unwrap(), &layout, dtype), &[1]).unwrap();
    assert_eq!(run(ReduceOp::Sum, DType::F32).as_slice::<f32>(), [0.0; 2]);
    assert_eq!(run(ReduceOp::Prod, DType::I32).as_slice::<i32>(), [1; 2]);
    assert!(run(ReduceOp::Mean, DType::F64).as_slice::<f64>()[0].is_nan());
    assert_eq!(run(ReduceOp::Any, DType::Bool).as_slice::<bool>(), [false; 2]);
    assert_eq!(run(ReduceOp::All, DType::Bool).as_slice::<bool>(), [true; 2]);
}

#[test]
fn extremes_and_their_places() {
    let mut data: Vec<f32> = (0..100).map(|i| (i % 10) as f32).collect();
    let layout = Layout::contiguous(&[2, 50]);
    let buffer = Buffer::from_slice(&data).unwrap();
    let x = view(&buffer, &layout, DType::F32);
    assert_eq!(arg_reduce(ArgReduceOp::Max, x, 1).unwrap().as_slice::<i32>(), [9, 9]);
    assert_eq!(arg_reduce(ArgReduceOp::Min, x, 0).unwrap().as_slice::<i32>(), [0; 50]);
    data[37] = f32::NAN;
    let buffer = Buffer::from_slice(&data).unwrap();
    let x = view(&buffer, &layout, DType::F32);
    assert_eq!(arg_reduce(ArgReduceOp::Min, x, 1).unwrap().as_slice::<i32>(), [37, 0]);
    let best = reduce(ReduceOp::Max, x, &[1]).unwrap();
    assert!(best.as_slice::<f32>()[0].is_nan() && best.as_slice::<f32>()[1] == 9.0);
    let halves = Buffer::from_slice(&[f16::ONE, f16::from_f32(3.0), f16::from_f32(3.0)]).unwrap();
    let row = Layout::contiguous(&[3]);
    assert_eq!(arg_reduce(ArgReduceOp::Max, view(&halves, &row, DType::F16), 0).unwrap().as_slice::<i32>(), [1]);
    let wide = Buffer::from_slice(&[u64::MAX, 0, 1]).unwrap();
    assert_eq!(arg_reduce(ArgReduceOp::Max, view(&wide, &row, DType::U64), 0).unwrap().as_slice::<i32>(), [0]);
}

#[test]
fn sums_of_integers_wrap_and_bools_combine() {
    let row = Layout::contiguous(&[3]);
    let bytes = Buffer::from_slice(&[200u8, 100, 0]).unwrap();
    assert_eq!(reduce(ReduceOp::Sum, view(&bytes, &row, DType::U8), &[0]).unwrap().as_slice::<u8>(), [44]);
    let bools = Buffer::from_slice(&[false, true, false]).unwrap();
    assert_eq!(reduce(ReduceOp::Any, view(&bools, &row, DType::Bool), &[0]).unwrap().as_slice::<bool>(), [true]);
    assert_eq!(reduce(ReduceOp::All, view(&bools, &row, DType::Bool), &[0]).unwrap().as_slice::<bool>(), [false]);
    assert_eq!(reduce(ReduceOp::Max, view(&bools, &row, DType::Bool), &[0]).unwrap().as_slice::<bool>(), [true]);
}
