//! The GPU's results beside the CPU's: every elementwise function over its range and at its ends, and shapes that
//! take every path of the other kernels.

mod common;

use common::{Twin, floats, optimizer_steps, read, spread, words};
use corten_core::{
    ArgReduceOp, Backend, BinaryOp, DType, Distribution, Key, OptimizerOp, ReduceOp, ScanOp, ScatterMode, UnaryOp,
};
use corten_cpu::Cpu;
use corten_wgpu::Gpu;

const ENDS: [f32; 12] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 1e30, -1e30];

fn close(what: &str, found: &[f32], expected: &[f32], inputs: &[f32], relative: f32, absolute: f32) {
    for (i, (&a, &b)) in found.iter().zip(expected).enumerate() {
        let same = (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= relative * b.abs() + absolute;
        let input = inputs.get(i).copied().unwrap_or(f32::NAN);
        assert!(same, "{what}: element {i} of {input} is {a}, the CPU gives {b}");
    }
}

#[test]
fn unary_functions() {
    let Some(gpu) = common::gpu() else { return };
    let ops = [
        (UnaryOp::Neg, -5.0, 5.0),
        (UnaryOp::Abs, -5.0, 5.0),
        (UnaryOp::Sign, -5.0, 5.0),
        (UnaryOp::Square, -5.0, 5.0),
        (UnaryOp::Sqrt, 0.0, 50.0),
        (UnaryOp::Rsqrt, 0.01, 50.0),
        (UnaryOp::Reciprocal, -5.0, 5.0),
        (UnaryOp::Exp, -90.0, 88.0),
        (UnaryOp::Exp2, -120.0, 127.0),
        (UnaryOp::Expm1, -20.0, 20.0),
        (UnaryOp::Log, 1e-6, 1000.0),
        (UnaryOp::Log2, 1e-6, 1000.0),
        (UnaryOp::Log10, 1e-6, 1000.0),
        (UnaryOp::Log1p, -0.999, 10.0),
        (UnaryOp::Sin, -100.0, 100.0),
        (UnaryOp::Cos, -100.0, 100.0),
        (UnaryOp::Sin, -1e7, 1e7),
        (UnaryOp::Cos, -1e20, 1e20),
        (UnaryOp::Tan, -1.5, 1.5),
        (UnaryOp::Asin, -1.0, 1.0),
        (UnaryOp::Acos, -1.0, 1.0),
        (UnaryOp::Atan, -10.0, 10.0),
        (UnaryOp::Sinh, -30.0, 30.0),
        (UnaryOp::Cosh, -30.0, 30.0),
        (UnaryOp::Tanh, -9.0, 9.0),
        (UnaryOp::Asinh, -30.0, 30.0),
        (UnaryOp::Acosh, 1.0, 30.0),
        (UnaryOp::Atanh, -0.99, 0.99),
        (UnaryOp::Erf, -4.0, 4.0),
        (UnaryOp::Erfc, -4.0, 9.0),
        (UnaryOp::Erfinv, -0.999, 0.999),
        (UnaryOp::Lgamma, 0.1, 30.0),
        (UnaryOp::Polygamma(0), 0.1, 30.0),
        (UnaryOp::Polygamma(1), 0.1, 30.0),
        (UnaryOp::Polygamma(4), 0.5, 30.0),
        (UnaryOp::BesselI0, -30.0, 30.0),
        (UnaryOp::BesselI1, -30.0, 30.0),
        (UnaryOp::Floor, -5.0, 5.0),
        (UnaryOp::Ceil, -5.0, 5.0),
        (UnaryOp::Round, -5.0, 5.0),
        (UnaryOp::Trunc, -5.0, 5.0),
        (UnaryOp::Sigmoid, -30.0, 30.0),
        (UnaryOp::Softplus, -30.0, 30.0),
        (UnaryOp::Relu, -5.0, 5.0),
        (UnaryOp::Silu, -30.0, 30.0),
        (UnaryOp::Gelu, -6.0, 6.0),
        (UnaryOp::GeluTanh, -6.0, 6.0),
        (UnaryOp::IsNan, -5.0, 5.0),
        (UnaryOp::IsInf, -5.0, 5.0),
        (UnaryOp::IsFinite, -5.0, 5.0),
        (UnaryOp::SignBit, -5.0, 5.0),
    ];
    for (op, low, high) in ops {
        let mut values = spread(1500, low, high);
        // Of these the CPU's float64 series and ours end differently at the very ends.
        if !matches!(op, UnaryOp::Polygamma(1..)) {
            values.extend(ENDS);
        }
        let x = Twin::new(&gpu, &values, &[values.len()]);
        let (found, expected) = (gpu.unary(op, x.on_gpu()).expect("gpu"), Cpu.unary(op, x.on_cpu()).expect("cpu"));
        if op.is_predicate() {
            let dtype = DType::Bool;
            assert_eq!(read(&gpu, &found, values.len(), dtype), read(&Cpu, &expected, values.len(), dtype), "{op:?}");
            continue;
        }
        let (found, expected) =
            (read(&gpu, &found, values.len(), DType::F32), read(&Cpu, &expected, values.len(), DType::F32));
        close(op.name(), &floats(&found), &floats(&expected), &values, 4e-6, 6e-7);
    }
}

#[test]
fn binary_functions() {
    let Some(gpu) = common::gpu() else { return };
    for &op in BinaryOp::ALL {
        let mut pairs: Vec<(f32, f32)> =
            spread(1000, -8.0, 8.0).into_iter().zip(spread(1003, -3.0, 5.0).into_iter().skip(3)).collect();
        pairs.extend(ENDS.iter().flat_map(|&a| ENDS.iter().map(move |&b| (a, b))));
        pairs.extend([(1e10, 3.0), (-1e10, 7.0), (5e-3, 30.0), (1.0001, 8e4), (0.999, -4e4), (7.0, 0.1), (1e38, 1e-3)]);
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
        let (x, y) = (Twin::new(&gpu, &a, &[a.len()]), Twin::new(&gpu, &b, &[a.len()]));
        let (found, expected) = (gpu.binary(op, x.on_gpu(), y.on_gpu()), Cpu.binary(op, x.on_cpu(), y.on_cpu()));
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                let (found, expected) =
                    (read(&gpu, &found, a.len(), DType::F32), read(&Cpu, &expected, a.len(), DType::F32));
                for ((a, b), (x, y)) in floats(&found).iter().zip(floats(&expected)).zip(&pairs) {
                    let same = (a.is_nan() && b.is_nan()) || *a == b || (a - b).abs() <= 2e-6 * b.abs() + 1e-6;
                    assert!(same, "{op:?} of {x} and {y} is {a}, the CPU gives {b}");
                }
            }
            (Err(_), Err(_)) => {}
            (found, expected) => panic!("{op:?}: {found:?}, the CPU gives {expected:?}"),
        }
    }
}

