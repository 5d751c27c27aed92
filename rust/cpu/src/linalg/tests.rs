use corten_core::{Key, Layout};

use super::*;

const N: usize = 9;

/// Reproducible entries in (-1, 1).
fn entries(len: usize, stream: u64) -> Vec<f64> {
    (0..len)
        .map(|i| {
            let words = crate::random::words_at(i as u64, Key { seed: 3, stream });
            f64::from(words[0]) / f64::from(u32::MAX) * 2.0 - 1.0
        })
        .collect()
}

struct Matrices {
    buffer: Buffer,
    layout: Layout,
}

fn upload(values: &[f64], shape: &[usize]) -> Matrices {
    let mut buffer = Buffer::alloc(values.len() * 8).expect("memory");
    buffer.as_mut_slice::<f64>()[..values.len()].copy_from_slice(values);
    Matrices { buffer, layout: Layout::contiguous(shape) }
}

impl Matrices {
    fn view(&self) -> In<'_> {
        In { buffer: &self.buffer, layout: &self.layout, dtype: DType::F64 }
    }
}

fn run(op: LinalgOp, inputs: &[&Matrices]) -> Result<Vec<Vec<f64>>> {
    let views: Vec<_> = inputs.iter().map(|x| x.view()).collect();
    Ok(linalg(op, &views)?.iter().map(|buffer| buffer.as_slice::<f64>().to_vec()).collect())
}

fn product(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            out[i * n + j] = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
        }
    }
    out
}

fn transpose(a: &[f64], m: usize, n: usize) -> Vec<f64> {
    (0..n * m).map(|i| a[(i % m) * n + i / m]).collect()
}

#[track_caller]
fn close(a: &[f64], b: &[f64]) {
    assert!(a.len() >= b.len());
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() < 1e-9 * (1.0 + y.abs()), "element {i}: {x} and {y}");
    }
}

fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|i| f64::from(u8::from(i / n == i % n))).collect()
}

#[test]
fn cholesky_reconstructs_and_refuses() {
    let root = entries(N * N, 0);
    let mut a = product(&root, &transpose(&root, N, N), N, N, N);
    for i in 0..N {
        a[i * N + i] += 0.5;
    }
    let l = run(LinalgOp::Cholesky, &[&upload(&a, &[N, N])]).expect("definite").remove(0);
    close(&product(&l, &transpose(&l, N, N), N, N, N), &a);
    let error = run(LinalgOp::Cholesky, &[&upload(&[1.0, 2.0, 2.0, 1.0], &[2, 2])]).expect_err("indefinite");
    assert!(error.to_string().contains("not positive definite"));
}

#[test]
fn qr_reconstructs() {
    for (m, n) in [(7, 4), (4, 7), (5, 5)] {
        let a = entries(m * n, 1);
        for full in [false, true] {
            let k = if full { m } else { m.min(n) };
            let out = run(LinalgOp::Qr { full }, &[&upload(&a, &[m, n])]).expect("qr");
            close(&product(&out[0], &out[1], m, k, n), &a);
            close(&product(&transpose(&out[0], m, k), &out[0], k, m, k), &identity(k));
        }
    }
}

