//! LSTM and GRU against loops over samples and steps.

use corten_core::FusedOp;

use super::super::testing::{Case, check};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `row @ matrix` of `len` columns.
fn times(row: &[f64], matrix: &[f64], len: usize) -> Vec<f64> {
    (0..len).map(|j| row.iter().enumerate().map(|(k, x)| x * matrix[k * len + j]).sum()).collect()
}

fn lstm(b: usize, t: usize, f: usize, u: usize, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let [x, w, r, bias, h0, c0] = std::array::from_fn(|i| &inputs[i]);
    let (mut hs, mut cs, mut gates) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..b {
        let (mut h, mut c) = (h0[n * u..(n + 1) * u].to_vec(), c0[n * u..(n + 1) * u].to_vec());
        for s in 0..t {
            let (a, q) = (times(&x[(n * t + s) * f..][..f], w, 4 * u), times(&h, r, 4 * u));
            let z: Vec<f64> = (0..4 * u).map(|j| a[j] + q[j] + bias[j]).collect();
            let act = |j: usize| if j / u == 2 { z[j].tanh() } else { sigmoid(z[j]) };
            let z: Vec<f64> = (0..4 * u).map(act).collect();
            for j in 0..u {
                c[j] = z[u + j] * c[j] + z[j] * z[2 * u + j];
                h[j] = z[3 * u + j] * c[j].tanh();
            }
            hs.extend(&h);
            cs.extend(&c);
            gates.extend(&z);
        }
    }
    vec![hs, cs, gates]
}

fn gru(b: usize, t: usize, f: usize, u: usize, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let [x, w, r, bias, h0] = std::array::from_fn(|i| &inputs[i]);
    let (mut hs, mut gates, mut terms) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..b {
        let mut h = h0[n * u..(n + 1) * u].to_vec();
        for s in 0..t {
            let (a, q) = (times(&x[(n * t + s) * f..][..f], w, 3 * u), times(&h, r, 3 * u));
            let a: Vec<f64> = (0..3 * u).map(|j| a[j] + bias[j]).collect();
            let q: Vec<f64> = (0..3 * u).map(|j| q[j] + bias[3 * u + j]).collect();
            let (mut zs, mut rs, mut candidates) = (Vec::new(), Vec::new(), Vec::new());
            for j in 0..u {
                let (z, reset) = (sigmoid(a[j] + q[j]), sigmoid(a[u + j] + q[u + j]));
                let candidate = (a[2 * u + j] + reset * q[2 * u + j]).tanh();
                h[j] = z * h[j] + (1.0 - z) * candidate;
                zs.push(z);
                rs.push(reset);
                candidates.push(candidate);
            }
            hs.extend(&h);
            gates.extend(zs.into_iter().chain(rs).chain(candidates));
            terms.extend(&q[2 * u..]);
        }
    }
    vec![hs, gates, terms]
}

#[test]
fn lstm_with_gradients_of_hidden_and_cell_states() {
    for (b, t, f, u) in [(3, 4, 2, 5), (1, 2, 3, 17), (9, 1, 1, 2)] {
        for graded in [vec![true, true, false], vec![true, false, false], vec![false, true, false]] {
            let mut case = Case::new(&[&[b, t, f], &[f, 4 * u], &[u, 4 * u], &[4 * u], &[b, u], &[b, u]]);
            case.graded = graded;
            check(&FusedOp::Lstm, &case, |inputs| lstm(b, t, f, u, inputs));
        }
    }
}

#[test]
fn gru_with_reset_after_the_product() {
    for (b, t, f, u) in [(3, 4, 2, 5), (1, 2, 3, 17), (9, 1, 1, 2)] {
        let mut case = Case::new(&[&[b, t, f], &[f, 3 * u], &[u, 3 * u], &[2, 3 * u], &[b, u]]);
        case.graded = vec![true, false, false];
        check(&FusedOp::Gru, &case, |inputs| gru(b, t, f, u, inputs));
    }
}