#[test]
fn integer_functions() {
    let Some(gpu) = common::gpu() else { return };
    let some = [0, 1, -1, 2, -2, 3, 7, -7, 31, 32, 33, -33, i32::MAX, i32::MIN, 1_000_003];
    let (a, b): (Vec<i32>, Vec<i32>) = some.iter().flat_map(|&a| some.iter().map(move |&b| (a, b))).unzip();
    let unsigned = |values: &[i32]| values.iter().map(|x| x.cast_unsigned()).collect::<Vec<u32>>();
    let n = a.len();
    let signed = (Twin::new(&gpu, &a, &[n]), Twin::new(&gpu, &b, &[n]));
    let unsigned = (Twin::new(&gpu, &unsigned(&a), &[n]), Twin::new(&gpu, &unsigned(&b), &[n]));
    for (x, y) in [signed, unsigned] {
        for &op in BinaryOp::ALL {
            match (gpu.binary(op, x.on_gpu(), y.on_gpu()), Cpu.binary(op, x.on_cpu(), y.on_cpu())) {
                (Ok(found), Ok(expected)) => {
                    let (found, expected) =
                        (words(&read(&gpu, &found, n, x.dtype)), words(&read(&Cpu, &expected, n, x.dtype)));
                    for i in 0..n {
                        assert_eq!(found[i], expected[i], "{op:?} of {} and {} as {}", a[i], b[i], x.dtype);
                    }
                }
                (Err(_), Err(_)) => {}
                (found, expected) => panic!("{op:?} of {}: {found:?}, the CPU gives {expected:?}", x.dtype),
            }
        }
        for op in
            [UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Sign, UnaryOp::Square, UnaryOp::Not, UnaryOp::Relu, UnaryOp::Floor]
        {
            let (found, expected) = (gpu.unary(op, x.on_gpu()).expect("gpu"), Cpu.unary(op, x.on_cpu()).expect("cpu"));
            assert_eq!(read(&gpu, &found, n, x.dtype), read(&Cpu, &expected, n, x.dtype), "{op:?} of {}", x.dtype);
        }
    }
    let values: Vec<f32> = [ENDS.as_slice(), &[2.9, -2.9, 3e9, -3e9, 4e9, 5e9]].concat();
    let x = Twin::new(&gpu, &values, &[values.len()]);
    for to in common::DTYPES {
        let (found, expected) = (gpu.cast(x.on_gpu(), to).expect("gpu"), Cpu.cast(x.on_cpu(), to).expect("cpu"));
        let (found, expected) = (read(&gpu, &found, values.len(), to), read(&Cpu, &expected, values.len(), to));
        assert!(to == DType::F32 || found == expected, "cast to {to}: {found:?} {expected:?}");
    }
}

