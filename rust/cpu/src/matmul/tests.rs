//! Products against a plain float64 reference, over shapes around every edge of the tiling.

use corten_core::{DType, Element, Layout, Range};

use super::*;

/// Small numbers that are neither all alike nor so many that sums lose digits.
fn values(len: usize, seed: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 7919 + seed * 104_729) % 23) as f64 / 8.0 - 1.25).collect()
}

fn buffer<T: Element>(values: &[f64]) -> Buffer {
    let values: Vec<T> = values.iter().map(|&value| T::from_f64(value)).collect();
    Buffer::from_slice(&values).expect("no error")
}

fn read(x: &Buffer, layout: &Layout, dtype: DType) -> Vec<f64> {
    let mut out = Vec::new();
    let mut index = vec![0; layout.rank()];
    for _ in 0..layout.len() {
        let at = layout.offset() as isize
            + index.iter().zip(layout.strides()).map(|(&i, &stride)| i as isize * stride).sum::<isize>();
        out.push(corten_core::with_dtype!(dtype, T => x.as_slice::<T>()[at as usize].to_f64()));
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < layout.shape()[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

fn reference(a: &[f64], b: &[f64], batch: usize, size: Size) -> Vec<f64> {
    let Size { rows, columns, depth } = size;
    let mut out = vec![0.0; batch * rows * columns];
    for n in 0..batch {
        for i in 0..rows {
            for k in 0..depth {
                for j in 0..columns {
                    out[(n * rows + i) * columns + j] +=
                        a[(n * rows + i) * depth + k] * b[(n * depth + k) * columns + j];
                }
            }
        }
    }
    out
}

fn check<T: Element>(a: &Layout, b: &Layout, a_len: usize, b_len: usize, tolerance: f64) {
    let (x, y) = (buffer::<T>(&values(a_len, 1)), buffer::<T>(&values(b_len, 2)));
    let rank = a.rank();
    let size = Size { rows: a.shape()[rank - 2], columns: b.shape()[rank - 1], depth: a.shape()[rank - 1] };
    let batch = a.shape()[..rank - 2].iter().product();
    let expected = reference(&read(&x, a, T::DTYPE), &read(&y, b, T::DTYPE), batch, size);
    let got = matmul(In { buffer: &x, layout: a, dtype: T::DTYPE }, In { buffer: &y, layout: b, dtype: T::DTYPE })
        .expect("no error");
    let got: Vec<f64> = got.as_slice::<T>().iter().map(|value| value.to_f64()).collect();
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let bound = tolerance * (size.depth as f64 + expected.abs());
        assert!((got - expected).abs() <= bound, "{a:?} @ {b:?} at {i}: {got} != {expected}");
    }
}

/// The layouts a matrix of that shape may come in: plain, transposed, every second element, flipped.
fn layouts(rows: usize, columns: usize) -> Vec<(Layout, usize)> {
    let whole = |len: usize, step: isize| Range { start: if step < 0 { len.saturating_sub(1) } else { 0 }, step, len };
    vec![
        (Layout::contiguous(&[rows, columns]), rows * columns),
        (Layout::contiguous(&[columns, rows]).permute(&[1, 0]), rows * columns),
        (
            Layout::contiguous(&[2 * rows, 3 * columns])
                .slice(&[Range { start: 0, step: 2, len: rows }, Range { start: 1, step: 3, len: columns }]),
            6 * rows * columns,
        ),
        (Layout::contiguous(&[rows, columns]).slice(&[whole(rows, -1), whole(columns, -1)]), rows * columns),
    ]
}

#[test]
fn every_edge_of_the_tiling() {
    let sizes = [0, 1, 2, 3, 5, 7, 11, 12, 13, 16, 17, 31, 32, 33, 48, 63, 65, 70];
    for (i, &m) in sizes.iter().enumerate() {
        for (j, &n) in sizes.iter().enumerate() {
            let k = sizes[(i * 5 + j * 3) % sizes.len()];
            let (a, b) = (Layout::contiguous(&[m, k]), Layout::contiguous(&[k, n]));
            check::<f32>(&a, &b, m * k, k * n, 1e-6);
            check::<f64>(&a, &b, m * k, k * n, 1e-14);
        }
    }
}

#[test]
fn any_strides_and_every_dtype() {
    for (m, n, k) in [(1, 40, 33), (37, 1, 65), (5, 6, 7), (29, 35, 41), (64, 50, 330)] {
        for (a, a_len) in layouts(m, k) {
            for (b, b_len) in layouts(k, n) {
                check::<f32>(&a, &b, a_len, b_len, 1e-6);
                check::<f64>(&a, &b, a_len, b_len, 1e-14);
                check::<corten_core::half::f16>(&a, &b, a_len, b_len, 1e-2);
                check::<corten_core::half::bf16>(&a, &b, a_len, b_len, 1e-1);
            }
        }
    }
}

#[test]
fn large_enough_for_every_path() {
    for (m, n, k) in [(300, 70, 700), (9, 32, 5000), (1, 700, 900), (700, 1, 900), (3, 5, 20_000), (250, 5000, 20)] {
        let (a, b) = (Layout::contiguous(&[m, k]), Layout::contiguous(&[k, n]));
        check::<f32>(&a, &b, m * k, k * n, 1e-5);
        let (a, b) = (Layout::contiguous(&[k, m]).permute(&[1, 0]), Layout::contiguous(&[n, k]).permute(&[1, 0]));
        check::<f32>(&a, &b, m * k, k * n, 1e-5);
    }
}

/// One row by a matrix in no cache, which goes by whole rows of memory.
#[test]
fn a_row_by_a_large_matrix() {
    for (n, k) in [(2048, 2049), (2050, 2300), (4200, 1003)] {
        let (a, b) = (Layout::contiguous(&[1, k]), Layout::contiguous(&[k, n]));
        check::<f32>(&a, &b, k, k * n, 1e-6);
        check::<f64>(&a, &b, k, k * n, 1e-14);
    }
}

/// More of the right operand than stays in a cache, for many rows and for few.
#[test]
fn several_passes_and_groups_of_panels() {
    for (m, n, k) in [(203, 1100, 530), (61, 700, 1300)] {
        let plain = |rows, columns| Layout::contiguous(&[rows, columns]);
        let turned = |rows, columns| Layout::contiguous(&[columns, rows]).permute(&[1, 0]);
        for (a, b) in [(plain(m, k), plain(k, n)), (turned(m, k), plain(k, n)), (plain(m, k), turned(k, n))] {
            check::<f32>(&a, &b, m * k, k * n, 1e-5);
        }
    }
}

#[test]
fn batches_share_and_differ() {
    for (batch, m, n, k) in [(7, 3, 4, 5), (40, 20, 30, 16), (3, 90, 80, 70), (12, 1, 8, 64)] {
        let a = Layout::contiguous(&[batch, m, k]);
        let b = Layout::contiguous(&[batch, k, n]);
        check::<f32>(&a, &b, a.len(), b.len(), 1e-6);
        let shared = Layout::contiguous(&[k, n]).expand(&[batch, k, n]);
        check::<f32>(&a, &shared, a.len(), k * n, 1e-6);
        let apart = Layout::contiguous(&[m, batch, k]).permute(&[1, 0, 2]);
        check::<f32>(&apart, &shared, a.len(), k * n, 1e-6);
        let shared = Layout::contiguous(&[m, k]).expand(&[batch, m, k]);
        check::<f64>(&shared, &b, m * k, b.len(), 1e-14);
    }
}

#[test]
fn integers_wrap() {
    let a = buffer::<u8>(&[200.0, 100.0]);
    let b = buffer::<u8>(&[3.0, 2.0]);
    let got = matmul(
        In { buffer: &a, layout: &Layout::contiguous(&[1, 2]), dtype: DType::U8 },
        In { buffer: &b, layout: &Layout::contiguous(&[2, 1]), dtype: DType::U8 },
    )
    .expect("no error");
    assert_eq!(got.as_slice::<u8>(), &[(200u32 * 3 + 200).to_le_bytes()[0]]);
    for (a, a_len) in layouts(60, 40) {
        for (b, b_len) in layouts(40, 50) {
            check::<i64>(&a, &b, a_len, b_len, 0.0);
            check::<i32>(&a, &b, a_len, b_len, 0.0);
        }
    }
}

#[test]
fn bytes_wrap_or_widen() {
    for (m, n, k) in [(60, 50, 40), (3, 70, 9), (1, 40, 64), (2, 2, 0)] {
        for (a, a_len) in layouts(m, k) {
            for (b, b_len) in layouts(k, n) {
                let (x, y) = (vec![-128.0; a_len], vec![-128.0; b_len]);
                let (x, y) = (buffer::<i8>(&x), buffer::<i8>(&y));
                let (left, right) =
                    (In { buffer: &x, layout: &a, dtype: DType::I8 }, In { buffer: &y, layout: &b, dtype: DType::I8 });
                let wide = matmul_i8_i32(left, right).expect("no error");
                assert!(wide.as_slice::<i32>().iter().all(|sum| *sum == (128 * 128 * k) as i32));
                let narrow = matmul(left, right).expect("no error");
                assert!(narrow.as_slice::<i8>().iter().all(|sum| *sum == 0));
                let (x, y) = (values(a_len, 1), values(b_len, 2));
                let scaled = |x: &[f64]| x.iter().map(|x| (x * 8.0).round() + 10.0).collect::<Vec<_>>();
                let (x, y) = (buffer::<u8>(&scaled(&x)), buffer::<u8>(&scaled(&y)));
                let got = matmul(
                    In { buffer: &x, layout: &a, dtype: DType::U8 },
                    In { buffer: &y, layout: &b, dtype: DType::U8 },
                );
                let (x, y) = (read(&x, &a, DType::U8), read(&y, &b, DType::U8));
                let want = reference(&x, &y, 1, Size { rows: m, columns: n, depth: k });
                let got = got.expect("no error");
                assert!(got.as_slice::<u8>().iter().zip(want).all(|(got, want)| f64::from(*got) == want % 256.0));
            }
        }
    }
}

#[test]
fn sixteen_bits_on_every_path() {
    use corten_core::half::{bf16, f16};
    // Few rows, blocks of columns, blocks of rows, deep sums.
    for (m, n, k) in [(7, 300, 1100), (130, 70, 65), (400, 90, 600), (60, 9, 2500), (1100, 64, 2048)] {
        let (a, b) = (Layout::contiguous(&[m, k]), Layout::contiguous(&[k, n]));
        let (a_t, b_t) = (Layout::contiguous(&[k, m]).permute(&[1, 0]), Layout::contiguous(&[n, k]).permute(&[1, 0]));
        for (a, b) in [(&a, &b), (&a_t, &b), (&a, &b_t)] {
            check::<bf16>(a, b, m * k, k * n, 1e-2);
            check::<f16>(a, b, m * k, k * n, 2e-3);
        }
    }
    let a = Layout::contiguous(&[9, 40, 33]);
    let b = Layout::contiguous(&[9, 33, 50]);
    check::<bf16>(&a, &b, a.len(), b.len(), 1e-2);
}

#[test]
fn nan_times_zero_is_nan() {
    for (m, n, k) in [(2, 2, 2), (1, 64, 64), (64, 1, 64), (40, 40, 40)] {
        let mut left = vec![0.0; m * k];
        left[k - 1] = f64::NAN;
        let (a, b) = (buffer::<f32>(&left), buffer::<f32>(&vec![0.0; k * n]));
        let got = matmul(
            In { buffer: &a, layout: &Layout::contiguous(&[m, k]), dtype: DType::F32 },
            In { buffer: &b, layout: &Layout::contiguous(&[k, n]), dtype: DType::F32 },
        )
        .expect("no error");
        let got = got.as_slice::<f32>();
        assert!(got[..n].iter().all(|value| value.is_nan()) && got[n..].iter().all(|value| *value == 0.0));
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let (m, n, k) = (100, 90, 3000);
    let (x, y) = (buffer::<f32>(&values(m * k, 3)), buffer::<f32>(&values(k * n, 4)));
    let (a, b) = (
        Matrix::new(x.as_slice::<f32>(), 0, (m, k as isize), (k, 1)),
        Matrix::new(y.as_slice::<f32>(), 0, (n, 1), (k, n as isize)),
    );
    for (rows, columns, depth) in [(m, n, k), (5, 9, k), (100, 90, 900), (33, 64, 700)] {
        let size = Size { rows, columns, depth };
        let (mut one, mut all) = (vec![0.0f32; rows * columns], vec![0.0f32; rows * columns]);
        gemm(size, &a, &b, &Output::strided(&mut one, columns), false);
        gemm(size, &a, &b, &Output::strided(&mut all, columns), true);
        assert_eq!(one, all);
    }
}

#[test]
fn threads_change_no_bit_of_several_passes() {
    let (m, n, k) = (203, 1100, 1100);
    let (x, y) = (buffer::<f32>(&values(m * k, 3)), buffer::<f32>(&values(k * n, 4)));
    let right = Matrix::new(y.as_slice::<f32>(), 0, (n, 1), (k, n as isize));
    for (item_stride, depth_stride) in [(k, 1), (1, m)] {
        let left = Matrix::new(x.as_slice::<f32>(), 0, (m, item_stride as isize), (k, depth_stride as isize));
        for rows in [m, 97] {
            let size = Size { rows, columns: n, depth: k };
            let (mut one, mut all) = (vec![0.0f32; rows * n], vec![0.0f32; rows * n]);
            gemm(size, &left, &right, &Output::strided(&mut one, n), false);
            gemm(size, &left, &right, &Output::strided(&mut all, n), true);
            assert_eq!(one, all);
        }
    }
}
