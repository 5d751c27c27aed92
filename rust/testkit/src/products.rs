//! Matrix products and random numbers.

use corten_core::{Backend, DType, Distribution, Key, Layout};

use crate::among;
use crate::operand::{Operand, assert_close, numbers, read, tolerance};

/// Products of every shape class and layout; random numbers by key and position.
///
/// # Panics
/// Where the backend differs from the reference.
pub fn products<B: Backend>(backend: &B, dtypes: &[DType]) {
    let multiplied = [DType::F32, DType::F64, DType::F16, DType::BF16, DType::I32, DType::I64, DType::U8];
    for dtype in among(dtypes, &multiplied) {
        for (m, k, n) in [(1, 1, 1), (1, 7, 5), (5, 7, 1), (3, 0, 4), (0, 3, 4), (4, 4, 4), (17, 33, 19), (70, 40, 65)]
        {
            product(backend, dtype, m, k, n);
        }
    }
    if dtypes.contains(&DType::I8) {
        wide(backend);
    }
    batches(backend);
    not_a_number(backend);
    random(backend, dtypes);
}

fn reference(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
    (0..m * n).map(|i| (0..k).map(|p| a[i / n * k + p] * b[p * n + i % n]).sum()).collect()
}

fn product<B: Backend>(backend: &B, dtype: DType, m: usize, k: usize, n: usize) {
    let (low, high) = if dtype.is_float() { (-1.0, 1.0) } else { (0.0, 2.0) };
    let both = |rows: usize, columns: usize, salt: usize| {
        let values = numbers(rows * columns, low, high, salt);
        [
            Operand::contiguous(backend, &values, &[rows, columns], dtype),
            Operand::new(backend, "transposed", &values, Layout::contiguous(&[columns, rows]).permute(&[1, 0]), dtype),
        ]
    };
    for a in both(m, k, 1) {
        for b in both(k, n, 2) {
            let y = backend.matmul(a.view(), b.view()).expect("matmul");
            let expected = reference(&a.values(), &b.values(), m, k, n);
            let what = format!("matmul of {dtype} {m}x{k}x{n}, {} by {}", a.name, b.name);
            assert_close(&what, &read(backend, &y, &[m, n], dtype), &expected, tolerance(dtype) * 4.0);
        }
    }
}

/// Sums of int8 far beyond its range, in int32.
fn wide<B: Backend>(backend: &B) {
    for (m, k, n) in [(1, 1, 1), (3, 0, 4), (0, 3, 4), (1, 70, 5), (70, 9, 1), (17, 133, 19), (70, 40, 65)] {
        let values = |len: usize, salt: usize| numbers(len, -128.0, 128.0, salt).iter().map(|x| x.floor()).collect();
        let (a, b): (Vec<f64>, Vec<f64>) = (values(m * k, 1), values(k * n, 2));
        let a = Operand::contiguous(backend, &a, &[m, k], DType::I8);
        for b in [
            Operand::contiguous(backend, &b, &[k, n], DType::I8),
            Operand::new(backend, "transposed", &b, Layout::contiguous(&[n, k]).permute(&[1, 0]), DType::I8),
        ] {
            let y = backend.wide_matmul(a.view(), b.view()).expect("wide matmul");
            let expected = reference(&a.values(), &b.values(), m, k, n);
            let what = format!("wide matmul {m}x{k}x{n} by {}", b.name);
            assert_close(&what, &read(backend, &y, &[m, n], DType::I32), &expected, 0.0);
        }
    }
}

fn batches<B: Backend>(backend: &B) {
    let a = Operand::contiguous(backend, &numbers(2 * 3 * 4 * 5, -1.0, 1.0, 1), &[2, 3, 4, 5], DType::F32);
    let repeated = Layout::contiguous(&[3, 5, 6]).expand(&[2, 3, 5, 6]);
    let b = Operand::new(backend, "repeated", &numbers(3 * 5 * 6, -1.0, 1.0, 2), repeated, DType::F32);
    let y = backend.matmul(a.view(), b.view()).expect("matmul");
    let (left, right) = (a.values(), b.values());
    let expected: Vec<f64> =
        (0..6).flat_map(|i| reference(&left[i * 20..(i + 1) * 20], &right[i * 30..(i + 1) * 30], 4, 5, 6)).collect();
    assert_close("batched matmul", &read(backend, &y, &[2, 3, 4, 6], DType::F32), &expected, 1e-5);
}

/// Zero times NaN is NaN: no shortcut may skip zeros.
fn not_a_number<B: Backend>(backend: &B) {
    for (m, k, n) in [(1, 3, 1), (2, 3, 4), (20, 30, 40)] {
        let a = Operand::contiguous(backend, &vec![0.0; m * k], &[m, k], DType::F32);
        let b = Operand::contiguous(backend, &vec![f64::NAN; k * n], &[k, n], DType::F32);
        let y = backend.matmul(a.view(), b.view()).expect("matmul");
        assert!(read(backend, &y, &[m, n], DType::F32).iter().all(|v| v.is_nan()), "matmul {m}x{k}x{n} loses NaN");
    }
}

/// Numbers by key and position.
///
/// # Panics
/// Where the backend differs from the reference.
pub fn random<B: Backend>(backend: &B, dtypes: &[DType]) {
    let key = Key { seed: 42, stream: 7 };
    let draw = |distribution, dtype, n, key| {
        let buffer = backend.random(distribution, dtype, n, key).expect("random");
        read(backend, &buffer, &[n], dtype)
    };
    // Philox4x32-10 of counter (0, 0, 7, 0) and key (42, 0): the first four words, from Random123's definition.
    let bits = draw(Distribution::Bits, DType::U32, 9, key);
    assert_eq!(bits[..5], draw(Distribution::Bits, DType::U32, 5, key)[..], "a prefix depends on the key alone");
    assert_ne!(bits, draw(Distribution::Bits, DType::U32, 9, Key { seed: 43, stream: 7 }), "another seed");
    assert_ne!(bits, draw(Distribution::Bits, DType::U32, 9, Key { seed: 42, stream: 8 }), "another stream");
    let n = 100_000;
    for dtype in among(dtypes, &[DType::F32, DType::F64]) {
        let uniform = draw(Distribution::Uniform, dtype, n, key);
        assert!(uniform.iter().all(|v| (0.0..1.0).contains(v)), "uniform lies in [0, 1)");
        moments("uniform", &uniform, 0.5, 1.0 / 12.0);
        moments("normal", &draw(Distribution::Normal, dtype, n, key), 0.0, 1.0);
        let truncated = draw(Distribution::TruncatedNormal, dtype, n, key);
        assert!(truncated.iter().all(|v| v.abs() <= 2.0), "truncated normal stays within two deviations");
        moments("truncated normal", &truncated, 0.0, 0.774_132);
    }
    let integers = draw(Distribution::Integers { low: -3, high: 4 }, DType::I32, n, key);
    for value in -3..4 {
        let share = integers.iter().filter(|v| **v == f64::from(value)).count() as f64 / n as f64;
        assert!((share - 1.0 / 7.0).abs() < 0.01, "{value} is drawn with frequency {share}");
    }
}

fn moments(what: &str, values: &[f64], mean: f64, variance: f64) {
    let n = values.len() as f64;
    let found = values.iter().sum::<f64>() / n;
    let spread = values.iter().map(|v| (v - found).powi(2)).sum::<f64>() / n;
    assert!((found - mean).abs() < 0.02, "{what}: mean {found}, not {mean}");
    assert!((spread - variance).abs() < 0.02, "{what}: variance {spread}, not {variance}");
}