#[test]
fn reductions() {
    let Some(gpu) = common::gpu() else { return };
    for shape in [vec![7, 5000, 3], vec![40_000], vec![3, 20, 40], vec![2000, 33], vec![2, 3, 4, 5, 6]] {
        let len: usize = shape.iter().product();
        let x = Twin::new(&gpu, &spread(len, -1.0, 2.0), &shape);
        for mask in 1..1 << shape.len() {
            let axes: Vec<usize> = (0..shape.len()).filter(|axis| mask >> axis & 1 == 1).collect();
            let results: usize = (0..shape.len()).filter(|axis| !axes.contains(axis)).map(|axis| shape[axis]).product();
            for op in [ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min] {
                let found = gpu.reduce(op, x.on_gpu(), &axes).expect("gpu");
                let expected = Cpu.reduce(op, x.on_cpu(), &axes).expect("cpu");
                let (found, expected) =
                    (read(&gpu, &found, results, DType::F32), read(&Cpu, &expected, results, DType::F32));
                close(
                    &format!("{} of {shape:?} over {axes:?}", op.name()),
                    &floats(&found),
                    &floats(&expected),
                    &[],
                    3e-6,
                    1e-6,
                );
            }
        }
        for axis in 0..shape.len() {
            for op in [ArgReduceOp::Max, ArgReduceOp::Min] {
                let (found, expected) = (
                    gpu.arg_reduce(op, x.on_gpu(), axis).expect("gpu"),
                    Cpu.arg_reduce(op, x.on_cpu(), axis).expect("cpu"),
                );
                let n = len / shape[axis];
                assert_eq!(
                    read(&gpu, &found, n, DType::I32),
                    read(&Cpu, &expected, n, DType::I32),
                    "{op:?} {shape:?} {axis}"
                );
            }
        }
    }
    let nothing = Twin::new::<f32>(&gpu, &[], &[0, 3]);
    for op in [ReduceOp::Sum, ReduceOp::Prod, ReduceOp::Max, ReduceOp::Mean] {
        let (found, expected) = (
            gpu.reduce(op, nothing.on_gpu(), &[0]).expect("gpu"),
            Cpu.reduce(op, nothing.on_cpu(), &[0]).expect("cpu"),
        );
        let (found, expected) =
            (floats(&read(&gpu, &found, 3, DType::F32)), floats(&read(&Cpu, &expected, 3, DType::F32)));
        close("a reduction of nothing", &found, &expected, &[], 0.0, 0.0);
    }
}

#[test]
fn scans() {
    let Some(gpu) = common::gpu() else { return };
    for (shape, axis) in
        [(vec![3000], 0), (vec![3, 2500], 1), (vec![2, 1500, 5], 1), (vec![1_100_000], 0), (vec![4, 100], 1)]
    {
        let len: usize = shape.iter().product();
        let whole: Vec<i32> = (0..len).map(|i| (i * 7919 % 1013) as i32 - 500).collect();
        let x = Twin::new(&gpu, &whole, &shape);
        for op in [ScanOp::Sum, ScanOp::Max, ScanOp::Prod] {
            for reverse in [false, true] {
                let found = gpu.scan(op, x.on_gpu(), axis, reverse).expect("gpu");
                let expected = Cpu.scan(op, x.on_cpu(), axis, reverse).expect("cpu");
                let same = read(&gpu, &found, len, DType::I32) == read(&Cpu, &expected, len, DType::I32);
                assert!(same, "{} of {shape:?} along {axis}, reverse {reverse}", op.name());
            }
        }
    }
    let x = Twin::new(&gpu, &spread(20_000, -1.0, 1.0), &[20_000]);
    let (found, expected) = (
        gpu.scan(ScanOp::Sum, x.on_gpu(), 0, false).expect("gpu"),
        Cpu.scan(ScanOp::Sum, x.on_cpu(), 0, false).expect("cpu"),
    );
    let (found, expected) = (read(&gpu, &found, 20_000, DType::F32), read(&Cpu, &expected, 20_000, DType::F32));
    close("cumsum", &floats(&found), &floats(&expected), &[], 1e-5, 1e-4);
}

