//! Matrix products and linear algebra.

use corten_core::{Backend, DType, Layout, LinalgOp};

use super::{FLOATS, LENGTHS, Operand, Sweep, tails};
use crate::Cpu;

#[test]
#[ignore = "runs guarded, started by kernels_stay_within_their_operands"]
fn products() {
    let mut sweep = Sweep::new("products");
    for dtype in DType::ALL.into_iter().filter(|dtype| *dtype != DType::Bool) {
        // Integers other than int8 share one kernel.
        let all = dtype.is_float() || dtype == DType::I8 || dtype == DType::I32;
        for n in tails().filter(|n| all || LENGTHS.contains(n)) {
            for [m, k, n] in [[n, 3, 5], [5, n, 3], [3, 5, n], [1, n, 7], [7, n, 1], [1, 7, n], [n, 7, 1], [17, n, 33]]
            {
                product(&mut sweep, dtype, m, k, n);
            }
        }
    }
    // Around the sizes of tiles and panels, where operands are packed.
    for dtype in FLOATS.into_iter().chain([DType::I8]) {
        for m in [47, 48, 49, 129] {
            for k in [63, 64, 65, 260] {
                for n in [31, 32, 33, 97, 129] {
                    product(&mut sweep, dtype, m, k, n);
                }
            }
        }
        for [m, k, n] in
            [[3, 1025, 40], [200, 33, 300], [33, 300, 1027], [1, 700, 1029], [1029, 700, 1], [300, 517, 259]]
        {
            product(&mut sweep, dtype, m, k, n);
        }
    }
    linear_algebra(&mut sweep);
}

/// A matrix in row-major or in column-major order.
fn matrix(dtype: DType, rows: usize, columns: usize, transposed: bool, seed: usize) -> Operand {
    if !transposed {
        return Operand::row_major(dtype, &[rows, columns], seed);
    }
    Operand::new(dtype, rows * columns, Layout::contiguous(&[columns, rows]).permute(&[1, 0]), seed)
}

fn product(sweep: &mut Sweep, dtype: DType, m: usize, k: usize, n: usize) {
    for (left, right) in [(false, false), (true, false), (false, true), (true, true)] {
        let (a, b) = (matrix(dtype, m, k, left, 1), matrix(dtype, k, n, right, 2));
        let what = || format!("product {dtype} {m} {k} {n} {left} {right}");
        sweep.case(what, || Cpu.matmul(a.view(), b.view()));
        if dtype == DType::I8 {
            sweep.case(what, || Cpu.wide_matmul(a.view(), b.view()));
        }
    }
    // Rows with gaps, and one matrix for two.
    if m * k > 0 && LENGTHS.contains(&m.max(k).max(n)) {
        let gaps = (m - 1) * (k + 1) + k;
        let gapped = Layout::new([2, m, k].into_iter().collect(), [0, k as isize + 1, 1].into_iter().collect(), 0);
        let (a, b) = (Operand::new(dtype, gaps, gapped, 1), Operand::row_major(dtype, &[2, k, n], 2));
        sweep.case(|| format!("products {dtype} {m} {k} {n}"), || Cpu.matmul(a.view(), b.view()));
    }
}

fn linear_algebra(sweep: &mut Sweep) {
    for dtype in [DType::F32, DType::F64] {
        for n in tails().filter(|n| *n > 0 && (*n <= 20 || LENGTHS.contains(n))) {
            // The diagonal is large, so that everything has a solution.
            let mut a = Operand::row_major(dtype, &[n, n], 1);
            for i in 0..n {
                for j in 0..n {
                    let value = if i == j { 20.0 * n as f64 } else { (i + j) as f64 % 3.0 };
                    if dtype == DType::F32 {
                        a.buffer.as_mut_slice::<f32>()[i * n + j] = value as f32;
                    } else {
                        a.buffer.as_mut_slice::<f64>()[i * n + j] = value;
                    }
                }
            }
            let b = Operand::row_major(dtype, &[n, 3], 2);
            let one = [
                LinalgOp::Cholesky,
                LinalgOp::Qr { full: true },
                LinalgOp::Qr { full: false },
                LinalgOp::Svd { full: true },
                LinalgOp::Svd { full: false },
                LinalgOp::Eigh,
                LinalgOp::Inv,
                LinalgOp::Det,
                LinalgOp::SlogDet,
                LinalgOp::LuFactor,
            ];
            for op in one {
                sweep.case(|| format!("{op:?} {dtype} {n}"), || Cpu.linalg(op, &[a.view()]));
            }
            let triangular = |upper, transposed| LinalgOp::SolveTriangular { upper, transposed, unit_diagonal: false };
            for op in [LinalgOp::Solve, triangular(false, false), triangular(true, false), triangular(true, true)] {
                sweep.case(|| format!("{op:?} {dtype} {n}"), || Cpu.linalg(op, &[a.view(), b.view()]));
            }
        }
    }
}
