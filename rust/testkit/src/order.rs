//! Reductions, scans, sorting.

use corten_core::{ArgReduceOp, Backend, DType, ReduceOp, ScanOp};

use crate::among;
use crate::operand::{Operand, assert_close, layouts, read, tolerance};

type Step = (ScanOp, fn(f64, f64) -> f64);

/// Reductions over every choice of axes, scans, sorts, searches.
///
/// # Panics
/// Where the backend differs from the reference.
pub fn order<B: Backend>(backend: &B, dtypes: &[DType]) {
    let ordered = [DType::F32, DType::F64, DType::F16, DType::BF16, DType::I32, DType::I64, DType::U8, DType::U32];
    for dtype in among(dtypes, &ordered) {
        for x in layouts(backend, dtype, 0.0, 3.0, 1) {
            reductions(backend, dtype, &x);
            scans(backend, dtype, &x);
            sorts(backend, dtype, &x);
        }
    }
    long_sums(backend);
    truth(backend);
    nan(backend);
    search(backend);
}

/// The lines of a (3, 4) operand along an axis, and where each element of them lies.
fn lines(values: &[f64], axis: usize) -> Vec<Vec<f64>> {
    if axis == 1 {
        values.chunks(4).map(<[f64]>::to_vec).collect()
    } else {
        (0..4).map(|j| (0..3).map(|i| values[i * 4 + j]).collect()).collect()
    }
}

/// Lines back into row-major order.
fn woven(lines: &[Vec<f64>], axis: usize) -> Vec<f64> {
    if axis == 1 {
        lines.concat()
    } else {
        (0..lines[0].len()).flat_map(|i| lines.iter().map(move |line| line[i])).collect()
    }
}

type Fold = fn(&[f64]) -> f64;

fn reductions<B: Backend>(backend: &B, dtype: DType, x: &Operand<B>) {
    let mut functions: Vec<(ReduceOp, Fold)> = vec![
        (ReduceOp::Sum, |v| v.iter().sum()),
        (ReduceOp::Prod, |v| v.iter().product()),
        (ReduceOp::Max, |v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        (ReduceOp::Min, |v| v.iter().copied().fold(f64::INFINITY, f64::min)),
    ];
    if dtype.is_float() {
        functions.push((ReduceOp::Mean, |v| v.iter().sum::<f64>() / v.len() as f64));
    }
    for (op, fold) in functions {
        let slack = tolerance(dtype) * 4.0;
        for axis in 0..2 {
            let expected: Vec<f64> = lines(&x.values(), axis).iter().map(|line| fold(line)).collect();
            let y = backend.reduce(op, x.view(), &[axis]).expect("reduce");
            let what = format!("{} of {dtype} over axis {axis}, {}", op.name(), x.name);
            assert_close(&what, &read(backend, &y, &[expected.len()], dtype), &expected, slack);
        }
        let total = fold(&x.values());
        if total.abs() < 200.0 {
            let y = backend.reduce(op, x.view(), &[0, 1]).expect("reduce");
            assert_close(
                &format!("{} of all {dtype}, {}", op.name(), x.name),
                &read(backend, &y, &[1], dtype),
                &[total],
                slack,
            );
        }
    }
    for axis in 0..2 {
        let best = |keep: fn(f64, f64) -> bool| -> Vec<f64> {
            lines(&x.values(), axis)
                .iter()
                .map(|line| (1..line.len()).fold(0, |at, i| if keep(line[i], line[at]) { i } else { at }) as f64)
                .collect()
        };
        for (op, expected) in [(ArgReduceOp::Max, best(|a, b| a > b)), (ArgReduceOp::Min, best(|a, b| a < b))] {
            let y = backend.arg_reduce(op, x.view(), axis).expect("arg reduce");
            let what = format!("{} of {dtype} over axis {axis}, {}", op.name(), x.name);
            assert_close(&what, &read(backend, &y, &[expected.len()], DType::I32), &expected, 0.0);
        }
    }
}

fn scans<B: Backend>(backend: &B, dtype: DType, x: &Operand<B>) {
    let functions: [Step; 4] =
        [(ScanOp::Sum, |a, b| a + b), (ScanOp::Prod, |a, b| a * b), (ScanOp::Max, f64::max), (ScanOp::Min, f64::min)];
    for (op, f) in functions {
        for axis in 0..2 {
            for reverse in [false, true] {
                let scanned: Vec<Vec<f64>> = lines(&x.values(), axis)
                    .into_iter()
                    .map(|mut line| {
                        if reverse {
                            line.reverse();
                        }
                        for i in 1..line.len() {
                            line[i] = f(line[i - 1], line[i]);
                        }
                        if reverse {
                            line.reverse();
                        }
                        line
                    })
                    .collect();
                let y = backend.scan(op, x.view(), axis, reverse).expect("scan");
                let what = format!("{} of {dtype} along {axis}, reverse {reverse}, {}", op.name(), x.name);
                assert_close(
                    &what,
                    &read(backend, &y, x.shape(), dtype),
                    &woven(&scanned, axis),
                    tolerance(dtype) * 4.0,
                );
            }
        }
    }
}

fn sorts<B: Backend>(backend: &B, dtype: DType, x: &Operand<B>) {
    for axis in 0..2 {
        for descending in [false, true] {
            let (mut values, mut indices) = (Vec::new(), Vec::new());
            for line in lines(&x.values(), axis) {
                let mut order: Vec<usize> = (0..line.len()).collect();
                order.sort_by(
                    |&i, &j| if descending { line[j].total_cmp(&line[i]) } else { line[i].total_cmp(&line[j]) },
                );
                values.push(order.iter().map(|&i| line[i]).collect::<Vec<_>>());
                indices.push(order.iter().map(|&i| i as f64).collect::<Vec<_>>());
            }
            let (v, i) = backend.sort(x.view(), axis, descending).expect("sort");
            let what = format!("sort of {dtype} along {axis}, descending {descending}, {}", x.name);
            assert_close(&what, &read(backend, &v, x.shape(), dtype), &woven(&values, axis), 0.0);
            assert_close(&what, &read(backend, &i, x.shape(), DType::I32), &woven(&indices, axis), 0.0);
            if axis == 1 && descending {
                let (v, i) = backend.top_k(x.view(), 2).expect("top k");
                let first = |rows: &[Vec<f64>]| rows.iter().flat_map(|row| row[..2].to_vec()).collect::<Vec<_>>();
                assert_close(&format!("top_k: {what}"), &read(backend, &v, &[3, 2], dtype), &first(&values), 0.0);
                assert_close(&format!("top_k: {what}"), &read(backend, &i, &[3, 2], DType::I32), &first(&indices), 0.0);
            }
        }
    }
}

/// Sums of many elements stay accurate, whichever way they lie.
fn long_sums<B: Backend>(backend: &B) {
    let values: Vec<f64> = (0..300_000).map(|i| f64::from(i % 17) * 0.1).collect();
    for (shape, axes) in [
        (vec![300_000], vec![0]),
        (vec![1000, 300], vec![0]),
        (vec![300, 1000], vec![1]),
        (vec![30, 100, 100], vec![0, 2]),
    ] {
        let x = Operand::contiguous(backend, &values, &shape, DType::F32);
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).map(|axis| shape[axis]).collect();
        let n: usize = kept.iter().product();
        let mut expected = vec![0.0; n];
        for (i, value) in x.values().into_iter().enumerate() {
            let (mut rest, mut place, mut scale) = (i, 0, 1);
            for axis in (0..shape.len()).rev() {
                if !axes.contains(&axis) {
                    place += rest % shape[axis] * scale;
                    scale *= shape[axis];
                }
                rest /= shape[axis];
            }
            expected[place] += value;
        }
        let y = backend.reduce(ReduceOp::Sum, x.view(), &axes).expect("sum");
        assert_close(&format!("sum of {shape:?} over {axes:?}"), &read(backend, &y, &[n], DType::F32), &expected, 1e-6);
    }
}

