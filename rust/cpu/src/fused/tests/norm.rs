//! Normalizations against plain float64 ones.

use corten_core::FusedOp;

use super::super::testing::{Case, check};

/// Normalizes the elements of each index set; then scale and offset by channel.
fn normalize(x: &[f64], sets: &[Vec<usize>], epsilon: f64, centered: bool) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut out = vec![0.0; x.len()];
    let (mut means, mut variances) = (Vec::new(), Vec::new());
    for set in sets {
        let count = set.len() as f64;
        let mean = if centered { set.iter().map(|&i| x[i]).sum::<f64>() / count } else { 0.0 };
        let variance = set.iter().map(|&i| (x[i] - mean).powi(2)).sum::<f64>() / count;
        for &i in set {
            out[i] = (x[i] - mean) / (variance + epsilon).sqrt();
        }
        means.push(mean);
        variances.push(variance);
    }
    (out, means, variances)
}

fn affine(mut x: Vec<f64>, scale: &[f64], offset: Option<&[f64]>) -> Vec<f64> {
    let len = scale.len();
    for (i, x) in x.iter_mut().enumerate() {
        *x = *x * scale[i % len] + offset.map_or(0.0, |offset| offset[i % len]);
    }
    x
}

const EPSILON: f64 = 1e-2;

#[test]
fn layer_and_root_mean_square() {
    for len in [2, 6, 35, 70] {
        let sets: Vec<Vec<usize>> = (0..6).map(|row| (row * len..(row + 1) * len).collect()).collect();
        let op = FusedOp::LayerNorm { axes: 1, epsilon: EPSILON, scale: true, offset: true };
        check(&op, &Case::new(&[&[2, 3, len], &[len], &[len]]), |inputs| {
            vec![affine(normalize(&inputs[0], &sets, EPSILON, true).0, &inputs[1], Some(&inputs[2]))]
        });
        let op = FusedOp::RmsNorm { axes: 1, epsilon: EPSILON, scale: true };
        check(&op, &Case::new(&[&[2, 3, len], &[len]]), |inputs| {
            vec![affine(normalize(&inputs[0], &sets, EPSILON, false).0, &inputs[1], None)]
        });
        let op = FusedOp::LayerNorm { axes: 1, epsilon: EPSILON, scale: false, offset: false };
        check(&op, &Case::new(&[&[2, 3, len]]), |inputs| vec![normalize(&inputs[0], &sets, EPSILON, true).0]);
    }
}

#[test]
fn batch_with_gradients_through_the_statistics() {
    let len = 5;
    let sets: Vec<Vec<usize>> = (0..len).map(|c| (0..12).map(|row| row * len + c).collect()).collect();
    for graded in [vec![true, true, true], vec![true, false, false], vec![false, true, true]] {
        let mut case = Case::new(&[&[3, 4, len], &[len], &[len]]);
        case.graded = graded;
        let op = FusedOp::BatchNorm { epsilon: EPSILON, scale: true, offset: true };
        check(&op, &case, |inputs| {
            let (x, mean, variance) = normalize(&inputs[0], &sets, EPSILON, true);
            vec![affine(x, &inputs[1], Some(&inputs[2])), mean, variance]
        });
    }
}

#[test]
fn groups_of_channels() {
    let (len, groups, rows, images) = (6, 2, 4, 3);
    let mut sets = Vec::new();
    for image in 0..images {
        for group in 0..groups {
            let set = (0..rows).flat_map(|row| (0..3).map(move |c| (image * rows + row) * len + group * 3 + c));
            sets.push(set.collect::<Vec<_>>());
        }
    }
    let op = FusedOp::GroupNorm { groups, epsilon: EPSILON, scale: true, offset: true };
    check(&op, &Case::new(&[&[images, 2, 2, len], &[len], &[len]]), |inputs| {
        vec![affine(normalize(&inputs[0], &sets, EPSILON, true).0, &inputs[1], Some(&inputs[2]))]
    });
}