#[test]
fn sorts() {
    let Some(gpu) = common::gpu() else { return };
    for shape in [vec![1], vec![5000], vec![3, 1025], vec![1024, 2], vec![6, 7], vec![2, 3000, 2]] {
        let len: usize = shape.iter().product();
        // Many equal ones: stability shows.
        let mut values: Vec<f32> = (0..len).map(|i| ((i * 7919) % 101) as f32 - 50.0).collect();
        values[len / 2] = f32::NAN;
        values[len - 1] = f32::NEG_INFINITY;
        let x = Twin::new(&gpu, &values, &shape);
        for axis in 0..shape.len() {
            for descending in [false, true] {
                let (v, i) = gpu.sort(x.on_gpu(), axis, descending).expect("gpu");
                let (cv, ci) = Cpu.sort(x.on_cpu(), axis, descending).expect("cpu");
                let what = format!("{shape:?} along {axis}, descending {descending}");
                assert!(read(&gpu, &i, len, DType::I32) == read(&Cpu, &ci, len, DType::I32), "places of {what}");
                assert!(read(&gpu, &v, len, DType::F32) == read(&Cpu, &cv, len, DType::F32), "values of {what}");
            }
        }
        let k = shape.last().copied().unwrap_or(1).min(4);
        let kept = len / shape.last().copied().unwrap_or(1) * k;
        let ((_, i), (_, ci)) = (gpu.top_k(x.on_gpu(), k).expect("gpu"), Cpu.top_k(x.on_cpu(), k).expect("cpu"));
        assert_eq!(read(&gpu, &i, kept, DType::I32), read(&Cpu, &ci, kept, DType::I32), "top {k} of {shape:?}");
    }
}

#[test]
fn scatters_with_many_duplicates() {
    let Some(gpu) = common::gpu() else { return };
    let (rows, width, updates) = (300, 20, 2500);
    let places: Vec<i32> = (0..updates).map(|i| i * i % rows - if i % 2 == 0 { rows } else { 0 }).collect();
    let base = Twin::new(&gpu, &spread(rows as usize * width, -1.0, 1.0), &[rows as usize, width]);
    let new = Twin::new(&gpu, &spread(updates as usize * width, -1.0, 1.0), &[updates as usize, width]);
    let at = Twin::new(&gpu, &places, &[updates as usize]);
    let len = rows as usize * width;
    for &mode in ScatterMode::ALL {
        let found = gpu.scatter(mode, base.on_gpu(), at.on_gpu(), new.on_gpu(), 0).expect("gpu");
        let expected = Cpu.scatter(mode, base.on_cpu(), at.on_cpu(), new.on_cpu(), 0).expect("cpu");
        let (found, expected) = (read(&gpu, &found, len, DType::F32), read(&Cpu, &expected, len, DType::F32));
        // The same additions in the same order: the same bits.
        assert!(found == expected, "scatter {}", mode.name());
    }
    let line = Twin::new(&gpu, &spread(rows as usize, -1.0, 1.0), &[rows as usize]);
    let of_line = Twin::new(&gpu, &spread(updates as usize, -1.0, 1.0), &[updates as usize]);
    let found = gpu.scatter_along(ScatterMode::Add, line.on_gpu(), at.on_gpu(), of_line.on_gpu(), 0).expect("gpu");
    let expected = Cpu.scatter_along(ScatterMode::Add, line.on_cpu(), at.on_cpu(), of_line.on_cpu(), 0).expect("cpu");
    assert!(read(&gpu, &found, rows as usize, DType::F32) == read(&Cpu, &expected, rows as usize, DType::F32));
}