fn truth<B: Backend>(backend: &B) {
    for x in layouts(backend, DType::Bool, -1.0, 1.0, 1) {
        for axis in 0..2 {
            let rows = lines(&x.values(), axis);
            let any: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.contains(&1.0)))).collect();
            let all: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(!row.contains(&0.0)))).collect();
            for (op, expected) in [(ReduceOp::Any, any), (ReduceOp::All, all)] {
                let y = backend.reduce(op, x.view(), &[axis]).expect("reduce");
                assert_close(op.name(), &read(backend, &y, &[expected.len()], DType::Bool), &expected, 0.0);
            }
        }
    }
}

fn nan<B: Backend>(backend: &B) {
    let x = Operand::contiguous(backend, &[1.0, f64::NAN, 3.0, 0.0], &[4], DType::F32);
    for op in [ReduceOp::Sum, ReduceOp::Prod, ReduceOp::Max, ReduceOp::Min, ReduceOp::Mean] {
        let y = backend.reduce(op, x.view(), &[0]).expect("reduce");
        assert!(read(backend, &y, &[1], DType::F32)[0].is_nan(), "{} loses NaN", op.name());
    }
    for op in [ArgReduceOp::Max, ArgReduceOp::Min] {
        let y = backend.arg_reduce(op, x.view(), 0).expect("arg reduce");
        assert_close("the first NaN is extreme", &read(backend, &y, &[1], DType::I32), &[1.0], 0.0);
    }
    let (_, up) = backend.sort(x.view(), 0, false).expect("sort");
    assert_close("NaN sorts last", &read(backend, &up, &[4], DType::I32), &[3.0, 0.0, 2.0, 1.0], 0.0);
    let (_, down) = backend.sort(x.view(), 0, true).expect("sort");
    assert_close("NaN sorts first", &read(backend, &down, &[4], DType::I32), &[1.0, 2.0, 0.0, 3.0], 0.0);
}

fn search<B: Backend>(backend: &B) {
    let sorted = Operand::contiguous(backend, &[1.0, 2.0, 2.0, 5.0], &[4], DType::F32);
    let wanted = Operand::contiguous(backend, &[0.0, 1.0, 2.0, 3.0, 9.0], &[5], DType::F32);
    for (right, expected) in [(false, [0.0, 0.0, 1.0, 3.0, 4.0]), (true, [0.0, 1.0, 3.0, 3.0, 4.0])] {
        let y = backend.search_sorted(sorted.view(), wanted.view(), right).expect("search");
        assert_close("searchsorted", &read(backend, &y, &[5], DType::I32), &expected, 0.0);
    }
}