#[test]
fn svd_reconstructs_in_descending_order() {
    for (m, n) in [(7, 4), (4, 7), (5, 5)] {
        let a = entries(m * n, 2);
        let k = m.min(n);
        for full in [false, true] {
            let out = run(LinalgOp::Svd { full }, &[&upload(&a, &[m, n])]).expect("svd");
            let (rows, columns) = if full { (m, n) } else { (k, k) };
            let mut scaled = vec![0.0; m * columns];
            for i in 0..m {
                for j in 0..k {
                    scaled[i * columns + j] = out[0][i * rows + j] * out[1][j];
                }
            }
            close(&product(&scaled, &out[2], m, columns, n), &a);
            assert!(out[1][..k].windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }
}

#[test]
fn eigh_reconstructs() {
    let root = entries(N * N, 4);
    let a: Vec<f64> = root.iter().zip(transpose(&root, N, N)).map(|(x, y)| x + y).collect();
    let out = run(LinalgOp::Eigh, &[&upload(&a, &[N, N])]).expect("eigh");
    let scaled: Vec<f64> = (0..N * N).map(|i| out[1][i] * out[0][i % N]).collect();
    close(&product(&scaled, &transpose(&out[1], N, N), N, N, N), &a);
    assert!(out[0][..N].windows(2).all(|pair| pair[0] <= pair[1]));
}

#[test]
fn solve_inverse_and_determinant_agree() {
    let a = entries(3 * N * N, 5);
    let b = entries(3 * N * 2, 6);
    let (matrices, right) = (upload(&a, &[3, N, N]), upload(&b, &[3, N, 2]));
    let x = run(LinalgOp::Solve, &[&matrices, &right]).expect("regular").remove(0);
    let inverse = run(LinalgOp::Inv, &[&matrices]).expect("regular").remove(0);
    let det = run(LinalgOp::Det, &[&matrices]).expect("det").remove(0);
    let slog = run(LinalgOp::SlogDet, &[&matrices]).expect("slogdet");
    for i in 0..3 {
        let one = &a[i * N * N..(i + 1) * N * N];
        close(&product(one, &x[i * N * 2..(i + 1) * N * 2], N, N, 2), &b[i * N * 2..(i + 1) * N * 2]);
        close(&product(one, &inverse[i * N * N..(i + 1) * N * N], N, N, N), &identity(N));
        close(&[slog[0][i] * slog[1][i].exp()], &[det[i]]);
    }
    close(&run(LinalgOp::Det, &[&upload(&[0.0, 2.0, 3.0, 4.0], &[2, 2])]).expect("det")[0], &[-6.0]);
}

#[test]
fn singular_matrices() {
    for matrix in [[0.0; 4], [1.0, 2.0, 2.0, 4.0], [0.0, 0.0, 1.0, 2.0]] {
        let a = upload(&matrix, &[2, 2]);
        assert!(run(LinalgOp::Inv, &[&a]).expect_err("singular").to_string().contains("singular"));
        assert_eq!(run(LinalgOp::Det, &[&a]).expect("det")[0][0], 0.0, "{matrix:?}");
        let slog = run(LinalgOp::SlogDet, &[&a]).expect("slogdet");
        assert_eq!((slog[0][0], slog[1][0]), (0.0, f64::NEG_INFINITY));
    }
    let zeros = upload(&[0.0; 25], &[5, 5]);
    assert_eq!(run(LinalgOp::Det, &[&zeros]).expect("det")[0][0], 0.0);
}

#[test]
fn triangular_solves() {
    let mut a = entries(N * N, 7);
    for i in 0..N {
        a[i * N + i] += 3.0;
    }
    let b = entries(N * 2, 8);
    for upper in [false, true] {
        for transposed in [false, true] {
            for unit_diagonal in [false, true] {
                let triangle: Vec<f64> = (0..N * N)
                    .map(|at| match ((at / N).cmp(&(at % N)), upper) {
                        (std::cmp::Ordering::Equal, _) if unit_diagonal => 1.0,
                        (std::cmp::Ordering::Less, false) | (std::cmp::Ordering::Greater, true) => 0.0,
                        _ => a[at],
                    })
                    .collect();
                let applied = if transposed { transpose(&triangle, N, N) } else { triangle };
                let op = LinalgOp::SolveTriangular { upper, transposed, unit_diagonal };
                let x = run(op, &[&upload(&a, &[N, N]), &upload(&b, &[N, 2])]).expect("regular").remove(0);
                close(&product(&applied, &x, N, N, 2), &b);
            }
        }
    }
}

#[test]
fn lu_pivots_are_row_exchanges() {
    for (m, n) in [(5, 5), (6, 3), (3, 6)] {
        let a = entries(m * n, 9);
        let k = m.min(n);
        let view = upload(&a, &[m, n]);
        let out = linalg(LinalgOp::LuFactor, &[view.view()]).expect("lu");
        let (lu, pivots) = (out[0].as_slice::<f64>(), out[1].as_slice::<i32>());
        let l: Vec<f64> = (0..m * k)
            .map(|at| match (at / k).cmp(&(at % k)) {
                std::cmp::Ordering::Greater => lu[at / k * n + at % k],
                std::cmp::Ordering::Equal => 1.0,
                std::cmp::Ordering::Less => 0.0,
            })
            .collect();
        let u: Vec<f64> = (0..k * n).map(|at| if at / n <= at % n { lu[at] } else { 0.0 }).collect();
        let mut rows: Vec<Vec<f64>> = a.chunks(n).map(<[f64]>::to_vec).collect();
        for (i, &pivot) in pivots.iter().enumerate() {
            rows.swap(i, pivot as usize);
        }
        close(&product(&l, &u, m, k, n), &rows.concat());
    }
}

#[test]
fn empty_and_transposed_matrices() {
    let empty = upload(&[], &[0, 0]);
    assert_eq!(run(LinalgOp::Det, &[&empty]).expect("det")[0][0], 1.0);
    assert!(run(LinalgOp::Inv, &[&empty]).is_ok());
    let wide = upload(&[], &[3, 0]);
    let q = run(LinalgOp::Qr { full: true }, &[&wide]).expect("qr").remove(0);
    close(&q, &identity(3));
    let mut turned = upload(&[1.0, 2.0, 3.0, 4.0], &[2, 2]);
    turned.layout = turned.layout.permute(&[1, 0]);
    let inverse = run(LinalgOp::Inv, &[&turned]).expect("regular").remove(0);
    close(&inverse, &[-2.0, 1.5, 1.0, -0.5]);
}