#[test]
fn random_numbers_have_the_cpus_bits() {
    let Some(gpu) = common::gpu() else { return };
    let key = Key { seed: 0x1234_5678_9abc_def0, stream: 0x10_0000_0007 };
    let n = 10_001;
    let cases = [
        (Distribution::Bits, DType::U32),
        (Distribution::Uniform, DType::F32),
        (Distribution::Integers { low: -5, high: 1_000_000_007 }, DType::I32),
        (Distribution::Integers { low: 3, high: 1 << 32 }, DType::U32),
        (Distribution::Integers { low: i64::from(i32::MIN), high: 1 << 31 }, DType::I32),
    ];
    for (distribution, dtype) in cases {
        let found = gpu.random(distribution, dtype, n, key).expect("gpu");
        let expected = Cpu.random(distribution, dtype, n, key).expect("cpu");
        assert!(read(&gpu, &found, n, dtype) == read(&Cpu, &expected, n, dtype), "{distribution:?}");
    }
    for distribution in [Distribution::Normal, Distribution::TruncatedNormal] {
        let found = gpu.random(distribution, DType::F32, n, key).expect("gpu");
        let expected = Cpu.random(distribution, DType::F32, n, key).expect("cpu");
        let (found, expected) = (read(&gpu, &found, n, DType::F32), read(&Cpu, &expected, n, DType::F32));
        close(&format!("{distribution:?}"), &floats(&found), &floats(&expected), &[], 2e-6, 1e-7);
    }
    let alpha = Twin::new(&gpu, &spread(3000, 0.1, 9.0), &[3000]);
    let (found, expected) =
        (gpu.random_gamma(alpha.on_gpu(), key).expect("gpu"), Cpu.random_gamma(alpha.on_cpu(), key).expect("cpu"));
    let (found, expected) =
        (floats(&read(&gpu, &found, 3000, DType::F32)), floats(&read(&Cpu, &expected, 3000, DType::F32)));
    let apart = found.iter().zip(&expected).filter(|(a, b)| (*a - *b).abs() > 1e-4 * b.abs() + 1e-6).count();
    // A draw at the very edge of acceptance may be taken on one side alone.
    assert!(apart <= 2, "{apart} of 3000 gamma samples differ");
}

#[test]
fn optimizers() {
    let Some(gpu) = common::gpu() else { return };
    let check = |op: &dyn Fn(u64) -> OptimizerOp, slots: usize| {
        let (found, expected) = (optimizer_steps(&gpu, op, slots), optimizer_steps(&Cpu, op, slots));
        for (found, expected) in found.iter().zip(&expected) {
            close(op(1).name(), found, expected, &[], 4e-6, 4e-7);
        }
    };
    check(&|_| OptimizerOp::Sgd { momentum: 0.0, nesterov: false }, 0);
    check(&|_| OptimizerOp::Sgd { momentum: 0.9, nesterov: false }, 1);
    check(&|_| OptimizerOp::Sgd { momentum: 0.9, nesterov: true }, 1);
    for (momentum, centered, slots) in [(0.0, false, 1), (0.0, true, 2), (0.9, false, 2), (0.9, true, 3)] {
        check(&|_| OptimizerOp::RmsProp { rho: 0.9, momentum, epsilon: 0.1, centered }, slots);
    }
    check(&|_| OptimizerOp::Adagrad { epsilon: 1e-7 }, 1);
    check(&|_| OptimizerOp::Adadelta { rho: 0.95, epsilon: 1e-7 }, 2);
    for (amsgrad, slots) in [(false, 2), (true, 3)] {
        check(&|step| OptimizerOp::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad, step }, slots);
    }
    check(&|step| OptimizerOp::Adamax { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, step }, 2);
    check(&|step| OptimizerOp::Nadam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, step, u_product: 0.8 }, 2);
    check(&|_| OptimizerOp::Lion { beta_1: 0.9, beta_2: 0.99 }, 1);
}

#[test]
fn results_repeat() {
    let Some(gpu) = common::gpu() else { return };
    let x = Twin::new(&gpu, &spread(100_000, -1.0, 1.0), &[100_000]);
    let sum = |gpu: &Gpu| read(gpu, &gpu.reduce(ReduceOp::Sum, x.on_gpu(), &[0]).expect("sum"), 1, DType::F32);
    assert_eq!(sum(&gpu), sum(&gpu));
}
